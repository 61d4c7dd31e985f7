"""The trip of a submission: receive, then `assess` = `run`, then `conclude`.

    submit ──> assess: claim ──> run: sandbox -> events, stored as they come ──> conclude: results ->
               score -> record -> sign -> store -> publish

A review or a rescore calls `judging.conclude` alone. Each stage takes plain values; what touches the world
comes in as `Parts`. Whose fault a failure is, is decided here and nowhere else: whatever the submission does
ends in a verdict, a lost lease is nobody's fault, and anything else that stops a run is ours and is tried
again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from assessor import bundle, catalog, intake, judging, logs, personal
from assessor.errors import AssessorError, LeaseLost, QueueFault, SettingInvalid, TryRefused
from assessor.lease import Lease
from assessor.parts import RUN, Parts, Run
from assessor.sandbox import protocol
from assessor.store import Attempt, AttemptState, Claim, Submission

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

    Raises:
        NotFound: there is no such task.
        AuthorError: the task is not ready to be judged.
        UploadRefused, TryRefused: nothing was kept.
    """
    task = tasks.task(task_id)
    snapshot = catalog.freeze(tasks, task_id)
    received = intake.receive(upload, rules=task.submission, spool=spool)
    parts.blobs.put(snapshot.data)
    parts.blobs.put(received.bundle.data)
    owner = parts.store.learner(learner, new_id=parts.new_id(), salt=parts.new_salt())
    try:
        submission, attempt = parts.store.submit(
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
        )
    except TryRefused:
        # Blobs come before the rows that name them; these files are named by none, and must not stay.
        parts.store.doom(received.bundle.digest)
        personal.sweep(parts.store, parts.blobs)
        raise
    # Once more, now that a row names it: somebody else's same bytes may have been erased in between.
    parts.blobs.put(received.bundle.data)
    log.info("submitted", attempt=attempt.id, task=task.id, bundle=submission.bundle)
    _ring(attempt, ring)
    return submission, attempt, received


def assess(attempt_id: str, epoch: int, parts: Parts) -> AttemptState | None:
    """Judge one epoch of an attempt, whole; the state it is left in, or None where it was not ours to take.

    The last line of defence of a worker: any error that is not a lost lease is a fault of ours, kept with
    the attempt, and leads to another epoch or, after the third, to *unjudged*.
    """
    claim = parts.store.claim(
        attempt_id, epoch, worker=parts.worker, lease_s=parts.lease_s, now=parts.clock()
    )
    if claim is None:
        return None
    lease = Lease(claim, parts.store, lease_s=parts.lease_s, clock=parts.clock)
    with structlog.contextvars.bound_contextvars(attempt=attempt_id):
        try:
            with lease:
                # A run that was kept before its worker went, or that a rescore scores again, is not repeated.
                if claim.attempt.run_epoch is None and claim.attempt.events_of is None:
                    run(lease, parts)
                return judging.conclude(attempt_id, parts, claim=lease.claim)
        except LeaseLost as error:
            log.warning("lease lost", epoch=epoch, error=str(error))
            return None
        except Exception as error:
            problem = str(error) if isinstance(error, AssessorError) else f"{type(error).__name__}: {error}"
            log.exception("fault", epoch=epoch, problem=problem)
            return _fault(lease.claim, problem, parts)


def run(lease: Lease, parts: Parts) -> None:
    """Run the attempt in a sandbox and keep its events, then how it ended.

    A learner's container that goes unexplained is tried once more in a fresh one, as a new epoch; the second
    time it counts as it is.

    Raises:
        LeaseLost: another worker has the attempt now.
        SandboxFault, OperatorError: ours; the attempt is to be tried again.
    """
    if parts.sandbox is None:
        raise SettingInvalid("expected a sandbox to run the attempt in, this process was wired without one")
    submission = parts.store.submission(lease.claim.attempt.submission_id)
    with logs.stage("prepare"):
        frozen = judging.thaw(submission.snapshot, parts)
        files = bundle.unpack(parts.blobs.get(submission.bundle), expected=submission.bundle).files
    for last in (False, True):
        started_at = parts.clock()
        with logs.stage("run"):
            outcome = parts.sandbox.run(
                order(lease.claim.attempt.id, lease.claim.epoch, frozen, files), on_event=lease.keep
            )
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
    )
    lease.finish(RUN.dump_json(finished), now=parts.clock())


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


def _fault(claim: Claim, problem: str, parts: Parts) -> AttemptState | None:
    try:
        state = parts.store.fault(claim, problem, now=parts.clock())
    except LeaseLost as error:
        log.warning("lease lost", error=str(error))
        return None
    if state is AttemptState.UNJUDGED:
        log.error("unjudged: three faults of ours; no try is used, an operator must look", problem=problem)
    return state
