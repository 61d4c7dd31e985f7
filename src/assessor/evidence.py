"""Evidence: what is written down about one judged attempt, as bytes that can be signed and made again.

Comes in: the frozen task, what ran, results, the assessment. Goes out: `record.json` (no clock, no host, no
text of tests or of learners: the same work judged again gives the same bytes), `run.json` (when, where, with
which versions), and the in-toto Statement that names both by digest. Signing is left to `proof`, checking to
`verify`.

Source: RFC 8785 for the bytes; in-toto Attestation Framework v1, Statement, for what is signed.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Annotated, Any, Final, Literal, TypeVar

import pydantic

from assessor import digest
from assessor.catalog import Frozen
from assessor.errors import VerificationFailed
from assessor.limits import Limits
from assessor.results import TestResult
from assessor.sandbox.protocol import End, Identity, Outcome, Reason
from assessor.scoring import Assessment, CriterionScore, GivenBy, Mark, Verdict

RECORD = "record.json"
RUN = "run.json"
RECORD_MEDIA_TYPE: Final = "application/vnd.assessor.record+json"
RUN_MEDIA_TYPE: Final = "application/vnd.assessor.run+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
#: A name that needs no domain to stay ours; nothing is fetched from it.
PREDICATE_TYPE = "urn:assessor:evidence:v1"

#: The largest record, run or statement that is parsed.
LIMIT_BYTES = 16 * 1024**2

#: The largest integer that RFC 8785 can hold, since JSON's numbers are doubles there.
_SAFE = 2**53 - 1


def _to_ratio(value: object) -> object:
    """A fraction from `[numerator, denominator]`; a part beyond 2**53 - 1 is a string of digits."""
    if isinstance(value, Fraction):
        return value
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError("expected [numerator, denominator]")
    parts = []
    for part in value:
        if isinstance(part, str) and part.isascii() and part.isdigit() and len(part) < 4000:
            parts.append(int(part))
        elif isinstance(part, int) and not isinstance(part, bool):
            parts.append(part)
        else:
            raise ValueError("expected [numerator, denominator], whole numbers")
    if parts[1] < 1 or parts[0] < 0 or math.gcd(*parts) != 1:
        raise ValueError("expected a fraction of 0 or more in lowest terms")
    return Fraction(*parts)


def _from_ratio(value: Fraction) -> list[int | str]:
    return [part if part <= _SAFE else str(part) for part in (value.numerator, value.denominator)]


Digest = Annotated[str, pydantic.StringConstraints(pattern=f"^{digest.PATTERN.pattern}$")]
Ratio = Annotated[
    Fraction,
    pydantic.PlainValidator(_to_ratio),
    pydantic.PlainSerializer(_from_ratio),
    pydantic.WithJsonSchema(
        {
            "type": "array",
            "prefixItems": [{"type": ["integer", "string"]}, {"type": ["integer", "string"]}],
            "items": False,
            "description": "[numerator, denominator] in lowest terms; beyond 2**53 - 1 as a string of digits",
        }
    ),
]
Count = Annotated[int, pydantic.Field(ge=0)]
Percent = Annotated[int, pydantic.Field(ge=0, le=100)]


class _Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True, extra="forbid", frozen=True)


class RecordSubmission(_Strict):
    """What was handed in, and a commitment to by whom."""

    bundle: Digest
    learner: Digest


class RecordTask(_Strict):
    """What it was judged against.

    Attributes:
        id: the task's id.
        version: the author's.
        digest: of the task's folder without references and faulty solutions.
        tests: of its test files.
        manifest: of its list of expected tests.
        snapshot: of task, rubric and sandbox profile together: what is needed to judge again.
    """

    id: str
    version: str
    digest: Digest
    tests: Digest
    manifest: Digest
    snapshot: Digest


class RecordRubric(_Strict):
    """How it was judged; `pass_from` is the percent of the total that passes."""

    id: str
    version: str
    digest: Digest
    pass_from: Percent


class RecordTest(_Strict):
    """One test's outcome; `position` counts from 1 in the manifest, which alone knows the test's name."""

    position: Annotated[int, pydantic.Field(ge=1)]
    criterion: str
    points: Ratio
    passed: bool
    reason: Reason | None


class ByTests(_Strict):
    """Points given by tests."""

    kind: Literal["tests"] = "tests"
    passed: Count
    of: Count


class ByReview(_Strict):
    """Points given by a person, known by a commitment."""

    kind: Literal["review"] = "review"
    marks: Count
    of: Count
    reviewer: Digest


class RecordCriterion(_Strict):
    """One criterion.

    Attributes:
        id: the criterion's id in the rubric.
        weight: its share of the total, percent.
        gate: the percent without which nothing passes, or None.
        fraction: what was reached of it, 0 to 1.
        points: weight times fraction.
        level: id of the level reached, or None.
        given_by: who or what gave the points.
    """

    id: str
    weight: Percent
    gate: Percent | None
    fraction: Ratio
    points: Ratio
    level: str | None
    given_by: Annotated[ByTests | ByReview, pydantic.Field(discriminator="kind")]


class RecordDecision(_Strict):
    """What it all comes to; `total` is 0 to 1."""

    total: Ratio
    level: str | None
    gates_missed: tuple[str, ...]
    verdict: Literal["passed", "failed"]


class Record(_Strict):
    """record.json, parsed. `seed` is a string of digits: it can be beyond what JSON's numbers hold."""

    media_type: Literal["application/vnd.assessor.record+json"] = RECORD_MEDIA_TYPE
    schema_version: Literal[1] = 1
    submission: RecordSubmission
    task: RecordTask
    rubric: RecordRubric
    sandbox: Identity
    limits: Limits
    seed: Annotated[str, pydantic.StringConstraints(pattern=r"^(0|[1-9][0-9]{0,19})$")]
    end: End
    tests: Annotated[tuple[RecordTest, ...], pydantic.Field(min_length=1)]
    criteria: Annotated[tuple[RecordCriterion, ...], pydantic.Field(min_length=1)]
    decision: RecordDecision


class Run(_Strict):
    """run.json, parsed. Times are UTC, RFC 3339 with microseconds."""

    media_type: Literal["application/vnd.assessor.run+json"] = RUN_MEDIA_TYPE
    schema_version: Literal[1] = 1
    submission: str
    attempt: str
    number: Annotated[int, pydantic.Field(ge=1)]
    epoch: Annotated[int, pydantic.Field(ge=1)]
    received_at: str
    started_at: str
    finished_at: str
    host: str
    versions: dict[str, str]
    facts: dict[str, pydantic.JsonValue]
    phases_ms: dict[str, int]


class Subject(_Strict):
    """A file that a statement is about."""

    name: str
    digest: dict[str, str]


class Statement(_Strict):
    """An in-toto Statement about a record and its run."""

    type: Annotated[str, pydantic.Field(alias="_type")]
    subject: tuple[Subject, ...]
    predicateType: str
    predicate: dict[str, pydantic.JsonValue]


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


def parse(data: bytes) -> Record:
    """The record in these bytes, which must be exactly those that `record` would write for it.

    Raises:
        VerificationFailed: `record-form`; the text says what was expected and what came.
    """
    return _parse(Record, data, check="record-form")


def parse_run(data: bytes) -> Run:
    """The run in these bytes.

    Raises:
        VerificationFailed: `run-form`.
    """
    return _parse(Run, data, check="run-form")


def parse_statement(data: bytes) -> Statement:
    """The statement in these bytes.

    Raises:
        VerificationFailed: `statement`.
    """
    return _parse(Statement, data, check="statement")


def schema() -> dict[str, Any]:
    """JSON Schema of record.json."""
    return Record.model_json_schema(mode="serialization")


_Model = TypeVar("_Model", bound=pydantic.BaseModel)


def _parse(model: type[_Model], data: bytes, *, check: str) -> _Model:
    try:
        digest.read(data, limit_bytes=LIMIT_BYTES)
        parsed = model.model_validate_json(data)
    except digest.NotCanonical as error:
        raise VerificationFailed(check, str(error)) from error
    except pydantic.ValidationError as error:
        one = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in one["loc"]) or "the whole"
        raise VerificationFailed(check, f"{where}: {one['msg']}") from error
    # The last word: what was understood is all there is, in the one way to write it.
    if digest.canonical(parsed.model_dump(mode="json", by_alias=True)) != data:
        raise VerificationFailed(check, "expected nothing but the known fields, each as it would be written")
    return parsed


def _given_by(one: CriterionScore, given: Mapping[str, Mark]) -> ByTests | ByReview:
    if one.given_by is GivenBy.TESTS:
        return ByTests(passed=one.passed, of=one.total)
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
        return value if abs(value) <= _SAFE else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_plain(one) for one in value]
    raise TypeError(f"run: expected facts of JSON values, got {type(value).__name__}")
