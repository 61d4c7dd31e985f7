"""The store: every submission, attempt, event, mark and piece of evidence, and the truth about the queue.

Comes in: plain values and the time. Goes out: the frozen rows of `schema`. Large bytes are in `blobs`, by
digest; the bell that wakes workers is in `jobs`. Every method is one transaction.

This file makes rows; the rest is in `rows`: whether a learner may hand in in `admission`, reading in
`attempts`, what learners see of their own in `coursework`, what reviewers say of lines in `remarks`, which
evidence learners keep to themselves in `withheld`, what workers do to attempts in `leases`, what a learner
may ask for (a copy of it all, or its end) in `learners`, what they have passed in `passes`, what they were
awarded in `awards`, whether that still holds in `revocations`, what was judged again on another version of
its task in `regrades`. People are in `users`, `cohorts`, `invitations`, `grades` and `audit`, who is told
of what in `webhooks`. All of them together are `Store`.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import sqlalchemy as sa

from assessor.errors import NotFound
from assessor.rows import admission, attempts, audit, awards, leases, ledger, queued, schema
from assessor.rows.attempts import Attempts
from assessor.rows.audit import Act, Audit
from assessor.rows.awards import Awards
from assessor.rows.cohorts import Cohorts
from assessor.rows.coursework import Coursework
from assessor.rows.grades import Grades
from assessor.rows.invitations import Invitations
from assessor.rows.learners import Learners
from assessor.rows.leases import SKEW, Leases
from assessor.rows.passes import Passes
from assessor.rows.regrades import Regrades
from assessor.rows.remarks import Remarks
from assessor.rows.revocations import Revocations
from assessor.rows.schema import (
    OPEN,
    UNUSED,
    Attempt,
    AttemptState,
    Claim,
    Conclusion,
    EvidenceRow,
    Kind,
    Submission,
    WorkerRow,
)
from assessor.rows.users import Users
from assessor.rows.webhooks import Webhooks
from assessor.rows.withheld import Withheld
from assessor.waiting import Class, Rate

__all__ = [
    "OPEN",
    "SKEW",
    "UNUSED",
    "Attempt",
    "AttemptState",
    "Claim",
    "Conclusion",
    "EvidenceRow",
    "Kind",
    "Store",
    "Submission",
]

#: How long a rescore is left to the caller that asked for it before any worker may take it over.
RESCORE_GRACE = timedelta(seconds=30)

_A = schema.attempts.c
_S = schema.submissions.c


class Store(
    Attempts,
    Coursework,
    Leases,
    Remarks,
    Withheld,
    Learners,
    Passes,
    Awards,
    Revocations,
    Regrades,
    Users,
    Cohorts,
    Invitations,
    Grades,
    Audit,
    Webhooks,
):
    """All that is known, behind one URL; made by `open`."""

    def submit(
        self,
        *,
        id: str,
        attempt_id: str,
        learner_id: str,
        task_id: str,
        task_version: str,
        task_digest: str,
        snapshot: str,
        bundle: str,
        tries: int | None,
        cooldown_s: int,
        now: datetime,
        queue_class: Class = Class.NORMAL,
        rate: Rate | None = None,
        dedupe: bool = False,
        key: admission.Key | None = None,
        alike: Collection[str] = (),
    ) -> tuple[Submission, Attempt, tuple[str, ...]]:
        """Keep a submission and queue its first attempt, if the task's policy allows one more try.

        It takes the place of the learner's earlier submissions for the task that no worker has looked at
        yet: their attempts are superseded, and the new one has the turn of the first of them. A submission
        uses a try unless all its attempts ended unjudged or superseded.

        Args:
            tries: how many the policy allows, or None for any number.
            cooldown_s: seconds from one submission that uses a try to the next.
            queue_class: the class of the queue that it waits in.
            rate: how often a learner may hand in, whatever the task, or None for any number.
            dedupe: give the submission back that this learner made of the same files for the same
                snapshot, with its newest attempt, where there is one that uses a try.
            key: what the client calls it; give the submission back that it stands for already, with its
                newest attempt.
            alike: snapshots that stand under this version too and hold the same task.

        Returns:
            The submission, its attempt, and the ids of the attempts that it superseded.

        Raises:
            TryRefused: no try is left, or not yet; the text says when.
            RateLimited: too many of late; the text says when to come back.
            KeyReused: the key stands for something else that was asked.
            VersionStale: results stand under this version of the task with another content.
            NotFound: no such learner.
        """
        with self.writing() as connection:
            admission.lock(connection, learner_id)
            before = None if key is None else admission.known(connection, key, now)
            if before is not None:
                return attempts.read_submission(connection, before), attempts.newest(connection, before), ()
            if dedupe:
                same = admission.same(connection, learner_id, task_id, snapshot, bundle)
                if same is not None:
                    return same, attempts.newest(connection, same.id), ()
            admission.check_version(connection, task_id, task_version, snapshot, alike)
            if rate is not None:
                admission.check_rate(connection, learner_id, rate, now)
            replaced = admission.supersede(connection, learner_id, task_id, by=id, now=now)
            admission.check_tries(connection, learner_id, task_id, tries)
            admission.check_cooldown(connection, learner_id, task_id, cooldown_s, now)
            connection.execute(
                schema.submissions.insert().values(
                    id=id,
                    learner_id=learner_id,
                    task_id=task_id,
                    task_version=task_version,
                    task_digest=task_digest,
                    snapshot=snapshot,
                    bundle=bundle,
                    received_at=now,
                )
            )
            if key is not None:
                admission.keep(connection, key, id, now)
            # Another learner's erased copy of the same bytes may wait for its removal.
            connection.execute(schema.doomed.delete().where(schema.doomed.c.digest.in_([bundle, snapshot])))
            turns = [one.turn for one in replaced if one.queue_class is queue_class]
            attempt = queued.add(
                connection,
                attempt_id,
                id,
                kind=Kind.GRADE,
                queue_class=queue_class,
                turn=min(turns) if turns else leases.turn(connection, learner_id, queue_class),
                now=now,
            )
            return attempts.read_submission(connection, id), attempt, tuple(one.id for one in replaced)

    def regrade(self, submission_id: str, *, attempt_id: str, now: datetime) -> Attempt:
        """A new attempt that runs a submission again; those before it stay, their marks are taken over.

        It is judged with the task that the newest one before it was judged with.

        Raises:
            NotFound: no such submission, or its learner was erased and the files with them.
        """
        with self.writing() as connection:
            learner_id = queued.learner(connection, submission_id)
            before = attempts.newest(connection, submission_id)
            attempt = queued.add(
                connection,
                attempt_id,
                submission_id,
                kind=Kind.REGRADE,
                queue_class=Class.REGRADE,
                turn=leases.turn(connection, learner_id, Class.REGRADE),
                now=now,
                judged_with=queued.same_as(before),
            )
            queued.copy_marks(connection, before.id, attempt.id)
            audit.note(connection, Act.by_operator(now), "submission.regrade", submission_id)
            return attempt

    def rescore(self, attempt_id: str, *, new_id: str, now: datetime, act: Act | None = None) -> Attempt:
        """A new attempt that scores the events of another one again, its marks taken over.

        It is queued, but left to the caller for `RESCORE_GRACE`: who asked concludes it at once, and when
        that fails a worker does it, from the stored events, without a run. `act` says who ordered it; None
        where it makes room for a mark, which has a line of its own in the trail.

        Raises:
            NotFound: no such attempt, its run never came to an end, its learner was erased, or the submission
                was judged on another version of its task since.
        """
        with self.writing() as connection:
            before = leases.read_attempt(connection, attempt_id)
            queued.learner(connection, before.submission_id)
            counting = attempts.newest(connection, before.submission_id)
            # The newest attempt counts: a late mark for an old one would undo a regrade that was applied.
            if queued.same_as(counting) != queued.same_as(before) and not before.on_trial:
                raise NotFound(
                    f"attempt {attempt_id}: expected one of the version that counts, attempt "
                    f"{counting.id} on version {counting.task_version} has taken its place"
                )
            source = before
            if before.on_trial:
                raise NotFound(
                    f"attempt {attempt_id}: expected one that counts, it is {before.state} by a regrade of "
                    "its task"
                )
            if before.events_of is not None:
                source = leases.read_attempt(connection, before.events_of)
            if source.run_epoch is None:
                raise NotFound(f"attempt {source.id}: expected the events of a finished run, it has none")
            attempt = queued.add(
                connection,
                new_id,
                before.submission_id,
                kind=Kind.RESCORE,
                # It takes no run, only the time to score: it waits for no turn.
                queue_class=Class.NORMAL,
                turn=0,
                now=now,
                judged_with=queued.same_as(before),
                events_of=source.id,
                grace=RESCORE_GRACE,
            )
            queued.copy_marks(connection, before.id, attempt.id)
            if act is not None:
                audit.note(connection, act, "attempt.rescore", attempt_id, attempt=attempt.id)
            return attempt

    def add_mark(
        self,
        attempt_id: str,
        criterion: str,
        marks: int,
        reviewer: str,
        comment: str,
        *,
        now: datetime,
        act: Act | None = None,
    ) -> None:
        """Keep a reviewer's mark for an attempt that is not concluded.

        Args:
            attempt_id: which.
            criterion: of its rubric.
            marks: how many.
            reviewer: who gives them, as the record commits to it.
            comment: for the learner, or empty.
            now: the time.
            act: by whom it is done; by default at the command line.

        Raises:
            NotFound: no such attempt, or it is judged or unjudged: rescore it and mark the new attempt.
        """
        with self.writing() as connection:
            open_ = sa.and_(_A.id == attempt_id, _A.state.in_((*OPEN, AttemptState.HELD)))
            # Written, so that the attempt cannot be concluded between this look and the mark.
            changed = connection.execute(
                schema.attempts.update().where(open_).values(number=_A.number)
            ).rowcount
            if changed != 1:
                state = leases.read_attempt(connection, attempt_id).state
                raise NotFound(
                    f"attempt {attempt_id}: expected one that can still be marked, it is {state}; "
                    "rescore it and mark the new attempt"
                )
            connection.execute(
                schema.marks.insert().values(
                    attempt_id=attempt_id,
                    criterion=criterion,
                    marks=marks,
                    reviewer=reviewer,
                    comment=comment,
                    given_at=now,
                )
            )
            audit.note(
                connection, act or Act.by_operator(now), "review.mark", attempt_id, criterion=criterion
            )

    def heartbeat(self, worker: str, *, host: str, pid: int, doing: str, now: datetime) -> None:
        """Note that a worker lives and what it does."""
        table = schema.workers
        values = {"host": host, "pid": pid, "doing": doing, "seen_at": now}
        with self.writing() as connection:
            changed = connection.execute(table.update().where(table.c.name == worker).values(**values))
            if changed.rowcount == 0:
                connection.execute(table.insert().values(name=worker, **values))

    def workers(self, now: datetime, *, within_s: int = 60) -> tuple[WorkerRow, ...]:
        """The workers that reported within so many seconds, by name."""
        table = schema.workers
        leased = sa.select(_A.worker, _A.id).where(_A.state == AttemptState.RUNNING)
        with self.reading() as connection:
            rows = connection.execute(sa.select(table).order_by(table.c.name)).all()
            # What a worker reports is the bell that it heard; what it took may be another attempt.
            has = {row.worker: row.id for row in connection.execute(leased)}
        seen = [
            WorkerRow(
                **{**row._mapping, "doing": has.get(row.name, row.doing)}, quiet_s=_since(row.seen_at, now)
            )
            for row in rows
        ]
        return tuple(worker for worker in seen if worker.quiet_s <= within_s)

    def forget_worker(self, worker: str) -> None:
        """Note that a worker went away in order."""
        with self.writing() as connection:
            connection.execute(schema.workers.delete().where(schema.workers.c.name == worker))

    def blob_digests(self) -> Collection[str]:
        """Every blob that a row names."""
        with self.reading() as connection:
            return digests(connection)


def digests(connection: sa.Connection) -> frozenset[str]:
    """Every blob that a row of this database names."""
    columns = (
        _S.snapshot,
        _S.bundle,
        _A.report,
        _A.snapshot,
        ledger.regrades.c.snapshot,
        *(schema.evidence.c[name] for name in ("record", "run", "envelope")),
    )
    found: set[str] = set()
    for column in columns:
        found.update(connection.execute(sa.select(column).distinct().where(column.is_not(None))).scalars())
    erased = sa.select(_S.bundle).join(schema.learners).where(schema.learners.c.name.is_(None))
    present = sa.select(_S.bundle).join(schema.learners).where(schema.learners.c.name.is_not(None))
    gone = set(connection.execute(erased).scalars()) - set(connection.execute(present).scalars())
    return frozenset((found - gone) | awards.credentials(connection))


def _since(then: datetime, now: datetime) -> int:
    return max(0, int((now - then).total_seconds()))
