"""Digests and canonical bytes: how anything is named by its content.

Comes in: bytes or plain JSON values. Goes out: `sha256:<64 hex>` strings and RFC 8785 bytes.
"""

from __future__ import annotations

import hashlib
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
