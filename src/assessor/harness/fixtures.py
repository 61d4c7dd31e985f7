"""The fixtures that grade any program, in whatever language: `program`, `service`, `workdir`.

Comes in: what a test asks for. Goes out: what the learner's programs did, as plain values. Runs in the
grader as a pytest plugin; the work itself is done by `blackbox` in the learner's container, behind
`channel`. What is sent there and what comes back is left to `asking`.

A test gets one agent, made when it first asks for something and ended after its tear-down with all that
it started. `program` lives as long as the run, so that hypothesis' tests may use it: each call gets a
fresh folder anyway.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from . import asking, failure
from .program import Program
from .service import Service, serving
from .workdir import Workdir

# Of this process, as pytest is: hooks and fixtures of the one test that runs meet here.
_held: asking.Held | None = None


def _running() -> asking.Held:
    assert _held is not None, "program: expected a test that runs"
    return _held


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Before anything else of a test: no agent yet."""
    global _held
    _held = asking.Held()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown() -> Generator[None, object, object]:
    """After all fixtures of a test: its agent goes, and every process and file with it."""
    try:
        return (yield)
    finally:
        _running().close()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """A test's own code runs, for whatever ends it."""
    with failure.calling(True):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup() -> Generator[None, object, object]:
    """A fixture's code runs, maybe in the midst of a test's (`getfixturevalue`)."""
    with failure.calling(False):
        return (yield)


@pytest.fixture(scope="session")
def program() -> Program:
    """Runs the learner's program: `program("--all", stdin="1 2", files={"in.csv": "a,b"})` -> `Completed`."""
    return Program(_running)


@pytest.fixture
def workdir() -> Workdir:
    """A folder that programs of one test share: `write`, `read`, `read_text`, `files`."""
    held = _running()
    held.shared = True
    return Workdir(held)


@pytest.fixture
def service() -> Iterator[Service]:
    """The learner's server, started for this test alone: `get`, `post`, `request`, `log`, `url`."""
    held = _running()
    yield from serving(held, asking.WORKDIR if held.shared else asking.SERVICE)


@pytest.fixture(scope="module")
def service_per_file() -> Iterator[Service]:
    """The learner's server, started once for a file of tests that do not mind each other."""
    held = asking.Held()
    try:
        yield from serving(held, asking.SERVICE)
    finally:
        held.close()
