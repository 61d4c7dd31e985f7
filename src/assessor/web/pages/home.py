"""The first page: what this is, and where to go."""

from __future__ import annotations

from typing import Annotated

from starlette.requests import Request
from starlette.responses import Response

from assessor.web import rendering, shelf
from assessor.web.access import PUBLIC, Visitor, allow, router
from assessor.web.context import Here

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
        assignments=[(one, shelf.called(here.catalog(), one)) for one in assigned],
    )
