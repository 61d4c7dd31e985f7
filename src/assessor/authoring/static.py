"""What can be seen of a task without running it, beyond what reading it refuses.

Comes in: a task that was read, so that its files parse, its references resolve and its limits are within the
profile's ceiling. Goes out: findings with lines: tests that are no Python, names that tests use and learners
are not told of, hidden tests in the starter, a program that the brief does not name, static checks that look
at a part of what may be handed in.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from assessor import catalog
from assessor.authoring import leaks
from assessor.authoring.finding import Finding, Found
from assessor.rubric import Rubric
from assessor.rules import SubmissionRules
from assessor.task import Task, is_test_file

#: Names of files that no task asks for.
_OTHERS = ("another_file.py", "another_folder/another_file.py")


def gate(tasks: catalog.Catalog, task_id: str) -> Found:
    """Read a task and look at its files.

    Raises:
        NotFound: there is no such task.
        FileInvalid: a file of it is wrong.
        ManifestStale: the lock is missing or does not fit.
    """
    task = tasks.task(task_id)
    catalog.freeze(tasks, task_id)
    trees, broken = _parsed(task)
    found = [*broken, *_work(task), *_told(task, trees), *_command(task), *_starter(task, trees)]
    found += _unseen(task, tasks.rubric(task.rubric_id))
    told = f"{len(task.files)} files, {len(task.solutions)} references, {len(task.faulty)} known-bad"
    return Found(findings=tuple(found), told=told)


def names(task: Task, trees: Mapping[str, ast.Module]) -> dict[str, tuple[str, int]]:
    """The names of the submission that tests use, each with the file and line of its first use.

    Args:
        task: says which modules are the submission's.
        trees: the task's Python below tests/, by path.
    """
    found: dict[str, tuple[str, int]] = {}
    for path, tree in trees.items():
        modules = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                modules |= {one.asname or one.name for one in node.names if one.name in task.tests.modules}
            elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in task.tests.modules:
                for one in node.names:
                    if one.name != "*":
                        found.setdefault(one.name, (path, node.lineno))
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id in modules
            ):
                found.setdefault(node.attr, (path, node.lineno))
    return found


def parsed(task: Task) -> dict[str, ast.Module]:
    """The task's Python below tests/, by path; what does not parse is left out."""
    return _parsed(task)[0]


def _parsed(task: Task) -> tuple[dict[str, ast.Module], list[Finding]]:
    trees, broken = {}, []
    for path, source in task.test_files.items():
        if not path.endswith(".py"):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # an author's odd escape sequence is not our news
                trees[path] = ast.parse(source)
        except SyntaxError as error:
            broken.append(
                Finding(
                    path=f"tasks/{task.id}/tests/{path}",
                    line=error.lineno,
                    column=error.offset,
                    problem=f"expected Python, got: {error.msg}",
                    mend="mend the test file: nothing in it can be collected",
                )
            )
        except (ValueError, RecursionError, MemoryError) as error:
            said = error if isinstance(error, ValueError) else "expressions that are nested too deeply"
            broken.append(
                Finding(
                    path=f"tasks/{task.id}/tests/{path}",
                    problem=f"expected Python, got: {said}",
                    mend="mend the test file: nothing in it can be collected",
                )
            )
    return trees, broken


def _work(task: Task) -> Iterator[Finding]:
    for kind, there in (("solutions", task.solutions), ("faulty", task.faulty)):
        if not there:
            yield Finding(
                path=f"tasks/{task.id}/{kind}",
                problem="expected at least one folder of work, got none",
                mend="write one: without it nothing shows that the tests are right",
            )


def _told(task: Task, trees: Mapping[str, ast.Module]) -> Iterator[Finding]:
    """Names that tests use must stand in what learners read."""
    source = "\n".join(data.decode("utf-8", "replace") for data in task.starter.values())
    for module in task.tests.modules:
        if not _says(task.brief, module):
            yield Finding(
                path=f"tasks/{task.id}/README.md",
                problem=f'expected the brief to name "{module}", which the tests import, got no word of it',
                mend="say which file or package is asked for",
            )
    for name, (path, line) in names(task, trees).items():
        if not name.startswith("__") and not _says(task.brief, name) and not _says(source, name):
            yield Finding(
                path=f"tasks/{task.id}/tests/{path}",
                line=line,
                problem=f'expected names that the brief or the starter says, got "{name}"',
                mend="ask for it in README.md: a learner cannot guess what a test calls",
            )


def _command(task: Task) -> Iterator[Finding]:
    service = task.tests.service
    for command in (task.tests.command, service.command if service else ()):
        files = [word for word in command if PurePosixPath(word).suffix]
        if files and not any(_says(task.brief, word) for word in files):
            yield Finding(
                path=f"tasks/{task.id}/README.md",
                problem=f"expected the brief to name {files[0]}, which the tests start, got no word of it",
                mend=f"say that the work is started by `{' '.join(command)}`",
            )


def _starter(task: Task, trees: Mapping[str, ast.Module]) -> Iterator[Finding]:
    """No hidden test stands in a file of the starter, whatever the file is called."""
    hidden = {}
    for path, tree in trees.items():
        if is_test_file(path) and not leaks.is_shown(tree):
            for node in leaks.tests(tree.body):
                if not leaks.is_visible(node):
                    hidden[ast.dump(node)] = path
    for path, source in task.starter.items():
        if not path.endswith(".py"):
            continue
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue  # a starter may be a puzzle
        for one in ast.walk(tree):
            if isinstance(one, ast.FunctionDef) and ast.dump(one) in hidden:
                yield Finding(
                    path=f"tasks/{task.id}/starter/{path}",
                    line=one.lineno,
                    problem=f"expected nothing of the hidden tests, got {one.name} of "
                    f"tests/{hidden[ast.dump(one)]}",
                    mend="take it out, or mark it visible",
                )


def _unseen(task: Task, rubric: Rubric) -> Iterator[Finding]:
    """Static checks that a learner escapes by a file of another name: what is forbidden moves there."""
    rules = task.submission
    if rules.max_files <= len(rules.required):
        return
    for criterion in rubric.criteria:
        for check in criterion.checks:
            takes = SubmissionRules(required=(), allow=check.files)
            free = [path for path in _OTHERS if rules.patterns(path) and not takes.patterns(path)]
            if free and check.kind != "require":
                yield Finding(
                    path=f"rubrics/{rubric.id}.yaml",
                    problem=f"expected the static check {criterion.id}/{check.id} to look at all Python that "
                    f"may be handed in, got {', '.join(check.files)} alone, beside such as {free[0]}",
                    mend="widen its `files`, or narrow submission.allow in task.yaml",
                    serious=False,
                )


def _says(text: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None
