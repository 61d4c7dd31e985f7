"""The analyser's process: one order on standard input, one answer on standard output, then it ends.

    order   {"ruff": path or "", "target": "py311",
             "files": {path: base64}, "checks": [{"kind": ..., "files": [path, ...], ...}, ...]}
    answer  {"shut": [...], "checks": [{"found": [[path, line, rule, sentence], ...], "more": 0,
             "looked": 0, "broken": [[path, line, reason, why], ...]}, ...]}

Checks are answered in the order's order, findings by path and line. Steps:

1. limits, then the fence, then a word from ruff: whether all of this works is known, and told by `ready` and
   ruff's version in one line, before a byte of the order is read;
2. each file in a fork of its own: parsed once, looked at for every check that takes it;
3. what concerns several files (duplication), in one more fork.
"""

from __future__ import annotations

import base64
import functools
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from assessor.analysis import apart, complexity, constructs, docstrings, duplication, fence, linter, sources
from assessor.analysis.sources import Source, Unreadable

#: Time for everything, seconds.
TOTAL_S = 120
#: How many findings of one check are told one by one.
MOST = 200
#: How long a sentence gets: a name of a megabyte is cut, characters.
LONG = 500

Check = dict[str, Any]
#: Findings of one file: line, rule, sentence; and how many things were looked at.
Looked = tuple[list[tuple[int, str, str]], int]


def main() -> None:
    """Answer the order."""
    ruff, *readable = sys.argv[2:]
    fence.limit()  # 1
    shut = fence.close(readable)
    sys.stdout.write(f"ready {linter.version(ruff) if ruff else '-'}\n")
    sys.stdout.flush()
    order = json.load(sys.stdin.buffer)
    until = time.monotonic() + TOTAL_S
    checks = order["checks"]
    answers = [_Answer() for _ in checks]
    lines: dict[str, list[duplication.Line]] = {}
    for path in sorted(order["files"]):  # 2
        data = base64.b64decode(order["files"][path])
        asked = [at for at, check in enumerate(checks) if path in check["files"]]
        told = apart.apart(functools.partial(_file, path, data, asked, order), until=until)
        for at in asked:
            if isinstance(told, apart.Broken):
                answers[at].broken.append((path, 1, told.reason, told.why))
            elif broken := (told["broken"].get("") or told["broken"].get(str(at))):
                answers[at].broken.append((path, *broken))
            else:
                found, looked = told["found"][str(at)]
                answers[at].take([(path, *one) for one in found], looked)
        if not isinstance(told, apart.Broken) and told["lines"] is not None:
            lines[path] = [tuple(one) for one in told["lines"]]
    for at, check in enumerate(checks):  # 3
        if check["kind"] == "duplication":
            given = {path: lines[path] for path in check["files"] if path in lines}
            told = apart.apart(functools.partial(_duplicates, given, check), until=until)
            if isinstance(told, apart.Broken):
                answers[at].broken.append((min(check["files"]), 1, told.reason, told.why))
            else:
                answers[at].take(told, len(given))
    # One write of the whole: a reader never takes half an answer for one.
    sys.stdout.write(json.dumps({"shut": shut, "checks": [one.dump() for one in answers]}))
    sys.stdout.flush()
    os._exit(0)


class _Answer:
    """What one check came to so far."""

    def __init__(self) -> None:
        self.found: list[tuple[str, int, str, str]] = []
        self.broken: list[tuple[str, int, str, str]] = []
        self.more = 0
        self.looked = 0

    def take(self, found: list[Any], looked: int) -> None:
        room = MOST - len(self.found)
        self.found += [(path, line, rule, told[:LONG]) for path, line, rule, told in found[:room]]
        self.more += max(0, len(found) - room)
        self.looked += looked

    def dump(self) -> dict[str, Any]:
        return {"found": sorted(self.found), "more": self.more, "looked": self.looked, "broken": self.broken}


def _file(path: str, data: bytes, asked: list[int], order: dict[str, Any]) -> dict[str, Any]:
    """What each check that asks for a file finds in it, by the check's place in the order."""
    found: dict[int, Looked] = {}
    broken: dict[str, tuple[int, str, str]] = {}
    try:
        source = sources.read(path, data)
    except Unreadable as error:
        return {"found": {}, "broken": {"": (error.line, "unreadable", error.problem)}, "lines": None}
    lines = None
    for at in asked:
        check = order["checks"][at]
        try:
            if check["kind"] == "ruff":
                told = linter.look(source, ruff=order["ruff"], select=check["select"], target=order["target"])
                found[at] = (told, 1)
            elif check["kind"] == "duplication":
                lines = duplication.lines(source.text)
                found[at] = ([], 0)  # told once all files are known
            else:
                found[at] = _KINDS[check["kind"]](source, check)
        except Unreadable as error:
            broken[str(at)] = (error.line, "unreadable", error.problem)
        except linter.Crashed as error:
            broken[str(at)] = (1, error.broken.reason, error.broken.why)
    if source.idle:
        # Nothing empty is true: a file without code breaks no rule, and keeps none either.
        found, lines = {at: (told, 0) for at, (told, _) in found.items()}, None
    return {"found": found, "broken": broken, "lines": lines}


def _forbidden(source: Source, check: Check) -> Looked:
    found, there = constructs.find(source.tree, check["constructs"], check["within"])
    where = f" in {check['within']}" if check["within"] else ""
    return [
        (line, f"forbid {name}", f"Do without {_words(name)}{where}: this task forbids it.")
        for line, name in found
    ], int(there)


def _required(source: Source, check: Check) -> Looked:
    found, there = constructs.find(source.tree, check["constructs"], check["within"])
    return [(line, f"require {name}", "") for line, name in found], int(there)


def _complexity(source: Source, check: Check) -> Looked:
    most, told = check["most"], complexity.functions(source.tree)
    return [
        (
            line,
            "complexity",
            f"{name or 'The code outside of functions'} has {number} ways through its decisions and may have "
            f"{most}: move some of them into functions of their own.",
        )
        for line, name, number in told
        if number > most
    ], len(told)


def _docstrings(source: Source, check: Check) -> Looked:
    found, looked = docstrings.missing(source.tree, check["of"])
    return [
        (
            line,
            "docstring",
            f"Begin the {kind}{f' {name}' if name else ''} with a docstring that says what it is for.",
        )
        for line, kind, name in found
    ], looked


def _duplicates(files: dict[str, list[duplication.Line]], check: Check) -> list[tuple[str, int, str, str]]:
    return [
        (
            one.path,
            one.first,
            "duplication",
            f"Lines {one.first} to {one.last} say the same as lines {one.again_first} to {one.again_last}"
            f"{'' if one.again_in == one.path else f' of {one.again_in}'}: write it once, as a function.",
        )
        for one in duplication.pairs(files, least=check["lines"], tokens=check["tokens"])
    ]


_KINDS: dict[str, Callable[[Source, Check], Looked]] = {
    "forbid": _forbidden,
    "require": _required,
    "complexity": _complexity,
    "docstrings": _docstrings,
}


def _words(construct: str) -> str:
    """A construct as a learner reads it: `call eval` is "a call of eval"."""
    word, _, name = construct.partition(" ")
    return (
        {
            "call": f"calling {name}",
            "import": f"importing {name}",
            "function": f"a function {name}",
            "class": f"a class {name}",
            "decorator": f"the decorator {name}",
            "name": f"the name {name}",
        }[word]
        if name
        else construct.replace("-", " ")
    )
