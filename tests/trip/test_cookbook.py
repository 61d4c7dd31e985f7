"""docs/cookbook.md and docs/strong-tests.md, section by section: what each says of a piece of work is so."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.trip.guide import Shell, follow, sections, steps
from tests.trip.shop import ROOT

pytestmark = [pytest.mark.docker, pytest.mark.slow]
DOCS = ROOT / "docs"


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    clone = tmp_path / "clone"
    for name in ("tasks", "rubrics"):
        (clone / name).mkdir(parents=True)
    os.symlink(ROOT / "sandboxes", clone / "sandboxes")
    made = Shell(tmp_path)
    yield made
    made.close()


def chapters(name: str) -> list[tuple[str, str]]:
    """The page, and the heading of each section that has steps."""
    parts = sections((DOCS / name).read_text())
    return [(name, title) for title, text in parts.items() if title and any(steps(text))]


RECIPES = [*chapters("cookbook.md"), *chapters("strong-tests.md")]


@pytest.mark.parametrize(("name", "title"), RECIPES, ids=[title for _, title in RECIPES])
def test_section_is_as_it_says(shell: Shell, name: str, title: str) -> None:
    page = DOCS / name
    parts = sections(page.read_text())
    # What stands before the first section holds for each.
    done = [*steps(parts[""]), *steps(parts[title])]
    follow(page, done, shell)


def test_each_kind_of_task_has_its_recipe() -> None:
    text = (DOCS / "cookbook.md").read_text()
    for kind in ("function", "package", "program", "service", "sql", "data"):
        assert f"--kind {kind} " in text
