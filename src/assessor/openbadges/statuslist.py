"""Status lists: one bit for each credential that says whether it was revoked.

Comes in: positions, or a list and an entry from anybody. Goes out: the list as a credential (to be signed),
the entry that points at one of its bits, or whether that bit is set. Signing is `linked`, whether a list is
current and whose it is are checks of its own. A list has 131,072 bits or more, so that asking about one
tells nobody which.

Source: Bitstring Status List 1.0, sections 2.1, 2.2 and 3.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from assessor.errors import VerificationFailed
from assessor.openbadges import contexts, multibase

#: The fewest bits that a list may have.
SIZE = 131_072
LIMIT_BYTES = 4 * 1024**2
ENTRY_TYPE = "BitstringStatusListEntry"
LIST_TYPE = "BitstringStatusListCredential"
REVOCATION = "revocation"


@dataclass(frozen=True, kw_only=True)
class Bits:
    """The bits of a list; bit 0 is the leftmost of the first byte.

    Attributes:
        data: eight of them a byte.
    """

    data: bytes

    @property
    def size(self) -> int:
        """How many."""
        return 8 * len(self.data)

    def __getitem__(self, index: int) -> bool:
        """Whether the bit is set.

        Raises:
            VerificationFailed: `status` where there is no such bit.
        """
        if not 0 <= index < self.size:
            raise VerificationFailed("status", f"expected a position below {self.size}, got {index}")
        return bool(self.data[index // 8] & 0x80 >> index % 8)


def encode(size: int, positions: Iterable[int]) -> str:
    """The bits as `encodedList` has them; the same for the same positions.

    Args:
        size: how many bits, in whole bytes.
        positions: those that are set.
    """
    if size < SIZE or size % 8:
        raise ValueError(f"expected {SIZE} bits or more in whole bytes, got {size}")
    data = bytearray(size // 8)
    for index in positions:
        if not 0 <= index < size:
            raise ValueError(f"expected a position below {size}, got {index}")
        data[index // 8] |= 0x80 >> index % 8
    return multibase.base64url(gzip.compress(bytes(data), mtime=0))


def decode(encoded: str, limit: int = LIMIT_BYTES) -> Bits:
    """The bits of an `encodedList`.

    Args:
        encoded: multibase `u`, gzip.
        limit: bytes that it may unpack to.

    Raises:
        VerificationFailed: `status` where it is no such text, or shorter or longer than allowed.
    """
    try:
        packed = multibase.read_base64url(encoded)
        unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        data = unpacker.decompress(packed, limit + 1)
    except (multibase.NotMultibase, zlib.error) as error:
        raise VerificationFailed("status", f"encodedList: expected bits in gzip, got: {error}") from error
    if len(data) > limit:
        raise VerificationFailed("status", f"encodedList: expected at most {limit} bytes, got more")
    if not unpacker.eof or unpacker.unused_data:
        raise VerificationFailed("status", "encodedList: expected one whole gzip file, got a part or more")
    if 8 * len(data) < SIZE:
        raise VerificationFailed("status", f"encodedList: expected {SIZE} bits or more, got {8 * len(data)}")
    return Bits(data=data)


def credential(
    *,
    id: str,
    issuer: str | Mapping[str, Any],
    revoked: Iterable[int],
    valid_from: datetime,
    valid_until: datetime,
    size: int = SIZE,
    purpose: str = REVOCATION,
    ttl_ms: int | None = None,
) -> dict[str, Any]:
    """The list as a credential, not signed.

    Args:
        id: the URL where it is published.
        issuer: the DID of the issuer, or its profile.
        revoked: positions of the credentials that were; the bits that are set.
        valid_from: when it was made.
        valid_until: when it must have been published anew; a list past that says nothing.
        size: how many bits.
        purpose: what a set bit means.
        ttl_ms: for how long a reader may keep a copy.
    """
    subject: dict[str, Any] = {
        "id": f"{id}#list",
        "type": "BitstringStatusList",
        "statusPurpose": purpose,
        "encodedList": encode(size, revoked),
    }
    if ttl_ms is not None:
        subject["ttl"] = ttl_ms
    return {
        "@context": [contexts.CREDENTIALS_V2],
        "id": id,
        "type": ["VerifiableCredential", LIST_TYPE],
        "issuer": issuer,
        "validFrom": _text(valid_from),
        "validUntil": _text(valid_until),
        "credentialSubject": subject,
    }


def entry(url: str, index: int, *, purpose: str = REVOCATION) -> dict[str, Any]:
    """The `credentialStatus` of the credential that has this bit of the list at this URL."""
    return {
        "id": f"{url}#{index}",
        "type": ENTRY_TYPE,
        "statusPurpose": purpose,
        "statusListIndex": str(index),
        "statusListCredential": url,
    }


def revoked(list_credential: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    """Whether the list says that the credential with this entry was revoked.

    Args:
        list_credential: the list, its proof and times checked before.
        entry: a `credentialStatus` of purpose `revocation`, or another one.

    Raises:
        VerificationFailed: `status` where the two do not belong together, or one is of a kind that this
            program does not know: a status that cannot be told is no good one.
    """
    if entry.get("type") != ENTRY_TYPE:
        raise VerificationFailed("status", f"expected a {ENTRY_TYPE}, got {entry.get('type')!r}")
    if LIST_TYPE not in _listed(list_credential.get("type")):
        raise VerificationFailed("status", f"expected a {LIST_TYPE}, got {list_credential.get('type')!r}")
    # Another list by the same issuer has the same signature to show and other bits.
    url, came = entry.get("statusListCredential"), list_credential.get("id")
    if came is not None and came != url:
        raise VerificationFailed("status", f"expected the list {url!r}, got {came!r}")
    (subject, *more) = _listed(list_credential.get("credentialSubject"))
    if more or not isinstance(subject, Mapping):
        raise VerificationFailed("status", "expected one list in a list credential, got several or none")
    purpose = entry.get("statusPurpose")
    if not isinstance(purpose, str) or purpose not in _listed(subject.get("statusPurpose")):
        raise VerificationFailed(
            "status", f"expected a list for {purpose!r}, got one for {subject.get('statusPurpose')!r}"
        )
    if entry.get("statusSize", 1) != 1:
        raise VerificationFailed("status", f"expected one bit an entry, got {entry.get('statusSize')!r}")
    encoded = subject.get("encodedList")
    return decode(encoded if isinstance(encoded, str) else "")[_index(entry.get("statusListIndex"))]


def _index(value: object) -> int:
    """A position; the standard has it as text, some issuers write a number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        return int(value)
    raise VerificationFailed("status", f"statusListIndex: expected digits, got {value!r}")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) and value else [value]


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
