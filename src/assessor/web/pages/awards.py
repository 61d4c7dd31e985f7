"""Plain pages for issuers: what was awarded, what was revoked, and what they should look at.

Orders (award, revoke, renew, issue again) are given at the command line and by the API.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from assessor import awarding
from assessor.users import Role
from assessor.web import rendering
from assessor.web.access import Visitor, allow, router
from assessor.web.context import Here

pages = router("/awards")

Issuing = Annotated[Visitor, allow(Role.ISSUER)]

#: How many rows a page shows.
ROWS = 100


@pages.get("")
def list_(
    request: Request,
    here: Here,
    visitor: Issuing,
    achievement: str = "",
    learner: str = "",
    revoked: bool = False,
    skip: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> Response:
    """Awards, the newest first: all, or those of an achievement or a learner; or those that were revoked."""
    store = here.parts.store
    found = store.awards(learner=learner or None, achievement=achievement or None)[::-1]
    if revoked:
        found = tuple(row for row in found if row.revoked_at is not None)
    rows = found[skip : skip + ROWS]
    notes: dict[str, list[str]] = {}
    for one in awarding.attention(here.parts):
        notes.setdefault(one.row.id, []).append(one.why)
    more = None
    if len(found) > skip + ROWS:
        more = request.url.include_query_params(skip=skip + ROWS).query
    return rendering.page(
        request,
        "issued.html",
        rows=rows,
        names=store.learner_names(row.learner_id for row in rows if row.learner_id),
        notes=notes,
        now=here.parts.clock(),
        achievement=achievement,
        learner=learner,
        revoked=revoked,
        more=None if more is None else f"/awards?{more}",
    )


@pages.get("/{award_id}")
def show(request: Request, here: Here, visitor: Issuing, award_id: str) -> Response:
    """An award, and all that was done with it."""
    store = here.parts.store
    row = store.award(award_id)
    names = store.learner_names([row.learner_id] if row.learner_id else [])
    return rendering.page(
        request,
        "issued_award.html",
        row=row,
        learner=names.get(row.learner_id or ""),
        changes=store.award_changes(award_id),
        holds=row.holds(here.parts.clock()),
    )
