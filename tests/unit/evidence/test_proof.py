"""The envelope around what was signed."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from assessor import digest, proof
from assessor.errors import VerificationFailed
from assessor.signer import LocalSigner


def signer(number: int = 1) -> LocalSigner:
    return LocalSigner(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


def refused(envelope: bytes, keys: Any = None, **given: Any) -> tuple[str, str]:
    trusted = proof.keys([signer().public_key]) if keys is None else keys
    with pytest.raises(VerificationFailed) as caught:
        proof.open_envelope(envelope, trusted, **given)
    return caught.value.check, caught.value.problem


def changed(envelope: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    value = json.loads(envelope)
    change(value)
    return digest.canonical(value)


# The envelope


def test_sealed_bytes_come_back_exactly():
    payload = b'{"b":1, "a":2}\x00\xff'
    envelope = proof.seal(payload, signer())
    assert proof.open_envelope(envelope, proof.keys([signer().public_key])) == payload
    assert digest.read(envelope, limit_bytes=10_000)["payloadType"] == "application/vnd.in-toto+json"


def test_signature_is_over_the_pre_authentication_encoding():
    envelope = json.loads(proof.seal(b"hello", signer()))
    pae = b"DSSEv1 28 application/vnd.in-toto+json 5 hello"
    key = serialization.load_pem_public_key(signer().public_pem)
    key.verify(base64.b64decode(envelope["signatures"][0]["sig"]), pae)


def test_two_signatures_hold_with_either_key_or_both():
    envelope = proof.seal(b"hello", signer(1), signer(2))
    for trusted in ([1], [2], [1, 2]):
        assert proof.open_envelope(envelope, proof.keys(signer(n).public_key for n in trusted)) == b"hello"


def test_one_bad_signature_of_a_trusted_key_spoils_a_good_one():
    envelope = proof.seal(b"hello", signer(1), signer(2))
    other = json.loads(proof.seal(b"other", signer(2)))["signatures"][0]
    spoilt = changed(envelope, lambda value: value["signatures"].__setitem__(1, other))
    assert refused(spoilt, proof.keys([signer(1).public_key, signer(2).public_key])) == (
        "signature",
        f"expected a signature by {signer(2).key_id} over these bytes, got one that does not fit",
    )
    # For who trusts the first key alone, the second says nothing.
    assert proof.open_envelope(spoilt, proof.keys([signer(1).public_key])) == b"hello"


def test_unknown_key_is_refused_by_name():
    assert refused(proof.seal(b"hello", signer(2))) == (
        "signature",
        f"expected a signature by one of {signer(1).key_id}, got only {signer(2).key_id}",
    )


def test_no_key_to_check_against_is_refused():
    assert refused(proof.seal(b"hello", signer()), {}) == (
        "signature",
        f"expected a public key to check against, got none; it names {signer().key_id}",
    )


def test_revoked_key_is_refused_even_if_trusted():
    assert refused(proof.seal(b"hello", signer()), revoked=[signer().key_id]) == (
        "signature",
        f"expected a signature by a key that still counts, got one by {signer().key_id}, which is revoked",
    )


def test_signature_under_a_trusted_name_by_another_key_is_refused():
    forged = changed(
        proof.seal(b"hello", signer(2)),
        lambda value: value["signatures"][0].__setitem__("keyid", signer(1).key_id),
    )
    assert refused(forged)[0] == "signature"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            lambda value: value.__setitem__("payloadType", "application/json"),
            "expected payload type application/vnd.in-toto+json, got 'application/json'",
        ),
        (lambda value: value.pop("payload"), "expected payload, payloadType and signatures, got: payload: "),
        (
            lambda value: value.__setitem__("more", 1),
            "payload, payloadType and signatures, got: more: ",
        ),
        (lambda value: value.__setitem__("signatures", []), "got: signatures: "),
        (lambda value: value.__setitem__("payload", "_-8="), "payload: expected base64, got"),
        (lambda value: value.__setitem__("payload", "QR=="), "payload: expected base64 in its one form"),
        (
            lambda value: value["signatures"].append(value["signatures"][0]),
            f"expected one signature a key, got several by {signer().key_id}",
        ),
    ],
)
def test_envelope_of_another_form_is_refused(change, text):
    check, problem = refused(changed(proof.seal(b"hello", signer()), change))
    assert check == "envelope"
    assert text in problem


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda data: data + b"\n", "expected the canonical form (RFC 8785), got another from byte"),
        (lambda data: data.replace(b'"payload"', b'"p\\u0061yload"'), "expected the canonical form"),
        (
            lambda data: data[:-1] + b',"payload":"aGk="}',
            "expected each name once in an object, got 'payload' twice",
        ),
        (lambda data: b"\xff" + data, "expected JSON, got"),
        (lambda data: b"[" * 100_00, "expected JSON, got"),
        (lambda data: data + b" " * proof.ENVELOPE_BYTES, "expected at most 65536 bytes, got"),
        (lambda data: b"", "expected JSON, got"),
    ],
)
def test_envelope_in_another_spelling_is_refused(spoil, text):
    check, problem = refused(spoil(proof.seal(b"hello", signer())))
    assert check == "envelope"
    assert text in problem


def test_every_flipped_bit_of_an_envelope_is_noticed():
    envelope = proof.seal(b"hello", signer())
    for at in range(len(envelope)):
        flipped = bytearray(envelope)
        flipped[at] ^= 1 << at % 8
        assert refused(bytes(flipped))[0] in ("envelope", "signature")
