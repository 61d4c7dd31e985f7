"""Evidence: what is written down about one judged attempt, as bytes that can be signed and made again.

Comes in: the frozen task, what ran, results, the assessment. Goes out: `record.json` (no clock, no host, no
text of tests or of learners: the same work judged again gives the same bytes), `run.json` (when, where, with
which versions), and the in-toto Statement that names both by digest. Their forms and how they are read stand
in `record` and are found here too; signing is left to `proof`, checking to `verify`.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from assessor import digest
from assessor.catalog import Frozen
from assessor.inspection import Inspection
from assessor.record import (
    PREDICATE_TYPE,
    RECORD,
    RECORD_MEDIA_TYPE,
    RUN,
    RUN_MEDIA_TYPE,
    SAFE_INTEGER,
    STATEMENT_TYPE,
    ByReview,
    ByStatic,
    ByTests,
    Record,
    RecordCheck,
    RecordCriterion,
    RecordDecision,
    RecordRubric,
    RecordStatic,
    RecordSubmission,
    RecordTask,
    RecordTest,
    Run,
    Statement,
    own,
    own_run,
    parse,
    parse_run,
    parse_statement,
    schema,
)
from assessor.results import TestResult
from assessor.sandbox.protocol import End, Identity, Outcome
from assessor.scoring import Assessment, CriterionScore, GivenBy, Mark, Verdict

__all__ = [
    "PREDICATE_TYPE",
    "RECORD",
    "RECORD_MEDIA_TYPE",
    "RUN",
    "RUN_MEDIA_TYPE",
    "STATEMENT_TYPE",
    "ByReview",
    "ByStatic",
    "ByTests",
    "Record",
    "RecordCriterion",
    "RecordStatic",
    "RecordTest",
    "Run",
    "Statement",
    "commitment",
    "own",
    "own_run",
    "parse",
    "parse_run",
    "parse_statement",
    "record",
    "run",
    "schema",
    "statement",
]


def record(
    *,
    frozen: Frozen,
    bundle_digest: str,
    identity: Identity,
    learner: str,
    seed: int,
    end: End,
    results: Sequence[TestResult],
    assessment: Assessment,
    marks: Sequence[Mark] = (),
    inspection: Inspection | None = None,
) -> bytes:
    """The bytes of record.json.

    Args:
        frozen: the task, rubric and profile that it was judged with.
        bundle_digest: digest of the submission's bundle.
        identity: the sandbox that ran it.
        learner: commitment to the learner.
        seed: hypothesis' seed, 0 to 2**64 - 1.
        end: how the run ended.
        results: one for each test of the manifest.
        assessment: passed or failed; nothing is recorded while a review is open.
        marks: what reviewers gave, `reviewer` being a commitment.
        inspection: what static checks came to, where the rubric has some.

    Raises:
        ValueError: the verdict is neither passed nor failed, or a name stands where a commitment must.
    """
    if assessment.verdict not in (Verdict.PASSED, Verdict.FAILED):
        raise ValueError(f"record: expected the verdict passed or failed, got {assessment.verdict.value!r}")
    given = {mark.criterion: mark for mark in marks}
    task, rubric = frozen.task, frozen.rubric
    whole = Record(
        submission=RecordSubmission(bundle=bundle_digest, learner=learner),
        task=RecordTask(
            id=task.id,
            version=task.version,
            digest=task.digest,
            tests=task.tests_digest,
            manifest=frozen.manifest.digest,
            snapshot=frozen.digest,
        ),
        rubric=RecordRubric(
            id=rubric.id, version=rubric.version, digest=rubric.digest, pass_from=rubric.pass_from
        ),
        sandbox=identity,
        limits=task.limits,
        seed=str(seed),
        end=end,
        tests=tuple(
            RecordTest(
                position=result.position,
                criterion=result.criterion,
                points=result.points,
                passed=result.passed,
                reason=result.reason,
            )
            for result in sorted(results, key=lambda result: result.position)
        ),
        static=None if inspection is None else _static(inspection),
        criteria=tuple(
            RecordCriterion(
                id=criterion.id,
                weight=criterion.weight,
                gate=criterion.gate,
                fraction=one.fraction or Fraction(0),
                points=one.points,
                level=one.level,
                given_by=_given_by(one, given),
            )
            for criterion, one in zip(rubric.criteria, assessment.criteria, strict=True)
        ),
        decision=RecordDecision(
            total=assessment.total,
            level=assessment.level,
            gates_missed=assessment.gates_missed,
            verdict="passed" if assessment.verdict is Verdict.PASSED else "failed",
        ),
    )
    return digest.canonical(whole.model_dump(mode="json"))


def run(
    *,
    submission: str,
    attempt: str,
    number: int,
    epoch: int,
    received_at: datetime,
    started_at: datetime,
    finished_at: datetime,
    host: str,
    versions: Mapping[str, str],
    outcome: Outcome,
) -> bytes:
    """The bytes of run.json: everything about the run that differs when it is run again.

    Raises:
        ValueError: a time has no zone.
        TypeError: a fact is not a JSON value.
    """
    whole = Run(
        submission=submission,
        attempt=attempt,
        number=number,
        epoch=epoch,
        received_at=_time(received_at, "received_at"),
        started_at=_time(started_at, "started_at"),
        finished_at=_time(finished_at, "finished_at"),
        host=host,
        versions=dict(versions),
        facts={name: _plain(value) for name, value in outcome.facts.items()},
        phases_ms=dict(outcome.phases_ms),
    )
    return digest.canonical(whole.model_dump(mode="json"))


def statement(record: bytes, run: bytes) -> bytes:
    """The in-toto Statement that binds a record and its run; these bytes are what gets signed."""
    subjects = [
        {"name": name, "digest": {"sha256": hashlib.sha256(data).hexdigest()}}
        for name, data in ((RECORD, record), (RUN, run))
    ]
    return digest.canonical(
        {
            "_type": STATEMENT_TYPE,
            "subject": subjects,
            "predicateType": PREDICATE_TYPE,
            "predicate": {"record": RECORD_MEDIA_TYPE, "run": RUN_MEDIA_TYPE},
        }
    )


def commitment(salt: bytes, value: str) -> str:
    """A name for `value` that tells nothing without the salt: HMAC-SHA256, as `sha256:...`.

    Raises:
        ValueError: the salt is shorter than 16 bytes, so that it could be guessed.
    """
    if len(salt) < 16:
        raise ValueError(f"commitment: expected a salt of 16 bytes or more, got {len(salt)}")
    return "sha256:" + hmac.new(salt, value.encode(), hashlib.sha256).hexdigest()


def _static(inspection: Inspection) -> RecordStatic:
    tools = inspection.tools
    return RecordStatic(
        analyser=tools.analyser,
        python=tools.python,
        ruff=tools.ruff,
        checks=tuple(
            RecordCheck(
                criterion=one.criterion, id=one.id, points=one.points, passed=one.passed, reason=one.reason
            )
            for one in inspection.results
        ),
    )


def _given_by(one: CriterionScore, given: Mapping[str, Mark]) -> ByTests | ByReview | ByStatic:
    if one.given_by is GivenBy.TESTS:
        return ByTests(passed=one.passed, of=one.total)
    if one.given_by is GivenBy.STATIC:
        return ByStatic(passed=one.passed, of=one.total)
    return ByReview(marks=one.passed, of=one.total, reviewer=given[one.criterion_id].reviewer)


def _time(value: datetime, name: str) -> str:
    if value.tzinfo is None:
        raise ValueError(f"run: expected {name} with a time zone, got {value.isoformat()}")
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    """A fact as RFC 8785 can hold it: a whole number that is too large for it becomes a string."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if abs(value) <= SAFE_INTEGER else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_plain(one) for one in value]
    raise TypeError(f"run: expected facts of JSON values, got {type(value).__name__}")
