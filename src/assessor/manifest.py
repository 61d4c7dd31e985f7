"""The manifest: the lock of test ids that a task's references pass. It alone says which tests count.

Comes in: what the grader collected and the references passed, or `tasks/<id>/manifest.json`. Goes out: a
`Manifest`, with every mark resolved: which criterion a test feeds and what it is worth. The file is written
by `assessor tasks lock`, never by hand:

    {"tests_digest": "sha256:...",
     "tests": [{"id": "test_x.py::test_a[1]", "group": "test_x.py::test_a", "criterion": "correctness",
                "points": [1, 2], "visible": false}]}
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any

import pydantic
from pydantic import Field

from assessor import authored, digest
from assessor.errors import FileInvalid, ManifestStale
from assessor.rubric import Rubric, ScoredBy

#: The most tests that a task may have.
TESTS = 5000


@dataclass(frozen=True, kw_only=True)
class Marked:
    """A test as it was collected: its marks, not yet resolved.

    Attributes:
        id: pytest's node id, relative to the tests folder.
        group: the id without its parameters.
        criterion: named by `@pytest.mark.criterion`, or None.
        points: named there for the whole group, or None.
        visible: whether `@pytest.mark.visible` is on it.
    """

    id: str
    group: str
    criterion: str | None
    points: int | None
    visible: bool


@dataclass(frozen=True, kw_only=True)
class ManifestTest:
    """A test that counts.

    Attributes:
        id: pytest's node id, relative to the tests folder.
        group: the id without its parameters; cases of one group share its points.
        criterion: the criterion that it feeds.
        points: what it alone is worth, above 0.
        visible: whether a learner may see its name, message and output.
    """

    id: str
    group: str
    criterion: str
    points: Fraction
    visible: bool


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The tests that count, in pytest's order.

    Attributes:
        tests_digest: of the tests folder that it was made from.
        tests: at least one.
    """

    tests_digest: str
    tests: tuple[ManifestTest, ...]

    def dump(self) -> bytes:
        """The file's bytes; equal manifests give equal bytes."""
        tests = [
            {
                "id": test.id,
                "group": test.group,
                "criterion": test.criterion,
                "points": [test.points.numerator, test.points.denominator],
                "visible": test.visible,
            }
            for test in self.tests
        ]
        made = json.dumps({"tests_digest": self.tests_digest, "tests": tests}, indent=1, ensure_ascii=False)
        return made.encode() + b"\n"

    @functools.cached_property
    def digest(self) -> str:
        """The digest of `dump()`; found once, since each record names it."""
        return digest.sha256(self.dump())


class _Test(authored.Strict):
    id: Annotated[str, Field(min_length=1, max_length=4000)]
    group: Annotated[str, Field(min_length=1, max_length=4000)]
    criterion: Annotated[str, Field(pattern=f"^{authored.ID}$")]
    points: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]
    visible: bool


class _Manifest(authored.Strict):
    tests_digest: Annotated[str, Field(pattern=f"^{digest.PATTERN.pattern}$")]
    tests: Annotated[tuple[_Test, ...], Field(min_length=1, max_length=TESTS)]


def make(tests: Sequence[Marked], *, rubric: Rubric, tests_digest: str, path: str) -> Manifest:
    """The manifest of these tests, in their order.

    The points of a mark are its group's total and shared equally among the cases; without them each case is
    worth 1.

    Args:
        tests: collected, and passed by every reference; what does not count is left out by the caller.
        rubric: says which criteria there are and which one unmarked tests feed.
        tests_digest: of the tests folder.
        path: the tests folder as the author knows it, for errors.

    Raises:
        FileInvalid: no test, an id twice, a criterion that the rubric lacks or a reviewer scores, an unmarked
            test where the rubric has no default, cases of one test whose marks differ, points below 1, or a
            criterion that no test feeds.
    """
    if not tests:
        raise FileInvalid(path, "expected at least one test that every reference passes, got none")
    _once(path, [test.id for test in tests])
    sizes = Counter(test.group for test in tests)
    marks: dict[str, tuple[str | None, int | None]] = {}
    made = []
    for test in tests:
        mark = (test.criterion, test.points)
        if marks.setdefault(test.group, mark) != mark:
            raise FileInvalid(
                f"{path}/{test.group}", "expected the same criterion and points on every case of one test"
            )
        if test.points is not None and test.points < 1:
            raise FileInvalid(f"{path}/{test.group}", f"expected points of at least 1, got {test.points}")
        criterion = test.criterion or rubric.default
        if criterion is None:
            raise FileInvalid(
                f"{path}/{test.group}",
                f"expected @pytest.mark.criterion(...), since rubric {rubric.id} has no default",
            )
        problem = _unfit(criterion, rubric)
        if problem:
            raise FileInvalid(f"{path}/{test.group}", problem)
        made.append(
            ManifestTest(
                id=test.id,
                group=test.group,
                criterion=criterion,
                points=Fraction(1) if test.points is None else Fraction(test.points, sizes[test.group]),
                visible=test.visible,
            )
        )
    found = Manifest(tests_digest=tests_digest, tests=tuple(made))
    _all_fed(found, rubric)
    return found


def load(data: bytes, path: str) -> Manifest:
    """The manifest in these bytes.

    Raises:
        FileInvalid: they are not what `assessor tasks lock` writes.
    """
    try:
        value = json.loads(data, object_pairs_hook=_object)
        # Lists stand for tuples in JSON; pydantic knows that when it reads JSON itself.
        model = _Manifest.model_validate_json(json.dumps(value))
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise FileInvalid(
            path, f"expected what `assessor tasks lock` writes, got {where}: {first['msg']}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise FileInvalid(path, f"expected what `assessor tasks lock` writes, got: {error}") from error
    _once(path, [test.id for test in model.tests])
    return Manifest(
        tests_digest=model.tests_digest,
        tests=tuple(
            ManifestTest(
                id=test.id,
                group=test.group,
                criterion=test.criterion,
                points=Fraction(*test.points),
                visible=test.visible,
            )
            for test in model.tests
        ),
    )


def check(manifest: Manifest | None, rubric: Rubric, *, tests_digest: str, path: str) -> Manifest:
    """The manifest, once it is sure that it fits the tests beside it and the rubric.

    Raises:
        ManifestStale: there is none, it was made from other tests, or its criteria are not the rubric's.
        FileInvalid: a criterion that tests should score is fed by none.
    """
    mend = "run `assessor tasks lock`"
    if manifest is None:
        raise ManifestStale(f"{path}: expected the lock of the tests, got nothing; {mend}")
    if manifest.tests_digest != tests_digest:
        raise ManifestStale(
            f"{path}: expected the lock of tests {tests_digest}, got that of {manifest.tests_digest}; {mend}"
        )
    for test in manifest.tests:
        problem = _unfit(test.criterion, rubric)
        if problem:
            raise ManifestStale(f"{path}: {test.id}: {problem}; {mend}")
    _all_fed(manifest, rubric)
    return manifest


def _unfit(criterion_id: str, rubric: Rubric) -> str | None:
    criterion = rubric.criterion(criterion_id)
    if criterion is None:
        hint = authored.nearest(criterion_id, [one.id for one in rubric.criteria])
        return f'expected a criterion of rubric {rubric.id}, got "{criterion_id}"{hint}'
    if criterion.scored_by is not ScoredBy.TESTS:
        by = "a reviewer marks" if criterion.scored_by is ScoredBy.REVIEW else "static checks score"
        return f'expected a criterion that is scored by tests, got "{criterion_id}", which {by}'
    return None


def _all_fed(manifest: Manifest, rubric: Rubric) -> None:
    fed = {test.criterion for test in manifest.tests}
    starved = [c.id for c in rubric.criteria if c.scored_by is ScoredBy.TESTS and c.id not in fed]
    if starved:
        raise FileInvalid(
            f"rubrics/{rubric.id}.yaml",
            f"expected tests for every criterion that is scored by tests, got none for: {', '.join(starved)}",
        )


def _once(path: str, ids: Sequence[str]) -> None:
    twice = [test_id for test_id, count in Counter(ids).items() if count > 1]
    if twice:
        raise FileInvalid(path, f"expected each test id once, got {twice[0]} again")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key twice in one object")
    return made
