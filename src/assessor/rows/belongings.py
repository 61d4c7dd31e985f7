"""What belongs to a learner's account: told in their export, and gone with them.

Comes in: a connection inside a transaction, and the learner's id. Goes out: columns as they are. What is a
learner's own is left to `learners`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from assessor.rows import accounts, audit

_U = accounts.users.c

#: What belongs to an account and goes with it, by what an export calls it.
_BELONGS = {
    "sessions": accounts.sessions,
    "sign_in_links": accounts.sign_in_links,
    "tokens": accounts.tokens,
    "identities": accounts.identities,
    "memberships": accounts.memberships,
    "submission_keys": accounts.submission_keys,
}
#: What is not told of a row: nobody needs it, and it is what is compared with a secret.
_KEPT_BACK = {"password", "email_key", "csrf", "digest"}


def exported(connection: sa.Connection, learner_id: str) -> Mapping[str, list[dict[str, Any]]]:
    """What is kept of a learner's account for their export: columns as they are, by kind."""
    found = {"users": _told(connection, sa.select(accounts.users).where(_U.learner_id == learner_id))}
    names = [row["id"] for row in found["users"]]
    for kind, table in _BELONGS.items():
        found[kind] = _told(connection, sa.select(table).where(table.c.user_id.in_(names)))
    for session in found["sessions"]:
        del session["id"]  # the digest of its secret
    found["audit"] = [dict(row._mapping) for row in audit.exported(connection, names)]
    told = accounts.deliveries
    columns = (told.c.id, told.c.event, told.c.payload, told.c.state, told.c.created_at)
    found["deliveries"] = [
        {**row._mapping, "payload": row.payload.decode(errors="replace")}
        for row in connection.execute(
            sa.select(*columns).where(told.c.learner_id == learner_id).order_by(told.c.seq)
        )
    ]
    return found


def erase(connection: sa.Connection, learner_id: str) -> None:
    """Remove a learner's account with all that belongs to it, and the messages that told of them."""
    # Locked, so that nobody is signed in by it meanwhile.
    query = sa.select(_U.id).where(_U.learner_id == learner_id).with_for_update()
    names = list(connection.execute(query).scalars())
    for table in _BELONGS.values():
        connection.execute(table.delete().where(table.c.user_id.in_(names)))
    audit.erase(connection, names)
    connection.execute(accounts.users.delete().where(_U.id.in_(names)))
    told = accounts.deliveries
    connection.execute(told.delete().where(told.c.learner_id == learner_id))


def _told(connection: sa.Connection, query: sa.Select[Any]) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in row._mapping.items() if name not in _KEPT_BACK}
        for row in connection.execute(query)
    ]
