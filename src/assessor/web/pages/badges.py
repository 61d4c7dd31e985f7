"""A learner's own badges: what was awarded, how to take it away or share it, and who may see it.

Somebody else's award is answered for as one that there is not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from assessor import handout
from assessor.errors import NotFound
from assessor.openbadges import credential
from assessor.rows.awards import AwardRow, Visibility
from assessor.rows.users import Role
from assessor.web import headers, own, rendering, shelf
from assessor.web.access import Visitor, allow, router
from assessor.web.context import Context, Here

pages = router()

Learning = Annotated[Visitor, allow(Role.LEARNER)]

#: What a badge can be taken away as: end of the file's name, its type, and what it is good for.
FORMS = (
    (".png", "image/png", "Picture (PNG)", "for e-mail and profiles; the badge itself is inside"),
    (".svg", "image/svg+xml", "Picture (SVG)", "the same, sharp at any size"),
    (".pdf", "application/pdf", "Certificate (PDF)", "to print, with the badge attached"),
    (".json", "application/json", "Credential (JSON)", "for wallets and backpacks"),
)
#: The most pieces of evidence that a form may name.
PIECES = 200
#: Who may see an award, in words.
SEEN_BY = {
    Visibility.PUBLIC: "Everybody: it is listed on the page of the badge",
    Visibility.LINK: "Whoever has the link: it is listed nowhere",
    Visibility.PRIVATE: "Nobody: it is not published",
}


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A piece of evidence that an award rests on; `shown` unless its learner keeps it to themselves."""

    attempt_id: str
    title: str
    shown: bool


@dataclass(frozen=True, kw_only=True)
class Badge:
    """An award as its owner sees it.

    Attributes:
        row: as it is kept.
        name: of the credential, with its level.
        description: what it stands for.
        holds: whether it is neither revoked nor run out.
        share: where others find it, or None where nothing is published.
        linkedin: the form of LinkedIn, filled in.
        evidence: what it rests on.
    """

    row: AwardRow
    name: str
    description: str
    holds: bool
    share: str | None
    linkedin: str
    evidence: tuple[Evidence, ...]


@pages.get("/badges")
def badges(request: Request, here: Here, visitor: Learning) -> Response:
    """All of them, and what is missing for more."""
    learner = own.learner(here, visitor)
    rows = here.parts.store.awards_of(learner.id)
    known = {one.id: one for one in here.catalog().sound_achievements()[0]}
    found = [_badge(here, row) for row in rows.values()]
    return rendering.page(
        request,
        "badges.html",
        badges=sorted(found, key=lambda one: one.row.awarded_at, reverse=True),
        missing=[one for one in known.values() if one.id not in rows],
        forms=FORMS,
        seen_by=list(SEEN_BY.items()),
        trial=here.parts.issuer.trial,
        suggestions=own.suggestions(here, visitor),
    )


@pages.get("/badges/{award_id}/badge{ending}")
def download(here: Here, visitor: Learning, award_id: str, ending: str) -> Response:
    """One of the forms that a badge is taken away as."""
    row = _row(here, visitor, award_id)
    media = {name: kind for name, kind, _, _ in FORMS}
    if ending not in media:
        raise NotFound(f"expected one of {', '.join(media)}, got another form of a badge")
    with own.kept():
        data = handout.FORMS[ending](row, here.parts)
    return Response(
        data,
        media_type=media[ending],
        headers={
            # A picture may be an author's drawing: opened by itself, it runs nothing.
            "Content-Security-Policy": headers.SANDBOX,
            "Content-Disposition": f'attachment; filename="{row.achievement_id}{ending}"',
            "Cache-Control": "private, no-cache",
        },
    )


@pages.post("/badges/{award_id}/visibility")
def visibility(
    here: Here,
    visitor: Learning,
    award_id: str,
    visibility: Annotated[Visibility, Form()],
    evidence: Annotated[list[str], Form(max_length=PIECES, default_factory=list)],
    shown: Annotated[list[str], Form(max_length=PIECES, default_factory=list)],
) -> Response:
    """Who may see an award from the next publishing on, and which of its evidence.

    `evidence` is what the form asked about, so that a piece that came after it was opened stays as it is.

    Raises:
        NotFound: no such badge of the visitor's, or it does not rest on one of these.
    """
    row = _row(here, visitor, award_id)
    asked = {one: one in shown for one in evidence}
    here.parts.store.show_evidence(row.id, asked, visibility=visibility, now=here.parts.clock())
    return RedirectResponse(f"/badges#badge-{row.id}", 303)


def _row(here: Context, visitor: Visitor, award_id: str) -> AwardRow:
    """An award of the visitor's.

    Raises:
        NotFound: there is none of this id, or it is somebody else's.
    """
    rows = here.parts.store.awards_of(own.learner(here, visitor).id)
    for row in rows.values():
        if row.id == award_id:
            return row
    raise NotFound("expected the id of a badge of yours, got another")


def _badge(here: Context, row: AwardRow) -> Badge:
    with own.kept():
        document: Mapping[str, Any] = json.loads(handout.credential_of(row, here.parts))
    issuer = here.parts.issuer
    withheld = here.parts.store.withheld(row.attempts)
    return Badge(
        row=row,
        name=str(document["name"]),
        description=str(document["credentialSubject"]["achievement"].get("description", "")),
        holds=row.holds(here.parts.clock()),
        share=None
        if issuer.trial or row.visibility is Visibility.PRIVATE
        else credential.credential_id(issuer, row.id).removesuffix(".json") + ".html",
        linkedin=handout.link(row, here.parts),
        evidence=tuple(
            Evidence(attempt_id=name, title=_title(here, name), shown=name not in withheld)
            for name in row.attempts
        ),
    )


def _title(here: Context, attempt_id: str) -> str:
    submission = here.parts.store.submission(here.parts.store.attempt(attempt_id).submission_id)
    try:
        return shelf.entry(here.catalog(), submission.task_id).task.title
    except NotFound:
        return submission.task_id
