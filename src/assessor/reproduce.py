"""Judging again: what a record is about, run once more, and what differs.

Comes in: a record with the frozen task and the submission that it names, from the store or out of a `pack`.
Goes out: the record of the new run, and the comparison of both.
"""

from __future__ import annotations

from assessor import bundle, catalog, digest, evidence, inspector, pipeline, results, scoring, verify
from assessor.errors import VerificationFailed
from assessor.sandbox import protocol


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
    looked = inspector.inspect(frozen.rubric, files)
    checks = () if looked is None else looked.results
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
        assessment=scoring.score(frozen.rubric, folded, marks, checks),
        marks=marks,
        inspection=looked,
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
