"""task.yaml as its author writes it: which keys there are, of which kind, within which bounds.

What the keys mean together, and with the task's other files, is left to `task`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from assessor import authored
from assessor.profile import LimitsModel
from assessor.rubric import CompetencyModel

_MODULE = authored.matching(r"[A-Za-z_][A-Za-z0-9_]*", "the name of a Python module")
_PATH = authored.matching(
    r"(?!.*(^|/)\.{0,2}(/|$))[^\\\x00-\x1f*?\[\]]{1,200}", "a path in the submission, without wildcards"
)
_PATTERN = authored.matching(
    r"(?!.*(^|/)\.{0,2}(/|$))[^\\\x00-\x1f\[\]]{1,200}", "a pattern such as *.py or src/**/*.py"
)
_Words = Annotated[tuple[authored.Text, ...], Field(min_length=1, max_length=50)]


class SubmissionModel(authored.Strict):
    """What may be handed in."""

    required: Annotated[tuple[Annotated[str, *_PATH], ...], Field(min_length=1, max_length=100)]
    allow: Annotated[tuple[Annotated[str, *_PATTERN], ...], Field(max_length=100)] = ()
    max_files: Annotated[authored.Number, Field(ge=1, le=1000)] = 50
    max_kib: Annotated[authored.Number, Field(ge=1, le=32 * 1024)] = 512


class ServiceModel(authored.Strict):
    """A server that the learner's work starts."""

    command: _Words
    ready_s: Annotated[authored.Number, Field(ge=1, le=60)] = 5


class TestsModel(authored.Strict):
    """How the tests reach the work."""

    __test__ = False

    modules: Annotated[tuple[Annotated[str, *_MODULE], ...], Field(max_length=50)] = ()
    inplace: authored.Truth = False
    command: _Words | None = None
    service: ServiceModel | None = None


class FeedbackModel(authored.Strict):
    """What a learner is told."""

    visible: Annotated[Literal["full", "counts"], authored.one_of("full", "counts")] = "full"
    hidden: Annotated[Literal["counts", "none"], authored.one_of("counts", "none")] = "counts"


class PolicyModel(authored.Strict):
    """By which rules a learner may try."""

    tries: Annotated[authored.Number, Field(ge=1, le=1000)] = 10
    cooldown_s: Annotated[authored.Number, Field(ge=0, le=30 * 24 * 3600)] = 0
    queue_class: Annotated[
        Literal["exam", "normal", "practice"], authored.one_of("exam", "normal", "practice")
    ] = Field(default="normal", alias="class")
    feedback: FeedbackModel = FeedbackModel()


class WaiverModel(authored.Strict):
    """A mutant that no test can notice, or that none has to."""

    file: Annotated[str, *_PATH]
    line: Annotated[authored.Number, Field(ge=1, le=1_000_000)]
    mutation: authored.Text
    reason: authored.Text


class StarterModel(authored.Strict):
    """What the starter may earn as it stands."""

    at_most: Annotated[authored.Number, Field(ge=0, le=99)]


class StrengthModel(authored.Strict):
    """How many mutants of the references the tests must notice."""

    at_least: Annotated[authored.Number, Field(ge=1, le=100)] = 80
    waived: Annotated[tuple[WaiverModel, ...], Field(max_length=500)] = ()


_LEVELS = ("beginner", "intermediate", "advanced")


class TaskModel(authored.Strict):
    """task.yaml."""

    id: authored.Id
    version: authored.Version
    title: authored.Text
    summary: authored.Text
    level: Annotated[Literal["beginner", "intermediate", "advanced"], authored.one_of(*_LEVELS)]
    minutes: Annotated[authored.Number, Field(ge=1, le=10_000)]
    competencies: Annotated[tuple[CompetencyModel, ...], Field(max_length=50)] = ()
    sandbox: authored.Id
    limits: LimitsModel = LimitsModel()
    submission: SubmissionModel
    tests: TestsModel = TestsModel()
    rubric: authored.Id
    policy: PolicyModel = PolicyModel()
    strength: StrengthModel = StrengthModel()
    starter: StarterModel | None = None
