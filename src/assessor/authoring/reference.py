"""The reference of the files that authors write: docs/reference.md, made from the models that parse them.

Comes in: the JSON Schemas of `schemas`, and an example of each kind, in `examples/`. Goes out: Markdown, a
table of keys for each kind and for each part of one. What a key does is said once, in its model, where
editors find it too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from assessor.authoring import schemas
from assessor.errors import FileInvalid

#: By kind, in the order of the page: the file's heading, and what it is, in one line.
FILES: Mapping[str, tuple[str, str]] = {
    "task": ("task.yaml", "`tasks/<id>/task.yaml`: the rules of a task. Learners do not see it."),
    "rubric": (
        "Rubrics",
        "`rubrics/<id>.yaml`: how results become points, levels of competency and a decision.",
    ),
    "expect": (
        "expect.yaml",
        "`tasks/<id>/faulty/<name>/expect.yaml`: what known-bad work must fail; it is not run.",
    ),
    "sandbox": (
        "sandbox.yaml",
        "`sandboxes/<name>/sandbox.yaml`, beside the Dockerfile: where work runs, and how much it may use.",
    ),
    "badge": ("Badges", "`badges/<id>.yaml`: what a badge stands for, and what it takes."),
    "issuer": ("issuer.yaml", "`issuer.yaml`, beside tasks/: who awards."),
}

_PARTS = "#/$defs/"
_HEAD = """\
# Reference of the files that authors write

Made by `assessor schema --markdown` from the models that parse these files; do not edit it. An editor shows
the same while you write: [authors.md](authors.md#your-editor) says how.

All are YAML in UTF-8, small and strict: an unknown key, a key twice, a key without a value, an alias, an
anchor or a tag is an error with file, line and column. Numbers are whole and without quotes. A key whose
default is *required* must be there; one that has no default does nothing when it is left out, unless its
line says what.
"""


@dataclass(frozen=True, kw_only=True)
class _Page:
    """One kind while it is written.

    Attributes:
        title: its heading.
        parts: by name, the models that it is made of.
        places: by name of a part, the heading of its table.
    """

    title: str
    parts: Mapping[str, dict[str, Any]]
    places: dict[str, str] = field(default_factory=dict)

    def variant(self, name: str) -> str:
        """How a part's heading tells it from others in the same place: the words that it alone may have."""
        words = [str(one["const"]) for one in self.parts[name]["properties"].values() if "const" in one]
        return f", {', '.join(words)}" if words else f", {name}"


def markdown() -> str:
    """The page.

    Raises:
        FileInvalid: a key has no description, or a kind of file is not among `FILES`.
    """
    unknown = set(schemas.SCHEMAS) ^ set(FILES)
    if unknown:
        raise FileInvalid(
            "docs/reference.md",
            f"expected a heading for each kind of file, none or too many for: {', '.join(sorted(unknown))}",
        )
    return "\n".join([_HEAD, *(line for kind in FILES for line in _kind(kind))])


def example(kind: str) -> str:
    """A file of this kind that has every key."""
    return (resources.files("assessor.authoring") / "examples" / f"{kind}.yaml").read_text("utf-8")


def _kind(kind: str) -> Iterator[str]:
    title, about = FILES[kind]
    schema = schemas.schema(kind)
    page = _Page(title=title, parts=schema.get("$defs", {}))
    yield f"## {title}\n\n{about}\n"
    yield from _table(page, schema, path="")
    yield f"### {title}: an example with every key\n\n```yaml\n{example(kind)}```\n"


def _table(page: _Page, schema: dict[str, Any], *, path: str) -> Iterator[str]:
    """The keys of one model, then those of the models that it is the first to name."""
    found: list[tuple[str, str]] = []
    rows = ["| key | value | default | what it does |", "| --- | --- | --- | --- |"]
    for key, value in schema["properties"].items():
        where = f"{path}.{key}" if path else key
        # Where both say the same, pydantic leaves it to the model.
        said = value.get("description") or page.parts.get(_named(value), {}).get("description")
        if not said:
            raise FileInvalid("docs/reference.md", f"{page.title}: {where}: expected a description, got none")
        names = _parts(value)
        for name in names:
            if name not in page.places:
                page.places[name] = f"{page.title}: `{where}`{page.variant(name) if len(names) > 1 else ''}"
                found.append((name, where))
        default = _default(value, required=key in schema.get("required", ()))
        cells = (f"`{key}`", _value(page, value), default, said)
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    yield "\n".join(rows) + "\n"
    for name, where in found:
        part = page.parts[name]
        if "description" not in part:
            raise FileInvalid("docs/reference.md", f"{page.title}: {where}: expected a docstring, got none")
        yield f"### {page.places[name]}\n\n{part['description']}\n"
        yield from _table(page, part, path=where)


def _named(value: dict[str, Any]) -> str:
    """The name of the model that a value is, or none."""
    return str(value.get("$ref", "")).removeprefix(_PARTS)


def _choices(value: dict[str, Any]) -> list[dict[str, Any]]:
    """What a value may be one of, where it may be several things."""
    return [*value.get("oneOf", ()), *value.get("anyOf", ())]


def _parts(value: dict[str, Any]) -> list[str]:
    """The names of the models that a value may be, or that what it holds may be."""
    if "$ref" in value:
        return [_named(value)]
    held = [value["items"]] if "items" in value else []
    if isinstance(value.get("additionalProperties"), dict):
        held.append(value["additionalProperties"])
    return [name for one in (*held, *_choices(value)) for name in _parts(one)]


def _value(page: _Page, value: dict[str, Any]) -> str:
    """What a value may be, in words."""
    if "items" in value:
        size = _range(value.get("minItems"), value.get("maxItems"))
        return f"list{size and f' of {size}'}: {_value(page, value['items'])}"
    if _choices(value):
        return " or ".join(_value(page, one) for one in _choices(value))
    if "$ref" in value:
        heading = page.places[_named(value)]
        shown = heading.removeprefix(f"{page.title}: ").replace("`", "")
        return f"keys of [{shown}](#{anchor(heading)})"
    if value["type"] == "object":
        return f"names, each with: {_value(page, value['additionalProperties'])}"
    words = [value["const"]] if "const" in value else value.get("enum")
    if words:
        *most, last = (f"`{word}`" for word in words)
        return f"{', '.join(most)} or {last}" if most else last
    if value["type"] == "integer":
        return f"number, {_range(value.get('minimum'), value.get('maximum'))}"
    if value["type"] == "boolean":
        return "`true` or `false`"
    if "patternErrorMessage" in value:
        return str(value["patternErrorMessage"]).removeprefix("expected ").replace("*", "\\*")
    return f"text, {_range(None, value['maxLength'])} characters"


def _range(least: int | None, most: int | None) -> str:
    if least is None:
        return "" if most is None else f"at most {most}"
    return f"at least {least}" if most is None else f"{least} to {most}"


def _default(value: dict[str, Any], *, required: bool) -> str:
    if required:
        return "*required*"
    default = value.get("default")
    if default in (None, []):
        return ""
    if isinstance(default, list):
        return ", ".join(f"`{one}`" for one in default)
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def anchor(heading: str) -> str:
    """How a heading is linked to, as GitHub and most that show Markdown make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
