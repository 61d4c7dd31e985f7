"""Test results: what the events of a run say about each test of the manifest.

Comes in: the manifest, the events as they were stored, how the run ended. Goes out: one `TestResult` for
each test of the manifest, in its order. What results are worth is left to `scoring`.

The manifest alone says which tests there are: a test that no event reports has failed, an event for a test
that the manifest lacks is ignored. The order of events never matters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from assessor.manifest import Manifest
from assessor.sandbox.protocol import Collected, End, Event, Finished, Reason

#: When several events of one test fail, the reason told is the first of these: a limit or a broken process
#: explains the plain failures beside it, never the other way round.
_PRECEDENCE = (
    Reason.PROTOCOL,
    Reason.CRASH,
    Reason.MEMORY,
    Reason.PROCESSES,
    Reason.DISK,
    Reason.OUTPUT,
    Reason.TIMEOUT,
    Reason.ERROR,
    Reason.ASSERTION,
)

#: Why a test that was not reported failed, by how the run ended.
_MISSING = {
    End.COMPLETE: (Reason.ERROR, "The test did not run: its file could not be loaded, or it was left out."),
    End.WALL: (Reason.TIMEOUT, "The time of the whole run was up before this test had finished."),
    End.MEMORY: (Reason.MEMORY, "The submission ran out of memory before this test had finished."),
    End.LEARNER_LOST: (Reason.CRASH, "The submission's processes were gone before this test had finished."),
    End.GRADER_MEMORY: (
        Reason.MEMORY,
        "What the submission returned took all memory before this test ended.",
    ),
}


@dataclass(frozen=True, kw_only=True)
class TestResult:
    """One test's outcome.

    Attributes:
        position: place in the manifest, counted from 1; all that evidence says of which test it is.
        id: pytest's node id; can hold answers, so it stays in private reports.
        group: the id without parameters.
        criterion: id of the rubric's criterion that it feeds.
        points: its share of its criterion, in points of the tests' marks.
        visible: whether the learner may see it in full.
        passed: every event of it passed, and there was one.
        reason: why it failed, or None.
        message: one paragraph about the failure, or empty.
        detail: pytest's long text, or empty.
        output: what the learner's side printed.
        example: the smallest failing example that hypothesis found, or None.
        duration_ms: set-up, call and tear-down of all its events.
    """

    __test__ = False  # the name starts like a test class; pytest must not collect it

    position: int
    id: str
    group: str
    criterion: str
    points: Fraction
    visible: bool
    passed: bool
    reason: Reason | None
    message: str = ""
    detail: str = ""
    output: str = ""
    example: str | None = None
    duration_ms: int = 0


def fold(manifest: Manifest, events: Sequence[Event], end: End) -> tuple[TestResult, ...]:
    """One result for each test of the manifest, in its order."""
    by_id: dict[str, list[Finished]] = defaultdict(list)
    for event in events:
        if isinstance(event, Finished):
            by_id[event.id].append(event)
    folded = []
    for position, test in enumerate(manifest.tests, start=1):
        reports = by_id.get(test.id, [])
        reason, told = _judge(reports, end)
        if reason is Reason.CRASH and end is End.MEMORY:
            # The grader saw the container go; why, only the engine knew.
            reason = Reason.MEMORY
        folded.append(
            TestResult(
                position=position,
                id=test.id,
                group=test.group,
                criterion=test.criterion,
                points=test.points,
                visible=test.visible,
                passed=reason is None,
                reason=reason,
                message=told.message if told is not None else _MISSING[end][1],
                detail=told.detail if told is not None else "",
                output=told.output if told is not None else "",
                example=told.example if told is not None else None,
                duration_ms=sum(report.duration_ms for report in reports),
            )
        )
    return tuple(folded)


def problems(events: Sequence[Event]) -> tuple[str, ...]:
    """What kept test files from being collected; can hold hidden tests, so for private reports alone."""
    found = {text for event in events if isinstance(event, Collected) for text in event.errors}
    return tuple(sorted(found))


def _judge(reports: Sequence[Finished], end: End) -> tuple[Reason | None, Finished | None]:
    """Why the test failed (None if it passed), and the event to tell it by (None if there was none)."""
    if not reports:
        return _MISSING[end][0], None
    failed = [(reason, report) for report in reports if (reason := _reason(report)) is not None]
    if not failed:
        return None, min(reports, key=lambda report: report.model_dump_json())
    # Ties are broken by content, so that the order of events cannot show.
    return min(failed, key=lambda pair: (_PRECEDENCE.index(pair[0]), pair[1].model_dump_json()))


def _reason(report: Finished) -> Reason | None:
    """Why the event failed its test; one that says passed and gives a reason contradicts itself: failed."""
    if report.reason is not None:
        return report.reason
    return None if report.passed else Reason.ERROR
