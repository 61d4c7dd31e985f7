"""Sessions of people who are signed in, and the links that let somebody sign in once.

Comes in: secrets that the caller has drawn, and the time. Goes out: frozen rows. A secret is kept as its
SHA-256 alone. What a cookie looks like is left to the web application.

A session ends when it has not been seen for long (idle), when its time is over (absolute), when it is ended,
or with its account. Whoever is not active is not let in, whatever they show.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from assessor import digest
from assessor.errors import AccountRefused, NotFound
from assessor.rows import accounts, audit
from assessor.rows.audit import Act
from assessor.rows.database import Database

#: How long a session may go unseen, and how long it lasts at most.
IDLE = timedelta(hours=12)
LASTS = timedelta(days=14)

#: Being seen, or used, is written no more often than this: most requests only read.
STEP = timedelta(minutes=1)

#: Where a one-time link leads on the web, followed by its secret.
LINK_PATH = "/sign-in/link/"

_U = accounts.users.c
_S = accounts.sessions.c
_K = accounts.sign_in_links.c


@dataclass(frozen=True, kw_only=True)
class Session:
    """Somebody who is signed in.

    Attributes:
        id: digest of the cookie's secret.
        user_id: who.
        csrf: what each of their forms must bring along.
        created_at: when they signed in.
        seen_at: when they were seen last, to the minute.
        expires_at: when it ends, seen or not.
    """

    id: str
    user_id: str
    csrf: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


class Sessions(Database):
    """The part of the store that is about being signed in."""

    def open_session(
        self, *, secret: str, user_id: str, csrf: str, now: datetime, lasts: timedelta = LASTS
    ) -> Session:
        """Sign somebody in.

        Args:
            secret: fresh and random, for the cookie.
            user_id: who.
            csrf: fresh and random.
            now: the time.
            lasts: how long at most.

        Raises:
            NotFound: no such user.
            AccountRefused: the account is not active.
        """
        with self.writing() as connection:
            require_active(connection, user_id)
            return _open(connection, secret, user_id, csrf, now, lasts)

    def session(self, secret: str, *, now: datetime, idle: timedelta = IDLE) -> Session | None:
        """The session that this secret opens, or None where there is none, or none any more."""
        with self.reading() as connection:
            found = opened(connection, secret, now=now, idle=idle)
        if found is not None:
            self.see(found, now=now)
        return found

    def see(self, found: Session, *, now: datetime) -> None:
        """Note that a session was seen, where that was not noted of late."""
        if now - found.seen_at >= STEP:
            with self.writing() as connection:
                connection.execute(
                    accounts.sessions.update()
                    .where(_S.id == found.id, _S.seen_at == found.seen_at)
                    .values(seen_at=now)
                )

    def rotate_session(self, secret: str, *, new_secret: str, csrf: str, now: datetime) -> Session:
        """Give a session another secret; the old one opens nothing from here on, and its end stays.

        Raises:
            NotFound: the session is over.
        """
        with self.writing() as connection:
            held = sa.and_(_S.id == secret_digest(secret), _S.expires_at > now)
            changed = connection.execute(
                accounts.sessions.update()
                .where(held)
                .values(id=secret_digest(new_secret), csrf=csrf, seen_at=now)
            )
            if changed.rowcount != 1:
                raise NotFound("expected the secret of a session, got one that opens none, or none any more")
            query = sa.select(accounts.sessions).where(_S.id == secret_digest(new_secret))
            return _as_session(connection.execute(query).one())

    def end_session(self, secret: str) -> None:
        """Sign out; nothing where nobody is signed in with it."""
        with self.writing() as connection:
            connection.execute(accounts.sessions.delete().where(_S.id == secret_digest(secret)))

    def end_sessions(self, user_id: str, *, keep: str | None = None) -> None:
        """Sign somebody out everywhere, but in the session of id `keep`."""
        with self.writing() as connection:
            end(connection, user_id, keep=keep)

    def sessions(self, user_id: str, *, now: datetime) -> tuple[Session, ...]:
        """Where somebody is signed in, the newest first."""
        query = sa.select(accounts.sessions).where(_S.user_id == user_id, _S.expires_at > now)
        with self.reading() as connection:
            return tuple(map(_as_session, connection.execute(query.order_by(_S.created_at.desc(), _S.id))))

    def add_sign_in_link(self, *, secret: str, user_id: str, expires_at: datetime, act: Act) -> None:
        """Make a link by which somebody signs in once.

        Args:
            secret: fresh and random; follows `LINK_PATH`.
            user_id: who.
            expires_at: until when.
            act: who makes it.

        Raises:
            NotFound: no such user.
            AccountRefused: the account is not active.
        """
        with self.writing() as connection:
            require_active(connection, user_id)
            connection.execute(
                accounts.sign_in_links.insert().values(
                    digest=secret_digest(secret), user_id=user_id, expires_at=expires_at
                )
            )
            audit.note(connection, act, "sign-in-link.add", user_id, expires_at=expires_at.isoformat())

    def sign_in_link(self, secret: str, *, now: datetime) -> str | None:
        """Whom this link would sign in, by id, or None; it is not used up by looking."""
        with self.reading() as connection:
            found: str | None = connection.execute(
                sa.select(_K.user_id)
                .join(accounts.users, _U.id == _K.user_id)
                .where(_usable(secret, now), _U.active.is_(True))
            ).scalar()
        return found

    def sign_in_by_link(
        self, secret: str, *, session_secret: str, csrf: str, now: datetime, lasts: timedelta = LASTS
    ) -> Session | None:
        """Use a link up and sign in by it, both or neither; None where it is used, over, or none."""
        with self.writing() as connection:
            user_id: str | None = connection.execute(
                sa.select(_K.user_id).where(_K.digest == secret_digest(secret))
            ).scalar()
            if user_id is None or not lock_active(connection, user_id):
                return None
            used = accounts.sign_in_links.update().where(_usable(secret, now)).values(used_at=now)
            if connection.execute(used).rowcount != 1:
                return None
            return _open(connection, session_secret, user_id, csrf, now, lasts)


def opened(connection: sa.Connection, secret: str, *, now: datetime, idle: timedelta) -> Session | None:
    """The session that this secret opens, or None where there is none, or none any more."""
    query = (
        sa.select(accounts.sessions)
        .join(accounts.users)
        .where(
            _S.id == secret_digest(secret),
            _S.expires_at > now,
            _S.seen_at > now - idle,
            _U.active.is_(True),
        )
    )
    row = connection.execute(query).first()
    return None if row is None else _as_session(row)


def secret_digest(secret: str) -> str:
    """What is kept of a secret."""
    return digest.sha256(secret.encode())


def lock_active(connection: sa.Connection, user_id: str) -> bool:
    """Whether this account is active; it stays so until the transaction is over.

    Raises:
        NotFound: no such user.
    """
    query = sa.select(_U.active).where(_U.id == user_id).with_for_update()
    active: bool | None = connection.execute(query).scalar()
    if active is None:
        raise NotFound(f"expected the id of a user, got {user_id!r}: the store has none of that id")
    return active


def require_active(connection: sa.Connection, user_id: str) -> None:
    """Nothing, if this account is active; it stays so until the transaction is over.

    Raises:
        NotFound: no such user.
        AccountRefused: it is not.
    """
    if not lock_active(connection, user_id):
        raise AccountRefused(f"user {user_id}: expected an active account, it is switched off")


def end(connection: sa.Connection, user_id: str, *, keep: str | None = None) -> None:
    """End what somebody is signed in by, links that wait to be used among it.

    Args:
        connection: inside a transaction that writes.
        user_id: who.
        keep: id of a session that stays, or None.
    """
    gone = accounts.sessions.delete().where(_S.user_id == user_id)
    connection.execute(gone if keep is None else gone.where(_S.id != keep))
    connection.execute(accounts.sign_in_links.delete().where(_K.user_id == user_id))


def _usable(secret: str, now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(_K.digest == secret_digest(secret), _K.used_at.is_(None), _K.expires_at > now)


def _open(
    connection: sa.Connection, secret: str, user_id: str, csrf: str, now: datetime, lasts: timedelta
) -> Session:
    # What is over is of no use to anybody; it goes whenever its owner comes by.
    connection.execute(accounts.sessions.delete().where(_S.user_id == user_id, _S.expires_at <= now))
    connection.execute(accounts.sign_in_links.delete().where(_K.user_id == user_id, _K.expires_at <= now))
    session = Session(
        id=secret_digest(secret),
        user_id=user_id,
        csrf=csrf,
        created_at=now,
        seen_at=now,
        expires_at=now + lasts,
    )
    values = {name: getattr(session, name) for name in Session.__dataclass_fields__}
    connection.execute(accounts.sessions.insert().values(**values))
    connection.execute(accounts.users.update().where(_U.id == user_id).values(signed_in_at=now))
    return session


def _as_session(row: sa.Row[tuple[object, ...]]) -> Session:
    return Session(**{name: getattr(row, name) for name in Session.__dataclass_fields__})
