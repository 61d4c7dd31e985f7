"""The written forms of evidence: record.json, run.json and the statement over both, as strict models.

Comes in: bytes. Goes out: a `Record`, `Run` or `Statement`, or `VerificationFailed`: there is one way to
write each, and nothing else is read. Making them is left to `evidence`, checking signatures to `verify`.

Source: RFC 8785 for the bytes; in-toto Attestation Framework v1, Statement.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Annotated, Any, Final, Literal, TypeVar

import pydantic

from assessor import digest
from assessor.errors import VerificationFailed
from assessor.inspection import Reason as CheckReason
from assessor.limits import Limits
from assessor.sandbox.protocol import End, Identity, Reason

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
SAFE_INTEGER = 2**53 - 1


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
    return [part if part <= SAFE_INTEGER else str(part) for part in (value.numerator, value.denominator)]


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


class ByStatic(_Strict):
    """Points given by static checks, which look at sources and run nothing."""

    kind: Literal["static"] = "static"
    passed: Count
    of: Count


class RecordCheck(_Strict):
    """One static check's outcome: never what it found, which can hold the learner's words."""

    criterion: str
    id: str
    points: Annotated[int, pydantic.Field(ge=1)]
    passed: bool
    reason: CheckReason | None


class RecordStatic(_Strict):
    """Static checks, and what looked.

    Attributes:
        analyser: digest of the code that looked.
        python: version of the interpreter that parsed.
        ruff: version of ruff, or None where no check asked it.
        checks: in the rubric's order.
    """

    analyser: Digest
    python: str
    ruff: str | None
    checks: Annotated[tuple[RecordCheck, ...], pydantic.Field(min_length=1)]


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
    given_by: Annotated[ByTests | ByReview | ByStatic, pydantic.Field(discriminator="kind")]


class RecordDecision(_Strict):
    """What it all comes to; `total` is 0 to 1."""

    total: Ratio
    level: str | None
    gates_missed: tuple[str, ...]
    verdict: Literal["passed", "failed"]


class Record(_Strict):
    """record.json, parsed. `seed` is a string of digits: it can be beyond what JSON's numbers hold.

    `static` is left out where the rubric has no static check, so that such a record is what it was before
    there were any.
    """

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
    static: Annotated[RecordStatic | None, pydantic.Field(exclude_if=lambda value: value is None)] = None
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


def own(data: bytes) -> Record:
    """The record in bytes that this process made, or read back by their digest: quicker than `parse`, which
    proves of anybody's bytes that they are the one form.

    Raises:
        VerificationFailed: `record-form`: they are no record.
    """
    return _read(Record, data, check="record-form")


def own_run(data: bytes) -> Run:
    """As `own`, for a run.

    Raises:
        VerificationFailed: `run-form`: they are no run.
    """
    return _read(Run, data, check="run-form")


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
    except digest.NotCanonical as error:
        raise VerificationFailed(check, str(error)) from error
    parsed = _read(model, data, check=check)
    # The last word: what was understood is all there is, in the one way to write it.
    if digest.canonical(parsed.model_dump(mode="json", by_alias=True)) != data:
        raise VerificationFailed(check, "expected nothing but the known fields, each as it would be written")
    return parsed


def _read(model: type[_Model], data: bytes, *, check: str) -> _Model:
    try:
        return model.model_validate_json(data)
    except pydantic.ValidationError as error:
        one = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in one["loc"]) or "the whole"
        raise VerificationFailed(check, f"{where}: {one['msg']}") from error
