"""Reports: all that is known of an attempt, and the part of it that its learner may see.

Comes in: results, the assessment, marks. Goes out: the private attempt report as JSON for those who run the
system, and `Feedback` for the learner, cut to the task's policy. Of hidden tests feedback holds counts at
most: no name, no reason, no message, no output, no duration, since each of them can carry a hidden input out.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from assessor import task
from assessor.catalog import Frozen
from assessor.inspection import CheckResult, Finding
from assessor.results import TestResult
from assessor.scoring import Assessment, CriterionScore, Mark
from assessor.task import Policy

MEDIA_TYPE = "application/vnd.assessor.report+json"

#: Letters by their category that print as nothing at all.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0\u034f")


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many tests passed, of how many."""

    passed: int
    total: int


@dataclass(frozen=True, kw_only=True)
class CriterionFeedback:
    """What the learner is told of one criterion.

    Attributes:
        criterion_id: id in the rubric.
        fraction: 0 to 1, or None while its review is open.
        points: what it adds to the total, 0 to its weight.
        level: id of the level reached, or None.
        counts: tests passed or marks given, or None where the policy tells no counts of hidden tests.
        comment: the reviewer's, or None.
    """

    criterion_id: str
    fraction: Fraction | None
    points: Fraction
    level: str | None
    counts: Counts | None
    comment: str | None


@dataclass(frozen=True, kw_only=True)
class TestFeedback:
    """What the learner is told of one visible test."""

    __test__ = False

    name: str
    criterion_id: str
    passed: bool
    reason: str | None
    message: str
    detail: str
    output: str
    example: str | None


@dataclass(frozen=True, kw_only=True)
class CheckFeedback:
    """What the learner is told of one static check: all, since it looked at nothing but their own files.

    Attributes:
        criterion_id: the criterion that it feeds.
        title: what it looks for.
        passed: whether it holds.
        reason: why not, or None.
        findings: where, and what to do there; empty where it holds.
        more: how many more there are.
    """

    criterion_id: str
    title: str
    passed: bool
    reason: str | None
    findings: tuple[Finding, ...]
    more: int


@dataclass(frozen=True, kw_only=True)
class Feedback:
    """What the learner may see of a judged attempt.

    Attributes:
        verdict: passed, failed or awaiting review.
        total: 0 to 1.
        level: id of the level reached, or None.
        gates_missed: ids of criteria below their gate.
        criteria: in the rubric's order.
        tests: the visible tests where the policy tells them in full, else empty.
        visible: counts of visible tests, or None where the policy tells none.
        hidden: counts of hidden tests, or None where the policy tells none.
        checks: static checks, in the rubric's order.
    """

    verdict: str
    total: Fraction
    level: str | None
    gates_missed: tuple[str, ...]
    criteria: tuple[CriterionFeedback, ...]
    tests: tuple[TestFeedback, ...]
    visible: Counts | None
    hidden: Counts | None
    checks: tuple[CheckFeedback, ...] = ()

    def dump(self) -> dict[str, Any]:
        """The same as JSON values; fractions are `[numerator, denominator]`."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def feedback(
    policy: Policy,
    results: Sequence[TestResult],
    assessment: Assessment,
    marks: Sequence[Mark] = (),
    checks: Sequence[CheckResult] = (),
) -> Feedback:
    """What the learner may see, by the task's policy; hidden tests are never told in full."""
    visible = [result for result in results if result.visible]
    hidden = [result for result in results if not result.visible]
    comments = {mark.criterion: mark.comment for mark in marks if mark.comment}
    untold = {
        result.criterion
        for tests, told in ((visible, policy.visible), (hidden, policy.hidden))
        if told is task.Feedback.NONE
        for result in tests
    }
    return Feedback(
        verdict=assessment.verdict.value,
        total=assessment.total,
        level=assessment.level,
        gates_missed=assessment.gates_missed,
        criteria=tuple(
            _criterion(one, comments.get(one.criterion_id), counted=one.criterion_id not in untold)
            for one in assessment.criteria
        ),
        tests=tuple(_test(result) for result in visible) if policy.visible is task.Feedback.FULL else (),
        visible=None if policy.visible is task.Feedback.NONE else _counts(visible),
        hidden=None if policy.hidden is task.Feedback.NONE else _counts(hidden),
        checks=tuple(map(_check, checks)),
    )


def private(
    *,
    frozen: Frozen,
    results: Sequence[TestResult],
    assessment: Assessment,
    marks: Sequence[Mark] = (),
    problems: Sequence[str] = (),
    checks: Sequence[CheckResult] = (),
) -> bytes:
    """The private attempt report, JSON: test ids, messages, outputs and all.

    Args:
        frozen: the task that it was judged by.
        results: one for each test of the manifest.
        assessment: what they come to.
        marks: what reviewers gave, by name.
        problems: why test files could not be collected, from `results.problems`.
        checks: what static checks found.
    """
    whole = {
        "media_type": MEDIA_TYPE,
        "schema_version": 1,
        "task": {"id": frozen.task.id, "version": frozen.task.version, "title": frozen.task.title},
        "assessment": asdict(assessment),
        "tests": [asdict(result) for result in results],
        "marks": [asdict(mark) for mark in marks],
        "problems": list(problems),
        "checks": [asdict(check) for check in checks],
    }
    # Not indented: that takes the encoder written in Python, ten times as long as the one in C.
    return json.dumps(whole, sort_keys=True, default=_ratio).encode() + b"\n"


def shown(text: str) -> str:
    """The text with every character that hides, moves or reorders other text written as `[U+202E]`.

    For anything that a learner wrote, before it meets a person's screen: control characters (escape
    sequences of terminals among them), bidirectional overrides, zero-width and blank ones, surrogates. Line
    feeds and tabs stay.
    """
    if text.isascii() and text.isprintable():
        return text  # nearly all text, at once
    return "".join(f"[U+{ord(one):04X}]" if _hides(one) else one for one in text)


def line(text: str) -> str:
    """The same in one line: text that begins lines of its own could write what the program says."""
    return shown(text).replace("\n", "[U+000A]")


def percent(fraction: Fraction) -> str:
    """The fraction in percent, to one place, cut and never rounded up: 599/1000 is not 60 %."""
    tenths = fraction * 1000 // 1
    whole, rest = divmod(tenths, 10)
    return f"{whole}.{rest} %" if rest else f"{whole} %"


def _hides(one: str) -> bool:
    if one in "\n\t":
        return False
    return one in _BLANK or unicodedata.category(one) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def _criterion(one: CriterionScore, comment: str | None, *, counted: bool) -> CriterionFeedback:
    return CriterionFeedback(
        criterion_id=one.criterion_id,
        fraction=one.fraction,
        points=one.points,
        level=one.level,
        counts=Counts(passed=one.passed, total=one.total) if counted else None,
        comment=comment,
    )


def _test(result: TestResult) -> TestFeedback:
    return TestFeedback(
        name=result.id,
        criterion_id=result.criterion,
        passed=result.passed,
        reason=None if result.reason is None else result.reason.value,
        message=result.message,
        detail=result.detail,
        output=result.output,
        example=result.example,
    )


def _check(result: CheckResult) -> CheckFeedback:
    return CheckFeedback(
        criterion_id=result.criterion,
        title=result.title,
        passed=result.passed,
        reason=None if result.reason is None else result.reason.value,
        findings=() if result.passed else result.findings,
        more=0 if result.passed else result.more,
    )


def _counts(results: Sequence[TestResult]) -> Counts:
    return Counts(passed=sum(result.passed for result in results), total=len(results))


def _ratio(value: object) -> list[int]:
    if isinstance(value, Fraction):
        return [value.numerator, value.denominator]
    raise TypeError(f"report: expected JSON values and fractions, got {type(value).__name__}")


def _plain(value: Any) -> Any:
    if isinstance(value, Fraction):
        return [value.numerator, value.denominator]
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
