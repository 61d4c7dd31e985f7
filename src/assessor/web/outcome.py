"""The outcome: feedback as a result page shows it.

Comes in: the `Feedback` that the task's policy lets the learner see, and the rubric. Goes out: rows. Nothing
is read beside these two, so that the page can tell no more than the command line does.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from assessor.report import Counts, Feedback, TestFeedback, percent
from assessor.rubric import Level, Rubric, ScoredBy

#: The longest line of a message that is taken apart, characters.
SAID = 500

#: Why a test failed, for a person.
REASONS = {
    "assertion": "a wrong result",
    "error": "an error",
    "timeout": "out of time",
    "memory": "out of memory",
    "processes": "too many processes",
    "output": "too much output",
    "disk": "too much written to disk",
    "crash": "it crashed",
    "protocol": "it broke the rules of the test bridge",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One criterion.

    Attributes:
        title, description: the rubric's.
        width: 0 to 100 for the bar.
        reached: what was reached, in words.
        share: what it adds to the whole, in words.
        level: title of the level reached, or empty.
        next: what the next level takes, in words, or empty.
        gate: the percent without which nothing passes, where it was missed, else None.
        counts: tests passed or marks given, or None where the policy tells none or they are open.
        by: what gives the points.
        comment: the reviewer's, or empty.
    """

    title: str
    description: str
    width: int
    reached: str
    share: str
    level: str
    next: str
    gate: int | None
    counts: Counts | None
    by: ScoredBy
    comment: str


@dataclass(frozen=True, kw_only=True)
class Failed:
    """A visible test that failed.

    Attributes:
        test: all that is told of it.
        criterion: title of the criterion that it counts for.
        reason: why, for a person.
        got, expected: both sides of the comparison that did not hold, as the test wrote them; empty where it
            was no such comparison.
    """

    test: TestFeedback
    criterion: str
    reason: str
    got: str
    expected: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A result for its page.

    Attributes:
        told: the feedback.
        rows: one for each criterion, in the rubric's order.
        level: title of the level that the whole reached, or empty.
        next: what the next level of the whole takes, in words, or empty.
        failed: visible tests that failed, in the tests' order.
        passed: names of visible tests that passed.
        needed: what it takes to pass, in words.
    """

    told: Feedback
    rows: tuple[Row, ...]
    level: str
    next: str
    failed: tuple[Failed, ...]
    passed: tuple[str, ...]
    needed: str


def outcome(told: Feedback, rubric: Rubric) -> Outcome:
    """The result for its page."""
    return Outcome(
        told=told,
        rows=_rows(told, rubric),
        level=_title(rubric.levels, told.level),
        next=_next(rubric.levels, told.level, told.total),
        failed=tuple(_failed(test, rubric) for test in told.tests if not test.passed),
        passed=tuple(test.name for test in told.tests if test.passed),
        needed=_needed(rubric),
    )


def _rows(told: Feedback, rubric: Rubric) -> tuple[Row, ...]:
    rows = []
    for one in told.criteria:
        criterion = rubric.criterion(one.criterion_id)
        if criterion is None:
            raise ValueError(f"feedback: expected criteria of rubric {rubric.id}, got {one.criterion_id}")
        fraction = one.fraction
        missed = one.criterion_id in told.gates_missed
        rows.append(
            Row(
                title=criterion.title,
                description=criterion.description,
                width=0 if fraction is None else int(fraction * 100),
                reached="waits for a reviewer" if fraction is None else percent(fraction),
                share=f"up to {criterion.weight} points, open yet"
                if fraction is None
                else f"{float(one.points):.1f} of {criterion.weight} points",
                level=_title(criterion.levels, one.level),
                next=""
                if fraction is None
                else _next(criterion.levels, one.level, fraction, marks=criterion.marks),
                gate=criterion.gate if missed else None,
                counts=None if fraction is None else one.counts,
                by=criterion.scored_by,
                comment=one.comment or "",
            )
        )
    return tuple(rows)


def _title(levels: Sequence[Level], level_id: str | None) -> str:
    return next((level.title for level in levels if level.id == level_id), level_id or "")


def _next(
    levels: Sequence[Level], reached: str | None, fraction: Fraction, *, marks: int | None = None
) -> str:
    """What the level after the one that was reached takes, and how far it is from there.

    Args:
        levels: from the lowest up.
        reached: id of the one that was reached, or None.
        fraction: 0 to 1.
        marks: the most that a reviewer gives, where one does.
    """
    ids = [level.id for level in levels]
    rest = levels[ids.index(reached) + 1 :] if reached in ids else levels
    if not rest:
        return ""
    above = rest[0]
    missing = Fraction(above.threshold, 100) - fraction
    if missing <= 0:
        # The percent is there, a gate is not: said where the gate is.
        return f"“{above.title}” takes {above.threshold} %, and every part that must not be missed"
    takes = f"“{above.title}” takes {above.threshold} %"
    if marks is not None:
        return f"{takes}, which is {math.ceil(Fraction(above.threshold, 100) * marks)} of {marks} marks"
    # Up to the next tenth: with what is told it must be reached.
    return f"{takes}, {percent(Fraction(math.ceil(missing * 1000), 1000))} more than this"


def _needed(rubric: Rubric) -> str:
    gates = [f"{one.gate} % of “{one.title}”" for one in rubric.criteria if one.gate is not None]
    also = f", and at least {' and '.join(gates)}" if gates else ""
    return f"{rubric.pass_from} % of the whole{also}"


def _failed(test: TestFeedback, rubric: Rubric) -> Failed:
    got, expected = sides(test.message)
    criterion = rubric.criterion(test.criterion_id)
    return Failed(
        test=test,
        criterion="" if criterion is None else criterion.title,
        reason=REASONS.get(test.reason or "", test.reason or ""),
        got=got,
        expected=expected,
    )


def sides(message: str) -> tuple[str, str]:
    """What came and what was expected, of a message `assert CAME == EXPECTED`; empty where it is no such."""
    line = message.split("\n", 1)[0].removeprefix("AssertionError: ").strip()
    if not line.startswith("assert ") or len(line) > SAID:
        return "", ""
    try:
        found = ast.parse(line.removeprefix("assert "), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "", ""  # reprs of objects are no Python: the message tells it by itself
    if not isinstance(found, ast.Compare) or len(found.ops) != 1 or not isinstance(found.ops[0], ast.Eq):
        return "", ""
    text = line.removeprefix("assert ")
    got = ast.get_source_segment(text, found.left)
    expected = ast.get_source_segment(text, found.comparators[0])
    return got or "", expected or ""
