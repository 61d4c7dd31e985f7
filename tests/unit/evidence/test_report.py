"""What the learner may see, and what stays private."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assessor import report, scoring
from assessor.sandbox.protocol import Reason
from assessor.task import Feedback, Policy

LEAKS = ("M3SSAGE", "D3TAIL", "OUTPU7", "EX4MPLE", "timeout", "987654")


def policy(visible: Feedback = Feedback.FULL, hidden: Feedback = Feedback.COUNTS) -> Policy:
    return Policy(tries=10, cooldown_s=0, visible=visible, hidden=hidden)


@pytest.fixture(scope="module")
def judged(make, frozen):
    """A visible and a hidden test failed, both full of text; the rest passed."""
    tests = tuple(
        one
        if one.passed
        else replace(
            one,
            message=f"M3SSAGE of {one.id}",
            detail="D3TAIL",
            output="OUTPU7",
            example="EX4MPLE",
            duration_ms=987654,
        )
        for one in make.results({1: Reason.ASSERTION, 3: Reason.TIMEOUT})
    )
    marks = [replace(make.marks()[0], reviewer="Ada", comment="Good names.")]
    return tests, scoring.score(frozen.rubric, tests, marks), marks


def tell(judged, told: Policy) -> report.Feedback:
    tests, assessment, marks = judged
    return report.feedback(told, tests, assessment, marks)


def test_visible_tests_are_told_in_full_and_hidden_ones_counted(judged):
    said = tell(judged, policy())
    assert [(one.name, one.reason) for one in said.tests] == [("test_median.py::test_odd", "assertion")]
    assert said.tests[0].message == "M3SSAGE of test_median.py::test_odd"
    assert (said.visible, said.hidden) == (
        report.Counts(passed=0, total=1),
        report.Counts(passed=5, total=6),
    )
    assert said.criteria[0].counts == report.Counts(passed=3, total=5)
    assert (said.criteria[2].comment, said.criteria[2].counts) == (
        "Good names.",
        report.Counts(passed=3, total=4),
    )


@pytest.mark.parametrize("visible", Feedback)
@pytest.mark.parametrize("hidden", Feedback)
def test_hidden_test_never_shows_in_feedback_whatever_the_policy(judged, frozen, visible, hidden):
    tests = tuple(
        replace(one, message="", detail="", output="", example=None, reason=Reason.ASSERTION, duration_ms=0)
        if one.visible
        else one
        for one in judged[0]
    )
    text = json.dumps(tell((tests, *judged[1:]), policy(visible, hidden)).dump())
    hidden_ids = [test.id for test in frozen.manifest.tests if not test.visible]
    assert [one for one in (*LEAKS, *hidden_ids, "Ada") if one in text] == []


def test_counts_of_visible_tests_tell_no_text(judged):
    said = tell(judged, policy(visible=Feedback.COUNTS))
    assert said.tests == ()
    assert said.visible == report.Counts(passed=0, total=1)


def test_policy_that_tells_nothing_of_hidden_tests_tells_no_counts_that_hold_them(judged):
    said = tell(judged, policy(hidden=Feedback.NONE))
    assert said.hidden is None
    assert [one.counts for one in said.criteria] == [None, None, report.Counts(passed=3, total=4)]
    assert said.total == judged[1].total


def test_private_report_holds_everything(judged, frozen):
    tests, assessment, marks = judged
    said = json.loads(
        report.private(
            frozen=frozen,
            results=tests,
            assessment=assessment,
            marks=marks,
            problems=["test_x.py: SyntaxError"],
        )
    )
    assert said["task"]["title"] == "Median"
    assert [one["id"] for one in said["tests"]] == [test.id for test in frozen.manifest.tests]
    assert said["tests"][2]["message"] == "M3SSAGE of test_median.py::test_even[2]"
    assert (said["tests"][2]["reason"], said["tests"][2]["points"]) == ("timeout", [1, 3])
    assert said["assessment"]["verdict"] == assessment.verdict.value
    assert said["marks"][0]["reviewer"] == "Ada"
    assert said["problems"] == ["test_x.py: SyntaxError"]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain\n\ttext é 漢 🙂", "plain\n\ttext é 漢 🙂"),
        ("\x1b[31mred", "[U+001B][31mred"),
        ("a\u202eb", "a[U+202E]b"),
        ("a\u200bb\ufeff", "a[U+200B]b[U+FEFF]"),
        ("a\rb\x00\x7f\x9b", "a[U+000D]b[U+0000][U+007F][U+009B]"),
        ("\ud800\u2028\u3164", "[U+D800][U+2028][U+3164]"),
        ("\U000e0041", "[U+E0041]"),
    ],
)
def test_text_that_hides_or_moves_is_made_visible(text, seen):
    assert report.shown(text) == seen


@given(st.text())
def test_shown_text_can_be_printed_and_is_shown_as_it_is(text):
    seen = report.shown(text)
    seen.encode()
    assert all(one.isprintable() or one in "\n\t" or one.isspace() for one in seen)
    assert report.shown(seen) == seen


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (Fraction(599, 1000), "59.9 %"),
        (Fraction(5999, 10000), "59.9 %"),
        (Fraction(6, 10), "60 %"),
        (Fraction(2, 3), "66.6 %"),
        (Fraction(0), "0 %"),
        (Fraction(1), "100 %"),
    ],
)
def test_percent_is_never_rounded_up(fraction, text):
    assert report.percent(fraction) == text
