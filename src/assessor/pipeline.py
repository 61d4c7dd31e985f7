"""The trip of a submission: receive, then `assess` = `run`, then `conclude`.

    submit ──> assess: claim ──> run: sandbox -> events, stored as they come ──> conclude: results ->
               score -> record -> sign -> store -> publish

A review or a rescore calls `judging.conclude` alone. Each stage takes plain values; what touches the world
comes in as `Parts`. Whose fault a failure is, is decided here and nowhere else: whatever the submission does
ends in a verdict, a lost lease is nobody's fault, and anything else that stops a run is ours and is tried
again: without end where a full disk, too little memory or the engine's absence was the cause, which count for
nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from assessor import bundle, catalog, inspector, intake, judging, logs, personal, versioning
from assessor.errors import (
    AssessorError,
    BlobFault,
    FileInvalid,
    KeyFault,
    KeyReused,
    LeaseLost,
    Pressed,
    QueueFault,
    RateLimited,
    SettingInvalid,
    StoreFault,
    TryRefused,
)
from assessor.inspection import Inspection
from assessor.inspection import Reason as CheckReason
from assessor.lease import Lease
from assessor.parts import RUN, Parts, Run
from assessor.rows.admission import Key
from assessor.sandbox import protocol
from assessor.store import Attempt, AttemptState, Submission
from assessor.waiting import Class

log = structlog.get_logger(__name__)


def submit(
    upload: Path,
    *,
    task_id: str,
    learner: str,
    tasks: catalog.Catalog,
    spool: Path,
    parts: Parts,
    ring: Callable[[str, int], None],
    queue_class: Class | None = None,
    key: Key | None = None,
    name: str | None = None,
) -> tuple[Submission, Attempt, intake.Received]:
    """Take an upload in and queue its first attempt.

    Args:
        upload: a folder, zip or tar.
        task_id: the task it is for.
        learner: the learner's name.
        tasks: the catalog that holds the task.
        spool: folder outside the store where the upload is checked.
        parts: the world.
        ring: tells the queue; a queue that is away loses nothing, the sweep rings again.
        queue_class: the class that it waits in, or None for the task's own.
        key: what the client calls it, or None. What it stands for already is given back as it is.
        name: what the learner calls the upload, for a refusal; by default the name that it has on disk.

    Raises:
        NotFound: there is no such task.
        AuthorError: the task is not ready to be judged, or was changed under a version that has results.
        UploadRefused, TryRefused, RateLimited, KeyReused: nothing was kept.
        Pressed, BlobFault, StoreFault: there is no room for it, or it cannot be written; nothing was kept.
    """
    if parts.gauge is not None:
        parts.gauge.require_intake()
    task = tasks.task(task_id)
    snapshot = catalog.freeze(tasks, task_id)
    alike = versioning.require_raised(task, snapshot, parts.store, parts.blobs)
    received = intake.receive(upload, rules=task.submission, spool=spool, name=name)
    parts.blobs.put(snapshot.data)
    parts.blobs.put(received.bundle.data)
    try:
        owner = parts.store.learner(learner, new_id=parts.new_id(), salt=parts.new_salt())
        submission, attempt, superseded = parts.store.submit(
            id=parts.new_id(),
            attempt_id=parts.new_id(),
            learner_id=owner.id,
            task_id=task.id,
            task_version=task.version,
            task_digest=task.digest,
            snapshot=snapshot.digest,
            bundle=received.bundle.digest,
            tries=task.policy.tries,
            cooldown_s=task.policy.cooldown_s,
            now=parts.clock(),
            queue_class=queue_class or task.policy.queue_class,
            rate=parts.rate,
            alike=alike,
            key=key,
        )
    except (TryRefused, RateLimited, KeyReused, FileInvalid):
        # Blobs come before the rows that name them; these files are named by none, and must not stay.
        parts.store.doom(received.bundle.digest)
        personal.sweep(parts.store, parts.blobs)
        raise
    except StoreFault:
        _discard(received.bundle.digest, parts)
        raise
    # Once more, now that a row names it: somebody else's same bytes may have been erased in between.
    parts.blobs.put(received.bundle.data)
    log.info("submitted", attempt=attempt.id, task=task.id, bundle=submission.bundle)
    # One that takes another's place has that one's bell: a second would only find nothing left to do.
    if not superseded:
        _ring(attempt, ring)
    return submission, attempt, received


def _discard(bundle_digest: str, parts: Parts) -> None:
    """Remove the files that came without a row to name them; the disk may be too full to note that."""
    try:
        parts.store.discard(bundle_digest, parts.blobs.remove)
    except (BlobFault, StoreFault) as error:
        log.warning("files without a submission left behind", bundle=bundle_digest, problem=str(error))


def assess(
    attempt_id: str, epoch: int, parts: Parts, *, then: Callable[[str], object] | None = None
) -> AttemptState | None:
    """Judge the attempt that is next, whole; the state it is left in, or None where none may be taken.

    The last line of defence of a worker: any error that is not a lost lease is a fault of ours, kept with
    the attempt, and leads to another epoch or, after the third, to *unjudged*. One that came of what is short
    on this machine, or of a key that is away, is kept too, and is none of the three.

    Args:
        attempt_id: the attempt that the bell was rung for. A bell says that there is work, not which: who
            is next is up to the store at this moment.
        epoch: its epoch then.
        parts: the world.
        then: told of an attempt that was judged, once its verdict is kept and its lease given back; it must
            not raise.
    """
    claim = parts.store.claim(
        worker=parts.worker, lease_s=parts.lease_s, now=parts.clock(), starve_s=parts.starve_s
    )
    log.debug("bell", rung_for=attempt_id, epoch=epoch, took=None if claim is None else claim.attempt.id)
    if claim is None:
        return None
    attempt_id, epoch = claim.attempt.id, claim.epoch
    lease = Lease(claim, parts.store, lease_s=parts.lease_s, clock=parts.clock)
    with structlog.contextvars.bound_contextvars(attempt=attempt_id):
        try:
            with lease:
                try:
                    # A run that was kept before its worker went, or that a rescore scores again, is not
                    # repeated.
                    if claim.attempt.run_epoch is None and claim.attempt.events_of is None:
                        run(lease, parts)
                    state = judging.conclude(attempt_id, parts, claim=lease.claim)
                except LeaseLost:
                    raise
                except Exception as error:
                    # Under the lease still: a hanging engine is asked for seconds.
                    lease.drop()
                    return _fault(lease, error, parts)
        except LeaseLost as error:
            log.warning("lease lost", epoch=epoch, error=str(error))
            return None
        if then is not None and state is AttemptState.JUDGED:
            then(attempt_id)
        return state


def run(lease: Lease, parts: Parts) -> None:
    """Run the attempt in a sandbox and keep its events, then how it ended.

    A learner's container that goes unexplained is tried once more in a fresh one, as a new epoch; the second
    time it counts as it is.

    Raises:
        LeaseLost: another worker has the attempt now.
        SandboxFault, OperatorError: ours; the attempt is to be tried again. ToolMissing, one of these: its
            sources cannot be looked at here.
        Pressed: processes of the learner went while memory is short; who knows why.
    """
    if parts.sandbox is None:
        raise SettingInvalid("expected a sandbox to run the attempt in, this process was wired without one")
    submission = parts.store.submission(lease.claim.attempt.submission_id)
    with logs.stage("prepare"):
        frozen = judging.thaw(lease.claim.attempt.judged_with(submission), parts)
        files = bundle.unpack(parts.blobs.get(submission.bundle), expected=submission.bundle).files
    # Before the sandbox: where the analyser is missing, no run is made in vain.
    with logs.stage("inspect"):
        looked = inspector.inspect(frozen.rubric, files)
    killed = _took_memory(looked)

    def keep(event: protocol.Event) -> None:
        nonlocal killed
        killed |= isinstance(event, protocol.Finished) and event.reason in _KILLED
        lease.keep(event)

    for last in (False, True):
        started_at = parts.clock()
        with logs.stage("run"):
            outcome = parts.sandbox.run(
                order(lease.claim.attempt.id, lease.claim.epoch, frozen, files), on_event=keep
            )
        if killed or outcome.end in _ENDED:
            _unless_short(outcome.end, parts)
        if outcome.end is not protocol.End.LEARNER_LOST or last:
            break
        log.warning("learner's container went unexplained; once more in a fresh one")
        lease.restart()
    finished = Run(
        outcome=outcome,
        phases_ms=outcome.phases_ms,
        started_at=started_at,
        finished_at=parts.clock(),
        host=parts.host,
        versions=parts.versions,
        inspection=looked,
    )
    lease.finish(RUN.dump_json(finished), now=parts.clock())


def _took_memory(looked: Inspection | None) -> bool:
    return looked is not None and any(one.reason is CheckReason.MEMORY for one in looked.results)


#: What the kernel makes, too, when the whole machine is out of memory: learners' processes go first.
_KILLED = frozenset({protocol.Reason.CRASH, protocol.Reason.MEMORY})
_ENDED = frozenset({protocol.End.LEARNER_LOST, protocol.End.MEMORY, protocol.End.GRADER_MEMORY})


def _unless_short(end: protocol.End, parts: Parts) -> None:
    short = None if parts.gauge is None else parts.gauge.short_of_memory()
    if short is not None:
        raise Pressed(
            f"run: expected memory for all of it, got killed processes (end: {end.value}) "
            f"while short: {short}"
        )


def order(attempt_id: str, epoch: int, frozen: catalog.Frozen, files: Mapping[str, bytes]) -> protocol.Order:
    """What a sandbox is asked for to judge these files against this frozen task."""
    task = frozen.task
    service = task.tests.service
    return protocol.Order(
        attempt=attempt_id,
        epoch=epoch,
        profile=task.sandbox,
        limits=task.limits,
        bundle=files,
        tests=task.test_files,
        modules=task.tests.modules,
        seed=task.seed,
        inplace=task.tests.inplace,
        command=task.tests.command,
        service=None
        if service is None
        else protocol.Service(command=service.command, ready_s=service.ready_s),
    )


def regrade(submission_id: str, parts: Parts, *, ring: Callable[[str, int], None]) -> Attempt:
    """A new, queued attempt of this submission; those before stay.

    Raises:
        NotFound: there is no such submission.
    """
    attempt = parts.store.regrade(submission_id, attempt_id=parts.new_id(), now=parts.clock())
    _ring(attempt, ring)
    return attempt


def _ring(attempt: Attempt, ring: Callable[[str, int], None]) -> None:
    try:
        ring(attempt.id, attempt.epoch)
    except QueueFault as error:
        log.warning("queue is away; the sweep will ring", attempt=attempt.id, error=str(error))


def _fault(lease: Lease, error: Exception, parts: Parts) -> AttemptState | None:
    """Give the attempt back that our side spoiled.

    Raises:
        LeaseLost: the attempt is another's by now.
        StoreFault: that could not be noted for as long as a lease lasts; the sweep finds the attempt.
    """
    claim = lease.claim
    problem = str(error) if isinstance(error, AssessorError) else f"{type(error).__name__}: {error}"
    short = None if parts.gauge is None else parts.gauge.blames(error)
    # A key that is away is an operator's to mend, and is no reason to give any attempt up.
    counted = short is None and not isinstance(error, KeyFault)
    if short is None:
        log.error("fault", epoch=claim.epoch, problem=problem, exc_info=error)
    else:
        log.warning("spoiled by what is short; not counted", epoch=claim.epoch, problem=problem, short=short)
    deadline = time.monotonic() + parts.lease_s
    while True:
        try:
            state = parts.store.fault(claim, problem, counted=counted, now=parts.clock())
            break
        except StoreFault as fault:
            # A disk that was full a moment ago may not be: what it took is often a file of this very run.
            if time.monotonic() >= deadline:
                raise
            log.warning("not noted yet", problem=str(fault))
            time.sleep(0.5)
    if state is AttemptState.UNJUDGED:
        log.error("unjudged: three faults of ours; no try is used, an operator must look", problem=problem)
    return state
