"""Files, standard input, and how options combine with them."""

import pytest

FILES = {"a.txt": "red blue red", "b.txt": "blue green", "deep/c.txt": "green green"}


@pytest.mark.criterion("input", points=2)
def test_several_files_are_counted_together(program):
    done = program("a.txt", "b.txt", "deep/c.txt", files=FILES)
    assert done.stdout.splitlines() == ["3 green", "2 blue", "2 red"]


@pytest.mark.criterion("input", points=1)
def test_files_end_words(program):
    done = program("a", "b", files={"a": "half", "b": "moon"})
    assert done.stdout.splitlines() == ["1 half", "1 moon"]


@pytest.mark.criterion("input", points=2)
def test_dash_is_standard_input_among_files(program):
    done = program("a.txt", "-", stdin="blue blue", files=FILES)
    assert done.stdout.splitlines() == ["3 blue", "2 red"]


@pytest.mark.criterion("input", points=1)
def test_standard_input_is_not_read_where_files_are_given(program):
    done = program("a.txt", stdin="violet", files=FILES)
    assert done.stdout.splitlines() == ["2 red", "1 blue"]


@pytest.mark.criterion("input", points=2)
@pytest.mark.parametrize(
    ("number", "expected"), [("0", []), ("1", ["2 red"]), ("2", ["2 red", "1 blue"]), ("99", ["2 red", "1 blue"])]
)
def test_top_prints_the_first_lines(program, number, expected):
    done = program("--top", number, "a.txt", files=FILES)
    assert done.returncode == 0
    assert done.stdout.splitlines() == expected


@pytest.mark.criterion("input", points=1)
def test_options_work_together(program):
    done = program("--ignore-case", "--top", "1", "x", files={"x": "Go go stop"})
    assert done.stdout.splitlines() == ["2 go"]


@pytest.mark.criterion("input", points=2)
def test_bytes_that_are_no_text_end_words(program):
    done = program("x", files={"x": b"caf\xe9 na\xffive ok"})
    assert done.returncode == 0
    assert done.stdout.splitlines() == ["1 caf", "1 ive", "1 na", "1 ok"]
