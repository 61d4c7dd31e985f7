"""Leaves: rows of the log, each in the transaction of what it commits to: neither is there without the other.

Comes in: a transaction of somebody else's, and the digest of what it keeps. Goes out: the leaf's index.
Leaves are numbered without a gap, under one lock, and never changed. What a leaf's bytes say is `note`'s, the
tree over them `tiles`'.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

import sqlalchemy as sa

from assessor import note
from assessor.note import Kind
from assessor.rows import ledger, schema
from assessor.rows.database import Database

#: Its row in the counters: how many leaves there are. Who writes a leaf or a checkpoint holds its lock.
COUNTER = "leaves"

# Made once: these are what a leaf costs, and to make a statement takes longer than to run it.
_L = ledger.leaves.c
_COUNTER = schema.counters.c.name == COUNTER
_LOCKED = sa.select(schema.counters.c.value).where(_COUNTER).with_for_update()
_COUNT = schema.counters.update().where(_COUNTER).values(value=sa.bindparam("leaves"))
_APPEND = ledger.leaves.insert()
_FOUND = sa.select(_L.index, _L.salt).where(
    _L.kind == sa.bindparam("kind"),
    _L.subject == sa.bindparam("subject"),
    _L.digest == sa.bindparam("digest"),
)


def append(connection: sa.Connection, *, kind: Kind, subject: str, digest: str, salt: bytes) -> int:
    """Make a leaf part of a transaction; its index.

    The last thing in it, if that can be: where a database has several writers, others that append wait for
    its end. The same again gives the leaf that is there.

    Args:
        connection: inside a transaction that may write.
        kind: what the leaf stands for.
        subject: the id that a proof is found by again; no part of the leaf.
        digest: of what the leaf commits to.
        salt: 16 to 64 bytes, random or a secret's; of this leaf alone.
    """
    entry = note.entry(kind, digest, salt)
    index = locked(connection)
    there = find(connection, kind=kind, subject=subject, digest=digest)
    if there is not None:
        return there[0]
    connection.execute(_COUNT, {"leaves": index + 1})
    connection.execute(
        _APPEND,
        {
            "index": index,
            "kind": kind.value,
            "subject": subject,
            "salt": salt,
            "digest": digest,
            "entry": entry,
        },
    )
    return index


def locked(connection: sa.Connection) -> int:
    """How many leaves there are; none is added by others before this transaction ends."""
    count: int = connection.execute(_LOCKED).scalar_one()
    return count


def find(connection: sa.Connection, *, kind: Kind, subject: str, digest: str) -> tuple[int, bytes] | None:
    """The index and the salt of this leaf, or None where there is none."""
    leaf = {"kind": kind.value, "subject": subject, "digest": digest}
    row = connection.execute(_FOUND, leaf).first()
    return None if row is None else (row[0], row[1])


def evidence_salt(learner_salt: bytes, attempt_id: str) -> bytes:
    """The salt of an evidence record's leaf: it tells nothing of the learner's, from which it comes.

    It is kept with the leaf and published with the proof, and stays when the learner is erased: the record
    that it opens the leaf for stays too.
    """
    return hmac.new(learner_salt, b"leaf\x00" + attempt_id.encode(), hashlib.sha256).digest()


def append_missing(database: Database, *, new_salt: Callable[[], bytes], limit: int = 1000) -> int:
    """Make leaves of evidence that is older than the log, the oldest first; how many, `limit` at most.

    It looks through all evidence: for a start, not for each sweep.

    Raises:
        StoreFault: the database cannot be used; none was made.
    """
    table = schema.evidence.c
    logged = sa.select(_L.subject).where(_L.kind == Kind.EVIDENCE.value)
    older = (
        sa.select(table.attempt_id, table.record)
        .join(schema.attempts)
        .where(table.attempt_id.not_in(logged))
        .order_by(schema.attempts.c.seq)
        .limit(limit)
    )
    with database.reading() as connection:
        if connection.execute(older.limit(1)).first() is None:  # nearly always: then no writer waits for this
            return 0
    with database.writing() as connection:
        rows = connection.execute(older).all()
        for attempt_id, record in rows:
            append(connection, kind=Kind.EVIDENCE, subject=attempt_id, digest=record, salt=new_salt())
    return len(rows)
