"""Static checks in a rubric: what may be written, and what is told of what may not."""

from __future__ import annotations

import re
from pathlib import Path

import jsonschema
import pytest

from assessor import rubric, staticfile
from assessor.analysis import constructs
from assessor.errors import FileInvalid
from assessor.rubric import ScoredBy

RUBRIC = """id: r
version: "1.0"
title: R
criteria:
  - {id: right, title: Right, weight: 60, scored_by: tests}
  - id: form
    title: Form
    weight: 40
    scored_by: static
    checks:
      - CHECK
pass: {from: 60}
"""


def load(check: str = "{id: a, kind: complexity}", *, base: str = RUBRIC) -> rubric.Rubric:
    return rubric.load(base.replace("CHECK", check).encode(), rubric_id="r")


def problem(check: str, *, base: str = RUBRIC) -> str:
    with pytest.raises(FileInvalid) as caught:
        load(check, base=base)
    return str(caught.value).removeprefix("rubrics/r.yaml:")


def test_checks_are_read_with_their_defaults() -> None:
    made = load(
        "{id: a, kind: ruff, select: [F40, E7], ignore: [E74], points: 2, files: [src/**/*.py], at_most: 3}\n"
        "      - {id: b, kind: require, constructs: [call sum], within: f, at_least: 2, sentence: Sum it.}"
    )
    form = made.criteria[1]
    assert form.scored_by is ScoredBy.STATIC
    first, second = form.checks
    assert (first.points, first.bound, first.files) == (2, 3, ("src/**/*.py",))
    assert "E741" not in first.plan
    assert first.plan == (
        '{"kind": "ruff", "select": ["E701", "E702", "E703", "E711", "E712", "E713", "E714", "E721", "E722", '
        '"E731", "F401", "F402", "F403", "F404", "F405", "F406", "F407"]}'
    )
    assert (second.points, second.bound, second.files) == (1, 2, ("*.py",))
    assert (second.title, second.sentence) == ("What must be in the code", "Sum it.")


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (
            "{id: a}",
            '11:9: criteria.1.checks.0: expected the key "kind", one of ruff, forbid, require, complexity, '
            "docstrings, duplication, got none",
        ),
        ("{id: a, kind: rufff}", '11:17: criteria.1.checks.0.kind: expected the key "kind", one of ruff,'),
        ("{kind: complexity}", '11:9: criteria.1.checks.0: expected the key "id", it is missing'),
        ("{id: a, kind: complexity, lines: 3}", '11:35: criteria.1.checks.0: unknown key "lines"'),
        (
            "{id: a, kind: complexity, most: many}",
            '11:35: criteria.1.checks.0.most: expected a number, got "many"',
        ),
        ("{id: a, kind: complexity, most: 0}", "11:35: criteria.1.checks.0.most: expected at least 1, got"),
        ("{id: a, kind: ruff, select: []}", "11:29: criteria.1.checks.0.select: expected at least 1, got 0"),
        (
            "{id: a, kind: ruff, select: [F9999]}",
            '11:38: criteria.1.checks.0.select.0: expected a stable rule of ruff, got "F9999"; did you mean',
        ),
        (
            "{id: a, kind: ruff, select: [I001]}",
            "11:38: criteria.1.checks.0.select.0: expected a stable rule",
        ),
        (
            "{id: a, kind: ruff, select: [F], ignore: [F]}",
            "11:42: criteria.1.checks.0.ignore: expected some rule to be left, got none",
        ),
        (
            "{id: a, kind: forbid, constructs: [loops]}",
            "11:44: criteria.1.checks.0.constructs.0: expected one of assert, async, bare-except,",
        ),
        (
            "{id: a, kind: forbid, constructs: [call]}",
            "11:44: criteria.1.checks.0.constructs.0: expected one of",
        ),
        (
            "{id: a, kind: require, constructs: [loop], at_most: 1}",
            '11:52: criteria.1.checks.0: unknown key "at_most"',
        ),
        (
            "{id: a, kind: docstrings, of: [method]}",
            '11:40: criteria.1.checks.0.of.0: expected module or class or function, got "method"',
        ),
        (
            "{id: a, kind: complexity, files: [../*.py]}",
            "11:43: criteria.1.checks.0.files.0: expected a pattern",
        ),
        (
            "{id: a, kind: complexity}\n      - {id: a, kind: duplication}",
            '12:10: criteria.1.checks.1.id: expected each check once, got "a" again',
        ),
        ("text", "11:9: criteria.1.checks.0: "),
    ],
)
def test_what_may_not_be_written_is_told_with_its_place(check: str, text: str) -> None:
    assert problem(check).startswith(text)


@pytest.mark.parametrize(
    ("was", "now", "text"),
    [
        (
            "    checks:\n      - CHECK\n",
            "",
            '6:5: criteria.1: expected the key "checks": at least one static check',
        ),
        (
            "    scored_by: static",
            "    scored_by: tests",
            "10:5: criteria.1.checks: expected none: tests score",
        ),
        (
            "    scored_by: static",
            "    scored_by: static\n    marks: 3",
            "10:5: criteria.1.marks: expected none: static checks score this criterion",
        ),
        (
            "scored_by: tests}",
            "scored_by: review, marks: 3}",
            "4:1: criteria: expected a criterion that tests score: "
            "what code looks like says not what it does",
        ),
    ],
)
def test_static_criterion_that_does_not_hold_together_is_refused(was: str, now: str, text: str) -> None:
    assert problem("{id: a, kind: complexity}", base=RUBRIC.replace(was, now)).startswith(text)


def test_schema_for_editors_takes_what_is_read_and_refuses_other_kinds() -> None:
    schema = rubric.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    item = {"id": "a", "kind": "forbid", "constructs": ["call eval"]}
    checks = {**schema, **schema["$defs"]["CriterionModel"]["properties"]["checks"], "required": []}
    for key in ("properties", "additionalProperties", "title"):
        checks.pop(key, None)
    validator = jsonschema.Draft202012Validator(checks)
    assert validator.is_valid([item])
    assert not validator.is_valid([item | {"constructs": ["loops"]}])
    assert not validator.is_valid([item | {"kind": "magic"}])


def test_documentation_names_every_kind_key_and_construct() -> None:
    text = Path("docs/tasks.md").read_text()
    section = text[text.index("## Static criteria") :]
    section = section[: section.index("\n## ", 5)]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", section, re.MULTILINE))
    shared = {"id", "kind", "points", "files", "title", "sentence"}
    told = {kind: set(re.findall(r"`(\w+)`:", row)) for kind, row in rows.items() if kind in staticfile.KINDS}
    assert told == {kind: set(model.model_fields) - shared for kind, model in staticfile.KINDS.items()}
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) - set(staticfile.KINDS) == shared
    lists = section[section.index("Constructs that stand alone") :]
    alone, named = lists.split("with a name", 1)
    assert set(re.findall(r"`([a-z-]+)`", alone)) == constructs.PLAIN
    assert set(re.findall(r"`([a-z]+) [A-Za-z.]+`", named.split("\n\n")[0])) == constructs.NAMED
