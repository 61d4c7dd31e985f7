"""What the gates of `check` come to: findings, each with its place and what to do about it.

Comes in: what a gate saw. Goes out: values that a terminal, JSON and JUnit XML show alike. Finding anything
is left to the gates.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from assessor.errors import AssessorError, FileInvalid, ImageFault, ManifestStale

_PLACE = re.compile(r"(?P<path>[^\s:]+)(:(?P<line>\d+)(:(?P<column>\d+))?)?: (?P<rest>.*)", re.DOTALL)


class Gate(StrEnum):
    """What a task goes through, in this order."""

    STATIC = "static"  #: files parse and hold together
    PROOF = "proof"  #: references earn full marks, the starter less, known-bad work fails where it should
    ATTACKS = "attacks"  #: known attacks earn nothing
    FLAKY = "flaky"  #: every run says the same
    STRENGTH = "strength"  #: tests notice mutants of the references
    HEADROOM = "headroom"  #: references need at most a third of each limit
    LEAKS = "leaks"  #: nothing of hidden tests is in what a learner is told
    BRIEF = "brief"  #: the brief can be read by everyone


class State(StrEnum):
    """What a gate came to."""

    PASSED = "passed"  #: nothing to mend
    FAILED = "failed"  #: the author has something to mend
    SKIPPED = "skipped"  #: it makes no sense before an earlier gate is mended, or was not asked for
    BROKEN = "broken"  #: our side could not run it


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was found.

    Attributes:
        path: the file or folder, as the author knows it.
        problem: what was expected and what came.
        mend: what to do about it.
        line: 1-based, or None where the whole file is meant.
        column: 1-based, or None.
        serious: whether the gate fails by it; else it is only told.
        detail: more lines, such as a diff; may be empty.
    """

    path: str
    problem: str
    mend: str
    line: int | None = None
    column: int | None = None
    serious: bool = True
    detail: str = ""

    @property
    def place(self) -> str:
        """`path:line:column` as far as known."""
        return ":".join(str(part) for part in (self.path, self.line, self.column) if part is not None)

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}; {self.mend}"

    def dump(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {
            "path": self.path,
            "line": self.line,
            "column": self.column,
            "serious": self.serious,
            "problem": self.problem,
            "mend": self.mend,
            "detail": self.detail,
        }


@dataclass(frozen=True, kw_only=True)
class Found:
    """What one gate saw.

    Attributes:
        findings: in the order in which they were found.
        told: one line about what was tried; may be empty.
        figures: numbers for benchmarks and reports.
    """

    findings: tuple[Finding, ...] = ()
    told: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Gated:
    """A gate that is done.

    Attributes:
        gate: which.
        state: what it came to.
        found: what it saw.
        seconds: how long it took.
    """

    gate: Gate
    state: State
    found: Found
    seconds: float

    def dump(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {
            "gate": self.gate.value,
            "state": self.state.value,
            "told": self.found.told,
            "figures": dict(self.found.figures),
            "findings": [one.dump() for one in self.found.findings],
            "seconds": round(self.seconds, 3),
        }


def of_error(error: AssessorError, path: str) -> tuple[Finding, ...]:
    """The error as findings: one for each line of it that names a place.

    Args:
        error: of an author's file, or of a sandbox that could not be made.
        path: what to name where the error names no file.
    """
    if isinstance(error, FileInvalid):
        first, *rest = error.problem.split("\n")
        found = [_finding(error.path, first, line=error.line, column=error.column)]
        return (*found, *(_of_line(text, error.path) for text in rest if text.strip()))
    if isinstance(error, ManifestStale):
        return (_finding(path, str(error), mend="lock the task again: assessor tasks lock"),)
    if isinstance(error, ImageFault):
        return (_finding(path, str(error), mend="mend the sandbox's Dockerfile, or name another sandbox"),)
    return (_finding(path, str(error), mend="run the check again; if it stays, run assessor doctor"),)


def _of_line(text: str, path: str) -> Finding:
    place = _PLACE.fullmatch(text)
    if place is None:
        return _finding(path, text)
    line, column = (int(place[name]) if place[name] else None for name in ("line", "column"))
    return _finding(place["path"], place["rest"], line=line, column=column)


def _finding(
    path: str,
    problem: str,
    *,
    mend: str = "mend the file so that it is as expected",
    line: int | None = None,
    column: int | None = None,
) -> Finding:
    return Finding(path=path, problem=problem, mend=mend, line=line, column=column)
