"""docs/authors.md, followed to the letter: files written, commands run, and what it shows compared."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.trip.guide import Shell, follow, steps
from tests.trip.shop import ROOT

pytestmark = [pytest.mark.docker, pytest.mark.slow]
GUIDE = ROOT / "docs" / "authors.md"


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    clone = tmp_path / "clone"
    for name in ("tasks", "rubrics"):
        (clone / name).mkdir(parents=True)
    os.symlink(ROOT / "sandboxes", clone / "sandboxes")
    made = Shell(tmp_path)
    yield made
    made.close()


def test_guide_takes_an_author_from_nothing_to_a_proven_task(shell: Shell) -> None:
    done = list(steps(GUIDE.read_text()))
    assert sum(step.name is None for step in done) >= 12
    follow(GUIDE, done, shell)
