"""Attempts: where one is, live, what came of it, and its signed evidence.

What a learner is told of tests is cut where every result is cut (`judging.feedback`); of hidden ones nothing
is told before the end (`progress`).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Literal

import anyio
from fastapi import Header, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from assessor import hosting, jobs, judging, publish
from assessor.errors import NotFound
from assessor.store import Attempt, AttemptState, EvidenceRow
from assessor.users import Scope
from assessor.waiting import Place
from assessor.web import following
from assessor.web.access import SIGNED_IN, Visitor, allow
from assessor.web.api import routing, seeing
from assessor.web.api.routing import Asked, Id, Score, Told
from assessor.web.context import Context, Here
from assessor.web.progress import Progress
from assessor.web.watching import View, Watch

api = routing.router("attempts")

#: How long a stream stays open at most, seconds; whoever follows comes again.
STREAM_S = 600
#: When a client that lost a stream is to come again, milliseconds.
AGAIN_MS = 1000

#: States in which there is a result.
SCORED = (AttemptState.JUDGED, AttemptState.AWAITING_REVIEW)

#: An event of a stream; its data is a `ProgressTold`.
_STREAM = {
    "type": "object",
    "properties": {
        "event": {"enum": ["progress", "done"]},
        "id": {"type": "string"},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/ProgressTold"},
        },
    },
}

_Visitor = Annotated[Visitor, allow(SIGNED_IN, scope=Scope.READ)]


class PlaceTold(Told):
    """Where an attempt stands in the queue; the time is an estimate."""

    position: int
    workers: int
    expected_s: float | None


class AttemptTold(Told):
    """An attempt."""

    id: str
    submission: str
    number: int
    kind: str
    state: str
    verdict: str | None
    score: Score | None
    level: str | None
    queue_class: str
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    superseded_by: str | None
    place: Annotated[PlaceTold | None, Field(description="Null unless it is queued.")]


class CountsTold(Told):
    """How many tests passed, of how many."""

    passed: int
    total: int


class CriterionResult(Told):
    """What came of one criterion; `fraction` is null while its review is open."""

    criterion_id: str
    fraction: Score | None
    points: Score
    level: str | None
    counts: CountsTold | None
    comment: str | None


class TestResult(Told):
    """A visible test."""

    __test__ = False

    name: str
    criterion_id: str
    passed: bool
    reason: str | None
    message: str
    detail: str
    output: str
    example: str | None


class FindingTold(Told):
    """Where a static check does not hold, and what to do there."""

    path: str
    line: int
    rule: str
    sentence: str


class CheckTold(Told):
    """What a static check came to; it looks at nothing but the learner's own files."""

    criterion_id: str
    title: str
    passed: bool
    reason: str | None
    findings: list[FindingTold]
    more: Annotated[int, Field(description="How many more findings there are.")]


class ResultTold(Told):
    """What came of an attempt, as far as the task's policy tells it."""

    verdict: str
    total: Score
    level: str | None
    gates_missed: list[str]
    criteria: list[CriterionResult]
    tests: list[TestResult]
    visible: CountsTold | None
    hidden: CountsTold | None
    checks: list[CheckTold]


class EvidenceTold(Told):
    """The signed evidence of an attempt: digests of its files, and the key that signed."""

    record: str
    run: str
    envelope: str
    key_id: str


class Following(Asked):
    """How long to follow."""

    wait_s: Annotated[
        int, Field(ge=1, le=STREAM_S, description="How long the stream stays open at most.")
    ] = STREAM_S


@api.get("/attempts/{attempt_id}", summary="An attempt")
def show_attempt(here: Here, visitor: _Visitor, attempt_id: Id) -> AttemptTold:
    """With its place in the queue while it waits."""
    _, found = seeing.attempt(here, visitor, attempt_id)
    return told(here, found)


@api.get(
    "/attempts/{attempt_id}/events",
    summary="An attempt, live",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Server-sent events. Each `progress` has all that is known then, as JSON; `done` "
            "is the last one of an attempt. A stream that ends without it is to be asked for again.",
            "content": {"text/event-stream": {"schema": _STREAM}},
        }
    },
)
async def follow(
    request: Request,
    here: Here,
    visitor: _Visitor,
    attempt_id: Id,
    asked: Annotated[Following, Query()],
    last_event_id: Annotated[
        str | None, Header(max_length=100, description="What was seen last is not sent again.")
    ] = None,
) -> StreamingResponse:
    """Each event stands for all before it: who comes late, or again, has missed nothing that counts."""
    await anyio.to_thread.run_sync(seeing.attempt, here, visitor, attempt_id)
    watch = _watch(request, here)
    return StreamingResponse(
        _events(watch, attempt_id, seen=last_event_id, wait_s=asked.wait_s), media_type="text/event-stream"
    )


@api.get("/attempts/{attempt_id}/result", summary="What came of an attempt")
def result(here: Here, visitor: _Visitor, attempt_id: Id) -> ResultTold:
    """There is one once it is judged, or waits for a reviewer; before that, 404."""
    _, found = seeing.attempt(here, visitor, attempt_id)
    if found.state not in SCORED:
        raise NotFound(f"expected an attempt that has a result, it is {found.state.value}")
    return ResultTold.model_validate(judging.feedback(judging.judge(found.id, here.parts)).dump())


@api.get("/attempts/{attempt_id}/evidence", summary="What is signed of an attempt")
def evidence(here: Here, visitor: _Visitor, attempt_id: Id) -> EvidenceTold:
    """The files themselves are below it."""
    row = _evidence(here, visitor, attempt_id)
    return EvidenceTold(record=row.record, run=row.run, envelope=row.envelope, key_id=row.key_id)


def _file(name: str) -> dict[int | str, dict[str, object]]:
    media = hosting.media_type(f"evidence/attempt/{name}")
    return {
        200: {
            "description": "The bytes that are signed.",
            "content": {media: {"schema": {"type": "object"}}},
        }
    }


@api.get(
    "/attempts/{attempt_id}/evidence/record",
    summary="The record",
    response_class=Response,
    responses=_file(publish.RECORD),
)
def record(here: Here, visitor: _Visitor, attempt_id: Id) -> Response:
    """Canonical JSON; its SHA-256 is its id."""
    return _bytes(here, _evidence(here, visitor, attempt_id).record, publish.RECORD)


@api.get(
    "/attempts/{attempt_id}/evidence/run",
    summary="The note of the run",
    response_class=Response,
    responses=_file(publish.RUN),
)
def run(here: Here, visitor: _Visitor, attempt_id: Id) -> Response:
    """Times, versions and the engine, which the record leaves out."""
    return _bytes(here, _evidence(here, visitor, attempt_id).run, publish.RUN)


@api.get(
    "/attempts/{attempt_id}/evidence/envelope",
    summary="The signature over both",
    response_class=Response,
    responses=_file(publish.ENVELOPE),
)
def envelope(here: Here, visitor: _Visitor, attempt_id: Id) -> Response:
    """A DSSE envelope around an in-toto Statement."""
    return _bytes(here, _evidence(here, visitor, attempt_id).envelope, publish.ENVELOPE)


def told(here: Context, one: Attempt) -> AttemptTold:
    """An attempt as it is told."""
    place = jobs.place(one.id, here.parts) if one.state is AttemptState.QUEUED else None
    return AttemptTold(
        id=one.id,
        submission=one.submission_id,
        number=one.number,
        kind=one.kind.value,
        state=one.state.value,
        verdict=one.verdict,
        score=routing.score(one.score),
        level=one.level,
        queue_class=one.queue_class.value,
        queued_at=one.queued_at,
        started_at=one.started_at,
        finished_at=one.finished_at,
        superseded_by=one.superseded_by,
        place=_place(place),
    )


def _place(found: Place | None) -> PlaceTold | None:
    if found is None:
        return None
    expected_s = None if found.expected_s is None else round(found.expected_s, 1)
    return PlaceTold(position=found.position, workers=found.workers, expected_s=expected_s)


def _evidence(here: Context, visitor: Visitor, attempt_id: str) -> EvidenceRow:
    _, found = seeing.attempt(here, visitor, attempt_id)
    row = here.parts.store.evidence(found.id)
    if row is None:
        raise NotFound(f"expected an attempt with evidence, it is {found.state.value}")
    return row


def _bytes(here: Context, digest: str, name: str) -> Response:
    media = hosting.media_type(f"evidence/attempt/{name}")
    return Response(here.parts.blobs.get(digest), headers={"Content-Type": media})


class TestSeenTold(Told):
    """A visible test that is done."""

    __test__ = False

    name: str
    passed: bool
    reason: str | None


class ProgressTold(Told):
    """Where an attempt is; null: the policy tells nothing of it."""

    attempt: str
    state: str
    over: Annotated[bool, Field(description="Whether nothing more comes by itself.")]
    place: PlaceTold | None
    tests: list[TestSeenTold]
    done: int | None
    visible: int | None
    hidden: int | None


def _watch(request: Request, here: Context) -> Watch:
    """The one reader for all who follow by the API; it belongs to the application's event loop."""
    found: Watch | None = getattr(request.app.state, "api_watch", None)
    if found is None:
        found = request.app.state.api_watch = Watch(
            glance=here.parts.store.glance, look=lambda attempt: _view(here, attempt)
        )
    return found


def _view(here: Context, attempt: Attempt) -> View:
    found = following.now(attempt, here.parts)
    if found is None:
        return View(text="", over=True)
    return View(text=_progress(found).model_dump_json(), over=found.over)


def _progress(found: Progress) -> ProgressTold:
    return ProgressTold(
        attempt=found.attempt_id,
        state=found.state.value,
        over=found.over,
        place=_place(found.place),
        tests=[TestSeenTold(name=one.name, passed=one.passed, reason=one.reason) for one in found.tests],
        done=found.done,
        visible=found.visible,
        hidden=found.hidden,
    )


async def _events(watch: Watch, attempt_id: str, *, seen: str | None, wait_s: int) -> AsyncIterator[bytes]:
    yield f"retry: {AGAIN_MS}\n\n".encode()
    until = time.monotonic() + wait_s
    # Closed here, whenever the client goes: else it would count as one who follows until it is collected.
    async with contextlib.aclosing(watch.follow(attempt_id)) as views:
        while True:
            try:
                view = await asyncio.wait_for(anext(views), until - time.monotonic())
            except (TimeoutError, StopAsyncIteration):
                return
            if view is None:
                yield b": nothing new\n\n"
                continue
            mark = hashlib.sha256(view.text.encode()).hexdigest()[:16]
            if mark != seen or view.over:
                yield _event("done" if view.over else "progress", mark, view.text)
            if view.over:
                return


def _event(kind: Literal["progress", "done"], mark: str, text: str) -> bytes:
    # One line: JSON has no raw end of line in it.
    assert "\n" not in text, "JSON is written in one line"
    return f"event: {kind}\nid: {mark}\ndata: {text or json.dumps(None)}\n\n".encode()
