"""Status lists: which bits are set, and every list that must not be believed."""

from __future__ import annotations

import contextlib
import gzip
import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openbadgeslib.ob3 import status_list as theirs

from assessor.errors import VerificationFailed
from assessor.openbadges import linked, multibase, statuslist
from tests.credentials import ISSUER, KEY, METHOD, NOW, RAW, check, standard_json

URL = "https://school.example/status/1"
SIZE = statuslist.SIZE

positions = st.sets(st.integers(0, SIZE - 1), max_size=20)


def listed(*revoked: int, **changes: Any) -> dict[str, Any]:
    made = statuslist.credential(
        id=URL,
        issuer=ISSUER,
        revoked=revoked,
        valid_from=NOW,
        valid_until=NOW + timedelta(days=7),
        ttl_ms=300_000,
    )
    return {**made, **changes}


def with_subject(**changes: Any) -> dict[str, Any]:
    made = listed(1)
    made["credentialSubject"].update(changes)
    return made


@given(positions)
def test_set_bits_and_no_others_come_back(revoked: set[int]) -> None:
    bits = statuslist.decode(statuslist.encode(SIZE, revoked))
    assert bits.size == SIZE
    assert {index for index in range(SIZE) if bits[index]} == revoked


@given(positions)
def test_list_is_the_one_that_openbadgeslib_reads(revoked: set[int]) -> None:
    ours = gzip.decompress(multibase.read_base64url(statuslist.encode(SIZE, revoked)))
    assert ours == gzip.decompress(multibase.read_base64url(theirs.encode_bitstring(revoked)))


def test_first_bit_is_the_leftmost() -> None:
    assert statuslist.decode(statuslist.encode(SIZE, [0, 9])).data[:2] == b"\x80\x40"


def test_order_of_positions_does_not_matter() -> None:
    assert statuslist.encode(SIZE, [5, 1]) == statuslist.encode(SIZE, [1, 5, 5])


@pytest.mark.parametrize("size", [0, SIZE - 8, SIZE + 1])
def test_small_or_broken_list_is_not_made(size: int) -> None:
    with pytest.raises(ValueError, match="bits or more in whole bytes"):
        statuslist.encode(size, [])


@pytest.mark.parametrize("index", [-1, SIZE])
def test_position_outside_the_list_is_not_set(index: int) -> None:
    with pytest.raises(ValueError, match=f"expected a position below {SIZE}, got {index}"):
        statuslist.encode(SIZE, [index])


def test_list_credential_is_signed_like_any_other() -> None:
    made = listed(3)
    assert made["validUntil"] == "2020-01-09T03:04:05Z"
    assert made["credentialSubject"]["id"] == f"{URL}#list"
    check(linked.sign(made, signer=KEY, verification_method=METHOD, created=NOW), key=RAW)


def test_status_is_read_by_the_entry() -> None:
    made = listed(3, SIZE - 1)
    assert [statuslist.revoked(made, statuslist.entry(URL, index)) for index in (0, 3, 4, SIZE - 1)] == [
        False,
        True,
        False,
        True,
    ]


def test_official_list_is_read() -> None:
    official = standard_json("samples", "1edtech-validator", "bit-string-list", "testlist")
    badge = standard_json("samples", "1edtech-validator", "bit-string-list", "credential-status-revoked.json")
    entry = badge["credentialStatus"]
    bits = statuslist.decode(official["credentialSubject"]["encodedList"])
    assert [index for index in range(bits.size) if bits[index]] == [23]
    # It says that it is another list than the one that was asked for.
    with pytest.raises(VerificationFailed, match="status: expected the list"):
        statuslist.revoked(official, entry)
    assert statuslist.revoked({**official, "id": entry["statusListCredential"]}, entry)


@pytest.mark.parametrize(
    ("made", "change", "says"),
    [
        (listed(id="https://school.example/status/2"), {}, f"expected the list '{URL}', got "),
        (listed(type=["VerifiableCredential"]), {}, "expected a BitstringStatusListCredential"),
        (listed(credentialSubject=[]), {}, "expected one list in a list credential"),
        (listed(credentialSubject=[{}, {}]), {}, "expected one list in a list credential"),
        (with_subject(statusPurpose="suspension"), {}, "expected a list for 'revocation', got one for"),
        (with_subject(encodedList=None), {}, "encodedList: expected bits in gzip"),
        (listed(), {"type": "StatusList2021Entry"}, "expected a BitstringStatusListEntry"),
        (listed(), {"statusPurpose": None}, "expected a list for None"),
        (listed(), {"statusSize": 2}, "expected one bit an entry, got 2"),
        (listed(), {"statusListIndex": "-1"}, "statusListIndex: expected digits"),
        (listed(), {"statusListIndex": "٣"}, "statusListIndex: expected digits"),
        (listed(), {"statusListIndex": True}, "statusListIndex: expected digits"),
        (listed(), {"statusListIndex": 1.0}, "statusListIndex: expected digits"),
        (listed(), {"statusListIndex": str(SIZE)}, f"expected a position below {SIZE}, got {SIZE}"),
        (listed(), {"statusListIndex": -1}, "expected a position below"),
    ],
)
def test_list_that_cannot_tell_is_refused(made: dict[str, Any], change: dict[str, Any], says: str) -> None:
    entry = {**statuslist.entry(URL, 1), **change}
    with pytest.raises(VerificationFailed, match=re.escape(says)) as caught:
        statuslist.revoked(made, entry)
    assert caught.value.check == "status"


def packed(data: bytes) -> str:
    return multibase.base64url(gzip.compress(data, mtime=0))


WHOLE = gzip.compress(bytes(SIZE // 8), mtime=0)


@pytest.mark.parametrize(
    ("encoded", "says"),
    [
        ("", "expected base64url that begins with u"),
        ("zabc", "expected base64url that begins with u"),
        ("u!", "expected bits in gzip"),
        (packed(b""), f"expected {SIZE} bits or more, got 0"),
        (packed(bytes(SIZE // 8 - 1)), f"expected {SIZE} bits or more, got {SIZE - 8}"),
        (multibase.base64url(b"no gzip"), "expected bits in gzip"),
        (multibase.base64url(WHOLE[:-1]), "expected one whole gzip file"),
        (multibase.base64url(WHOLE + b"x"), "expected one whole gzip file"),
        (multibase.base64url(WHOLE) + "=", "expected base64url without padding"),
    ],
)
def test_text_that_is_no_list_is_refused(encoded: str, says: str) -> None:
    with pytest.raises(VerificationFailed, match=re.escape(says)):
        statuslist.decode(encoded)


def test_list_that_unpacks_without_end_is_refused_at_the_limit() -> None:
    bomb = packed(bytes(64 * 1024**2))
    assert len(bomb) < 100_000
    with pytest.raises(VerificationFailed, match="expected at most 4194304 bytes, got more"):
        statuslist.decode(bomb)


@given(st.binary(max_size=200).map(multibase.base64url) | st.text(max_size=50))
def test_reading_anything_raises_only_what_it_says(encoded: str) -> None:
    with contextlib.suppress(VerificationFailed):
        statuslist.decode(encoded)
