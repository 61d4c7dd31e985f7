"""Requirements: whether what a learner has shown is enough, and what a judged record shows."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace as Plain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assessor import merit, requirement, rubric
from assessor.requirement import (
    Ability,
    AchievementRequired,
    CompetencyRequired,
    Met,
    Passed,
    Requirement,
    Shown,
    TaskRequired,
)


def passed(
    attempt: str = "a1",
    task: str = "t",
    levels: tuple[str, ...] = (),
    total: Fraction = Fraction(1),
    *competencies: Ability,
) -> Passed:
    return Passed(attempt=attempt, task=task, levels=levels, total=total, competencies=competencies)


def shown(*attempts: Passed, held: frozenset[str] = frozenset()) -> Shown:
    return Shown(passed=attempts, held=held)


def care(*levels: str, enough: bool = True) -> Ability:
    return Ability(framework="own", code="care", levels=levels, passed=enough)


def test_any_pass_is_enough_without_a_level() -> None:
    assert requirement.met((TaskRequired(task="t", level=None),), shown(passed())) == Met(
        attempts=("a1",), level=None
    )


def test_nothing_shown_meets_nothing() -> None:
    assert requirement.met((TaskRequired(task="t", level=None),), shown()) is None


def test_nothing_required_is_never_met() -> None:
    assert requirement.met((), shown(passed())) is None


def test_level_is_met_by_it_or_a_higher_one() -> None:
    requires = (TaskRequired(task="t", level="merit"),)
    assert requirement.met(requires, shown(passed(levels=("pass",)))) is None
    assert requirement.met(requires, shown(passed(levels=("pass", "merit")))) is not None
    best = requirement.met(requires, shown(passed(levels=("pass", "merit", "distinction"))))
    assert best == Met(attempts=("a1",), level="distinction")


def test_best_attempt_is_named_then_the_earliest() -> None:
    low, high = ("pass",), ("pass", "merit")
    attempts = (
        passed("a1", levels=low, total=Fraction(1)),
        passed("a2", levels=high, total=Fraction(8, 10)),
        passed("a3", levels=high, total=Fraction(9, 10)),
        passed("a4", levels=high, total=Fraction(9, 10)),
    )
    assert requirement.met((TaskRequired(task="t", level=None),), shown(*attempts)) == Met(
        attempts=("a3",), level="merit"
    )


def test_every_requirement_must_hold() -> None:
    requires = (
        TaskRequired(task="t", level=None),
        TaskRequired(task="u", level=None),
    )
    assert requirement.met(requires, shown(passed("a1", "t"))) is None
    both = shown(passed("a1", "u"), passed("a2", "t"))
    assert requirement.met(requires, both) == Met(attempts=("a2", "a1"), level=None)


def test_level_of_several_tasks_is_the_one_that_all_reached() -> None:
    requires = (
        TaskRequired(task="t", level=None),
        TaskRequired(task="u", level=None),
    )
    best = passed("a1", "t", ("pass", "merit", "distinction"))
    assert requirement.met(requires, shown(best, passed("a2", "u", ("pass", "merit")))) == Met(
        attempts=("a1", "a2"), level="merit"
    )
    assert requirement.met(requires, shown(best, passed("a2", "u", ("good",)))) == Met(
        attempts=("a1", "a2"), level=None
    )


def test_level_is_none_where_not_only_tasks_are_required() -> None:
    requires = (TaskRequired(task="t", level=None), AchievementRequired(achievement="a"))
    best = shown(passed(levels=("pass",)), held=frozenset({"a"}))
    assert requirement.met(requires, best) == Met(attempts=("a1",), level=None)


def test_attempt_that_meets_two_requirements_is_named_once() -> None:
    requires = (
        TaskRequired(task="t", level=None),
        CompetencyRequired(framework="own", code="care", level=None, tasks=1),
    )
    both = shown(passed("a1", "t", (), Fraction(1), care()))
    assert requirement.met(requires, both) == Met(attempts=("a1",), level=None)


def test_competency_needs_different_tasks() -> None:
    requires = (CompetencyRequired(framework="own", code="care", level="some", tasks=2),)
    first, again = (
        passed("a1", "t", (), Fraction(1), care("some")),
        passed("a2", "t", (), Fraction(1), care("some")),
    )
    assert requirement.met(requires, shown(first, again)) is None
    other = passed("a3", "u", (), Fraction(1), care("some", "much"))
    assert requirement.met(requires, shown(first, again, other)) == Met(attempts=("a1", "a3"), level=None)


def test_competency_names_no_more_tasks_than_needed_and_the_best() -> None:
    requires = (CompetencyRequired(framework="own", code="care", level="some", tasks=1),)
    attempts = (
        passed("a1", "t", (), Fraction(1), care("some")),
        passed("a2", "u", (), Fraction(1, 2), care(), care("some", "much")),
    )
    assert requirement.met(requires, shown(*attempts)) == Met(attempts=("a2",), level=None)


@pytest.mark.parametrize(
    ("ability", "holds"),
    [
        (care(enough=True), True),
        (care("some", enough=False), False),
        (Ability(framework="own", code="love", levels=(), passed=True), False),
        (Ability(framework="ESCO", code="care", levels=(), passed=True), False),
    ],
)
def test_competency_without_a_level_needs_the_passing_mark(ability: Ability, holds: bool) -> None:
    requires = (CompetencyRequired(framework="own", code="care", level=None, tasks=1),)
    assert (
        requirement.met(requires, shown(passed("a1", "t", (), Fraction(1), ability))) is not None
    ) is holds


def test_achievement_required_must_be_held() -> None:
    requires = (AchievementRequired(achievement="a"),)
    assert requirement.met(requires, shown(passed())) is None
    assert requirement.met(requires, shown(held=frozenset({"a"}))) == Met(attempts=(), level=None)


#: One chain of levels for each task, as one rubric gives it.
CHAINS = {"t": ("pass", "merit", "distinction"), "u": ("pass", "good"), "v": ()}
requirements: st.SearchStrategy[list[Requirement]] = st.lists(
    st.one_of(
        st.sampled_from(sorted(CHAINS)).flatmap(
            lambda task: st.builds(
                TaskRequired, task=st.just(task), level=st.sampled_from((None, *CHAINS[task]))
            )
        ),
        st.builds(
            CompetencyRequired,
            framework=st.just("own"),
            code=st.sampled_from(["care", "love"]),
            level=st.sampled_from([None, "some", "much"]),
            tasks=st.integers(1, 3),
        ),
        st.builds(AchievementRequired, achievement=st.sampled_from("xyz")),
    ),
    min_size=1,
    max_size=3,
)
abilities = st.builds(
    Ability,
    framework=st.just("own"),
    code=st.sampled_from(["care", "love"]),
    levels=st.sampled_from([(), ("some",), ("some", "much")]),
    passed=st.booleans(),
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Passed, ...]:
    tasks = draw(st.lists(st.sampled_from(sorted(CHAINS)), max_size=8))
    return tuple(
        Passed(
            attempt=f"a{at}",
            task=task,
            levels=CHAINS[task][: draw(st.integers(0, len(CHAINS[task])))],
            total=draw(st.sampled_from([Fraction(6, 10), Fraction(8, 10), Fraction(1)])),
            competencies=tuple(draw(st.lists(abilities, max_size=2))),
        )
        for at, task in enumerate(tasks)
    )


@given(requirements, histories(), st.integers(0, 8), st.frozensets(st.sampled_from("xyz")), st.data())
def test_more_shown_never_takes_away(
    requires: list[Requirement],
    history: tuple[Passed, ...],
    known: int,
    held: frozenset[str],
    data: st.DataObject,
) -> None:
    more = held | data.draw(st.frozensets(st.sampled_from("xyz")))
    before = requirement.met(requires, shown(*history[:known], held=held))
    after = requirement.met(requires, shown(*history, held=more))
    if before is None:
        return
    assert after is not None
    first = next((required.task for required in requires if isinstance(required, TaskRequired)), "v")
    ranks = {None: -1} | {level: rank for rank, level in enumerate(CHAINS[first])}
    assert ranks[after.level] >= ranks[before.level]


@given(requirements, histories())
def test_what_is_met_rests_on_the_attempts_that_it_names_alone(
    requires: list[Requirement], history: tuple[Passed, ...]
) -> None:
    held = frozenset("xyz")
    whole = requirement.met(requires, shown(*history, held=held))
    if whole is None:
        return
    assert len(set(whole.attempts)) == len(whole.attempts)
    named = [attempt for attempt in history if attempt.attempt in whole.attempts]
    assert len(named) == len(whole.attempts)
    assert requirement.met(requires, shown(*named, held=held)) == whole


@given(requirements, histories(), st.integers(0, 7))
def test_attempt_that_is_no_better_changes_nothing(
    requires: list[Requirement], history: tuple[Passed, ...], at: int
) -> None:
    held = frozenset("xyz")
    before = requirement.met(requires, shown(*history, held=held))
    if before is None or at >= len(history):
        return
    again = Passed(
        attempt="again",
        task=history[at].task,
        levels=history[at].levels,
        total=history[at].total,
        competencies=history[at].competencies,
    )
    assert requirement.met(requires, shown(*history, again, held=held)) == before


# From a record


def judged(
    level: str | None,
    verdict: str = "passed",
    care_level: str | None = "some",
    share: Fraction = Fraction(3, 5),
) -> Any:
    """What `merit` reads of a record, without the rest of it."""
    return Plain(
        rubric=Plain(digest=RUBRIC.digest),
        task=Plain(id="t"),
        decision=Plain(verdict=verdict, level=level, total=Fraction(4, 5)),
        criteria=(
            Plain(id="it", level=care_level, fraction=share),
            Plain(id="rest", level=None, fraction=Fraction(1)),
        ),
    )


RUBRIC = rubric.load(
    b"""id: r
version: "1"
title: R
criteria:
  - id: it
    title: It
    weight: 60
    scored_by: tests
    competency: {framework: own, code: care, name: Care}
    levels: [{id: some, title: Some, from: 40}, {id: much, title: Much, from: 80}]
  - {id: rest, title: Rest, weight: 40, scored_by: tests}
levels:
  - {id: pass, title: Pass, from: 60}
  - {id: merit, title: Merit, from: 80}
  - {id: distinction, title: Distinction, from: 95}
pass: {from: 60}
""",
    rubric_id="r",
)


def test_record_shows_its_levels_and_those_below() -> None:
    assert merit.passed(judged("merit"), RUBRIC, attempt="a1") == Passed(
        attempt="a1",
        task="t",
        levels=("pass", "merit"),
        total=Fraction(4, 5),
        competencies=(Ability(framework="own", code="care", levels=("some",), passed=True),),
    )


def test_record_without_a_level_shows_none() -> None:
    found = merit.passed(judged(None, care_level=None, share=Fraction(1, 5)), RUBRIC, attempt="a1")
    assert found is not None
    assert (found.levels, found.competencies) == ((), (care(enough=False),))


def test_failed_record_shows_nothing_whatever_its_parts() -> None:
    assert merit.passed(judged("pass", verdict="failed"), RUBRIC, attempt="a1") is None


def test_record_of_another_rubric_is_refused() -> None:
    other = rubric.load(RUBRIC.source.replace(b"title: R\n", b"title: Q\n"), rubric_id="r")
    with pytest.raises(ValueError, match="attempt a1: expected the rubric sha256:"):
        merit.passed(judged("pass"), other, attempt="a1")
