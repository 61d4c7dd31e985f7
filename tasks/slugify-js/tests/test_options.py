"""Separators, lengths, and what is refused."""

import pytest


@pytest.mark.criterion("options", points=2)
@pytest.mark.parametrize("separator", ["-", "_", "."])
def test_separators(program, separator):
    done = program("--separator", separator, stdin="Two - words_here.\n")
    assert done.stdout == separator.join(["two", "words", "here"]) + "\n"


@pytest.mark.criterion("options", points=4)
@pytest.mark.parametrize(
    ("number", "slug"),
    [
        ("100", "one-three-eleven"),
        ("16", "one-three-eleven"),
        ("15", "one-three"),
        ("9", "one-three"),
        ("8", "one"),
        ("3", "one"),
        ("2", "on"),
        ("1", "o"),
    ],
)
def test_long_slugs_lose_whole_words(program, number, slug):
    assert program("--max", number, stdin="One three eleven\n").stdout == slug + "\n"


@pytest.mark.criterion("options", points=1)
def test_untitled_is_cut_as_well(program):
    assert program("--max", "5", stdin="!\n").stdout == "untit\n"


@pytest.mark.criterion("options", points=1)
def test_options_work_together(program):
    done = program("--max", "7", "--separator", ".", stdin="ab cd ef gh\nStraßen\n")
    assert done.stdout.splitlines() == ["ab.cd", "strasse"]


@pytest.mark.criterion("options", points=2)
@pytest.mark.parametrize(
    "arguments",
    [
        ["--separator", "+"],
        ["--separator", ""],
        ["--separator"],
        ["--max", "0"],
        ["--max", "-3"],
        ["--max", "2.5"],
        ["--max", "many"],
        ["--max"],
        ["--upper"],
        ["file.txt"],
    ],
    ids=["plus", "empty", "no-separator", "zero", "minus", "fraction", "word", "no-max", "unknown", "file"],
)
def test_mistakes_in_use(program, arguments):
    done = program(*arguments, stdin="Text\n")
    assert (done.stdout, done.returncode) == ("", 2)
    assert done.stderr.strip()
