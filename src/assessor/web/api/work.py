"""Work: its files as they were handed in, what changed since an earlier time, and what to try next."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import Field
from starlette.responses import Response

from assessor.rows.users import Role, Scope
from assessor.web import own, seeing, work
from assessor.web.access import SIGNED_IN, Visitor, allow
from assessor.web.api import routing, tasks
from assessor.web.api.routing import Asked, Id, Told
from assessor.web.api.tasks import TaskLine
from assessor.web.context import Here

api = routing.router("work")

_Visitor = Annotated[Visitor, allow(SIGNED_IN, scope=Scope.READ)]


class Since(Asked):
    """Compared with what."""

    since: Annotated[
        str | None,
        Field(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
            max_length=100,
            description="An attempt at the same task; by default at what was handed in the time before.",
        ),
    ] = None


class LineTold(Told):
    """A line of a difference."""

    sign: Annotated[str, Field(description="A space, `+` or `-`; `@` says where the lines below it are.")]
    text: str


class ChangeTold(Told):
    """How one file differs."""

    path: str
    what: Annotated[str, Field(description="`new`, `removed` or `changed`.")]
    lines: list[LineTold]
    untold: Annotated[str, Field(description="Why there are no lines; else empty.")]


class ChangesTold(Told):
    """What differs between the work of two attempts; `earlier` is null where nothing came before."""

    earlier: Annotated[str | None, Field(description="The attempt that it is compared with.")]
    changes: list[ChangeTold]


class SuggestionTold(Told):
    """A task to try."""

    task: TaskLine
    reasons: Annotated[list[str], Field(description="Why, a sentence each, without its full stop.")]


@api.get(
    "/attempts/{attempt_id}/work",
    summary="The files as they were handed in, as a tar",
    response_class=Response,
    responses={200: {"content": {"application/x-tar": {"schema": {"type": "string", "format": "binary"}}}}},
)
def files(here: Here, visitor: _Visitor, attempt_id: Id) -> Response:
    """The very bytes whose digest the evidence names."""
    submission, _ = seeing.attempt(here, visitor, attempt_id)
    return Response(work.unpacked(here, submission).data, media_type="application/x-tar")


@api.get("/attempts/{attempt_id}/changes", summary="What changed since an earlier time")
def changes(here: Here, visitor: _Visitor, attempt_id: Id, asked: Annotated[Since, Query()]) -> ChangesTold:
    """File by file and line by line, bounded; the same learner's work for the same task alone."""
    later, _ = seeing.attempt(here, visitor, attempt_id)
    before = work.previous(here, later) if asked.since is None else seeing.attempt(here, visitor, asked.since)
    if before is None:
        return ChangesTold(earlier=None, changes=[])
    earlier, attempt = before
    return ChangesTold(
        earlier=attempt.id,
        changes=[
            ChangeTold(
                path=one.path,
                what=one.what,
                lines=[LineTold(sign=line.sign.value, text=line.text) for line in one.lines],
                untold=one.untold,
            )
            for one in work.differences(here, earlier, later)
        ],
    )


@api.get("/me/suggestions", summary="What to try next")
def suggestions(
    here: Here, visitor: Annotated[Visitor, allow(Role.LEARNER, scope=Scope.READ)]
) -> list[SuggestionTold]:
    """The most useful first: what counts towards badges that are missing, else what shows something new."""
    return [
        SuggestionTold(task=tasks.line(one.entry), reasons=list(one.reasons))
        for one in own.suggestions(here, visitor)
    ]
