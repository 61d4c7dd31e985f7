"""A practice exercise of Exercism's Python track, as a task.

Comes in: the exercise's folder. Goes out: an `Imported`: the brief from its documents, its stub as starter,
its test files unchanged and all visible, its example as reference, empty files as
known-bad work.

    <exercise>/.meta/config.json    which file is what
               .meta/example.py     the reference
               .docs/               introduction.md instructions.md instructions.append.md hints.md
               <name>.py            the stub
               <name>_test.py       the tests; helpers may lie beside them

Source: https://exercism.org/docs/building/tracks/practice-exercises
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated

import pydantic
from pydantic import Field

from assessor import authored
from assessor.authoring import imported
from assessor.authoring.imported import Imported
from assessor.errors import FileInvalid

SANDBOX = "python"
PREFIX = "exercism"

#: The documents that make the brief, in Exercism's order; each begins with a heading of its own.
_DOCUMENTS = ("introduction.md", "instructions.md", "instructions.append.md", "hints.md")
#: What the track's generator and website read and no learner needs.
_OF_THE_TRACK = re.compile(r"\.meta/|\.approaches/|\.articles/|\.gitignore$")
_MAPPED = (".meta/config.json",)
#: Minutes by level: a guess, since an exercise does not say.
_MINUTES = {"beginner": 30, "intermediate": 60, "advanced": 120}

#: How the blurb of an exercise begins whose stub works already: it is to be made better, which no test sees.
_REFACTORING = re.compile(r"refactor\b", re.IGNORECASE)
_REVIEW = (
    "1 mark each: names say what they mean; one function has one job; nothing is said twice; it is shorter or"
)
_REVIEW += " plainer than the code that it began with."
#: Percent from which such an exercise is passed: all tests and half of the marks.
_REFACTORED = 75

#: Makes every test visible, and leaves out those that the exercise itself skips.
_CONFTEST = '''"""The exercise shows all its tests to learners; what it skips itself counts for nothing."""


def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker("visible")
    items[:] = [item for item in items if not _skipped(item)]


def _skipped(item):
    return any(getattr(one, "__unittest_skip__", False) for one in (item.obj, getattr(item, "cls", None)))
'''

#: Unknown keys are named in the notes instead.
_LENIENT = pydantic.ConfigDict(strict=True, extra="ignore", frozen=True)
_Paths = Annotated[tuple[authored.Text, ...], Field(max_length=100)]


class FilesModel(authored.Strict):
    """Which file is what."""

    model_config = _LENIENT

    solution: Annotated[tuple[authored.Text, ...], Field(min_length=1, max_length=100)]
    test: Annotated[tuple[authored.Text, ...], Field(min_length=1, max_length=100)]
    example: Annotated[tuple[authored.Text, ...], Field(min_length=1, max_length=100)]
    editor: _Paths = ()
    invalidator: _Paths = ()


class ConfigModel(authored.Strict):
    """What is read of .meta/config.json; other keys are named in the notes."""

    model_config = _LENIENT

    blurb: authored.Text
    files: FilesModel
    authors: _Paths = ()
    contributors: _Paths = ()
    source: authored.Text | None = None
    source_url: authored.Text | None = None
    test_runner: authored.Truth = True


def exercises(folder: Path) -> tuple[Path, ...]:
    """The practice exercises here: this very folder, or those of a track's working copy, sorted.

    Raises:
        FileInvalid: it is neither.
    """
    if (folder / ".meta" / "config.json").is_file():
        return (folder,)
    found = sorted(path.parents[1] for path in folder.glob("exercises/practice/*/.meta/config.json"))
    if not found:
        raise FileInvalid(
            folder, "expected an exercise (.meta/config.json) or a track (exercises/practice/), got neither"
        )
    return tuple(found)


def read(folder: Path, *, prefix: str = PREFIX) -> Imported:
    """The task that an exercise becomes.

    Args:
        folder: the exercise.
        prefix: first words of the id; may be empty.

    Raises:
        FileInvalid: a file is missing or wrong.
    """
    slug = folder.resolve().name
    task_id = imported.identifier(prefix, slug)
    document = authored.read(_bytes(folder, ".meta/config.json"), f"{folder}/.meta/config.json")
    model = document.parse(ConfigModel)
    files = model.files
    if any(not path.endswith(".py") for path in files.solution):
        raise document.invalid(
            ("files", "solution"), f"expected Python files, got {', '.join(files.solution)}"
        )
    if len(files.example) != len(files.solution):
        raise document.invalid(
            ("files", "example"),
            f"expected one for each of the {len(files.solution)} files of the solution, "
            f"got {len(files.example)}",
        )
    notes = _unread_keys(document)
    track = _track(folder)
    name, level = _listed(track, slug)
    title = name or slug.replace("-", " ").title()
    stub = {path: _bytes(folder, path) for path in (*files.solution, *files.editor)}
    tests = {path: _bytes(folder, path) for path in (*files.test, *files.editor)}
    tests |= _beside(folder, {*stub, *tests}, notes)
    if "conftest.py" in tests:
        raise FileInvalid(f"{folder}/conftest.py", "expected an exercise without one, got one")
    notes += [
        f"{path}: {test} is skipped by the exercise itself and does not count"
        for path, data in sorted(tests.items())
        for test in _skipped(data)
    ]
    notes += [f"files.invalidator: {path} is not kept apart" for path in files.invalidator]
    notes += _left_out(folder, {*stub, *tests, *files.example})
    review = _REVIEW if _REFACTORING.match(model.blurb) else ""
    if review:
        notes.append(
            f"a refactoring exercise: its stub may earn {imported.TESTED} % (starter.at_most), a reviewer "
            "gives the rest; read the rubric"
        )
    reference = stub | {
        target: _bytes(folder, source) for target, source in zip(files.solution, files.example, strict=True)
    }
    made = {
        "task.yaml": _task(task_id, title, model, level),
        "README.md": _brief(folder, title, model, track, notes),
        **{f"starter/{path}": data for path, data in stub.items()},
        "tests/conftest.py": _CONFTEST.encode(),
        **{f"tests/{path}": data for path, data in tests.items()},
        **{f"solutions/example/{path}": data for path, data in reference.items()},
        **{f"faulty/nothing/{path}": b"" for path in files.solution},
        "faulty/nothing/expect.yaml": imported.expectation("empty files"),
    }
    licence = _licence(folder, track)
    if licence is None:
        notes.append("no LICENSE lies beside the exercise or its track: find out by which it may be used")
    else:
        made["LICENSE"] = licence
    return Imported(
        task_id=task_id,
        files=made,
        rubric=imported.rubric(
            task_id,
            title,
            description="All tests of the exercise pass.",
            pass_from=_REFACTORED if review else 100,
            review=review,
        ),
        notes=tuple(notes),
    )


def _task(task_id: str, title: str, model: ConfigModel, level: str) -> bytes:
    modules = sorted({path.split("/")[0].removesuffix(".py") for path in model.files.solution})
    return imported.document(
        {
            "id": task_id,
            "version": "1.0",
            "title": imported.one_line(title),
            "summary": imported.one_line(model.blurb),
            "level": level,
            "minutes": _MINUTES[level],
            "sandbox": SANDBOX,
            "limits": {"wall_s": 120, "call_s": 20},
            "submission": {"required": list(model.files.solution), "allow": ["*.py"]},
            "tests": {"modules": modules},
            "rubric": task_id,
            "policy": {
                "tries": 100,
                "cooldown_s": 0,
                "class": "practice",
                "feedback": {"visible": "full", "hidden": "counts"},
            },
            **({"starter": {"at_most": imported.TESTED}} if _REFACTORING.match(model.blurb) else {}),
        }
    )


def _brief(folder: Path, title: str, model: ConfigModel, track: Path | None, notes: list[str]) -> bytes:
    parts = [f"# {title}"]
    for name in _DOCUMENTS:
        path = folder / ".docs" / name
        if path.is_file():
            text = authored.text(path.read_bytes(), f"{folder}/.docs/{name}").strip()
            parts.append(_lowered(text))
            notes += [
                f".docs/{name}: the picture {target} did not come along"
                for target in re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", text)
                if not target.startswith(("http://", "https://"))
            ]
    if len(parts) == 1:
        raise FileInvalid(
            f"{folder}/.docs/instructions.md", "expected what the exercise asks for, got nothing"
        )
    asked = ", ".join(f"`{path}`" for path in model.files.solution)
    judged = f"Hand in {asked}. All tests can be seen, and all must pass."
    if _REFACTORING.match(model.blurb):
        judged += f" They give {imported.TESTED} % of the whole; a reviewer gives the rest:"
        judged += f"\n\n{_REVIEW}"
    parts.append(f"## How it is judged\n\n{judged}")
    parts.append("## Where it comes from\n\n" + "\n".join(_origin(model)))
    return ("\n\n".join(parts) + "\n").encode()


def _origin(model: ConfigModel) -> list[str]:
    lines = ["An exercise of [Exercism](https://exercism.org)'s Python track."]
    if model.authors:
        lines.append(f"Authors: {', '.join(model.authors)}.")
    if model.contributors:
        lines.append(f"Contributors: {', '.join(model.contributors)}.")
    if model.source:
        lines.append(f"After: {model.source}{f' (<{model.source_url}>)' if model.source_url else ''}.")
    return lines


def _lowered(text: str) -> str:
    """The text with each heading one level lower, under the task's title; code is left alone."""
    fence, made = "", []
    for line in text.splitlines():
        mark = re.match(r"\s*(```+|~~~+)", line)
        if mark and (not fence or line.strip().startswith(fence)):
            fence = "" if fence else mark[1]
        elif not fence and re.match(r"#{1,5} ", line):
            line = "#" + line
        made.append(line)
    return "\n".join(made)


def _unread_keys(document: authored.Document) -> list[str]:
    known = {"": ConfigModel.model_fields, "files.": FilesModel.model_fields}
    found = []
    for prefix, fields in known.items():
        value = document.value.get("files") if prefix else document.value
        found += [
            f".meta/config.json: the key {prefix}{key} means nothing here"
            for key in value
            if key not in fields
        ]
    if document.value.get("test_runner") == "false":
        found.append(".meta/config.json: test_runner is false: Exercism itself does not run these tests")
    return found


def _beside(folder: Path, known: set[str], notes: list[str]) -> dict[str, bytes]:
    """Python files that the configuration does not name: helpers that the tests import."""
    found = {}
    for path in sorted(folder.glob("*.py")):
        if path.name not in known:
            found[path.name] = path.read_bytes()
            notes.append(f"{path.name}: not in files of .meta/config.json; taken for a helper of the tests")
    return found


def _left_out(folder: Path, taken: set[str]) -> list[str]:
    """What lies in the exercise and did not come along; what only the track itself reads, in one line."""
    quiet, loud = set(), []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or name in taken or name in _MAPPED or "__pycache__" in path.parts:
            continue
        if PurePosixPath(name).parent.name == ".docs" and path.name in _DOCUMENTS:
            continue
        if _OF_THE_TRACK.match(name):
            quiet.add(name if name.startswith(".meta/") else name.split("/")[0])
        else:
            loud.append(f"{name}: left out")
    return loud + ([f"left out, for the track alone: {', '.join(sorted(quiet))}"] if quiet else [])


def _skipped(source: bytes) -> list[str]:
    """Names of tests that are decorated to be skipped in any case."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and any(
            isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and one.func.attr == "skip"
            for one in node.decorator_list
        )
    ]


def _track(folder: Path) -> Path | None:
    """The working copy that an exercise lies in, or None."""
    parents = folder.resolve().parents
    return parents[2] if len(parents) > 2 and (parents[2] / "exercises" / "practice").is_dir() else None


def _listed(track: Path | None, slug: str) -> tuple[str | None, str]:
    """Name and level of an exercise as its track lists it. Difficulty goes from 1 to 10."""
    try:
        listed: Mapping[str, list[dict[str, object]]] = json.loads(
            (track or Path()).joinpath("config.json").read_text()
        )["exercises"]
        found = next(one for one in listed["practice"] if one["slug"] == slug)
        name, difficulty = str(found["name"]), int(str(found["difficulty"]))
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        return None, "beginner"
    level = "beginner" if difficulty <= 3 else "intermediate" if difficulty <= 6 else "advanced"
    return name, level


def _licence(folder: Path, track: Path | None) -> bytes | None:
    for place in (folder, track):
        if place is not None and (place / "LICENSE").is_file():
            return (place / "LICENSE").read_bytes()
    return None


def _bytes(folder: Path, path: str) -> bytes:
    return imported.source(folder, path, named_in=".meta/config.json")
