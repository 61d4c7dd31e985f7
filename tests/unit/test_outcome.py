"""A result as its page shows it: no more than the feedback holds, and what the next level takes."""

from __future__ import annotations

from fractions import Fraction

import pytest

from assessor import report, rubric, scoring
from assessor.results import TestResult
from assessor.sandbox.protocol import Reason
from assessor.task import Feedback, Policy
from assessor.web import outcome

RUBRIC = rubric.load(
    b"""id: r
version: "1.0"
title: R
criteria:
  - id: right
    title: Right
    weight: 70
    scored_by: tests
    gate: 50
    levels: [{id: some, title: Some, from: 30}, {id: all, title: All of it, from: 90}]
  - id: clear
    title: Clear
    weight: 30
    scored_by: review
    marks: 3
    levels: [{id: well, title: Well said, from: 50}]
default: right
levels: [{id: pass, title: Pass, from: 60}, {id: top, title: Top, from: 95}]
pass: {from: 60}
""",
    rubric_id="r",
)


def result(position: int, *, passed: bool, visible: bool = False, message: str = "") -> TestResult:
    return TestResult(
        position=position,
        id=f"test_a.py::test_{position}",
        group=f"test_a.py::test_{position}",
        criterion="right",
        points=Fraction(1),
        visible=visible,
        passed=passed,
        reason=None if passed else Reason.ASSERTION,
        message=message,
    )


def shown(
    *results: TestResult, marks: int | None = None, visible: Feedback = Feedback.FULL
) -> outcome.Outcome:
    given = (
        ()
        if marks is None
        else (scoring.Mark(criterion="clear", marks=marks, reviewer="r", comment="Good."),)
    )
    assessment = scoring.score(RUBRIC, results, given)
    policy = Policy(tries=1, cooldown_s=0, visible=visible, hidden=Feedback.COUNTS)
    return outcome.outcome(report.feedback(policy, results, assessment, given), RUBRIC)


def test_next_level_is_the_one_above_what_was_reached() -> None:
    found = shown(result(1, passed=True), result(2, passed=False), marks=3)
    right, clear = found.rows
    assert (right.reached, right.level, right.next) == (
        "50 %",
        "Some",
        "“All of it” takes 90 %, 40 % more than this",
    )
    assert (clear.reached, clear.level, clear.next, clear.comment) == ("100 %", "Well said", "", "Good.")
    assert (found.level, found.next) == ("Pass", "“Top” takes 95 %, 30 % more than this")


def test_what_is_missing_is_rounded_up_and_told_in_marks_where_a_reviewer_gives_them() -> None:
    right, clear = shown(
        result(1, passed=True), result(2, passed=False), result(3, passed=False), marks=1
    ).rows
    assert right.reached == "33.3 %"
    assert right.next == "“All of it” takes 90 %, 56.7 % more than this"
    assert clear.reached == "33.3 %"
    assert clear.next == "“Well said” takes 50 %, which is 2 of 3 marks"


def test_highest_level_has_none_above_it() -> None:
    found = shown(result(1, passed=True), marks=3)
    assert (found.rows[0].next, found.next) == ("", "")


def test_gate_that_was_missed_is_told() -> None:
    found = shown(result(1, passed=False), result(2, passed=False), result(3, passed=True), marks=3)
    assert [row.gate for row in found.rows] == [50, None]


def test_test_that_failed_says_what_it_counts_for() -> None:
    (failed,) = shown(result(1, passed=False, visible=True)).failed
    assert failed.criterion == "Right"


def test_open_review_is_no_zero() -> None:
    found = shown(result(1, passed=True))
    assert (found.rows[1].reached, found.rows[1].next) == ("waits for a reviewer", "")
    assert (found.rows[1].share, found.rows[1].counts) == ("up to 30 points, open yet", None)
    assert found.needed == "60 % of the whole, and at least 50 % of “Right”"


def test_tests_that_the_policy_keeps_back_are_not_shown() -> None:
    found = shown(result(1, passed=False, visible=True), result(2, passed=False), visible=Feedback.COUNTS)
    assert (found.failed, found.passed) == ((), ())


@pytest.mark.parametrize(
    ("message", "sides"),
    [
        ("AssertionError: assert 2 == 3\n +  where 2 = f(1)", ("2", "3")),
        ("assert [1, '=='] == [1, 2]", ("[1, '==']", "[1, 2]")),
        ("assert 'a == b' == 'c'", ("'a == b'", "'c'")),
        ("assert 1 != 1", ("", "")),
        ("assert 1 == 2 == 3", ("", "")),
        ("assert <object at 0x1> == 3", ("", "")),
        ("ValueError: assert 1 == 2", ("", "")),
        ("assert " + "(" * 400 + " == 1", ("", "")),
        ("assert " + "-" * 480 + "1 == 2", ("-" * 480 + "1", "2")),
        ("assert 'a\0' == 1", ("", "")),
        ("assert " + "1" * 600 + " == 2", ("", "")),
        ("", ("", "")),
    ],
)
def test_both_sides_of_a_comparison_are_taken_from_the_message(message: str, sides: tuple[str, str]) -> None:
    found = outcome.sides(message)
    assert found in (sides, ("", "")) if "---" in message else found == sides
