"""A site as an operator runs it: `assessor serve`, with its queue, a worker, and real sandboxes."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from assessor import catalog
from tests import honours, small

ROOT = Path(__file__).parents[2]
HOST = "learn.example"
URL = f"https://{HOST}"
ADMIN = "root@learn.example"
#: How long the parts of an installation may take to come up, seconds; images are there by then.
PATIENCE_S = 120

#: The visible test is one that searches, so that a result has an example to show.
TESTS = '''"""Sums."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solution import total


@pytest.mark.visible
@given(st.lists(st.integers()))
def test_one(numbers):
    assert total(numbers) == sum(numbers)


def test_two():
    assert total([1, 2]) == 3


@pytest.mark.criterion("clear")
def test_three():
    assert total([]) == 0
'''
#: Right only where nothing is negative.
FAULTY = "def total(numbers):\n    return sum(abs(one) for one in numbers) + (1 if numbers else 0)\n"
STARTER = "def total(numbers):\n    ...\n"


@dataclass(frozen=True, kw_only=True)
class Served:
    """An installation that is up.

    Attributes:
        home, catalog: its folders.
        first: where its admin signs in for the first time.
    """

    home: Path
    catalog: Path
    first: str

    def assessor(self, *arguments: str) -> str:
        """What a command of the operator prints."""
        done = subprocess.run(
            [*_command(self.home, self.catalog), *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def write_catalog(root: Path) -> None:
    """One task with a starter, one badge, and who awards it."""
    small.write_catalog(root, sandboxes=ROOT / "sandboxes")
    (root / "tasks/sum/tests/test_sum.py").write_text(TESTS)
    (root / "tasks/sum/starter").mkdir()
    (root / "tasks/sum/starter/solution.py").write_text(STARTER)
    small.lock(root)
    (root / "badges").mkdir()
    (root / "badges/adder.yaml").write_text(honours.BADGES["adder"])
    (root / "issuer.yaml").write_text(f"name: Learn\nurl: {URL}\n")
    catalog.load(root).achievements()


@contextlib.contextmanager
def served(root: Path, port: int) -> Iterator[Served]:
    """An installation that listens on a port of this machine, until the block ends.

    What it says goes to a file: a pipe that nobody reads would fill up and stop it.
    """
    (root / "catalog").mkdir()
    write_catalog(root / "catalog")
    said = root / "said"
    address = f"127.0.0.1:{port}"
    with said.open("w") as file:
        process = subprocess.Popen(
            [
                *_command(root / "home", root / "catalog"),
                *("serve", "--address", address, "--workers", "1", "--admin", ADMIN),
            ],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=_environ() | {"ASSESSOR_WEB_URL": URL},
        )
    try:
        link = re.escape(URL) + r"/sign-in/link/\S+"
        first = _until(said, process, link)
        _until(said, process, "web application at")
        yield Served(home=root / "home", catalog=root / "catalog", first=first)
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(PATIENCE_S)
    assert status == 0, said.read_text()


def _command(home: Path, tasks: Path) -> list[str]:
    return [sys.executable, "-m", "assessor", "--home", str(home), "--catalog", str(tasks)]


def _environ() -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ASSESSOR_")}
    return clean | {"COLUMNS": "200"}


def _until(said: Path, process: subprocess.Popen[bytes], pattern: str) -> str:
    """What of the talk matches, once it was said."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        found = re.search(pattern, said.read_text())
        if found is not None:
            return found[0]
        assert process.poll() is None, f"ended before {pattern!r} was said: {said.read_text()}"
        time.sleep(0.1)
    raise AssertionError(f"{pattern!r} was not said within {PATIENCE_S} s: {said.read_text()}")
