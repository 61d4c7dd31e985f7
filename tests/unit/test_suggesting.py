"""What to try next: what is missing, and why a task helps with it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from assessor.achievement import (
    Achievement,
    AchievementRequired,
    CompetencyRequired,
    Passed,
    Shown,
    TaskRequired,
)
from assessor.requirement import Ability, Requirement
from assessor.rubric import Competency
from assessor.web import suggesting
from assessor.web.shelf import Entry
from tests import awarded


def entry(name: str, *skills: str, minutes: int = 30, level: str = "beginner") -> Entry:
    frozen = awarded.frozen(name)
    task = replace(frozen.task, minutes=minutes, level=level)
    competencies = tuple(Competency(framework="own", code=one, name=one.title(), url=None) for one in skills)
    return Entry(task=task, rubric=frozen.rubric, competencies=competencies)


def badge(name: str, *requires: Requirement) -> Achievement:
    return replace(awarded.achievement(), id=name, name=name.title(), requires=requires)


def passed(task: str, *skills: str) -> Passed:
    return Passed(
        attempt=f"of-{task}",
        task=task,
        levels=(),
        total=Fraction(1),
        competencies=tuple(Ability(framework="own", code=one, levels=(), passed=True) for one in skills),
    )


def shown(*done: Passed, held: tuple[str, ...] = ()) -> Shown:
    return Shown(passed=done, held=frozenset(held))


def skill(code: str, tasks: int) -> CompetencyRequired:
    return CompetencyRequired(framework="own", code=code, level=None, tasks=tasks)


SHELF = (entry("a", "sorting"), entry("b", "sorting", "testing"), entry("c", "testing", level="advanced"))


def told(*badges: Achievement, by: Shown) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.entry.task.id, one.reasons) for one in suggesting.suggest(SHELF, badges, by)]


def test_task_that_a_badge_names_is_suggested_until_it_is_passed() -> None:
    wanted = badge("first", TaskRequired(task="c", level=None))
    assert told(wanted, by=shown()) == [("c", ("it counts towards the badge “First”",))]
    assert "c" not in dict(told(wanted, by=shown(passed("c", "testing"))))


def test_competency_that_is_required_in_more_tasks_suggests_those_that_were_not_passed() -> None:
    wanted = badge("sorter", skill("sorting", 2))
    reason = "it shows Sorting, which counts towards the badge “Sorter”"
    assert told(wanted, by=shown()) == [("a", (reason,)), ("b", (reason,))]
    assert told(wanted, by=shown(passed("a", "sorting"))) == [("b", (reason,))]


def test_what_helps_most_comes_first() -> None:
    found = told(badge("one", skill("sorting", 1)), badge("two", skill("testing", 1)), by=shown())
    assert [name for name, _ in found] == ["b", "a", "c"]


def test_badge_that_is_held_asks_for_nothing() -> None:
    wanted = badge("sorter", skill("sorting", 2))
    found = told(wanted, by=shown(passed("a", "sorting"), held=("sorter",)))
    assert found == [("b", ("it shows Testing",)), ("c", ("it shows Testing",))]


def test_badge_upon_a_badge_asks_for_what_that_one_takes() -> None:
    below, above = (
        badge("below", TaskRequired(task="a", level=None)),
        badge("above", AchievementRequired(achievement="below")),
    )
    assert [name for name, _ in told(below, above, by=shown())] == ["a"]


def test_everything_passed_leaves_nothing_to_suggest() -> None:
    done = shown(passed("a", "sorting"), passed("b", "sorting", "testing"), passed("c", "testing"))
    assert told(by=done) == []


def test_no_more_than_a_few_are_suggested() -> None:
    many = [entry(f"t{number}", "sorting") for number in range(10)]
    assert len(suggesting.suggest(many, (), shown())) == suggesting.MOST
