"""Reading what claims to be a credential: a document, a token, or an image that one is baked into.

Comes in: bytes of anybody. Goes out: what they are and the document in them, read in the one way that every
reader must read it. Whether any of it is true is left to `checks`.

Source: RFC 8259, clause 4 (a name twice in an object means one thing to one reader and another to the next);
RFC 7515, clause 3.1 (compact serialization).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from assessor.errors import VerificationFailed
from assessor.openbadges import baking, jose, screen

#: The largest file that one may be baked into.
FILE_BYTES = 16 * 1024**2

_TOKEN = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\s*")


class Form(StrEnum):
    """How a credential came."""

    JSON = "JSON"  #: a document with proofs in it
    TOKEN = "VC-JWT"  #: a signed token around a document  # noqa: S105  # no password


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A credential as it was read.

    Attributes:
        form: how it came.
        baked: `PNG` or `SVG` where it was baked into an image, else None.
        data: the bytes of the document or token themselves.
        document: the credential.
        token: the token, where it came as one.
    """

    form: Form
    baked: str | None
    data: bytes
    document: dict[str, Any]
    token: str | None


def read(data: bytes, *, name: str = "the file") -> Reading:
    """The credential in these bytes; what they are, their content says, never their name.

    Raises:
        VerificationFailed: `bytes`: too large, no credential in any form known here, or JSON that two readers
            may read in two ways.
    """
    if len(data) > FILE_BYTES:
        raise VerificationFailed("bytes", f"{name}: expected at most {FILE_BYTES} bytes, got {len(data)}")
    baked = "PNG" if data.startswith(baking.PNG) else "SVG" if _is_xml(data) else None
    inner = data if baked is None else _extracted(data, name)
    if not _TOKEN.fullmatch(inner):
        document = strict(inner, name=name)
        try:
            screen.check(document)
        except VerificationFailed as error:
            raise VerificationFailed("bytes", f"{name}: {error.problem}") from error
        return Reading(form=Form.JSON, baked=baked, data=inner, document=document, token=None)
    token = inner.decode("ascii").strip()
    try:
        document, _ = jose.read(token)
    except VerificationFailed as error:
        raise VerificationFailed("bytes", f"{name}: {error.problem}") from error
    return Reading(form=Form.TOKEN, baked=baked, data=inner, document=document, token=token)


def strict(data: bytes, *, name: str, check: str = "bytes") -> dict[str, Any]:
    """The one JSON object in these bytes, within the limits of `screen`.

    Raises:
        VerificationFailed: `check`: too large, not UTF-8, not JSON, a name twice, a number without a value,
            nested too deeply, or no object.
    """
    try:
        return screen.read(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise VerificationFailed(check, f"{name}: expected UTF-8, got: {error}") from error
    except VerificationFailed as error:
        raise VerificationFailed(check, f"{name}: {error.problem}") from error


def text_of(value: Any) -> str | None:
    """The id in a reference: text itself, or the `id` of an object; None where there is neither."""
    if isinstance(value, Mapping):
        value = value.get("id")
    return value if isinstance(value, str) and value else None


def many(value: Any) -> tuple[Any, ...]:
    """What JSON-LD may write as one value or as a list, as a tuple; empty where there is none."""
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list) else (value,)


def _extracted(data: bytes, name: str) -> bytes:
    try:
        found = baking.extract(data)
    except VerificationFailed as error:
        raise VerificationFailed("bytes", f"{name}: {error.problem}") from error
    return found if isinstance(found, bytes) else found.encode()


def _is_xml(data: bytes) -> bool:
    return data[:512].removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")
