"""What is said of a guarantee when its trial passed, failed, was not made, or broke the sandbox."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from assessor.errors import SandboxFault, SettingInvalid
from assessor.probe import examine
from assessor.probe.examine import Report, Stage
from assessor.sandbox.protocol import End, Ended, Event, Order, Reason
from assessor.testing import FakeSandbox, collected, finished

LEFT = "test_leave.py::test_leave"
DONE = Ended(wall_ms=1, processes=1)


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "probe.py").write_text("")
    tests = (
        'def test_shut():\n    """It is shut.\n\n    How: knocking,\n    twice\n    """\n\n\n'
        'def test_held():\n    """It is held.\n\n    How: pulling\n    Ends: memory, timeout\n    """\n'
    )
    for name in ("test_alone.py", "test_look.py", "test_leave.py"):
        (tmp_path / name).write_text(tests)
    monkeypatch.setattr(examine, "_INSIDE", tmp_path)


def report(*steps: Event | End | BaseException, stage: Stage = Stage.ALONE) -> Report:
    def script(order: Order) -> Iterable[Event | End | BaseException]:
        if LEFT.partition("::")[0] in order.tests:
            yield from (finished(LEFT), DONE)
        else:
            yield from steps

    return examine.examine(FakeSandbox(script), profile="python", label=lambda: "x", stages=[stage])


def found(*steps: Event | End | BaseException, stage: Stage = Stage.ALONE) -> list[str]:
    return [one.found for one in report(*steps, stage=stage).findings]


SHUT = finished("test_alone.py::test_shut")
HELD = finished("test_alone.py::test_held", passed=False, reason=Reason.MEMORY)


@pytest.mark.usefixtures("inside")
def test_passed_and_rightly_failed_trials_hold() -> None:
    told = report(SHUT, HELD, DONE)
    assert told.held
    assert [one.held for one in told.findings] == [True, True]
    first, second = (one.guarantee for one in told.findings)
    assert (first.promise, first.how, first.ends) == ("It is shut.", "knocking, twice", frozenset())
    assert (second.how, second.ends) == ("pulling", {Reason.MEMORY, Reason.TIMEOUT})
    assert (told.identity.isolation, told.identity.runtime) == ("fake", "none")


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (
            (finished(SHUT.id, passed=False, message="a door stood open"), HELD, DONE),
            ["a door stood open", ""],
        ),
        ((SHUT, finished(HELD.id), DONE), ["", "expected it to fail by memory or timeout, got passed"]),
        (
            (SHUT, finished(HELD.id, passed=False, reason=Reason.CRASH, message="gone"), DONE),
            ["", "expected it to fail by memory or timeout, got crash: gone"],
        ),
        ((HELD, DONE), ["expected a result, got none: the test did not run", ""]),
        ((SHUT, HELD, End.LEARNER_LOST), ["the run ended as learner-lost"] * 2),
        ((SHUT, SandboxFault("engine: gone")), ["engine: gone", "expected a result, got none: engine: gone"]),
        (
            (collected().model_copy(update={"errors": ("no such module",)}), SHUT, HELD, DONE),
            ["no such module"] * 2,
        ),
    ],
)
def test_trial_that_came_out_otherwise_does_not_hold_and_says_why(
    steps: tuple[Event | End | BaseException, ...], words: list[str]
) -> None:
    assert found(*steps) == words
    assert not report(*steps).held


@pytest.mark.usefixtures("inside")
def test_look_before_which_nothing_was_left_proves_nothing() -> None:
    sandbox = FakeSandbox(lambda order: [finished(LEFT, passed=False, message="no room"), DONE])
    told = examine.examine(sandbox, profile="python", label=lambda: "x", stages=[Stage.AFTER])
    assert len(sandbox.orders) == 1
    assert {one.found for one in told.findings} == {
        "expected a result, got none: the other sandbox left no marks: no room"
    }


@pytest.mark.usefixtures("inside")
def test_other_sandbox_that_did_not_stay_proves_nothing() -> None:
    looked = [finished("test_look.py::test_shut"), DONE]
    assert (
        found(*looked, stage=Stage.BESIDE)
        == ["expected a result, got none: the other sandbox ended before this one had looked for it"] * 2
    )


def test_sandbox_that_isolates_nothing_is_never_attacked() -> None:
    sandbox = FakeSandbox(lambda order: [DONE], isolation="none")
    with pytest.raises(SettingInvalid, match="expected a sandbox that isolates"):
        examine.examine(sandbox, profile="python", label=lambda: "x")
    assert sandbox.orders == []


def test_every_stage_promises_something_and_no_two_promises_are_one() -> None:
    known = examine.guarantees()
    assert {one.stage for one in known} == set(Stage)
    assert len({(one.stage, one.test) for one in known}) == len(known) >= 60
    assert len({one.promise for one in known}) == len(known)
    assert all(one.how and one.promise.endswith(".") for one in known)


def test_report_of_nothing_does_not_hold() -> None:
    identity = FakeSandbox(lambda order: []).identity("python")
    assert not Report(identity=identity, findings=()).held


@pytest.mark.usefixtures("inside")
def test_values_say_what_was_tried_where() -> None:
    told = examine.values(report(SHUT, HELD, DONE))
    assert (told["profile"], told["isolation"], told["runtime"], told["held"]) == (
        "python",
        "fake",
        "none",
        True,
    )
    assert told["guarantees"][0] == {  # type: ignore[index]
        "stage": "alone",
        "test": "test_alone.py::test_shut",
        "guarantee": "It is shut.",
        "how": "knocking, twice",
        "held": True,
        "found": "",
    }
