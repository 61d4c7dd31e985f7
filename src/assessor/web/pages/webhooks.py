"""Pages for admins: who is told of what happens, what became of each message, and sending one again."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from assessor.errors import LearnerError, RemoteFault
from assessor.openbadges import remote
from assessor.rows import news, webhooks
from assessor.rows.users import Role
from assessor.rows.webhooks import Event
from assessor.web import rendering
from assessor.web.access import Visitor, allow, router
from assessor.web.context import Context, Here

pages = router("/admin/webhooks")

Admin = Annotated[Visitor, allow(Role.ADMIN)]

#: How many messages a page shows.
ROWS = 100


@pages.get("")
def list_(request: Request, here: Here, visitor: Admin) -> Response:
    """Who is told, the oldest first."""
    return _list(request, here)


@pages.post("")
def add(
    request: Request,
    here: Here,
    visitor: Admin,
    url: Annotated[str, Form()] = "",
    events: Annotated[list[Event], Form()] = [],  # noqa: B006  # FastAPI copies it
) -> Response:
    """One more who is told; the secret that signs the messages is on this page, and never again."""
    secret = webhooks.secret(secrets.token_bytes(webhooks.SECRET_BYTES))
    try:
        remote.check(url.strip())
        made = here.parts.store.add_endpoint(
            id=here.parts.new_id(), url=url.strip(), secret=secret, events=events, act=visitor.act(here)
        )
    except (LearnerError, RemoteFault) as refused:
        return _list(request, here, problem=str(refused), url=url)
    return _show(request, here, made.id, secret=secret)


@pages.get("/{endpoint_id}")
def show(
    request: Request, here: Here, visitor: Admin, endpoint_id: str, after: str | None = None
) -> Response:
    """An endpoint, and the messages to it, the newest first."""
    return _show(request, here, endpoint_id, after=after)


@pages.post("/{endpoint_id}/active")
def set_active(here: Here, visitor: Admin, endpoint_id: str, active: Annotated[bool, Form()]) -> Response:
    """On or off; what waits for one that is off goes on waiting."""
    here.parts.store.set_endpoint(endpoint_id, active=active, act=visitor.act(here))
    return RedirectResponse(f"/admin/webhooks/{endpoint_id}", 303)


@pages.post("/{endpoint_id}/remove")
def remove(here: Here, visitor: Admin, endpoint_id: str) -> Response:
    """Nobody any more who is told, with all that was or was to be told."""
    here.parts.store.remove_endpoint(endpoint_id, act=visitor.act(here))
    return RedirectResponse("/admin/webhooks", 303)


@pages.post("/{endpoint_id}/ping")
def ping(here: Here, visitor: Admin, endpoint_id: str) -> Response:
    """A message that says nothing but that messages arrive."""
    act = visitor.act(here)
    here.parts.store.ping(
        endpoint_id, news.ping(endpoint_id, now=act.now), id=f"msg_{here.parts.new_id()}", act=act
    )
    return RedirectResponse(f"/admin/webhooks/{endpoint_id}", 303)


@pages.post("/{endpoint_id}/messages/{message_id}/replay")
def replay(here: Here, visitor: Admin, endpoint_id: str, message_id: str) -> Response:
    """A message once more, whatever became of it; its id stays the same."""
    found = here.parts.store.replay(message_id, act=visitor.act(here))
    return RedirectResponse(f"/admin/webhooks/{found.endpoint_id}", 303)


def _list(request: Request, here: Context, *, problem: str | None = None, url: str = "") -> Response:
    return rendering.page(
        request,
        "webhooks.html",
        status=200 if problem is None else 422,
        endpoints=here.parts.store.endpoints(),
        events=webhooks.TOLD,
        problem=problem,
        url=url,
    )


def _show(
    request: Request, here: Context, endpoint_id: str, *, after: str | None = None, secret: str | None = None
) -> Response:
    rows = here.parts.store.deliveries(endpoint_id, after=after, limit=ROWS + 1)
    return rendering.page(
        request,
        "webhook.html",
        endpoint=here.parts.store.endpoint(endpoint_id),
        rows=[(one, one.payload.decode("utf-8", "replace")) for one in rows[:ROWS]],
        more=f"/admin/webhooks/{endpoint_id}?after={rows[ROWS - 1].id}" if len(rows) > ROWS else None,
        secret=secret,
    )
