"""Recipients: whom a credential was awarded to, without saying who that is.

Comes in: an e-mail address or a user name, and a salt. Goes out: an `IdentityObject`, or whether one is
somebody's. The salt stands in the credential, so that whoever knows the address can find out that it is the
recipient's; nobody can list the recipients of many badges at once by hashing a list of addresses beforehand.

An address is hashed stripped of the space around it and in lower case, since people do not write their own
address the same way twice; a user name is hashed as it is, stripped.

Source: Open Badges 3.0, B.6.1 IdentityObject and IdentityHash.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Literal

from assessor.errors import VerificationFailed

Kind = Literal["emailAddress", "userName"]

#: The least that a salt may have: 128 bits.
SALT_BYTES = 16


def hashed(kind: Kind, value: str, *, salt: bytes) -> dict[str, Any]:
    """The `IdentityObject` of this address or name.

    Args:
        kind: what `value` is.
        value: the address or name.
        salt: random bytes that belong to this credential alone.

    Raises:
        ValueError: the salt is shorter than 16 bytes, or there is no value.
    """
    if len(salt) < SALT_BYTES:
        raise ValueError(f"recipient: expected a salt of {SALT_BYTES} bytes or more, got {len(salt)}")
    plain = normal(kind, value)
    if not plain:
        raise ValueError(f"recipient: expected {kind}, got nothing")
    text = salt.hex()
    return {
        "type": "IdentityObject",
        "hashed": True,
        "identityHash": _hash(plain, text),
        "identityType": kind,
        "salt": text,
    }


def normal(kind: str, value: str) -> str:
    """The form of an address or name that is hashed."""
    stripped = value.strip()
    return stripped.lower() if kind == "emailAddress" else stripped


def matches(identity: Mapping[str, Any], value: str) -> bool:
    """Whether this `IdentityObject`, ours or anybody's, is of this address or name.

    Others may have hashed an address as it was written, so both ways are tried.

    Raises:
        VerificationFailed: `recipient`: it is no identity, or hashed in another way than SHA-256.
    """
    kind, known, salt = (identity.get(name) for name in ("identityType", "identityHash", "salt"))
    is_hashed = identity.get("hashed")
    if not isinstance(kind, str) or not isinstance(known, str) or not isinstance(is_hashed, bool):
        raise VerificationFailed(
            "recipient", "expected identityType and identityHash as text and hashed as true or false"
        )
    tried = {value.strip(), normal(kind, value)} - {""}
    if not is_hashed:
        return known.strip() in tried or normal(kind, known) in tried
    if not known.startswith("sha256$"):
        raise VerificationFailed(
            "recipient", f"expected an identityHash that starts with sha256$, got {known[:40]!r}"
        )
    if salt is not None and not isinstance(salt, str):
        raise VerificationFailed("recipient", f"expected the salt as text, got {type(salt).__name__}")
    wanted = known.lower()
    return any(hmac.compare_digest(_hash(one, salt or "").encode(), wanted.encode()) for one in tried)


def _hash(value: str, salt: str) -> str:
    return "sha256$" + hashlib.sha256((value + salt).encode()).hexdigest()
