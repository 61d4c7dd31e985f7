from __future__ import annotations

import contextlib
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from assessor import authored
from assessor.errors import FileInvalid


class Item(authored.Strict):
    id: authored.Id
    weight: Annotated[authored.Number, Field(ge=1, le=100)] = 1
    on: authored.Truth = False


class Model(authored.Strict):
    id: authored.Id = "x"
    version: authored.Version = "1"
    title: authored.Text = "t"
    criteria: tuple[Item, ...] = ()


def load(text: str) -> Model:
    return authored.load(text.encode(), "tasks/x/task.yaml", Model)


def refused(text: str | bytes) -> str:
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(FileInvalid) as caught:
        authored.load(data, "tasks/x/task.yaml", Model)
    return str(caught.value)


def test_wrong_type_names_file_line_column_and_key() -> None:
    text = 'id: x\nversion: "1"\ncriteria:\n  - id: a\n    weight: 1\n  - id: b\n    weight: much\n'
    assert refused(text) == 'tasks/x/task.yaml:7:5: criteria.1.weight: expected a number, got "much"'


def test_every_problem_is_told_in_the_order_of_the_file() -> None:
    assert refused("id: X Y\ntitel: a\n") == (
        "tasks/x/task.yaml:1:1: id: expected lower-case letters, digits and single dashes, "
        'at most 64 characters, got "X Y"\ntasks/x/task.yaml:2:1: unknown key "titel"'
    )


@pytest.mark.parametrize("word", ["no", "1.10", "0x1F", "1:30", "2026-01-01", "yes", "1e3", "0o17"])
def test_odd_scalar_stays_text(word: str) -> None:
    assert load(f"title: {word}").title == word


def test_version_keeps_its_last_zero() -> None:
    assert load("version: 1.10").version == "1.10"


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("010", "expected a whole number"),
        ("0x10", "expected a number"),
        ("1.5", "expected a whole number"),
        ("1_0", "expected a number"),
        ("1:30", "expected a number"),
        ("+5", "expected a whole number"),
        ('"5"', "expected a number without quotes"),
        ("101", "expected at most 100, got 101"),
        ("0", "expected at least 1, got 0"),
        ("[5]", "expected a number, got a list"),
        ("9" * 5000, "expected a whole number"),
    ],
)
def test_number_in_another_spelling_is_refused(word: str, expected: str) -> None:
    assert f"criteria.0.weight: {expected}" in refused(f"criteria: [{{id: a, weight: {word}}}]").replace(
        'got "101"', "got 101"
    ).replace('got "0"', "got 0")


@pytest.mark.parametrize("word", ["yes", "True", "on", '"true"', "1"])
def test_truth_value_in_another_spelling_is_refused(word: str) -> None:
    assert "criteria.0.on: expected true or false" in refused(f"criteria: [{{id: a, on: {word}}}]")


def test_truth_value_is_read() -> None:
    assert load("criteria: [{id: a, on: true}]").criteria[0].on is True


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id: a\nid: b", '2:1: expected each key once, got "id" again (first in line 1)'),
        ("criteria: [{id: a, id: b}]", 'criteria.0: expected each key once, got "id" again'),
        ("id: &a x", "1:5: expected plain YAML, got an anchor (&a)"),
        ("id: *a", "1:5: expected plain YAML, got an alias (*a)"),
        ("id: !!str x", "expected plain YAML, got a tag"),
        ("id: !!python/object/apply:os.system [x]", "expected plain YAML, got a tag"),
        ("<<: {id: x}", 'unknown key "<<"'),
        ("id: x\n---\nid: y", "expected YAML, got: expected a single document"),
        ("id:", "1:1: id: expected a value, got nothing"),
        ("id: null", "1:1: id: expected a value, got nothing"),
        ("title: ' '", 'title: expected text, got " "'),
        ('title: "a\\e[2Jb"', "expected text without control characters such as U+001B"),
        ("title: a\u202eb", "expected text without control characters such as U+202E"),
        ("[1]", "expected keys and values at the top level"),
        ("", "expected keys and values, got an empty file"),
        ("# only a comment", "expected keys and values at the top level"),
        ("? [a]\n: b", "expected a word as key"),
        ("id: " + "[" * 40, "expected at most 16 levels of nesting"),
        ("id: [", "expected YAML, got"),
        (b"id: \xff", "task.yaml:1: expected UTF-8, got byte 0xff"),
        (b"id: a\nb: \x00", "task.yaml:2: expected printable text, got character U+0000"),
        (b"#" * (256 * 1024 + 1), "expected at most 262144 bytes, got 262145"),
        ("criteria: {id: a}", "criteria: expected a list, got keys and values"),
        ("criteria: [{weight: 1}]", '1:12: criteria.0: expected the key "id", it is missing'),
    ],
)
def test_trap_is_refused_with_its_place(text: str | bytes, expected: str) -> None:
    assert expected in refused(text)


def test_unprintable_text_is_escaped_in_errors() -> None:
    assert "\x1b" not in refused('id: "\\e[2J"')


@given(st.binary(max_size=300) | st.text("ab:-[]{}&*!#|>'\"\n 01", max_size=80).map(str.encode))
def test_any_bytes_load_or_are_refused_as_a_file(data: bytes) -> None:
    with contextlib.suppress(FileInvalid):
        assert isinstance(authored.load(data, "f.yaml", Model), Model)


def test_schema_says_what_the_model_takes() -> None:
    made = authored.schema(Model, title="m")
    assert made["additionalProperties"] is False
    assert made["properties"]["criteria"]["type"] == "array"
