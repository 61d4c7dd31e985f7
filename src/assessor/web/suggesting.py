"""Suggesting: what a learner may try next.

Comes in: the shelf, the achievements, what the learner has shown and holds. Goes out: tasks with the reason
for each. Pure. A task counts for what is missing: by name, where an achievement requires it, or by a
competency that it shows. Where nothing is missing of any achievement, tasks that show something new count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assessor.achievement import (
    Achievement,
    AchievementRequired,
    CompetencyRequired,
    Passed,
    Requirement,
    Shown,
    TaskRequired,
)
from assessor.requirement import met
from assessor.rubric import Competency
from assessor.web import shelf
from assessor.web.shelf import Entry

#: How many are suggested: more is no suggestion.
MOST = 4


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """A task to try.

    Attributes:
        entry: the task.
        reasons: why, a sentence each.
    """

    entry: Entry
    reasons: tuple[str, ...]


def suggest(
    entries: Sequence[Entry], achievements: Sequence[Achievement], shown: Shown
) -> tuple[Suggestion, ...]:
    """Tasks to try, the most useful first: what helps towards the most, then what is easiest.

    Args:
        entries: tasks that can be done.
        achievements: all that can be earned, each after those that it requires.
        shown: what the learner has passed and holds.
    """
    reasons: dict[str, list[str]] = {}
    for achievement in achievements:
        if achievement.id in shown.held:
            continue
        for required in achievement.requires:
            if met([required], shown) is None:
                for task_id, why in _towards(required, entries, shown).items():
                    reasons.setdefault(task_id, []).append(f"{why} towards the badge “{achievement.name}”")
    if not reasons:
        reasons = _new(entries, shown)
    useful = [one for one in entries if one.task.id in reasons]
    useful.sort(key=lambda one: (-len(reasons[one.task.id]), shelf.order(one)))
    return tuple(
        Suggestion(entry=one, reasons=tuple(dict.fromkeys(reasons[one.task.id]))) for one in useful[:MOST]
    )


def _towards(required: Requirement, entries: Sequence[Entry], shown: Shown) -> Mapping[str, str]:
    """Tasks that help to meet a requirement which is not met, each with how."""
    match required:
        case TaskRequired(task=task, level=level):
            return {task: "it counts" if level is None else f"it counts, at the level “{level}”,"}
        case CompetencyRequired():
            wanted = (required.framework, required.code)
            done = {one.task for one in shown.passed if _shows(one, required)}
            return {
                one.task.id: f"it shows {_name(one, wanted)}, which counts"
                for one in entries
                if wanted in one.skills and one.task.id not in done
            }
        case AchievementRequired():
            return {}  # what that takes is looked at for its own sake


def _shows(one: Passed, required: CompetencyRequired) -> bool:
    """Whether a pass counts for the competency already, so that trying its task again adds nothing."""
    single = CompetencyRequired(
        framework=required.framework, code=required.code, level=required.level, tasks=1
    )
    return met([single], Shown(passed=(one,), held=frozenset())) is not None


def _new(entries: Sequence[Entry], shown: Shown) -> dict[str, list[str]]:
    passed = {one.task for one in shown.passed}
    known = {(ability.framework, ability.code) for one in shown.passed for ability in one.competencies}
    found: dict[str, list[str]] = {}
    for one in entries:
        if one.task.id in passed:
            continue
        fresh = [skill.name for skill in one.competencies if shelf.key(skill) not in known]
        found[one.task.id] = [f"it shows {name}" for name in fresh] or ["you have not passed it yet"]
    return found


def _name(one: Entry, wanted: tuple[str, str]) -> str:
    names: dict[tuple[str, str], Competency] = {shelf.key(skill): skill for skill in one.competencies}
    return names[wanted].name
