"""One more judging of a submission: a numbered attempt, queued, in the caller's transaction.

Comes in: a connection that may write. Goes out: the new `Attempt`. Why it is made is left to `store` and
`regrades`, who takes it to `leases`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from assessor.errors import NotFound
from assessor.rows import attempts, leases, schema
from assessor.rows.schema import Attempt, AttemptState, Kind
from assessor.waiting import Class

_A = schema.attempts.c


@dataclass(frozen=True, kw_only=True)
class JudgedWith:
    """The task that an attempt is judged with.

    Attributes:
        snapshot: digest of task, rubric and profile as they were frozen; None for the submission's own.
        task_version, task_digest: of that task, likewise.
    """

    snapshot: str | None = None
    task_version: str | None = None
    task_digest: str | None = None


#: The task that the submission was frozen with.
OWN = JudgedWith()


def same_as(before: Attempt) -> JudgedWith:
    """The task that this attempt is judged with."""
    return JudgedWith(
        snapshot=before.snapshot, task_version=before.task_version, task_digest=before.task_digest
    )


def learner(connection: sa.Connection, submission_id: str) -> str:
    """The id of the learner whose submission this is, not erased, and locked.

    Raises:
        NotFound: no such submission, or its learner was erased.
    """
    learner_id = attempts.read_submission(connection, submission_id).learner_id
    # Locked, so that two new attempts of one submission get different numbers.
    name = sa.select(schema.learners.c.name).where(schema.learners.c.id == learner_id).with_for_update()
    if connection.execute(name).scalar() is None:
        raise NotFound(f"submission {submission_id}: its learner was erased, and its files with them")
    return learner_id


def add(
    connection: sa.Connection,
    id: str,
    submission_id: str,
    *,
    kind: Kind,
    queue_class: Class,
    turn: int,
    now: datetime,
    judged_with: JudgedWith = OWN,
    events_of: str | None = None,
    regrade_id: str | None = None,
    base: str | None = None,
    grace: timedelta = timedelta(0),
) -> Attempt:
    """A new attempt with the next number, queued; the caller has locked the learner."""
    query = sa.select(sa.func.coalesce(sa.func.max(_A.number), 0)).where(_A.submission_id == submission_id)
    number = connection.execute(query).scalar_one() + 1
    connection.execute(
        schema.attempts.insert().values(
            id=id,
            submission_id=submission_id,
            number=number,
            kind=kind,
            queue_class=queue_class,
            turn=turn,
            state=AttemptState.QUEUED,
            epoch=1,
            faults=0,
            lost=0,
            events=0,
            events_of=events_of,
            queued_at=now,
            not_before=now + grace,
            snapshot=judged_with.snapshot,
            task_version=judged_with.task_version,
            task_digest=judged_with.task_digest,
            regrade_id=regrade_id,
            base=base,
        )
    )
    return leases.read_attempt(connection, id)


def copy_marks(
    connection: sa.Connection, source: str, target: str, *, criteria: Collection[str] | None = None
) -> None:
    """Take reviewers' marks over from another attempt, those for these criteria alone where any are named."""
    table = schema.marks
    names = ["criterion", "marks", "reviewer", "comment", "given_at"]
    chosen = sa.select(sa.literal(target), *(table.c[name] for name in names))
    chosen = chosen.where(table.c.attempt_id == source).order_by(table.c.seq)
    if criteria is not None:
        chosen = chosen.where(table.c.criterion.in_(sorted(criteria)))
    connection.execute(table.insert().from_select(["attempt_id", *names], chosen))
