"""The rows of keys: which key signs for what, since when, and until when it did.

Comes in: a connection inside a transaction. Goes out: `KeyRow`s. Files and secrets are left to `keyring`.

What a key has signed is kept only while its row says that it is in use: `leases`, `awards` and `log` ask
`in_use` in the very transaction that keeps it, and `retire` waits for these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from assessor.errors import KeyRetired
from assessor.rows import schema
from assessor.signer import PublicKey, Purpose

#: What processes that write keys to one PostgreSQL database wait for each other by.
_LOCK = 7_463_002

_K = schema.keys.c


@dataclass(frozen=True, kw_only=True)
class KeyRow:
    """What is known of a key.

    Attributes:
        key_id: its name.
        purpose: what it signs.
        pem: its public half, or None for one that was retired before that was kept.
        since: when it came into use, or None where nobody noted that.
        until: when it was retired, or None while it is in use.
    """

    key_id: str
    purpose: Purpose
    pem: bytes | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def public(self) -> PublicKey | None:
        """The public key, where it was kept."""
        if self.pem is None:
            return None
        return PublicKey(key_id=self.key_id, pem=self.pem, since=self.since, until=self.until)


def lock(connection: sa.Connection) -> None:
    """Wait until nobody else writes keys. SQLite's writers are alone anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def read(connection: sa.Connection, purpose: Purpose | None = None) -> tuple[KeyRow, ...]:
    """The keys of a purpose, or all; oldest first.

    Where nobody noted the engine's keys, they are those that evidence names.
    """
    query = sa.select(schema.keys).order_by(_K.since.nulls_first(), _K.until.nulls_last(), _K.key_id)
    if purpose is not None:
        query = query.where(_K.purpose == purpose.value)
    found = tuple(
        KeyRow(key_id=row.key_id, purpose=Purpose(row.purpose), pem=row.pem, since=row.since, until=row.until)
        for row in connection.execute(query)
    )
    if found or purpose not in (Purpose.ENGINE, None):
        return found
    named = connection.execute(sa.select(schema.evidence.c.key_id).distinct()).scalars()
    return tuple(KeyRow(key_id=key_id, purpose=Purpose.ENGINE) for key_id in sorted(named))


def add(connection: sa.Connection, key: PublicKey, purpose: Purpose, *, since: datetime) -> None:
    """Note that a key has come into use."""
    connection.execute(
        schema.keys.insert().values(key_id=key.key_id, purpose=purpose.value, pem=key.pem, since=since)
    )


def note(connection: sa.Connection, key: PublicKey, purpose: Purpose) -> None:
    """Note the public half of a key that is known by its name alone, or by what it signed."""
    named = _K.key_id == key.key_id
    changed = connection.execute(schema.keys.update().where(named, _K.pem.is_(None)).values(pem=key.pem))
    if changed.rowcount == 0 and connection.execute(sa.select(_K.key_id).where(named)).first() is None:
        connection.execute(schema.keys.insert().values(key_id=key.key_id, purpose=purpose.value, pem=key.pem))


def retire(connection: sa.Connection, rows: Sequence[KeyRow], *, until: datetime) -> None:
    """Note that keys are in use no more, once everybody has kept or given up what they signed."""
    for row in rows:
        named = _K.key_id == row.key_id
        changed = connection.execute(
            schema.keys.update().where(named, _K.until.is_(None)).values(until=until)
        )
        if changed.rowcount == 0:  # known by what it signed alone
            values = {"key_id": row.key_id, "purpose": row.purpose.value, "until": until}
            connection.execute(schema.keys.insert().values(**values))


def in_use(connection: sa.Connection, key_id: str) -> None:
    """Nothing, if a key may sign what this transaction keeps; it is not retired before that ends.

    Raises:
        KeyRetired: it was retired since it signed; nothing must be kept, and a new signature is needed.
    """
    query = sa.select(_K.until).where(_K.key_id == key_id).with_for_update(read=True)
    row = connection.execute(query).first()
    if row is not None and row.until is not None:
        raise KeyRetired(f"key {key_id}: expected one that is in use, got one that was retired {row.until}")
