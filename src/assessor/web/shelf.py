"""The shelf: the tasks that can be done here, with what they show, as pages list them.

Comes in: a catalog. Goes out: entries. A task whose files are wrong, or that is not locked, is not on it: its
author is told by the checks, a learner would only stumble over it.
"""

from __future__ import annotations

import functools
import io
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass

from assessor import task as tasks
from assessor.catalog import Catalog
from assessor.errors import AuthorError, NotFound
from assessor.rows.cohorts import Assignment
from assessor.rubric import Competency, Rubric
from assessor.task import Task

#: Levels of tasks, the lowest first.
LEVELS = ("beginner", "intermediate", "advanced")
#: The longest id that is looked for: no file system has a folder of a longer name.
LONGEST = 200


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A task that can be done.

    Attributes:
        task, rubric: as authors wrote them.
        competencies: the task's own and its criteria's, each once.
    """

    task: Task
    rubric: Rubric
    competencies: tuple[Competency, ...]

    @property
    def skills(self) -> frozenset[tuple[str, str]]:
        """The competencies by framework and code."""
        return frozenset(map(key, self.competencies))


def key(one: Competency) -> tuple[str, str]:
    """What makes two competencies the same."""
    return one.framework, one.code


def entry(catalog: Catalog, task_id: str) -> Entry:
    """One task.

    Raises:
        NotFound: there is none of this id that can be done.
    """
    if len(task_id) > LONGEST:
        raise NotFound("expected a task that can be done here, got another")
    try:
        task = catalog.task(task_id)
        rubric = catalog.rubric(task.rubric_id)
        tasks.check(task, rubric)
    except (AuthorError, NotFound) as error:
        raise NotFound("expected a task that can be done here, got another") from error
    own = [*task.competencies, *(one.competency for one in rubric.criteria if one.competency is not None)]
    return Entry(task=task, rubric=rubric, competencies=tuple({key(one): one for one in own}.values()))


# A catalog stays as it was read, and another one takes its place when a file has changed.
@functools.lru_cache(maxsize=2)
def entries(catalog: Catalog) -> tuple[Entry, ...]:
    """All of them: by level, then by time, then by title."""
    found = []
    for task_id in catalog.ids():
        try:
            found.append(entry(catalog, task_id))
        except NotFound:
            continue  # not on the shelf
    return tuple(sorted(found, key=order))


def order(one: Entry) -> tuple[int, int, str]:
    """What comes first on a shelf."""
    level = LEVELS.index(one.task.level) if one.task.level in LEVELS else len(LEVELS)
    return level, one.task.minutes, one.task.title.casefold()


def competencies(shelf: Iterable[Entry]) -> tuple[Competency, ...]:
    """All that these tasks show, each once, by name."""
    found = {key(one): one for each in shelf for one in each.competencies}
    return tuple(sorted(found.values(), key=lambda one: (one.name.casefold(), one.framework, one.code)))


def title(catalog: Catalog, task_id: str) -> str:
    """What a task is called; its id where it was taken away or broken since."""
    try:
        return catalog.task(task_id).title
    except (NotFound, AuthorError):
        return task_id  # said on its own page


def called(catalog: Catalog, assignment: Assignment) -> str:
    """What an assignment is called: its own title, else its task's."""
    return assignment.title or title(catalog, assignment.task_id)


def starter(task: Task) -> bytes:
    """What a learner begins with, as a zip: the same bytes until the task changes.

    Raises:
        NotFound: the task has nothing to begin with.
    """
    if not task.starter:
        raise NotFound("expected a task with something to begin with, this one has nothing")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in sorted(task.starter.items()):
            # A date of its own would make each download differ.
            archive.writestr(zipfile.ZipInfo(f"{task.id}/{path}", (1980, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()
