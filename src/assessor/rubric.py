"""A rubric: what turns test results and reviewers' marks into points, levels and a decision.

Comes in: `rubrics/<id>.yaml`. Goes out: a `Rubric`. The arithmetic is left to `scoring`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from assessor import authored, digest, staticfile
from assessor.staticfile import StaticCheck


class ScoredBy(StrEnum):
    """What gives a criterion its points."""

    TESTS = "tests"  #: the tests that feed it
    REVIEW = "review"  #: a person's mark
    STATIC = "static"  #: checks of its source, which run nothing of it


@dataclass(frozen=True, kw_only=True)
class Competency:
    """A skill as a public framework names it.

    Attributes:
        framework: `ESCO`, `CASE`, `CTDL`, `own`...
        code: its key in the framework.
        name: its name in the framework.
        url: where it is described, or None.
    """

    framework: str
    code: str
    name: str
    url: str | None


@dataclass(frozen=True, kw_only=True)
class Level:
    """A level of competency.

    Attributes:
        id: name in records.
        title: name for people.
        threshold: the least percent that reaches it, 0 to 100.
    """

    id: str
    title: str
    threshold: int


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """One thing that is judged.

    Attributes:
        id: name in marks and records.
        title: name for people.
        description: what reaching it means, or empty.
        weight: its share of the total, percent.
        scored_by: what gives its points.
        competency: the skill that it shows, or None.
        gate: the percent of this criterion without which nothing passes, or None.
        levels: ascending by threshold; may be empty.
        marks: the most that a reviewer can give, or None where no person scores.
        checks: static checks that score it, at least one where they do; else empty.
    """

    id: str
    title: str
    description: str
    weight: int
    scored_by: ScoredBy
    competency: Competency | None
    gate: int | None
    levels: tuple[Level, ...]
    marks: int | None
    checks: tuple[StaticCheck, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Rubric:
    """How work is judged.

    Attributes:
        id: the file's name.
        version: the author's.
        title: for people.
        criteria: at least one; their weights add up to 100.
        default: the criterion that tests without a mark feed, or None.
        levels: of the whole, ascending; may be empty.
        pass_from: the percent of the total that passes, 1 to 100.
        digest: of `source`.
        source: the file's bytes.
    """

    id: str
    version: str
    title: str
    criteria: tuple[Criterion, ...]
    default: str | None
    levels: tuple[Level, ...]
    pass_from: int
    digest: str
    source: bytes

    def criterion(self, criterion_id: str) -> Criterion | None:
        """The criterion of this id, or None."""
        return next((one for one in self.criteria if one.id == criterion_id), None)


_Percent = Annotated[authored.Number, Field(ge=0, le=100)]
_Share = Annotated[authored.Number, Field(ge=1, le=100)]
_Url = Annotated[
    str, *authored.matching(r"https?://[^\s<>\"']{1,500}", "an address that starts with https://")
]


class CompetencyModel(authored.Strict):
    """A competency of a criterion or a task."""

    framework: authored.Text = Field(description="Who names the skill: ESCO, SFIA, CASE, CTDL, or own.")
    code: authored.Text = Field(
        description="Its key in that framework. Badges know a skill by framework and code alone."
    )
    name: authored.Text = Field(description="Its name in that framework.")
    url: _Url | None = Field(default=None, description="Where it is described.")

    def competency(self) -> Competency:
        """The plain value."""
        return Competency(framework=self.framework, code=self.code, name=self.name, url=self.url)


class LevelModel(authored.Strict):
    """One level."""

    id: authored.Id = Field(description="Its name in records and badges.")
    title: authored.Text = Field(description="Its name for people.")
    threshold: _Percent = Field(
        alias="from",
        description="The least that reaches it, percent; each level needs more than the one before.",
    )


class CriterionModel(authored.Strict):
    """One criterion."""

    id: authored.Id = Field(
        description="Its name in `@pytest.mark.criterion`, in expect.yaml and in records."
    )
    title: authored.Text = Field(description="Its name for people.")
    description: authored.Text | None = Field(
        default=None, description="What reaching it means, for learners and reviewers."
    )
    weight: _Share = Field(
        description="Its share of the whole, percent; those of all criteria add up to 100."
    )
    scored_by: Annotated[
        Literal["tests", "review", "static"], authored.one_of("tests", "review", "static")
    ] = Field(
        description="What gives its points: the tests that name it, a person, or checks of the source that "
        "run nothing of it."
    )
    competency: CompetencyModel | None = Field(default=None, description="The skill that it shows.")
    gate: _Share | None = Field(
        default=None,
        description="The percent of this criterion without which nothing passes, whatever the rest earns.",
    )
    levels: tuple[LevelModel, ...] = Field(
        default=(), description="Levels of the skill that it shows, ascending."
    )
    marks: Annotated[authored.Number, Field(ge=1, le=1000)] | None = Field(
        default=None,
        description="The most that a reviewer can give; where `scored_by` is `review`, and only there.",
    )
    checks: Annotated[tuple[staticfile.CheckModel, ...], Field(max_length=50)] = Field(
        default=(),
        description="Static checks; where `scored_by` is `static`, and only there, at least one.",
    )


class PassModel(authored.Strict):
    """The award rule."""

    threshold: _Share = Field(alias="from", description="The percent of the whole that passes.")


class RubricModel(authored.Strict):
    """rubrics/<id>.yaml."""

    id: authored.Id = Field(description="Its name in task.yaml: that of the file.")
    version: authored.Version = Field(description="Yours to raise with every change; in quotes.")
    title: authored.Text = Field(description="Its name for people, one line.")
    criteria: Annotated[tuple[CriterionModel, ...], Field(min_length=1, max_length=50)] = Field(
        description="What is judged."
    )
    default: authored.Id | None = Field(
        default=None,
        description="The criterion that tests without a mark feed. Without it each test needs a mark.",
    )
    levels: tuple[LevelModel, ...] = Field(default=(), description="Levels of the whole, ascending.")
    passing: PassModel = Field(alias="pass", description="What passes, gates apart.")


def load(data: bytes, *, rubric_id: str) -> Rubric:
    """The rubric in `rubrics/<rubric_id>.yaml`.

    Raises:
        FileInvalid: the file is wrong, or does not hold together: weights that do not add up to 100, an id
            twice, levels that do not ascend, a default that no tests could feed.
    """
    document = authored.read(data, f"rubrics/{rubric_id}.yaml")
    model = document.parse(RubricModel)
    if model.id != rubric_id:
        raise document.invalid(("id",), f'expected the file\'s name "{rubric_id}", got "{model.id}"')
    _check(document, model)
    return Rubric(
        id=model.id,
        version=model.version,
        title=model.title,
        criteria=tuple(_criterion(one) for one in model.criteria),
        default=model.default,
        levels=_levels(model.levels),
        pass_from=model.passing.threshold,
        digest=digest.sha256(data),
        source=data,
    )


def schema() -> dict[str, Any]:
    """JSON Schema of a rubric."""
    return authored.schema(RubricModel, title="rubric")


_SCORES = {"tests": "tests score", "review": "a reviewer scores", "static": "static checks score"}


def _check(document: authored.Document, model: RubricModel) -> None:
    seen: set[str] = set()
    for at, one in enumerate(model.criteria):
        here: authored.Loc = ("criteria", at)
        if one.id in seen:
            raise document.invalid((*here, "id"), f'expected each criterion once, got "{one.id}" again')
        seen.add(one.id)
        if one.scored_by == "review" and one.marks is None:
            raise document.invalid(here, 'expected the key "marks": the most that a reviewer can give')
        if one.scored_by != "review" and one.marks is not None:
            raise document.invalid(
                (*here, "marks"), f"expected none: {_SCORES[one.scored_by]} this criterion"
            )
        if one.scored_by == "static" and not one.checks:
            raise document.invalid(here, 'expected the key "checks": at least one static check')
        if one.scored_by != "static" and one.checks:
            raise document.invalid(
                (*here, "checks"), f"expected none: {_SCORES[one.scored_by]} this criterion"
            )
        staticfile.check(document, (*here, "checks"), one.checks)
        _ascending(document, (*here, "levels"), one.levels)
    _ascending(document, ("levels",), model.levels)
    weights = sum(one.weight for one in model.criteria)
    if weights != 100:
        raise document.invalid(("criteria",), f"expected weights that add up to 100, got {weights}")
    fed = [one.id for one in model.criteria if one.scored_by == "tests"]
    if not fed and any(one.scored_by == "static" for one in model.criteria):
        raise document.invalid(
            ("criteria",), "expected a criterion that tests score: what code looks like says not what it does"
        )
    if model.default is not None and model.default not in fed:
        hint = authored.nearest(model.default, fed)
        raise document.invalid(
            ("default",), f'expected a criterion that is scored by tests, got "{model.default}"{hint}'
        )


def _ascending(document: authored.Document, loc: authored.Loc, levels: Sequence[LevelModel]) -> None:
    for at in range(1, len(levels)):
        before, level = levels[at - 1], levels[at]
        if level.threshold <= before.threshold:
            raise document.invalid(
                (*loc, at, "from"), f"expected more than {before.threshold}, got {level.threshold}"
            )
        if level.id in {one.id for one in levels[:at]}:
            raise document.invalid((*loc, at, "id"), f'expected each level once, got "{level.id}" again')


def _criterion(model: CriterionModel) -> Criterion:
    return Criterion(
        id=model.id,
        title=model.title,
        description=model.description or "",
        weight=model.weight,
        scored_by=ScoredBy(model.scored_by),
        competency=model.competency.competency() if model.competency else None,
        gate=model.gate,
        levels=_levels(model.levels),
        marks=model.marks,
        checks=tuple(map(staticfile.made, model.checks)),
    )


def _levels(models: Sequence[LevelModel]) -> tuple[Level, ...]:
    return tuple(Level(id=one.id, title=one.title, threshold=one.threshold) for one in models)
