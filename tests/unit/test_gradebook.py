"""A gradebook's CSV: what was put in comes out again, and no cell is one that a spreadsheet reckons with."""

from __future__ import annotations

import csv
import io
import unicodedata
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assessor import gradebook
from assessor.rows.cohorts import Assignment, Counts
from assessor.rows.grades import Grade
from assessor.rows.users import Role, User
from assessor.waiting import Class
from tests.people import NOW


def grade(name: str = "Ada", email: str = "ada@example.org", **values: object) -> Grade:
    user = User(
        id="ada",
        email=email,
        name=name,
        roles=frozenset({Role.LEARNER}),
        learner_id="l",
        active=True,
        created_at=NOW,
        signed_in_at=None,
    )
    blank = {
        "attempt_id": None,
        "verdict": None,
        "score": None,
        "submitted_at": None,
        "late": False,
        "tries": 0,
        "waiting": 0,
    }
    return Grade(user=user, **(blank | values))  # type: ignore[arg-type]


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def test_gradebook_has_a_line_for_each_learner() -> None:
    done = grade(
        attempt_id="a1", verdict="passed", score=Fraction(2, 3), submitted_at=NOW, late=True, tries=2
    )
    text = gradebook.as_csv([done, grade("Ben", "ben@example.org", waiting=1)])
    assert rows(text) == [
        list(gradebook.COLUMNS),
        ["Ada", "ada@example.org", "passed", "66.66", "2026-03-01T12:00:00+00:00", "late", "2", "0", "a1"],
        ["Ben", "ben@example.org", "", "", "", "", "0", "1", ""],
    ]
    assert text.endswith("\r\n")


@pytest.mark.parametrize(
    ("score", "shown"),
    [
        (Fraction(0), "0.00"),
        (Fraction(1), "100.00"),
        (Fraction(1, 3), "33.33"),
        (Fraction(99_999, 100_000), "99.99"),
    ],
)
def test_score_is_rounded_down(score: Fraction, shown: str) -> None:
    assert gradebook.percent(score) == shown


@pytest.mark.parametrize(
    "text",
    [
        '=HYPERLINK("http://x","y")',
        "+1+1",
        "-2+3",
        "@SUM(1)",
        "\t=1",
        "\r=1",
        "\n=1",
        " =1",
        "\N{NO-BREAK SPACE}=1",
        "\N{FULLWIDTH EQUALS SIGN}1",
        "\N{FULLWIDTH PLUS SIGN}1",
        "\N{FULLWIDTH HYPHEN-MINUS}1",
        "\N{FULLWIDTH COMMERCIAL AT}SUM(1)",
        "\N{SMALL EQUALS SIGN}1",
        "\N{MINUS SIGN}1",
        "\N{ZERO WIDTH SPACE}=1",
        "\N{RIGHT-TO-LEFT OVERRIDE}=1",
        "\0=1",
        "\N{BYTE ORDER MARK}=1",
        " " * 100 + "=1",
    ],
)
def test_cell_that_a_spreadsheet_might_reckon_with_is_text(text: str) -> None:
    assert gradebook.cell(text) == "'" + text.replace("\0", "")


@pytest.mark.parametrize("text", ["", "Ada", "1-2", "a=b", "'=1", "ada@example.org", "Ærøskøbing", "12.50"])
def test_cell_that_is_text_stays_as_it_is(text: str) -> None:
    assert gradebook.cell(text) == text


#: Text in which what matters is more frequent than chance would have it.
HOSTILE = st.text(
    st.characters(exclude_categories=["Cs"])
    | st.sampled_from("=+-@\t\r\n\0 \";,'|\uff1d\uff0b\uff0d\uff20\u200b\ufeff"),
    max_size=20,
)


@given(st.lists(st.tuples(HOSTILE, HOSTILE), max_size=4))
def test_no_name_breaks_out_of_its_cell_or_begins_a_formula(names: list[tuple[str, str]]) -> None:
    header, *lines = rows(gradebook.as_csv(grade(name, email) for name, email in names))
    assert header == list(gradebook.COLUMNS)
    assert len(lines) == len(names)
    for line, (name, email) in zip(lines, names, strict=True):
        assert len(line) == len(gradebook.COLUMNS)
        for cell, was in zip(line[:2], (name, email), strict=True):
            was = was.replace("\0", "")
            assert cell in (was, "'" + was)
            # Said another way than in the code: what is left once all that does not show is gone.
            seen = "".join(
                one for one in unicodedata.normalize("NFKC", cell) if one.isprintable() and not one.isspace()
            )
            assert seen[:1] not in ("=", "+", "-", "@", "\u2212")
            assert cell[:1] not in ("\t", "\r", "\n")


def test_values_are_exact() -> None:
    assignment = Assignment(
        id="g",
        cohort_id="c",
        task_id="median",
        title=None,
        opens_at=None,
        due_at=NOW,
        queue_class=Class.EXAM,
        counts=Counts.BEST,
    )
    told = gradebook.values(assignment, [grade(name="=1", score=Fraction(2, 3), submitted_at=NOW)])
    assert told["due_at"] == "2026-03-01T12:00:00+00:00"
    assert told["grades"][0]["score"] == [2, 3]
    assert told["grades"][0]["name"] == "=1"  # a program is told what it is
