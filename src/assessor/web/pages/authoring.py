"""Plain pages for authors: the tasks of the catalog as they are now, and the versions that were judged with.

Tasks are written as files and proven at the command line; nothing is changed here.
"""

from __future__ import annotations

from typing import Annotated

from starlette.requests import Request
from starlette.responses import Response

from assessor.errors import AuthorError
from assessor.rows.users import Role
from assessor.task import Task
from assessor.web import rendering
from assessor.web.access import Visitor, allow, router
from assessor.web.context import Context, Here

pages = router("/authoring")

Author = Annotated[Visitor, allow(Role.AUTHOR)]


@pages.get("")
def list_(request: Request, here: Here, visitor: Author) -> Response:
    """Every task, and of one that cannot be read why."""
    names = here.catalog().ids()
    return rendering.page(request, "authoring.html", rows=[(name, *_read(here, name)) for name in names])


@pages.get("/{task_id}")
def show(request: Request, here: Here, visitor: Author, task_id: str) -> Response:
    """A task as it is now, and the versions of it that results stand under."""
    task, problem = _read(here, task_id)
    store = here.parts.store
    return rendering.page(
        request,
        "authored.html",
        task_id=task_id,
        task=task,
        problem=problem,
        rubric=None if task is None else here.catalog().rubric(task.rubric_id),
        versions=[
            (version, digest, snapshot)
            for snapshot, (version, digest) in reversed([*store.snapshots_of(task_id).items()])
        ],
        regrades=store.regrades(task_id),
    )


def _read(here: Context, task_id: str) -> tuple[Task | None, str | None]:
    """A task, or what keeps it from being read: authors are told where, and mend it.

    Raises:
        NotFound: there is no such task.
    """
    try:
        return here.catalog().task(task_id), None
    except AuthorError as error:
        return None, str(error)
