"""The program at its simplest."""

import pytest

pytestmark = pytest.mark.visible


@pytest.mark.criterion("counting", points=2)
def test_counts_and_puts_in_order(program):
    done = program(stdin="the sea the sea the land\n")
    assert done.stdout.splitlines() == ["3 the", "2 sea", "1 land"]


@pytest.mark.criterion("input", points=1)
def test_reads_a_file(program):
    done = program("a.txt", files={"a.txt": "one two one"})
    assert done.stdout.splitlines() == ["2 one", "1 two"]


@pytest.mark.criterion("manners", points=1)
def test_a_wrong_option_is_a_mistake_in_use(program):
    done = program("--colour")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr != ""
