"""What editors and docs/reference.md say of authored files is what the parsers hold them to."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import jsonschema
import pytest
import yaml
from pydantic import Field

from assessor import authored, badgefile, issuer, profile, rubric, taskfile
from assessor.authoring import expect, reference, schemas
from assessor.errors import FileInvalid

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "src" / "assessor" / "authoring" / "examples"
#: How an example is read: with the checks of its own file, where it needs no other.
PARSERS: dict[str, Callable[[bytes], object]] = {
    "task": lambda data: authored.load(data, "task.yaml", taskfile.TaskModel),
    "rubric": lambda data: rubric.load(data, rubric_id="word-count"),
    "expect": lambda data: authored.load(data, "expect.yaml", expect.ExpectModel),
    "sandbox": lambda data: profile.load(data, name="python-data"),
    "badge": lambda data: authored.load(data, "badge.yaml", badgefile.BadgeModel),
    "issuer": lambda data: issuer.load(
        data,
        named=lambda method, url: f"did:{method}:x",
        image=lambda name: b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    ),
}
KINDS = sorted(schemas.SCHEMAS)


def shipped() -> Iterator[tuple[str, Path]]:
    """Kind and file of all that is authored here."""
    for kind, pattern in (
        ("task", "tasks/*/task.yaml"),
        ("expect", "tasks/*/faulty/*/expect.yaml"),
        ("rubric", "rubrics/*.yaml"),
        ("sandbox", "sandboxes/*/sandbox.yaml"),
        ("badge", "badges/*.yaml"),
    ):
        found = sorted(ROOT.glob(pattern))
        assert found, pattern
        for path in found:
            yield kind, path
    for path in sorted(EXAMPLES.glob("*.yaml")):
        yield path.stem, path


def named(schema: dict[str, Any], parts: dict[str, Any]) -> dict[str, Any]:
    """The model that a schema names, or itself."""
    return dict(parts[schema["$ref"].removeprefix("#/$defs/")]) if "$ref" in schema else schema


def said(schema: dict[str, Any]) -> dict[str, Any]:
    """The keys that have one value only."""
    return {key: one["const"] for key, one in schema["properties"].items() if "const" in one}


def keys(
    schema: dict[str, Any], parts: dict[str, Any], value: Any, *, at: str = ""
) -> Iterator[tuple[str, set[str]]]:
    """Each mapping of a document: where it is, and the keys of its schema that it lacks."""
    if "oneOf" in schema and "properties" not in schema:  # the one that has the same words
        schema = next(one for one in schema["oneOf"] if said(named(one, parts)).items() <= value.items())
        at = f"{at}:{schema['$ref']}"
    schema = named(schema, parts)
    if isinstance(value, list):
        for item in value:
            yield from keys(schema["items"], parts, item, at=at)
    elif isinstance(value, dict) and "properties" in schema:
        yield at, set(schema["properties"]) - set(value)
        for key, item in value.items():
            yield from keys(schema["properties"][key], parts, item, at=f"{at}.{key}")


def mappings(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from mappings(item)


def valid(kind: str, document: Any) -> bool:
    return jsonschema.Draft202012Validator(schemas.schema(kind)).is_valid(document)


def test_page_is_what_the_models_say() -> None:
    assert (ROOT / "docs" / "reference.md").read_text() == reference.markdown(), (
        "run: assessor schema --markdown > docs/reference.md"
    )


def test_key_without_description_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Told(authored.Strict):
        """What is told."""

        quiet: authored.Text

    class Silent(authored.Strict):
        told: tuple[Told, ...] = Field(description="It says something.")

    made = authored.schema(Silent, title="silent")
    monkeypatch.setattr(schemas, "SCHEMAS", {**schemas.SCHEMAS, "issuer": lambda: made})
    with pytest.raises(FileInvalid, match=r"issuer\.yaml: told\.quiet: expected a description, got none"):
        reference.markdown()


def test_choices_and_names_of_the_authors_own_have_their_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    class Circle(authored.Strict):
        """Round."""

        shape: Literal["circle"] = Field(description="Which one.")
        across: authored.Number = Field(ge=1, description="Its width, mm.")

    class Square(authored.Strict):
        """Not round."""

        shape: Literal["square"] = Field(description="Which one.")
        colours: tuple[authored.Id, ...] = Field(
            default=("red", "blue"), description="What it is painted in."
        )

    class Page(authored.Strict):
        drawn: tuple[Annotated[Circle | Square, Field(discriminator="shape")], ...] = Field(
            description="All."
        )
        notes: dict[str, tuple[authored.Text, ...]] = Field(default={}, description="By reader.")

    made = authored.schema(Page, title="page")
    monkeypatch.setattr(schemas, "SCHEMAS", {**schemas.SCHEMAS, "issuer": lambda: made})
    page = reference.markdown()
    circle, square = "[drawn, circle](#issueryaml-drawn-circle)", "[drawn, square](#issueryaml-drawn-square)"
    assert f"| `drawn` | list: keys of {circle} or keys of {square} | *required* | All. |" in page
    assert "### issuer.yaml: `drawn`, circle\n\nRound.\n" in page
    assert "| `across` | number, at least 1 | *required* | Its width, mm. |" in page
    assert "| `shape` | `square` | *required* | Which one. |" in page
    assert "at most 64 characters | `red`, `blue` | What it is painted in. |" in page
    assert "| `notes` | names, each with: list: text, at most 4000 characters |  | By reader. |" in page


def test_kind_that_the_page_does_not_know_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemas, "SCHEMAS", {**schemas.SCHEMAS, "timetable": schemas.SCHEMAS["issuer"]})
    with pytest.raises(FileInvalid, match="timetable"):
        reference.markdown()


@pytest.mark.parametrize("kind", KINDS)
def test_example_is_read_and_has_every_key(kind: str) -> None:
    text = reference.example(kind)
    PARSERS[kind](text.encode())
    schema = schemas.schema(kind)
    lacking: dict[str, set[str]] = {}
    for where, missing in keys(schema, schema.get("$defs", {}), yaml.safe_load(text)):
        lacking[where] = lacking.get(where, missing) & missing  # items of a list have them together
    assert {where: missing for where, missing in lacking.items() if missing} == {}


@pytest.mark.parametrize("kind", KINDS)
def test_modeline_of_the_example_leads_to_its_schema(kind: str) -> None:
    first = reference.example(kind).partition("\n")[0]
    assert re.fullmatch(rf"# yaml-language-server: \$schema=(\.\./)*schemas/{kind}\.json", first)


@pytest.mark.parametrize(
    ("kind", "path"), list(shipped()), ids=lambda value: str(value).removeprefix(f"{ROOT}/")
)
def test_shipped_file_fits_the_schema_for_editors(kind: str, path: Path) -> None:
    jsonschema.Draft202012Validator(schemas.schema(kind)).validate(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize("kind", KINDS)
def test_schema_for_editors_refuses_an_unknown_key_wherever_it_stands(kind: str) -> None:
    document = yaml.safe_load(reference.example(kind))
    assert valid(kind, document)
    for at in range(sum(1 for _ in mappings(document))):
        wrong = copy.deepcopy(document)
        list(mappings(wrong))[at]["unheard_of"] = 1
        assert not valid(kind, wrong), list(mappings(document))[at]


@pytest.mark.parametrize("kind", KINDS)
def test_schema_for_editors_refuses_null_wherever_it_stands(kind: str) -> None:
    document = yaml.safe_load(reference.example(kind))
    for at, mapping in enumerate(mappings(document)):
        for key in mapping:
            wrong = copy.deepcopy(document)
            list(mappings(wrong))[at][key] = None
            assert not valid(kind, wrong), key


@pytest.mark.parametrize("number", [-1, 10**9])
@pytest.mark.parametrize("kind", KINDS)
def test_schema_for_editors_refuses_numbers_out_of_bounds(kind: str, number: int) -> None:
    document = yaml.safe_load(reference.example(kind))
    for at, mapping in enumerate(mappings(document)):
        for key, value in mapping.items():
            if isinstance(value, int) and not isinstance(value, bool):
                wrong = copy.deepcopy(document)
                list(mappings(wrong))[at][key] = number
                assert not valid(kind, wrong), key


def test_schema_is_one_itself() -> None:
    for kind in KINDS:
        jsonschema.Draft202012Validator.check_schema(schemas.schema(kind))


def test_settings_for_editors_lead_each_shipped_file_to_its_schema() -> None:
    text = (ROOT / "docs" / "authors.md").read_text()
    found = re.search(r"^```json\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found
    told = json.loads(found[1])["yaml.schemas"]
    assert set(told) == {f"{schemas.FOLDER}/{kind}.json" for kind in KINDS}
    for kind, path in shipped():
        if EXAMPLES not in path.parents:
            fitting = [name for name, pattern in told.items() if path.relative_to(ROOT).match(pattern)]
            assert fitting == [f"{schemas.FOLDER}/{kind}.json"], path
