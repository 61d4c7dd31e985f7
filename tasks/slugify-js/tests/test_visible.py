"""The examples of the brief."""

import pytest

pytestmark = pytest.mark.visible


@pytest.mark.criterion("slugs", points=2)
def test_the_first_example(program):
    done = program(stdin="Crème brûlée: 10 easy steps!\n")
    assert (done.stdout, done.returncode) == ("creme-brulee-10-easy-steps\n", 0)


@pytest.mark.criterion("languages", points=1)
def test_a_letter_that_english_lacks(program):
    assert program(stdin="Straße\n").stdout == "strasse\n"


@pytest.mark.criterion("options", points=1)
def test_another_separator(program):
    assert program("--separator", "_", stdin="Two words\n").stdout == "two_words\n"
