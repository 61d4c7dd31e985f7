"""Tokens: what a program shows in place of a person's session, and what it may do by it.

Comes in: text that the caller has drawn (`written`), and the time. Goes out: frozen rows. The text is shown
once, where it is made; kept is its SHA-256.

A token never allows more than its owner's roles do: it narrows them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from assessor.errors import AccountRefused, NotFound
from assessor.rows import accounts, audit, sessions
from assessor.rows.audit import Act
from assessor.rows.database import Database

#: What every token begins with, so that scanners for leaked secrets know one.
PREFIX = "asr_"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LENGTH = 43  # of 32 bytes in base 62

_T = accounts.tokens.c
_U = accounts.users.c


class Scope(StrEnum):
    """What a token is for."""

    READ = "read"  #: look at what its owner may look at
    SUBMIT = "submit"  #: hand in
    REVIEW = "review"  #: give marks
    AUTHOR = "author"  #: change tasks
    AWARD = "award"  #: award and revoke
    ADMIN = "admin"  #: users, cohorts, assignments, webhooks


@dataclass(frozen=True, kw_only=True)
class Token:
    """A token, without its text.

    Attributes:
        name: what its owner calls it.
        scopes: what it is for; at least one.
        expires_at: until when, or None.
        used_at: when it was used last, to the minute, or None.
    """

    id: str
    user_id: str
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None


class Tokens(Database):
    """The part of the store that is about tokens."""

    def add_token(
        self,
        *,
        id: str,
        secret: str,
        user_id: str,
        name: str,
        scopes: Iterable[Scope],
        expires_at: datetime | None,
        act: Act,
    ) -> Token:
        """Keep a token.

        Args:
            id: fresh.
            secret: its text, from `written`.
            user_id: whose.
            name: what its owner calls it.
            scopes: what it is for.
            expires_at: until when, or None.
            act: who makes it.

        Raises:
            NotFound: no such user.
            AccountRefused: the account is not active, or there is no scope.
        """
        token = Token(
            id=id,
            user_id=user_id,
            name=name,
            scopes=frozenset(scopes),
            created_at=act.now,
            expires_at=expires_at,
            used_at=None,
        )
        if not token.scopes:
            raise AccountRefused("token: expected at least one scope, got none")
        values = {field: getattr(token, field) for field in Token.__dataclass_fields__}
        values |= {"scopes": sorted(token.scopes), "digest": sessions.secret_digest(secret)}
        with self.writing() as connection:
            sessions.require_active(connection, user_id)
            connection.execute(accounts.tokens.insert().values(**values))
            audit.note(connection, act, "token.add", id, user=user_id, scopes=values["scopes"])
        return token

    def token(self, secret: str, *, now: datetime) -> Token | None:
        """The token of this text, or None where there is none, none any more, or its owner is not active."""
        query = (
            sa.select(accounts.tokens)
            .join(accounts.users)
            .where(
                _T.digest == sessions.secret_digest(secret),
                sa.or_(_T.expires_at.is_(None), _T.expires_at > now),
                _U.active.is_(True),
            )
        )
        with self.reading() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        found = _as_token(row)
        if found.used_at is None or now - found.used_at >= sessions.STEP:
            with self.writing() as connection:
                connection.execute(accounts.tokens.update().where(_T.id == found.id).values(used_at=now))
        return found

    def tokens(self, user_id: str) -> tuple[Token, ...]:
        """Somebody's tokens, the oldest first, those that ran out among them."""
        query = sa.select(accounts.tokens).where(_T.user_id == user_id).order_by(_T.seq)
        with self.reading() as connection:
            return tuple(map(_as_token, connection.execute(query)))

    def revoke_token(self, id: str, *, act: Act) -> None:
        """Remove a token; nothing is let in by it from here on.

        Raises:
            NotFound: no such token.
        """
        with self.writing() as connection:
            if connection.execute(accounts.tokens.delete().where(_T.id == id)).rowcount != 1:
                raise NotFound(f"expected the id of a token, got {id!r}: the store has none of that id")
            audit.note(connection, act, "token.revoke", id)


def written(random: bytes) -> str:
    """The text of a token: `asr_` and 43 characters of base 62.

    Args:
        random: 32 random bytes.

    Raises:
        ValueError: it is another number of bytes.
    """
    if len(random) != 32:
        raise ValueError(f"expected 32 random bytes, got {len(random)}")
    number = int.from_bytes(random)
    digits = ""
    for _ in range(_LENGTH):
        number, rest = divmod(number, len(_DIGITS))
        digits = _DIGITS[rest] + digits
    return PREFIX + digits


def _as_token(row: sa.Row[Any]) -> Token:
    values = {name: getattr(row, name) for name in Token.__dataclass_fields__}
    return Token(**{**values, "scopes": frozenset(map(Scope, row.scopes))})
