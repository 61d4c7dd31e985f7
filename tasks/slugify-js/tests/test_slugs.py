"""Lines of text become slugs, one each."""

import pytest
import reference
from hypothesis import Phase, given, settings
from hypothesis import strategies as st


@pytest.mark.criterion("slugs", points=4)
@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Hello World", "hello-world"),
        ("  many   blanks\there ", "many-blanks-here"),
        ("don't can’t", "dont-cant"),
        ("a--b__c..d", "a-b-c-d"),
        ("C++ & C#", "c-c"),
        ("(2026) #1", "2026-1"),
        ("snake_case", "snake-case"),
        ("rock 'n' roll", "rock-n-roll"),
    ],
    ids=["words", "blanks", "apostrophes", "signs", "symbols", "edges", "underscore", "quoted"],
)
def test_one_line(program, text, slug):
    assert program(stdin=text + "\n").stdout == slug + "\n"


@pytest.mark.criterion("slugs", points=2)
def test_every_line_gives_one_slug_in_order(program):
    done = program(stdin="B b\n\nA a\n???\nB b\n")
    assert done.stdout.splitlines() == ["b-b", "untitled", "a-a", "untitled", "b-b"]


@pytest.mark.criterion("slugs", points=2)
@pytest.mark.parametrize(
    ("text", "expected"),
    [("", []), ("\n", ["untitled"]), ("one\ntwo", ["one", "two"]), ("one\r\ntwo\r\n", ["one", "two"])],
    ids=["nothing", "empty", "unended", "windows"],
)
def test_where_lines_end(program, text, expected):
    done = program(stdin=text)
    assert (done.stdout.splitlines(), done.returncode) == (expected, 0)
    assert program(stdin=f"first\n{text}").stdout.splitlines() == ["first", *expected]


@pytest.mark.criterion("slugs", points=1)
def test_many_lines(program):
    done = program(stdin="".join(f"Line No. {number}!\n" for number in range(3000)))
    assert done.stdout.splitlines() == [f"line-no-{number}" for number in range(3000)]


lines = st.lists(st.text(alphabet="abXYZ019 -_.'!?éßæ中", max_size=20), min_size=5, max_size=40)


@pytest.mark.criterion("slugs", points=3)
@settings(max_examples=6, phases=[Phase.generate])  # each example starts a program: shrinking would take minutes
@given(lines)
def test_any_lines_become_slugs_as_defined(program, lines):
    done = program(stdin="".join(line + "\n" for line in lines))
    assert done.stdout.splitlines() == [reference.slug(line) for line in lines]
