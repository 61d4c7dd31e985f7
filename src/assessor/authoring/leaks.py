"""Whether learners are told anything of hidden tests.

Comes in: a workbench, with the runs of the starter and of known-bad work. Goes out: an error for each number
of three digits or more, and each text of four characters or more, that stands in a hidden test and came out
in the texts that a learner would be told of one of these runs. What the learner knows already is no leak: the
brief, the starter, visible tests, and the work itself.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from assessor import report, scoring, task
from assessor.authoring import trial
from assessor.authoring.finding import Finding, Found
from assessor.authoring.workbench import Workbench

_DIGITS, _LETTERS = 3, 4


@dataclass(frozen=True, kw_only=True)
class Literal:
    """A value that stands in a hidden test.

    Attributes:
        path: of the file, below tests/.
        line: 1-based.
        value: as text.
        number: whether it is one.
    """

    path: str
    line: int
    value: str
    number: bool

    def is_in(self, text: str) -> bool:
        """Whether the text shows it: a number as a number of its own, a text without blanks around it."""
        if self.number:
            return re.search(rf"(?<![\w.]){re.escape(self.value)}(?![\w]|\.\d)", text) is not None
        return self.value.strip() in text


def gate(bench: Workbench) -> Found:
    """Look for values of hidden tests in what learners would be told.

    Raises:
        FileInvalid: work could not be handed in.
        SandboxFault, ImageFault, EngineMissing: a run could not be made.
    """
    hidden, visible = literals(bench.task.test_files)
    known = "\n".join([bench.task.brief, visible, *map(_text, bench.task.starter.values())])
    hidden = [one for one in hidden if not one.is_in(known)]
    findings: dict[tuple[str, str], Finding] = {}
    for at, folder in enumerate(bench.others):
        bench.step(at, len(bench.others), folder)
        told = _told(bench, folder)
        own = "\n".join(map(_text, trial.work(bench.task, folder).values()))
        for one in hidden:
            if one.is_in(told) and not one.is_in(own):
                findings.setdefault(
                    (one.path, one.value),
                    Finding(
                        path=bench.where(f"tests/{one.path}"),
                        line=one.line,
                        problem=f"expected nothing of hidden tests in what learners are told, got "
                        f'"{one.value}" after {folder}',
                        mend="use another value here than where it is told, or hide the test that tells it",
                    ),
                )
    return Found(
        findings=tuple(findings.values()),
        told=f"{len(hidden)} values looked for in {len(bench.others)} reports",
        figures={"values": float(len(hidden))},
    )


def literals(test_files: Mapping[str, bytes]) -> tuple[list[Literal], str]:
    """The values in hidden tests, each once a file, and the source of all visible tests.

    Args:
        test_files: everything below tests/, by path.
    """
    hidden: dict[tuple[str, str], Literal] = {}
    visible = []
    for path, source in sorted(test_files.items()):
        if not task.is_test_file(path):
            continue
        text = _text(source)
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue  # the static gate names it
        shown: list[ast.AST] = (
            [node for node in tests(tree.body) if is_visible(node)] if not is_shown(tree) else [tree]
        )
        visible += [ast.unparse(node) for node in shown]
        for one in _values(tree, path, skipped=shown):
            hidden.setdefault((path, one.value), one)
    return list(hidden.values()), "\n".join(visible)


def _told(bench: Workbench, folder: str) -> str:
    found, checks = bench.results(bench.trial(folder)), bench.checks(folder)
    assessment = scoring.score(bench.frozen.rubric, found, checks=checks)
    told = report.feedback(bench.task.policy, found, assessment, checks=checks)
    said = [
        text
        for one in told.tests
        for text in (one.name, one.message, one.detail, one.output, one.example or "")
    ]
    return "\n".join([*said, *(one.sentence for check in told.checks for one in check.findings)])


def tests(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The tests in a file's body; a class that is visible comes as a whole."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not is_visible(node):
            yield from tests(node.body)
        elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def is_visible(node: ast.stmt) -> bool:
    """Whether a test or a class of tests is marked as visible."""
    marks = getattr(node, "decorator_list", [])
    return any("visible" in ast.unparse(mark).split(".") for mark in marks)


def is_shown(tree: ast.Module) -> bool:
    """Whether `pytestmark` shows the whole file."""
    return any(
        isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets)
        and "mark.visible" in ast.unparse(node.value)
        for node in tree.body
    )


def _values(node: ast.AST, path: str, *, skipped: list[ast.AST]) -> Iterator[Literal]:
    if any(node is one for one in skipped):
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring says nothing of any input
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("mark.criterion"):
        return
    if isinstance(node, ast.keyword) and node.arg == "ids":
        return
    if isinstance(node, ast.Constant):
        value = node.value
        if isinstance(value, int | float) and not isinstance(value, bool):
            text = repr(abs(value))
            if sum(one.isdigit() for one in text) >= _DIGITS:
                yield Literal(path=path, line=node.lineno, value=text, number=True)
        elif isinstance(value, str) and len(value.strip()) >= _LETTERS:
            yield Literal(path=path, line=node.lineno, value=value, number=False)
    names = _names(node)
    for child in ast.iter_child_nodes(node):
        if child is not names:
            yield from _values(child, path, skipped=skipped)


def _names(node: ast.AST) -> ast.AST | None:
    """The names of a parametrized test's arguments, which are no values; None of anything else."""
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("mark.parametrize"):
        return node.args[0] if node.args else None
    return None


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
