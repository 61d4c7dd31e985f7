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

    framework: authored.Text
    code: authored.Text


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

    task: authored.Id | None = None
    competency: CompetencyKeyModel | None = None
    achievement: authored.Id | None = None
    level: authored.Id | None = None
    tasks: Annotated[authored.Number, Field(ge=1, le=50)] | None = None


class RenewalModel(authored.Strict):
    """How an award that runs out goes on."""

    window_days: Annotated[authored.Number, Field(ge=1, le=3650)]


class BadgeModel(authored.Strict):
    """badges/<id>.yaml."""

    id: authored.Id
    version: authored.Version
    name: _Name
    description: authored.Text
    criteria: authored.Text
    image: Annotated[str, *_IMAGE] | None = None
    competencies: Annotated[tuple[CompetencyModel, ...], Field(max_length=50)] = ()
    requires: Annotated[tuple[RequirementModel, ...], Field(min_length=1, max_length=50)]
    valid_months: Annotated[authored.Number, Field(ge=1, le=600)] | None = None
    renewal: RenewalModel | None = None
    tags: Annotated[tuple[_Tag, ...], Field(max_length=20)] = ()
