"""An attempt live, as server-sent events: each stands for all before it.

Of hidden tests nothing is told before the end (`progress`), and however many follow, one reader looks at the
store for all of them (`watching`).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Literal

import anyio
from fastapi import Header, Query
from pydantic import Field
from starlette.responses import StreamingResponse

from assessor.rows.users import Scope
from assessor.web import seeing
from assessor.web.access import SIGNED_IN, Visitor, allow
from assessor.web.api import routing
from assessor.web.api.attempts import PlaceTold, place_told
from assessor.web.api.routing import Asked, Id, Told
from assessor.web.context import Here
from assessor.web.progress import Progress
from assessor.web.watching import Watch

api = routing.router("attempts")

#: How long a stream stays open at most, seconds; whoever follows comes again.
STREAM_S = 600
#: When a client that lost a stream is to come again, milliseconds.
AGAIN_MS = 1000

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


class Following(Asked):
    """How long to follow."""

    wait_s: Annotated[
        int, Field(ge=1, le=STREAM_S, description="How long the stream stays open at most.")
    ] = STREAM_S


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
    return StreamingResponse(
        _events(here.watch, attempt_id, seen=last_event_id, wait_s=asked.wait_s),
        media_type="text/event-stream",
    )


def told(found: Progress) -> str:
    """Where an attempt is, as JSON in one line."""
    return ProgressTold(
        attempt=found.attempt_id,
        state=found.state.value,
        over=found.over,
        place=place_told(found.place),
        tests=[TestSeenTold(name=one.name, passed=one.passed, reason=one.reason) for one in found.tests],
        done=found.done,
        visible=found.visible,
        hidden=found.hidden,
    ).model_dump_json()


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
            mark = hashlib.sha256(view.data.encode()).hexdigest()[:16]
            if mark != seen or view.over:
                yield _event("done" if view.over else "progress", mark, view.data)
            if view.over:
                return


def _event(kind: Literal["progress", "done"], mark: str, text: str) -> bytes:
    # One line: JSON has no raw end of line in it.
    assert "\n" not in text, "JSON is written in one line"
    return f"event: {kind}\nid: {mark}\ndata: {text or json.dumps(None)}\n\n".encode()
