"""Outcomes: what a rubric judges, and what came out, in the standard's words.

Comes in: tasks with their rubrics, and judged work. Goes out: `ResultDescription` and `Result` objects: for
each task one of the whole and one for each criterion. Their names hang on the achievement's:

    <achievement>#<task>                        the whole
                 #<task>:<level>                a level of the whole
                 #<task>/<criterion>            a criterion
                 #<task>/<criterion>:<level>    a level of it

Values are percent as text, cut after two places and never rounded up; the evidence has the exact fractions.

Source: Open Badges 3.0, B.1.14 Result, B.1.15 ResultDescription, B.1.17 RubricCriterionLevel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from assessor.achievement import Achievement, TaskRequired
from assessor.openbadges.resources import Work
from assessor.rubric import Level, Rubric
from assessor.task import Task


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A task, and the rubric that it is judged by."""

    task: Task
    rubric: Rubric


def descriptions(one: Judged, *, base: str, level: str | None) -> list[dict[str, Any]]:
    """What a task is judged for: the whole, then each criterion in the rubric's order.

    Args:
        one: task and rubric.
        base: id of the achievement.
        level: id of the level of the whole that the achievement asks for, or None.
    """
    task, rubric = one.task, one.rubric
    name = f"{base}#{task.id}"
    return [
        _description(
            name, task.title, rubric.levels, from_percent=rubric.pass_from, level=level, whole="the whole"
        ),
        *(
            _description(
                f"{name}/{criterion.id}",
                f"{task.title}: {criterion.title}",
                criterion.levels,
                from_percent=criterion.gate,
                level=None,
                whole="this criterion",
            )
            for criterion in rubric.criteria
        ),
    ]


def results(work: Work, *, base: str) -> list[dict[str, Any]]:
    """What came out, in the same order as `descriptions`."""
    record = work.record
    name = f"{base}#{record.task.id}"
    return [
        _result(name, record.decision.total, record.decision.level),
        *(
            _result(f"{name}/{criterion.id}", criterion.fraction, criterion.level)
            for criterion in record.criteria
        ),
    ]


def required(achievement: Achievement, task_id: str) -> str | None:
    """The id of the level that an achievement asks for in this task, or None."""
    return next(
        (
            one.level
            for one in achievement.requires
            if isinstance(one, TaskRequired) and one.task == task_id and one.level is not None
        ),
        None,
    )


def percent(fraction: Fraction) -> str:
    """A fraction in percent as a plain decimal, cut after two places: 2/3 is 66.66, 1 is 100."""
    whole, rest = divmod(fraction * 10_000 // 1, 100)
    return f"{whole}.{rest:02}".rstrip("0") if rest else str(whole)


def _description(
    name: str, title: str, levels: Sequence[Level], *, from_percent: int | None, level: str | None, whole: str
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": name,
        "type": ["ResultDescription"],
        "name": title,
        "resultType": "RubricCriterionLevel" if levels else "Percent",
        "valueMin": "0",
        "valueMax": "100",
    }
    if from_percent is not None:
        found["requiredValue"] = str(from_percent)
    if level is not None and any(one.id == level for one in levels):
        found["requiredLevel"] = f"{name}:{level}"
    if levels:
        found["rubricCriterionLevel"] = [
            {
                "id": f"{name}:{one.id}",
                "type": ["RubricCriterionLevel"],
                "name": one.title,
                "description": f"From {one.threshold} % of {whole}.",
                # The order of a set is lost once it is RDF: the place is told by itself.
                "level": str(place),
                "points": str(one.threshold),
            }
            for place, one in enumerate(levels, start=1)
        ]
    return found


def _result(name: str, fraction: Fraction, level: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": ["Result"],
        "resultDescription": name,
        "value": percent(fraction),
        "status": "Completed",
    }
    if level is not None:
        found["achievedLevel"] = f"{name}:{level}"
    return found
