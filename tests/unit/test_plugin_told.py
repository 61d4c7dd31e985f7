"""What the grader tells of a run, bounded however much there is to say."""

from types import SimpleNamespace
from typing import Any

from assessor.harness.plugin import Plugin, Told
from assessor.sandbox import protocol


def test_texts_of_a_whole_run_are_bounded_and_outcomes_are_not() -> None:
    events: list[dict[str, Any]] = []
    bridge: Any = SimpleNamespace(output=["\x00" * 9000])
    plugin = Plugin(bridge=bridge, finder=bridge, emit=events.append, seed=1)
    for number in range(3000):
        told = Told(ran=True)
        told.fail("assertion", f"message {number}", "\x00" * 16384)
        plugin._tell(f"test_x.py::test[{number}]", told)
    assert len(events[0]["detail"]) + len(events[0]["output"]) > 24_000
    assert (events[-1]["detail"], events[-1]["output"]) == ("", "")
    assert [event["message"] for event in events] == [f"message {number}" for number in range(3000)]
    assert not any(event["passed"] for event in events)
    # As JSON, a NUL takes six bytes: what the engine reads of one run has to stay below its bound.
    assert sum(6 * len(event["detail"] + event["output"]) for event in events) < 128 * 1024**2


def test_largest_event_of_a_test_fits_into_a_frame() -> None:
    from assessor.harness import plugin as module

    texts = module._MESSAGE + module._DETAIL + module._OUTPUT + module._EXAMPLE
    assert 6 * texts + 4096 < protocol.EVENT_BYTES
    assert 6 * module._MESSAGE * module._ERRORS < protocol.EVENT_BYTES
