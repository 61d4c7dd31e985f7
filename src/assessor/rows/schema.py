"""The tables of the store, and the rows as the rest of the system sees them.

Nothing comes in, nothing is opened: tables, column types and frozen dataclasses only. The same tables in
migrations are `migrations/versions/`; a test holds that the two agree. Reading and writing is left to
`store` and the files it is made of (`leases`, `learners`).

    learners ──< submissions ──< attempts ──< events, runs, marks
       └──< turns    ├──< remarks    └──── evidence
                     └─── withheld
    keys, workers, counters, doomed: on their own

Rows are ordered by sequence numbers that the database gives, never by times: a clock can be set back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Any

import sqlalchemy as sa

from assessor.waiting import Class

#: The migration that these tables come from; a database that says so needs none.
REVISION = "0007"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class AttemptState(StrEnum):
    """Where an attempt is."""

    QUEUED = "queued"  #: waits for a worker
    RUNNING = "running"  #: one worker has it under a lease
    AWAITING_REVIEW = "awaiting-review"  #: ran; a reviewer's mark is missing
    JUDGED = "judged"  #: has evidence; final
    UNJUDGED = "unjudged"  #: given up by our fault; final, uses no try
    SUPERSEDED = "superseded"  #: no worker took it before its learner's next submission; final, uses no try
    HELD = "held"  #: judged on another version of its task; counts for nothing until its regrade is applied
    DROPPED = "dropped"  #: of a regrade that was dropped, or made anew in it; final, counts for nothing


#: States in which something is still to come.
OPEN = (AttemptState.QUEUED, AttemptState.RUNNING, AttemptState.AWAITING_REVIEW)

#: States in which an attempt uses no try.
UNUSED = (AttemptState.UNJUDGED, AttemptState.SUPERSEDED, AttemptState.DROPPED)


class Kind(StrEnum):
    """Why an attempt was made."""

    GRADE = "grade"  #: the first of its submission
    REGRADE = "regrade"  #: runs the submission again
    RESCORE = "rescore"  #: scores the stored events of another attempt again


class Moment(sa.types.TypeDecorator[datetime]):
    """An aware datetime, kept as whole microseconds since 1970 in UTC: the same on every database."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:
        """Raises ValueError for a naive datetime: it could mean any hour."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"expected an aware datetime, got the naive {value.isoformat()}")
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:
        return None if value is None else _EPOCH + value * _MICROSECOND


class Ranked(sa.types.TypeDecorator[Class]):
    """A class of the queue, kept as its place from 0, so that the database can sort by it."""

    impl = sa.SmallInteger
    cache_ok = True

    def process_bind_param(self, value: Class | None, dialect: Any) -> int | None:
        return None if value is None else list(Class).index(value)

    def process_result_value(self, value: int | None, dialect: Any) -> Class | None:
        return None if value is None else list(Class)[value]


class Exact(sa.types.TypeDecorator[Fraction]):
    """A fraction, kept as the text `numerator/denominator`: no float ever stands for a score."""

    impl = sa.String
    cache_ok = True

    def process_bind_param(self, value: Fraction | None, dialect: Any) -> str | None:
        return None if value is None else f"{value.numerator}/{value.denominator}"

    def process_result_value(self, value: str | None, dialect: Any) -> Fraction | None:
        return None if value is None else Fraction(value)


def _sequence() -> sa.Column[int]:
    return sa.Column(
        "seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
    )


metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

learners = sa.Table(
    "learners",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    # Both are null once the learner is erased; the row stays so that submissions keep pointing somewhere.
    sa.Column("name", sa.String, nullable=True, unique=True),
    sa.Column("salt", sa.LargeBinary, nullable=True),
    sa.Column("email", sa.String, nullable=True),
)

submissions = sa.Table(
    "submissions",
    metadata,
    _sequence(),
    sa.Column("id", sa.String, nullable=False, unique=True),
    sa.Column("learner_id", sa.ForeignKey("learners.id"), nullable=False),
    sa.Column("task_id", sa.String, nullable=False),
    sa.Column("task_version", sa.String, nullable=False),
    sa.Column("task_digest", sa.String, nullable=False),
    sa.Column("snapshot", sa.String, nullable=False),
    sa.Column("bundle", sa.String, nullable=False),
    sa.Column("received_at", Moment, nullable=False),
    sa.Index(None, "learner_id", "task_id"),
    sa.Index(None, "learner_id", "received_at"),
    sa.Index(None, "bundle"),
    sa.Index(None, "task_id", "task_version", "snapshot"),
)

attempts = sa.Table(
    "attempts",
    metadata,
    _sequence(),
    sa.Column("id", sa.String, nullable=False, unique=True),
    sa.Column("submission_id", sa.ForeignKey("submissions.id"), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("faults", sa.Integer, nullable=False),
    sa.Column("lost", sa.Integer, nullable=False),
    sa.Column("events", sa.Integer, nullable=False),
    sa.Column("events_of", sa.ForeignKey("attempts.id"), nullable=True),
    sa.Column("run_epoch", sa.Integer, nullable=True),
    sa.Column("queued_at", Moment, nullable=False),
    sa.Column("not_before", Moment, nullable=False),
    sa.Column("worker", sa.String, nullable=True),
    sa.Column("leased_at", Moment, nullable=True),
    sa.Column("lease_until", Moment, nullable=True),
    sa.Column("started_at", Moment, nullable=True),
    sa.Column("finished_at", Moment, nullable=True),
    sa.Column("verdict", sa.String, nullable=True),
    sa.Column("score", Exact, nullable=True),
    sa.Column("level", sa.String, nullable=True),
    sa.Column("report", sa.String, nullable=True),
    sa.Column("problem", sa.String, nullable=True),
    sa.Column("queue_class", Ranked, nullable=False, server_default="1"),
    sa.Column("turn", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("superseded_by", sa.String, nullable=True),
    # The task that it is judged with, where that is not the one of its submission.
    sa.Column("snapshot", sa.String, nullable=True),
    sa.Column("task_version", sa.String, nullable=True),
    sa.Column("task_digest", sa.String, nullable=True),
    sa.Column("regrade_id", sa.String, nullable=True),
    sa.Column("base", sa.String, nullable=True),
    sa.UniqueConstraint("submission_id", "number"),
    sa.Index(None, "state", "seq"),
    sa.Index(None, "state", "queue_class", "turn", "seq"),
    sa.Index(None, "state", "queued_at"),
    sa.Index(None, "regrade_id"),
    # The database itself refuses a lease without an end and a judgement without a verdict.
    sa.CheckConstraint(
        "(state = 'running' AND worker IS NOT NULL AND leased_at IS NOT NULL AND lease_until IS NOT NULL) "
        "OR (state <> 'running' AND worker IS NULL AND leased_at IS NULL AND lease_until IS NULL)",
        name="lease",
    ),
    sa.CheckConstraint("state <> 'judged' OR (verdict IS NOT NULL AND score IS NOT NULL)", name="verdict"),
    sa.CheckConstraint("state <> 'unjudged' OR problem IS NOT NULL", name="problem"),
    sa.CheckConstraint("state <> 'superseded' OR superseded_by IS NOT NULL", name="superseded"),
)

#: The turn that a learner got last in a class.
turns = sa.Table(
    "turns",
    metadata,
    sa.Column("learner_id", sa.ForeignKey("learners.id"), primary_key=True),
    sa.Column("queue_class", Ranked, primary_key=True),
    sa.Column("turn", sa.BigInteger, nullable=False),
)

#: Where the queue is: for each class, by its name, the turn that it has come to; and for `OVERDUE`, how many
#: attempts are still taken in their order before one that is overdue goes first.
counters = sa.Table(
    "counters",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)
OVERDUE = "overdue"

events = sa.Table(
    "events",
    metadata,
    sa.Column("attempt_id", sa.ForeignKey("attempts.id"), primary_key=True),
    sa.Column("epoch", sa.Integer, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("attempt_id", sa.ForeignKey("attempts.id"), primary_key=True),
    sa.Column("epoch", sa.Integer, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("finished_at", Moment, nullable=False),
)

evidence = sa.Table(
    "evidence",
    metadata,
    sa.Column("attempt_id", sa.ForeignKey("attempts.id"), primary_key=True),
    sa.Column("record", sa.String, nullable=False),
    sa.Column("run", sa.String, nullable=False),
    sa.Column("envelope", sa.String, nullable=False),
    sa.Column("key_id", sa.String, nullable=False),
)

marks = sa.Table(
    "marks",
    metadata,
    _sequence(),
    sa.Column("attempt_id", sa.ForeignKey("attempts.id"), nullable=False),
    sa.Column("criterion", sa.String, nullable=False),
    sa.Column("marks", sa.Integer, nullable=False),
    sa.Column("reviewer", sa.String, nullable=False),
    sa.Column("comment", sa.String, nullable=False),
    sa.Column("given_at", Moment, nullable=False),
    sa.Index(None, "attempt_id"),
)

#: What reviewers say of lines of the files that were handed in. Of the submission, not of one attempt: the
#: files are the same however often they are judged.
remarks = sa.Table(
    "remarks",
    metadata,
    _sequence(),
    sa.Column("id", sa.String, nullable=False, unique=True),
    sa.Column("submission_id", sa.ForeignKey("submissions.id"), nullable=False),
    sa.Column("path", sa.String, nullable=False),
    sa.Column("line", sa.Integer, nullable=False),
    sa.Column("text", sa.String, nullable=False),
    sa.Column("reviewer", sa.String, nullable=False),
    sa.Column("made_at", Moment, nullable=False),
    sa.Index(None, "submission_id"),
)

#: Submissions whose evidence their learners keep to themselves, and since when.
withheld = sa.Table(
    "withheld",
    metadata,
    sa.Column("submission_id", sa.ForeignKey("submissions.id"), primary_key=True),
    sa.Column("since", Moment, nullable=False),
)

#: The public half of every key that ever signed here. `purpose` is `engine`, `issuer` or `log`; `pem` is null
#: where the key signed before this was kept, `until` while it is the one in use.
keys = sa.Table(
    "keys",
    metadata,
    sa.Column("key_id", sa.String, primary_key=True),
    sa.Column("purpose", sa.String, nullable=False, server_default="engine"),
    sa.Column("pem", sa.LargeBinary, nullable=True),
    sa.Column("since", Moment, nullable=True),
    sa.Column("until", Moment, nullable=True),
)

workers = sa.Table(
    "workers",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("host", sa.String, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("doing", sa.String, nullable=False),
    sa.Column("seen_at", Moment, nullable=False),
)

#: Private blobs that nothing names any more and that are still to be removed; written in the transaction
#: that took the last name away.
doomed = sa.Table("doomed", metadata, sa.Column("digest", sa.String, primary_key=True))


@dataclass(frozen=True, kw_only=True)
class Learner:
    """Whose work it is.

    Attributes:
        id: ours; means nothing outside.
        name: as the operator calls them; unique.
        salt: makes the commitment in evidence; goes when the learner is erased.
        email: the address that their awards are bound to, or None.
    """

    id: str
    name: str
    salt: bytes
    email: str | None = None


@dataclass(frozen=True, kw_only=True)
class Submission:
    """One learner's files for one task, frozen.

    Attributes:
        task_digest: digest of the task as its author keeps it.
        snapshot: digest of the blob that holds task, rubric and profile as they were at intake.
        bundle: digest of the blob with the learner's files.
    """

    id: str
    learner_id: str
    task_id: str
    task_version: str
    task_digest: str
    snapshot: str
    bundle: str
    received_at: datetime


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One numbered judging of a submission.

    Attributes:
        number: from 1 within the submission.
        epoch: from 1; raised whenever a worker lost or spoiled it.
        faults: how many epochs ended by our fault.
        lost: how many epochs ended by a lost lease.
        events_of: the attempt whose events count for this one (a rescore), or None: its own.
        run_epoch: the epoch whose run came to its end, or None.
        queued_at: when it was queued, or queued again, last.
        not_before: when a worker may take it.
        worker: who holds the lease, or None.
        lease_until: when the lease runs out, or None.
        started_at: when a worker took it last, or None.
        finished_at: when it was concluded, or None.
        verdict, score, level: what came of it; None before. `score` is 0 to 1.
        report: digest of the private attempt report; None before, and once the learner is erased.
        problem: the last fault, as told to the operator, or None.
        queue_class: which class of the queue it waits in.
        turn: its learner's turn in that class; the least goes first.
        superseded_by: the submission that took its place, or None.
        snapshot, task_version, task_digest: the task that it is judged with, as in `Submission`; None for
            the one that its submission was frozen with.
        regrade_id: the regrade of a task that made it, or None.
        base: the attempt whose place it is to take when that regrade is applied, or None.
    """

    id: str
    submission_id: str
    number: int
    kind: Kind
    state: AttemptState
    epoch: int
    faults: int
    lost: int
    events_of: str | None
    run_epoch: int | None
    queued_at: datetime
    not_before: datetime
    worker: str | None
    lease_until: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    verdict: str | None
    score: Fraction | None
    level: str | None
    report: str | None
    problem: str | None
    queue_class: Class
    turn: int
    superseded_by: str | None
    snapshot: str | None
    task_version: str | None
    task_digest: str | None
    regrade_id: str | None
    base: str | None

    @property
    def on_trial(self) -> bool:
        """Whether a regrade made it that is not applied: whatever comes of it counts for nothing."""
        return self.regrade_id is not None and self.state is not AttemptState.JUDGED

    def judged_with(self, submission: Submission) -> str:
        """The digest of the snapshot that it is judged with, `submission` being its own."""
        return self.snapshot or submission.snapshot


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One worker's right to one epoch of one attempt, while its lease lasts."""

    attempt: Attempt
    epoch: int
    worker: str


@dataclass(frozen=True, kw_only=True)
class EvidenceRow:
    """The blobs of an attempt's evidence, by digest; public, kept for ever.

    Attributes:
        key_id: the key that signed.
    """

    attempt_id: str
    record: str
    run: str
    envelope: str
    key_id: str


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """What came of an attempt.

    Attributes:
        state: JUDGED, which takes verdict, score and evidence; HELD, which takes verdict and score; or
            AWAITING_REVIEW. The last two have no evidence yet.
        verdict: the verdict's word.
        score: 0 to 1.
        level: id of the level reached, or None.
        report: digest of the private attempt report, or None.

    Raises:
        ValueError: the state does not go with the rest.
    """

    state: AttemptState
    verdict: str | None
    score: Fraction | None
    level: str | None
    evidence: EvidenceRow | None
    report: str | None = None

    def __post_init__(self) -> None:
        if self.state is AttemptState.JUDGED:
            if not self.verdict or self.score is None or self.evidence is None:
                raise ValueError(f"a judged attempt has a verdict, a score and evidence, got {self}")
        elif self.state is AttemptState.AWAITING_REVIEW:
            if self.evidence is not None:
                raise ValueError(f"nothing is signed while a review is open, got {self}")
        elif self.state is AttemptState.HELD:
            if not self.verdict or self.score is None or self.evidence is not None:
                raise ValueError(f"what is held has a verdict, a score and no evidence, got {self}")
        else:
            raise ValueError(
                f"expected a conclusion that is judged, held or awaiting review, got {self.state}"
            )


@dataclass(frozen=True, kw_only=True)
class WorkerRow:
    """A worker as it reported last.

    Attributes:
        doing: the attempt that it has under a lease, else what it reported.
        quiet_s: seconds since it reported; 0 where the clock was set back since.
    """

    name: str
    host: str
    pid: int
    doing: str
    seen_at: datetime
    quiet_s: int


def doom(connection: sa.Connection, digests: Iterable[str]) -> None:
    """Note that these blobs are to be removed, unless something names them by then."""
    known = set(connection.execute(sa.select(doomed.c.digest)).scalars())
    if new := [{"digest": digest} for digest in sorted({*digests} - known)]:
        connection.execute(doomed.insert(), new)


def as_submission(row: sa.Row[Any]) -> Submission:
    """The submission in a row of all columns of `submissions`."""
    return Submission(**{name: getattr(row, name) for name in Submission.__dataclass_fields__})


def as_attempt(row: sa.Row[Any]) -> Attempt:
    """The attempt in a row of all columns of `attempts`."""
    values = {name: getattr(row, name) for name in Attempt.__dataclass_fields__}
    return Attempt(**{**values, "kind": Kind(row.kind), "state": AttemptState(row.state)})
