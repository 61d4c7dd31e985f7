"""Webhooks, for admins: who is told of what happens, what became of each message, and sending one again."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import Field, StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from assessor.errors import AccountRefused, RemoteFault
from assessor.openbadges import remote
from assessor.rows import news, webhooks
from assessor.rows.users import Role, Scope
from assessor.rows.webhooks import Delivery, DeliveryState, Endpoint, Event
from assessor.web.access import Visitor, allow
from assessor.web.api import paging, routing
from assessor.web.api.paging import Page, Paged
from assessor.web.api.routing import Given, Id, Told
from assessor.web.context import Here

api = routing.router("webhooks")

_Admin = Annotated[Visitor, allow(Role.ADMIN, scope=Scope.ADMIN)]
_Url = Annotated[
    str,
    StringConstraints(pattern=r"^https://[\x21-\x7e]+$", max_length=2048),
    Field(examples=["https://hooks.example.org/assessor"]),
]
_Events = Annotated[
    list[Annotated[Event, Field(strict=False)]],
    Field(min_length=1, max_length=len(webhooks.TOLD), examples=[[Event.AWARD_MADE.value]]),
]


class WebhookGiven(Given):
    """An address that is to be told; without events of everything."""

    url: _Url
    events: _Events | None = None


class WebhookChanged(Given):
    """What is to be changed; what is left out stays."""

    url: _Url | None = None
    events: _Events | None = None
    active: bool | None = None


class WebhookTold(Told):
    """An address that is told."""

    id: str
    url: str
    events: list[Event]
    active: Annotated[bool, Field(description="Whether it is told at present.")]


class WebhookMade(WebhookTold):
    """A new one, with what its messages are signed by: told this once."""

    secret: str


class MessageTold(Told):
    """A message, and what became of it."""

    id: Annotated[str, Field(description="The same each time that it is sent.")]
    webhook: str
    event: Event
    payload: Annotated[str, Field(description="What is sent, a JSON object as text.")]
    state: DeliveryState
    tries: int
    next_at: Annotated[datetime | None, Field(description="When it is tried next; null once it is over.")]
    status: Annotated[int | None, Field(description="The receiver's last HTTP status.")]
    problem: Annotated[str | None, Field(description="Why the last try failed.")]
    created_at: datetime


@api.get("/webhooks", summary="Who is told")
def list_webhooks(
    here: Here, request: Request, response: Response, visitor: _Admin, asked: Annotated[Paged, Query()]
) -> Page[WebhookTold]:
    """The oldest first."""
    rows = paging.cut(here.parts.store.endpoints(), asked, key=lambda one: one.id)
    return paging.page(request, response, asked, rows, key=lambda one: one.id, told=_told)


@api.post("/webhooks", status_code=201, summary="Tell one more")
def make_webhook(here: Here, response: Response, visitor: _Admin, given: WebhookGiven) -> WebhookMade:
    """The secret is in this answer and never again."""
    _check(given.url)
    secret = webhooks.secret(secrets.token_bytes(webhooks.SECRET_BYTES))
    made = here.parts.store.add_endpoint(
        id=here.parts.new_id(),
        url=given.url,
        secret=secret,
        events=webhooks.TOLD if given.events is None else given.events,
        act=visitor.act(here),
    )
    response.headers["Location"] = f"{routing.ROOT}/webhooks/{made.id}"
    return WebhookMade(**_told(made).model_dump(), secret=secret)


@api.get("/webhooks/{webhook_id}", summary="An address that is told")
def show_webhook(here: Here, visitor: _Admin, webhook_id: Id) -> WebhookTold:
    """Without its secret."""
    return _told(here.parts.store.endpoint(webhook_id))


@api.patch("/webhooks/{webhook_id}", summary="Change whom is told, of what, and whether")
def change_webhook(here: Here, visitor: _Admin, webhook_id: Id, given: WebhookChanged) -> WebhookTold:
    """What waits for one that is switched off goes on waiting; its secret stays."""
    if given.url is not None:
        _check(given.url)
    found = here.parts.store.set_endpoint(
        webhook_id,
        active=given.active,
        url=given.url,
        events=given.events,
        act=visitor.act(here),
    )
    return _told(found)


@api.delete("/webhooks/{webhook_id}", status_code=204, summary="Tell one no more")
def remove_webhook(here: Here, visitor: _Admin, webhook_id: Id) -> None:
    """With all that was or was to be told to it."""
    here.parts.store.remove_endpoint(webhook_id, act=visitor.act(here))


@api.post("/webhooks/{webhook_id}/ping", status_code=202, summary="Send a test message")
def ping_webhook(here: Here, visitor: _Admin, webhook_id: Id) -> MessageTold:
    """It says nothing but that messages arrive; what became of it is told by the list of messages."""
    act = visitor.act(here)
    payload = news.ping(webhook_id, now=act.now)
    queued = here.parts.store.ping(webhook_id, payload, id=f"msg_{here.parts.new_id()}", act=act)
    return _message(queued)


@api.get("/webhooks/{webhook_id}/messages", summary="What one was told")
def list_messages(
    here: Here,
    request: Request,
    response: Response,
    visitor: _Admin,
    webhook_id: Id,
    asked: Annotated[Paged, Query()],
) -> Page[MessageTold]:
    """The newest first."""
    found = here.parts.store.endpoint(webhook_id)
    rows = here.parts.store.deliveries(found.id, after=asked.after(), limit=asked.limit + 1)
    return paging.page(request, response, asked, rows, key=lambda one: one.id, told=_message)


@api.get("/webhook-messages/{message_id}", summary="A message")
def show_message(here: Here, visitor: _Admin, message_id: Id) -> MessageTold:
    """And what became of it."""
    return _message(here.parts.store.delivery(message_id))


@api.post("/webhook-messages/{message_id}/replay", status_code=202, summary="Send a message again")
def replay_message(here: Here, visitor: _Admin, message_id: Id) -> MessageTold:
    """Whatever became of it; its id stays the same."""
    return _message(here.parts.store.replay(message_id, act=visitor.act(here)))


def _check(url: str) -> None:
    try:
        remote.check(url)
    except RemoteFault as error:
        # Whoever sent it can mend it.
        raise AccountRefused(f"webhook: {error}") from error


def _told(one: Endpoint) -> WebhookTold:
    return WebhookTold(id=one.id, url=one.url, events=sorted(one.events), active=one.active)


def _message(one: Delivery) -> MessageTold:
    return MessageTold(
        id=one.id,
        webhook=one.endpoint_id,
        event=one.event,
        payload=one.payload.decode(),
        state=one.state,
        tries=one.tries,
        next_at=one.next_at,
        status=one.status,
        problem=one.problem,
        created_at=one.created_at,
    )
