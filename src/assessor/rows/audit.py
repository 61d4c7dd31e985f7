"""The audit trail: who did what that not everybody may, to what, when, and from where.

Comes in: an `Act`, with each method of the store that does something privileged. Goes out: lines, the newest
first. A line is written in the transaction of the act itself: there is none without the other.

A line names by id and holds no name and no e-mail address, so that it can stay when somebody is erased.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from assessor.rows import accounts
from assessor.rows.database import Database

#: The address of whoever works at the command line of the installation.
COMMAND_LINE = "operator@command line"

_L = accounts.audit_lines.c


@dataclass(frozen=True, kw_only=True)
class Act:
    """By whom, from where and when something privileged is done.

    Attributes:
        user_id: whose account, or None for the command line.
        address: the network address, or `COMMAND_LINE`.
        now: the time.
    """

    user_id: str | None
    address: str
    now: datetime

    @classmethod
    def by_operator(cls, now: datetime) -> Act:
        """Something that is done at the command line."""
        return cls(user_id=None, address=COMMAND_LINE, now=now)


@dataclass(frozen=True, kw_only=True)
class AuditRow:
    """One line of the trail.

    Attributes:
        seq: grows with each line.
        at: when.
        user_id: whose account, or None for the command line.
        act: what was done, such as `user.add`.
        subject: id of what it was done to.
        detail: a JSON object as text.
        address: from where; empty once the user was erased.
    """

    seq: int
    at: datetime
    user_id: str | None
    act: str
    subject: str
    detail: str
    address: str


class Audit(Database):
    """The part of the store that is about the trail."""

    def audit(self, after: int | None = None, limit: int = 100) -> tuple[AuditRow, ...]:
        """Lines, the newest first.

        Args:
            after: `seq` of the last line that was seen: those that are older follow.
            limit: how many at most.
        """
        query = sa.select(accounts.audit_lines).order_by(_L.seq.desc()).limit(limit)
        if after is not None:
            query = query.where(_L.seq < after)
        with self.reading() as connection:
            return tuple(
                AuditRow(**{name: getattr(row, name) for name in AuditRow.__dataclass_fields__})
                for row in connection.execute(query)
            )

    def note_act(self, act: Act, what: str, subject: str, **detail: Any) -> None:
        """Write the line of an act that leaves no other row here; all others write theirs themselves."""
        with self.writing() as connection:
            note(connection, act, what, subject, **detail)


def note(connection: sa.Connection, act: Act, what: str, subject: str, **detail: Any) -> None:
    """Write the line of an act, in its transaction.

    Args:
        connection: inside the transaction.
        act: by whom, from where and when.
        what: a noun and a verb, such as `user.add`.
        subject: id of what it was done to.
        **detail: JSON values; neither names nor addresses of people.
    """
    connection.execute(
        accounts.audit_lines.insert().values(
            at=act.now,
            user_id=act.user_id,
            act=what,
            subject=subject,
            detail=json.dumps(detail, sort_keys=True, ensure_ascii=False),
            address=act.address,
        )
    )


def exported(connection: sa.Connection, user_ids: Iterable[str]) -> list[sa.Row[Any]]:
    """The lines of what these users did, oldest first."""
    query = sa.select(accounts.audit_lines).where(_L.user_id.in_(list(user_ids)))
    return list(connection.execute(query.order_by(_L.seq)).all())


def erase(connection: sa.Connection, user_ids: Iterable[str]) -> None:
    """Take the addresses out of what these users did; the lines stay."""
    connection.execute(accounts.audit_lines.update().where(_L.user_id.in_(list(user_ids))).values(address=""))
