"""Entry of the grader's container: waits with pytest imported, then runs a task's tests.

Comes in: the start message (plan and test files) on standard input; the learner's side over the socket.
Goes out: event frames on what was standard output when it started, and nothing else there; talk for the
operator on standard error. Exit status 0 after the `end` event, 70 for a fault of ours.

    $ASSESSOR_WORK/tests/   the tests
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

import hypothesis.strategies  # noqa: F401 - imported while there is time
import pytest

from . import bridge as bridge_
from . import channel, frames, imports, learner, plugin, proxies, remote
from .hub import Hub, ZygoteMissing

_FAULT = 70
#: How long the learner's waiting process may take to connect.
_CONNECT_S = 20
#: Kept from the run's time to tell how it ended.
_MARGIN_S = 0.25


def warm(preload: list[str]) -> None:
    """Run a test of nothing, so that the first real one finds everything imported."""
    for name in preload:
        importlib.import_module(name)
    _warm(Path(learner.work_folder(os.environ)))


def work(start: int, out: int, *, scores: int | None = None) -> None:
    """Read the start message, run the tests, tell; never returns.

    Args:
        start: descriptor of the start message.
        out: descriptor for events.
        scores: the cell's folder for `cell.score`; on this side all go as soon as each other.
    """
    if scores is not None:
        os.close(scores)
    os.set_inheritable(out, False)
    os.dup2(2, 1)
    plan, files = learner.read_start(start)
    started = time.monotonic()
    os.close(start)
    learner.pin(plan)
    folder = Path(learner.work_folder(os.environ))
    try:
        status = run(plan, files, folder=folder / "tests", out=out, started=started)
    except ZygoteMissing as error:
        print(f"grader: {error}", file=sys.stderr)
        status = _FAULT
    except BaseException:
        traceback.print_exc()
        status = _FAULT
    sys.stderr.flush()
    os._exit(status)


def main() -> None:
    """Wait for the start message, run the tests, tell: the first process of a container of its own."""
    start, out = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    warm(json.loads(os.environ.get("ASSESSOR_PRELOAD", "[]")))
    gc.collect()
    gc.freeze()
    os.write(out, frames.encode(b'{"kind":"ready"}'))
    work(start, out)


def _warm(work: Path) -> None:
    folder = Path(tempfile.mkdtemp(dir=work))
    (folder / "test_nothing.py").write_text("def test_nothing(): assert 1 + 1 == 2\n")
    pytest.main([*_arguments(folder), str(folder)], plugins=[_Quiet()])
    sys.modules.pop("test_nothing", None)
    (folder / "test_nothing.py").unlink()
    folder.rmdir()


class _Quiet:
    """Keeps pytest's own report off the operator's screen."""

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Take the terminal reporter out."""
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            config.pluginmanager.unregister(reporter)


def _arguments(folder: Path) -> list[str]:
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.environ["PY_COLORS"] = "0"
    return [
        *("-q", "--tb=short", "--color=no", "--strict-markers", "--import-mode=prepend"),
        "--continue-on-collection-errors",
        *("-p", "no:cacheprovider", "-p", "no:unraisableexception", "-p", "no:threadexception"),
        *("-p", "no:faulthandler", "-p", "no:junitxml", "-p", "no:pastebin", "-p", "no:stepwise"),
        *("-p", "_hypothesis_pytestplugin", "-c", os.devnull),
        *(f"--rootdir={folder}", f"--confcutdir={folder}"),
    ]


def run(plan: dict[str, Any], files: dict[str, bytes], *, folder: Path, out: int, started: float) -> int:
    """Run the tests; the exit status.

    Raises:
        ZygoteMissing: the learner's side never came.
    """
    folder.mkdir(parents=True)
    learner.write(folder, files)
    deadline = started + plan["wall_ms"] / 1000
    hub = Hub(plan=plan, deadline=deadline - _MARGIN_S)

    def emit(event: dict[str, Any]) -> None:
        _write(out, frames.encode(plugin.encode(event)))

    hub.connect_zygote(within_s=min(_CONNECT_S, plan["wall_ms"] / 1000))
    bridge = bridge_.Bridge(hub, make=proxies.make)
    remote.attach(bridge)
    channel.attach(hub, bridge.note)
    finder = imports.Finder(bridge)
    finder.install()
    plugin.follow_seed(bridge)
    own = plugin.Plugin(bridge=bridge, finder=finder, emit=emit, seed=plan["seed"])
    package = __package__ or "harness"
    arguments = [*_arguments(folder), "-p", f"{package}.fixtures", str(folder)]
    os.chdir(folder)
    try:
        with plugin.alarm(own, deadline - _MARGIN_S):
            pytest.main(arguments, plugins=[own, _Quiet()])
    except BaseException as error:  # the time is up, outside of any test
        print(f"grader: {type(error).__name__}: {error}", file=sys.stderr)
    if time.monotonic() >= deadline - _MARGIN_S:
        own.out_of_time()
    emit({"kind": "end", "wall_ms": int((time.monotonic() - started) * 1000), "processes": hub.made})
    hub.close()
    return 0


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


if __name__ == "__main__":
    main()
