"""Reproducing: judging the same work again and telling what differs.

Comes in: a record, the frozen task and the bundle that it names, a sandbox. Goes out: the record of the new
run, and the comparison of both. A pack is everything that a stranger needs for that, in one file:

    pack.tar
        record.json run.json evidence.dsse signer.pem    the evidence
        task.tar                                         the frozen task, hidden tests and all
        submission.tar                                   the learner's files
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from assessor import bundle, catalog, digest, evidence, pipeline, publish, results, scoring, verify
from assessor.errors import BlobFault, NotFound, StoreFault, VerificationFailed
from assessor.parts import Parts
from assessor.sandbox import protocol

TASK = "task.tar"
SUBMISSION = "submission.tar"
_NAMES = (publish.RECORD, publish.RUN, publish.ENVELOPE, publish.SIGNER, TASK, SUBMISSION)


@dataclass(frozen=True, kw_only=True)
class Pack:
    """One attempt's evidence with what it takes to judge it again; all bytes as they were kept."""

    record: bytes
    run: bytes
    envelope: bytes
    signer: bytes
    task: bytes
    submission: bytes

    def dump(self) -> bytes:
        """The pack as one file, always the same bytes for the same content."""
        content = (self.record, self.run, self.envelope, self.signer, self.task, self.submission)
        return bundle.pack(dict(zip(_NAMES, content, strict=True))).data


def read(data: bytes) -> Pack:
    """The pack in one file.

    Raises:
        VerificationFailed: it is not a pack.
    """
    try:
        files = bundle.unpack(data, expected=digest.sha256(data)).files
    except BlobFault as error:
        raise VerificationFailed("pack", str(error)) from error
    if set(files) != set(_NAMES):
        raise VerificationFailed(
            "pack", f"expected {', '.join(_NAMES)}; got {', '.join(sorted(files)) or 'nothing'}"
        )
    return Pack(
        record=files[publish.RECORD],
        run=files[publish.RUN],
        envelope=files[publish.ENVELOPE],
        signer=files[publish.SIGNER],
        task=files[TASK],
        submission=files[SUBMISSION],
    )


def write(target: Path, data: bytes) -> None:
    """Write a pack to a file that does not exist yet, whole or not at all.

    Raises:
        StoreFault: there is something at the target, or it cannot be written; nothing was left.
    """
    try:
        with target.open("xb") as file:
            try:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                target.unlink()
                raise
    except OSError as error:
        raise StoreFault(f"{target}: expected a file that can be made and written, got: {error}") from error


def of(attempt_id: str, parts: Parts) -> Pack:
    """The pack of a judged attempt.

    Raises:
        NotFound: there is no evidence of this attempt.
    """
    row = parts.store.evidence(attempt_id)
    if row is None:
        state = parts.store.attempt(attempt_id).state.value
        raise NotFound(f"attempt {attempt_id}: expected one with evidence, it is {state}")
    submission = parts.store.submission(parts.store.attempt(attempt_id).submission_id)
    return Pack(
        record=parts.blobs.get(row.record),
        run=parts.blobs.get(row.run),
        envelope=parts.blobs.get(row.envelope),
        signer=parts.keyring.public(row.key_id).pem,
        task=parts.blobs.get(submission.snapshot),
        submission=parts.blobs.get(submission.bundle),
    )


def again(
    record: bytes,
    *,
    task: bytes,
    submission: bytes,
    sandbox: protocol.Sandbox,
    attempt: str,
) -> tuple[bytes, verify.Comparison]:
    """Judge what a record is about again; the new record, and what differs.

    Reviewers' marks are taken over from the record: a machine cannot give them.

    Args:
        record: bytes of record.json; who signed it is for `verify` to tell.
        task: bytes of the frozen task.
        submission: bytes of the learner's bundle.
        sandbox: where to run it.
        attempt: a label for the containers.

    Raises:
        VerificationFailed: the bytes are not those that the record names.
        SandboxFault, OperatorError: the run could not be made.
    """
    old = evidence.parse(record)
    frozen = catalog.thaw(_named("snapshot", task, old.task.snapshot))
    files = _named("bundle", submission, old.submission.bundle).files
    for epoch in (1, 2):  # a learner's container that goes unexplained has a second one, as in the pipeline
        events: list[protocol.Event] = []
        outcome = sandbox.run(pipeline.order(attempt, epoch, frozen, files), on_event=events.append)
        if outcome.end is not protocol.End.LEARNER_LOST:
            break
    folded = results.fold(frozen.manifest, events, outcome.end)
    marks = _marks(old)
    new = evidence.record(
        frozen=frozen,
        bundle_digest=old.submission.bundle,
        identity=outcome.identity,
        learner=old.submission.learner,
        seed=frozen.task.seed,
        end=outcome.end,
        results=folded,
        assessment=scoring.score(frozen.rubric, folded, marks),
        marks=marks,
    )
    return new, verify.compare(record, new)


def _marks(record: evidence.Record) -> tuple[scoring.Mark, ...]:
    return tuple(
        scoring.Mark(
            criterion=criterion.id, marks=criterion.given_by.marks, reviewer=criterion.given_by.reviewer
        )
        for criterion in record.criteria
        if isinstance(criterion.given_by, evidence.ByReview)
    )


def _named(check: str, data: bytes, expected: str) -> bundle.Bundle:
    if digest.sha256(data) != expected:
        raise VerificationFailed(check, f"expected bytes of digest {expected}, got {digest.sha256(data)}")
    return bundle.unpack(data, expected=expected)
