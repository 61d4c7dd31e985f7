"""What a known-bad solution must fail: `tasks/<id>/faulty/<name>/expect.yaml`.

Comes in: the file's bytes and the task's lock. Goes out: an `Expectation`, every name in it known. Running
the work and comparing is left to `prove`.

    summary: median sorts the list that it was given     what is wrong with the work, for people
    criteria: [care]                                     these lose points, all others keep full marks
    tests:                                               optional: these fail, all others pass
      - "test_care.py::test_argument_is_left_alone[median-8]"
      - "test_edges.py::test_mode*"                      * stands for any text, all else for itself
"""

from __future__ import annotations

import re
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
    """

    summary: str
    criteria: frozenset[str]
    tests: frozenset[str] | None


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


def load(data: bytes, path: str, *, rubric: Rubric, manifest: Manifest) -> Expectation:
    """The expectation in an expect.yaml.

    Args:
        data: the file.
        path: as the author knows it.
        rubric: knows the criteria.
        manifest: knows the tests.

    Raises:
        FileInvalid: the file is wrong, or names a criterion or a test that there is not, or a criterion that
            the named tests do not feed.
    """
    document = authored.read(data, path)
    model = document.parse(ExpectModel)
    scored = [one.id for one in rubric.criteria if one.scored_by is ScoredBy.TESTS]
    for at, name in enumerate(model.criteria):
        if name not in scored:
            hint = authored.nearest(name, scored)
            raise document.invalid(
                ("criteria", at),
                f'expected a criterion of rubric {rubric.id} that tests score, got "{name}"{hint}',
            )
    criteria = frozenset(model.criteria)
    if model.tests is None:
        return Expectation(summary=model.summary, criteria=criteria, tests=None)
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
    if fed != criteria:
        raise document.invalid(
            ("criteria",),
            f"expected those that the named tests feed: {', '.join(sorted(fed))}, "
            f"got {', '.join(sorted(criteria))}",
        )
    return Expectation(summary=model.summary, criteria=criteria, tests=frozenset(named))


def matcher(pattern: str) -> re.Pattern[str]:
    """What matches the ids that a pattern means: `*` is any text, brackets are brackets."""
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)


def schema() -> dict[str, Any]:
    """JSON Schema of expect.yaml."""
    return authored.schema(ExpectModel, title="expect.yaml")
