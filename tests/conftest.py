"""What every test may use; `--no-docker` is the one way to leave the engine out, and names what it leaves."""

from __future__ import annotations

import os

import hypothesis
import pytest

from assessor import logs

# One process runs many tests, some of which configure logs: what others look at must not depend on which.
logs.LASTING = False

# Laws are tried on fewer examples where everything runs; HYPOTHESIS_PROFILE=thorough tries many. No example
# has a deadline: a machine under load is no failure.
hypothesis.settings.register_profile("quick", max_examples=40, deadline=None)
hypothesis.settings.register_profile("thorough", max_examples=1000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


#: Tests for the inside of a sandbox.
collect_ignore = ["integration/probe"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--no-docker",
        action="store_true",
        help="leave out the tests that need a container engine, and name them",
    )
    parser.addoption(
        "--every-seal",
        action="store_true",
        help="try each attack in cells and containers, waiting and cold, not in the usual two alone",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--no-docker"):
        return
    left_out = [item for item in items if item.get_closest_marker("docker")]
    items[:] = [item for item in items if not item.get_closest_marker("docker")]
    config.hook.pytest_deselected(items=left_out)
    config.stash[_LEFT_OUT] = [item.nodeid for item in left_out]


_LEFT_OUT = pytest.StashKey[list[str]]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    names = config.stash.get(_LEFT_OUT, [])
    if names:
        terminalreporter.section("left out by --no-docker")
        for name in names:
            terminalreporter.line(name)
