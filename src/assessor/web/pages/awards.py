"""Pages for issuers: what was awarded, what they should look at, and their orders.

An order says why, and by whom it was given stands in the audit trail. Orders for many at once, by a CSV, are
given at the command line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from assessor import awarding, deserving
from assessor.awarding import Done
from assessor.errors import AwardRefused, NotFound
from assessor.rows.awards import AwardRow
from assessor.rows.users import Role
from assessor.web import rendering
from assessor.web.access import Visitor, allow, router
from assessor.web.context import Context, Here

pages = router("/awards")

Issuing = Annotated[Visitor, allow(Role.ISSUER)]
Text = Annotated[str, Form(max_length=2000)]

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
    after: str | None = None,
) -> Response:
    """Awards, the newest first: all, or those of an achievement or a learner; or those that were revoked."""
    store = here.parts.store
    found = store.awards(
        learner=learner or None,
        achievement=achievement or None,
        revoked=True if revoked else None,
        after=after,
        limit=ROWS + 1,
        newest_first=True,
    )
    rows, more = found[:ROWS], None
    if len(found) > ROWS:
        kept = {"achievement": achievement, "learner": learner, "revoked": "true" if revoked else ""}
        asked = {name: value for name, value in kept.items() if value}
        more = f"/awards?{urlencode(asked | {'after': rows[-1].id})}"
    notes: dict[str, list[str]] = {}
    for one in awarding.attention(here.parts, rows):
        notes.setdefault(one.row.id, []).append(one.why)
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
        more=more,
    )


@pages.get("/new")
def new(request: Request, here: Here, visitor: Issuing) -> Response:
    """The form to award by hand."""
    return _new(request, here)


@pages.post("/new")
def award(
    request: Request,
    here: Here,
    visitor: Issuing,
    achievement: Text = "",
    learner: Text = "",
    attempt: Text = "",
    reason: Text = "",
) -> Response:
    """Award by hand: what the evidence meets, or with an attempt and a reason what the issuer decides."""
    given = {"achievement": achievement, "learner": learner, "attempt": attempt, "reason": reason}
    try:
        done = awarding.award(
            here.parts,
            achievement,
            learner.strip(),
            attempt=attempt.strip() or None,
            reason=reason.strip() or None,
            act=visitor.act(here),
        )
    except (AwardRefused, NotFound) as refused:
        return _new(request, here, problem=str(refused), **given)
    assert done.row is not None, "what was awarded is there"
    return RedirectResponse(f"/awards/{done.row.id}", 303)


@pages.get("/{award_id}")
def show(request: Request, here: Here, visitor: Issuing, award_id: str) -> Response:
    """An award, all that was done with it, and what can be done."""
    return _show(request, here, award_id)


@pages.post("/{award_id}/revoke")
def revoke(request: Request, here: Here, visitor: Issuing, award_id: str, reason: Text = "") -> Response:
    """Revoked for good; its list is signed at once."""

    def order() -> Done:
        if not reason.strip():
            raise AwardRefused(f"award {award_id}: expected a reason, for your own books, got none")
        return awarding.revoke(here.parts, award_id, reason=reason.strip(), act=visitor.act(here))

    return _ordered(request, here, award_id, order)


@pages.post("/{award_id}/renew")
def renew(request: Request, here: Here, visitor: Issuing, award_id: str, reason: Text = "") -> Response:
    """Signed anew, to last as long as a new one."""

    def order() -> Done:
        return awarding.renew(here.parts, award_id, reason=reason.strip() or None, act=visitor.act(here))

    return _ordered(request, here, award_id, order)


@pages.post("/{award_id}/reissue")
def reissue(request: Request, here: Here, visitor: Issuing, award_id: str, reason: Text = "") -> Response:
    """Signed anew as it is: for another address, a mended achievement or a new key."""

    def order() -> Done:
        return awarding.reissue(here.parts, award_id, reason=reason.strip() or None, act=visitor.act(here))

    return _ordered(request, here, award_id, order)


def _ordered(request: Request, here: Context, award_id: str, order: Callable[[], Done]) -> Response:
    try:
        order()
    except AwardRefused as refused:
        return _show(request, here, award_id, problem=str(refused))
    return RedirectResponse(f"/awards/{award_id}", 303)


def _new(request: Request, here: Context, *, problem: str | None = None, **given: str) -> Response:
    empty = dict.fromkeys(("achievement", "learner", "attempt", "reason"), "")
    return rendering.page(
        request,
        "issued_new.html",
        status=200 if problem is None else 409,
        achievements=[(one.id, one.name) for one in here.parts.achievements()],
        given=empty | given,
        problem=problem,
    )


def _show(request: Request, here: Context, award_id: str, *, problem: str | None = None) -> Response:
    store, now = here.parts.store, here.parts.clock()
    row = store.award(award_id)
    names = store.learner_names([row.learner_id] if row.learner_id else [])
    return rendering.page(
        request,
        "issued_award.html",
        status=200 if problem is None else 409,
        row=row,
        learner=names.get(row.learner_id or ""),
        changes=store.award_changes(award_id),
        notes=[one.why for one in awarding.attention(here.parts, [row])],
        holds=row.holds(now),
        renewable=_renewable(here, row),
        problem=problem,
    )


def _renewable(here: Context, row: AwardRow) -> bool:
    known = {one.id: one for one in here.parts.achievements()}
    achievement = known.get(row.achievement_id)
    return achievement is not None and deserving.renewable(achievement, row, here.parts.clock())
