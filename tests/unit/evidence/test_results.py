"""Folding events into results."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assessor import results
from assessor.sandbox.protocol import Collected, End, Ended, Event, Finished, Reason

FIRST = "test_median.py::test_odd"


def event(test_id: str = FIRST, reason: Reason | None = None, **given: Any) -> Finished:
    values: dict[str, Any] = {
        "passed": reason is None,
        "message": "",
        "detail": "",
        "output": "",
        "example": None,
        "duration_ms": 3,
    }
    return Finished(id=test_id, reason=reason, **{**values, **given})


def fold_one(frozen: Any, *events: Event, end: End = End.COMPLETE) -> results.TestResult:
    return results.fold(frozen.manifest, events, end)[0]


def test_passed_event_passes_its_test_alone(frozen):
    folded = results.fold(frozen.manifest, [event()], End.COMPLETE)
    assert [one.passed for one in folded] == [True] + [False] * 6
    assert [one.position for one in folded] == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (End.COMPLETE, Reason.ERROR),
        (End.WALL, Reason.TIMEOUT),
        (End.MEMORY, Reason.MEMORY),
        (End.GRADER_MEMORY, Reason.MEMORY),
        (End.LEARNER_LOST, Reason.CRASH),
    ],
)
def test_unreported_test_fails_for_the_reason_of_the_end(frozen, end, reason):
    one = fold_one(frozen, end=end)
    assert (one.passed, one.reason) == (False, reason)
    assert one.message


def test_every_end_has_a_reason_for_unreported_tests(frozen):
    assert {fold_one(frozen, end=end).passed for end in End} == {False}


def test_every_reason_has_its_place_in_the_order(frozen):
    for reason in Reason:
        assert fold_one(frozen, event(reason=reason), event(reason=reason)).reason is reason


def test_result_that_arrived_before_a_limit_still_counts(frozen):
    assert fold_one(frozen, event(), end=End.MEMORY).passed


@pytest.mark.parametrize(
    ("end", "told"),
    [(End.MEMORY, Reason.MEMORY), (End.LEARNER_LOST, Reason.CRASH), (End.COMPLETE, Reason.CRASH)],
)
def test_crash_of_a_container_out_of_memory_is_told_as_memory(frozen, end, told):
    assert fold_one(frozen, event(reason=Reason.CRASH), end=end).reason is told


def test_failed_report_beside_a_passed_one_fails_the_test(frozen):
    one = fold_one(frozen, event(), event(reason=Reason.ASSERTION, message="subtest"), event())
    assert (one.passed, one.reason, one.message) == (False, Reason.ASSERTION, "subtest")
    assert one.duration_ms == 9


def test_report_that_says_passed_and_gives_a_reason_fails(frozen):
    assert fold_one(frozen, event(reason=Reason.CRASH, passed=True)).reason is Reason.CRASH


def test_report_that_fails_without_a_reason_is_an_error(frozen):
    assert fold_one(frozen, event(passed=False)).reason is Reason.ERROR


def test_limit_explains_the_plain_failure_beside_it(frozen):
    one = fold_one(frozen, event(reason=Reason.ASSERTION), event(reason=Reason.TIMEOUT))
    assert one.reason is Reason.TIMEOUT


def test_test_outside_the_manifest_is_ignored(frozen):
    folded = results.fold(frozen.manifest, [event("test_median.py::test_extra")], End.COMPLETE)
    assert len(folded) == 7
    assert not any(one.passed for one in folded)


def test_collection_and_end_events_are_worth_nothing(frozen):
    events = [Collected(tests=(), errors=("b", "a", "b")), Ended(wall_ms=1, processes=1)]
    assert not any(one.passed for one in results.fold(frozen.manifest, events, End.COMPLETE))
    assert results.problems(events) == ("a", "b")


IDS = st.sampled_from([FIRST, "test_median.py::test_empty", "test_median.py::test_text", "nobody"])
EVENTS = st.lists(
    st.builds(
        event,
        IDS,
        st.none() | st.sampled_from(Reason),
        message=st.sampled_from(["", "a", "b"]),
        passed=st.booleans(),
    ),
    max_size=8,
)


@given(st.data(), EVENTS, st.sampled_from(End))
def test_order_of_events_never_shows(frozen, data, events, end):
    again = data.draw(st.permutations(events))
    assert results.fold(frozen.manifest, events, end) == results.fold(frozen.manifest, again, end)


@given(EVENTS, st.builds(event, IDS, st.none() | st.sampled_from(Reason)), st.sampled_from(End))
def test_one_more_report_of_a_reported_test_never_passes_what_failed(frozen, events, extra, end):
    if extra.id not in {one.id for one in events}:
        return
    before = results.fold(frozen.manifest, events, end)
    after = results.fold(frozen.manifest, [*events, extra], end)
    assert all(was.passed or not now.passed for was, now in zip(before, after, strict=True))
