"""A small installation for tests: one task with three tests, and the parts of the pipeline in a folder."""

from __future__ import annotations

import functools
import itertools
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from assessor import blobs, catalog, manifest, pipeline, publish, testing
from assessor.parts import Parts
from assessor.sandbox.protocol import Sandbox
from assessor.store import Attempt, Store, Submission

IDS = ("test_sum.py::test_one", "test_sum.py::test_two", "test_sum.py::test_three")
RIGHT = "def total(numbers):\n    return sum(numbers)\n"
FILES = {
    "rubrics/sum.yaml": """id: sum
version: "1.0"
title: Sums
criteria:
  - {id: right, title: Right, weight: 80, scored_by: tests, gate: 50}
  - {id: clear, title: Clear, weight: 20, scored_by: SCORED}
default: right
levels:
  - {id: pass, title: Pass, from: 60}
pass: {from: 60}
""",
    "tasks/sum/task.yaml": """id: sum
version: "1.0"
title: Add up
summary: Add numbers up.
level: beginner
minutes: 5
sandbox: python
submission: {required: [solution.py], allow: ["*.py"]}
tests: {modules: [solution]}
rubric: sum
policy: {tries: TRIES, cooldown_s: 0, feedback: {visible: full, hidden: counts}}
""",
    "tasks/sum/README.md": "# Add up\n",
    "tasks/sum/tests/test_sum.py": """import pytest
from solution import total


@pytest.mark.visible
def test_one():
    assert total([1]) == 1


def test_two():
    assert total([1, 2]) == 3


@pytest.mark.criterion("LAST")
def test_three():
    assert total([]) == 0
""",
    "tasks/sum/solutions/plain/solution.py": RIGHT,
}
SANDBOXES = {
    "python": "languages: [python]\ngrader: grader\n",
    "grader": "role: grader\n",
}
CEILING = (
    "ceiling: {wall_s: 60, call_s: 20, cpu_percent: 100, memory_mib: 512, pids: 64, output_kib: 4096, "
    "reply_kib: 65536, disk_mib: 64, files: 4096}\n"
)


def write_catalog(
    root: Path, *, review: bool = False, tries: int = 100, sandboxes: Path | None = None
) -> catalog.Catalog:
    """The small task below `root`, locked.

    Args:
        root: a folder.
        review: whether a reviewer marks one of its criteria.
        tries: how many a learner has.
        sandboxes: real profiles to copy; by default profiles in name only.
    """
    words = {
        "SCORED": "review, marks: 4" if review else "tests",
        "TRIES": str(tries),
        "LAST": "right" if review else "clear",
    }
    for path, text in FILES.items():
        for word, meant in words.items():
            text = text.replace(word, meant)
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    if sandboxes is not None:
        shutil.copytree(sandboxes, root / "sandboxes")
    else:
        for name, more in SANDBOXES.items():
            (root / "sandboxes" / name).mkdir(parents=True)
            (root / "sandboxes" / name / "sandbox.yaml").write_text(
                f"name: {name}\nsummary: {name}\n{more}{CEILING}"
            )
    lock(root, last=words["LAST"])
    return catalog.load(root)


def lock(root: Path, *, last: str = "clear") -> None:
    """Write the task's list of tests, as running its reference would."""
    loaded = catalog.load(root)
    marked = [
        manifest.Marked(
            id=name,
            group=name,
            criterion=last if name == IDS[2] else None,
            points=None,
            visible=name == IDS[0],
        )
        for name in IDS
    ]
    made = manifest.make(
        marked,
        rubric=loaded.rubric("sum"),
        tests_digest=loaded.task("sum").tests_digest,
        path="tasks/sum/tests",
    )
    (root / "tasks/sum/manifest.json").write_bytes(made.dump())


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    now: datetime = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        """Forward, or back where negative."""
        self.now += timedelta(**by)


@dataclass
class Bench:
    """An installation without a queue.

    Attributes:
        fake: the sandbox where it is a script.
        rung: what the queue was told.
    """

    root: Path
    tasks: catalog.Catalog
    parts: Parts
    clock: Clock
    rung: list[tuple[str, int]] = field(default_factory=list)

    @property
    def fake(self) -> testing.FakeSandbox:
        assert isinstance(self.parts.sandbox, testing.FakeSandbox)
        return self.parts.sandbox

    def submit(
        self,
        solution: str = RIGHT,
        *,
        learner: str = "ada",
        ring: Callable[[str, int], None] | None = None,
    ) -> tuple[Submission, Attempt]:
        """Hand in one file."""
        upload = self.root / "upload"
        upload.mkdir(exist_ok=True)
        (upload / "solution.py").write_text(solution)
        return self.hand_in(upload, learner=learner, ring=ring)

    def hand_in(
        self, upload: Path, *, learner: str = "ada", ring: Callable[[str, int], None] | None = None
    ) -> tuple[Submission, Attempt]:
        """Hand in a folder."""
        submission, attempt, _ = pipeline.submit(
            upload,
            task_id="sum",
            learner=learner,
            tasks=self.tasks,
            spool=self.root / "spool",
            parts=self.parts,
            ring=ring or (lambda attempt, epoch: self.rung.append((attempt, epoch))),
        )
        return submission, attempt

    def by(self, worker: str) -> Parts:
        """The same parts for another worker."""
        return replace(self.parts, worker=worker)


@functools.cache
def _tables() -> bytes:
    """A database with all its tables: copying it is faster than migrating."""
    with tempfile.TemporaryDirectory() as folder:
        Store.open(f"sqlite:///{folder}/store").close()
        return Path(folder, "store").read_bytes()


def make_bench(root: Path, sandbox: Sandbox | None, *, tasks: catalog.Catalog, lease_s: int = 30) -> Bench:
    """A bench in this folder; its store is the caller's to close."""
    clock, number = Clock(), itertools.count(1)
    (root / "assessor.db").write_bytes(_tables())
    store = Store.open(f"sqlite:///{root / 'assessor.db'}")
    parts = Parts(
        store=store,
        blobs=blobs.Blobs.open(root / "blobs"),
        sandbox=sandbox,
        keyring=testing.keys(store, folder=root / "keys", clock=clock),
        issuer=testing.ISSUER,
        publisher=publish.Publisher(root=root / "evidence"),
        clock=clock,
        new_id=lambda: f"id{next(number):04}",
        new_salt=lambda: bytes(16),
        worker="worker-1",
        host="bench",
        versions={"assessor": "0"},
        lease_s=lease_s,
    )
    return Bench(root=root, tasks=tasks, parts=parts, clock=clock)
