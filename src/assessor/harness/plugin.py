"""The pytest plugin of the grader: marks, one event per test, hypothesis made repeatable.

Comes in: pytest's hooks. Goes out: `collected`, `test` and, from the grader, `end` events. Events fold
per test id: set-up, call, tear-down and subtests; whatever is not plainly passed has failed.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import signal
import sys
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from . import properties
from .bridge import Bridge
from .failure import LearnerRaised, TestEnded
from .imports import Finder

_MESSAGE, _DETAIL, _OUTPUT, _EXAMPLE = 4096, 16384, 8192, 2048
#: Characters of long texts and output that all tests of a run may tell together.
_RUN = 16 * 1024**2
#: How many files that could not be collected are told.
_ERRORS = 100
#: What hypothesis puts before the smallest example, by version.
_FALSIFYING = re.compile(r"(?:Falsifying example|Failing test case): ")


@dataclass
class Told:
    """What is known of one test so far."""

    passed: bool = True
    ran: bool = False
    reason: str | None = None
    message: str = ""
    detail: str = ""
    example: str | None = None
    started: float = 0.0

    def fail(self, reason: str, message: str, detail: str = "") -> None:
        """The first failure is the one that is told."""
        if self.passed:
            self.passed = False
            self.reason, self.message, self.detail = reason, message, detail


@dataclass(eq=False)  # pytest keeps plugins in sets, to ask those alone that a folder of tests has
class Plugin:
    """One run.

    Args:
        bridge: the way to the submission.
        finder: its import hook.
        emit: takes one event.
        seed: hypothesis' seed.
        shuffle: a seed of the order of files, and of tests in a file, or None for pytest's own.
        clock: monotonic seconds.
    """

    bridge: Bridge
    finder: Finder
    emit: Callable[[dict[str, Any]], None]
    seed: int
    shuffle: int | None = None
    clock: Callable[[], float] = time.monotonic
    told: dict[str, Told] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)
    running: str | None = None
    collecting: bool = True
    late: bool = False
    mixed: set[str] = field(default_factory=set)
    told_length: int = 0

    # Set-up

    def pytest_configure(self, config: pytest.Config) -> None:
        """Register the marks and hypothesis' profile."""
        for line in (
            "criterion(name, points=1): the rubric's criterion that the test feeds, and its points",
            "visible: the test is shown to learners",
            "inplace: changes that the submission makes to arguments come back in this test",
        ):
            config.addinivalue_line("markers", line)
        if "hypothesis" in sys.modules:  # else no test has a property
            properties.prepare()

    # Collection

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Generator[None, Any, Any]:
        """Each test file gets modules and a process of its own; what fails to collect is told."""
        if isinstance(collector, pytest.File):
            self.finder.forget()
            self.bridge.enter_file(collector.nodeid)
            self.bridge.begin_test()
        report = yield
        if report.outcome != "passed":
            text = f"{collector.nodeid}: {_clip(str(report.longrepr), _MESSAGE)}"
            self.errors.append(text)
        return report

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Force hypothesis' settings on tests that bring their own."""
        for item in items:
            properties.settle(item, self.seed)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Tell which tests there are, in the order of the files; then put the visible ones first.

        A learner is shown what the submission prints in visible tests: it must not have met the hidden ones
        by then.
        """
        self.collecting = False
        tests = []
        kinds: dict[str, set[bool]] = {}
        for item in session.items:
            self.ids.append(item.nodeid)
            tests.append(_described(item))
            kinds.setdefault(_file(item), set()).add(_visible(item))
        self.mixed = {file for file, both in kinds.items() if len(both) == 2}
        self.emit({"kind": "collected", "tests": tests, "errors": self.errors[:_ERRORS]})
        if self.shuffle is not None:
            session.items[:] = _shuffled(session.items, self.shuffle)
        session.items.sort(key=lambda item: not _visible(item))

    # Running

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, Any, Any]:
        """Run one test, then tell how it went."""
        bridge = self.bridge
        place = self._place(item)
        bridge.enter_file(place)
        bridge.begin_test()
        bridge.collecting = False
        bridge.inplace = bool(bridge.plan["inplace"]) or item.get_closest_marker("inplace") is not None
        told = self.told[item.nodeid] = Told(started=self.clock())
        self.running = item.nodeid
        try:
            result = yield
        finally:
            self.running = None
            with_limit = None if told.passed else bridge.hub.limit_hit()
            if bridge.ended is not None:
                # Also where the test swallowed it.
                told.fail(bridge.ended.reason, bridge.ended.message)
            if with_limit is not None and told.reason in ("error", "assertion", "crash", "timeout"):
                told.reason = with_limit
            elif bridge.disk_full and told.reason in ("error", "assertion"):
                told.reason = "disk"
            self._tell(item.nodeid, told)
            if self.late:
                item.session.shouldstop = "the time of the whole run was up"
            if nextitem is None or self._place(nextitem) != place:
                bridge.leave_file()
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, Any, Any]:
        """Between visible and hidden tests every fixture ends: it may hold objects of a process that does."""
        try:
            return (yield)
        finally:
            if nextitem is not None and _visible(item) and not _visible(nextitem):
                item.session._setupstate.teardown_exact(None)

    def _place(self, item: pytest.Item) -> str:
        """Whose process the test's calls go to: its file's, or that of the visible tests of a mixed file.

        The process in which a mixed file was collected is the hidden tests': at its import, the file may have
        shown the submission what they will ask.
        """
        file = _file(item)
        return f"{file} (visible)" if file in self.mixed and _visible(item) else file

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, Any, Any]:
        """Fold one phase into what is told of the test."""
        report = yield
        told = self.told.get(item.nodeid)
        if told is None:
            return report
        if report.when == "call":
            told.ran = True
        if report.outcome != "passed" or hasattr(report, "wasxfail"):
            self._fold(told, report, call)
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Fold the report of a subtest, which pytest sends beside the test's own."""
        told = self.told.get(report.nodeid)
        if told is not None and report.outcome != "passed":
            told.fail("assertion", _clip(_message(report), _MESSAGE), _clip(report.longreprtext, _DETAIL))

    def _fold(self, told: Told, report: pytest.TestReport, call: pytest.CallInfo[None]) -> None:
        error = call.excinfo.value if call.excinfo is not None else None
        reason, message = "error", _message(report)
        if isinstance(error, TestEnded):
            reason, message = error.reason, error.message
        elif isinstance(error, LearnerRaised):
            message = str(error)
        elif report.outcome == "skipped" or hasattr(report, "wasxfail"):
            message = f"the test was not run to its end: {message}"
        elif (
            error is None
            or isinstance(error, pytest.fail.Exception)
            or (isinstance(error, AssertionError) and not hasattr(error, "_assessor_where"))
        ):
            reason = "assertion"
        where = getattr(error, "_assessor_where", None)
        detail = report.longreprtext
        if where:
            detail = "In the submission:\n" + "\n".join(f"  {line}" for line in where) + "\n\n" + detail
        if told.passed:
            told.example = _example(error)
        told.fail(reason, _clip(message, _MESSAGE), _clip(detail, _DETAIL))

    def _tell(self, nodeid: str, told: Told) -> None:
        if not told.ran:
            told.fail("error", "the test did not run")
        self.done.add(nodeid)
        output = _clip("".join(self.bridge.output), _OUTPUT)
        self.told_length += len(told.detail) + len(output)
        if self.told_length > _RUN:
            # However much the submission has to say in each of thousands of tests, the stream has an end.
            told.detail = output = ""
        self.emit(
            {
                "kind": "test",
                "id": nodeid,
                "passed": told.passed,
                "reason": told.reason,
                "message": told.message,
                "detail": told.detail,
                "output": output,
                "example": told.example,
                "duration_ms": int((self.clock() - told.started) * 1000),
            }
        )

    def out_of_time(self) -> None:
        """The run's time is up: the running test and all that have not run have failed."""
        for nodeid in self.ids:
            if nodeid not in self.done:
                self.bridge.output.clear()
                told = Told(started=self.clock())
                told.fail("timeout", "the time of the whole run was up before this test")
                self._tell(nodeid, told)


def _described(item: pytest.Item) -> dict[str, Any]:
    mark = item.get_closest_marker("criterion")
    name = points = None
    if mark is not None:
        name = mark.args[0] if mark.args else mark.kwargs.get("name")
        points = mark.kwargs.get("points", mark.args[1] if len(mark.args) > 1 else None)
        if not isinstance(name, str) or not (points is None or type(points) is int):
            raise pytest.UsageError(
                f"{item.nodeid}: expected criterion(name, points=whole number), got {mark.args} {mark.kwargs}"
            )
    group = item.nodeid
    original = getattr(item, "originalname", None)
    if getattr(item, "callspec", None) is not None and original:
        head, _, _ = item.nodeid.partition(f"::{original}[")
        group = f"{head}::{original}"
    return {
        "id": item.nodeid,
        "group": group,
        "criterion": name,
        "points": points,
        "visible": _visible(item),
    }


def _visible(item: pytest.Item) -> bool:
    return item.get_closest_marker("visible") is not None


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def _shuffled(items: list[pytest.Item], seed: int) -> list[pytest.Item]:
    """The tests in another order; those of a file stay together, as its process serves them alone."""
    files: dict[str, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(_file(item), []).append(item)
    chance = random.Random(seed)  # noqa: S311  an order that can be had again, no secret
    names = sorted(files)
    chance.shuffle(names)
    for name in names:
        chance.shuffle(files[name])
    return [item for name in names for item in files[name]]


def _message(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        return str(crash.message)
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])
    return str(getattr(report, "wasxfail", "") or report.longreprtext or report.outcome)


def _example(error: BaseException | None) -> str | None:
    for note in getattr(error, "__notes__", ()):
        found = _FALSIFYING.search(str(note))
        if found:
            return _clip(str(note)[found.end() :].strip(), _EXAMPLE)
    return None


def _clip(text: str, size: int) -> str:
    # Bounded in bytes as the protocol counts them, whatever the letters.
    data = text.encode("utf-8", "replace")
    return text if len(data) <= size else data[: size - 4].decode("utf-8", "ignore") + "…"


@contextlib.contextmanager
def alarm(plugin: Plugin, at: float) -> Iterator[None]:
    """End the running test when the run's time is up, whatever it is doing."""

    def ring(*_: Any) -> None:
        plugin.late = True
        if plugin.running is not None or plugin.collecting:
            # Never while an event is being told: half a frame would spoil the whole run.
            raise plugin.bridge.end_test("timeout", "the time of the whole run was up")

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(0.001, at - plugin.clock()), 0.2)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def follow_seed(bridge: Bridge) -> None:
    """Let the submission's `random` follow the test's."""
    own = random.seed

    def seed(a: Any = None, version: int = 2) -> None:
        own(a, version)
        bridge.seed(a)

    random.seed = seed


def encode(event: dict[str, Any]) -> bytes:
    """An event as JSON."""
    return json.dumps(event, ensure_ascii=False).encode("utf-8", "replace")
