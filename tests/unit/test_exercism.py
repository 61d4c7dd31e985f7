"""Exercises of Exercism as tasks: what comes along, what is named, what is refused and in which words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assessor import catalog
from assessor.authoring import exercism, imported
from assessor.errors import FileInvalid
from tests.unit.test_authoring import CEILING, write

TESTS = """import unittest
from two_fer import two_fer

class TwoFerTest(unittest.TestCase):
    def test_no_name(self):
        self.assertEqual(two_fer(), "One for you, one for me.")

    @unittest.skip("extra-credit")
    def test_long(self):
        pass
"""
CONFIG: dict[str, Any] = {
    "authors": ["ada"],
    "files": {"solution": ["two_fer.py"], "test": ["two_fer_test.py"], "example": [".meta/example.py"]},
    "blurb": "Share.",
    "source_url": "https://example.org",
}


@pytest.fixture
def track(tmp_path: Path) -> Path:
    """A track of one exercise."""
    root = tmp_path / "track"
    for path, text in {
        "LICENSE": "MIT\n",
        "config.json": json.dumps(
            {"exercises": {"practice": [{"slug": "two-fer", "name": "Two-Fer", "difficulty": 4}]}}
        ),
        "exercises/practice/two-fer/.meta/config.json": json.dumps(CONFIG),
        "exercises/practice/two-fer/.meta/example.py": "def two_fer(): ...\n",
        "exercises/practice/two-fer/.meta/tests.toml": "",
        "exercises/practice/two-fer/.docs/instructions.md": "# Instructions\n\n```\n# no heading\n```\n",
        "exercises/practice/two-fer/two_fer.py": "def two_fer():\n    pass\n",
        "exercises/practice/two-fer/two_fer_test.py": TESTS,
    }.items():
        write(root, path, text)
    return root


@pytest.fixture
def exercise(track: Path) -> Path:
    return track / "exercises" / "practice" / "two-fer"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A catalog without tasks."""
    root = tmp_path / "catalog"
    write(
        root,
        "sandboxes/python/sandbox.yaml",
        "name: python\nsummary: s\nlanguages: [python]\ngrader: grader\n"
        + CEILING.replace("wall_s: 60", "wall_s: 120"),
    )
    write(root, "sandboxes/grader/sandbox.yaml", f"name: grader\nsummary: s\nrole: grader\n{CEILING}")
    (root / "tasks").mkdir()
    (root / "rubrics").mkdir()
    return root


def configured(exercise: Path, **changes: Any) -> None:
    (exercise / ".meta" / "config.json").write_text(json.dumps(CONFIG | changes))


def test_exercise_becomes_a_task_of_the_catalog(exercise: Path, root: Path) -> None:
    imported.write(exercism.read(exercise), root)
    task = catalog.load(root).task("exercism-two-fer")
    assert (task.title, task.level, task.tests.modules) == ("Two-Fer", "intermediate", ("two_fer",))
    assert task.test_files["two_fer_test.py"] == TESTS.encode()
    assert task.starter["two_fer.py"] == (exercise / "two_fer.py").read_bytes()
    assert (task.solutions, task.faulty) == (("example",), ("nothing",))
    assert task.files["LICENSE"] == b"MIT\n"


def test_refactoring_exercise_has_a_starter_that_may_work_and_a_reviewer(exercise: Path, root: Path) -> None:
    configured(exercise, blurb="Refactor a greeter.")
    made = exercism.read(exercise)
    imported.write(made, root)
    tasks = catalog.load(root)
    task, rubric = tasks.task("exercism-two-fer"), tasks.rubric("exercism-two-fer")
    assert task.starter_at_most == 50
    assert [(one.id, one.scored_by, one.weight, one.gate) for one in rubric.criteria] == [
        ("correct", "tests", 50, 100),
        ("clear", "review", 50, None),
    ]
    assert any(note.startswith("a refactoring exercise: its stub may earn 50 %") for note in made.notes)
    assert "They give 50 % of the whole; a reviewer gives the rest" in task.brief


def test_headings_of_the_brief_go_under_its_title_and_code_stays(exercise: Path) -> None:
    brief = exercism.read(exercise).files["README.md"].decode()
    assert brief.startswith("# Two-Fer\n\n## Instructions\n\n```\n# no heading\n```\n")


def test_what_is_left_out_is_named(exercise: Path) -> None:
    (exercise / "notes.txt").write_text("?")
    (exercise / "helper.py").write_text("x = 1\n")
    configured(exercise, custom={"a": 1})
    made = exercism.read(exercise)
    assert made.notes == (
        ".meta/config.json: the key custom means nothing here",
        "helper.py: not in files of .meta/config.json; taken for a helper of the tests",
        "two_fer_test.py: test_long is skipped by the exercise itself and does not count",
        "notes.txt: left out",
        "left out, for the track alone: .meta/tests.toml",
    )
    assert made.files["tests/helper.py"] == b"x = 1\n"


def test_missing_licence_is_named(exercise: Path, track: Path) -> None:
    (track / "LICENSE").unlink()
    assert any("no LICENSE lies beside the exercise" in note for note in exercism.read(exercise).notes)


def test_track_gives_its_exercises(track: Path, exercise: Path) -> None:
    assert exercism.exercises(track) == (exercise,)


def test_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileInvalid, match=r"expected an exercise \(\.meta/config\.json\) or a track"):
        exercism.exercises(tmp_path)


def test_file_that_is_not_there_is_named(exercise: Path) -> None:
    (exercise / ".meta" / "example.py").unlink()
    with pytest.raises(FileInvalid, match=r"\.meta/example\.py: expected a file, got: No such file"):
        exercism.read(exercise)


def test_wrong_configuration_is_named_with_line_and_column(exercise: Path) -> None:
    (exercise / ".meta" / "config.json").write_text('{"blurb": "b",\n "files": {"solution": "x"}}')
    with pytest.raises(FileInvalid, match=r"config\.json:2:12: files\.solution: expected a list"):
        exercism.read(exercise)


def test_path_out_of_the_exercise_is_refused(exercise: Path) -> None:
    configured(exercise, files=CONFIG["files"] | {"test": ["../../../LICENSE"]})
    with pytest.raises(FileInvalid, match="expected paths inside the folder"):
        exercism.read(exercise)


def test_second_import_is_refused_and_changes_nothing(exercise: Path, root: Path) -> None:
    folder = imported.write(exercism.read(exercise), root)
    before = (folder / "task.yaml").read_bytes()
    with pytest.raises(FileInvalid, match="tasks/exercism-two-fer: expected nothing there before the import"):
        imported.write(exercism.read(exercise), root)
    assert (folder / "task.yaml").read_bytes() == before


def test_prefix_makes_the_id(exercise: Path) -> None:
    assert exercism.read(exercise, prefix="py").task_id == "py-two-fer"
    assert exercism.read(exercise, prefix="").task_id == "two-fer"
