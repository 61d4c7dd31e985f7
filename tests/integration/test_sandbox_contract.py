"""One contract for every sandbox: the same orders come to the same end, whatever body runs them."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest

from assessor.limits import Limits
from assessor.profile import Isolation
from assessor.sandbox.protocol import (
    Collected,
    End,
    Ended,
    Event,
    Finished,
    Order,
    Outcome,
    Reason,
    Sandbox,
)
from assessor.sandbox.unsafe_local import UnsafeLocal
from tests import boxes

TESTS = b"""
import pytest
from solution import double


@pytest.mark.visible
@pytest.mark.criterion("correctness", points=3)
def test_small():
    assert double(2) == 4


@pytest.mark.parametrize("value", [0, 21])
def test_more(value):
    assert double(value) == value + value


def test_text():
    assert double("ab") == "abab"
"""


KINDS = [*(pytest.param(str(kind), marks=pytest.mark.docker) for kind in Isolation), "unsafe_local"]


@pytest.fixture(scope="module", params=KINDS)
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    if request.param == "unsafe_local":
        yield UnsafeLocal()
        return
    with boxes.box(isolation=Isolation(request.param)) as body:
        yield body


def order(solution: str | None, *, tests: bytes = TESTS, limits: Limits | None = None) -> Order:
    return Order(
        attempt=uuid.uuid4().hex,
        epoch=1,
        profile="python",
        limits=limits or Limits(wall_s=20, call_s=2),
        bundle={} if solution is None else {"solution.py": solution.encode()},
        tests={"test_solution.py": tests},
        modules=("solution",),
        seed=1,
    )


def run(sandbox: Sandbox, what: Order) -> tuple[Outcome, list[Event]]:
    events: list[Event] = []
    return sandbox.run(what, on_event=events.append), events


def results(events: list[Event]) -> dict[str, Finished]:
    return {event.id.partition("::")[2]: event for event in events if isinstance(event, Finished)}


def test_correct_work_passes_every_test_and_events_come_in_order(sandbox: Sandbox) -> None:
    outcome, events = run(sandbox, order("def double(x):\n    return x + x\n"))
    assert outcome.end is End.COMPLETE
    assert isinstance(events[0], Collected)
    assert isinstance(events[-1], Ended)
    assert [test.id for test in events[0].tests] == [e.id for e in events if isinstance(e, Finished)]
    assert {name: test.passed for name, test in results(events).items()} == {
        "test_small": True,
        "test_more[0]": True,
        "test_more[21]": True,
        "test_text": True,
    }


def test_marks_come_with_the_collection(sandbox: Sandbox) -> None:
    _, events = run(sandbox, order("def double(x):\n    return x + x\n"))
    collected = events[0]
    assert isinstance(collected, Collected)
    small, more, _, _ = collected.tests
    assert (small.criterion, small.points, small.visible) == ("correctness", 3, True)
    assert (more.criterion, more.points, more.visible) == (None, None, False)
    assert more.group == "test_solution.py::test_more"
    assert more.id == "test_solution.py::test_more[0]"


def test_partly_right_work_fails_where_it_is_wrong_alone(sandbox: Sandbox) -> None:
    outcome, events = run(sandbox, order("def double(x):\n    return 2 * x if x != 21 else 0\n"))
    failed = {name: test.reason for name, test in results(events).items() if not test.passed}
    assert outcome.end is End.COMPLETE
    assert failed == {"test_more[21]": Reason.ASSERTION}


@pytest.mark.parametrize(
    "solution", [None, "def double(:\n", "raise RuntimeError('no')\n", "def other():\n    pass\n"]
)
def test_work_without_the_name_fails_every_test_and_is_judged(sandbox: Sandbox, solution: str | None) -> None:
    outcome, events = run(sandbox, order(solution))
    assert outcome.end is End.COMPLETE
    assert not any(test.passed for test in results(events).values())


def test_endless_loop_fails_its_test_by_timeout_and_the_others_run(sandbox: Sandbox) -> None:
    slow = "def double(x):\n    while x == 21:\n        pass\n    return x + x\n"
    outcome, events = run(sandbox, order(slow, limits=Limits(wall_s=20, call_s=1)))
    failed = {name: test.reason for name, test in results(events).items() if not test.passed}
    assert outcome.end is End.COMPLETE
    assert failed == {"test_more[21]": Reason.TIMEOUT}


def test_wall_limit_keeps_what_passed_before_and_fails_the_rest_by_timeout(sandbox: Sandbox) -> None:
    slow = "import time\n\ndef double(x):\n    if x == 0:\n        time.sleep(60)\n    return x + x\n"
    outcome, events = run(sandbox, order(slow, limits=Limits(wall_s=3, call_s=60)))
    told = results(events)
    assert outcome.end in (End.COMPLETE, End.WALL)
    assert told["test_small"].passed
    assert not any(test.passed for name, test in told.items() if name != "test_small")
    assert {test.reason for name, test in told.items() if name != "test_small"} <= {Reason.TIMEOUT}


def test_flood_of_output_fails_its_test_by_output(sandbox: Sandbox) -> None:
    flood = "def double(x):\n    while x == 21:\n        print('x' * 65536, flush=True)\n    return x + x\n"
    outcome, events = run(sandbox, order(flood))
    failed = {name: test.reason for name, test in results(events).items() if not test.passed}
    assert outcome.end is End.COMPLETE
    assert failed == {"test_more[21]": Reason.OUTPUT}


def test_crash_fails_its_test_and_the_next_gets_a_fresh_process(sandbox: Sandbox) -> None:
    crash = "import os\n\ndef double(x):\n    if x == 0:\n        os.abort()\n    return x + x\n"
    outcome, events = run(sandbox, order(crash))
    failed = {name: test.reason for name, test in results(events).items() if not test.passed}
    assert outcome.end is End.COMPLETE
    assert failed == {"test_more[0]": Reason.CRASH}


def test_events_come_on_the_calling_thread(sandbox: Sandbox) -> None:
    threads = set()
    sandbox.run(
        order("def double(x):\n    return x + x\n"),
        on_event=lambda event: threads.add(threading.current_thread()),
    )
    assert threads == {threading.current_thread()}


def test_error_of_whoever_listens_ends_the_run_and_passes_through(sandbox: Sandbox) -> None:
    class Stop(Exception):
        pass

    seen: list[Event] = []

    def listen(event: Event) -> None:
        seen.append(event)
        if isinstance(event, Finished):
            raise Stop

    with pytest.raises(Stop):
        sandbox.run(order("def double(x):\n    return x + x\n"), on_event=listen)
    assert [type(event) for event in seen] == [Collected, Finished]


def test_runs_do_not_see_each_other(sandbox: Sandbox) -> None:
    # A run has several processes, so what counts is what another run wrote.
    leave = (
        "import pathlib, tempfile\n"
        "spots = [pathlib.Path(tempfile.gettempdir()), pathlib.Path.home(), pathlib.Path('.')]\n"
        "left = [spot / 'left-by-a-run' for spot in spots]\n"
        "old = [one for one in left if one.exists() and one.read_text() != 'RUN']\n"
        "for one in left:\n"
        "    one.write_text('RUN')\n"
        "def double(x):\n    return None if old else x + x\n"
    )
    if sandbox.identity("python").isolation == "none":
        leave = leave.replace("pathlib.Path(tempfile.gettempdir()), pathlib.Path.home(), ", "")
    for name in ("first", "second"):
        _, events = run(sandbox, order(leave.replace("RUN", name)))
        assert all(test.passed for test in results(events).values())


def test_outcome_names_what_ran_as_identity_does(sandbox: Sandbox) -> None:
    outcome, _ = run(sandbox, order("def double(x):\n    return x + x\n"))
    assert outcome.identity == sandbox.identity("python")
    assert outcome.phases_ms
    assert all(isinstance(duration, int) for duration in outcome.phases_ms.values())


CONFTESTS = {
    "fixtures": "import pytest\n\n\n@pytest.fixture\ndef two():\n    return 2\n",
    "a part in pytest's start": (
        "import pytest\n\npytest_plugins = ['extra']\n\n\ndef pytest_configure(config):\n"
        "    config.two = 2\n\n\n@pytest.fixture\ndef two(request, one):\n"
        "    assert one == 1\n    return request.config.two\n"
    ),
}


@pytest.mark.parametrize("name", CONFTESTS)
def test_conftest_is_heeded_whatever_it_has_a_part_in(sandbox: Sandbox, name: str) -> None:
    what = replace(
        order("def double(x):\n    return x + x\n"),
        tests={
            "test_solution.py": b"import solution\n\ndef test_it(two):\n    assert solution.double(two) == 4",
            "conftest.py": CONFTESTS[name].encode(),
            "extra.py": b"import pytest\n\n\n@pytest.fixture\ndef one():\n    return 1\n",
        },
    )
    _, events = run(sandbox, what)
    assert [(test.id, test.passed) for test in results(events).values()] == [
        ("test_solution.py::test_it", True)
    ], results(events)
