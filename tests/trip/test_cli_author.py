"""From nothing to a proven task by the command line, in real containers; judging by hand and previews."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from assessor.authoring.new import Kind
from tests import boxes
from tests.trip.shop import Forker, Said

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.docker, pytest.mark.slow]

#: Right for the example of the brief and for one word, wrong for anything else.
LEARNT_BY_HEART = 'def longest(words):\n    return "not" if len(words) == 4 else words[0]\n'


@dataclass(frozen=True, kw_only=True)
class Desk:
    """An author's folder, and the commands that are run in it."""

    root: Path
    forker: Forker

    def run(self, *arguments: object) -> Said:
        return self.forker.start("--home", self.root / "home", "--catalog", self.root, *arguments)()

    def done(self, *arguments: object) -> Said:
        said = self.run(*arguments)
        assert said.status == 0, said
        return said

    def new(self, kind: Kind) -> None:
        """A new task of this kind, named by it."""
        title = f"A task of kind {kind}"
        self.done("tasks", "new", kind, "--kind", kind, "--title", title, "--level", "beginner")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    root = tmp_path_factory.mktemp("desk")
    for name in ("tasks", "rubrics"):
        (root / name).mkdir()
    shutil.copytree(ROOT / "sandboxes", root / "sandboxes")
    forker = Forker(tmp_path_factory.mktemp("said"))
    yield Desk(root=root, forker=forker)
    forker.close()
    assert boxes.left(f"{root / 'home'}#hand") == []


@pytest.fixture(scope="module")
def function(desk: Desk) -> str:
    """A locked task."""
    desk.new(Kind.FUNCTION)
    desk.done("tasks", "lock", Kind.FUNCTION)
    return Kind.FUNCTION.value


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.FUNCTION])
def test_new_task_is_locked_and_proven_as_it_stands(desk: Desk, kind: Kind) -> None:
    desk.new(kind)
    desk.done("tasks", "lock", kind)
    desk.done("tasks", "prove", kind)


def test_new_function_is_proven_as_it_stands(desk: Desk, function: str) -> None:
    desk.done("tasks", "prove", function)


def test_proof_of_a_new_task_can_fail(desk: Desk, function: str) -> None:
    other = desk.root / "tasks" / "spoiled"
    shutil.copytree(desk.root / "tasks" / function, other)
    shutil.copy(desk.root / f"rubrics/{function}.yaml", desk.root / "rubrics/spoiled.yaml")
    for path in (other / "task.yaml", desk.root / "rubrics/spoiled.yaml"):
        path.write_text(path.read_text().replace(f"id: {function}\n", "id: spoiled\n"))
    shutil.copy(other / "solutions/loop/solution.py", other / "faulty/last-of-equals/solution.py")
    said = desk.run("tasks", "prove", "spoiled")
    shutil.rmtree(other)
    assert said.status == 2
    assert "expected to fail, got passed: test_longest.py::test_first_of_equals_wins" in said.err


def test_broken_task_is_told_and_those_after_it_are_locked_and_proven(desk: Desk, function: str) -> None:
    broken = desk.root / "tasks" / "broken"
    broken.mkdir()
    (broken / "README.md").write_text("# Broken\n")
    (broken / "task.yaml").write_text("id: broken\nid: twice\n")
    locked = desk.run("tasks", "lock", "broken", function, "--json")
    proven = desk.run("tasks", "prove", "broken", function, "--json")
    shutil.rmtree(broken)
    assert (locked.status, proven.status) == (2, 2)
    assert "tasks/broken/task.yaml:2:1" in locked.err
    assert "tasks/broken/task.yaml:2:1" in proven.err
    assert [one["manifest"] for one in locked.json] == [str(desk.root / "tasks" / function / "manifest.json")]
    told = {one["task"]: one["problems"] for one in proven.json}
    assert told[function] == []
    assert len(told["broken"]) == 1


def test_reference_is_graded_as_passed_with_a_line_for_each_test(desk: Desk, function: str) -> None:
    said = desk.run("grade", function, desk.root / "tasks" / function / "solutions/loop")
    assert said.status == 0, said
    assert "passed, 100 %" in said.out
    assert "✓ test_visible.py::test_the_example_of_the_brief (1 of 10" in said.err
    assert said.err.count("· hidden test") == 8
    assert sorted((desk.root / "home").rglob("*.db")) == []  # nothing is stored


def test_failing_work_is_told_visible_tests_in_full_and_hidden_ones_as_counts(
    desk: Desk, function: str
) -> None:
    said = desk.run("grade", function, desk.root / "tasks" / function / "starter")
    assert said.status == 1
    assert "✗ test_visible.py::test_one_word_is_the_longest (error)" in said.out
    assert "hidden tests:  0 of 8 passed" in said.out
    assert "test_edges" not in said.out + said.err


def test_everything_shows_hidden_tests_with_what_was_expected_and_what_came(
    desk: Desk, function: str, tmp_path: Path
) -> None:
    (tmp_path / "solution.py").write_text(LEARNT_BY_HEART)
    said = desk.run("grade", function, tmp_path, "--everything")
    assert said.status == 1
    assert "✗ test_longest.py::test_first_of_equals_wins (assertion)" in said.out
    assert "AssertionError: assert 'x' == 'pear'" in said.out
    assert "✗ test_longest.py::test_first_of_equals_wins, assertion" in said.err


def test_graded_zip_is_told_as_json(desk: Desk, function: str, tmp_path: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("solution.py", LEARNT_BY_HEART)
        archive.writestr("notes.doc", "?")
    (tmp_path / "work.zip").write_bytes(data.getvalue())
    said = desk.run("grade", function, tmp_path / "work.zip", "--json")
    assert said.status == 1
    told = said.json
    assert (told["task"], told["verdict"], told["end"]) == (function, "failed", "complete")
    assert [name for name, _ in told["dropped"]] == ["notes.doc"]
    assert told["feedback"]["visible"] == {"passed": 2, "total": 2}
    assert {test["name"].split("::")[0] for test in told["feedback"]["tests"]} == {"test_visible.py"}


def test_exit_status_tells_whose_fault_it_is(desk: Desk, function: str, tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("x = 1\n")
    refused = desk.run("grade", function, tmp_path)
    assert refused.status == 1
    assert "solution.py" in refused.err
    assert desk.run("grade", "no-such-task", tmp_path).status == 2
    assert desk.run("grade", function).status == 2
    desk.done("tasks", "new", "unlocked", "--kind", "sql", "--title", "T", "--level", "beginner")
    unlocked = desk.run("grade", "unlocked", desk.root / "tasks/unlocked/solutions/join")
    assert unlocked.status == 2
    assert "lock" in unlocked.err
    missing = desk.forker.start(
        *("--home", desk.root / "home", "--catalog", desk.root, "grade", function),
        desk.root / "tasks" / function / "solutions/loop",
        DOCKER_HOST="unix:///nowhere.sock",
    )()
    assert missing.status == 3


def test_preview_shows_before_failure_and_pass(desk: Desk, function: str, tmp_path: Path) -> None:
    said = desk.done("tasks", "preview", function)
    at = [said.out.index(words) for words in ("━━ Before ━━", "━━ After a failure ━━", "━━ After a pass ━━")]
    assert at == sorted(at)
    assert "Of several that are equally long" in said.out
    assert "feedback on starter" in said.out
    assert "test_edges" not in said.out
    paged = desk.done("tasks", "preview", function, "--out", tmp_path / "pages")
    assert paged.out.split() == [
        str(tmp_path / "pages" / name) for name in ("index.html", "failed.html", "passed.html")
    ]
    assert "NotImplementedError" in (tmp_path / "pages/failed.html").read_text()


def test_findings_in_sources_are_told_by_file_line_rule_and_what_to_do(desk: Desk) -> None:
    name = "refactor-billing"
    shutil.copytree(ROOT / "tasks" / name, desk.root / "tasks" / name)
    shutil.copy(ROOT / f"rubrics/{name}.yaml", desk.root / "rubrics")
    said = desk.run("grade", name, desk.root / "tasks" / name / "starter")
    assert said.status == 1
    assert "failed, 40 %" in said.out
    assert "billing.py:1: F401: `math` imported but unused. Remove unused import: `math`." in said.out
    assert "billing.py:47: duplication: Lines 47 to 65 say the same as lines 10 to 28" in said.out
    shown = desk.done("tasks", "preview", name, "--out", desk.root / "pages")
    assert shown.out.count(".html") == 3
    assert "<code>billing.py:1</code>" in (desk.root / "pages/failed.html").read_text()
    desk.done("grade", name, desk.root / "tasks" / name / "solutions/classes")
