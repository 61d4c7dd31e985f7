"""Requirements: what an achievement takes, and whether what a learner has shown is enough.

Comes in: the requirements of one achievement and what a learner has shown, as plain values. Goes out: a `Met`
that names the attempts it rests on, or None. Pure; more shown never turns a `Met` into None. Reading a judged
record is left to `merit`, and what to do with a `Met` to those who award.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias


@dataclass(frozen=True, kw_only=True)
class TaskRequired:
    """One task, passed.

    Attributes:
        task: the task's id, whatever its version.
        level: id of a level of the task's rubric that must be reached, or None where any pass is enough.
    """

    task: str
    level: str | None


@dataclass(frozen=True, kw_only=True)
class CompetencyRequired:
    """A competency, shown in several tasks.

    Attributes:
        framework: as rubrics write it.
        code: its key in the framework.
        level: id of a level of the criteria that are tied to it, or None where it is enough that one of them
            reaches the percent with which its rubric passes.
        tasks: in how many different tasks, at least 1.
    """

    framework: str
    code: str
    level: str | None
    tasks: int


@dataclass(frozen=True, kw_only=True)
class AchievementRequired:
    """Another achievement, held.

    Attributes:
        achievement: its id.
    """

    achievement: str


Requirement: TypeAlias = TaskRequired | CompetencyRequired | AchievementRequired


@dataclass(frozen=True, kw_only=True)
class Ability:
    """A competency as one criterion of a passed attempt shows it.

    Attributes:
        framework: as the rubric writes it.
        code: its key in the framework.
        levels: ids of the levels that the criterion reached, ascending, those below the highest too.
        passed: whether the criterion reached the percent with which the whole rubric passes.
    """

    framework: str
    code: str
    levels: tuple[str, ...]
    passed: bool


@dataclass(frozen=True, kw_only=True)
class Passed:
    """An attempt that was judged and passed, as far as requirements ask about it.

    Attributes:
        attempt: its id.
        task: the task's id.
        levels: ids of the rubric's levels that the whole reached, ascending, those below the highest too.
        total: 0 to 1.
        competencies: one for each criterion that is tied to a competency.
    """

    attempt: str
    task: str
    levels: tuple[str, ...]
    total: Fraction
    competencies: tuple[Ability, ...]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What one learner has shown.

    Attributes:
        passed: every attempt that counts, oldest first.
        held: ids of the achievements that the learner holds: not revoked, not run out.
    """

    passed: tuple[Passed, ...]
    held: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Met:
    """Requirements that are met.

    Attributes:
        attempts: ids of the attempts that meet them, each once, in the order of the requirements; empty where
            other achievements alone are required.
        level: id of the highest level that every required task reached; None where there is none, or where
            not only tasks are required. Ids of two rubrics mean the same where they are the same.
    """

    attempts: tuple[str, ...]
    level: str | None


def met(requires: Sequence[Requirement], shown: Shown) -> Met | None:
    """How these requirements are met, all of them, or None.

    Of several attempts that meet one, the best is named: the most levels, then the highest total, then the
    earliest. So a `Met` names other attempts than before only after a better one. No requirements are never
    met.
    """
    attempts: list[str] = []
    reached: list[tuple[str, ...]] = []
    for required in requires:
        match required:
            case AchievementRequired(achievement=achievement):
                if achievement not in shown.held:
                    return None
            case TaskRequired():
                best = _best_of_task(required, shown.passed)
                if best is None:
                    return None
                attempts.append(best.attempt)
                reached.append(best.levels)
            case CompetencyRequired():
                across = _across_tasks(required, shown.passed)
                if len(across) < required.tasks:
                    return None
                attempts += [one.attempt for one in across]
    if not requires:
        return None
    level = _common(reached) if len(reached) == len(requires) else None
    return Met(attempts=tuple(dict.fromkeys(attempts)), level=level)


def _best_of_task(required: TaskRequired, passed: Iterable[Passed]) -> Passed | None:
    enough = [
        one
        for one in passed
        if one.task == required.task and (required.level is None or required.level in one.levels)
    ]
    # Of equals `max` takes the first: the earliest.
    return max(enough, key=lambda one: (len(one.levels), one.total), default=None)


def _across_tasks(required: CompetencyRequired, passed: Sequence[Passed]) -> list[Passed]:
    """The best attempt of each task that shows the competency, oldest first; no more than are required."""
    ranks: dict[str, tuple[int, Fraction, int]] = {}
    for at, one in enumerate(passed):
        levels = [ability.levels for ability in one.competencies if _shows(ability, required)]
        if levels:
            rank = (max(map(len, levels)), one.total, -at)
            ranks[one.task] = max(ranks.get(one.task, rank), rank)
    best = sorted(ranks.values(), reverse=True)[: required.tasks]
    return [passed[at] for at in sorted(-rank[2] for rank in best)]


def _shows(ability: Ability, required: CompetencyRequired) -> bool:
    if (ability.framework, ability.code) != (required.framework, required.code):
        return False
    return ability.passed if required.level is None else required.level in ability.levels


def _common(reached: Sequence[tuple[str, ...]]) -> str | None:
    first, *rest = reached
    held = [level for level in first if all(level in other for other in rest)]
    return held[-1] if held else None
