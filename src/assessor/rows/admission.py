"""Whether a learner may hand in now, what it takes the place of, and whether it came before.

Comes in: a transaction that is going to keep a submission. Goes out: nothing, or the error that tells the
learner when to come back. What is counted is counted by an index, and no further than the limit.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from assessor.errors import KeyReused, NotFound, RateLimited, TryRefused, VersionStale
from assessor.rows import accounts, ledger, schema
from assessor.rows.leases import SKEW
from assessor.rows.schema import UNUSED, Attempt, AttemptState, Submission
from assessor.waiting import Rate

#: How many of a learner's newest submissions for a task may be superseded at once. Only the newest can be
#: waiting untouched, but where it was handed in before there was superseding.
NEWEST = 20

#: How long a client may go on asking whether its submission came.
KEYS_LAST = timedelta(days=7)

_A = schema.attempts.c
_S = schema.submissions.c
_K = accounts.submission_keys.c


@dataclass(frozen=True, kw_only=True)
class Key:
    """What a client calls a submission, so that handing it in twice is handing it in once.

    Attributes:
        user_id: whose client; keys of different users have nothing to do with each other.
        key: its word.
        digest: of all that was asked: the same key with something else is a mistake.
    """

    user_id: str
    key: str
    digest: str


def known(connection: sa.Connection, key: Key, now: datetime) -> str | None:
    """The id of the submission that this key stands for already, or None. For under the learner's `lock`.

    Keys that are older than `KEYS_LAST` are free again.

    Raises:
        KeyReused: it stands for something else that was asked.
    """
    table = accounts.submission_keys
    old = table.delete().where(_K.user_id == key.user_id, _K.made_at <= now - KEYS_LAST)
    connection.execute(old)
    row = connection.execute(sa.select(table).where(_K.user_id == key.user_id, _K.key == key.key)).first()
    if row is None:
        return None
    if row.digest != key.digest:
        raise KeyReused(
            # As its client wrote it: what is before the colon is whose kind of client it was.
            f"idempotency key {key.key.rpartition(':')[2]!r}: expected the request that it came with first, "
            "got another; use a fresh key for each submission"
        )
    found: str = row.submission_id
    return found


def keep(connection: sa.Connection, key: Key, submission_id: str, now: datetime) -> None:
    """Let a key stand for a submission, in the transaction that keeps the submission."""
    new = accounts.submission_keys.insert().values(
        user_id=key.user_id, key=key.key, digest=key.digest, submission_id=submission_id, made_at=now
    )
    connection.execute(new)


def lock(connection: sa.Connection, learner_id: str) -> None:
    """Lock a learner's row, so that two submissions of one learner count each other.

    SQLite has one writer anyway.

    Raises:
        NotFound: no such learner.
    """
    learner = schema.learners
    known = sa.select(learner.c.name).where(learner.c.id == learner_id).with_for_update()
    if connection.execute(known).scalar() is None:
        raise NotFound(f"expected the id of a learner, got {learner_id!r}: the store has none of it")


def _using(learner_id: str, task_id: str) -> sa.Select[Any]:
    """A learner's submissions for a task that use a try, the newest first."""
    uses = sa.exists().where(_A.submission_id == _S.id, _A.state.not_in(UNUSED))
    query = sa.select(schema.submissions).where(_S.learner_id == learner_id, _S.task_id == task_id, uses)
    return query.order_by(_S.seq.desc())


def same(
    connection: sa.Connection, learner_id: str, task_id: str, snapshot: str, bundle: str
) -> Submission | None:
    """The learner's submission of the same files for the same snapshot that uses a try, if there is one."""
    query = _using(learner_id, task_id).where(_S.snapshot == snapshot, _S.bundle == bundle)
    row = connection.execute(query.limit(1)).first()
    return None if row is None else schema.as_submission(row)


def check_version(
    connection: sa.Connection, task_id: str, version: str, snapshot: str, alike: Collection[str]
) -> None:
    """Nothing, if nothing else stands under this version of the task.

    Args:
        alike: snapshots that hold the same content, whatever their bytes.

    Raises:
        VersionStale: results of another content stand under it, or soon will.
    """
    under = sa.and_(_S.task_id == task_id, _S.task_version == version)
    if connection.dialect.name == "postgresql":
        same = sa.select(_S.id).where(under, _S.snapshot == snapshot).limit(1)
        if connection.execute(same).first() is None:
            # Two first submissions of two contents at once: SQLite has one writer, here they wait.
            key = zlib.crc32(f"{task_id}@{version}".encode())
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(7463004, :key)"), {"key": key - 2**31})
    others = snapshots_under(connection, task_id, version) - {snapshot, *alike}
    if others:
        raise VersionStale(
            f"tasks/{task_id}/task.yaml",
            f"expected version to be raised from {version}: results stand under it with another content, "
            f"{min(others)}; run `assessor tasks lock {task_id} --bump`",
        )


def snapshots_under(connection: sa.Connection, task_id: str, version: str) -> set[str]:
    """The snapshots under which submissions, or regrades that were not dropped, stand for this version."""
    found: set[str] = set()
    table, used = ledger.regrades.c, sa.exists().where(_A.submission_id == _S.id, _A.state.not_in(UNUSED))
    query = sa.select(_S.snapshot).where(_S.task_id == task_id, _S.task_version == version)
    last: str | None = ""
    while last is not None:
        # An index leads from one snapshot to the next: thousands of the same cost nothing.
        after = query.where(_S.snapshot > last).order_by(_S.snapshot).limit(1)
        last = connection.execute(after).scalar()
        if last is not None:
            found.add(last)
    kept = {
        one for one in found if connection.execute(query.where(_S.snapshot == one, used).limit(1)).first()
    }
    again = sa.select(table.snapshot).where(
        table.task_id == task_id, table.task_version == version, table.state != "dropped"
    )
    return kept | set(connection.execute(again).scalars())


def check_rate(connection: sa.Connection, learner_id: str, rate: Rate, now: datetime) -> None:
    """Nothing, if the learner may hand in once more now.

    Raises:
        RateLimited: too many of late.
    """
    again = free_at(connection, learner_id, rate, now)
    if again is not None:
        wait_s = math.ceil((again - now).total_seconds())
        raise RateLimited(
            f"expected at most {rate.count} submissions in {rate.per_s} s, got one more; the next one is "
            f"possible at {again.isoformat(timespec='seconds')}, in {wait_s} s",
            retry_s=wait_s,
        )


def free_at(connection: sa.Connection, learner_id: str, rate: Rate, now: datetime) -> datetime | None:
    """When the learner may hand in once more by this rate, or None: now."""
    per = timedelta(seconds=rate.per_s)
    # What a clock that was set back since has dated in the future counts for nothing.
    recent = sa.and_(_S.learner_id == learner_id, _S.received_at > now - per, _S.received_at <= now + SKEW)
    query = sa.select(_S.received_at).where(recent).order_by(_S.received_at.desc())
    first: datetime | None = connection.execute(query.limit(1).offset(rate.count - 1)).scalar()
    return None if first is None else first + per


def supersede(
    connection: sa.Connection, learner_id: str, task_id: str, *, by: str, now: datetime
) -> list[Attempt]:
    """Supersede what a learner has queued for a task and no worker has taken yet.

    Args:
        by: id of the submission that takes its place.

    Returns:
        The attempts as they were; nearly always none or one.
    """
    newest = (
        sa.select(_S.id)
        .where(_S.learner_id == learner_id, _S.task_id == task_id)
        .order_by(_S.seq.desc())
        .limit(NEWEST)
    )
    names = connection.execute(newest).scalars().all()
    # The state is looked at below: asked for here, SQLite reads all that is queued to find it.
    first = sa.select(schema.attempts).where(_A.submission_id.in_(names), _A.number == 1)
    # PostgreSQL: one that a worker takes at this moment is that worker's.
    rows = connection.execute(first.with_for_update(skip_locked=True)).all() if names else []
    found = [one for one in map(schema.as_attempt, rows) if _untouched(one)]
    for one in found:
        connection.execute(
            schema.attempts.update()
            .where(_A.id == one.id)
            .values(state=AttemptState.SUPERSEDED, superseded_by=by, finished_at=now)
        )
    return found


def _untouched(first: Attempt) -> bool:
    """Whether no worker has ever had this first attempt of a submission."""
    return first.state is AttemptState.QUEUED and first.epoch == 1 and first.started_at is None


def check_tries(connection: sa.Connection, learner_id: str, task_id: str, tries: int | None) -> None:
    """Nothing, if a try is left.

    Raises:
        TryRefused: all are used.
    """
    if tries is None:
        return
    if used(connection, learner_id, task_id, most=tries) >= tries:
        raise TryRefused(
            f"task {task_id}: {tries} tries are allowed and all are used; no further one is possible"
        )


def used(connection: sa.Connection, learner_id: str, task_id: str, *, most: int | None = None) -> int:
    """How many of a learner's submissions for a task use a try; counted up to `most`."""
    found = _using(learner_id, task_id).limit(most).subquery()
    number: int = connection.execute(sa.select(sa.func.count()).select_from(found)).scalar_one()
    return number


def check_cooldown(
    connection: sa.Connection, learner_id: str, task_id: str, cooldown_s: int, now: datetime
) -> None:
    """Nothing, if the last submission that uses a try is long enough ago.

    Raises:
        TryRefused: it is not; the text says when it will be.
    """
    allowed = cooled_at(connection, learner_id, task_id, cooldown_s, now)
    if allowed is not None:
        raise TryRefused(
            f"task {task_id}: {cooldown_s} s must pass between two tries; the next one is "
            f"possible at {allowed.isoformat(timespec='seconds')}",
            retry_s=math.ceil((allowed - now).total_seconds()),
        )


def cooled_at(
    connection: sa.Connection, learner_id: str, task_id: str, cooldown_s: int, now: datetime
) -> datetime | None:
    """When the last submission that uses a try is long enough ago, or None: it is now."""
    if not cooldown_s:
        return None
    row = connection.execute(_using(learner_id, task_id).limit(1)).first()
    if row is None:
        return None
    allowed: datetime = row.received_at + timedelta(seconds=cooldown_s)
    # A clock that was set back tells nothing about the time since: the learner goes ahead.
    return allowed if now < allowed and row.received_at <= now + SKEW else None
