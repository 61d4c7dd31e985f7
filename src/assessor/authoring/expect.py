"""What a known-bad solution must fail: `tasks/<id>/faulty/<name>/expect.yaml`.

Comes in: the file's bytes and the task's lock. Goes out: an `Expectation`, every name in it known. Running
the work and comparing is left to `prove`.

    summary: median sorts the list that it was given     what is wrong with the work, for people
    criteria: [care]                                     these lose points, all others keep full marks
    tests:                                               optional: these fail, all others pass
      - "test_care.py::test_argument_is_left_alone[median-8]"
      - "test_edges.py::test_mode*"                      * stands for any text, all else for itself
    failures:                                            optional: how they fail, as "reason: message"
      every: ["timeout*"]                                each failed test fails in one of these ways
      first: ["timeout*", "memory*"]                     the first that fails does
      some: ["timeout*"]                                 at least one that fails does
    static: {structure: [duplication]}                   optional: these static checks fail, all others pass
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from assessor import authored
from assessor.manifest import Manifest
from assessor.rubric import Rubric, ScoredBy


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What a known-bad solution must fail.

    Attributes:
        summary: what is wrong with it, one line.
        criteria: ids of the criteria that lose points; at least one.
        tests: ids of the tests that fail, all of them; None where the author names criteria alone.
        failures: how they fail; None where any way will do.
        static: criterion and id of the static checks that fail, all of them; None where none is named.
    """

    summary: str
    criteria: frozenset[str]
    tests: frozenset[str] | None
    failures: FailuresModel | None = None
    static: frozenset[tuple[str, str]] | None = None


_Ways = Annotated[tuple[authored.Text, ...], Field(min_length=1, max_length=50)]


class FailuresModel(authored.Strict):
    """How the tests fail: patterns of a reason and the first line of its message."""

    every: _Ways | None = Field(
        default=None,
        description="Each failed test fails in one of these ways: patterns of `reason: message` in which `*` "
        "stands for any text.",
    )
    first: _Ways | None = Field(
        default=None, description="The first test that fails does so in one of these."
    )
    some: _Ways | None = Field(default=None, description="At least one failed test fails in one of these.")

    def against(self, told: Sequence[tuple[str, str]]) -> list[str]:
        """What is not as it must be; empty when all is.

        Args:
            told: id and failure of each test that failed, at least one, in the lock's order.
        """
        found = []
        if self.every is not None:
            others = [one for one in told if not _any(self.every, one[1])]
            found += [_unlike("every failure", self.every, one) for one in others[:1]]
        if self.first is not None and not _any(self.first, told[0][1]):
            found.append(_unlike("the first failure", self.first, told[0]))
        if self.some is not None and not any(_any(self.some, why) for _, why in told):
            found.append(_unlike("at least one failure", self.some, told[0]))
        return found


class ExpectModel(authored.Strict):
    """expect.yaml."""

    summary: authored.Text = Field(description="What is wrong with the work, one line.")
    criteria: Annotated[tuple[authored.Id, ...], Field(min_length=1, max_length=50)] = Field(
        description="Criteria that lose points; all others keep full marks."
    )
    tests: Annotated[tuple[authored.Text, ...], Field(min_length=1, max_length=500)] | None = Field(
        default=None,
        description="Ids of the tests that fail; all others pass. `*` stands for any text. Without it any "
        "tests of those criteria.",
    )
    failures: FailuresModel | None = Field(
        default=None, description="How the tests fail. Without it any way will do."
    )
    static: dict[str, Annotated[tuple[authored.Id, ...], Field(min_length=1, max_length=50)]] | None = Field(
        default=None,
        description="Ids of the static checks that do not pass, by criterion; all others do.",
    )


def load(data: bytes, path: str, *, rubric: Rubric, manifest: Manifest) -> Expectation:
    """The expectation in an expect.yaml.

    Args:
        data: the file.
        path: as the author knows it.
        rubric: knows the criteria.
        manifest: knows the tests.

    Raises:
        FileInvalid: the file is wrong, or names a criterion, a test or a static check that there is not, or a
            criterion that the named tests or checks do not feed.
    """
    document = authored.read(data, path)
    model = document.parse(ExpectModel)
    by_tests = {one.id for one in rubric.criteria if one.scored_by is ScoredBy.TESTS}
    scored = [one.id for one in rubric.criteria if one.scored_by is not ScoredBy.REVIEW]
    for at, name in enumerate(model.criteria):
        if name not in scored:
            hint = authored.nearest(name, scored)
            raise document.invalid(
                ("criteria", at),
                f"expected a criterion of rubric {rubric.id} that tests or static checks score, "
                f'got "{name}"{hint}',
            )
    criteria = frozenset(model.criteria)
    if model.failures is not None and not model.failures.model_dump(exclude_none=True):
        raise document.invalid(("failures",), "expected every, first or some, got none of them")
    static = None if model.static is None else _checks(document, model.static, rubric, criteria - by_tests)
    if model.tests is None:
        return Expectation(
            summary=model.summary, criteria=criteria, tests=None, failures=model.failures, static=static
        )
    named: set[str] = set()
    for at, pattern in enumerate(model.tests):
        found = [test.id for test in manifest.tests if matcher(pattern).fullmatch(test.id)]
        if not found:
            hint = authored.nearest(pattern, [test.id for test in manifest.tests])
            raise document.invalid(
                ("tests", at), f'expected the id of a test that counts, got "{pattern}"{hint}'
            )
        named.update(found)
    fed = {test.criterion for test in manifest.tests if test.id in named}
    if fed != criteria & by_tests:
        raise document.invalid(
            ("criteria",),
            f"expected those that the named tests feed: {', '.join(sorted(fed))}, "
            f"got {', '.join(sorted(criteria & by_tests)) or 'none'}",
        )
    return Expectation(
        summary=model.summary,
        criteria=criteria,
        tests=frozenset(named),
        failures=model.failures,
        static=static,
    )


def _checks(
    document: authored.Document,
    named: Mapping[str, tuple[str, ...]],
    rubric: Rubric,
    criteria: frozenset[str],
) -> frozenset[tuple[str, str]]:
    """The named checks, each known, of just the criteria that static checks score and that lose points."""
    known = {one.id: [check.id for check in one.checks] for one in rubric.criteria if one.checks}
    for criterion, ids in named.items():
        for at, name in enumerate(ids):
            if name not in known.get(criterion, ()):
                hint = authored.nearest(name, known.get(criterion, ()))
                raise document.invalid(
                    ("static", criterion, at), f'expected a static check of {criterion}, got "{name}"{hint}'
                )
    if set(named) != criteria:
        raise document.invalid(
            ("static",),
            f"expected checks of the criteria that lose points: {', '.join(sorted(criteria)) or 'none'}, "
            f"got of {', '.join(sorted(named)) or 'none'}",
        )
    return frozenset((criterion, name) for criterion, ids in named.items() for name in ids)


def matcher(pattern: str) -> re.Pattern[str]:
    """What matches the ids that a pattern means: `*` is any text, brackets are brackets."""
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)


def schema() -> dict[str, Any]:
    """JSON Schema of expect.yaml."""
    return authored.schema(ExpectModel, title="expect.yaml")


def _any(patterns: Sequence[str], text: str) -> bool:
    return any(matcher(pattern).fullmatch(text) for pattern in patterns)


def _unlike(which: str, patterns: Sequence[str], told: tuple[str, str]) -> str:
    return f"expected {which} to be {' or '.join(patterns)}, got {told[0]}: {told[1]}"
