"""Where things are printed, and what the exit status says."""

import pytest


@pytest.mark.criterion("manners", points=2)
def test_a_missing_file_does_not_stop_the_rest(program):
    done = program("no.txt", "a.txt", files={"a.txt": "red"})
    assert done.stdout == "1 red\n"
    assert done.returncode == 1


@pytest.mark.criterion("manners", points=2)
def test_the_complaint_names_program_and_file(program):
    done = program("no.txt", "a.txt", "nor.txt", files={"a.txt": "red"})
    complaints = done.stderr.splitlines()
    assert [line.startswith("word-count: ") for line in complaints] == [True, True]
    assert "no.txt" in complaints[0]
    assert "nor.txt" in complaints[1]


@pytest.mark.criterion("manners", points=1)
def test_a_folder_is_a_file_that_cannot_be_read(program):
    done = program("deep", "a.txt", files={"deep/x": "", "a.txt": "red"})
    assert (done.stdout, done.returncode) == ("1 red\n", 1)
    assert done.stderr.startswith("word-count: ")


@pytest.mark.criterion("manners", points=2)
@pytest.mark.parametrize(
    "arguments",
    [["--top", "many"], ["--top", "-1"], ["--top", "1.5"], ["--top"], ["--no-such"]],
    ids=["word", "negative", "fraction", "nothing", "unknown"],
)
def test_mistakes_in_use(program, arguments):
    done = program(*arguments, stdin="red")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr != ""


@pytest.mark.criterion("manners", points=1)
@pytest.mark.parametrize("stdin", ["", " \n\t", "-- '' ..."], ids=["empty", "blank", "signs"])
def test_no_words_is_a_result_too(program, stdin):
    done = program("--top", "3", stdin=stdin)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    assert program("--top", "3", stdin=f"{stdin} red").stdout == "1 red\n"


@pytest.mark.criterion("manners", points=1)
def test_success_is_quiet(program):
    done = program(stdin="red")
    assert (done.stdout, done.stderr, done.returncode) == ("1 red\n", "", 0)
