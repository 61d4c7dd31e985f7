"""Limits on a document, before a library works on it.

Comes in: a parsed JSON document from anybody. Goes out: nothing, or `VerificationFailed` ("limits"). What
it costs to read a document as linked data grows with its objects and with the types of each, not only with
its bytes, and nothing can stop that work half way; so it is bounded here.

Also refused are texts and numbers that two implementations write differently as RDF (control characters,
numbers without one short form): a signature over them would hold with some verifiers and not with
others.

Source: RDF Dataset Canonicalization 1.0, section 5.2 and 7.1; RFC 8259.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from assessor.errors import VerificationFailed

LIMIT_BYTES = 1024**2
LIMIT_DEPTH = 24
LIMIT_OBJECTS = 2000
LIMIT_VALUES = 20_000
#: Each type of an object may bring a vocabulary of its own into effect.
LIMIT_TYPES = 12

#: Whole numbers that every JSON reader holds exactly.
_SAFE_INTEGER = 2**53 - 1
#: Those that N-Quads escapes differently in the implementations there are, and those that are no characters.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


def read(data: bytes | str) -> dict[str, Any]:
    """The document that these bytes are, each key once.

    Raises:
        VerificationFailed: `limits` where they are too many, `json` where they are no JSON object or a key
            comes twice: two readers would see two documents.
    """
    if len(data) > LIMIT_BYTES:
        raise VerificationFailed("limits", f"expected at most {LIMIT_BYTES} bytes, got {len(data)}")
    try:
        document = json.loads(data, object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError as error:
        raise VerificationFailed("limits", f"expected at most {LIMIT_DEPTH} levels, got more") from error
    except ValueError as error:
        raise VerificationFailed("json", f"expected JSON, got: {error}") from error
    if not isinstance(document, dict):
        raise VerificationFailed("json", f"expected a JSON object, got {type(document).__name__}")
    for _ in _bounded(document):
        pass
    return document


def check(document: Mapping[str, Any]) -> None:
    """Nothing, where the document is within the limits and there is one way to write it as RDF.

    Raises:
        VerificationFailed: `limits`, and which.
    """
    for value in _bounded(document):
        if isinstance(value, str):
            _writable(value)
        elif not isinstance(value, bool) and isinstance(value, int | float):
            _plain(value)


def _bounded(document: Mapping[str, Any]) -> Iterator[Any]:
    """Every key and every value that holds no others."""
    objects = values = size = 0
    waiting: list[tuple[Any, int]] = [(document, 1)]
    while waiting:
        value, depth = waiting.pop()
        values += 1
        _at_most(LIMIT_VALUES, values, "values")
        if isinstance(value, Mapping | list):
            _at_most(LIMIT_DEPTH, depth, "levels of nesting")
        if isinstance(value, Mapping):
            objects += 1
            _at_most(LIMIT_OBJECTS, objects, "objects")
            types = value.get("type", value.get("@type"))
            _at_most(LIMIT_TYPES, len(types) if isinstance(types, list) else 1, "types of one object")
            for key in value:
                if not isinstance(key, str):
                    raise VerificationFailed("limits", f"expected keys of text, got {key!r}")
                size += len(key)
                yield key
            waiting.extend((one, depth + 1) for one in value.values())
        elif isinstance(value, list):
            waiting.extend((one, depth + 1) for one in value)
        elif value is None or isinstance(value, str | int | float):
            size += len(value) if isinstance(value, str) else 0
            yield value
        else:
            raise VerificationFailed("limits", f"expected JSON values, got {type(value).__name__}")
        _at_most(LIMIT_BYTES, size, "letters")


def _at_most(limit: int, came: int, what: str) -> None:
    if came > limit:
        raise VerificationFailed("limits", f"expected at most {limit} {what}, got {came} or more")


def _writable(text: str) -> None:
    found = _UNWRITABLE.search(text)
    if found is not None:
        raise VerificationFailed(
            "limits",
            f"expected text without control characters, got U+{ord(found[0]):04X} in {text[:40]!r}: "
            "implementations differ on how to sign it",
        )


def _plain(value: float) -> None:
    if isinstance(value, int):
        if abs(value) > _SAFE_INTEGER:
            raise VerificationFailed(
                "limits", f"expected whole numbers up to 2**53 - 1, got {value.bit_length()} bits"
            )
    else:
        # Some write sixteen digits, some as few as tell it from its neighbours.
        same = math.isfinite(value) and Decimal(f"{value:.15e}") == Decimal(repr(value))
        if not same or not (1e-100 < abs(value) < 1e21 or repr(value) == "0.0"):
            raise VerificationFailed(
                "limits",
                f"expected a number that has one short form, got {value!r}: implementations differ on "
                "how to sign it",
            )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise VerificationFailed("json", f"expected each key once, got {', '.join(twice)} several times")
    return found


def _no_constant(name: str) -> Callable[[], None]:
    raise VerificationFailed("json", f"expected JSON, got {name}, which it does not have")
