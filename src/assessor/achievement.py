"""An achievement: what a badge stands for, what it takes, and how long it holds.

Comes in: `badges/<id>.yaml` and the picture that it names. Goes out: an `Achievement`, and the order in which
achievements that rest on each other are looked at. Whether a learner has shown enough is `met`; a judged
record becomes what that asks for in `merit`. Awarding is left to `awarding`.

    badges/<id>.yaml          one achievement
           <path>.svg         pictures of those that have one of their own
"""

from __future__ import annotations

import calendar
import graphlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from assessor import authored, bundle, requirement, svg
from assessor.badgefile import BadgeModel, RequirementModel
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
from assessor.rubric import Competency, Rubric

__all__ = [
    "Ability",
    "Achievement",
    "AchievementRequired",
    "CompetencyRequired",
    "Met",
    "Passed",
    "Requirement",
    "Shown",
    "TaskRequired",
    "check",
    "cycle",
    "load",
    "met",
    "order",
    "schema",
    "valid_until",
]


@dataclass(frozen=True, kw_only=True)
class Achievement:
    """What a badge stands for and what it takes.

    Attributes:
        id: the file's name.
        version: the author's.
        name: for people.
        description: what it stands for, plain text.
        criteria: what one must do to earn it, Markdown.
        image: an SVG, or None where one is drawn from the name.
        competencies: the skills that it stands for.
        requires: all of these, at least one.
        valid_months: how long an award holds, or None for one that does not run out.
        renew_days: how many days before its end an award may be renewed, or None where it never is.
        tags: words to find it by.
        digest: of the file and the picture.
        source: the file's bytes.
    """

    id: str
    version: str
    name: str
    description: str
    criteria: str
    image: bytes | None
    competencies: tuple[Competency, ...]
    requires: tuple[Requirement, ...]
    valid_months: int | None
    renew_days: int | None
    tags: tuple[str, ...]
    digest: str
    source: bytes


def load(data: bytes, *, achievement_id: str, image: Callable[[str], bytes]) -> Achievement:
    """The achievement in `badges/<achievement_id>.yaml`; what it names of the catalog is left to `check`.

    Args:
        data: the file.
        achievement_id: its name.
        image: gives the picture at a path in badges/, or raises FileInvalid.

    Raises:
        FileInvalid: the file is wrong or does not hold together, or its picture is none that can be shown.
    """
    path = _path(achievement_id)
    document = authored.read(data, path)
    model = document.parse(BadgeModel)
    if model.id != achievement_id:
        raise document.invalid(("id",), f'expected the file\'s name "{achievement_id}", got "{model.id}"')
    requires = tuple(_requirement(document, at, one) for at, one in enumerate(model.requires))
    _check_once(document, "requires", requires)
    _check_once(document, "competencies", tuple((one.framework, one.code) for one in model.competencies))
    _check_once(document, "tags", model.tags)
    _check_renewal(document, model)
    files = {path: data}
    drawn = None
    if model.image is not None:
        drawn = image(model.image)
        svg.check(drawn, path=f"badges/{model.image}")
        files[f"badges/{model.image}"] = drawn
    return Achievement(
        id=model.id,
        version=model.version,
        name=model.name,
        description=model.description,
        criteria=model.criteria,
        image=drawn,
        competencies=tuple(one.competency() for one in model.competencies),
        requires=requires,
        valid_months=model.valid_months,
        renew_days=model.renewal.window_days if model.renewal else None,
        tags=model.tags,
        digest=bundle.pack(files).digest,
        source=data,
    )


def met(achievement: Achievement, shown: Shown) -> Met | None:
    """How a learner who has shown this meets the achievement, or None; as for `requirement.met`."""
    return requirement.met(achievement.requires, shown)


def valid_until(achievement: Achievement, since: datetime) -> datetime | None:
    """When an award that counts from `since` runs out, or None: the same day and time so many months later,
    or the last day of a month that is too short."""
    if achievement.valid_months is None:
        return None
    years, month = divmod(since.month - 1 + achievement.valid_months, 12)
    year = since.year + years
    day = min(since.day, calendar.monthrange(year, month + 1)[1])
    return since.replace(year=year, month=month + 1, day=day)


def check(achievement: Achievement, *, rubrics: Mapping[str, Rubric], achievements: Collection[str]) -> None:
    """Nothing, once it is sure that everything that the achievement requires can be had.

    Args:
        achievement: of a catalog.
        rubrics: that of each task of the catalog that can be used, by the task's id.
        achievements: ids of all achievements of the catalog.

    Raises:
        FileInvalid: a task, level, competency or achievement is none of the catalog's; or fewer tasks show a
            competency than are required.
    """
    document = authored.read(achievement.source, _path(achievement.id))
    for at, required in enumerate(achievement.requires):
        here: authored.Loc = ("requires", at)
        match required:
            case TaskRequired():
                _check_task(document, here, required, rubrics)
            case CompetencyRequired():
                _check_competency(document, here, required, rubrics)
            case AchievementRequired(achievement=other) if other not in achievements:
                hint = authored.nearest(other, achievements)
                raise document.invalid(
                    (*here, "achievement"), f'expected an achievement in badges/, got "{other}"{hint}'
                )


def cycle(achievements: Iterable[Achievement]) -> tuple[str, ...]:
    """The ids of achievements that require each other in a circle, each requiring the next and the last the
    first, beginning with the least; empty where there is no circle."""
    try:
        _sorter({one.id: one for one in achievements}).prepare()
    except graphlib.CycleError as error:
        # The library tells it the other way round, with the first again at the end.
        found = error.args[1][:0:-1]
        least = found.index(min(found))
        return (*found[least:], *found[:least])
    return ()


def order(achievements: Iterable[Achievement]) -> tuple[Achievement, ...]:
    """The achievements so that each stands after all that it requires; the same order for the same ones.

    Raises:
        FileInvalid: some require each other in a circle; the text has the way round.
    """
    by_id = {one.id: one for one in achievements}
    found = cycle(by_id.values())
    if found:
        first, following = by_id[found[0]], found[1 % len(found)]
        at = first.requires.index(AchievementRequired(achievement=following))
        way = " -> ".join((*found, found[0]))
        raise authored.read(first.source, _path(first.id)).invalid(
            ("requires", at, "achievement"), f"expected no way back to where it starts, got {way}"
        )
    return tuple(by_id[name] for name in _sorter(by_id).static_order())


def schema() -> dict[str, Any]:
    """JSON Schema of a badge file."""
    return authored.schema(BadgeModel, title="badge")


def _path(achievement_id: str) -> str:
    return f"badges/{achievement_id}.yaml"


def _sorter(by_id: Mapping[str, Achievement]) -> graphlib.TopologicalSorter[str]:
    """Filled in one order for the same achievements: it decides what comes out first of what is equal."""
    sorter: graphlib.TopologicalSorter[str] = graphlib.TopologicalSorter()
    for name in sorted(by_id):
        required = [one.achievement for one in by_id[name].requires if isinstance(one, AchievementRequired)]
        sorter.add(name, *sorted(other for other in required if other in by_id))
    return sorter


def _requirement(document: authored.Document, at: int, model: RequirementModel) -> Requirement:
    here: authored.Loc = ("requires", at)
    kinds = [name for name in ("task", "competency", "achievement") if getattr(model, name) is not None]
    if len(kinds) != 1:
        came = " and ".join(f'"{name}"' for name in kinds) or "none of them"
        raise document.invalid(
            here, f'expected one of the keys "task", "competency" and "achievement", got {came}'
        )
    for key, fits in (("level", ("task", "competency")), ("tasks", ("competency",))):
        if getattr(model, key) is not None and kinds[0] not in fits:
            raise document.invalid((*here, key), f'expected none beside "{kinds[0]}"')
    if model.task is not None:
        return TaskRequired(task=model.task, level=model.level)
    if model.achievement is not None:
        return AchievementRequired(achievement=model.achievement)
    assert model.competency is not None, f"requires.{at}: one of three kinds, and neither of the others"
    return CompetencyRequired(
        framework=model.competency.framework,
        code=model.competency.code,
        level=model.level,
        tasks=model.tasks or 1,
    )


def _check_once(document: authored.Document, key: str, values: tuple[object, ...]) -> None:
    for at, value in enumerate(values):
        if value in values[:at]:
            raise document.invalid(
                (key, at), f"expected each once, got that of {key}.{values.index(value)} again"
            )


def _check_renewal(document: authored.Document, model: BadgeModel) -> None:
    if model.renewal is None:
        return
    if model.valid_months is None:
        raise document.invalid(("renewal",), 'expected the key "valid_months" beside it, it is missing')
    most = model.valid_months * 28
    if model.renewal.window_days > most:
        raise document.invalid(
            ("renewal", "window_days"),
            f"expected at most {most}, the days of valid_months, got {model.renewal.window_days}",
        )


def _check_task(
    document: authored.Document, here: authored.Loc, required: TaskRequired, rubrics: Mapping[str, Rubric]
) -> None:
    rubric = rubrics.get(required.task)
    if rubric is None:
        hint = authored.nearest(required.task, rubrics)
        raise document.invalid(
            (*here, "task"), f'expected a task of tasks/ that can be used, got "{required.task}"{hint}'
        )
    levels = [level.id for level in rubric.levels]
    if required.level is not None and required.level not in levels:
        hint = authored.nearest(required.level, levels)
        raise document.invalid(
            (*here, "level"), f'expected a level of rubrics/{rubric.id}.yaml, got "{required.level}"{hint}'
        )


def _check_competency(
    document: authored.Document,
    here: authored.Loc,
    required: CompetencyRequired,
    rubrics: Mapping[str, Rubric],
) -> None:
    tied = [
        (task, criterion)
        for task, rubric in sorted(rubrics.items())
        for criterion in rubric.criteria
        if criterion.competency is not None
        and (criterion.competency.framework, criterion.competency.code) == (required.framework, required.code)
    ]
    if not tied:
        raise document.invalid(
            (*here, "competency"),
            "expected a competency that a criterion of some task's rubric shows, "
            f'got "{required.code}" of "{required.framework}"',
        )
    if required.level is not None:
        levels = {level.id for _, criterion in tied for level in criterion.levels}
        if required.level not in levels:
            hint = authored.nearest(required.level, levels)
            raise document.invalid(
                (*here, "level"),
                f'expected a level of the criteria that show the competency, got "{required.level}"{hint}',
            )
        tied = [(task, one) for task, one in tied if required.level in {level.id for level in one.levels}]
    tasks = list(dict.fromkeys(task for task, _ in tied))
    if len(tasks) < required.tasks:
        raise document.invalid(
            (*here, "tasks"),
            f"expected at most {len(tasks)}, the tasks that can show it so ({', '.join(tasks)}), "
            f"got {required.tasks}",
        )
