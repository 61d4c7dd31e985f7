"""The suites that contenders are measured on: five trivial tests, and twelve with one hypothesis property.

Comes in: a folder. Goes out: a catalog there with a task for each suite, on this project's sandboxes, or the
plain files for those who have no catalog. The same bytes for everyone.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assessor import bundle, catalog, manifest

ROOT = Path(__file__).resolve().parent.parent

SOLUTION = b"""def median(values):
    ordered = sorted(values)
    if not ordered:
        raise ValueError("empty")
    middle = len(ordered) // 2
    return float(ordered[middle]) if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def nothing():
    return None
"""
TRIVIAL = b"""import pytest
from solution import median


def test_odd(): assert median([3, 1, 2]) == 2
def test_even(): assert median([4, 10]) == 7
def test_one(): assert median([5]) == 5
def test_float(): assert isinstance(median([1, 2, 3]), float)
def test_empty():
    with pytest.raises(ValueError):
        median([])
"""
PROPERTY = (
    TRIVIAL
    + b"""

import statistics

from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.mark.parametrize("values", [[0], [1, 2], [2, 2, 2], [9, -9], list(range(50))])
def test_as_the_library_says(values): assert median(values) == statistics.median(values)
def test_order_does_not_matter(): assert median([1, 5, 2, 4]) == median([5, 4, 2, 1])


@settings(max_examples=50, database=None, deadline=None)
@given(st.lists(st.integers(-1000, 1000), min_size=1))
def test_property(values): assert median(values) == statistics.median(values)
"""
)
_NAMES = re.compile(rb"^def (test_\w+)\(", re.MULTILINE)
_CASES = ("values0", "values1", "values2", "values3", "values4")


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A test file and what the solution must make of it.

    Attributes:
        name: also the task's id.
        title: for the table.
        tests: bytes of test_it.py.
        ids: the tests in pytest's order; all pass.
        hypothesis: whether it needs hypothesis.
    """

    name: str
    title: str
    tests: bytes
    ids: tuple[str, ...]
    hypothesis: bool

    @property
    def files(self) -> Mapping[str, bytes]:
        """Solution and tests, as they lie in one folder for a bare pytest."""
        return {"solution.py": SOLUTION, "test_it.py": self.tests}


def _ids(tests: bytes) -> tuple[str, ...]:
    found: list[str] = []
    for name in (match.decode() for match in _NAMES.findall(tests)):
        cases = [f"[{case}]" for case in _CASES] if name == "test_as_the_library_says" else [""]
        found += [f"test_it.py::{name}{case}" for case in cases]
    return tuple(found)


SUITES = (
    Suite(
        name="trivial",
        title="5 trivial tests",
        tests=TRIVIAL,
        ids=_ids(TRIVIAL),
        hypothesis=False,
    ),
    Suite(
        name="property",
        title="12 tests, one with hypothesis",
        tests=PROPERTY,
        ids=_ids(PROPERTY),
        hypothesis=True,
    ),
)


def write_catalog(root: Path, *, isolation: str, copies: int = 0) -> catalog.Catalog:
    """A catalog below `root` with a task for each suite, its sandboxes those of this project.

    Args:
        root: a folder that is empty or missing.
        isolation: how the sandboxes are sealed: `container`, `cell`.
        copies: how many more tasks there are of each suite, named `<suite>-<number>`.

    Raises:
        FileInvalid: this project knows no such isolation.
    """
    shutil.copytree(ROOT / "sandboxes", root / "sandboxes")
    for file in root.glob("sandboxes/*/sandbox.yaml"):
        said = re.sub(r"(?m)^isolation: .*$", f"isolation: {isolation}", file.read_text())
        file.write_text(said)
    (root / "rubrics").mkdir()
    (root / "rubrics" / "bench.yaml").write_text(
        'id: bench\nversion: "1.0"\ntitle: Bench\ncriteria:\n'
        "  - {id: right, title: Right, weight: 100, scored_by: tests}\ndefault: right\n"
        "levels:\n  - {id: pass, title: Pass, from: 60}\npass: {from: 60}\n"
    )
    for suite in SUITES:
        for name in (suite.name, *(f"{suite.name}-{number}" for number in range(copies))):
            _write_task(root, suite, name)
    return catalog.load(root)


def _write_task(root: Path, suite: Suite, name: str) -> None:
    folder = root / "tasks" / name
    (folder / "tests").mkdir(parents=True)
    (folder / "tests" / "test_it.py").write_bytes(suite.tests)
    (folder / "README.md").write_text(f"# {suite.title}\n\nWrite `median` in `solution.py`.\n")
    (folder / "task.yaml").write_text(
        f'id: {name}\nversion: "1.0"\ntitle: {suite.title}\nsummary: A median.\nlevel: beginner\n'
        "minutes: 5\nsandbox: python\nlimits: {wall_s: 60, call_s: 10}\n"
        "submission: {required: [solution.py], allow: ['*.py']}\ntests: {modules: [solution]}\n"
        "rubric: bench\npolicy:\n  tries: 1000\n  cooldown_s: 0\n"
        "  feedback: {visible: full, hidden: counts}\n"
    )
    marked = [
        manifest.Marked(id=one, group=one.partition("[")[0], criterion=None, points=None, visible=False)
        for one in suite.ids
    ]
    made = manifest.make(
        marked,
        rubric=catalog.load(root).rubric("bench"),
        tests_digest=bundle.pack({"test_it.py": suite.tests}).digest,
        path=f"tasks/{name}/tests",
    )
    (folder / "manifest.json").write_bytes(made.dump())


def write_upload(folder: Path) -> Path:
    """A learner's folder with the solution."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "solution.py").write_bytes(SOLUTION)
    return folder
