"""Entry of the grader's container: waits with pytest imported, then runs a task's tests.

Comes in: the start message (plan and test files) on standard input; the learner's side over the socket.
Goes out: event frames on what was standard output when it started, and nothing else there; talk for the
operator on standard error. Exit status 0 after the `end` event, 70 for a fault of ours.

    $ASSESSOR_WORK/tests/   the tests
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from . import bridge as bridge_
from . import channel, fixtures, frames, imports, plugin, proxies, remote, start
from .hub import Hub, ZygoteMissing
from .start import Work

_FAULT = 70
#: How long the learner's waiting process may take to connect.
_CONNECT_S = 20
#: Kept from the run's time to tell how it ended.
_MARGIN_S = 0.25
#: What few tests use, and what those are not to wait for where there is time before.
_SELDOM = ("asyncio",)
#: What a conftest file says that wants a part in pytest's start.
_EARLY = (b"def pytest_", b"pytest_plugins")


def wait(preload: list[str], until: Callable[[], Work], *, rehearse: bool = False) -> None:
    """Get ready, ask what there is to do, run the tests and tell; ends the process.

    pytest itself gets ready: it is started, and waits at the door of collection, the first thing that the
    tests have a part in. What is forked there starts no pytest of its own.

    Args:
        preload: modules to import meanwhile.
        until: waits for work.
        rehearse: whether to run a test of nothing first, so that what many runs come from has imported all.
    """
    status = _FAULT
    # A test that looks sees the same in every kind of place, and in one that was made in a hurry.
    os.environ.pop("ASSESSOR_PRELOAD", None)
    sys.argv[:] = ["pytest"]
    try:
        for name in preload:
            importlib.import_module(name)
        folder = Path(start.work_folder(os.environ)) / "tests"
        folder.mkdir()
        os.chdir(folder)
        if rehearse:
            _rehearse(folder)
        door = _Door(folder, until)
        try:
            pytest.main(_arguments(folder), plugins=[*_plugins(), door, _Quiet()])
        except BaseException as error:  # the time is up, outside of any test
            print(f"grader: {type(error).__name__}: {error}", file=sys.stderr)
        status = door.opened().finish()
    except ZygoteMissing as error:
        print(f"grader: {error}", file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def main() -> None:
    """Wait for the start message, run the tests, tell: in a container that is the attempt's own."""
    wait(json.loads(os.environ.get("ASSESSOR_PRELOAD", "[]")), start.ready)


def _rehearse(folder: Path) -> None:
    for name in _SELDOM:
        importlib.import_module(name)
    file = folder / "test_nothing.py"
    file.write_text("def test_nothing(): assert 1 + 1 == 2\n")
    pytest.main(_arguments(folder), plugins=[*_plugins(), _Quiet()])
    sys.modules.pop("test_nothing", None)
    file.unlink()


class _Door:
    """Where pytest waits: everything before the collection is done, and none of it knows of any test."""

    def __init__(self, folder: Path, until: Callable[[], Work]) -> None:
        self._folder = folder
        self._until = until
        self._run: Run | None = None
        self._problem: BaseException = RuntimeError(
            "expected pytest to come to its collection, it ended before"
        )

    def opened(self) -> Run:
        """The run that came.

        Raises:
            BaseException: why none did.
        """
        if self._run is None:
            raise self._problem
        return self._run

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """Wait for work, then let pytest go on with it."""
        work = self._until()
        try:
            self._run = Run(work, self._folder)
        except BaseException as error:  # told when pytest is over: it would only tell of it in its own way
            self._problem = error
        if self._run is None or self._run.early:
            pytest.exit("expected a run that this start of pytest is fit for")
        manager = session.config.pluginmanager
        # The folder was empty when pytest looked for conftest files, and it keeps what it found.
        manager._dirpath2confmods.clear()
        manager.register(self._run.plugin)
        self._run.alarm()
        return (yield)


class _Quiet:
    """Keeps pytest's own report off the operator's screen."""

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Take the terminal reporter out."""
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            config.pluginmanager.unregister(reporter)


def _plugins() -> list[object]:
    # As modules: for each that is given by name pytest asks every installed package whether it is that one's.
    return [importlib.import_module("_hypothesis_pytestplugin"), fixtures]


def _arguments(folder: Path) -> list[str]:
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.environ["PY_COLORS"] = "0"
    return [
        *("-q", "--tb=short", "--color=no", "--strict-markers", "--import-mode=prepend"),
        "--continue-on-collection-errors",
        *("-p", "no:cacheprovider", "-p", "no:unraisableexception", "-p", "no:threadexception"),
        *("-p", "no:faulthandler", "-p", "no:junitxml", "-p", "no:pastebin", "-p", "no:stepwise"),
        *("-p", "no:doctest", "-c", os.devnull),
        # In memory: a file that is open before a fork is written to by all that come from it.
        "--capture=sys",
        *(f"--rootdir={folder}", f"--confcutdir={folder}", str(folder)),
    ]


class Run:
    """One run of a task's tests, from its start message on.

    Args:
        work: what there is to do.
        folder: where the tests go.

    Attributes:
        plugin: what tells.
        early: whether the tests have a part in pytest's start, which is over: it is to be started anew.

    Raises:
        ZygoteMissing: the learner's side never came.
    """

    def __init__(self, work: Work, folder: Path) -> None:
        if work.scores is not None:
            os.close(work.scores)  # on this side all go as soon as each other
        os.set_inheritable(work.out, False)
        os.dup2(2, 1)
        plan, files = start.read_start(work.start)
        self._started = time.monotonic()
        os.close(work.start)
        start.pin(plan)
        self._out = work.out
        self._folder = folder
        self._deadline = self._started + plan["wall_ms"] / 1000 - _MARGIN_S
        folder.mkdir(exist_ok=True)
        os.chdir(folder)
        start.write(folder, files)
        if any(b"hypothesis" in content for content in files.values()):
            importlib.import_module("hypothesis.strategies")
        self._hub = Hub(plan=plan, deadline=self._deadline)
        self._hub.connect_zygote(within_s=min(_CONNECT_S, plan["wall_ms"] / 1000))
        bridge = bridge_.Bridge(self._hub, make=proxies.make)
        remote.attach(bridge)
        channel.attach(self._hub, bridge.note)
        finder = imports.Finder(bridge)
        finder.install()
        plugin.follow_seed(bridge)
        self.plugin = plugin.Plugin(
            bridge=bridge, finder=finder, emit=self._emit, seed=plan["seed"], shuffle=plan.get("shuffle")
        )
        self.early = any(word in files.get("conftest.py", b"") for word in _EARLY)
        self._alarm = contextlib.ExitStack()

    def alarm(self) -> None:
        """From here on the run ends when its time is up, whatever it is doing."""
        self._alarm.enter_context(plugin.alarm(self.plugin, self._deadline))

    def finish(self) -> int:
        """Run what has not been run, tell the end; the exit status."""
        if self.early:
            try:
                self.alarm()
                pytest.main(_arguments(self._folder), plugins=[*_plugins(), self.plugin, _Quiet()])
            except BaseException as error:  # the time is up, outside of any test
                print(f"grader: {type(error).__name__}: {error}", file=sys.stderr)
        self._alarm.close()
        if time.monotonic() >= self._deadline:
            self.plugin.out_of_time()
        wall_ms = int((time.monotonic() - self._started) * 1000)
        longest_ms = int(self._hub.longest_s * 1000)
        self._emit(
            {"kind": "end", "wall_ms": wall_ms, "processes": self._hub.made, "longest_call_ms": longest_ms}
        )
        self._hub.close()
        return 0

    def _emit(self, event: dict[str, Any]) -> None:
        _write(self._out, frames.encode(plugin.encode(event)))


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
