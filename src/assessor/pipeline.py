"""The trip of a submission: receive, then `assess` = `run`, then `conclude`.

    submit ──> assess: claim ──> run: sandbox -> events, stored as they come ──> conclude: results ->
               score -> record -> sign -> store -> publish

`review` and `rescore` call `conclude` alone. Each stage takes plain values; what touches the world comes in
as `Parts`. Whose fault a failure is, is decided here and nowhere else: whatever the submission does ends in
a verdict, a lost lease is nobody's fault, and anything else that stops a run is ours and is tried again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Event as Flag
from threading import Thread

import pydantic
import structlog

from assessor import bundle, catalog, evidence, intake, page, proof, publish, report, results, scoring
from assessor.blobs import Blobs
from assessor.errors import AssessorError, LeaseLost, NotFound, QueueFault, SettingInvalid, StoreFault
from assessor.sandbox import protocol
from assessor.store import Attempt, AttemptState, Claim, Conclusion, EvidenceRow, Store, Submission

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The world, as the pipeline is given it.

    Attributes:
        store: the truth about submissions and attempts.
        blobs: content by digest.
        sandbox: where attempts run, or None for a process that runs none.
        signer: the engine's key.
        publisher: where evidence folders go.
        clock: the time, aware, UTC.
        new_id: a fresh random id.
        new_salt: fresh random bytes for a learner's commitment.
        worker: name of this process in leases.
        host: name of this machine, for run.json.
        versions: versions of what takes part, for run.json.
        lease_s: how long a lease holds unrenewed, seconds.
    """

    store: Store
    blobs: Blobs
    sandbox: protocol.Sandbox | None
    signer: proof.Signer
    publisher: publish.Publisher
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    new_salt: Callable[[], bytes]
    worker: str
    host: str
    versions: Mapping[str, str]
    lease_s: int


@dataclass(frozen=True, kw_only=True)
class Run:
    """A finished run, as it is kept beside its events so that it can be concluded at any later time."""

    outcome: protocol.Outcome
    phases_ms: Mapping[str, int]
    started_at: datetime
    finished_at: datetime
    host: str
    versions: Mapping[str, str]


RUN = pydantic.TypeAdapter(Run)


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
    lease = Lease(claim, parts)
    with structlog.contextvars.bound_contextvars(attempt=attempt_id):
        try:
            with _kept(lease):
                # A run that was kept before its worker went, or that a rescore scores again, is not repeated.
                if parts.store.run(attempt_id) is None:
                    run(lease, parts)
                return conclude(attempt_id, parts, claim=lease.claim)
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
    with _stage("prepare"):
        frozen = catalog.thaw(
            bundle.unpack(parts.blobs.get(submission.snapshot), expected=submission.snapshot)
        )
        files = bundle.unpack(parts.blobs.get(submission.bundle), expected=submission.bundle).files
    for last in (False, True):
        started_at = parts.clock()
        with _stage("run"):
            outcome = parts.sandbox.run(
                order(lease.claim.attempt.id, lease.claim.epoch, frozen, files), on_event=lease.keep
            )
        if outcome.end is not protocol.End.LEARNER_LOST or last:
            break
        log.warning("learner's container went unexplained; once more in a fresh one")
        lease.claim = parts.store.restart(lease.claim, lease_s=parts.lease_s, now=parts.clock())
    finished = Run(
        outcome=outcome,
        phases_ms=outcome.phases_ms,
        started_at=started_at,
        finished_at=parts.clock(),
        host=parts.host,
        versions=parts.versions,
    )
    parts.store.finish_run(lease.claim, RUN.dump_json(finished), now=parts.clock())


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
        seed=seed(task.digest),
        inplace=task.tests.inplace,
        command=task.tests.command,
        service=None
        if service is None
        else protocol.Service(command=service.command, ready_s=service.ready_s),
    )


def seed(task_digest: str) -> int:
    """Hypothesis' seed for a task, 0 to 2**64 - 1: the same for every learner and every re-run."""
    return int(task_digest.removeprefix("sha256:")[:16], 16)


def conclude(attempt_id: str, parts: Parts, *, claim: Claim | None = None) -> AttemptState:
    """Turn an attempt's stored events into its verdict, and into signed evidence unless a review is open.

    Args:
        attempt_id: an attempt that has run.
        parts: the world.
        claim: the lease it ran under; None where a review or a rescore concludes it.

    Raises:
        LeaseLost: another worker has the attempt now; nothing was kept.
    """
    with _stage("conclude"):
        judged = judge(attempt_id, parts)
        if judged.assessment.verdict is scoring.Verdict.AWAITING_REVIEW:
            conclusion = Conclusion(
                state=AttemptState.AWAITING_REVIEW,
                verdict=judged.assessment.verdict.value,
                score=judged.assessment.total,
                level=None,
                evidence=None,
                report=parts.blobs.put(judged.report),
            )
            parts.store.conclude(claim or judged.attempt, conclusion, now=parts.clock())
            log.info("awaiting review", score=str(judged.assessment.total))
            return AttemptState.AWAITING_REVIEW
        files = _files(judged, parts)
        conclusion = Conclusion(
            state=AttemptState.JUDGED,
            verdict=judged.assessment.verdict.value,
            score=judged.assessment.total,
            level=judged.assessment.level,
            evidence=EvidenceRow(
                attempt_id=attempt_id,
                record=parts.blobs.put(files[publish.RECORD]),
                run=parts.blobs.put(files[publish.RUN]),
                envelope=parts.blobs.put(files[publish.ENVELOPE]),
                key_id=parts.signer.key_id,
            ),
            report=parts.blobs.put(judged.report),
        )
        parts.store.conclude(claim or judged.attempt, conclusion, now=parts.clock())
        # After the commit: a page that cannot be written now is written by `republish`, nothing is lost.
        parts.publisher.publish(attempt_id, files)
    log.info("judged", verdict=judged.assessment.verdict.value, score=str(judged.assessment.total))
    return AttemptState.JUDGED


def review(
    attempt_id: str, *, criterion: str, marks: int, reviewer: str, comment: str, parts: Parts
) -> AttemptState:
    """Keep a reviewer's mark, and conclude the attempt if no review is open any more.

    Raises:
        NotFound: there is no such attempt, it has not run, or it is concluded already.
        MarkInvalid: the rubric has no such criterion for reviewers, or the marks are out of its range.
    """
    judged = judge(attempt_id, parts)
    mark = scoring.Mark(criterion=criterion, marks=marks, reviewer=reviewer, comment=comment)
    scoring.score(
        judged.frozen.rubric, judged.results, (*judged.marks, mark)
    )  # refuses a mark that does not fit
    parts.store.add_mark(attempt_id, criterion, marks, reviewer, comment, now=parts.clock())
    log.info("marked", attempt=attempt_id, criterion=criterion, marks=marks)
    return conclude(attempt_id, parts)


def rescore(attempt_id: str, parts: Parts) -> Attempt:
    """A new attempt that scores the stored events of this one again; the old one stays.

    Raises:
        NotFound: there is no such attempt, or its run never came to an end.
    """
    new = parts.store.rescore(attempt_id, new_id=parts.new_id(), now=parts.clock())
    conclude(new.id, parts)
    return parts.store.attempt(new.id)


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


@dataclass(frozen=True, kw_only=True)
class Judged:
    """An attempt scored from its stored events, nothing of it kept yet."""

    submission: Submission
    attempt: Attempt
    frozen: catalog.Frozen
    run: Run
    results: tuple[results.TestResult, ...]
    marks: tuple[scoring.Mark, ...]
    assessment: scoring.Assessment
    report: bytes


def judge(attempt_id: str, parts: Parts) -> Judged:
    """Score an attempt from what is stored of it; touches nothing.

    Raises:
        NotFound: there is no such attempt, or it has not run to its end.
    """
    attempt = parts.store.attempt(attempt_id)
    submission = parts.store.submission(attempt.submission_id)
    frozen = catalog.thaw(bundle.unpack(parts.blobs.get(submission.snapshot), expected=submission.snapshot))
    note = parts.store.run(attempt_id)
    if note is None:
        raise NotFound(f"attempt {attempt_id}: expected a finished run, got none")
    ran = RUN.validate_json(note)
    events = [protocol.parse_event(line) for line in parts.store.events(attempt_id)]
    folded = results.fold(frozen.manifest, events, ran.outcome.end)
    marks = parts.store.marks(attempt.id)
    assessment = scoring.score(frozen.rubric, folded, marks)
    return Judged(
        submission=submission,
        attempt=attempt,
        frozen=frozen,
        run=ran,
        results=folded,
        marks=marks,
        assessment=assessment,
        report=report.private(
            frozen=frozen,
            results=folded,
            assessment=assessment,
            marks=marks,
            problems=results.problems(events),
        ),
    )


def _files(judged: Judged, parts: Parts) -> dict[str, bytes]:
    """The evidence folder's files of a judged attempt, signed."""
    salt = parts.store.salt(judged.submission.learner_id)
    record = evidence.record(
        frozen=judged.frozen,
        bundle_digest=judged.submission.bundle,
        identity=judged.run.outcome.identity,
        learner=evidence.commitment(salt, judged.submission.learner_id),
        seed=seed(judged.frozen.task.digest),
        end=judged.run.outcome.end,
        results=judged.results,
        assessment=judged.assessment,
        marks=tuple(
            scoring.Mark(
                criterion=mark.criterion,
                marks=mark.marks,
                reviewer=evidence.commitment(salt, mark.reviewer),
                comment="",
            )
            for mark in judged.marks
        ),
    )
    run_note = evidence.run(
        submission=judged.submission.id,
        attempt=judged.attempt.id,
        number=judged.attempt.number,
        epoch=judged.attempt.epoch,
        received_at=judged.submission.received_at,
        started_at=judged.run.started_at,
        finished_at=judged.run.finished_at,
        host=judged.run.host,
        versions=judged.run.versions,
        outcome=judged.run.outcome,
    )
    envelope = proof.seal(evidence.statement(record, run_note), parts.signer)
    html = page.evidence_page(record, run_note, frozen=judged.frozen, key_id=parts.signer.key_id)
    return {
        publish.RECORD: record,
        publish.RUN: run_note,
        publish.ENVELOPE: envelope,
        publish.SIGNER: parts.signer.public_pem,
        publish.PAGE: html.encode(),
    }


class Lease:
    """A claim that is renewed in the background, and the way events are kept under it."""

    def __init__(self, claim: Claim, parts: Parts) -> None:
        self.claim = claim
        self._parts = parts
        self._lost: LeaseLost | None = None
        self._done = Flag()

    def keep(self, event: protocol.Event) -> None:
        """Store one event of the run.

        Raises:
            LeaseLost: the attempt is another's by now.
        """
        if self._lost is not None:
            raise self._lost
        self._parts.store.add_event(self.claim, protocol.dump_event(event))

    def renew_until_done(self) -> None:
        """Renew three times a lease; a store that is away for a moment is asked again."""
        while not self._done.wait(self._parts.lease_s / 3):
            try:
                self._parts.store.renew(self.claim, lease_s=self._parts.lease_s, now=self._parts.clock())
            except LeaseLost as error:
                self._lost = error
                return
            except StoreFault as error:
                log.warning("lease not renewed yet", error=str(error))

    def done(self) -> None:
        """Stop renewing."""
        self._done.set()


@contextmanager
def _kept(lease: Lease) -> Iterator[None]:
    thread = Thread(target=lease.renew_until_done, name=f"lease-{lease.claim.attempt.id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        lease.done()
        thread.join()


def _fault(claim: Claim, problem: str, parts: Parts) -> AttemptState | None:
    try:
        state = parts.store.fault(claim, problem, now=parts.clock())
    except LeaseLost as error:
        log.warning("lease lost", error=str(error))
        return None
    if state is AttemptState.UNJUDGED:
        log.error("unjudged: three faults of ours; no try is used, an operator must look", problem=problem)
    return state


@contextmanager
def _stage(name: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    log.info(name, ms=round((time.monotonic() - began) * 1000))
