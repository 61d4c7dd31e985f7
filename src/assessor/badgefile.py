"""badges/<id>.yaml as its author writes it: which keys there are, of which kind, within which bounds.

What the keys mean together, and with the rest of the catalog, is left to `achievement`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from assessor import authored
from assessor.rubric import CompetencyModel

_IMAGE = authored.matching(
    r"(?!.*(^|/)\.)[A-Za-z0-9][A-Za-z0-9._/-]{0,195}\.svg", "the path of an .svg file in badges/"
)
_Name = Annotated[
    authored.Text, *authored.matching(r"[^\n]{1,120}", "a name in one line, at most 120 characters")
]
_Tag = Annotated[
    authored.Text, *authored.matching(r"\S(.{0,58}\S)?", "a word or a few, at most 60 characters")
]


class CompetencyKeyModel(authored.Strict):
    """A competency as a requirement names it."""

    framework: authored.Text = Field(description="Who names the skill.")
    code: authored.Text = Field(description="Its key in that framework, as a rubric's criterion has it.")


class RequirementModel(authored.Strict):
    """One thing that is required: one of `task`, `competency` and `achievement`, and what fits it."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["task"], "not": {"required": ["tasks"]}},
                {"required": ["competency"]},
                {
                    "required": ["achievement"],
                    "not": {"anyOf": [{"required": ["level"]}, {"required": ["tasks"]}]},
                },
            ]
        }
    )

    task: authored.Id | None = Field(default=None, description="A task that was passed.")
    competency: CompetencyKeyModel | None = Field(
        default=None, description="A skill that was shown, in whichever tasks."
    )
    achievement: authored.Id | None = Field(default=None, description="Another badge that is held.")
    level: authored.Id | None = Field(
        default=None,
        description="The level that it takes: of the task's rubric, or of the criterion that shows the "
        "skill.",
    )
    tasks: Annotated[authored.Number, Field(ge=1, le=50)] | None = Field(
        default=None,
        description="In how many different tasks the skill must be shown; beside `competency` alone. "
        "Without it one.",
    )


class RenewalModel(authored.Strict):
    """How an award that runs out goes on."""

    window_days: Annotated[authored.Number, Field(ge=1, le=3650)] = Field(
        description="From how many days before its end on an award may be renewed."
    )


class BadgeModel(authored.Strict):
    """badges/<id>.yaml."""

    id: authored.Id = Field(description="Its name in requirements and addresses: that of the file.")
    version: authored.Version = Field(description="Yours to raise with every change; in quotes.")
    name: _Name = Field(description="Its name for people.")
    description: authored.Text = Field(description="What it stands for, plain text.")
    criteria: authored.Text = Field(
        description="What one must do to earn it, Markdown; whoever checks the badge reads it."
    )
    image: Annotated[str, *_IMAGE] | None = Field(
        default=None, description="Its picture, a path in badges/. Without it one is drawn from the name."
    )
    competencies: Annotated[tuple[CompetencyModel, ...], Field(max_length=50)] = Field(
        default=(), description="The skills that it stands for."
    )
    requires: Annotated[tuple[RequirementModel, ...], Field(min_length=1, max_length=50)] = Field(
        description="What it takes: all of these."
    )
    valid_months: Annotated[authored.Number, Field(ge=1, le=600)] | None = Field(
        default=None, description="How long an award holds, months. Without it for good."
    )
    renewal: RenewalModel | None = Field(
        default=None, description="How an award that runs out goes on; beside `valid_months` alone."
    )
    tags: Annotated[tuple[_Tag, ...], Field(max_length=20)] = Field(
        default=(), description="Words to find it by."
    )
