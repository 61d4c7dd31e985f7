"""A small badge that others sign and spoil in tests, and the key that signs it."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from assessor.openbadges import contexts, did, linked

STANDARDS = Path(__file__).parents[2] / "shared" / "standards"
NOW = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
RAW = KEY.public_key().public_bytes_raw()
ISSUER = did.did_key(RAW)
METHOD = f"{ISSUER}#{did.multikey(RAW)}"

BADGE: dict[str, Any] = {
    "@context": [contexts.CREDENTIALS_V2, contexts.OPEN_BADGES, contexts.EXTENSIONS],
    "id": "urn:uuid:9ef0c2a6-5fb7-4a41-8d3d-6b8f6b2f0a01",
    "type": ["VerifiableCredential", "OpenBadgeCredential"],
    "name": "Median",
    "issuer": {"id": ISSUER, "type": ["Profile"], "name": "School"},
    "validFrom": "2020-01-01T00:00:00Z",
    "validUntil": "2090-01-01T00:00:00Z",
    "credentialStatus": {
        "id": "https://school.example/status/1#7",
        "type": "BitstringStatusListEntry",
        "statusPurpose": "revocation",
        "statusListIndex": "7",
        "statusListCredential": "https://school.example/status/1",
    },
    "evidence": [
        {
            "id": "https://school.example/evidence/1",
            "type": ["Evidence"],
            "name": "Record",
            "narrative": 'Tab\there, "quotes", a back\\slash\\t and\na new line: 1 < 2 é 😀',
        }
    ],
    "credentialSubject": {
        "type": ["AchievementSubject"],
        "identifier": [
            {
                "type": "IdentityObject",
                "hashed": True,
                "identityHash": "sha256$aa",
                "identityType": "emailAddress",
                "salt": "s",
            }
        ],
        "achievement": {
            "id": "https://school.example/achievements/median",
            "type": ["Achievement"],
            "name": "Median",
            "description": "Finds the middle.",
            "criteria": {"narrative": "Passes."},
        },
    },
}


def badge(**changes: Any) -> dict[str, Any]:
    """A fresh badge; a change of None leaves the key out."""
    made = {**copy.deepcopy(BADGE), **changes}
    return {key: value for key, value in made.items() if value is not None}


def signed(document: dict[str, Any] | None = None) -> dict[str, Any]:
    return linked.sign(document or badge(), signer=KEY, verification_method=METHOD, created=NOW)


def check(document: dict[str, Any], *, key: bytes = RAW, known: contexts.Contexts | None = None) -> None:
    """What a verifier does with a credential before it reads anything in it."""
    linked.check_contexts(document, known=known)
    linked.check_terms(document, known=known)
    for proof in linked.proofs(document):
        linked.verify(document, proof, key=key, known=known)


def standard(*names: str) -> Path:
    """A file of the official samples, or the test is skipped."""
    path = STANDARDS.joinpath(*names)
    if not path.exists():
        pytest.skip(f"no {path.name}: the official samples are not beside this checkout")
    return path


def standard_json(*names: str) -> dict[str, Any]:
    return json.loads(standard(*names).read_text())
