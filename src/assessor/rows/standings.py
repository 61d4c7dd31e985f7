"""Standings: what counts of each submission, which version of its task it was judged with, and regrades.

Comes in: ids. Goes out: rows. Reading alone; regrades are started and ended in `regrades`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from assessor.errors import NotFound
from assessor.rows import admission, ledger, schema
from assessor.rows.database import Database
from assessor.rows.schema import Attempt, AttemptState, Submission

_A = schema.attempts.c
_S = schema.submissions.c
_R = ledger.regrades.c


class RegradeState(StrEnum):
    """Where a regrade is."""

    OPEN = "open"  #: nothing of it counts
    APPLIED = "applied"  #: its results count; final
    DROPPED = "dropped"  #: they never will; final


@dataclass(frozen=True, kw_only=True)
class Regrade:
    """Stored submissions of one task, judged again on one version of it.

    Attributes:
        task_version, task_digest, snapshot: the task that they are judged with.
        closed_at, closed_by, reason: when, by whom and why it was applied or dropped; None while it is open.
        revoked: how many awards went with it, or None.
    """

    id: str
    task_id: str
    task_version: str
    task_digest: str
    snapshot: str
    state: RegradeState
    started_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    reason: str | None
    revoked: int | None


@dataclass(frozen=True, kw_only=True)
class Result:
    """What counts of a submission now: its newest judged attempt.

    Attributes:
        learner: their name, or None once they are erased.
    """

    attempt: Attempt
    submission: Submission
    learner: str | None

    @property
    def version(self) -> str:
        """Of the task that it was judged with."""
        return self.attempt.task_version or self.submission.task_version

    @property
    def task_digest(self) -> str:
        """Of the task that it was judged with."""
        return self.attempt.task_digest or self.submission.task_digest

    @property
    def snapshot(self) -> str:
        """Of all that it was judged with."""
        return self.attempt.judged_with(self.submission)


class Standings(Database):
    """The part of the store that tells what stands."""

    def results(self, task_id: str) -> tuple[Result, ...]:
        """What counts of each submission for a task, oldest first; those without a result are left out."""
        query = (
            sa.select(schema.attempts)
            .join(schema.submissions, _S.id == _A.submission_id)
            .where(_S.task_id == task_id, _A.state == AttemptState.JUDGED)
            .order_by(_A.number)
        )
        theirs = (
            sa.select(schema.submissions, schema.learners.c.name)
            .join(schema.learners, schema.learners.c.id == _S.learner_id)
            .where(_S.task_id == task_id)
            .order_by(_S.seq)
        )
        with self.reading() as connection:
            newest = {row.submission_id: schema.as_attempt(row) for row in connection.execute(query)}
            return tuple(
                Result(attempt=newest[row.id], submission=schema.as_submission(row), learner=row.name)
                for row in connection.execute(theirs)
                if row.id in newest
            )

    def snapshots_under(self, task_id: str, version: str) -> frozenset[str]:
        """The snapshots under which submissions stand for this version of a task; one where all is well."""
        with self.reading() as connection:
            return frozenset(admission.snapshots_under(connection, task_id, version))

    def snapshots_of(self, task_id: str) -> Mapping[str, tuple[str, str]]:
        """Version and task digest of every snapshot of a task that the store has, the oldest first."""
        query = (
            sa.select(_S.snapshot, _S.task_version, _S.task_digest, sa.func.min(_S.seq).label("first"))
            .where(_S.task_id == task_id)
            .group_by(_S.snapshot, _S.task_version, _S.task_digest)
        )
        again = sa.select(_R.snapshot, _R.task_version, _R.task_digest).where(_R.task_id == task_id)
        with self.reading() as connection:
            rows = sorted(connection.execute(query).all(), key=lambda row: row.first)
            found = {row.snapshot: (row.task_version, row.task_digest) for row in rows}
            for row in connection.execute(again.order_by(_R.started_at)):
                found.setdefault(row.snapshot, (row.task_version, row.task_digest))
        return found

    def snapshots_named(self, digest: str) -> frozenset[str]:
        """The snapshots that this begins: their own digest, or that of the task in them; of any task."""
        found: set[str] = set()
        with self.reading() as connection:
            for columns in (_S, _R):
                for column in (columns.snapshot, columns.task_digest):
                    query = sa.select(columns.snapshot).where(column.startswith(digest, autoescape=True))
                    found |= set(connection.execute(query.distinct()).scalars())
        return frozenset(found)

    def regrade_open(self, task_id: str) -> Regrade | None:
        """The open regrade of a task, or None."""
        with self.reading() as connection:
            return open_regrade(connection, task_id, locked=False)

    def regrades(self, task_id: str) -> tuple[Regrade, ...]:
        """Every regrade of a task, oldest first."""
        query = sa.select(ledger.regrades).where(_R.task_id == task_id).order_by(_R.started_at, _R.id)
        with self.reading() as connection:
            return tuple(map(_as_regrade, connection.execute(query)))

    def trials(self, regrade_id: str) -> tuple[Attempt, ...]:
        """The attempts of a regrade, in the order they were made; those that it made anew left out."""
        query = sa.select(schema.attempts).where(_A.regrade_id == regrade_id).order_by(_A.seq)
        with self.reading() as connection:
            found = {row.submission_id: schema.as_attempt(row) for row in connection.execute(query)}
        return tuple(found.values())


def open_regrade(connection: sa.Connection, task_id: str, *, locked: bool) -> Regrade | None:
    """The open regrade of a task, or None; locked, where the caller is going to change it."""
    query = sa.select(ledger.regrades).where(_R.task_id == task_id, _R.state == RegradeState.OPEN)
    # Locked, so that nothing is added to one that is being closed.
    row = connection.execute(query.with_for_update() if locked else query).first()
    return None if row is None else _as_regrade(row)


def read_regrade(connection: sa.Connection, regrade_id: str) -> Regrade:
    """The regrade of this id.

    Raises:
        NotFound: there is none.
    """
    row = connection.execute(sa.select(ledger.regrades).where(_R.id == regrade_id)).first()
    if row is None:
        raise NotFound(f"expected the id of a regrade, got {regrade_id!r}: the store has none of that id")
    return _as_regrade(row)


def _as_regrade(row: sa.Row[Any]) -> Regrade:
    values = {name: getattr(row, name) for name in Regrade.__dataclass_fields__}
    return Regrade(**{**values, "state": RegradeState(row.state)})
