"""Learner records: the credentials of one learner, each as it was, under one more signature."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from assessor.errors import VerificationFailed
from assessor.openbadges import clr, credential, linked, recipient
from tests import awarded

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
RECORD = "urn:uuid:0b1e52d0-7f5c-4e0b-9d06-2c9c34f1c001"
IDENTIFIER = "https://purl.imsglobal.org/spec/vc/clr/vocab.html#identifier-1"
OTHER = "7c1f2b6a-2c52-4f8e-8a53-8f5b7d1c9a22"


def sign(document: dict[str, Any]) -> dict[str, Any]:
    return linked.sign(
        document,
        signer=KEY,
        verification_method="did:web:badges.example.org#key",
        created=datetime(2025, 11, 26, tzinfo=UTC),
    )


def build(credentials: list[dict[str, Any]]) -> dict[str, Any]:
    return clr.build(
        record_id=RECORD,
        issuer=awarded.issuer(),
        recipient=recipient.hashed("emailAddress", awarded.ADDRESS, salt=bytes(range(16, 32))),
        credentials=credentials,
        valid_from=datetime(2025, 11, 26, tzinfo=UTC),
    )


@pytest.fixture(scope="module")
def members() -> list[dict[str, Any]]:
    return [
        sign(credential.build(awarded.award())),
        sign(
            credential.build(awarded.award(id=OTHER, achievement=awarded.achievement(id="other"), works=()))
        ),
    ]


def test_record_holds_each_credential_as_it_was(members: list[dict[str, Any]]) -> None:
    record = build(members)
    inside = record["credentialSubject"]["verifiableCredential"]
    assert inside == members
    for one in inside:
        [proof] = linked.proofs(one)
        linked.verify(one, proof, key=PUBLIC)


def test_record_is_signed_with_all_that_it_holds(members: list[dict[str, Any]]) -> None:
    record = sign(build(members))
    [proof] = linked.proofs(record)
    linked.check_terms(record)
    linked.check_contexts(record)
    linked.verify(record, proof, key=PUBLIC)
    inner = record["credentialSubject"]["verifiableCredential"][1]
    inner["credentialSubject"]["achievement"]["name"] = "Another"
    with pytest.raises(VerificationFailed, match="proof"):
        linked.verify(record, proof, key=PUBLIC)


@pytest.mark.parametrize(
    "change",
    [
        lambda subject: subject.update({IDENTIFIER: subject.pop("identifier")}),
        lambda subject: subject["identifier"][0].update({"@type": "IdentityObject"}),
        lambda subject: subject.update({"@nest": {"identifier": subject.pop("identifier")}}),
    ],
)
def test_recipient_under_another_name_is_refused(members: list[dict[str, Any]], change: Any) -> None:
    record = build(members)
    linked.check_contexts(record)
    change(record["credentialSubject"])
    with pytest.raises(VerificationFailed, match=r"contexts: |terms: "):
        linked.check_contexts(record)


def test_contexts_of_the_record_stand_in_their_order(members: list[dict[str, Any]]) -> None:
    assert build(members)["@context"] == [
        "https://www.w3.org/ns/credentials/v2",
        "https://purl.imsglobal.org/spec/clr/v2p0/context-2.0.1.json",
        "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
    ]


def test_record_of_nothing_or_of_unsigned_credentials_is_refused(members: list[dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match=r"expected credentials, each once and not itself, got \[\]"):
        build([])
    with pytest.raises(ValueError, match="each once and not itself"):
        build([members[0], members[0]])
    with pytest.raises(ValueError, match=r"expected signed credentials, got https://badges\.example\.org/"):
        build([credential.build(awarded.award())])
