"""Judging: an attempt's stored events become its verdict, and signed evidence unless a review is open.

    results -> score -> record -> sign -> store -> publish

Comes in: an attempt that has run. `judge` touches nothing, so that a result can be looked at any time;
`conclude` keeps it. A worker concludes what it ran; a review and a rescore conclude again. What a regrade of
a task has made is held, unsigned, until `regrading` applies it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from assessor import bundle, catalog, evidence, logs, page, proof, publish, report, results, scoring
from assessor.blobs import Blobs
from assessor.errors import AssessorError, BlobFault, KeyRetired, NotFound
from assessor.inspection import CheckResult
from assessor.note import Kind
from assessor.parts import RUN, Parts, Run
from assessor.rows.audit import Act
from assessor.sandbox import protocol
from assessor.signer import Signer
from assessor.store import Attempt, AttemptState, Claim, Conclusion, EvidenceRow, Submission

log = structlog.get_logger(__name__)

#: How many tasks are kept as they were parsed, by their snapshot.
THAWED = 32


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
    problems: tuple[str, ...]

    @functools.cached_property
    def report(self) -> bytes:
        """The private report. Made when it is asked for: most who look at a result never do."""
        return report.private(
            frozen=self.frozen,
            results=self.results,
            assessment=self.assessment,
            marks=self.marks,
            problems=self.problems,
            checks=self.checks,
        )

    @property
    def checks(self) -> tuple[CheckResult, ...]:
        """What static checks came to."""
        return () if self.run.inspection is None else self.run.inspection.results


def judge(attempt_id: str, parts: Parts) -> Judged:
    """Score an attempt from what is stored of it; touches nothing.

    Raises:
        NotFound: there is no such attempt, it has not run to its end, or its learner was erased.
    """
    attempt = parts.store.attempt(attempt_id)
    submission = parts.store.submission(attempt.submission_id)
    # An erased learner's events are gone: scored again without them, it would seem to have failed.
    parts.store.learner_of(submission.id)
    frozen = thaw(attempt.judged_with(submission), parts)
    note = parts.store.run(attempt_id)
    if note is None:
        raise NotFound(f"attempt {attempt_id}: expected a finished run, got none")
    ran = RUN.validate_json(note)
    events = [protocol.parse_event(line) for line in parts.store.events(attempt_id)]
    folded = results.fold(frozen.manifest, events, ran.outcome.end)
    marks = parts.store.marks(attempt.id)
    checks = () if ran.inspection is None else ran.inspection.results
    assessment = scoring.score(frozen.rubric, folded, marks, checks)
    return Judged(
        submission=submission,
        attempt=attempt,
        frozen=frozen,
        run=ran,
        results=folded,
        marks=marks,
        assessment=assessment,
        problems=tuple(results.problems(events)),
    )


def feedback(judged: Judged) -> report.Feedback:
    """What the task's policy lets the learner see: the one place where it is cut, whoever shows it."""
    policy = judged.frozen.task.policy
    return report.feedback(policy, judged.results, judged.assessment, judged.marks, judged.checks)


def conclude(attempt_id: str, parts: Parts, *, claim: Claim | None = None) -> AttemptState:
    """Turn an attempt's stored events into its verdict, and into signed evidence unless a review is open.

    Args:
        attempt_id: an attempt that has run.
        parts: the world.
        claim: the lease it ran under; None where a review or a rescore concludes it.

    Raises:
        LeaseLost: another worker has the attempt now; nothing was kept.
    """
    with structlog.contextvars.bound_contextvars(attempt=attempt_id), logs.stage("conclude"):
        return _conclude(attempt_id, parts, claim)


def _conclude(attempt_id: str, parts: Parts, claim: Claim | None) -> AttemptState:
    judged = judge(attempt_id, parts)
    waits = judged.assessment.verdict is scoring.Verdict.AWAITING_REVIEW
    if waits or judged.attempt.on_trial:
        # Nothing is signed of either: a review is open, or the regrade that made it is not applied.
        conclusion = Conclusion(
            state=AttemptState.AWAITING_REVIEW if waits else AttemptState.HELD,
            verdict=judged.assessment.verdict.value,
            score=judged.assessment.total,
            level=None if waits else judged.assessment.level,
            evidence=None,
            report=parts.blobs.put(judged.report),
        )
        parts.store.conclude(claim or judged.attempt, conclusion, now=parts.clock())
        log.info("awaiting review" if waits else "held", score=str(judged.assessment.total))
        return conclusion.state
    try:
        files = _kept(judged, parts, claim)
    except KeyRetired as error:
        log.warning("signed by a key that was retired at this moment; once more", problem=str(error))
        files = _kept(judged, parts, claim)
    # From here on the verdict is known and kept; the page is made after it, so that nobody waits for it.
    _publish(attempt_id, files, parts)
    log.info("judged", verdict=judged.assessment.verdict.value, score=str(judged.assessment.total))
    return AttemptState.JUDGED


def _kept(judged: Judged, parts: Parts, claim: Claim | None) -> dict[str, bytes]:
    """Sign a verdict and keep it; the files of its evidence.

    Raises:
        KeyRetired: the key was retired meanwhile; nothing was kept.
        LeaseLost: another worker has the attempt now; nothing was kept.
    """
    signing = parts.signer
    record, run_note, envelope = signed(judged, parts, signing)
    names = parts.blobs.put_all([record, run_note, envelope, judged.report])
    conclusion = Conclusion(
        state=AttemptState.JUDGED,
        verdict=judged.assessment.verdict.value,
        score=judged.assessment.total,
        level=judged.assessment.level,
        evidence=EvidenceRow(
            attempt_id=judged.attempt.id,
            record=names[0],
            run=names[1],
            envelope=names[2],
            key_id=signing.key_id,
        ),
        report=names[3],
    )
    parts.store.conclude(claim or judged.attempt, conclusion, now=parts.clock())
    return _files(record, run_note, envelope, judged.frozen, signing.key_id, signing.public_pem)


def _publish(attempt_id: str, files: Mapping[str, bytes], parts: Parts) -> None:
    """Publish what is judged; a folder that cannot be written now is left to `republish`."""
    try:
        parts.publisher.publish(attempt_id, files)
    except BlobFault as error:
        # The attempt is judged and committed: to raise would tell of a fault, or of a refusal, that is none.
        log.warning("judged, not published yet; the sweep tries again", problem=str(error))


def review(
    attempt_id: str,
    *,
    criterion: str,
    marks: int,
    reviewer: str,
    comment: str,
    parts: Parts,
    act: Act | None = None,
) -> Attempt:
    """Keep a reviewer's mark, and conclude the attempt if no review is open any more; the attempt marked.

    Nothing that is signed ever changes: another mark for a judged attempt makes a new attempt, which scores
    the same events with it. `act` says by whom it is done; by default at the command line.

    Raises:
        NotFound: there is no such attempt, or it has not run.
        MarkInvalid: the rubric has no such criterion for reviewers, or the marks are out of its range.
    """
    judged = judge(attempt_id, parts)
    mark = scoring.Mark(criterion=criterion, marks=marks, reviewer=reviewer, comment=comment)
    # Refuses a mark that does not fit, before anything is kept.
    scoring.score(judged.frozen.rubric, judged.results, (*judged.marks, mark), judged.checks)
    marked = attempt_id
    if judged.attempt.state is AttemptState.JUDGED:
        marked = parts.store.rescore(attempt_id, new_id=parts.new_id(), now=parts.clock()).id
    parts.store.add_mark(marked, criterion, marks, reviewer, comment, now=parts.clock(), act=act)
    log.info("marked", attempt=marked, criterion=criterion, marks=marks)
    conclude(marked, parts)
    return parts.store.attempt(marked)


def rescore(attempt_id: str, parts: Parts) -> Attempt:
    """A new attempt that scores the stored events of this one again; the old one stays.

    Raises:
        NotFound: there is no such attempt, or its run never came to an end.
    """
    now = parts.clock()
    new = parts.store.rescore(attempt_id, new_id=parts.new_id(), now=now, act=Act.by_operator(now))
    conclude(new.id, parts)
    return parts.store.attempt(new.id)


def republish(parts: Parts) -> int:
    """Publish the evidence folders that are missing; how many.

    One that cannot be published is logged, and keeps none of the others waiting.
    """
    made = 0
    for attempt_id in sorted(parts.store.with_evidence() - parts.publisher.published()):
        try:
            published(attempt_id, parts)
            made += 1
        except (BlobFault, NotFound) as error:
            log.warning("not published", attempt=attempt_id, problem=str(error))
    return made


def prove(parts: Parts, *, limit: int = 1000) -> int:
    """Put the log's proof beside each record whose folder has none, of so many at most; how many.

    A folder that cannot be written, or of which the log has nothing, is logged, and keeps none of the others
    waiting.

    Raises:
        KeyFault, LogFault, StoreFault: the log cannot be signed or read; there is another time.
    """
    made, ours = 0, parts.store.with_evidence()
    for attempt_id in parts.publisher.lacking(publish.PROOF):
        if made == limit:
            break
        if attempt_id not in ours:
            continue  # a folder of somebody else's
        try:
            _prove(attempt_id, parts)
            made += 1
        except (BlobFault, NotFound) as error:
            log.warning("no proof of the log beside a record", attempt=attempt_id, problem=str(error))
    return made


def shown(attempt_id: str, parts: Parts) -> Path:
    """The evidence folder of a judged attempt as somebody asks for it: with the log's proof, if that can be.

    Raises:
        NotFound, BlobFault: as for `published`.
    """
    folder = published(attempt_id, parts)
    if parts.open_log is not None and not (folder / publish.PROOF).exists():
        try:
            _prove(attempt_id, parts)
        except AssessorError as error:
            # The evidence holds without it, and whoever looks wants to see that.
            log.warning("no proof of the log beside a record", attempt=attempt_id, problem=str(error))
    return folder


def _prove(attempt_id: str, parts: Parts) -> None:
    row = parts.store.evidence(attempt_id)
    if row is None:
        raise NotFound(f"attempt {attempt_id}: expected one with evidence, there is none")
    found = parts.log.proof(Kind.EVIDENCE, attempt_id, row.record)
    parts.publisher.add(attempt_id, publish.PROOF, found)


def published(attempt_id: str, parts: Parts) -> Path:
    """The evidence folder of a judged attempt, written first where it is missing.

    For a moment after an attempt is judged its worker is still writing the folder; whoever looks then does
    it too, and the same comes out.

    Raises:
        NotFound: there is no evidence of this attempt.
        BlobFault: the folder cannot be written.
    """
    folder = parts.publisher.folder(attempt_id)
    if folder.exists():
        return folder
    attempt, row = parts.store.attempt(attempt_id), parts.store.evidence(attempt_id)
    if row is None:
        raise NotFound(f"attempt {attempt_id}: expected one with evidence, it is {attempt.state.value}")
    frozen = thaw(attempt.judged_with(parts.store.submission(attempt.submission_id)), parts)
    record, run_note, envelope = (parts.blobs.get(name) for name in (row.record, row.run, row.envelope))
    pem = parts.keyring.public(row.key_id).pem
    return parts.publisher.publish(attempt_id, _files(record, run_note, envelope, frozen, row.key_id, pem))


def signed(judged: Judged, parts: Parts, signing: Signer) -> tuple[bytes, bytes, bytes]:
    """The record of a judged attempt, the note of its run, and the signed envelope over both.

    Raises:
        NotFound: its learner was erased.
    """
    record, run_note = documents(judged, parts)
    return record, run_note, proof.seal(evidence.statement(record, run_note), signing)


def documents(judged: Judged, parts: Parts) -> tuple[bytes, bytes]:
    """The record of a judged attempt and the note of its run, as they are to be signed.

    Raises:
        NotFound: its learner was erased.
    """
    salt = parts.store.salt(judged.submission.learner_id)
    record = evidence.record(
        frozen=judged.frozen,
        bundle_digest=judged.submission.bundle,
        identity=judged.run.outcome.identity,
        learner=evidence.commitment(salt, judged.submission.learner_id),
        seed=judged.frozen.task.seed,
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
        inspection=judged.run.inspection,
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
    return record, run_note


def _files(
    record: bytes, run_note: bytes, envelope: bytes, frozen: catalog.Frozen, key_id: str, pem: bytes
) -> dict[str, bytes]:
    """The evidence folder's files; `pem` is the key that signed it, retired or not."""
    html = page.evidence_page(record, run_note, frozen=frozen, key_id=key_id)
    return {
        publish.RECORD: record,
        publish.RUN: run_note,
        publish.ENVELOPE: envelope,
        publish.SIGNER: pem,
        publish.PAGE: html.encode(),
    }


def thaw(snapshot: str, parts: Parts) -> catalog.Frozen:
    """The task, rubric and profile that a submission was frozen with, by the snapshot's digest.

    Raises:
        NotFound: its bytes are gone.
        BlobFault: they are wrong, or cannot be read.
    """
    # Told each time, that it is gone: what was parsed would stay.
    if not parts.blobs.has(snapshot):
        parts.blobs.get(snapshot)
    return parsed(parts.blobs, snapshot)


@functools.lru_cache(maxsize=THAWED)
def parsed(kept: Blobs, snapshot: str) -> catalog.Frozen:
    """The same, whether its bytes are still there or not."""
    # A worker judges many submissions for the same few snapshots, and pages show many results of them:
    # reading one, whose digest is looked at, and parsing it cost more than scoring.
    return catalog.thaw(bundle.unpack(kept.get(snapshot), expected=snapshot))
