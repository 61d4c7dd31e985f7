"""A program of QuixBugs, as a task: find the one line that is wrong.

Comes in: a program in a working copy of QuixBugs. Goes out: an `Imported`: the program with its mistake as
starter, the right one as reference, the tests and their cases unchanged and all visible. What the tests build
lists and graphs of lies with the program and is handed in as it is: programs change it in place.

    <copy>/python_programs/<name>.py            with a mistake in one line; its text says what it must do
           correct_python_programs/<name>.py    without
           python_testcases/test_<name>.py      the tests; load_testdata.py and node.py beside them
           json_testcases/<name>.json           their cases, where they are kept apart

Source: https://github.com/jkoppel/QuixBugs
"""

from __future__ import annotations

import ast
import pprint
from pathlib import Path
from typing import Any

from assessor import authored
from assessor.authoring import imported
from assessor.authoring.imported import Imported
from assessor.errors import FileInvalid

SANDBOX = "python"
PREFIX = "quixbugs"

_PROGRAMS, _RIGHT, _TESTS, _CASES = (
    "python_programs",
    "correct_python_programs",
    "python_testcases",
    "json_testcases",
)
_LOADER, _NODE = "load_testdata", "node"
#: Seconds of one call. Half of the mistakes are loops without an end, and each test of such a program takes
#: them all; what is right takes a few hundredths. But where tests skip a case for its time, others are slow.
_CALL_S, _SLOW_CALL_S = 4, 20
_WALL_S = 60
_CONFTEST = '''"""Stands for the collection's own conftest.py: the tests import the program handed in.

What takes minutes even if it is right is left out. All tests are visible.
"""

import pytest

pytest.use_correct = False
pytest.run_slow = False

#: Cases that the tests skip; what is skipped would count as failed.
SLOW = {slow}


def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker("visible")
    items[:] = [item for item in items if not _slow(item)]


def _slow(item):
    call = getattr(item, "callspec", None)
    return call is not None and call.params.get("input_data") in SLOW
'''


def programs(folder: Path) -> tuple[Path, ...]:
    """The programs of a working copy that have tests, sorted; each is a file of python_programs/.

    Raises:
        FileInvalid: it is none.
    """
    tested = {path.stem.removeprefix("test_") for path in (folder / _TESTS).glob("test_*.py")}
    found = sorted(path for path in (folder / _PROGRAMS).glob("*.py") if path.stem in tested)
    if not found:
        raise FileInvalid(
            folder, f"expected a working copy of QuixBugs ({_PROGRAMS}/, {_TESTS}/), got none of its programs"
        )
    return tuple(found)


def read(program: Path, *, prefix: str = PREFIX) -> Imported:
    """The task that a program becomes.

    Args:
        program: one of `programs`.
        prefix: first words of the id; may be empty.

    Raises:
        FileInvalid: a file is missing or wrong.
    """
    folder, name = program.parents[1], program.stem
    path, test = f"{_PROGRAMS}/{name}.py", f"{_TESTS}/test_{name}.py"
    task_id = imported.identifier(prefix, name)
    wrong, right, tests = (
        imported.source(folder, one, named_in=_PROGRAMS) for one in (path, f"{_RIGHT}/{name}.py", test)
    )
    tree = _parsed(tests, f"{folder}/{test}")
    slow = _skipped(tree, f"{folder}/{test}")
    needed = _imports(tree)
    beside = [f"{_TESTS}/{_LOADER}.py", f"{_CASES}/{name}.json"] if _LOADER in needed else []
    node = f"{_NODE}.py"
    as_it_is = {}
    if _NODE in needed:
        as_it_is = {node: imported.source(folder, f"{_TESTS}/{node}", named_in=test)}
    asked = _asked(_parsed(wrong, f"{folder}/{path}"))
    if not asked:
        raise FileInvalid(f"{folder}/{path}", "expected a text that says what it must do, got none")
    title = _title(asked, name)
    notes = (
        [f"{test}: {len(slow)} case is skipped by the tests themselves and does not count"] if slow else []
    )
    if (folder / f"{_PROGRAMS}/{name}_test.py").exists():
        notes.append(f"{_PROGRAMS}/{name}_test.py: left out, it prints and tests nothing")
    made = {
        "task.yaml": _task(task_id, title, [path, *as_it_is], call_s=_SLOW_CALL_S if slow else _CALL_S),
        "README.md": _brief(title, path, asked, [*as_it_is]).encode(),
        "tests/conftest.py": _CONFTEST.replace("{slow}", pprint.pformat(slow, width=100)).encode(),
        f"tests/{test}": tests,
        **{f"tests/{one}": imported.source(folder, one, named_in=test) for one in beside},
        **{
            f"{where}/{one}": data
            for where, program_ in (("starter", wrong), ("solutions/fixed", right), ("faulty/nothing", b""))
            for one, data in {path: program_, **as_it_is}.items()
        },
        "faulty/nothing/expect.yaml": imported.expectation("an empty file"),
    }
    if (folder / "LICENSE").is_file():
        made["LICENSE"] = imported.source(folder, "LICENSE", named_in="LICENSE")
    else:
        notes.append("no LICENSE lies in the collection: find out by which it may be used")
    return Imported(
        task_id=task_id,
        files=made,
        rubric=imported.rubric(task_id, title, description="All tests of the program pass.", pass_from=100),
        notes=tuple(notes),
    )


def _task(task_id: str, title: str, required: list[str], *, call_s: int) -> bytes:
    return imported.document(
        {
            "id": task_id,
            "version": "1.0",
            "title": title,
            "summary": "Find the one line that is wrong, and mend it.",
            "level": "intermediate",
            "minutes": 30,
            "sandbox": SANDBOX,
            "limits": {"wall_s": _WALL_S, "call_s": call_s},
            "submission": {"required": required, "allow": ["*.py"]},
            "tests": {"modules": [path.split("/")[0].removesuffix(".py") for path in required]},
            "rubric": task_id,
            "policy": {
                "tries": 100,
                "cooldown_s": 0,
                "class": "practice",
                "feedback": {"visible": "full", "hidden": "counts"},
            },
        }
    )


def _brief(title: str, path: str, asked: str, as_it_is: list[str]) -> str:
    fence = "`" * 3
    more = "".join(f", and `{one}` as it is: what the tests build their input of" for one in as_it_is)
    return (
        f"# {title}\n\n`{path}` does not do what it says: one line of it is wrong. Find it and mend it.\n\n"
        f"## What it must do\n\n{fence}text\n{asked}\n{fence}\n\n"
        f"## How it is judged\n\nHand in `{path}`{more}. All tests can be seen, and all must pass.\n\n"
        "## Where it comes from\n\nA program of [QuixBugs](https://github.com/jkoppel/QuixBugs).\n"
    )


def _asked(tree: ast.Module) -> str:
    """The text that stands by itself in a program."""
    texts = [
        node.value.value
        for node in tree.body
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node.value.value, str)
    ]
    return "\n\n".join(text.strip() for text in texts)


def _title(asked: str, name: str) -> str:
    """The first line of the text where that is a name, else the file's own."""
    first = asked.splitlines()[0].strip()
    named = first and len(first) < 40 and not first.endswith((":", "."))
    return imported.one_line(f"{first if named else name.replace('_', ' ').title()}: find the mistake")


def _parsed(source: bytes, path: str) -> ast.Module:
    try:
        return ast.parse(authored.text(source, path))
    except (SyntaxError, ValueError) as error:
        raise FileInvalid(path, f"expected Python, got: {error}") from error
    except (RecursionError, MemoryError) as error:
        raise FileInvalid(path, "expected Python, got: expressions that are nested too deeply") from error


def _imports(tree: ast.Module) -> set[str]:
    return {
        str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level
    }


def _skipped(tree: ast.Module, path: str) -> list[Any]:
    """The inputs that a test compares with before it skips.

    Raises:
        FileInvalid: it compares with something that has to be run to be known.
    """
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.If) or not any("skip" in ast.unparse(line) for line in node.body):
            continue
        for one in ast.walk(node.test):
            if isinstance(one, ast.Compare):
                try:
                    found.append(ast.literal_eval(one.comparators[0]))
                except ValueError as error:
                    raise FileInvalid(
                        path,
                        "expected an input that is written out before a skip, "
                        f"got {ast.unparse(one.comparators[0])}",
                        line=one.lineno,
                    ) from error
    return found
