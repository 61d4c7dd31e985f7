"""Regrades: a task's stored submissions judged again on today's version of it, and what stands until then.

Comes in: which results are to be judged again, and later whether the new ones are to count. Goes out: rows.
What is signed is signed by `regrading`; who runs the attempts, as any others, is in `leases`.

    open ──┬── applied   every attempt that was held counts from here on
           └── dropped   none ever will

An attempt of an open regrade is on trial: it is run and scored like any other and then *held*, without
evidence, leaf or award; whoever asks for the newest result of a submission is not told of it. Applying makes
all of them count in one transaction, under the same row that says who did it and why. The old attempts stay
as they are: the one with the highest number is the one that counts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from assessor import scoring
from assessor.errors import NotFound, RegradeOvertaken, RegradeRefused
from assessor.rows import (
    audit,
    keyrows,
    learners,
    leases,
    ledger,
    log,
    news,
    queued,
    revocations,
    schema,
    standings,
)
from assessor.rows.audit import Act
from assessor.rows.queued import JudgedWith
from assessor.rows.schema import OPEN, Attempt, AttemptState, EvidenceRow, Kind
from assessor.rows.standings import Regrade, RegradeState, Standings
from assessor.waiting import Class

_A = schema.attempts.c
_R = ledger.regrades.c


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A result that is to be judged again.

    Attributes:
        base: the attempt that counts now.
        attempt_id: the id of the new one.
        criteria: the criteria whose marks are taken over.
    """

    base: Attempt
    attempt_id: str
    criteria: Collection[str]


@dataclass(frozen=True, kw_only=True)
class Held:
    """A result that is to count.

    Attributes:
        attempt: as it was read when its evidence was made.
        evidence: signed, its blobs kept and doomed.
    """

    attempt: Attempt
    evidence: EvidenceRow


class Regrades(Standings):
    """The part of the store that starts regrades and ends them."""

    def start_regrade(
        self, wanted: Sequence[Wanted], *, new_id: str, task_id: str, judged_with: JudgedWith, now: datetime
    ) -> tuple[Regrade, tuple[Attempt, ...]]:
        """Queue these results to be judged again, each once; the open regrade goes on where there is one.

        What the regrade has already is left alone, unless it ended unjudged, or another attempt counts by
        now: then it is made anew. A result that somebody else has replaced meanwhile, or whose learner was
        erased, is left out.

        Args:
            wanted: the results.
            new_id: the id of the regrade, if it is a new one.
            task_id: whose results they are.
            judged_with: the task to judge them with.
            now: the time.

        Returns:
            The regrade, and the attempts that were made.

        Raises:
            RegradeRefused: one is open already, on another content of the task.
        """
        with self.writing() as connection:
            regrade = _opened(connection, new_id, task_id, judged_with, now)
            have = {
                row.submission_id: schema.as_attempt(row)
                for row in connection.execute(
                    sa.select(schema.attempts).where(_A.regrade_id == regrade.id).order_by(_A.seq)
                )
            }
            made = []
            for one in wanted:
                there = have.get(one.base.submission_id)
                if there is not None and there.base == one.base.id and there.state not in schema.UNUSED:
                    continue
                try:
                    learner_id = queued.learner(connection, one.base.submission_id)
                except NotFound:
                    continue
                if _counting(connection, one.base.submission_id) != one.base.id:
                    continue
                if there is not None:
                    _drop(connection, _A.id == there.id, now)
                attempt = queued.add(
                    connection,
                    one.attempt_id,
                    one.base.submission_id,
                    kind=Kind.REGRADE,
                    queue_class=Class.REGRADE,
                    turn=leases.turn(connection, learner_id, Class.REGRADE),
                    now=now,
                    judged_with=judged_with,
                    regrade_id=regrade.id,
                    base=one.base.id,
                )
                queued.copy_marks(connection, one.base.id, attempt.id, criteria=one.criteria)
                made.append(attempt)
            if made:
                audit.note(connection, Act.by_operator(now), "regrade.start", regrade.id, attempts=len(made))
            return regrade, tuple(made)

    def apply_regrade(
        self,
        regrade_id: str,
        held: Sequence[Held],
        *,
        revoke: Iterable[tuple[str, bytes]] = (),
        key_id: str,
        by: str,
        reason: str,
        now: datetime,
    ) -> Regrade:
        """Make the held results of a regrade count, all or none; the regrade as it is then.

        Args:
            regrade_id: which; it is closed by this.
            held: all that it holds, each with its signed evidence.
            revoke: awards that go with it, each with the salt of its leaf in the log.
            key_id: the key that signed the evidence.
            by: who orders it.
            reason: why.
            now: the time.

        Raises:
            RegradeRefused: it is closed; an attempt of it is not judged yet; one of the results that it was
                made from does not count any more, or will not soon, since it is judged once more. Nothing was
                kept.
            RegradeOvertaken: what it holds, or the files of its evidence, changed meanwhile; nothing was
                kept, look again.
            KeyRetired: the key was retired since it signed; nothing was kept, sign again.
            AwardRefused, NotFound: an award that is to go is revoked already, or none. Nothing was kept.
        """
        awards, act = sorted(revoke), Act.by_operator(now)
        with self.writing() as connection:
            _close(
                connection,
                regrade_id,
                RegradeState.APPLIED,
                by=by,
                reason=reason,
                revoked=len(awards),
                now=now,
            )
            keyrows.in_use(connection, key_id)
            _require_settled(connection, regrade_id, held)
            _keep_files(connection, held)
            for one in held:
                _count(connection, one, now)
            for award_id, salt in awards:
                revocations.revoke(connection, award_id, reason=reason, salt=salt, now=now, act=act)
            audit.note(connection, act, "regrade.apply", regrade_id, results=len(held), revoked=len(awards))
            # Last: whoever appends waits for others who do, until they are done.
            for one in held:
                log.append(
                    connection,
                    kind=log.Kind.EVIDENCE,
                    subject=one.attempt.id,
                    digest=one.evidence.record,
                    salt=log.evidence_salt(leases.learner_salt(connection, one.attempt.id), one.attempt.id),
                )
            return standings.read_regrade(connection, regrade_id)

    def drop_regrade(self, regrade_id: str, *, by: str, reason: str | None, now: datetime) -> Regrade:
        """Give a regrade up: nothing of it ever counts, and a worker that runs one of its attempts stops.

        Raises:
            RegradeRefused: it is closed already.
        """
        with self.writing() as connection:
            _close(connection, regrade_id, RegradeState.DROPPED, by=by, reason=reason, revoked=None, now=now)
            _drop(connection, _A.regrade_id == regrade_id, now)
            audit.note(connection, Act.by_operator(now), "regrade.drop", regrade_id)
            return standings.read_regrade(connection, regrade_id)


def _opened(
    connection: sa.Connection, new_id: str, task_id: str, judged_with: JudgedWith, now: datetime
) -> Regrade:
    found = standings.open_regrade(connection, task_id, locked=True)
    if found is None:
        values = {
            "id": new_id,
            "task_id": task_id,
            "task_version": judged_with.task_version,
            "task_digest": judged_with.task_digest,
            "snapshot": judged_with.snapshot,
            "state": RegradeState.OPEN,
            "started_at": now,
        }
        try:
            with connection.begin_nested():
                connection.execute(ledger.regrades.insert().values(**values))
        except sa.exc.IntegrityError:
            # Another process was first (PostgreSQL only: SQLite has one writer); or the id is taken.
            if standings.open_regrade(connection, task_id, locked=True) is None:
                raise
        found = standings.open_regrade(connection, task_id, locked=True)
        assert found is not None, "it is there now, whoever made it"
    if found.snapshot != judged_with.snapshot:
        raise RegradeRefused(
            f"task {task_id}: expected no other regrade, {found.id} is open, on version {found.task_version} "
            f"({found.snapshot}), and by now the task is {judged_with.task_version} "
            f"({judged_with.snapshot}); end it with `assessor regrade {task_id} --apply` or `--drop`"
        )
    return found


def _close(
    connection: sa.Connection,
    regrade_id: str,
    state: RegradeState,
    *,
    by: str,
    reason: str | None,
    revoked: int | None,
    now: datetime,
) -> None:
    changed = connection.execute(
        ledger.regrades.update()
        .where(_R.id == regrade_id, _R.state == RegradeState.OPEN)
        .values(state=state, closed_at=now, closed_by=by, reason=reason, revoked=revoked)
    )
    if changed.rowcount != 1:
        found = standings.read_regrade(connection, regrade_id)
        raise RegradeRefused(
            f"regrade {regrade_id}: expected one that is open, it was {found.state} by {found.closed_by}"
        )


def _require_settled(connection: sa.Connection, regrade_id: str, held: Sequence[Held]) -> None:
    """Nothing, if these are all that the regrade holds, as they are, and none of it is still to come."""
    query = sa.select(schema.attempts).where(_A.regrade_id == regrade_id).with_for_update()
    found = [schema.as_attempt(row) for row in connection.execute(query)]
    waiting = [one for one in found if one.state in OPEN]
    if waiting:
        raise RegradeRefused(
            f"regrade {regrade_id}: expected every attempt to be judged, {len(waiting)} are not yet: "
            f"{waiting[0].id} is {waiting[0].state}"
        )
    there = {one.id: (one.epoch, one.report) for one in found if one.state is AttemptState.HELD}
    if there != {one.attempt.id: (one.attempt.epoch, one.attempt.report) for one in held}:
        raise RegradeOvertaken(f"regrade {regrade_id}: what it holds has changed since it was looked at")
    stale = [
        one.attempt for one in held if _counting(connection, one.attempt.submission_id) != one.attempt.base
    ]
    if stale:
        raise RegradeRefused(
            f"regrade {regrade_id}: expected results that nobody has judged since, {len(stale)} were: "
            f"attempt {stale[0].base} counts no more; start it again to judge those anew"
        )
    # A higher number, on the version that counts now: once it ends it would undo what is applied here.
    later = schema.attempts.alias()
    under_way = connection.execute(
        sa.select(later.c.id, later.c.state)
        .join(schema.attempts, _A.submission_id == later.c.submission_id)
        .where(_A.regrade_id == regrade_id, _A.state == AttemptState.HELD)
        .where(later.c.number > _A.number, later.c.state.in_(OPEN))
        .order_by(later.c.seq)
    ).first()
    if under_way is not None:
        raise RegradeRefused(
            f"regrade {regrade_id}: expected nothing else under way of what it judged, attempt "
            f"{under_way.id} is {under_way.state}; wait until it is judged, then start the regrade again"
        )


def _keep_files(connection: sa.Connection, held: Sequence[Held]) -> None:
    """Take back the doom of the evidence's files; each of them must be there still."""
    names = {name for one in held for name in (one.evidence.record, one.evidence.run, one.evidence.envelope)}
    table = schema.doomed
    for name in sorted(names):
        taken = connection.execute(table.delete().where(table.c.digest == name)).rowcount == 1
        if not taken and not learners.needed(connection, name):
            raise RegradeOvertaken(f"evidence {name}: it was removed before it was kept")


def _count(connection: sa.Connection, one: Held, now: datetime) -> None:
    table, attempt = ledger.due, one.attempt
    connection.execute(schema.attempts.update().where(_A.id == attempt.id).values(state=AttemptState.JUDGED))
    names = EvidenceRow.__dataclass_fields__
    connection.execute(
        schema.evidence.insert().values(**{name: getattr(one.evidence, name) for name in names})
    )
    if attempt.verdict == scoring.Verdict.PASSED:
        connection.execute(table.insert().values(attempt_id=attempt.id))
    news.attempt_finished(connection, attempt.id, now=now)


def _drop(connection: sa.Connection, which: sa.ColumnElement[bool], now: datetime) -> None:
    chosen = sa.and_(which, _A.state != AttemptState.JUDGED)
    reports = connection.execute(sa.select(_A.report).where(chosen, _A.report.is_not(None))).scalars()
    gone = set(reports)
    connection.execute(
        schema.attempts.update()
        .where(chosen)
        .values(
            state=AttemptState.DROPPED,
            report=None,
            finished_at=now,
            worker=None,
            leased_at=None,
            lease_until=None,
        )
    )
    schema.doom(connection, [name for name in sorted(gone) if not learners.needed(connection, name)])


def _counting(connection: sa.Connection, submission_id: str) -> str | None:
    """The id of the newest judged attempt of a submission."""
    query = sa.select(_A.id).where(_A.submission_id == submission_id, _A.state == AttemptState.JUDGED)
    found: str | None = connection.execute(query.order_by(_A.number.desc()).limit(1)).scalar()
    return found
