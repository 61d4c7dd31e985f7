"""Regrading: a task's stored results judged again on today's version, shown beside the old, then applied.

Comes in: an author's or an operator's order. Goes out: a regrade, and the evidence that makes its results
count. Rows are kept by `regrades`, old and new are compared in `regraded`; the attempts are run as all others
are, after everybody else's.

    start ──> attempts, held one by one ──> show ──> apply: all count │ drop: none ever will

Applying takes these steps, and is done whole or not at all:

1. Each held result is scored once more: what was shown is what is signed.
2. Its record is made and signed, and the files are kept, each doomed first: whoever is killed here leaves
   files that the next sweep removes.
3. Rows, leaves of the log, awards that go: one transaction.
4. Pages are published, and learners looked at for new awards; the sweep does what is left of that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import structlog

from assessor import (
    bundle,
    catalog,
    digest,
    judging,
    personal,
    regraded,
    settling,
    statuses,
    versioning,
)
from assessor.errors import AssessorError, KeyRetired, NotFound, QueueFault, RegradeOvertaken, RegradeRefused
from assessor.judging import Judged
from assessor.parts import Parts
from assessor.rows.awards import AwardRow
from assessor.rows.queued import JudgedWith
from assessor.rows.regrades import Held, Wanted
from assessor.rows.standings import Regrade, Result
from assessor.store import OPEN, Attempt, AttemptState, EvidenceRow

log = structlog.get_logger(__name__)

#: How often it is tried again to apply where another process was quicker.
TRIES = 5


@dataclass(frozen=True, kw_only=True)
class Started:
    """A regrade that was started, or gone on with.

    Attributes:
        regrade: None where there was nothing to judge again.
        made: attempts that were queued by this.
        there: how many it had already.
    """

    regrade: Regrade | None
    made: tuple[Attempt, ...]
    there: int


@dataclass(frozen=True, kw_only=True)
class Applied:
    """What applying did.

    Attributes:
        attempts: those that count by it.
        revoked: the awards that went.
        kept: the awards that stay, though their evidence does not back them any more.
    """

    regrade: Regrade
    attempts: tuple[str, ...]
    revoked: tuple[AwardRow, ...]
    kept: tuple[AwardRow, ...]


def start(
    task_id: str,
    tasks: catalog.Catalog,
    parts: Parts,
    *,
    ring: Callable[[str, int], None],
    judged_with: str | None = None,
    attempts: Collection[str] = (),
) -> Started:
    """Queue a task's stored results to be judged again on the task as it is now; nothing of it counts yet.

    Started again it goes on: each result is judged once, but for one that ended unjudged or was overtaken.

    Args:
        task_id: whose results.
        tasks: the catalog.
        parts: the world.
        ring: tells the queue; the sweep rings again.
        judged_with: only results of this version, or of this digest of task or snapshot; None: any.
        attempts: only these, or all.

    Raises:
        NotFound: no such task; no result of that version; an attempt that does not count, or is of another
            task.
        AuthorError: the task is not ready to be judged, or was changed under the same version.
        RegradeRefused: one is open on another content of the task.
    """
    task, snapshot = tasks.task(task_id), catalog.freeze(tasks, task_id)
    alike = versioning.require_raised(task, snapshot, parts.store, parts.blobs)
    chosen = _chosen(parts.store.results(task_id), task_id, judged_with, attempts)
    chosen = [one for one in chosen if one.snapshot not in alike | {snapshot.digest}]
    if not chosen:
        return Started(regrade=None, made=(), there=0)
    parts.blobs.put(snapshot.data)
    lasting = {name: _lasting(name, snapshot, parts) for name in {one.snapshot for one in chosen}}
    wanted = [
        Wanted(base=one.attempt, attempt_id=parts.new_id(), criteria=lasting[one.snapshot]) for one in chosen
    ]
    regrade, made = parts.store.start_regrade(
        wanted,
        new_id=parts.new_id(),
        task_id=task_id,
        judged_with=JudgedWith(snapshot=snapshot.digest, task_version=task.version, task_digest=task.digest),
        now=parts.clock(),
    )
    log.info("regrade", regrade=regrade.id, task=task_id, version=task.version, queued=len(made))
    for attempt in made:
        try:
            ring(attempt.id, attempt.epoch)
        except QueueFault as error:
            log.warning("queue is away; the sweep will ring", problem=str(error))
            break
    return Started(regrade=regrade, made=made, there=len(parts.store.trials(regrade.id)) - len(made))


def apply(task_id: str, parts: Parts, *, by: str, reason: str, revoke: bool = False) -> Applied:
    """Make the results of the open regrade count.

    Results that ended unjudged stay as they were.

    Args:
        task_id: whose.
        parts: the world.
        by: who orders it.
        reason: why, for the books, and for the awards that go.
        revoke: whether awards that the new results do not back go with it; else they stay.

    Raises:
        NotFound: none is open.
        RegradeRefused: it holds nothing; an attempt is not judged yet; an old result was replaced since, or
            is judged once more; or a result comes out otherwise than it was shown. Nothing was kept.
        RegradeOvertaken, KeyRetired: others were quicker each time; nothing was kept.
        AssessorError: something cannot be read, signed or written; nothing was kept.
    """
    for last in range(TRIES):
        regrade = regraded.opened(task_id, parts)
        try:
            applied = _apply(regrade, parts, by=by, reason=reason, revoke=revoke)
            break
        except (RegradeOvertaken, KeyRetired) as error:
            if last == TRIES - 1:
                raise
            log.debug("regrade: looked at again", regrade=regrade.id, problem=str(error))
    log.info(
        "regrade applied",
        regrade=regrade.id,
        task=task_id,
        by=by,
        reason=reason,
        results=len(applied.attempts),
    )
    _follow_up(applied, parts)
    return applied


def drop(task_id: str, parts: Parts, *, by: str, reason: str | None = None) -> Regrade:
    """Give the open regrade of a task up; its old results stay, as they did all the time.

    Raises:
        NotFound: none is open.
    """
    regrade = parts.store.drop_regrade(
        regraded.opened(task_id, parts).id, by=by, reason=reason, now=parts.clock()
    )
    personal.sweep(parts.store, parts.blobs)
    log.info("regrade dropped", regrade=regrade.id, task=task_id, by=by, reason=reason)
    return regrade


def _chosen(
    results: Sequence[Result], task_id: str, judged_with: str | None, attempts: Collection[str]
) -> list[Result]:
    # Whoever was erased has no files any more.
    found = [one for one in results if one.learner is not None]
    if judged_with is not None:
        fits = [one for one in found if judged_with in (one.version, one.task_digest, one.snapshot)]
        if not fits:
            there = ", ".join(sorted({one.version for one in found})) or "none"
            raise NotFound(f"task {task_id}: expected results of {there}, got {judged_with!r}")
        found = fits
    if attempts:
        by_id = {one.attempt.id: one for one in found}
        unknown = sorted(set(attempts) - set(by_id))
        if unknown:
            raise NotFound(f"task {task_id}: expected attempts that count, got {', '.join(unknown)}")
        found = [one for one in found if one.attempt.id in attempts]
    return found


def _lasting(old: str, new: bundle.Bundle, parts: Parts) -> frozenset[str]:
    """The criteria whose marks mean the same in both versions: as many can be given for each."""
    before, after = judging.thaw(old, parts).rubric, judging.thaw(new.digest, parts).rubric
    return frozenset(
        one.id
        for one in after.criteria
        if one.marks is not None and (was := before.criterion(one.id)) is not None and was.marks == one.marks
    )


def _apply(regrade: Regrade, parts: Parts, *, by: str, reason: str, revoke: bool) -> Applied:
    trials = parts.store.trials(regrade.id)
    waiting = [one for one in trials if one.state in OPEN]
    if waiting:
        raise RegradeRefused(
            f"regrade {regrade.id}: expected every attempt to be judged, {len(waiting)} are not yet: "
            f"{waiting[0].id} is {waiting[0].state.value}"
        )
    judged = [_as_shown(one, parts) for one in trials if one.state is AttemptState.HELD]  # 1
    if not judged:
        raise RegradeRefused(f"regrade {regrade.id}: expected results that can be applied, it holds none")
    signing = parts.signer
    lost = regraded.lost(judged, parts)
    held: list[Held] = []
    files: list[bytes] = []
    for one in judged:  # 2
        data = judging.signed(one, parts, signing)
        record, run, envelope = map(digest.sha256, data)
        files += data
        row = EvidenceRow(
            attempt_id=one.attempt.id, record=record, run=run, envelope=envelope, key_id=signing.key_id
        )
        held.append(Held(attempt=one.attempt, evidence=row))
    parts.store.doom_all(dict.fromkeys(map(digest.sha256, files)))
    try:
        parts.blobs.put_all(files)
        closed = parts.store.apply_regrade(  # 3
            regrade.id,
            held,
            revoke=[(row.id, parts.new_salt()) for row in lost] if revoke else (),
            key_id=signing.key_id,
            by=by,
            reason=reason,
            now=parts.clock(),
        )
    except AssessorError:
        # Named by no row: what is doomed goes.
        personal.sweep(parts.store, parts.blobs)
        raise
    return Applied(
        regrade=closed,
        attempts=tuple(one.attempt.id for one in held),
        revoked=lost if revoke else (),
        kept=() if revoke else lost,
    )


def _as_shown(attempt: Attempt, parts: Parts) -> Judged:
    judged = judging.judge(attempt.id, parts)
    found = judged.assessment
    shown = (attempt.verdict, attempt.score, attempt.level)
    if (found.verdict.value, found.total, found.level) != shown:
        judging.conclude(attempt.id, parts)
        raise RegradeRefused(
            f"attempt {attempt.id}: expected {attempt.verdict}, {attempt.score}, as it was shown, this "
            f"version of assessor makes {found.verdict.value}, {found.total} of it; look at it again"
        )
    return judged


def _follow_up(applied: Applied, parts: Parts) -> None:  # 4
    for attempt_id in applied.attempts:
        try:
            judging.published(attempt_id, parts)
        except AssessorError as error:
            log.warning("judged, not published yet; the sweep tries again", problem=str(error))
        settling.follow_up(attempt_id, parts)
    for name in sorted({row.status_list for row in applied.revoked}):
        try:
            statuses.sign(name, parts, now=parts.clock())
        except AssessorError as error:
            log.warning("a status list is not signed yet; the sweep tries again", problem=str(error))
