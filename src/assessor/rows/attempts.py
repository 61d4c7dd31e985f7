"""What is known of submissions and their attempts: reading alone.

Comes in: ids. Goes out: the frozen rows of `schema`, events and outcomes as their bytes. Making and changing
them is left to `store` and `leases`.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from assessor import scoring, waiting
from assessor.errors import NotFound
from assessor.rows import leases, schema
from assessor.rows.database import Database
from assessor.rows.schema import Attempt, AttemptState, EvidenceRow, Submission

#: How many of the newest runs are looked through for those of one task.
LOOKED_AT = 100

_A = schema.attempts.c
_S = schema.submissions.c


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many attempts are in each state."""

    queued: int
    running: int
    awaiting_review: int
    judged: int
    unjudged: int
    superseded: int
    held: int
    dropped: int


class Attempts(Database):
    """The part of the store that only reads."""

    def marks(self, attempt_id: str) -> tuple[scoring.Mark, ...]:
        """The marks of an attempt in the order they were given; the last one for a criterion counts."""
        table = schema.marks
        names = ("criterion", "marks", "reviewer", "comment")
        query = sa.select(*(table.c[name] for name in names)).where(table.c.attempt_id == attempt_id)
        with self.reading() as connection:
            rows = connection.execute(query.order_by(table.c.seq))
            return tuple(scoring.Mark(**row._mapping) for row in rows)

    def submission(self, id: str) -> Submission:
        """The submission of this id.

        Raises:
            NotFound: there is none.
        """
        with self.reading() as connection:
            return read_submission(connection, id)

    def has_submission(self, id: str) -> bool:
        """Whether there is a submission of this id."""
        with self.reading() as connection:
            return connection.execute(sa.select(_S.id).where(_S.id == id)).first() is not None

    def recent_snapshots(self, *, looked_at: int) -> list[str]:
        """The snapshots of the newest submissions, each once, the newest first.

        Args:
            looked_at: how many submissions are looked at.
        """
        newest = sa.select(_S.snapshot).order_by(_S.seq.desc()).limit(looked_at)
        with self.reading() as connection:
            return list(dict.fromkeys(connection.execute(newest).scalars()))

    def submissions(
        self, learner: str | None = None, task: str | None = None, limit: int = 100
    ) -> tuple[Submission, ...]:
        """Submissions, the newest first, of the learner of this name and for this task where given."""
        query = sa.select(schema.submissions).order_by(_S.seq.desc()).limit(limit)
        if task is not None:
            query = query.where(_S.task_id == task)
        if learner is not None:
            query = query.join(schema.learners).where(schema.learners.c.name == learner)
        with self.reading() as connection:
            return tuple(map(schema.as_submission, connection.execute(query)))

    def attempt(self, id: str) -> Attempt:
        """The attempt of this id.

        Raises:
            NotFound: there is none.
        """
        with self.reading() as connection:
            return leases.read_attempt(connection, id)

    def attempts(self, submission_id: str) -> tuple[Attempt, ...]:
        """The attempts of a submission by number; empty where there is no such submission."""
        query = sa.select(schema.attempts).where(_A.submission_id == submission_id).order_by(_A.number)
        with self.reading() as connection:
            return tuple(map(schema.as_attempt, connection.execute(query)))

    def latest(self, submission_id: str) -> Attempt:
        """The attempt of a submission with the highest number, those apart that a regrade holds.

        Raises:
            NotFound: no such submission.
        """
        with self.reading() as connection:
            return newest(connection, submission_id)

    def attempts_in(
        self, state: AttemptState, *, after: str | None = None, limit: int = 100
    ) -> tuple[Attempt, ...]:
        """The attempts in a state, oldest first; those after the one of id `after`, which may be in any."""
        query = sa.select(schema.attempts).where(_A.state == state).order_by(_A.seq).limit(limit)
        if after is not None:
            query = query.where(_A.seq > sa.select(_A.seq).where(_A.id == after).scalar_subquery())
        with self.reading() as connection:
            return tuple(map(schema.as_attempt, connection.execute(query)))

    def events(self, attempt_id: str, epoch: int | None = None) -> list[bytes]:
        """The events of one epoch in the order they came.

        Without an epoch: those that count, of the finished run (a rescore's are the other attempt's), or
        of the present epoch while none is finished.
        """
        table = schema.events
        with self.reading() as connection:
            attempt = leases.read_attempt(connection, attempt_id)
            if epoch is None and attempt.events_of is not None:
                attempt = leases.read_attempt(connection, attempt.events_of)
            if epoch is None:
                epoch = attempt.run_epoch if attempt.run_epoch is not None else attempt.epoch
            rows = connection.execute(
                sa.select(table.c.body)
                .where(table.c.attempt_id == attempt.id, table.c.epoch == epoch)
                .order_by(table.c.position)
            )
            return [row.body for row in rows]

    def run(self, attempt_id: str) -> bytes | None:
        """What `finish_run` kept of the run that counts (a rescore's is the other attempt's), or None."""
        table = schema.runs
        with self.reading() as connection:
            attempt = leases.read_attempt(connection, attempt_id)
            if attempt.events_of is not None:
                attempt = leases.read_attempt(connection, attempt.events_of)
            found: bytes | None = connection.execute(
                sa.select(table.c.body).where(
                    table.c.attempt_id == attempt.id, table.c.epoch == attempt.run_epoch
                )
            ).scalar()
            return found

    def evidence(self, attempt_id: str) -> EvidenceRow | None:
        """The evidence of an attempt, or None before it is judged."""
        with self.reading() as connection:
            row = connection.execute(
                sa.select(schema.evidence).where(schema.evidence.c.attempt_id == attempt_id)
            ).first()
            return None if row is None else EvidenceRow(**row._mapping)

    def with_evidence(self) -> frozenset[str]:
        """The ids of all attempts that there is evidence of."""
        with self.reading() as connection:
            return frozenset(connection.execute(sa.select(schema.evidence.c.attempt_id)).scalars())

    def counts(self) -> Counts:
        """How many attempts are in each state now."""
        with self.reading() as connection:
            rows = connection.execute(sa.select(_A.state, sa.func.count().label("number")).group_by(_A.state))
            found = {row.state: row.number for row in rows}
        return Counts(**{state.name.lower(): found.get(state, 0) for state in AttemptState})

    def runs(self) -> tuple[tuple[str, float], ...]:
        """Task and seconds of the newest runs that were concluded, the newest first; `place` takes them."""
        with self.reading() as connection:
            return tuple(_runs_s(connection))

    def place(
        self, attempt_id: str, *, workers: int, runs: Sequence[tuple[str, float]] | None = None
    ) -> waiting.Place | None:
        """Where a queued attempt stands and how long it is to wait; None where it is not queued.

        The time comes from the newest `waiting.RUNS` runs for the same task, or where there are none
        for any task.

        Args:
            attempt_id: which.
            workers: how many take attempts now, one at a time each.
            runs: from `runs`, of late, where places of many are asked for; None: as they are now.

        Raises:
            NotFound: there is no such attempt.
        """
        with self.reading() as connection:
            attempt = leases.read_attempt(connection, attempt_id)
            if attempt.state is not AttemptState.QUEUED:
                return None
            position = leases.position(connection, attempt)
            task_id = read_submission(connection, attempt.submission_id).task_id
            runs = _runs_s(connection) if runs is None else runs
        return waiting.place(position, task_id, runs=runs, workers=workers)

    def queue(self, limit: int) -> tuple[tuple[str, str], ...]:
        """Attempt and task of those that wait, in the order in which they are taken, at most `limit`."""
        with self.reading() as connection:
            return leases.waiting_line(connection, limit)

    def medians(self, *, last: int = 200) -> Mapping[str, float]:
        """Medians over the newest finished runs, milliseconds by phase, in the order of the phases.

        `waiting` is from queued to taken; the rest are the `phases_ms` of what `finish_run` kept.
        """
        table = schema.runs
        query = (
            sa.select(table.c.body, _A.queued_at, _A.started_at)
            .join(schema.attempts, sa.and_(_A.id == table.c.attempt_id, _A.run_epoch == table.c.epoch))
            .order_by(_A.seq.desc())
            .limit(last)
        )
        phases: dict[str, list[float]] = {}
        with self.reading() as connection:
            for row in connection.execute(query):
                if row.started_at is not None and row.started_at >= row.queued_at:
                    waited = (row.started_at - row.queued_at) / timedelta(milliseconds=1)
                    phases.setdefault("waiting", []).append(waited)
                for name, value in json.loads(row.body).get("phases_ms", {}).items():
                    phases.setdefault(name, []).append(value)
        return {name: statistics.median(values) for name, values in phases.items()}


def read_submission(connection: sa.Connection, id: str) -> Submission:
    """The submission of this id.

    Raises:
        NotFound: there is none.
    """
    row = connection.execute(sa.select(schema.submissions).where(_S.id == id)).first()
    if row is None:
        raise NotFound(f"expected the id of a submission, got {id!r}: the store has none of that id")
    return schema.as_submission(row)


def _runs_s(connection: sa.Connection) -> list[tuple[str, float]]:
    """Task and seconds of the newest runs that were concluded, the newest first."""
    table = schema.runs
    found: list[tuple[int, str, float]] = []
    # Each state by itself: the index then has them in order.
    for state in (AttemptState.JUDGED, AttemptState.AWAITING_REVIEW):
        query = (
            sa.select(_A.seq, _S.task_id, _A.started_at, table.c.finished_at)
            .join(table, sa.and_(table.c.attempt_id == _A.id, table.c.epoch == _A.run_epoch))
            .join(schema.submissions, _S.id == _A.submission_id)
            .where(_A.state == state)
            .order_by(_A.seq.desc())
            .limit(LOOKED_AT)
        )
        for seq, task_id, started_at, finished_at in connection.execute(query):
            # A clock that was set back in between measured nothing.
            if started_at is not None and finished_at >= started_at:
                found.append((seq, task_id, (finished_at - started_at).total_seconds()))
    return [(task_id, seconds) for _, task_id, seconds in sorted(found, reverse=True)]


def newest(connection: sa.Connection, submission_id: str) -> Attempt:
    """The attempt of a submission with the highest number, those apart that a regrade holds.

    Raises:
        NotFound: no such submission.
    """
    read_submission(connection, submission_id)
    counts = sa.or_(_A.regrade_id.is_(None), _A.state == AttemptState.JUDGED)
    query = sa.select(schema.attempts).where(_A.submission_id == submission_id, counts)
    return schema.as_attempt(connection.execute(query.order_by(_A.number.desc()).limit(1)).one())
