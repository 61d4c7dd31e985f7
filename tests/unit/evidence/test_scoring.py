"""Scoring: exact, bounded, monotone, order-free."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assessor import scoring
from assessor.errors import ManifestStale, MarkInvalid, exit_code
from assessor.results import TestResult
from assessor.rubric import Criterion, Level, Rubric, ScoredBy
from assessor.sandbox.protocol import Reason
from assessor.scoring import Mark, Verdict

ORDER = [Verdict.FAILED, Verdict.PASSED]


def mark(marks: int, criterion: str = "style") -> Mark:
    return Mark(criterion=criterion, marks=marks, reviewer="r")


def test_points_are_shared_and_exact(make, frozen):
    scored = scoring.score(frozen.rubric, make.results({2: Reason.ASSERTION}), [mark(4)])
    assert scored.criteria[0].fraction == Fraction(11, 12)
    assert scored.criteria[0].points == 55
    assert (scored.criteria[0].passed, scored.criteria[0].total) == (4, 5)
    assert scored.total == Fraction(95, 100)
    assert (scored.level, scored.verdict) == ("distinction", Verdict.PASSED)


def test_levels_are_reached_at_their_threshold_and_not_below():
    levels = [Level(id="a", title="A", threshold=40), Level(id="b", title="B", threshold=80)]
    assert scoring.reached(levels, Fraction(4, 5)) == "b"
    assert scoring.reached(levels, Fraction(799999, 1000000)) == "a"
    assert scoring.reached(levels, Fraction(39, 100)) is None
    assert scoring.reached(levels[::-1], Fraction(1)) == "b"


def test_missed_gate_fails_work_that_has_the_points_and_takes_its_level(make, frozen):
    easy = replace(frozen.rubric, pass_from=30, levels=(*_levels(10, 30),))
    failed = {1: Reason.ASSERTION, 2: Reason.ASSERTION, 5: Reason.ASSERTION}
    scored = scoring.score(easy, make.results(failed), [mark(4)])
    assert scored.total * 100 >= 30
    assert scored.gates_missed == ("correctness",)
    assert (scored.verdict, scored.level) == (Verdict.FAILED, "l10")


def test_open_review_awaits_and_counts_nothing(make, frozen):
    scored = scoring.score(frozen.rubric, make.results())
    assert scored.verdict is Verdict.AWAITING_REVIEW
    assert (scored.total, scored.criteria[2].fraction) == (Fraction(8, 10), None)


def test_of_two_marks_the_last_counts(make, frozen):
    scored = scoring.score(frozen.rubric, make.results(), [mark(0), mark(4)])
    assert scored.criteria[2].fraction == 1
    assert scored.total == 1


@pytest.mark.parametrize(
    ("given_mark", "text"),
    [
        (mark(5), "rubric median, criterion style: expected 0 to 4 marks, got 5"),
        (mark(-1), "rubric median, criterion style: expected 0 to 4 marks, got -1"),
        (
            mark(1, "correctness"),
            "rubric median: expected a mark for one of style (scored by review), got 'correctness'",
        ),
    ],
)
def test_mark_that_cannot_be_given_is_refused(make, frozen, given_mark, text):
    with pytest.raises(MarkInvalid) as caught:
        scoring.score(frozen.rubric, make.results(), [given_mark])
    assert str(caught.value) == text
    assert exit_code(caught.value) == 2


def test_result_for_no_criterion_of_the_rubric_is_refused(make, frozen):
    tests = [replace(one, criterion="style") for one in make.results()]
    with pytest.raises(
        ManifestStale, match="expected tests to feed one of correctness, robustness, got 'style'"
    ):
        scoring.score(frozen.rubric, tests)


def test_criterion_without_tests_is_never_full_marks(make, frozen):
    tests = [one for one in make.results() if one.criterion != "robustness"]
    with pytest.raises(ManifestStale, match="expected tests that feed criterion 'robustness', got none"):
        scoring.score(frozen.rubric, tests)


# Laws, on fewer examples than usual: seven of them share the seconds that unit tests may take.

LAW = settings(max_examples=40)


def _levels(*thresholds: int) -> tuple[Level, ...]:
    return tuple(Level(id=f"l{one}", title="", threshold=one) for one in sorted(set(thresholds)))


@st.composite
def rubrics(draw: st.DrawFn) -> Rubric:
    cuts = sorted(draw(st.sets(st.integers(1, 99), min_size=1, max_size=4)))
    weights = [high - low for low, high in zip([0, *cuts], [*cuts, 100], strict=True)]
    percents = st.integers(1, 100)
    some_levels = st.lists(percents, max_size=3).map(lambda found: _levels(*found))
    criteria = tuple(
        Criterion(
            id=f"c{at}",
            title="",
            description="",
            weight=weight,
            scored_by=ScoredBy.REVIEW if at == 0 and draw(st.booleans()) else ScoredBy.TESTS,
            competency=None,
            gate=draw(st.none() | percents),
            levels=draw(some_levels),
            marks=5,
        )
        for at, weight in enumerate(weights)
    )
    return Rubric(
        id="r",
        version="1",
        title="",
        criteria=criteria,
        default=None,
        levels=draw(some_levels),
        pass_from=draw(percents),
        digest="",
        source=b"",
    )


@st.composite
def work(draw: st.DrawFn) -> tuple[Rubric, list[TestResult], list[Mark]]:
    rubric = draw(rubrics())
    tests: list[TestResult] = []
    for criterion in rubric.criteria:
        if criterion.scored_by is ScoredBy.TESTS:
            for passed in draw(st.lists(st.booleans(), min_size=1, max_size=4)):
                points = Fraction(draw(st.integers(1, 9)), draw(st.integers(1, 7)))
                tests.append(result(len(tests) + 1, criterion.id, points, passed))
    reviewed = [one for one in rubric.criteria if one.scored_by is ScoredBy.REVIEW]
    marks = [mark(draw(st.integers(0, 5)), one.id) for one in reviewed if draw(st.booleans())]
    return rubric, tests, marks


def result(position: int, criterion: str, points: Fraction, passed: bool) -> TestResult:
    return TestResult(
        position=position,
        id=f"t{position}",
        group=f"t{position}",
        criterion=criterion,
        points=points,
        visible=False,
        passed=passed,
        reason=None if passed else Reason.ASSERTION,
    )


def rank(levels: tuple[Level, ...], level_id: str | None) -> int:
    return -1 if level_id is None else [one.id for one in levels].index(level_id)


def assert_no_lower(rubric: Rubric, before: scoring.Assessment, after: scoring.Assessment) -> None:
    assert after.total >= before.total
    assert rank(rubric.levels, after.level) >= rank(rubric.levels, before.level)
    assert set(after.gates_missed) <= set(before.gates_missed)
    if Verdict.AWAITING_REVIEW not in (before.verdict, after.verdict):
        assert ORDER.index(after.verdict) >= ORDER.index(before.verdict)
    for criterion, was, now in zip(rubric.criteria, before.criteria, after.criteria, strict=True):
        assert (now.fraction or 0) >= (was.fraction or 0)
        assert rank(criterion.levels, now.level) >= rank(criterion.levels, was.level)


@LAW
@given(work(), st.data())
def test_one_more_test_passed_never_lowers_anything(made, data):
    rubric, tests, marks = made
    failed = [one for one in tests if not one.passed]
    if not failed:
        return
    lucky = data.draw(st.sampled_from(failed)).position
    better = [replace(one, passed=True, reason=None) if one.position == lucky else one for one in tests]
    assert_no_lower(rubric, scoring.score(rubric, tests, marks), scoring.score(rubric, better, marks))


@LAW
@given(work())
def test_one_more_mark_given_never_lowers_anything(made):
    rubric, tests, marks = made
    for one in marks:
        if one.marks < 5:
            better = [*marks, replace(one, marks=one.marks + 1)]
            assert_no_lower(rubric, scoring.score(rubric, tests, marks), scoring.score(rubric, tests, better))


@LAW
@given(work())
def test_score_is_between_nothing_and_all_of_it(made):
    rubric, tests, marks = made
    scored = scoring.score(rubric, tests, marks)
    assert 0 <= scored.total <= 1
    assert isinstance(scored.total, Fraction)
    assert all(one.fraction is None or 0 <= one.fraction <= 1 for one in scored.criteria)
    assert all(
        0 <= one.points <= criterion.weight for one, criterion in zip(scored.criteria, rubric.criteria)
    )


@LAW
@given(work())
def test_all_tests_and_marks_give_exactly_everything(made):
    rubric, tests, _ = made
    full = [replace(one, passed=True, reason=None) for one in tests]
    marks = [mark(5, one.id) for one in rubric.criteria if one.scored_by is ScoredBy.REVIEW]
    scored = scoring.score(rubric, full, marks)
    assert (scored.total, scored.verdict) == (1, Verdict.PASSED)


@LAW
@given(work(), st.data())
def test_order_of_results_and_criteria_never_shows(made, data):
    rubric, tests, marks = made
    scored = scoring.score(rubric, tests, marks)
    assert scoring.score(rubric, data.draw(st.permutations(tests)), marks) == scored
    mixed = replace(rubric, criteria=tuple(data.draw(st.permutations(rubric.criteria))))
    other = scoring.score(mixed, tests, marks)
    assert (other.total, other.level, other.verdict) == (scored.total, scored.level, scored.verdict)


@LAW
@given(work())
def test_no_failed_work_carries_a_passing_level(made):
    rubric, tests, marks = made
    scored = scoring.score(rubric, tests, marks)
    if scored.verdict is Verdict.FAILED:
        passing = {one.id for one in rubric.levels if one.threshold >= rubric.pass_from}
        assert scored.level not in passing
