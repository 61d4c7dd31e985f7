"""What authors get wrong, through `assessor tasks check`: one message with its place; the rest goes on."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from assessor import catalog
from assessor.authoring import lock
from assessor.manifest import Manifest, ManifestTest
from tests import boxes
from tests.trip.shop import Forker, Said
from tests.unit.test_authoring import FILES, write

ROOT = Path(__file__).parents[2]
#: Reads alone, and needs no engine.
READING = ("--only", "static", "--only", "brief")
RUNNING = ("--only", "proof")
#: Written one into the next, nine of them stand for a thousand million words.
LAUGHS = "\n".join(
    f"l{depth}: &l{depth} [{', '.join([f'*l{depth - 1}'] * 10) if depth else 'ha, ha'}]"
    for depth in range(10)
)


@dataclass(frozen=True, kw_only=True)
class Desk:
    """An author's folder with one sound task, `sound`, and the commands that are run in it."""

    root: Path
    forker: Forker

    def run(self, *arguments: object) -> Said:
        return self.forker.start("--home", self.root / "home", "--catalog", self.root, *arguments)()

    def check(self, *how: str, status: int = 2) -> dict[str, Any]:
        """What the check of every task found, by task."""
        said = self.run("tasks", "check", "--all", "--json", *how)
        assert said.status == status, said
        return {one["task"]: one for one in said.json}

    def copy(self, name: str) -> Path:
        """The sound task once more, under this name."""
        target = self.root / "tasks" / name
        shutil.copytree(self.root / "tasks/sound", target)
        edit(target / "task.yaml", "id: sound\n", f"id: {name}\n")
        return target


def edit(path: Path, was: str, becomes: str) -> None:
    text = path.read_text()
    assert was in text
    path.write_text(text.replace(was, becomes))


def findings(checked: dict[str, Any]) -> list[str]:
    """What is to be mended in a task, each with its place."""
    return [
        ":".join(str(one[key]) for key in ("path", "line", "column") if one[key] is not None)
        + f": {one['problem']}"
        for gate in checked["gates"]
        for one in gate["findings"]
        if one["serious"]
    ]


# Files that are wrong: read alone


@pytest.fixture
def desk(tmp_path: Path, forker: Forker) -> Desk:
    """A catalog of small files, without an engine."""
    for path, text in FILES.items():
        write(tmp_path, path.replace("tasks/t/", "tasks/sound/"), text.replace("id: t\n", "id: sound\n"))
    (tmp_path / "tasks/sound/README.md").write_text("# Do it\n\nWrite `solution.py`.\n")
    lock_by_hand(tmp_path, "sound")
    return Desk(root=tmp_path, forker=forker)


@pytest.fixture(scope="module")
def forker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forker]:
    made = Forker(tmp_path_factory.mktemp("said"))
    yield made
    made.close()


def lock_by_hand(root: Path, task_id: str) -> None:
    """The lock that running the references would make: one test for each criterion."""
    task = catalog.load(root).task(task_id)
    tests = tuple(
        ManifestTest(
            id=f"test_t.py::{name}", group=f"test_t.py::{name}", criterion=fed, points=1, visible=seen
        )  # type: ignore[arg-type]
        for name, fed, seen in (("test_f", "right", False), ("test_g", "edges", True))
    )
    lock.write(task, Manifest(tests_digest=task.tests_digest, tests=tests))


@pytest.mark.parametrize(
    ("was", "becomes", "problem"),
    [
        ("title: T\n", "title: [T\n", "4:8: expected YAML, got: while parsing a flow sequence, "),
        ("minutes: 5\n", "minuets: 5\n", '6:1: unknown key "minuets"'),
        ("minutes: 5\n", "minutes: 5\nminutes: 6\n", '7:1: expected each key once, got "minutes" again'),
        ("minutes: 5\n", "minutes: much\n", '6:1: minutes: expected a number, got "much"'),
        ("summary: S\n", f"summary: S\n{LAUGHS}\n", "5:5: expected plain YAML, got an anchor (&l0)"),
    ],
    ids=["broken", "unknown key", "key twice", "no number", "exploding aliases"],
)
def test_file_that_is_wrong_is_one_message_with_its_place(
    desk: Desk, was: str, becomes: str, problem: str
) -> None:
    bad = desk.copy("bad")
    edit(bad / "task.yaml", was, becomes)
    found = desk.check(*READING)
    assert found["sound"]["state"] == "passed"
    told = [one for one in findings(found["bad"]) if "missing" not in one]
    assert len(told) == 1
    assert re.match(re.escape(f"tasks/bad/task.yaml:{problem}"), told[0])


def test_one_broken_task_among_ten_thousand_is_told_and_the_others_pass(desk: Desk) -> None:
    for number in range(9_998):
        link(desk.root / "tasks/sound", desk.root / f"tasks/t{number}", task_id=f"t{number}")
    edit(desk.copy("bad") / "task.yaml", "minutes: 5\n", "minutes: much\n")
    said = desk.run("tasks", "check", "--all", *READING)
    assert said.status == 2
    assert said.out == "10000 tasks checked, 1 to mend: bad\n"
    told = [line for line in said.err.splitlines() if "expected" in line]
    assert len(told) == 1
    assert told[0].strip().startswith('tasks/bad/task.yaml:6:1: minutes: expected a number, got "much"; ')


def link(source: Path, target: Path, *, task_id: str) -> None:
    """A task like another one that shares its bytes on the disk."""
    for path in sorted(source.rglob("*")):
        there = target / path.relative_to(source)
        there.parent.mkdir(parents=True, exist_ok=True)
        if path.name == "task.yaml":
            there.write_text(path.read_text().replace("id: sound\n", f"id: {task_id}\n"))
        elif path.is_file():
            os.link(path, there)


# What only shows when it is run


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, forker: Forker) -> Iterator[Desk]:
    """A catalog with the example of a program, locked, and a container engine."""
    root = tmp_path_factory.mktemp("desk")
    for name in ("tasks", "rubrics"):
        (root / name).mkdir()
    shutil.copytree(ROOT / "sandboxes", root / "sandboxes")
    made = Desk(root=root, forker=forker)
    for asked in (
        ("new", "sound", "--kind", "program", "--title", "T", "--level", "beginner"),
        ("lock", "sound"),
    ):
        said = made.run("tasks", *asked)
        assert said.status == 0, said
    yield made
    assert boxes.left(f"{root / 'home'}#hand") == []


@pytest.fixture
def bad(engine: Desk) -> Iterator[Path]:
    """A copy of the sound task, to be spoiled."""
    made = engine.copy("bad")
    yield made
    shutil.rmtree(made)


def hidden(folder: Path) -> Path:
    """A hidden test file."""
    return next(path for path in sorted(folder.glob("tests/test_*.py")) if "visible" not in path.name)


@pytest.mark.docker
@pytest.mark.slow
def test_test_file_that_cannot_be_collected_is_told_with_its_line(engine: Desk, bad: Path) -> None:
    lines = hidden(bad).read_text().splitlines()
    hidden(bad).write_text("\n".join([*lines, "import nothing_of_this_name", ""]))
    found = engine.check(*RUNNING)
    assert found["sound"]["state"] == "passed"
    assert findings(found["bad"]) == [
        f"tasks/bad/tests/{hidden(bad).name}:{len(lines) + 1}: expected a file that can be collected, got: "
        "ModuleNotFoundError: No module named 'nothing_of_this_name'"
    ]
    said = engine.run("tasks", "lock", "bad")
    assert said.status == 2
    assert (
        f"tasks/bad/tests/{hidden(bad).name}:{len(lines) + 1}: expected tests that can be collected"
        in said.err
    )


@pytest.mark.docker
@pytest.mark.slow
def test_dockerfile_that_does_not_build_is_told_with_its_line(engine: Desk, bad: Path) -> None:
    broken = engine.root / "sandboxes/broken"
    shutil.copytree(engine.root / "sandboxes/python", broken)
    edit(broken / "sandbox.yaml", "name: python\n", "name: broken\n")
    lines = (broken / "Dockerfile").read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("FROM ${BASE}")) + 1
    (broken / "Dockerfile").write_text("\n".join([*lines[:at], "RUN exit 7", *lines[at:], ""]))
    edit(bad / "task.yaml", "sandbox: python", "sandbox: broken")
    try:
        found = engine.check(*RUNNING)
    finally:
        shutil.rmtree(broken)
    assert found["sound"]["state"] == "passed"
    (told,) = findings(found["bad"])
    assert told.startswith(f"sandboxes/broken/Dockerfile:{at + 1}: ")
    assert "returned a non-zero code: 7" in told


@pytest.mark.docker
@pytest.mark.slow
def test_reference_that_prints_a_gigabyte_is_told_with_the_limit(engine: Desk, bad: Path) -> None:
    work = bad / "solutions/loop/main.py"
    work.write_text("import os\nfor _ in range(1000): os.write(1, b'x' * 10**6)\n" + work.read_text())
    found = engine.check(*RUNNING)
    assert found["sound"]["state"] == "passed"
    (told,) = findings(found["bad"])
    assert told.startswith("tasks/bad/solutions/loop: expected full marks, got failed: test_edges.py::")
    assert "; the first by output: " in told


@pytest.mark.docker
@pytest.mark.slow
def test_test_that_prints_a_gigabyte_is_told(engine: Desk, bad: Path) -> None:
    hidden(bad).write_text(
        hidden(bad).read_text()
        + "\n\ndef test_loud():\n    for _ in range(1000):\n        print('x' * 10**6)\n"
    )
    found = engine.check(*RUNNING)
    assert found["sound"]["state"] == "passed"
    assert findings(found["bad"]) == [
        "tasks/bad/solutions/list: expected a run that comes to its end within the task's limits, got the "
        "end grader-memory"
    ]
