"""Hooks: what can be told to others, where they want to be told, and messages to them, as values.

Comes in: rows. Goes out: frozen values. Keeping them is left to `webhooks`, sending to `telling`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa


class Event(StrEnum):
    """What can be told."""

    ATTEMPT_FINISHED = "attempt.finished"  #: an attempt was judged, or given up as unjudged
    REVIEW_DONE = "review.done"  #: the last open criterion of an attempt has its marks
    AWARD_MADE = "award.made"  #: a badge was awarded, renewed or issued again
    AWARD_REVOKED = "award.revoked"  #: a badge was revoked
    PING = "ping"  #: nothing happened: somebody tries whether messages arrive


#: What an endpoint may be told of; a ping is sent to one that is asked for.
TOLD = tuple(one for one in Event if one is not Event.PING)


class DeliveryState(StrEnum):
    """Where a message is."""

    WAITING = "waiting"  #: is tried when its time comes
    DELIVERED = "delivered"  #: the endpoint took it
    FAILED = "failed"  #: given up; may be tried again by hand


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where somebody wants to be told.

    Attributes:
        secret: what each message is signed with; never shown again once it was made.
        events: of what; at least one.
        active: whether they are told at present.
    """

    id: str
    url: str
    secret: str
    events: frozenset[Event]
    active: bool

    def __repr__(self) -> str:
        return f"Endpoint(id={self.id!r}, url={self.url!r})"  # no secret in a log


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One message to one endpoint.

    Attributes:
        id: the message's own, the same at each try.
        payload: the bytes that are signed.
        tries: how often it was tried.
        next_at: when it is tried next; None once it is delivered or failed.
        status: the endpoint's last HTTP status, or None where it gave none.
        problem: why the last try failed, or None.
    """

    id: str
    endpoint_id: str
    event: Event
    payload: bytes
    state: DeliveryState
    tries: int
    next_at: datetime | None
    status: int | None
    problem: str | None
    created_at: datetime


def as_endpoint(row: sa.Row[Any]) -> Endpoint:
    """The endpoint in a row of all columns of `endpoints`."""
    values = {name: getattr(row, name) for name in Endpoint.__dataclass_fields__}
    return Endpoint(**{**values, "events": frozenset(map(Event, row.events))})


def as_delivery(row: sa.Row[Any]) -> Delivery:
    """The message in a row of all columns of `deliveries`."""
    values = {name: getattr(row, name) for name in Delivery.__dataclass_fields__}
    return Delivery(**{**values, "event": Event(row.event), "state": DeliveryState(row.state)})
