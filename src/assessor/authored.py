"""Files that authors write: YAML text to strict values, every error with its place.

Comes in: the bytes of one file and the name that the author knows it by. Goes out: a pydantic model, or a
`FileInvalid` such as `tasks/x/task.yaml:7:5: criteria.1.weight: expected a number, got "much"`. What the
values mean is left to the file of each noun (`profile`, `rubric`, `task`).

The YAML is a small one, so that a file means to every reader what it means here: no aliases, anchors, tags
or second documents, no key twice, and a scalar is text until the model asks for a number or a truth value
in its one spelling (`no`, `1.10`, `0x1F`, `1:30` and `2026-01-01` stay text). Keys hold values: an empty
one is an error. Source: YAML 1.1 is what PyYAML reads; its implicit types are the trap that is closed here.
"""

from __future__ import annotations

import difflib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Annotated, Any, TypeVar

import pydantic
import pydantic.json_schema
import yaml
from pydantic_core import ErrorDetails, core_schema

from assessor.errors import FileInvalid

#: The largest file that is read as YAML.
FILE_BYTES = 256 * 1024
#: How deep mappings and lists may nest.
DEPTH = 16
ID = r"[a-z0-9]+(-[a-z0-9]+)*"

Loc = tuple[int | str, ...]
Model = TypeVar("Model", bound="Strict")


class Strict(pydantic.BaseModel):
    """A model of an authored file: no conversion, no unknown key."""

    model_config = pydantic.ConfigDict(strict=True, extra="forbid", frozen=True)


class Plain(str):
    """A scalar that was written without quotes: the only kind that may become a number or a truth value."""

    __slots__ = ()


@dataclass(frozen=True, kw_only=True)
class Document:
    """One file, read but not yet understood.

    Attributes:
        path: the file, as the author knows it.
        value: dicts, tuples and text, as written.
        marks: 1-based line and column of each value; of a mapping's value, where its key stands.
    """

    path: str
    value: Any
    marks: Mapping[Loc, tuple[int, int]]

    def parse(self, model: type[Model]) -> Model:
        """The file as `model` reads it.

        Raises:
            FileInvalid: it does not fit; the text has every problem, one a line, in the file's order.
        """
        try:
            return model.model_validate(self.value)
        except pydantic.ValidationError as error:
            details = _told(error.errors(include_url=False))
        problems = sorted(
            ((*self._place(loc), text) for loc, text in (_problem(one, self.value) for one in details)),
            key=lambda found: found[:2],
        )
        raise _invalid(self.path, problems)

    def invalid(self, loc: Loc, problem: str) -> FileInvalid:
        """The error that names the value at `loc`, a path of keys and 0-based positions."""
        return self.all_invalid([(loc, problem)])

    def all_invalid(self, problems: Sequence[tuple[Loc, str]]) -> FileInvalid:
        """One error for several values, at least one."""
        return _invalid(self.path, [(*self._place(loc), f"{_dotted(loc)}{said}") for loc, said in problems])

    def _place(self, loc: Loc) -> tuple[int, int]:
        while loc and loc not in self.marks:
            loc = loc[:-1]
        return self.marks.get(loc, (1, 1))


def read(data: bytes, path: str) -> Document:
    """The document in these bytes.

    Raises:
        FileInvalid: too large, not UTF-8, not YAML, or YAML with something that is not allowed here.
    """
    if len(data) > FILE_BYTES:
        raise FileInvalid(path, f"expected at most {FILE_BYTES} bytes, got {len(data)}")
    if not data.strip():
        raise FileInvalid(path, "expected keys and values, got an empty file")
    try:
        source = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FileInvalid(path, f"expected UTF-8, got byte 0x{data[error.start]:02x}", line=line) from error
    try:
        loader = _Loader(source)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
    except _Refused as error:
        raise FileInvalid(path, error.problem, line=error.line, column=error.column) from error
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(path, error) from error
    except yaml.reader.ReaderError as error:
        line = source.count("\n", 0, error.position) + 1
        raise FileInvalid(
            path, f"expected printable text, got character U+{error.character:04X}", line=line
        ) from error
    if not isinstance(node, yaml.MappingNode):
        raise FileInvalid(path, "expected keys and values at the top level", line=1, column=1)
    marks: dict[Loc, tuple[int, int]] = {(): (1, 1)}
    return Document(path=path, value=_value(node, (), path, marks), marks=marks)


def load(data: bytes, path: str, model: type[Model]) -> Model:
    """The model in these bytes.

    Raises:
        FileInvalid: as for `read` and `Document.parse`.
    """
    return read(data, path).parse(model)


class _Schema(pydantic.json_schema.GenerateJsonSchema):
    """Without `null`, which no authored file may hold, and without titles that only repeat the key."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> dict[str, Any]:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> dict[str, Any]:
        made = super().default_schema(schema)
        if made.get("default") is None or isinstance(made["default"], dict):
            made.pop("default", None)  # of several keys, an editor would fill in those that hold nothing, too
        return made

    def field_title_should_be_set(self, schema: object) -> bool:
        return False


def schema(model: type[Strict], *, title: str) -> dict[str, Any]:
    """The JSON Schema of a model, for editors. Source: JSON Schema 2020-12."""
    made = model.model_json_schema(by_alias=True, schema_generator=_Schema)
    for part in made.get("$defs", {}).values():
        del part["title"]  # a class's name, which tells an author nothing
    _bound(made)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": title}


def _bound(part: Any) -> None:
    """Name bounds of numbers as JSON Schema does: pydantic keeps its own words behind a validator."""
    if isinstance(part, list):
        for item in part:
            _bound(item)
    elif isinstance(part, dict):
        if part.get("type") == "integer":
            for said, meant in (("ge", "minimum"), ("le", "maximum")):
                if said in part:
                    part[meant] = part.pop(said)
        for item in part.values():
            _bound(item)


def text(data: bytes, path: str) -> str:
    """The text in a file that people read, such as a brief.

    Raises:
        FileInvalid: it is not UTF-8, or says nothing.
    """
    try:
        decoded = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FileInvalid(path, f"expected UTF-8, got byte 0x{data[error.start]:02x}", line=line) from error
    if not decoded.strip():
        raise FileInvalid(path, "expected text, got an empty file")
    return decoded


# Types that models are made of.


def _text(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not value.strip():
        raise ValueError("text")
    for character in value:
        # Bidirectional and other invisible controls make a reviewer read another text than machines do.
        if unicodedata.category(character) in ("Cc", "Cf", "Cs") and character not in "\n\t\u200d":
            raise ValueError(f"text without control characters such as U+{ord(character):04X}")
    return str(value)


def _number(value: object) -> object:
    if isinstance(value, Plain):
        if re.fullmatch(r"-?(0|[1-9][0-9]{0,14})", value):
            return int(value)
        raise ValueError("a whole number" if re.fullmatch(r"[-+]?[0-9.]+", value) else "a number")
    if not isinstance(value, str):
        return value
    raise ValueError("a number without quotes")


def _truth(value: object) -> object:
    if isinstance(value, str):
        if isinstance(value, Plain) and value in ("true", "false"):
            return value == "true"
        raise ValueError("true or false")
    return value


def matching(pattern: str, expected: str) -> tuple[pydantic.BeforeValidator, Any]:
    """What an `Annotated[str, *...]` needs to hold text to a pattern; `expected` is what errors say."""
    compiled = re.compile(pattern)

    def check(value: object) -> object:
        if isinstance(value, str):
            if not compiled.fullmatch(value):
                raise ValueError(expected)
            return str(value)
        return value

    # Editors that run the YAML language server show the second in place of the first.
    told: dict[str, Any] = {
        "pattern": f"^(?:{pattern})$",
        "patternErrorMessage": f"expected {expected}",
    }
    return pydantic.BeforeValidator(check), pydantic.Field(json_schema_extra=told)


def one_of(*words: str) -> pydantic.BeforeValidator:
    """What an `Annotated[Literal[...], ...]` needs to say which words it takes."""

    def check(value: object) -> object:
        if not isinstance(value, str) or value not in words:
            raise ValueError(" or ".join(words))
        return str(value)

    return pydantic.BeforeValidator(check)


Text = Annotated[str, pydantic.BeforeValidator(_text), pydantic.Field(max_length=4000)]
Number = Annotated[int, pydantic.BeforeValidator(_number)]
Truth = Annotated[bool, pydantic.BeforeValidator(_truth)]
Id = Annotated[
    str,
    *matching(rf"(?=.{{1,64}}$){ID}", "lower-case letters, digits and single dashes, at most 64 characters"),
]
Version = Annotated[
    str,
    *matching(r"[0-9A-Za-z][0-9A-Za-z.+-]{0,31}", 'a version such as "1.0", at most 32 characters'),
]


# From YAML's nodes to values.


class _Refused(Exception):
    def __init__(self, problem: str, event: yaml.Event) -> None:
        mark = event.start_mark
        self.problem = problem
        self.line = mark.line + 1 if mark else None
        self.column = mark.column + 1 if mark else None
        super().__init__(problem)


class _Loader(yaml.BaseLoader):
    """PyYAML's pure composer with everything refused that two readers could read in two ways."""

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self.depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            raise _Refused(f"expected plain YAML, got an alias (*{event.anchor})", event)
        if event.anchor is not None:
            raise _Refused(f"expected plain YAML, got an anchor (&{event.anchor})", event)
        if event.tag is not None:
            raise _Refused(f"expected plain YAML, got a tag ({event.tag})", event)
        self.depth += 1
        if self.depth > DEPTH:
            raise _Refused(f"expected at most {DEPTH} levels of nesting", event)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _not_yaml(path: str, error: yaml.MarkedYAMLError) -> FileInvalid:
    mark = error.problem_mark or error.context_mark
    said = ", ".join(part for part in (error.context, error.problem) if part)
    if mark is None:
        return FileInvalid(path, f"expected YAML, got: {said}")
    return FileInvalid(path, f"expected YAML, got: {said}", line=mark.line + 1, column=mark.column + 1)


def _value(node: yaml.Node, loc: Loc, path: str, marks: dict[Loc, tuple[int, int]]) -> Any:
    marks.setdefault(loc, (node.start_mark.line + 1, node.start_mark.column + 1))
    line, column = marks[loc]
    if isinstance(node, yaml.ScalarNode):
        plain = node.style is None
        if plain and node.value in ("", "~", "null", "Null", "NULL"):
            problem = f"{_dotted(loc)}expected a value, got nothing; leave the key out, or quote the text"
            raise FileInvalid(path, problem, line=line, column=column)
        return Plain(node.value) if plain else str(node.value)
    if isinstance(node, yaml.SequenceNode):
        return tuple(_value(item, (*loc, at), path, marks) for at, item in enumerate(node.value))
    made: dict[str, Any] = {}
    for key, item in node.value:
        line, column = key.start_mark.line + 1, key.start_mark.column + 1
        if not isinstance(key, yaml.ScalarNode):
            raise FileInvalid(path, f"{_dotted(loc)}expected a word as key", line=line, column=column)
        name = str(key.value)
        if name in made:
            first = marks[(*loc, name)][0]
            again = f"got {_shown(name)} again (first in line {first})"
            problem = f"{_dotted(loc)}expected each key once, {again}"
            raise FileInvalid(path, problem, line=line, column=column)
        marks[(*loc, name)] = (line, column)
        made[name] = _value(item, (*loc, name), path, marks)
    return made


# From pydantic's errors to ours.


def _told(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without lists that are too short only because what is in them is wrong."""
    wrong = {one["loc"][:-1] for one in details}
    return [one for one in details if one["type"] != "too_short" or one["loc"] not in wrong]


def _problem(detail: ErrorDetails, whole: Any) -> tuple[Loc, str]:
    """Where an error of pydantic lies in the `whole` document, and what to tell the author."""
    loc = _written(tuple(part for part in detail["loc"] if part != "[key]"), whole)
    kind, context, came = detail["type"], detail.get("ctx", {}), _shown(detail["input"])
    if kind == "missing":
        return loc[:-1], f"{_dotted(loc[:-1])}expected the key {_shown(loc[-1])}, it is missing"
    if kind == "extra_forbidden":
        return loc, f"{_dotted(loc[:-1])}unknown key {_shown(loc[-1])}"
    if kind == "value_error":
        return loc, f"{_dotted(loc)}expected {context['error']}, got {came}"
    if kind == "kind":
        said = detail["input"].get("kind") if isinstance(detail["input"], dict) else None
        here = loc if said is None else (*loc, "kind")
        return here, f"{_dotted(here)}{detail['msg']}, got {'none' if said is None else _shown(said)}"
    if kind in ("tuple_type", "list_type"):
        return loc, f"{_dotted(loc)}expected a list, got {came}"
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        return loc, f"{_dotted(loc)}expected keys and values, got {came}"
    if kind == "string_type":
        return loc, f"{_dotted(loc)}expected text, got {came}"
    if kind == "int_type":
        return loc, f"{_dotted(loc)}expected a number, got {came}"
    if kind == "bool_type":
        return loc, f"{_dotted(loc)}expected true or false, got {came}"
    if kind == "too_short":
        return loc, f"{_dotted(loc)}expected at least {context['min_length']}, got {context['actual_length']}"
    if kind == "too_long":
        return loc, f"{_dotted(loc)}expected at most {context['max_length']}, got {context['actual_length']}"
    if kind == "string_too_long":
        return loc, f"{_dotted(loc)}expected at most {context['max_length']} characters, got {came}"
    if kind == "greater_than_equal":
        return loc, f"{_dotted(loc)}expected at least {context['ge']}, got {came}"
    if kind == "less_than_equal":
        return loc, f"{_dotted(loc)}expected at most {context['le']}, got {came}"
    return loc, f"{_dotted(loc)}{detail['msg']}, got {came}"


def _written(loc: Loc, whole: Any) -> Loc:
    """The path without the names of a union's members, which pydantic puts between a value and its keys."""
    kept: list[int | str] = []
    for at, part in enumerate(loc):
        if isinstance(whole, dict) and part not in whole and at + 1 < len(loc):
            continue
        kept.append(part)
        try:
            whole = whole[part]
        except (KeyError, IndexError, TypeError):
            whole = None
    return tuple(kept)


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint for a mistyped name: `; did you mean "x"?`, or the known ones, or that there are none."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1)
    if close:
        return f"; did you mean {_shown(close[0])}?"
    return f"; known: {', '.join(names[:20])}" if names else "; there are none"


def _invalid(path: str, problems: list[tuple[int, int, str]]) -> FileInvalid:
    (line, column, first), *rest = problems
    more = "".join(f"\n{path}:{at}:{in_line}: {text}" for at, in_line, text in rest)
    return FileInvalid(PurePath(path), first + more, line=line, column=column)


def _dotted(loc: Loc) -> str:
    return ".".join(map(str, loc)) + ": " if loc else ""


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "keys and values"
    if isinstance(value, tuple):
        return "a list"
    if isinstance(value, str):
        quoted = json.dumps(value if len(value) <= 60 else value[:57] + "...", ensure_ascii=False)
        return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in quoted)
    return str(value)
