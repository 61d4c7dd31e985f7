"""Scoring: results, static checks and reviewers' marks become points, levels and a verdict.

Comes in: the rubric, results, marks, checks. Goes out: one `Assessment`. Pure and exact (fractions, never
floats), so that a stored run can be scored again by tomorrow's code. One more test or check passed, or one
more mark given, never lowers a score, a level or a verdict; the order of results and of criteria never
matters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from assessor.errors import ManifestStale, MarkInvalid
from assessor.inspection import CheckResult
from assessor.results import TestResult
from assessor.rubric import Criterion, Level, Rubric, ScoredBy


class Verdict(StrEnum):
    """What the whole comes to."""

    PASSED = "passed"  #: the award rule and all gates hold
    FAILED = "failed"  #: they do not
    AWAITING_REVIEW = "awaiting review"  #: a reviewer has yet to give marks
    UNJUDGED = "unjudged"  #: our fault; nothing was scored and no try is used


class GivenBy(StrEnum):
    """Who or what gave a criterion's points."""

    TESTS = "tests"
    REVIEW = "review"
    STATIC = "static"


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What a reviewer gave for one criterion.

    Attributes:
        criterion: id of a criterion that is scored by review.
        marks: 0 up to the criterion's `marks`.
        reviewer: name, or a commitment to it where evidence is made.
        comment: for the learner; never in evidence.
    """

    criterion: str
    marks: int
    reviewer: str
    comment: str = ""


@dataclass(frozen=True, kw_only=True)
class CriterionScore:
    """What one criterion comes to.

    Attributes:
        criterion_id: id in the rubric.
        fraction: 0 to 1 of the criterion, or None while its review is open.
        level: id of the highest level reached, or None.
        passed: tests or checks passed, or marks given.
        total: tests or checks there are, or marks that could be given.
        given_by: tests, review or static.
        points: what it adds to the total, 0 to the criterion's weight.
    """

    criterion_id: str
    fraction: Fraction | None
    level: str | None
    passed: int
    total: int
    given_by: GivenBy
    points: Fraction


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """What a judged attempt comes to.

    Attributes:
        criteria: one score for each criterion, in the rubric's order.
        total: 0 to 1; a criterion whose review is open counts 0.
        level: id of the highest level reached by the whole, or None. A level from the passing mark up is
            reached only when all gates hold, so that no failed work carries one.
        verdict: passed, failed or awaiting review; never unjudged.
        gates_missed: ids of the criteria below their gate, in the rubric's order.
    """

    criteria: tuple[CriterionScore, ...]
    total: Fraction
    level: str | None
    verdict: Verdict
    gates_missed: tuple[str, ...]


def score(
    rubric: Rubric,
    results: Sequence[TestResult],
    marks: Sequence[Mark] = (),
    checks: Sequence[CheckResult] = (),
) -> Assessment:
    """The assessment of these results, marks and checks; of two marks for one criterion the last counts.

    Raises:
        MarkInvalid: a mark is for no criterion scored by review, or out of its range.
        ManifestStale: a result feeds a criterion that the rubric does not score by tests, or one of those
            is fed by no points at all; or the checks are not the rubric's own, each once.
    """
    _require_own(rubric, checks)
    given = _marks(rubric, marks)
    fed = {criterion.id for criterion in rubric.criteria if criterion.scored_by is ScoredBy.TESTS}
    for result in results:
        if result.criterion not in fed:
            raise ManifestStale(
                f"rubric {rubric.id}: expected tests to feed one of {', '.join(sorted(fed)) or 'none'}, "
                f"got {result.criterion!r} from test {result.position}"
            )
    criteria = tuple(
        _by_tests(rubric, criterion, results)
        if criterion.scored_by is ScoredBy.TESTS
        else _by_checks(criterion, checks)
        if criterion.scored_by is ScoredBy.STATIC
        else _by_review(criterion, given.get(criterion.id))
        for criterion in rubric.criteria
    )
    total = sum((one.points for one in criteria), Fraction(0)) / 100
    gates_missed = tuple(
        criterion.id
        for criterion, one in zip(rubric.criteria, criteria, strict=True)
        if criterion.gate is not None and (one.fraction or 0) * 100 < criterion.gate
    )
    if any(one.fraction is None for one in criteria):
        verdict = Verdict.AWAITING_REVIEW
    elif total * 100 >= rubric.pass_from and not gates_missed:
        verdict = Verdict.PASSED
    else:
        verdict = Verdict.FAILED
    open_to = [level for level in rubric.levels if not gates_missed or level.threshold < rubric.pass_from]
    return Assessment(
        criteria=criteria,
        total=total,
        level=reached(open_to, total),
        verdict=verdict,
        gates_missed=gates_missed,
    )


def reached(levels: Sequence[Level], fraction: Fraction) -> str | None:
    """The id of the highest level whose threshold (percent) the fraction reaches, or None."""
    held = [level for level in levels if fraction * 100 >= level.threshold]
    return max(held, key=lambda level: level.threshold).id if held else None


def _marks(rubric: Rubric, marks: Sequence[Mark]) -> dict[str, Mark]:
    reviewed = {one.id: one.marks for one in rubric.criteria if one.scored_by is ScoredBy.REVIEW}
    given = {}
    for mark in marks:
        most = reviewed.get(mark.criterion)
        if most is None:
            raise MarkInvalid(
                f"rubric {rubric.id}: expected a mark for one of {', '.join(reviewed) or 'no criterion'} "
                f"(scored by review), got {mark.criterion!r}"
            )
        if not 0 <= mark.marks <= most:
            raise MarkInvalid(
                f"rubric {rubric.id}, criterion {mark.criterion}: "
                f"expected 0 to {most} marks, got {mark.marks}"
            )
        given[mark.criterion] = mark
    return given


def _by_tests(rubric: Rubric, criterion: Criterion, results: Sequence[TestResult]) -> CriterionScore:
    feeding = [result for result in results if result.criterion == criterion.id]
    possible = sum((result.points for result in feeding), Fraction(0))
    if possible <= 0:
        # Nothing empty is true: no tests would otherwise be a full or an empty score by accident.
        raise ManifestStale(
            f"rubric {rubric.id}: expected tests that feed criterion {criterion.id!r}, got none with points"
        )
    fraction = sum((result.points for result in feeding if result.passed), Fraction(0)) / possible
    return CriterionScore(
        criterion_id=criterion.id,
        fraction=fraction,
        level=reached(criterion.levels, fraction),
        passed=sum(result.passed for result in feeding),
        total=len(feeding),
        given_by=GivenBy.TESTS,
        points=criterion.weight * fraction,
    )


def _require_own(rubric: Rubric, checks: Sequence[CheckResult]) -> None:
    asked = sorted((one.id, check.id, check.points) for one in rubric.criteria for check in one.checks)
    came = sorted((check.criterion, check.id, check.points) for check in checks)
    if asked != came:
        # Nothing empty is true: a run whose sources nobody looked at would otherwise seem clean, or faulty.
        raise ManifestStale(
            f"rubric {rubric.id}: expected the static checks {_named(asked)}, got {_named(came)}"
        )


def _named(checks: Sequence[tuple[str, str, int]]) -> str:
    return ", ".join(f"{criterion}/{check} ({points})" for criterion, check, points in checks) or "none"


def _by_checks(criterion: Criterion, checks: Sequence[CheckResult]) -> CriterionScore:
    feeding = [check for check in checks if check.criterion == criterion.id]
    fraction = Fraction(
        sum(check.points for check in feeding if check.passed), sum(check.points for check in feeding)
    )
    return CriterionScore(
        criterion_id=criterion.id,
        fraction=fraction,
        level=reached(criterion.levels, fraction),
        passed=sum(check.passed for check in feeding),
        total=len(feeding),
        given_by=GivenBy.STATIC,
        points=criterion.weight * fraction,
    )


def _by_review(criterion: Criterion, mark: Mark | None) -> CriterionScore:
    most = criterion.marks or 0
    fraction = None if mark is None else Fraction(mark.marks, most)
    return CriterionScore(
        criterion_id=criterion.id,
        fraction=fraction,
        level=None if fraction is None else reached(criterion.levels, fraction),
        passed=0 if mark is None else mark.marks,
        total=most,
        given_by=GivenBy.REVIEW,
        points=Fraction(0) if fraction is None else criterion.weight * fraction,
    )
