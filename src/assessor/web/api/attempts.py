"""Attempts: where one is, what came of it, and its signed evidence. Following one live is in `live`.

What a learner is told of tests is cut where every result is cut (`judging.feedback`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field
from starlette.responses import Response

from assessor import hosting, judging, publish
from assessor.errors import NotFound
from assessor.rows.users import Role, Scope
from assessor.store import Attempt, AttemptState, EvidenceRow
from assessor.waiting import Place
from assessor.web import seeing
from assessor.web.access import SIGNED_IN, Visitor, allow
from assessor.web.api import routing
from assessor.web.api.routing import Id, Score, Told
from assessor.web.context import Context, Here

api = routing.router("attempts")

#: States in which there is a result.
SCORED = (AttemptState.JUDGED, AttemptState.AWAITING_REVIEW)

_Visitor = Annotated[Visitor, allow(SIGNED_IN, scope=Scope.READ)]


class PlaceTold(Told):
    """Where an attempt stands in the queue; the time is an estimate."""

    position: int
    workers: int
    expected_s: float | None


class AttemptTold(Told):
    """An attempt."""

    id: str
    submission: str
    number: int
    kind: str
    state: str
    verdict: str | None
    score: Score | None
    level: str | None
    queue_class: str
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    superseded_by: str | None
    place: Annotated[PlaceTold | None, Field(description="Null unless it is queued.")]


class CountsTold(Told):
    """How many tests passed, of how many."""

    passed: int
    total: int


class CriterionResult(Told):
    """What came of one criterion; `fraction` is null while its review is open."""

    criterion_id: str
    fraction: Score | None
    points: Score
    level: str | None
    counts: CountsTold | None
    comment: str | None


class TestResult(Told):
    """A visible test."""

    __test__ = False

    name: str
    criterion_id: str
    passed: bool
    reason: str | None
    message: str
    detail: str
    output: str
    example: str | None


class FindingTold(Told):
    """Where a static check does not hold, and what to do there."""

    path: str
    line: int
    rule: str
    sentence: str


class CheckTold(Told):
    """What a static check came to; it looks at nothing but the learner's own files."""

    criterion_id: str
    title: str
    passed: bool
    reason: str | None
    findings: list[FindingTold]
    more: Annotated[int, Field(description="How many more findings there are.")]


class ResultTold(Told):
    """What came of an attempt, as far as the task's policy tells it."""

    verdict: str
    total: Score
    level: str | None
    gates_missed: list[str]
    criteria: list[CriterionResult]
    tests: list[TestResult]
    visible: CountsTold | None
    hidden: CountsTold | None
    checks: list[CheckTold]


class EvidenceTold(Told):
    """The signed evidence of an attempt: digests of its files, and the key that signed."""

    record: str
    run: str
    envelope: str
    key_id: str


@api.get("/attempts/{attempt_id}", summary="An attempt")
def show_attempt(here: Here, visitor: _Visitor, attempt_id: Id) -> AttemptTold:
    """With its place in the queue while it waits."""
    _, found = seeing.attempt(here, visitor, attempt_id)
    return told(here, found)


@api.get("/attempts/{attempt_id}/result", summary="What came of an attempt")
def result(here: Here, visitor: _Visitor, attempt_id: Id) -> ResultTold:
    """There is one once it is judged, or waits for a reviewer; before that, 404."""
    _, found = seeing.attempt(here, visitor, attempt_id)
    if found.state not in SCORED:
        raise NotFound(f"expected an attempt that has a result, it is {found.state.value}")
    return ResultTold.model_validate(judging.feedback(judging.judge(found.id, here.parts)).dump())


@api.get("/attempts/{attempt_id}/evidence", summary="What is signed of an attempt")
def evidence(here: Here, visitor: _Visitor, attempt_id: Id) -> EvidenceTold:
    """The files themselves are below it. Of an attempt that did not pass they are shown to admins alone."""
    row = _evidence(here, visitor, attempt_id)
    return EvidenceTold(record=row.record, run=row.run, envelope=row.envelope, key_id=row.key_id)


def _file(name: str) -> dict[int | str, dict[str, object]]:
    media = hosting.media_type(f"evidence/attempt/{name}")
    return {
        200: {
            "description": "The bytes that are signed.",
            "content": {media: {"schema": {"type": "object"}}},
        }
    }


@api.get(
    "/attempts/{attempt_id}/evidence/record",
    summary="The record",
    response_class=Response,
    responses=_file(publish.RECORD),
)
def record(here: Here, visitor: _Visitor, attempt_id: Id) -> Response:
    """Canonical JSON; its SHA-256 is its id."""
    return _bytes(here, _evidence(here, visitor, attempt_id).record, publish.RECORD)


@api.get(
    "/attempts/{attempt_id}/evidence/run",
    summary="The note of the run",
    response_class=Response,
    responses=_file(publish.RUN),
)
def run(here: Here, visitor: _Visitor, attempt_id: Id) -> Response:
    """Times, versions and the engine, which the record leaves out."""
    return _bytes(here, _evidence(here, visitor, attempt_id).run, publish.RUN)


@api.get(
    "/attempts/{attempt_id}/evidence/envelope",
    summary="The signature over both",
    response_class=Response,
    responses=_file(publish.ENVELOPE),
)
def envelope(here: Here, visitor: _Visitor, attempt_id: Id) -> Response:
    """A DSSE envelope around an in-toto Statement."""
    return _bytes(here, _evidence(here, visitor, attempt_id).envelope, publish.ENVELOPE)


def told(here: Context, one: Attempt) -> AttemptTold:
    """An attempt as it is told."""
    place = here.pace.place(one.id) if one.state is AttemptState.QUEUED else None
    return AttemptTold(
        id=one.id,
        submission=one.submission_id,
        number=one.number,
        kind=one.kind.value,
        state=one.state.value,
        verdict=one.verdict,
        score=routing.score(one.score),
        level=one.level,
        queue_class=one.queue_class.value,
        queued_at=one.queued_at,
        started_at=one.started_at,
        finished_at=one.finished_at,
        superseded_by=one.superseded_by,
        place=place_told(place),
    )


def place_told(found: Place | None) -> PlaceTold | None:
    """A place in the queue as it is told."""
    if found is None:
        return None
    expected_s = None if found.expected_s is None else round(found.expected_s, 1)
    return PlaceTold(position=found.position, workers=found.workers, expected_s=expected_s)


def _evidence(here: Context, visitor: Visitor, attempt_id: str) -> EvidenceRow:
    _, found = seeing.attempt(here, visitor, attempt_id)
    # A record says of each test, hidden ones too, whether it passed and why not: of work that did not pass
    # that would be a count of hidden tests one by one, whatever the task tells of them.
    if found.verdict != "passed" and Role.ADMIN not in visitor.roles:
        raise NotFound(
            "expected an attempt that passed: of others the signed files are shown to admins alone"
        )
    row = here.parts.store.evidence(found.id)
    if row is None:
        raise NotFound(f"expected an attempt with evidence, it is {found.state.value}")
    return row


def _bytes(here: Context, digest: str, name: str) -> Response:
    media = hosting.media_type(f"evidence/attempt/{name}")
    return Response(here.parts.blobs.get(digest), headers={"Content-Type": media})
