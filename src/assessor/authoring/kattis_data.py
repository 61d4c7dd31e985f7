"""The test data of a Kattis problem package: its cases, and what each group of them is worth.

Comes in: the files under `data/`. Goes out: `Data`: cases with their arguments and the validator's, and the
`Unit`s that become tests. A unit is what points are given for: one group of cases that count one by one, or
one whose cases must all be right.

Source: Kattis problem package format, "Test data groups" (legacy, and 2023-07 to 2025-09), "Graders".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any

from assessor import authored
from assessor.errors import FileInvalid

#: Names of a group's own file, by version.
GROUP_FILES = ("testdata.yaml", "test_group.yaml")
#: Words of `grader_flags` that say how a group's score is made.
_AGGREGATIONS = ("sum", "avg", "min", "max")
_MODES = (
    "first_error", "worst_error", "accept_if_any_accepted", "always_accept", "ignore_sample", "no_errors",
)  # fmt: skip
#: Keys that change nothing here: what they say is for the package's own tools.
_QUIET = (
    "range", "input_validator_flags", "input_validator_args", "input_visualizer_args",
    "output_visualizer_args", "full_feedback", "hint", "description", "grading",
)  # fmt: skip
_SIDE = (".desc", ".hint", ".interaction", ".png", ".jpg", ".jpeg", ".svg", ".statement.in", ".statement.ans")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One case.

    Attributes:
        name: its path under data/ without ending (`secret/1`).
        stdin: what the program reads.
        answer: what the judges' program printed.
        args: the program's arguments.
        flags: the validator's arguments.
    """

    name: str
    stdin: bytes
    answer: bytes
    args: tuple[str, ...]
    flags: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Unit:
    """Cases that points are given for.

    Attributes:
        group: path under data/.
        cases: names of its cases, at least one.
        whole: whether all must be right for any points.
        points: what it is worth in all.
        visible: whether learners see it.
    """

    group: str
    cases: tuple[str, ...]
    whole: bool
    points: Fraction
    visible: bool


@dataclass(frozen=True, kw_only=True)
class Data:
    """All of it.

    Attributes:
        cases: by name, sorted.
        units: in the order of their groups.
        notes: what was not taken as it stands.
    """

    cases: Mapping[str, Case]
    units: tuple[Unit, ...]
    notes: tuple[str, ...]


@dataclass(kw_only=True)
class _Group:
    """A folder of cases, with what it says or inherits."""

    path: str
    flags: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    aggregation: str = ""
    score: Fraction = Fraction(1)
    total: Fraction | None = None
    on_reject: str = "break"
    ignore_sample: bool = False
    cases: list[str] = field(default_factory=list)
    children: list[_Group] = field(default_factory=list)


def read(files: Mapping[str, bytes], *, shown: str, flags: tuple[str, ...], scoring: bool) -> Data:
    """The data in these files.

    Args:
        files: by path under data/.
        shown: data/ as the author knows it, for errors.
        flags: the validator's arguments that problem.yaml gives.
        scoring: whether the problem gives points, or only yes and no.

    Raises:
        FileInvalid: a case without its answer, no secret or sample case at all, a group's file that is wrong,
            or something that cannot be imported.
    """
    reader = _Reader(files, shown, scoring)
    root = _Group(path="", flags=flags)
    reader.settle(root)
    tops = [reader.group(name, root) for name in ("sample", "secret")]
    if not reader.cases:
        raise FileInvalid(shown, "expected cases (*.in and *.ans) in sample/ or secret/, got none")
    reader.rest()
    return Data(
        cases=dict(sorted(reader.cases.items())),
        units=_scored(tops, root, reader) if scoring else _plain(tops),
        notes=tuple(dict.fromkeys(reader.notes)),
    )


class _Reader:
    def __init__(self, files: Mapping[str, bytes], shown: str, scoring: bool) -> None:
        self.files = files
        self.shown = shown
        self.scoring = scoring
        self.cases: dict[str, Case] = {}
        self.notes: list[str] = []
        self.read: set[str] = set()

    def group(self, path: str, parent: _Group) -> _Group:
        made = replace(parent, path=path, total=None, cases=[], children=[])
        self.settle(made)
        inside = [name.removeprefix(f"{path}/") for name in self.files if name.startswith(f"{path}/")]
        for name in sorted(
            {one.removesuffix(".in") for one in inside if one.endswith(".in") and "/" not in one}
        ):
            self._case(f"{path}/{name}", made)
        for name in sorted({one.split("/")[0] for one in inside if "/" in one}):
            if name.endswith(".files"):
                raise FileInvalid(
                    f"{self.shown}/{path}/{name}", "expected cases without files of their own, got some"
                )
            made.children.append(self.group(f"{path}/{name}", made))
        return made

    def settle(self, group: _Group) -> None:
        """Take what the group's own file says."""
        for name in GROUP_FILES:
            path = f"{group.path}/{name}" if group.path else name
            if path in self.files:
                self.read.add(path)
                if name == GROUP_FILES[1] and "/" in group.path:
                    group.aggregation = "min"  # a group of that version is solved or not, unless it says else
                document = document_of(self.files[path], f"{self.shown}/{path}")
                if document is not None:
                    self._take(group, document)

    def _take(self, group: _Group, document: authored.Document) -> None:
        values = document.value
        for key, value in values.items():
            if key in ("output_validator_flags", "output_validator_args"):
                group.flags = words(document, (key,), value)
            elif key == "args":
                group.args = words(document, (key,), value)
            elif key == "grader_flags":
                self._grader(group, document, words(document, (key,), value))
            elif key == "scoring" and isinstance(value, dict):
                self._scoring(group, document, value)
            elif key == "score_aggregation":
                group.aggregation = {"pass-fail": "min"}.get(str(value), str(value))
            elif key == "max_score":
                if str(value) == "unbounded":
                    raise document.invalid(
                        (key,), 'expected a number, got "unbounded", which has no full marks'
                    )
                group.total = fraction(document, (key,), value)
            elif key == "accept_score":
                group.score = fraction(document, (key,), value)
            elif key == "reject_score":
                if fraction(document, (key,), value) != 0:
                    raise document.invalid((key,), f"expected 0, got {value}: wrong work earns nothing here")
            elif key == "on_reject":
                group.on_reject = str(value)
            elif key in ("static_validation_score", "static_validator_args", "require_pass"):
                raise document.invalid((key,), "expected a group without it: it cannot be imported")
            elif key not in _QUIET:
                self.notes.append(f"{document.path}: the key {key} is not known")
            if key == "grading" and str(value) == "custom":
                raise document.invalid((key,), "expected the default grader, got a custom one")
        if group.aggregation not in ("", *_AGGREGATIONS):
            raise document.invalid(
                (), f'expected an aggregation of {", ".join(_AGGREGATIONS)}, got "{group.aggregation}"'
            )
        if group.aggregation == "max" and self.scoring:
            raise document.invalid(
                (), "expected sum, avg or min of a group's scores, got max, which cannot be imported"
            )

    def _grader(self, group: _Group, document: authored.Document, flags: tuple[str, ...]) -> None:
        group.aggregation = ""
        for word in flags:
            if word in _AGGREGATIONS:
                group.aggregation = word
            elif word == "ignore_sample":
                group.ignore_sample = True
            elif word not in _MODES:
                raise document.invalid(
                    ("grader_flags",), f'expected flags of the default grader, got "{word}"'
                )

    def _scoring(self, group: _Group, document: authored.Document, values: dict[str, Any]) -> None:
        for key, value in values.items():
            if key == "aggregation":
                group.aggregation = str(value)
            elif key in ("score", "max_score"):
                group.total = fraction(document, ("scoring", key), value)
            else:
                self.notes.append(f"{document.path}: the key scoring.{key} is not known")

    def _case(self, name: str, group: _Group) -> None:
        stdin, answer = self.files[f"{name}.in"], self.files.get(f"{name}.ans")
        if answer is None:
            raise FileInvalid(f"{self.shown}/{name}.ans", f"expected the answer to {name}.in, got nothing")
        if f"{name}.args" in self.files:
            raise FileInvalid(
                f"{self.shown}/{name}.args", "expected arguments in YAML (args), got a file of them"
            )
        own = replace(group, cases=[], children=[])
        settings = f"{name}.yaml"
        if settings in self.files:
            document = document_of(self.files[settings], f"{self.shown}/{settings}")
            if document is not None:
                self._take(own, document)
        self.read |= {f"{name}{end}" for end in (".in", ".ans", ".yaml")}
        self.cases[name] = Case(name=name, stdin=stdin, answer=answer, args=own.args, flags=own.flags)
        group.cases.append(name)

    def rest(self) -> None:
        """Name what was not read."""
        for path in sorted(set(self.files) - self.read):
            if path.split("/")[0] in ("sample", "secret") and path.endswith(_SIDE):
                self.notes.append(
                    f"data: notes and pictures of cases (*{PurePosixPath(path).suffix}) are left out"
                )
            else:
                self.notes.append(f"data/{path}: left out")


def _plain(tops: list[_Group]) -> tuple[Unit, ...]:
    """Units of a problem that is solved or not: every case counts alike."""
    return tuple(
        Unit(
            group=group.path,
            cases=tuple(group.cases),
            whole=False,
            points=Fraction(len(group.cases)),
            visible=group.path.split("/")[0] == "sample",
        )
        for group in _all(tops)
        if group.cases
    )


def _scored(tops: list[_Group], root: _Group, reader: _Reader) -> tuple[Unit, ...]:
    sample, secret = tops
    units = [unit for unit in _units(secret, reader) if unit.points > 0]
    given = [] if root.ignore_sample else [unit for unit in _units(sample, reader) if unit.points > 0]
    if given and sample.score > 0 and sample.aggregation != "" and not secret.total:
        return (*given, *units)
    worth = sum((unit.points for unit in units), Fraction(0)) or Fraction(1)
    samples = _plain([sample])
    if samples:
        reader.notes.append("data/sample: a hundredth of the points, since each test must be worth something")
    share = worth / 99 / max(1, len(samples))
    return (*(replace(one, points=share) for one in samples), *units)


def _units(group: _Group, reader: _Reader) -> list[Unit]:
    """What a group is worth, its children included."""
    if not group.cases and not group.children:
        return []
    inner = [unit for child in group.children for unit in _units(child, reader)]
    names = tuple(group.cases) + tuple(name for unit in inner for name in unit.cases)
    top = group.path.count("/") == 0
    aggregation = group.aggregation or "sum"
    visible = group.path.split("/")[0] == "sample"
    if aggregation == "min":
        least = min(
            [*([group.score] if group.cases else []), *(_worth(_units(c, reader)) for c in group.children)]
        )
        points = group.total if group.total is not None else least
        return [Unit(group=group.path, cases=names, whole=True, points=points, visible=visible)]
    if group.on_reject == "break" and len(names) > 1 and not top:
        reader.notes.append(
            f"data/{group.path}: on_reject is break; every case is judged, also after one that is wrong"
        )
    own = [
        Unit(
            group=group.path,
            cases=tuple(group.cases),
            whole=False,
            points=group.score * len(group.cases),
            visible=visible,
        )
    ]
    units = [*(own if group.cases else []), *inner]
    if aggregation == "avg":
        parts = len(group.cases) + len(group.children)
        units = [replace(unit, points=unit.points / parts) for unit in units]
    if group.total is not None and _worth(units) > 0:
        units = [replace(unit, points=unit.points * group.total / _worth(units)) for unit in units]
    return units


def _worth(units: list[Unit]) -> Fraction:
    return sum((unit.points for unit in units), Fraction(0))


def _all(groups: list[_Group]) -> list[_Group]:
    return [one for group in groups for one in (group, *_all(group.children))]


def whole(units: tuple[Unit, ...]) -> dict[str, int]:
    """Points of each unit by group, as whole numbers in the same proportion."""
    factor = math.lcm(*(unit.points.denominator for unit in units))
    return {unit.group: int(unit.points * factor) for unit in units}


def document_of(data: bytes, path: str) -> authored.Document | None:
    """A YAML file of a package, or None for one that holds comments alone.

    Raises:
        FileInvalid: as for `authored.read`.
    """
    lines = (line.strip() for line in data.splitlines())
    if all(not line or line.startswith(b"#") for line in lines):
        return None
    return authored.read(data, path)


def words(document: authored.Document, loc: authored.Loc, value: Any) -> tuple[str, ...]:
    """Arguments, given as one text or as a list.

    Raises:
        FileInvalid: given as something else.
    """
    if isinstance(value, str):
        return tuple(value.split())
    if isinstance(value, tuple) and all(isinstance(one, str) for one in value):
        return tuple(map(str, value))
    raise document.invalid(loc, "expected arguments as text or as a list of texts, got keys and values")


def fraction(document: authored.Document, loc: authored.Loc, value: Any) -> Fraction:
    """A number, exactly.

    Raises:
        FileInvalid: it is none.
    """
    try:
        if isinstance(value, str):
            return Fraction(value)
    except (ValueError, ZeroDivisionError):
        pass
    raise document.invalid(loc, f"expected a number, got {value!r}")
