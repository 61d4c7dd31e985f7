"""News: what happened, as the messages that wait for whoever wants to be told.

Comes in: a transaction in which something happened. Goes out: messages that are kept by the same transaction
(`webhooks.queue`), or nothing where nobody wants them. Signing and sending is left to `telling`.

A message names things by their ids and says what came of them; of people it has the id of a learner and
nothing else, so that a receiver asks the API, with a token, for what it may know. Its bytes are JSON:

    {"type": "attempt.finished", "timestamp": "2026-03-01T12:00:00+00:00", "data": {...}}

Source: Standard Webhooks 1.0.0, Payload structure (thin payloads, event types).
"""

from __future__ import annotations

import itertools
import json
from datetime import datetime
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from assessor.rows import schema, webhooks
from assessor.rows.webhooks import Event

_A = schema.attempts.c
_S = schema.submissions.c


def attempt_finished(
    connection: sa.Connection, attempt_id: str, *, reviewed: bool = False, now: datetime
) -> None:
    """Tell that an attempt has its verdict, or was given up as unjudged.

    Args:
        connection: inside the transaction that ends it, after its row was written.
        attempt_id: which.
        reviewed: whether the last open review was what it waited for: that is told too.
        now: the time.
    """
    events = (Event.REVIEW_DONE, Event.ATTEMPT_FINISHED) if reviewed else (Event.ATTEMPT_FINISHED,)
    if not webhooks.wanted(connection, *events):
        return
    query = sa.select(schema.attempts, _S.learner_id, _S.task_id, _S.task_version)
    row = connection.execute(query.join(schema.submissions).where(_A.id == attempt_id)).one()
    attempt = schema.as_attempt(row)
    data = {
        "attempt": attempt.id,
        "number": attempt.number,
        "submission": attempt.submission_id,
        "task": row.task_id,
        "learner": row.learner_id,
        "state": attempt.state.value,
        "verdict": attempt.verdict,
        "score": None if attempt.score is None else [attempt.score.numerator, attempt.score.denominator],
        "level": attempt.level,
    }
    for event in events:
        _tell(connection, event, data, learner_id=row.learner_id, now=now)


def award_made(
    connection: sa.Connection,
    award_id: str,
    *,
    achievement_id: str,
    learner_id: str | None,
    revision: int,
    level: str | None,
    change: str,
    valid_until: datetime | None,
    now: datetime,
) -> None:
    """Tell that a badge was awarded, renewed or issued again, inside the transaction that keeps it."""
    data = {
        "award": award_id,
        "achievement": achievement_id,
        "learner": learner_id,
        "revision": revision,
        "level": level,
        "change": change,
        "valid_until": None if valid_until is None else valid_until.isoformat(),
    }
    _tell(connection, Event.AWARD_MADE, data, learner_id=learner_id, now=now)


def award_revoked(
    connection: sa.Connection, award_id: str, *, achievement_id: str, learner_id: str | None, now: datetime
) -> None:
    """Tell that a badge was revoked, inside the transaction that does it; why is the issuer's own affair."""
    data = {"award": award_id, "achievement": achievement_id, "learner": learner_id}
    _tell(connection, Event.AWARD_REVOKED, data, learner_id=learner_id, now=now)


def ping(endpoint_id: str, *, now: datetime) -> bytes:
    """The bytes of a message that says nothing but that messages arrive."""
    return _written(Event.PING, {"endpoint": endpoint_id}, now)


def _tell(
    connection: sa.Connection,
    event: Event,
    data: dict[str, Any],
    *,
    learner_id: str | None,
    now: datetime,
) -> None:
    payload = _written(event, data, now)
    # Its id comes of what happened, to what and when, and of which of those who are told it is: so nobody has
    # to bring random ids to wherever something happens. It has no full stop: that parts what is signed.
    seed, places = sha256(payload).hexdigest()[:32], itertools.count(1)
    webhooks.queue(
        connection,
        event,
        payload,
        new_id=lambda: f"msg_{seed}_{next(places)}",
        learner_id=learner_id,
        now=now,
    )


def _written(event: Event, data: dict[str, Any], now: datetime) -> bytes:
    told = {"type": event.value, "timestamp": now.isoformat(), "data": data}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
