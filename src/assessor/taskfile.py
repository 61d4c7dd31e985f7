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

    required: Annotated[tuple[Annotated[str, *_PATH], ...], Field(min_length=1, max_length=100)] = Field(
        description="Paths that must be there, or the work is refused at once and no try is used."
    )
    allow: Annotated[tuple[Annotated[str, *_PATTERN], ...], Field(max_length=100)] = Field(
        default=(),
        description="Patterns of paths that are kept beside those; all else is left out and named. One "
        "without a slash fits a file's name in any folder; `*` stays within one folder, `**` "
        "crosses them.",
    )
    max_files: Annotated[authored.Number, Field(ge=1, le=1000)] = Field(
        default=50, description="The most files that are kept."
    )
    max_kib: Annotated[authored.Number, Field(ge=1, le=32 * 1024)] = Field(
        default=512, description="The most that all kept files hold together, KiB."
    )


class ServiceModel(authored.Strict):
    """A server that the learner's work starts."""

    command: _Words = Field(
        description="What starts it, in the folder of the work, word by word; no shell reads it. The port "
        "to listen on, of 127.0.0.1, is in the variable PORT."
    )
    ready_s: Annotated[authored.Number, Field(ge=1, le=60)] = Field(
        default=5, description="Until when it must accept connections, seconds from its start."
    )


class TestsModel(authored.Strict):
    """How the tests reach the work."""

    __test__ = False

    modules: Annotated[tuple[Annotated[str, *_MODULE], ...], Field(max_length=50)] = Field(
        default=(), description="Modules that the tests import of the work; of a package its own name."
    )
    inplace: authored.Truth = Field(
        default=False,
        description="Whether changes that the work makes to an argument come back to every test. Better "
        "mark the tests that ask for it with `@pytest.mark.inplace`.",
    )
    command: _Words | None = Field(
        default=None,
        description="What the fixture `program` runs, in a fresh copy of the work, word by word; no shell "
        "reads it. A test's arguments follow.",
    )
    service: ServiceModel | None = Field(
        default=None, description="The server that the fixture `service` starts."
    )


class FeedbackModel(authored.Strict):
    """What a learner is told."""

    visible: Annotated[Literal["full", "counts"], authored.one_of("full", "counts")] = Field(
        default="full",
        description="What is told of visible tests: `full` is name, outcome, message and output, `counts` "
        "how many passed.",
    )
    hidden: Annotated[Literal["counts", "none"], authored.one_of("counts", "none")] = Field(
        default="counts",
        description="What is told of hidden tests: `counts` is how many passed, `none` nothing.",
    )


class PolicyModel(authored.Strict):
    """By which rules a learner may try."""

    tries: Annotated[authored.Number, Field(ge=1, le=1000)] = Field(
        default=10, description="Judged submissions that each learner has; one that ends unjudged uses none."
    )
    cooldown_s: Annotated[authored.Number, Field(ge=0, le=30 * 24 * 3600)] = Field(
        default=0, description="From a submission that uses a try to the next one, seconds."
    )
    queue_class: Annotated[
        Literal["exam", "normal", "practice"], authored.one_of("exam", "normal", "practice")
    ] = Field(
        default="normal",
        alias="class",
        description="Who waits for whom: `exam` goes before `normal`, that before `practice`.",
    )
    feedback: FeedbackModel = Field(default=FeedbackModel(), description="What a learner is told.")


class WaiverModel(authored.Strict):
    """A mutant that no test can notice, or that none has to."""

    file: Annotated[str, *_PATH] = Field(description="The file of the reference, from the task's folder on.")
    line: Annotated[authored.Number, Field(ge=1, le=1_000_000)] = Field(
        description="The line that the mutant changes."
    )
    mutation: authored.Text = Field(description="What the finding says of it, after `nobody noticed that`.")
    reason: authored.Text = Field(description="Why no test can notice it, or why none has to.")


class StarterModel(authored.Strict):
    """What the starter may earn as it stands."""

    at_most: Annotated[authored.Number, Field(ge=0, le=99)] = Field(
        description="The most that the starter may earn as it stands, percent."
    )


class StrengthModel(authored.Strict):
    """How many mutants of the references the tests must notice."""

    at_least: Annotated[authored.Number, Field(ge=1, le=100)] = Field(
        default=80, description="How many mutants of the references the tests must notice, percent."
    )
    waived: Annotated[tuple[WaiverModel, ...], Field(max_length=500)] = Field(
        default=(), description="Mutants that do not count."
    )


_LEVELS = ("beginner", "intermediate", "advanced")


class TaskModel(authored.Strict):
    """task.yaml."""

    id: authored.Id = Field(description="The task's name everywhere: that of its folder.")
    version: authored.Version = Field(
        description="Yours to raise with every change that could change somebody's result; in quotes."
    )
    title: authored.Text = Field(description="Its name for people, one line.")
    summary: authored.Text = Field(description="What is asked for, in a sentence or two.")
    level: Annotated[Literal["beginner", "intermediate", "advanced"], authored.one_of(*_LEVELS)] = Field(
        description="How hard it is."
    )
    minutes: Annotated[authored.Number, Field(ge=1, le=10_000)] = Field(
        description="How long a learner should need, minutes."
    )
    competencies: Annotated[tuple[CompetencyModel, ...], Field(max_length=50)] = Field(
        default=(), description="Skills that the whole task shows, beside those of the rubric's criteria."
    )
    sandbox: authored.Id = Field(description="Where the work runs: the name of a folder in sandboxes/.")
    limits: LimitsModel = Field(
        default=LimitsModel(),
        description="What one attempt may use, within the sandbox's ceiling. A reference should need a "
        "third of it at most.",
    )
    submission: SubmissionModel = Field(description="What may be handed in.")
    tests: TestsModel = Field(default=TestsModel(), description="How the tests reach the work.")
    rubric: authored.Id = Field(description="How results are judged: the name of a file in rubrics/.")
    policy: PolicyModel = Field(default=PolicyModel(), description="By which rules a learner may try.")
    strength: StrengthModel = Field(
        default=StrengthModel(), description="How strong the tests must be for `assessor tasks check`."
    )
    starter: StarterModel | None = Field(
        default=None, description="What the starter may earn as it stands. Without it: less than full marks."
    )
