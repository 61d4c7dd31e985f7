"""What a word is, how often it occurs, and in which order."""

import pytest
import reference
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st


@pytest.mark.criterion("counting", points=3)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("don't", ["1 don't"]),
        ("well-known", ["1 well-known"]),
        ("'tis end- -x-", ["1 end", "1 tis", "1 x"]),
        ("wait--what it''s", ["1 it", "1 s", "1 wait", "1 what"]),
        ("rock-'n'-roll", ["1 n", "1 rock", "1 roll"]),
        ("mother-in-law's", ["1 mother-in-law's"]),
        ("snake_case 3.14 4x4", ["1 14", "1 3", "1 4x4", "1 case", "1 snake"]),
    ],
    ids=["apostrophe", "hyphen", "edges", "doubled", "mixed", "several", "digits"],
)
def test_where_words_begin_and_end(program, text, expected):
    assert program(stdin=text).stdout.splitlines() == expected


@pytest.mark.criterion("counting", points=2)
def test_equally_frequent_words_are_sorted(program):
    done = program(stdin="pear fig apple Zoe fig pear 10 9")
    assert done.stdout.splitlines() == ["2 fig", "2 pear", "1 10", "1 9", "1 Zoe", "1 apple"]


@pytest.mark.criterion("counting", points=2)
def test_letters_of_other_alphabets(program):
    done = program(stdin="Ærø über naïve über Ωμέγα 東京")
    assert done.stdout.splitlines() == ["2 über", "1 naïve", "1 Ærø", "1 Ωμέγα", "1 東京"]


@pytest.mark.criterion("counting", points=1)
def test_case_matters_unless_told_otherwise(program):
    assert program(stdin="Sea sea SEA").stdout.splitlines() == ["1 SEA", "1 Sea", "1 sea"]


@pytest.mark.criterion("counting", points=2)
def test_ignoring_case(program):
    done = program("--ignore-case", stdin="Sea sea SEA Ärger ärger")
    assert done.stdout.splitlines() == ["3 sea", "2 ärger"]


@pytest.mark.criterion("counting", points=1)
def test_more_than_nine_is_more_than_nine(program):
    done = program(stdin="b " * 100 + "a " * 20 + "c " * 3)
    assert done.stdout.splitlines() == ["100 b", "20 a", "3 c"]


text = st.text(alphabet="aAbB'- .,\n9ßéñ_", max_size=40)


@pytest.mark.criterion("counting", points=3)
@settings(
    max_examples=8,
    phases=[Phase.generate],  # each example starts a program: shrinking would take minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(text)
def test_any_text_is_counted_as_defined(program, text):
    assert program(stdin=text).stdout.splitlines() == reference.lines(text)
