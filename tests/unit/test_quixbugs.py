"""Programs of QuixBugs as tasks: what comes along, what is named, what is refused and in which words."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from assessor import catalog
from assessor.authoring import imported, quixbugs
from assessor.cli import main
from assessor.errors import FileInvalid
from tests import quix
from tests.unit.test_authoring import CEILING, write


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A working copy of a small collection."""
    return quix.written(tmp_path / "copy")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A catalog without tasks."""
    root = tmp_path / "catalog"
    write(
        root,
        "sandboxes/python/sandbox.yaml",
        f"name: python\nsummary: s\nlanguages: [python]\ngrader: grader\n{CEILING}",
    )
    write(root, "sandboxes/grader/sandbox.yaml", f"name: grader\nsummary: s\nrole: grader\n{CEILING}")
    (root / "tasks").mkdir()
    (root / "rubrics").mkdir()
    return root


def test_program_becomes_a_task_of_the_catalog(copy: Path, root: Path) -> None:
    double, _ = quixbugs.programs(copy)
    imported.write(quixbugs.read(double), root)
    task = catalog.load(root).task("quixbugs-double")
    assert (task.title, task.tests.modules) == ("Doubling: find the mistake", ("python_programs",))
    assert task.starter["python_programs/double.py"] == double.read_bytes()
    for path in ("python_testcases/test_double.py", "json_testcases/double.json"):
        assert task.test_files[path] == (copy / path).read_bytes()
    assert (task.solutions, task.faulty) == (("fixed",), ("nothing",))
    assert "## What it must do\n\n```text\nDoubling\n\nInput:" in task.brief
    assert task.files["LICENSE"] == (copy / "LICENSE").read_bytes()


def test_what_the_tests_skip_is_left_out_and_named(copy: Path) -> None:
    double, last = quixbugs.programs(copy)
    made = quixbugs.read(double)
    assert made.notes == (
        "python_testcases/test_double.py: 1 case is skipped by the tests themselves and does not count",
    )
    assert b"call_s: 20" in made.files["task.yaml"]
    assert b"call_s: 4\n" in quixbugs.read(last).files["task.yaml"]
    assert "SLOW = [[1000000]]" in made.files["tests/conftest.py"].decode()
    assert quixbugs.read(last).notes == (
        "python_programs/last_value_test.py: left out, it prints and tests nothing",
    )


def test_nodes_of_the_tests_are_handed_in_with_the_program(copy: Path, root: Path) -> None:
    _, last = quixbugs.programs(copy)
    imported.write(quixbugs.read(last), root)
    task = catalog.load(root).task("quixbugs-last-value")
    assert task.submission.required == ("python_programs/last_value.py", "node.py")
    assert task.tests.modules == ("python_programs", "node")
    assert task.starter["node.py"] == (copy / "python_testcases/node.py").read_bytes()
    assert sorted(task.test_files) == ["conftest.py", "python_testcases/test_last_value.py"]
    assert "and `node.py` as it is" in task.brief


def test_import_that_cannot_be_written_leaves_nothing_in_the_way_of_the_next(
    copy: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    made = quixbugs.read(quixbugs.programs(copy)[0])
    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", full)
        with pytest.raises(FileInvalid, match=r"expected to write it, got: .*No space left on device"):
            imported.write(made, root)
    assert [*(root / "tasks").iterdir(), *(root / "rubrics").iterdir()] == []
    assert imported.write(made, root).is_dir()


def test_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        FileInvalid, match=r"expected a working copy of QuixBugs .*, got none of its programs$"
    ):
        quixbugs.programs(tmp_path)


def test_program_without_a_right_one_is_refused_and_holds_back_no_other(copy: Path, root: Path) -> None:
    (copy / "correct_python_programs/double.py").unlink()
    run = CliRunner().invoke(main, ["--catalog", str(root), "tasks", "import", "quixbugs", str(copy)])
    assert run.exit_code == 2
    assert "correct_python_programs/double.py: expected a file, got: No such file or directory" in run.stderr
    assert sorted(path.name for path in (root / "tasks").iterdir()) == ["quixbugs-last-value"]


def test_program_that_is_no_python_is_refused_with_its_place(copy: Path) -> None:
    double, _ = quixbugs.programs(copy)
    double.write_text("def f(:\n")
    with pytest.raises(
        FileInvalid, match=r"python_programs/double\.py: expected Python, got: invalid syntax"
    ):
        quixbugs.read(double)


def test_program_that_does_not_say_what_it_must_do_is_refused(copy: Path) -> None:
    double, _ = quixbugs.programs(copy)
    double.write_text("def double(n):\n    return n\n")
    with pytest.raises(FileInvalid, match="expected a text that says what it must do, got none"):
        quixbugs.read(double)


def test_skip_of_something_that_is_not_written_out_is_refused_with_its_place(copy: Path) -> None:
    double, _ = quixbugs.programs(copy)
    test = copy / "python_testcases/test_double.py"
    test.write_text(test.read_text().replace("[1000000]", "SLOW"))
    with pytest.raises(FileInvalid, match=r"test_double\.py:\d+: expected an input .* got SLOW$"):
        quixbugs.read(double)
