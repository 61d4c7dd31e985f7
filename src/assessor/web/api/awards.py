"""Badges and awards: what can be earned, what was, and an issuer's orders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from assessor import awarding, handout, hosting
from assessor.achievement import Achievement
from assessor.errors import AwardRefused, NotFound
from assessor.requirement import AchievementRequired, CompetencyRequired, Requirement, TaskRequired
from assessor.rows.awards import AwardRow, Visibility
from assessor.rows.users import Role, Scope
from assessor.web import seeing
from assessor.web.access import PUBLIC, SIGNED_IN, Visitor, allow
from assessor.web.api import paging, routing
from assessor.web.api.paging import Page, Paged
from assessor.web.api.routing import Given, Id, IdText, Told, Words
from assessor.web.api.tasks import CompetencyTold
from assessor.web.context import Context, Here

api = routing.router("awards")

_CREDENTIAL = hosting.media_type("credentials/award.json")


class RequirementTold(Told):
    """One thing that an achievement takes: a task, a competency in so many tasks, or another achievement."""

    task: str | None = None
    framework: str | None = None
    code: str | None = None
    tasks: int | None = None
    achievement: str | None = None
    level: str | None = None


class BadgeTold(Told):
    """An achievement."""

    id: str
    version: str
    name: str
    description: str
    criteria: Annotated[str, Field(description="Markdown.")]
    competencies: list[CompetencyTold]
    requires: list[RequirementTold]
    valid_months: int | None
    tags: list[str]


class AwardTold(Told):
    """An award; `learner` and `reason` are told to issuers alone."""

    id: str
    achievement: str
    level: str | None
    revision: int
    attempts: list[str]
    awarded_at: datetime
    valid_from: datetime
    valid_until: datetime | None
    revoked_at: datetime | None
    holds: bool
    visibility: Visibility
    withheld: Annotated[
        list[str], Field(description="Attempts of it whose evidence the learner keeps to themselves.")
    ]
    learner: str | None
    reason: str | None


class AwardGiven(Given):
    """An order to award; `attempt` and `reason` where it rests on one by an issuer's decision."""

    achievement: IdText
    learner: Annotated[Words, Field(description="The learner's name, their e-mail address by default.")]
    attempt: IdText | None = None
    reason: Words | None = None


class Revoking(Given):
    """An order to revoke, for good; the reason is kept and not published."""

    reason: Words


class Anew(Given):
    """An order to sign an award anew; the reason is kept and not published."""

    reason: Words | None = None


class Showing(Given):
    """Who may see an award, and which of its evidence; what is left out stays as it is."""

    visibility: Annotated[Visibility | None, Field(strict=False)] = None
    withheld: Annotated[
        list[IdText] | None,
        Field(
            max_length=200,
            description="Attempts of it whose evidence you keep to yourself; that of its others is shown.",
        ),
    ] = None


class Which(Paged):
    """Which awards."""

    achievement: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)] = None
    learner: Annotated[str | None, Field(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=300)] = None


@api.get("/badges", summary="What can be earned")
def list_badges(
    here: Here,
    request: Request,
    response: Response,
    visitor: Annotated[Visitor, allow(PUBLIC)],
    asked: Annotated[Paged, Query()],
) -> Page[BadgeTold]:
    """Each after those that it requires."""
    found, _problems = here.catalog().sound_achievements()
    rows = paging.cut(found, asked, key=lambda one: one.id)
    return paging.page(request, response, asked, rows, key=lambda one: one.id, told=_badge)


@api.get("/badges/{badge_id}", summary="An achievement")
def show_badge(here: Here, visitor: Annotated[Visitor, allow(PUBLIC)], badge_id: Id) -> BadgeTold:
    """What it stands for and what it takes."""
    found, _problems = here.catalog().sound_achievements()
    one = next((one for one in found if one.id == badge_id), None)
    if one is None:
        raise NotFound("expected the id of an achievement, got another")
    return _badge(one)


@api.get("/me/awards", summary="Your awards")
def own_awards(
    here: Here,
    request: Request,
    response: Response,
    visitor: Annotated[Visitor, allow(Role.LEARNER, scope=Scope.READ)],
    asked: Annotated[Paged, Query()],
) -> Page[AwardTold]:
    """The oldest first, those that hold no more among them."""
    found, now = here.parts.store.awards_of(seeing.learner_id(visitor)), here.parts.clock()
    rows = paging.cut(tuple(found.values()), asked, key=lambda one: one.id)
    withheld = _withheld(here, rows)
    return paging.page(
        request,
        response,
        asked,
        rows,
        key=lambda one: one.id,
        told=lambda one: _told(one, now, withheld=withheld),
    )


@api.get("/awards", summary="All awards")
def list_awards(
    here: Here,
    request: Request,
    response: Response,
    visitor: Annotated[Visitor, allow(Role.ISSUER, scope=Scope.AWARD)],
    asked: Annotated[Which, Query()],
) -> Page[AwardTold]:
    """The oldest first."""
    store, now = here.parts.store, here.parts.clock()
    rows = store.awards(
        learner=asked.learner, achievement=asked.achievement, after=asked.after(), limit=asked.limit + 1
    )
    names = store.learner_names({one.learner_id for one in rows if one.learner_id})
    withheld = _withheld(here, rows)
    return paging.page(
        request,
        response,
        asked,
        rows,
        key=lambda one: one.id,
        told=lambda one: _told(one, now, names, withheld=withheld),
    )


@api.post("/awards", status_code=201, summary="Award an achievement", responses={404: {}, 409: {}})
def make_award(
    here: Here,
    response: Response,
    visitor: Annotated[Visitor, allow(Role.ISSUER, scope=Scope.AWARD)],
    given: AwardGiven,
) -> AwardTold:
    """What the learner has already is given back as it is."""
    if (given.attempt is None) is not (given.reason is None):
        raise AwardRefused("expected an attempt and a reason together, or neither, got one of them")
    done = awarding.award(
        here.parts,
        given.achievement,
        given.learner,
        attempt=given.attempt,
        reason=given.reason,
        act=visitor.act(here),
    )
    if done.row is None:
        raise AwardRefused(f"expected an award, got none: {done.words}")
    response.headers["Location"] = f"{routing.ROOT}/awards/{done.row.id}"
    return _for_issuer(here, done.row)


@api.get("/awards/{award_id}", summary="An award")
def show_award(
    here: Here, visitor: Annotated[Visitor, allow(SIGNED_IN, scope=Scope.READ)], award_id: Id
) -> AwardTold:
    """One's own, or any for an issuer."""
    row = seeing.award(here, visitor, award_id)
    if Role.ISSUER in visitor.roles:
        return _for_issuer(here, row)
    return _told(row, here.parts.clock(), withheld=_withheld(here, [row]))


@api.patch("/awards/{award_id}", summary="Say who may see an award")
def show_to(
    here: Here,
    visitor: Annotated[Visitor, allow(Role.LEARNER, scope=Scope.SUBMIT)],
    award_id: Id,
    given: Showing,
) -> AwardTold:
    """Of one's own: the badge, and the evidence that it rests on.

    What is withheld is so for every award that rests on the same work, however often that is judged.
    """
    row = seeing.award(here, visitor, award_id)
    if row.learner_id != visitor.signed_in().learner_id:
        raise NotFound("expected the id of an award of yours, got another")
    shown: dict[str, bool] = {}
    if given.withheld is not None:
        shown = dict.fromkeys(row.attempts, True) | dict.fromkeys(given.withheld, False)
    now = here.parts.clock()
    row = here.parts.store.show_evidence(row.id, shown, visibility=given.visibility, now=now)
    return _told(row, now, withheld=here.parts.store.withheld(row.attempts))


@api.get(
    "/awards/{award_id}/credential",
    summary="The signed credential",
    response_class=Response,
    responses={
        200: {
            "description": "Open Badges 3.0, as it was signed last.",
            "content": {_CREDENTIAL: {"schema": {"type": "object"}}},
        },
        409: {},
    },
)
def credential(
    here: Here, visitor: Annotated[Visitor, allow(SIGNED_IN, scope=Scope.READ)], award_id: Id
) -> Response:
    """The bytes that are signed."""
    data = handout.credential_of(seeing.award(here, visitor, award_id), here.parts)
    return Response(data, headers={"Content-Type": _CREDENTIAL})


@api.post("/awards/{award_id}/revocation", summary="Revoke an award", responses={409: {}})
def revoke(
    here: Here,
    visitor: Annotated[Visitor, allow(Role.ISSUER, scope=Scope.AWARD)],
    award_id: Id,
    given: Revoking,
) -> AwardTold:
    """For good; its bit in the status list is set and the list signed at once."""
    row = seeing.award(here, visitor, award_id)
    done = awarding.revoke(here.parts, row.id, reason=given.reason, act=visitor.act(here))
    assert done.row is not None, "what was revoked is there"
    return _for_issuer(here, done.row)


@api.post("/awards/{award_id}/renewal", summary="Renew an award", responses={409: {}})
def renew(
    here: Here,
    visitor: Annotated[Visitor, allow(Role.ISSUER, scope=Scope.AWARD)],
    award_id: Id,
    given: Anew,
) -> AwardTold:
    """Signed anew, to last as long as a new one from now on."""
    row = seeing.award(here, visitor, award_id)
    done = awarding.renew(here.parts, row.id, reason=given.reason, act=visitor.act(here))
    assert done.row is not None, "what was renewed is there"
    return _for_issuer(here, done.row)


@api.post("/awards/{award_id}/reissue", summary="Issue an award again", responses={409: {}})
def reissue(
    here: Here,
    visitor: Annotated[Visitor, allow(Role.ISSUER, scope=Scope.AWARD)],
    award_id: Id,
    given: Anew,
) -> AwardTold:
    """Signed anew as it is: for another address, a mended achievement or a new key."""
    row = seeing.award(here, visitor, award_id)
    done = awarding.reissue(here.parts, row.id, reason=given.reason, act=visitor.act(here))
    assert done.row is not None, "what was issued again is there"
    return _for_issuer(here, done.row)


def _for_issuer(here: Here, row: AwardRow) -> AwardTold:
    names = here.parts.store.learner_names({row.learner_id} if row.learner_id else ())
    return _told(row, here.parts.clock(), names, withheld=_withheld(here, [row]))


def _withheld(here: Context, rows: Iterable[AwardRow]) -> frozenset[str]:
    return here.parts.store.withheld({attempt for row in rows for attempt in row.attempts})


def _told(
    row: AwardRow, now: datetime, names: Mapping[str, str] | None = None, *, withheld: Set[str]
) -> AwardTold:
    return AwardTold(
        id=row.id,
        achievement=row.achievement_id,
        level=row.level,
        revision=row.revision,
        attempts=list(row.attempts),
        awarded_at=row.awarded_at,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        revoked_at=row.revoked_at,
        holds=row.holds(now),
        visibility=row.visibility,
        withheld=[one for one in row.attempts if one in withheld],
        learner=None if names is None else names.get(row.learner_id or ""),
        reason=None if names is None else row.reason,
    )


def _badge(one: Achievement) -> BadgeTold:
    return BadgeTold(
        id=one.id,
        version=one.version,
        name=one.name,
        description=one.description,
        criteria=one.criteria,
        competencies=[
            CompetencyTold(framework=each.framework, code=each.code, name=each.name, url=each.url)
            for each in one.competencies
        ],
        requires=[_requirement(each) for each in one.requires],
        valid_months=one.valid_months,
        tags=list(one.tags),
    )


def _requirement(one: Requirement) -> RequirementTold:
    match one:
        case TaskRequired():
            return RequirementTold(task=one.task, level=one.level)
        case CompetencyRequired():
            return RequirementTold(framework=one.framework, code=one.code, level=one.level, tasks=one.tasks)
        case AchievementRequired():
            return RequirementTold(achievement=one.achievement)
