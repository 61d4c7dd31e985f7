"""The first page: what this is, and where to go."""

from __future__ import annotations

from typing import Annotated

from starlette.requests import Request
from starlette.responses import Response

from assessor.errors import AuthorError, NotFound
from assessor.web import rendering
from assessor.web.access import PUBLIC, Visitor, allow, router
from assessor.web.context import Context, Here

pages = router()


@pages.get("/")
def home(request: Request, here: Here, visitor: Annotated[Visitor, allow(PUBLIC)]) -> Response:
    """For whoever is signed in their cohorts; for others what can be done here."""
    store = here.parts.store
    assigned = () if visitor.user is None else store.assignments(for_user=visitor.user.id)
    return rendering.page(
        request,
        "home.html",
        cohorts=() if visitor.user is None else store.cohorts(visitor.user.id),
        assignments=[(one, one.title or _title(here, one.task_id)) for one in assigned],
    )


def _title(here: Context, task_id: str) -> str:
    try:
        return here.catalog().task(task_id).title
    except (NotFound, AuthorError):
        return task_id  # taken away, or broken, since it was assigned: said on its own page
