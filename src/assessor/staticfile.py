"""Static checks as a rubric's author writes them: which kinds there are, with which keys.

Comes in: the entries below a criterion's `checks`. Goes out: models, every name in them known. Making them is
left to `inspector`, what they come to to `inspection`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

import pydantic
from pydantic import Field

from assessor import authored
from assessor.analysis import constructs, linter

_GLOB = authored.matching(
    r"(?!.*(^|/)\.{0,2}(/|$))[^\\\x00-\x1f\[\]]{1,200}", "a pattern such as *.py or src/**/*.py"
)
_NAME = r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*"
_CONSTRUCT = authored.matching(
    f"(?:{'|'.join(sorted(constructs.PLAIN))})|(?:{'|'.join(sorted(constructs.NAMED))}) {_NAME}",
    f"one of {', '.join(sorted(constructs.PLAIN))}, "
    f"or one of {', '.join(sorted(constructs.NAMED))} and a name",
)
_RULE = authored.matching(
    r"[A-Z]{1,5}[0-9]{0,4}", "a rule of ruff, or the first letters of some, such as F or B006"
)
_Rules = tuple[Annotated[str, *_RULE], ...]
_Count = Annotated[authored.Number, Field(ge=0, le=1000)]
_Within = Annotated[str, *authored.matching(_NAME, "the name of a function, such as total or Invoice.total")]
_Constructs = Annotated[tuple[Annotated[str, *_CONSTRUCT], ...], Field(min_length=1, max_length=50)]


@dataclass(frozen=True, kw_only=True)
class StaticCheck:
    """One static check of a criterion.

    Attributes:
        id: name in records, once in its criterion.
        points: its share of the criterion, together with those of the others.
        title: what it looks for, for people.
        sentence: what a learner is told to do at each finding, or None for built-in words.
        files: patterns of the files that it looks at, as `rules.SubmissionRules` reads them.
        kind: a key of `KINDS`.
        plan: what the analyser is asked for, as JSON.
        bound: the most findings with which it passes; for `require`, the least.
    """

    id: str
    points: int
    title: str
    sentence: str | None
    files: tuple[str, ...]
    kind: str
    plan: str
    bound: int


class _Check(authored.Strict):
    """What every kind of check has."""

    id: authored.Id = Field(description="Its name in records and in expect.yaml, once in its criterion.")
    points: Annotated[authored.Number, Field(ge=1, le=1000)] = Field(
        default=1, description="Its share of the criterion, together with those of the others."
    )
    files: Annotated[tuple[Annotated[str, *_GLOB], ...], Field(min_length=1, max_length=20)] = Field(
        default=("*.py",),
        description="Patterns of the files that it looks at; where none is there, it does not pass.",
    )
    title: authored.Text | None = Field(default=None, description="What it looks for, for learners.")
    sentence: authored.Text | None = Field(
        default=None,
        description="What learners are told to do at each finding, in place of built-in words.",
    )


class RuffCheck(_Check):
    """Rules of ruff."""

    kind: Annotated[Literal["ruff"], authored.one_of("ruff")] = Field(description="What kind of check it is.")
    select: Annotated[_Rules, Field(min_length=1, max_length=100)] = Field(
        description="Rules of ruff, or the letters of a group, such as `F`, `B006` or `SIM1`."
    )
    ignore: Annotated[_Rules, Field(max_length=100)] = Field(
        default=(), description="Those of them that do not count."
    )
    at_most: _Count = Field(default=0, description="Findings with which it passes.")


class ForbidCheck(_Check):
    """Constructs that must not be there."""

    kind: Annotated[Literal["forbid"], authored.one_of("forbid")] = Field(
        description="What kind of check it is."
    )
    constructs: _Constructs = Field(description="What must not be there.")
    within: _Within | None = Field(default=None, description="Only in functions of this name.")
    at_most: _Count = Field(default=0, description="Findings with which it passes.")


class RequireCheck(_Check):
    """Constructs of which there must be some."""

    kind: Annotated[Literal["require"], authored.one_of("require")] = Field(
        description="What kind of check it is."
    )
    constructs: _Constructs = Field(description="What must be there.")
    within: _Within | None = Field(default=None, description="Only in functions of this name.")
    at_least: Annotated[authored.Number, Field(ge=1, le=1000)] = Field(
        default=1, description="In how many places at least."
    )


class ComplexityCheck(_Check):
    """How many ways lead through a function."""

    kind: Annotated[Literal["complexity"], authored.one_of("complexity")] = Field(
        description="What kind of check it is."
    )
    most: Annotated[authored.Number, Field(ge=1, le=1000)] = Field(
        default=10, description="Ways through one function's decisions, as mccabe counts them."
    )
    at_most: _Count = Field(default=0, description="Findings with which it passes.")


_OF = ("module", "class", "function")


class DocstringsCheck(_Check):
    """Public things that must say what they are for."""

    kind: Annotated[Literal["docstrings"], authored.one_of("docstrings")] = Field(
        description="What kind of check it is."
    )
    of: Annotated[
        tuple[Annotated[Literal["module", "class", "function"], authored.one_of(*_OF)], ...],
        Field(min_length=1, max_length=3),
    ] = Field(default=("module", "class", "function"), description="Public things of these kinds.")
    at_most: _Count = Field(default=0, description="Findings with which it passes.")


class DuplicationCheck(_Check):
    """Lines that are written twice."""

    kind: Annotated[Literal["duplication"], authored.one_of("duplication")] = Field(
        description="What kind of check it is."
    )
    lines: Annotated[authored.Number, Field(ge=2, le=100)] = Field(
        default=5,
        description="Statements in a row that say the same as others, whatever names, numbers and "
        "texts they have.",
    )
    tokens: Annotated[authored.Number, Field(ge=2, le=5000)] = Field(
        default=30, description="Words and signs that they have at least, together."
    )
    at_most: _Count = Field(default=0, description="Findings with which it passes.")


#: The models by kind.
KINDS = {
    "ruff": RuffCheck,
    "forbid": ForbidCheck,
    "require": RequireCheck,
    "complexity": ComplexityCheck,
    "docstrings": DocstringsCheck,
    "duplication": DuplicationCheck,
}


def _kind(value: object) -> str | None:
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return str(kind) if isinstance(kind, str) else None


CheckModel = Annotated[
    Annotated[RuffCheck, pydantic.Tag("ruff")]
    | Annotated[ForbidCheck, pydantic.Tag("forbid")]
    | Annotated[RequireCheck, pydantic.Tag("require")]
    | Annotated[ComplexityCheck, pydantic.Tag("complexity")]
    | Annotated[DocstringsCheck, pydantic.Tag("docstrings")]
    | Annotated[DuplicationCheck, pydantic.Tag("duplication")],
    pydantic.Discriminator(
        _kind,
        custom_error_type="kind",
        custom_error_message=f'expected the key "kind", one of {", ".join(KINDS)}',
    ),
]


def check(document: authored.Document, loc: authored.Loc, models: Iterable[CheckModel]) -> None:
    """What the models alone cannot know: ids once, and rules that the ruff in use has.

    Args:
        document: the rubric.
        loc: of the list of checks.
        models: the checks in it.

    Raises:
        FileInvalid: an id twice, an unknown rule, or rules of which nothing is left.
    """
    seen: set[str] = set()
    for at, one in enumerate(models):
        if one.id in seen:
            raise document.invalid((*loc, at, "id"), f'expected each check once, got "{one.id}" again')
        seen.add(one.id)
        if isinstance(one, RuffCheck):
            for key in ("select", "ignore"):
                for place, rule in enumerate(getattr(one, key)):
                    if not _matching([rule]):
                        hint = authored.nearest(rule, linter.offered())
                        raise document.invalid(
                            (*loc, at, key, place), f'expected a stable rule of ruff, got "{rule}"{hint}'
                        )
            if not rules(one):
                raise document.invalid((*loc, at, "ignore"), "expected some rule to be left, got none")


def rules(one: RuffCheck) -> tuple[str, ...]:
    """The exact rules of a check, sorted: those of `select` that `ignore` does not take away."""
    return tuple(sorted(_matching(one.select) - _matching(one.ignore)))


def _matching(starts: Iterable[str]) -> set[str]:
    """The rules that begin with one of these: letters stand for whole groups, so F is no FBT."""
    found = set()
    for start in starts:
        letters = start.rstrip("0123456789")
        for code in linter.offered():
            if code.startswith(start) and code.rstrip("0123456789") == letters:
                found.add(code)
    return found


def made(one: CheckModel) -> StaticCheck:
    """The plain value."""
    told = {"id", "points", "files", "title", "sentence", "at_most", "at_least", "select", "ignore"}
    plan = one.model_dump(exclude=told) | ({"select": rules(one)} if isinstance(one, RuffCheck) else {})
    return StaticCheck(
        id=one.id,
        points=one.points,
        title=one.title or _TITLES[one.kind],
        sentence=one.sentence,
        files=one.files,
        kind=one.kind,
        plan=json.dumps(plan, sort_keys=True),
        bound=one.at_least if isinstance(one, RequireCheck) else one.at_most,
    )


_TITLES = {
    "ruff": "Rules of ruff",
    "forbid": "What must not be in the code",
    "require": "What must be in the code",
    "complexity": "Functions that are easy to follow",
    "docstrings": "Docstrings",
    "duplication": "Nothing written twice",
}
