"""Webhooks: where others want to be told, and what waits to be told to them.

Comes in: payloads that the caller has made (`news`), and the time. Goes out: frozen rows. Signing and sending
is left to `telling`.

`queue` is for the transaction of what it tells of: then there is no message without the event, and no event
without its message. Whoever sends takes what is due under a lease: a sender that is killed loses nothing, and
a message may come twice; its id says that it is the same one.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from assessor.errors import AccountRefused, NotFound
from assessor.rows import accounts, audit, hooks
from assessor.rows.audit import Act
from assessor.rows.database import Database
from assessor.rows.hooks import TOLD, Delivery, DeliveryState, Endpoint, Event

__all__ = [
    "LEASE",
    "SECRET_BYTES",
    "TOLD",
    "Delivery",
    "DeliveryState",
    "Endpoint",
    "Event",
    "Webhooks",
    "queue",
    "secret",
    "wanted",
]

#: How many random bytes a secret has.
SECRET_BYTES = 32
#: How long a sender has before what it took is due again.
LEASE = timedelta(minutes=2)

_E = accounts.endpoints.c
_D = accounts.deliveries.c


class Webhooks(Database):
    """The part of the store that is about telling others."""

    def add_endpoint(self, *, id: str, url: str, secret: str, events: Iterable[Event], act: Act) -> Endpoint:
        """Keep where somebody wants to be told. Whether the URL may be called is asked by who calls it.

        Raises:
            AccountRefused: there is no event, or one that is not to be chosen.
        """
        made = Endpoint(id=id, url=url, secret=secret, events=frozenset(_chosen(url, events)), active=True)
        with self.writing() as connection:
            connection.execute(
                accounts.endpoints.insert().values(
                    id=id,
                    url=url,
                    secret=secret,
                    events=sorted(made.events),
                    active=True,
                    created_at=act.now,
                )
            )
            audit.note(connection, act, "endpoint.add", id, events=sorted(made.events))
        return made

    def endpoints(self) -> tuple[Endpoint, ...]:
        """All endpoints, the oldest first."""
        query = sa.select(accounts.endpoints).order_by(_E.seq)
        with self.reading() as connection:
            return tuple(map(hooks.as_endpoint, connection.execute(query)))

    def endpoint(self, id: str) -> Endpoint:
        """The endpoint of this id.

        Raises:
            NotFound: there is none.
        """
        with self.reading() as connection:
            return _endpoint(connection, id)

    def set_endpoint(
        self,
        id: str,
        *,
        active: bool | None = None,
        url: str | None = None,
        events: Iterable[Event] | None = None,
        act: Act,
    ) -> Endpoint:
        """Change an endpoint: what is None stays as it is. What waits for one that is off goes on waiting.

        Args:
            id: which.
            active: whether they are told at present.
            url: where; what waits goes there too.
            events: of what; at least one.
            act: who does it.

        Raises:
            NotFound: there is none.
            AccountRefused: there is no event, or one that is not to be chosen.
        """
        chosen = None if events is None else _chosen(id, events)
        given = {"active": active, "url": url, "events": chosen}
        values = {name: value for name, value in given.items() if value is not None}
        with self.writing() as connection:
            if values:
                connection.execute(accounts.endpoints.update().where(_E.id == id).values(**values))
            found = _endpoint(connection, id)
            if url is not None or chosen is not None:
                audit.note(connection, act, "endpoint.change", id, events=sorted(found.events))
            if active is not None:
                audit.note(connection, act, "endpoint.enable" if active else "endpoint.disable", id)
            return found

    def ping(self, endpoint_id: str, payload: bytes, *, id: str, act: Act) -> Delivery:
        """Let a message wait for one endpoint that says nothing but that messages arrive.

        Raises:
            NotFound: there is no such endpoint.
        """
        with self.writing() as connection:
            found = _endpoint(connection, endpoint_id)
            _keep(connection, found, Event.PING, payload, id=id, learner_id=None, now=act.now)
            audit.note(connection, act, "endpoint.ping", endpoint_id)
            return _delivery(connection, id)

    def remove_endpoint(self, id: str, *, act: Act) -> None:
        """Forget an endpoint, with all that was or was to be told to it.

        Raises:
            NotFound: there is none.
        """
        with self.writing() as connection:
            # Locked first: whoever queues a message for it now is waited for, and their message goes too.
            connection.execute(sa.select(_E.id).where(_E.id == id).with_for_update())
            _endpoint(connection, id)
            connection.execute(accounts.deliveries.delete().where(_D.endpoint_id == id))
            connection.execute(accounts.endpoints.delete().where(_E.id == id))
            audit.note(connection, act, "endpoint.remove", id)

    def tell(
        self,
        event: Event,
        payload: bytes,
        *,
        new_id: Callable[[], str],
        learner_id: str | None,
        now: datetime,
    ) -> tuple[str, ...]:
        """`queue`, in a transaction of its own."""
        with self.writing() as connection:
            return queue(connection, event, payload, new_id=new_id, learner_id=learner_id, now=now)

    def due_deliveries(
        self, now: datetime, *, lease: timedelta = LEASE, limit: int = 20
    ) -> tuple[Delivery, ...]:
        """Take messages whose time has come, the longest due first; no other sender is given them meanwhile.

        Args:
            now: the time.
            lease: how long until they are due again, unless `delivered` or `failed` says what came of them.
            limit: how many at most.
        """
        query = (
            sa.select(accounts.deliveries)
            .join(accounts.endpoints, _E.id == _D.endpoint_id)
            .where(_D.state == DeliveryState.WAITING, _D.next_at <= now, _E.active.is_(True))
            .order_by(_D.next_at, _D.seq)
            .limit(limit)
            .with_for_update(skip_locked=True, of=accounts.deliveries)
        )
        with self.reading() as connection:
            # Nearly always none: then no writer has to wait for this.
            if connection.execute(query.with_only_columns(_D.id)).first() is None:
                return ()
        with self.writing() as connection:
            found = tuple(map(hooks.as_delivery, connection.execute(query)))
            names = [one.id for one in found]
            leased = accounts.deliveries.update().where(_D.id.in_(names)).values(next_at=now + lease)
            connection.execute(leased)
        return found

    def delivered(self, id: str, *, status: int) -> None:
        """Note that the endpoint took a message.

        Raises:
            NotFound: there is no such message any more.
        """
        self._ended(id, state=DeliveryState.DELIVERED, next_at=None, status=status, problem=None)

    def failed(self, id: str, *, problem: str, status: int | None, next_at: datetime | None) -> None:
        """Note that a try failed.

        Args:
            id: of the message.
            problem: why.
            status: the endpoint's HTTP status, or None where it gave none.
            next_at: when to try again, or None: not any more.

        Raises:
            NotFound: there is no such message any more.
        """
        state = DeliveryState.FAILED if next_at is None else DeliveryState.WAITING
        self._ended(id, state=state, next_at=next_at, status=status, problem=problem)

    def put_off(self, endpoint_id: str, *, until: datetime, now: datetime) -> int:
        """Let what is due for an endpoint wait until then, uncounted; how many messages that are.

        For one that does not answer: messages to all others must not wait behind those to it.
        """
        due = sa.and_(_D.endpoint_id == endpoint_id, _D.state == DeliveryState.WAITING, _D.next_at <= now)
        with self.writing() as connection:
            return connection.execute(accounts.deliveries.update().where(due).values(next_at=until)).rowcount

    def replay(self, id: str, *, act: Act) -> Delivery:
        """Try a message once more, whatever came of it.

        Raises:
            NotFound: there is none of this id.
        """
        with self.writing() as connection:
            again = {"state": DeliveryState.WAITING, "next_at": act.now}
            connection.execute(accounts.deliveries.update().where(_D.id == id).values(**again))
            found = _delivery(connection, id)
            audit.note(connection, act, "delivery.replay", id, endpoint=found.endpoint_id)
            return found

    def delivery(self, id: str) -> Delivery:
        """The message of this id.

        Raises:
            NotFound: there is none.
        """
        with self.reading() as connection:
            return _delivery(connection, id)

    def deliveries(
        self, endpoint_id: str | None = None, *, after: str | None = None, limit: int = 100
    ) -> tuple[Delivery, ...]:
        """Messages, the newest first: to one endpoint, or all; those older than the one of id `after`."""
        query = sa.select(accounts.deliveries).order_by(_D.seq.desc()).limit(limit)
        if endpoint_id is not None:
            query = query.where(_D.endpoint_id == endpoint_id)
        if after is not None:
            query = query.where(_D.seq < sa.select(_D.seq).where(_D.id == after).scalar_subquery())
        with self.reading() as connection:
            return tuple(map(hooks.as_delivery, connection.execute(query)))

    def _ended(self, id: str, **values: Any) -> None:
        with self.writing() as connection:
            changed = connection.execute(
                accounts.deliveries.update().where(_D.id == id).values(tries=_D.tries + 1, **values)
            )
            if changed.rowcount != 1:
                raise _unknown(id)


def secret(random: bytes) -> str:
    """The secret of an endpoint, as its owner gets it, of 24 to 64 random bytes.

    Source: Standard Webhooks 1.0.0, Signature scheme: base64, after `whsec_`.
    """
    return "whsec_" + base64.b64encode(random).decode()


def _chosen(endpoint: str, events: Iterable[Event]) -> list[Event]:
    """What somebody wants to be told of: at least one of `TOLD`."""
    found = sorted(set(events))
    others = [one.value for one in found if one not in TOLD]
    if others or not found:
        got = ", ".join(others) or "none"
        raise AccountRefused(f"endpoint {endpoint}: expected at least one of {', '.join(TOLD)}, got {got}")
    return found


def wanted(connection: sa.Connection, *events: Event) -> bool:
    """Whether any active endpoint wants one of these events."""
    query = sa.select(_E.events).where(_E.active.is_(True))
    return any(set(found) & set(events) for found in connection.execute(query).scalars())


def queue(
    connection: sa.Connection,
    event: Event,
    payload: bytes,
    *,
    new_id: Callable[[], str],
    learner_id: str | None,
    now: datetime,
) -> tuple[str, ...]:
    """Let a message wait for each active endpoint that wants this event; their ids.

    Args:
        connection: inside the transaction of what is told.
        event: what happened.
        payload: the bytes to send.
        new_id: gives a fresh id for each.
        learner_id: whom it tells of, or None: it goes when they are erased.
        now: the time.
    """
    query = sa.select(accounts.endpoints).where(_E.active.is_(True)).order_by(_E.seq)
    # Held until the end: an endpoint that is removed meanwhile must not undo what is told of.
    query = query.with_for_update(read=True, key_share=True)
    wanted = [one for one in map(hooks.as_endpoint, connection.execute(query)) if event in one.events]
    made = []
    for one in wanted:
        made.append(new_id())
        _keep(connection, one, event, payload, id=made[-1], learner_id=learner_id, now=now)
    return tuple(made)


def _keep(
    connection: sa.Connection,
    endpoint: Endpoint,
    event: Event,
    payload: bytes,
    *,
    id: str,
    learner_id: str | None,
    now: datetime,
) -> None:
    connection.execute(
        accounts.deliveries.insert().values(
            id=id,
            endpoint_id=endpoint.id,
            event=event,
            payload=payload,
            learner_id=learner_id,
            state=DeliveryState.WAITING,
            tries=0,
            next_at=now,
            created_at=now,
        )
    )


def _endpoint(connection: sa.Connection, id: str) -> Endpoint:
    row = connection.execute(sa.select(accounts.endpoints).where(_E.id == id)).first()
    if row is None:
        raise NotFound(f"expected the id of an endpoint, got {id!r}: the store has none of that id")
    return hooks.as_endpoint(row)


def _delivery(connection: sa.Connection, id: str) -> Delivery:
    row = connection.execute(sa.select(accounts.deliveries).where(_D.id == id)).first()
    if row is None:
        raise _unknown(id)
    return hooks.as_delivery(row)


def _unknown(id: str) -> NotFound:
    return NotFound(f"expected the id of a message, got {id!r}: the store has none of that id")
