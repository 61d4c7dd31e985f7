"""Digests and canonical bytes: how anything is named by its content.

Comes in: bytes or plain JSON values. Goes out: `sha256:<64 hex>` strings and RFC 8785 bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import rfc8785

PATTERN = re.compile(r"sha256:[0-9a-f]{64}")


def sha256(data: bytes) -> str:
    """The digest of bytes, as `sha256:<64 lower-case hex digits>`."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def canonical(value: Any) -> bytes:
    """The one byte string of a JSON value. Source: RFC 8785 (JSON Canonicalization Scheme).

    Raises:
        rfc8785.CanonicalizationError: the value holds something that JSON cannot say exactly.
    """
    return rfc8785.dumps(value)


class NotCanonical(ValueError):
    """Bytes are not the canonical form of any JSON value; the text says what came instead."""


def read(data: bytes, *, limit_bytes: int) -> Any:
    """The JSON value whose canonical bytes are exactly `data`.

    There is one form only, so nothing can be hidden in spacing, in a name that occurs twice, in escapes or
    in the spelling of a number.

    Raises:
        NotCanonical: too large, not JSON, a name twice in an object, or another form of the same value.
    """
    if len(data) > limit_bytes:
        raise NotCanonical(f"expected at most {limit_bytes} bytes, got {len(data)}")
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
        again = canonical(value)
    except NotCanonical:
        raise
    except (ValueError, RecursionError) as error:
        raise NotCanonical(f"expected JSON, got: {error}") from error
    if again != data:
        at = next((i for i, (a, b) in enumerate(zip(again, data, strict=False)) if a != b), len(again))
        raise NotCanonical(f"expected the canonical form (RFC 8785), got another from byte {at} on")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for name, one in pairs:
        if name in value:
            raise NotCanonical(f"expected each name once in an object, got {name!r} twice")
        value[name] = one
    return value


def _no_constant(name: str) -> Any:
    raise NotCanonical(f"expected JSON, got the number {name}")
