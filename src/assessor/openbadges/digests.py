"""Digests as credentials write them: whether bytes are those that one names.

Comes in: an object with `digestSRI`, `digestMultibase` or both, and bytes. Goes out: nothing, or
`VerificationFailed`. Making them is left to `resources`.

Source: Subresource Integrity (W3C), clauses 3.3.3 and 3.5; Multibase and Multihash as VC Data Integrity 1.0,
clauses 2.4 and 2.5, has them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from assessor.errors import VerificationFailed
from assessor.openbadges import multibase

#: By strength. Source: Subresource Integrity, clause 3.2.
_SRI = ("sha256", "sha384", "sha512")
#: Source: multicodec table.
_MULTIHASH = {b"\x12\x20": "sha256", b"\x20\x30": "sha384", b"\x13\x40": "sha512"}


def bound(item: Any) -> bool:
    """Whether this is an object that binds bytes at all."""
    return isinstance(item, Mapping) and ("digestSRI" in item or "digestMultibase" in item)


def check(item: Mapping[str, Any], data: bytes, *, name: str) -> None:
    """Whether bytes are those that an object names, by every digest in it.

    Raises:
        VerificationFailed: `evidence`: they are not, or the digest is of no known kind.
    """
    if "digestSRI" in item:
        _sri(str(item["digestSRI"]), data, name)
    if "digestMultibase" in item:
        _multibase(str(item["digestMultibase"]), data, name)


def _sri(text: str, data: bytes, name: str) -> None:
    said: dict[str, set[bytes]] = {}
    for one in text.split():
        algorithm, _, value = one.partition("-")
        if algorithm in _SRI:
            said.setdefault(algorithm, set()).add(_decode(value, name))
    if not said:
        raise VerificationFailed("evidence", f"{name}: expected a digest by {', '.join(_SRI)}, got another")
    # The strongest counts, as browsers have it: a weaker one beside it could be made to fit.
    strongest = max(said, key=_SRI.index)
    _same(strongest, said[strongest], data, name)


def _multibase(text: str, data: bytes, name: str) -> None:
    try:
        whole = multibase.read_base64url(text) if text.startswith("u") else multibase.read_base58(text)
    except multibase.NotMultibase as error:
        raise VerificationFailed("evidence", f"{name}: {error}") from error
    algorithm = _MULTIHASH.get(whole[:2])
    if algorithm is None:
        raise VerificationFailed("evidence", f"{name}: expected a digest by {', '.join(_SRI)}, got another")
    _same(algorithm, {whole[2:]}, data, name)


def _same(algorithm: str, expected: set[bytes], data: bytes, name: str) -> None:
    came = hashlib.new(algorithm, data).digest()
    if not any(hmac.compare_digest(one, came) for one in expected):
        wanted = " or ".join(sorted(one.hex() for one in expected))
        raise VerificationFailed(
            "evidence", f"{name}: expected bytes of {algorithm} {wanted}, got {came.hex()}: they were swapped"
        )


def _decode(text: str, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise VerificationFailed("evidence", f"{name}: expected a digest in base64, got: {error}") from error
