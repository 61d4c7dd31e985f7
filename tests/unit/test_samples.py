"""1EdTech's own samples: the good ones are accepted, the bad ones refused, by the check that is named here.

They lie beside the checkout and are read from there. Their issuers are no real sites, so a verifier of these
tests has the documents that such sites would serve: the keys that the samples were signed with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from assessor.errors import VerificationFailed, VerificationOpen
from assessor.openbadges import checks, did, jose, reading, trust
from assessor.openbadges.asked import Asked
from assessor.openbadges.sources import Sources

SAMPLES = Path(__file__).parents[3] / "shared" / "standards" / "samples" / "1edtech-validator"
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"there are no official samples in {SAMPLES}")

NOW = datetime(2026, 11, 26, tzinfo=UTC)
ONE, TWO = (
    "z6MkjZRZv3aez3r18pB1RBFJR1kwUVJ5jHt92JmQwXbd5hwi",
    "z6MkrvfzkMnvCroEUP2DVc9SHPE48CRsvHiVSusHioxTYu1x",
)
#: The keys that the samples' issuers have signed with.
KEYS = {
    "https://example.com/issuers/876543": (ONE, TWO),
    "https://1edtech.edu/issuers/565049": (ONE, "z6Mknyb2Gb4NxzW3xSr9ChTtdQZ1zs77piQ3r9SaJ9vMzmrs"),
    "https://example.edu/issuers/565049": (ONE,),
    "https://state.gov/issuers/565049": ("z6MkoMGF38Ck9xkdqrbZt4h9eHb1qc3GhAAkoSWa4Vy3SHRN",),
    "did:web:dc.1edtech.org:wellspring2022:wellspring-portal:org:da1e96e9-afcc-4eed-b9a2-2ddf7353214c": (
        ONE,
    ),
}
HOLDS, OPEN = "holds", "cannot tell"


class Expected(NamedTuple):
    """What comes of a sample.

    Attributes:
        official: what 1EdTech's validator says of it: good or bad.
        ours: `holds`, `cannot tell`, or the check that refuses it.
        problem: a piece of what is said.
        why: where the two differ, why.
    """

    official: str
    ours: str
    problem: str = ""
    why: str = ""


#: Every sample; docs/verifying.md has those whose `why` is not empty.
TABLE: Mapping[str, Expected] = {
    "simple.json": Expected("good", HOLDS),
    "simple.1ob": Expected("good", HOLDS),
    "simple-json.png": Expected("good", HOLDS),
    "simple-json.svg": Expected("good", HOLDS),
    "simple-jwt.png": Expected("good", HOLDS),
    "simple-jwt.svg": Expected("good", HOLDS),
    "simple-jwt_v1.png": Expected("good", HOLDS),
    "simple-jwt_v1.svg": Expected("good", HOLDS),
    "simple-context-alias.json": Expected("good", HOLDS),
    "simple-context-version.json": Expected("good", HOLDS),
    "simple-did-web-method.json": Expected("good", HOLDS),
    "endorsement-valid.json": Expected("good", HOLDS),
    "simple-did-key-method.json": Expected(
        "good", "controller", "bound to", "its issuer is a urn:uuid, which anybody may claim with any key"
    ),
    "simple-eddsa-2022.json": Expected(
        "good", "contexts", "security/data-integrity/v1", "names a context of a draft, and none is fetched"
    ),
    "simple_v1.json": Expected(
        "good", "proof", "does not fit", "its signature fits no bytes that it stands for"
    ),
    "simple.jwt": Expected(
        "good", "structure", "the property achievement", "a draft's: without an achievement"
    ),
    "sd/derivedcredential.json": Expected(
        "good", OPEN, "ecdsa-sd-2023", "selective disclosure (ecdsa-sd-2023) is not checked here"
    ),
    "bit-string-list/testlist": Expected(
        "good", "structure", "BitstringStatusListCredential", "a status list, and no badge by itself"
    ),
    "complete.json": Expected(
        "bad", OPEN, "1EdTechRevocationList", "an old kind of status that is not read here"
    ),
    "complete_v1.json": Expected("bad", "structure", "endorsement.1: expected the property name"),
    "credential-status-revoked.json": Expected(
        "bad", OPEN, "1EdTechRevocationList", "an old kind of status that is not read here"
    ),
    "bit-string-list/credential-status-revoked.json": Expected("bad", "status", "expected the list"),
    "bit-string-list/credential-status-revoked-blank-nodes.json": Expected(
        "bad", "status", "expected the list"
    ),
    "endorsement-err-schema-status-refresh.json": Expected("bad", "proof", "does not fit"),
    "simple-multiple-proofs.json": Expected(
        "bad", OPEN, "SomeProofType", "one of its two proofs holds, the other is of a kind that nobody knows"
    ),
    "simple-noproof.json": Expected("bad", "structure", "the property achievement"),
    "velocity.jwt": Expected("bad", "contexts", "velocitynetwork"),
    "simple-err-context.json": Expected("bad", "structure", "credentials/v2"),
    "simple-err-credential-subject-achievement-result-description-type.json": Expected(
        "bad", "structure", "resultDescription.2.type: expected ResultDescription"
    ),
    "simple-err-credential-subject-identifier-type.json": Expected(
        "bad", "structure", "identifier.0.type: expected IdentityObject"
    ),
    "simple-err-credential-subject-profile-type.json": Expected(
        "bad", "structure", "credentialSubject.source.type: expected Profile"
    ),
    "simple-err-credential-subject-result-type.json": Expected(
        "bad", "structure", "result.1.type: expected Result"
    ),
    "simple-err-credential-subject-type.json": Expected("bad", "structure", "expected AchievementSubject"),
    "simple-err-evidence-type.json": Expected("bad", "structure", "evidence.1.type: expected Evidence"),
    "simple-err-expired.json": Expected("bad", "dates", "got one until 2010-01-01"),
    "simple-err-issued.json": Expected("bad", "structure", "the property achievement"),
    "simple-err-issuer-otheridentifier-type.json": Expected(
        "bad", "structure", "otherIdentifier.1.type: expected IdentifierEntry"
    ),
    "simple-err-issuer-parentorg-type.json": Expected("bad", "structure", "parentOrg.type: expected Profile"),
    "simple-err-issuer-type.json": Expected("bad", "structure", "issuer.type: expected Profile"),
    "simple-err-issuer.json": Expected("bad", "structure", "the property issuer"),
    "simple-err-proof-method-no-scheme.json": Expected(
        "bad", "proof", "expected words that the contexts define"
    ),
    "simple-err-proof-method-unknown-did-method.json": Expected("bad", "controller", "got did:example"),
    "simple-err-proof-method-unknown-scheme.json": Expected("bad", "controller", "got xxx:"),
    "simple-err-proof-method.json": Expected("bad", "controller", "#z6MkjZRsdas"),
    "simple-err-proof-value.json": Expected("bad", "proof", "does not fit"),
    "simple-err-type.json": Expected("bad", "structure", "got ['VerifiableCredential', 'OtherCredential']"),
}


def documents() -> dict[str, bytes]:
    """What the issuers of the samples would serve; their tokens bring the keys that they are signed with."""
    jwks: dict[str, list[Any]] = {}
    for name in ("simple-jwt.png", "simple-jwt.svg", "simple-jwt_v1.png", "simple-jwt_v1.svg"):
        read = reading.read((SAMPLES / name).read_bytes())
        assert read.token is not None
        issuer = reading.text_of(read.document["issuer"])
        jwks.setdefault(str(issuer), []).append(jose.read(read.token)[1]["jwk"])
    made = {}
    for issuer, keys in KEYS.items():
        methods: list[dict[str, Any]] = [
            {"id": f"{issuer}#{key}", "type": "Multikey", "publicKeyMultibase": key} for key in keys
        ]
        methods += [
            {"id": f"{issuer}#jwk-{number}", "type": "JsonWebKey", "publicKeyJwk": jwk}
            for number, jwk in enumerate(jwks.get(issuer, []))
        ]
        address = did.web_address(issuer) if issuer.startswith("did:web:") else issuer
        document = {
            "id": issuer,
            "verificationMethod": [{**one, "controller": issuer} for one in methods],
            "assertionMethod": [one["id"] for one in methods],
        }
        made[address] = json.dumps(document).encode()
    return made


def asked(**named: bytes) -> Asked:
    lists = {
        json.loads((SAMPLES / "bit-string-list/credential-status-revoked.json").read_bytes())[
            "credentialStatus"
        ]["statusListCredential"]: (SAMPLES / "bit-string-list/testlist").read_bytes()
    }
    return Asked(
        now=NOW,
        sources=Sources(named=documents() | lists),
        trust=tuple(trust.Trusted(id=issuer) for issuer in KEYS),
    )


def outcome(name: str, question: Asked) -> tuple[str, str]:
    try:
        checks.credential((SAMPLES / name).read_bytes(), question, name=name)
    except VerificationFailed as error:
        return error.check, error.problem
    except VerificationOpen as error:
        return OPEN, str(error)
    return HOLDS, ""


def test_table_has_every_sample() -> None:
    assert len(TABLE) == 46
    assert sorted(TABLE) == sorted(
        str(path.relative_to(SAMPLES)) for path in SAMPLES.rglob("*") if path.is_file()
    )


@pytest.mark.parametrize("name", TABLE)
def test_sample_comes_out_as_the_table_says(name: str) -> None:
    expected = TABLE[name]
    came, said = outcome(name, asked())
    assert came == expected.ours, said
    assert expected.problem in said


def test_what_differs_from_the_official_validator_is_explained() -> None:
    for name, expected in TABLE.items():
        accepted = expected.ours == HOLDS
        differs = accepted != (expected.official == "good") or expected.ours == OPEN
        assert differs == bool(expected.why), name
    page = (Path(__file__).parents[2] / "docs" / "verifying.md").read_text(encoding="utf-8")
    for name, expected in TABLE.items():
        assert (f"| `{name}` |" in page) == bool(expected.why), name
        assert expected.why in page


def test_no_bad_sample_holds_and_no_good_one_without_its_issuers_keys() -> None:
    nobody = Asked(now=NOW, sources=Sources(named={}))
    for name, expected in TABLE.items():
        came, said = outcome(name, nobody)
        assert came != HOLDS, name
        if expected.ours == HOLDS:
            assert came == OPEN, name
            assert "controller: the document of" in said
