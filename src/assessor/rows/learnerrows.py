"""The rows of learners, inside a transaction that somebody else has begun.

Comes in: a connection and the name that a learner is called by. Goes out: the frozen `Learner` of `schema`.
All that is asked of a learner beyond their row is in `learners`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from assessor.errors import NotFound
from assessor.rows import schema
from assessor.rows.schema import Learner

_L = schema.learners.c

#: An e-mail address, as far as it can be told from how it looks.
_ADDRESS = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,189}")


@dataclass(frozen=True, kw_only=True)
class Seed:
    """What the row of a learner is made from where there is none yet.

    Attributes:
        id: a fresh id.
        salt: random bytes, for the commitment in evidence.
    """

    id: str
    salt: bytes


def look(connection: sa.Connection, name: str) -> Learner | None:
    """The learner of this name, or None."""
    row = connection.execute(sa.select(schema.learners).where(_L.name == name)).first()
    return None if row is None else as_learner(row)


def find(connection: sa.Connection, name: str) -> Learner:
    """The learner of this name.

    Raises:
        NotFound: there is none.
    """
    found = look(connection, name)
    if found is None:
        raise NotFound(f"expected the name of a learner, got {name!r}: the store has none of that name")
    return found


def find_or_make(connection: sa.Connection, name: str, seed: Seed) -> Learner:
    """The learner of this name; made where there is none. For a transaction that may write.

    Raises:
        NotFound: the name is empty.
    """
    if not name:
        raise NotFound("expected the name of a learner, got an empty one")
    found = look(connection, name)
    if found is not None:
        return found
    try:
        with connection.begin_nested():
            connection.execute(schema.learners.insert().values(id=seed.id, name=name, salt=seed.salt))
    except sa.exc.IntegrityError:
        # Another process was first (PostgreSQL only: SQLite has one writer); or the id is taken.
        if look(connection, name) is None:
            raise
    return find(connection, name)


def as_learner(row: sa.Row[Any]) -> Learner:
    """The learner in a row of all columns of `learners`, of one who was not erased."""
    return Learner(id=row.id, name=row.name, salt=row.salt, email=row.email)


def is_address(text: str) -> bool:
    """Whether this looks like an e-mail address."""
    return _ADDRESS.fullmatch(text) is not None
