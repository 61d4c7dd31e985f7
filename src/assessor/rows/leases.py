"""Who works on which attempt: claim, renew, finish, conclude, and what happens when a worker fails.

Comes in: attempts that `store` has queued, and the time. Goes out: the same attempts, each concluded once.
Ringing the queue is left to `jobs`, removing containers to `reconcile`.

  SUPERSEDED
      ^ submit
      │          claim                finish_run, conclude
      QUEUED ────────────> RUNNING ─────────────────────────> JUDGED; HELD, if a regrade made it
        ^                   │   └──────────────────────────> AWAITING_REVIEW ──conclude──> JUDGED, HELD
        └── fault, expire ──┤
            (epoch + 1)     └──────────────────────────────> UNJUDGED

Who is next (docs/decisions/0007-fair-order.md): the first in the order of class, turn, sequence number that
may be taken now. Turns make the order fair inside a class, as start-time fair queueing does: a learner's
attempts stand one turn apart, and whoever had nothing of late begins at the turn that the class has come to.
So one with a hundred attempts and one with a single one take turns, and none waits behind a crowd that came
later. An attempt that waits for longer than `starve_s` is overdue: it goes first whatever its class, the
longest waiting one before others; where many are, one attempt in `OVERDUE_SHARE` is theirs, so that a night's
regrades hold up nobody. All of it is read from indexes: it costs the same among ten and ten thousand.

Every later step is one UPDATE that names the epoch (and for a claim's own steps the worker): when it changes
no row, another worker has the attempt and `LeaseLost` is raised. So a worker that was thought dead and comes
back can spoil nothing, whatever it does.

Clocks: a lease and a waiting time hold from the moment that they were written to their end. A clock that
was set back to before that moment ends them (beyond `SKEW`, which machines may differ by), so neither can
last longer than it was given, plus `SKEW`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from assessor import scoring
from assessor.errors import LeaseLost, NotFound
from assessor.rows import keyrows, ledger, log, news, schema
from assessor.rows.database import Database
from assessor.rows.schema import Attempt, AttemptState, Claim, Conclusion, Kind
from assessor.waiting import Class

#: How far the clocks of two machines on one store may differ.
SKEW = timedelta(seconds=5)
#: How long an attempt waits after a fault that is not counted, seconds: for each epoch so far, and at most.
PRESSED_S = 5.0
MOST_PRESSED_S = 30.0
#: How long an attempt waits before it is overdue, unless told otherwise, seconds.
STARVE_S = 600.0
#: Of so many attempts taken, one is overdue, where any is.
OVERDUE_SHARE = 4

_A = schema.attempts.c
_C = schema.counters.c
_T = schema.turns.c
#: The order in which attempts are taken; an index has it.
_ORDER = (_A.queue_class, _A.turn, _A.seq)


class Leases(Database):
    """The part of the store that workers and the reconciler use."""

    def claim(
        self, *, worker: str, lease_s: float, now: datetime, starve_s: float = STARVE_S
    ) -> Claim | None:
        """The right to the attempt that is next, or None when none may be taken now.

        Args:
            worker: who asks.
            lease_s: how long the lease lasts unrenewed, seconds.
            now: the time.
            starve_s: how long an attempt waits before it is overdue, seconds.
        """
        with self.writing() as connection:
            attempt_id = _next(connection, now, starve_s)
            if attempt_id is None:
                return None
            # SQLite has one writer, PostgreSQL has locked the row: what was queued a moment ago still is.
            _change(
                connection,
                _A.id == attempt_id,
                state=AttemptState.RUNNING,
                worker=worker,
                leased_at=now,
                lease_until=now + timedelta(seconds=lease_s),
                started_at=now,
                events=0,
            )
            attempt = read_attempt(connection, attempt_id)
            return Claim(attempt=attempt, epoch=attempt.epoch, worker=worker)

    def renew(self, claim: Claim, *, lease_s: float, now: datetime) -> None:
        """Make the lease last `lease_s` from now.

        Raises:
            LeaseLost: the attempt went on without this worker.
        """
        with self.writing() as connection:
            _own(connection, claim, leased_at=now, lease_until=now + timedelta(seconds=lease_s))

    def restart(self, claim: Claim, *, lease_s: float, now: datetime) -> Claim:
        """A new epoch of the attempt for the same worker, without events: it is run once more.

        Raises:
            LeaseLost: the attempt went on without this worker.
        """
        with self.writing() as connection:
            _own(
                connection,
                claim,
                epoch=_A.epoch + 1,
                leased_at=now,
                lease_until=now + timedelta(seconds=lease_s),
                started_at=now,
                events=0,
            )
            attempt = read_attempt(connection, claim.attempt.id)
            return Claim(attempt=attempt, epoch=attempt.epoch, worker=claim.worker)

    def add_events(self, claim: Claim, events_json: Sequence[bytes]) -> None:
        """Keep more events of this epoch, in this order, after those that it has: all of them, or none.

        Raises:
            LeaseLost: the attempt went on without this worker; nothing was kept.
        """
        with self.writing() as connection:
            _own(connection, claim, events=_A.events + len(events_json))
            _append(connection, claim, events_json)

    def finish_run(
        self, claim: Claim, run_json: bytes, *, now: datetime, events_json: Sequence[bytes] = ()
    ) -> None:
        """Keep the last events and how the run ended: from here on this epoch's events are the attempt's.

        Raises:
            LeaseLost: the attempt went on without this worker; nothing was kept.
        """
        with self.writing() as connection:
            _own(connection, claim, run_epoch=claim.epoch, events=_A.events + len(events_json))
            _append(connection, claim, events_json)
            connection.execute(
                schema.runs.insert().values(
                    attempt_id=claim.attempt.id, epoch=claim.epoch, body=run_json, finished_at=now
                )
            )

    def conclude(self, of: Claim | Attempt, conclusion: Conclusion, *, now: datetime) -> None:
        """Write what came of an attempt; with evidence its leaf in the log, with a pass that awards are due.

        Args:
            of: a worker's claim, or (for a review, or a rescore that no worker has taken) the attempt as
                it was read when the conclusion was drawn. Of one that is on trial nothing but HELD, or
                AWAITING_REVIEW: only `apply_regrade` makes it count.

        Raises:
            LeaseLost: the attempt went on without this caller, or is concluded already; nothing was kept.
            KeyRetired: the key that signed its evidence was retired meanwhile; nothing was kept.
        """
        values: dict[str, Any] = {
            "state": conclusion.state,
            "verdict": conclusion.verdict,
            "score": conclusion.score,
            "level": conclusion.level,
            "report": conclusion.report,
            "finished_at": now,
            "problem": None,
            **_NO_LEASE,
        }
        attempt_id = of.attempt.id if isinstance(of, Claim) else of.id
        with self.writing() as connection:
            query = sa.select(_A.report, _A.regrade_id, _A.state).where(_A.id == attempt_id)
            row = connection.execute(query).first()
            before = None if row is None else row.report
            if conclusion.state is AttemptState.JUDGED and row is not None and row.regrade_id is not None:
                raise ValueError(
                    f"attempt {attempt_id}: expected what is on trial to be held, got {conclusion}"
                )
            if isinstance(of, Claim):
                _own(connection, of, **values)
            else:
                waits = sa.or_(
                    _A.state.in_((AttemptState.AWAITING_REVIEW, AttemptState.HELD)),
                    sa.and_(_A.state == AttemptState.QUEUED, _A.kind == Kind.RESCORE),
                )
                if not _change(connection, sa.and_(_A.id == of.id, _A.epoch == of.epoch, waits), **values):
                    raise _lost(connection, of.id, f"epoch {of.epoch} to be concluded")
            if before is not None and before != conclusion.report:
                schema.doom(connection, [before])
            kept = conclusion.evidence
            if kept is None:
                return
            if kept.attempt_id != attempt_id:
                raise ValueError(f"expected evidence of attempt {attempt_id}, got that of {kept.attempt_id}")
            keyrows.in_use(connection, kept.key_id)
            connection.execute(
                schema.evidence.insert().values(
                    attempt_id=attempt_id,
                    record=kept.record,
                    run=kept.run,
                    envelope=kept.envelope,
                    key_id=kept.key_id,
                )
            )
            if conclusion.verdict == scoring.Verdict.PASSED:
                connection.execute(ledger.due.insert().values(attempt_id=attempt_id))
            reviewed = row is not None and row.state == AttemptState.AWAITING_REVIEW
            news.attempt_finished(connection, attempt_id, reviewed=reviewed, now=now)
            # The last thing: from here on others that are concluded wait.
            log.append(
                connection,
                kind=log.Kind.EVIDENCE,
                subject=attempt_id,
                digest=kept.record,
                salt=log.evidence_salt(learner_salt(connection, attempt_id), attempt_id),
            )

    def fault(
        self,
        claim: Claim,
        problem: str,
        *,
        counted: bool = True,
        max_faults: int = 3,
        backoff_s: Sequence[float] = (1, 5, 25),
        now: datetime,
    ) -> AttemptState:
        """Give an attempt back that our side spoiled: to be tried again later, or UNJUDGED.

        Args:
            problem: for the operator: what was expected, what came, where.
            counted: whether it is one of the `max_faults`. One that came of a full disk, or of an engine that
                is away, is not: it is tried again as often as it takes, after 5 s for each epoch so far, 30 s
                at most.
            max_faults: how many epochs may end this way; the last of them ends the attempt.
            backoff_s: how long to wait after the first, second, ... fault; the last value goes on.

        Returns:
            QUEUED or UNJUDGED.

        Raises:
            LeaseLost: the attempt went on without this worker; nothing was changed.
        """
        with self.writing() as connection:
            if not counted:
                wait_s = min(PRESSED_S * claim.epoch, MOST_PRESSED_S)
                _own(connection, claim, problem=problem, **_queued(now, wait_s=wait_s))
                return AttemptState.QUEUED
            _own(connection, claim, faults=_A.faults + 1, problem=problem)
            faults = read_attempt(connection, claim.attempt.id).faults
            if faults >= max_faults:
                _own(connection, claim, state=AttemptState.UNJUDGED, finished_at=now, **_NO_LEASE)
                news.attempt_finished(connection, claim.attempt.id, now=now)
                return AttemptState.UNJUDGED
            wait_s = backoff_s[min(faults, len(backoff_s)) - 1] if backoff_s else 0
            _own(connection, claim, **_queued(now, wait_s=wait_s))
            return AttemptState.QUEUED

    def expire(self, *, now: datetime, max_lost: int = 10) -> list[tuple[str, int]]:
        """Queue the attempts again whose lease ran out; nobody's fault, up to `max_lost` times each.

        Returns:
            The `(attempt, epoch)` that were queued, oldest first; one lost too often is UNJUDGED instead.
        """
        gone = sa.and_(
            _A.state == AttemptState.RUNNING,
            sa.or_(_A.lease_until <= now, _A.leased_at > now + SKEW),
        )
        queued = []
        with self.reading() as connection:
            # Nearly always nothing: then no writer has to wait for this.
            if connection.execute(sa.select(_A.id).where(gone).limit(1)).first() is None:
                return []
        with self.writing() as connection:
            rows = connection.execute(sa.select(schema.attempts).where(gone).order_by(_A.seq)).all()
            for attempt in map(schema.as_attempt, rows):
                still = sa.and_(_A.id == attempt.id, _A.epoch == attempt.epoch, gone)
                lost = attempt.lost + 1
                if lost > max_lost:
                    problem = (
                        f"attempt {attempt.id}: {lost} workers in turn lost their lease on it, the last "
                        f"one {attempt.worker}; at most {max_lost} are allowed"
                    )
                    given_up = _change(
                        connection,
                        still,
                        state=AttemptState.UNJUDGED,
                        lost=lost,
                        problem=problem,
                        finished_at=now,
                        **_NO_LEASE,
                    )
                    if given_up:
                        news.attempt_finished(connection, attempt.id, now=now)
                elif _change(connection, still, lost=lost, **_queued(now)):
                    queued.append((attempt.id, attempt.epoch + 1))
        return queued

    def due(self, *, now: datetime, limit: int = 1000) -> list[tuple[str, int]]:
        """The `(attempt, epoch)` that a worker may claim now, in order, whoever is overdue."""
        with self.reading() as connection:
            rows = connection.execute(
                sa.select(_A.id, _A.epoch).where(_due(now)).order_by(*_ORDER).limit(limit)
            )
            return [(row.id, row.epoch) for row in rows]


_NO_LEASE: dict[str, Any] = {"worker": None, "leased_at": None, "lease_until": None}


def read_attempt(connection: sa.Connection, attempt_id: str) -> Attempt:
    """The attempt of this id.

    Raises:
        NotFound: there is none.
    """
    row = connection.execute(sa.select(schema.attempts).where(_A.id == attempt_id)).first()
    if row is None:
        raise NotFound(f"expected the id of an attempt, got {attempt_id!r}: the store has none of that id")
    return schema.as_attempt(row)


def position(connection: sa.Connection, attempt: Attempt) -> int:
    """How many attempts are taken until this queued one is, itself counted.

    In the order as it is now: one that becomes overdue, or comes later into a class above, goes before.
    """
    own = sa.select(_A.seq).where(_A.id == attempt.id).scalar_subquery()
    mine = sa.tuple_(sa.literal(attempt.queue_class, schema.Ranked), sa.literal(attempt.turn), own)
    before = sa.and_(_A.state == AttemptState.QUEUED, sa.tuple_(*_ORDER) < mine)
    ahead: int = connection.execute(sa.select(sa.func.count()).where(before)).scalar_one()
    return ahead + 1


def waiting_line(connection: sa.Connection, limit: int) -> tuple[tuple[str, str], ...]:
    """Attempt and task of those that wait, in the order in which they are taken, at most `limit`."""
    query = (
        sa.select(_A.id, schema.submissions.c.task_id)
        .join(schema.submissions, schema.submissions.c.id == _A.submission_id)
        .where(_A.state == AttemptState.QUEUED)
        .order_by(*_ORDER)
        .limit(limit)
    )
    return tuple((row.id, row.task_id) for row in connection.execute(query))


def turn(connection: sa.Connection, learner_id: str, queue_class: Class) -> int:
    """The next turn of a learner in a class, noted as theirs; the caller has locked the learner.

    Source: Goyal, Vin, Cheng: Start-time Fair Queuing, IEEE/ACM Transactions on Networking 5 (1997), with
    attempts as packets of one length, and as virtual time the greatest turn that was taken in its order.
    """
    at = _counter(connection, queue_class)
    own = sa.and_(_T.learner_id == learner_id, _T.queue_class == queue_class)
    last: int | None = connection.execute(sa.select(_T.turn).where(own)).scalar()
    if last is None:
        values = {"learner_id": learner_id, "queue_class": queue_class, "turn": at}
        connection.execute(schema.turns.insert().values(**values))
        return at
    new = max(at, last + 1)
    connection.execute(schema.turns.update().where(own).values(turn=new))
    return new


def _next(connection: sa.Connection, now: datetime, starve_s: float) -> str | None:
    """The id of the attempt that is next, and the counters moved on.

    1. An attempt that is overdue, if it is their turn.
    2. The first in order.
    """
    held = _counter(connection, schema.OVERDUE)
    if held == 0 and (overdue := _overdue(connection, now, starve_s)) is not None:
        _count(connection, schema.OVERDUE, OVERDUE_SHARE - 1)
        return overdue
    columns = (_A.id, _A.queue_class, _A.turn)
    query = sa.select(*columns).where(_due(now)).order_by(*_ORDER).limit(1)
    row = connection.execute(query.with_for_update(skip_locked=True)).first()
    if row is None:
        return None
    if held > 0:
        _count(connection, schema.OVERDUE, held - 1)
    # One that a fault sent back goes by the turn that it had, and takes the class back to no earlier one.
    if row.turn > _counter(connection, row.queue_class):
        _count(connection, row.queue_class, row.turn)
    found: str = row.id
    return found


def _overdue(connection: sa.Connection, now: datetime, starve_s: float) -> str | None:
    # Two questions, since an index answers each at once: "or" would have all of them sorted.
    for waited in (_A.queued_at <= now - timedelta(seconds=starve_s), _A.queued_at > now + SKEW):
        query = sa.select(_A.id).where(_due(now), waited).order_by(_A.queued_at, _A.seq).limit(1)
        found: str | None = connection.execute(query.with_for_update(skip_locked=True)).scalar()
        if found is not None:
            return found
    return None


def _counter(connection: sa.Connection, name: str) -> int:
    value: int = connection.execute(sa.select(_C.value).where(_C.name == name)).scalar_one()
    return value


def _count(connection: sa.Connection, name: str, value: int) -> None:
    connection.execute(schema.counters.update().where(_C.name == name).values(value=value))


def _due(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(_A.state == AttemptState.QUEUED, sa.or_(_A.not_before <= now, _A.queued_at > now + SKEW))


def _queued(now: datetime, *, wait_s: float = 0) -> dict[str, Any]:
    return {
        "state": AttemptState.QUEUED,
        "epoch": _A.epoch + 1,
        "queued_at": now,
        "not_before": now + timedelta(seconds=wait_s),
        "events": 0,
        **_NO_LEASE,
    }


def _change(connection: sa.Connection, which: sa.ColumnElement[bool], **values: Any) -> bool:
    """Whether the one attempt that is meant was there to be changed."""
    return connection.execute(schema.attempts.update().where(which).values(**values)).rowcount == 1


def _own(connection: sa.Connection, claim: Claim, **values: Any) -> None:
    own = sa.and_(
        _A.id == claim.attempt.id,
        _A.epoch == claim.epoch,
        _A.worker == claim.worker,
        _A.state == AttemptState.RUNNING,
    )
    if not _change(connection, own, **values):
        raise _lost(connection, claim.attempt.id, f"epoch {claim.epoch} running on {claim.worker}")


def _append(connection: sa.Connection, claim: Claim, events_json: Sequence[bytes]) -> None:
    """Insert events that the attempt's count has just been raised by."""
    if not events_json:
        return
    last = connection.execute(sa.select(_A.events).where(_A.id == claim.attempt.id)).scalar_one()
    first = last - len(events_json) + 1
    connection.execute(
        schema.events.insert(),
        [
            {"attempt_id": claim.attempt.id, "epoch": claim.epoch, "position": position, "body": body}
            for position, body in enumerate(events_json, start=first)
        ],
    )


def learner_salt(connection: sa.Connection, attempt_id: str) -> bytes:
    """The salt of the learner whose attempt this is.

    Raises:
        NotFound: they were erased.
    """
    submission = sa.select(_A.submission_id).where(_A.id == attempt_id).scalar_subquery()
    query = sa.select(schema.learners.c.salt).join(schema.submissions)
    found = connection.execute(query.where(schema.submissions.c.id == submission))
    salt: bytes | None = found.scalar_one()
    if salt is None:
        # Who erases a learner ends what is open of theirs first.
        raise NotFound(f"attempt {attempt_id}: expected one whose learner is there, they were erased")
    return salt


def _lost(connection: sa.Connection, attempt_id: str, expected: str) -> LeaseLost:
    row = connection.execute(sa.select(schema.attempts).where(_A.id == attempt_id)).first()
    if row is None:
        return LeaseLost(f"attempt {attempt_id}: expected {expected}, the store has no such attempt")
    on = f" on {row.worker}" if row.worker else ""
    return LeaseLost(f"attempt {attempt_id}: expected {expected}, got epoch {row.epoch} {row.state}{on}")
