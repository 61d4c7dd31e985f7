"""Credentials of others as JWTs: official samples, every algorithm, and tokens that must not be believed."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import warnings
from collections.abc import Mapping
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.warnings import InsecureKeyLengthWarning

from assessor.errors import VerificationFailed
from assessor.openbadges import jose
from tests.credentials import BADGE, ISSUER, badge, standard

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SMALL = rsa.generate_private_key(public_exponent=65537, key_size=1024)
P256 = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
JWKS: dict[str, Mapping[str, Any]] = {
    "rsa": RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True),
    "small": RSAAlgorithm.to_jwk(SMALL.public_key(), as_dict=True),
    "ec": ECAlgorithm.to_jwk(P256.public_key(), as_dict=True),
    "ed": OKPAlgorithm.to_jwk(ED.public_key(), as_dict=True),
}
CLAIMS = {"iss": ISSUER, "jti": BADGE["id"], "nbf": 1577836800, "exp": 3786912000}


def encoded(part: Any) -> str:
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


HUGE = b'{"exp": 1e400, "validUntil": "2090-01-01T00:00:00Z"}'
TWICE = b'{"id": 1, "id": 2}'


def token(
    claims: Any = None, *, key: Any = RSA, algorithm: str = "RS256", kid: str | None = "rsa", **header: Any
) -> str:
    named = {**header, **({"kid": kid} if kid else {})}
    payload = json.dumps({**badge(), **CLAIMS} if claims is None else claims).encode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureKeyLengthWarning)  # one key is too small on purpose
        return jwt.PyJWS().encode(payload, key, algorithm=algorithm, headers=named)


def resolve(name: str) -> Mapping[str, Any] | None:
    return JWKS.get(name)


@pytest.mark.parametrize(
    ("key", "algorithm", "kid"),
    [(RSA, "RS256", "rsa"), (RSA, "PS256", "rsa"), (P256, "ES256", "ec"), (ED, "EdDSA", "ed")],
)
def test_token_of_each_algorithm_gives_its_credential(key: Any, algorithm: str, kid: str) -> None:
    made = token(key=key, algorithm=algorithm, kid=kid)
    assert jose.looks_like(made)
    assert jose.verify(made, resolve) == BADGE


def test_key_in_the_header_is_used_where_no_key_is_named() -> None:
    made = token(kid=None, jwk=JWKS["rsa"])
    assert jose.verify(made, resolve) == BADGE
    assert jose.read(made)[1]["jwk"] == JWKS["rsa"]


def test_older_form_says_in_claims_what_the_credential_leaves_out() -> None:
    inner = badge(id=None, issuer=None, validFrom=None, validUntil=None)
    made = token({"vc": inner, **CLAIMS, "sub": "did:example:learner"})
    credential = jose.verify(made, resolve)
    assert (credential["issuer"], credential["id"]) == (ISSUER, BADGE["id"])
    assert (credential["validFrom"], credential["validUntil"]) == (BADGE["validFrom"], BADGE["validUntil"])
    assert credential["credentialSubject"]["id"] == "did:example:learner"


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("iss", "did:example:other"),
        ("jti", "urn:uuid:other"),
        ("nbf", 1577836801),
        ("exp", 3786912001),
        ("exp", "never"),
        ("exp", True),
    ],
)
def test_claim_that_contradicts_the_credential_is_refused(claim: str, value: Any) -> None:
    with pytest.raises(VerificationFailed, match=f"^claims: {claim}: expected") as caught:
        jose.verify(token({**badge(), **CLAIMS, claim: value}), resolve)
    assert caught.value.check == "claims"


@pytest.mark.parametrize("value", ["1600000000", True, [1]])
def test_end_that_is_no_number_is_refused_though_the_credential_names_none(value: Any) -> None:
    credential = {name: one for name, one in BADGE.items() if name != "validUntil"}
    with pytest.raises(VerificationFailed, match="claims: exp: expected a time in seconds, got"):
        jose.read(token({**CLAIMS, "exp": value, "vc": credential}))


def test_number_beyond_every_time_is_refused_in_words() -> None:
    with pytest.raises(VerificationFailed, match="claims: exp: expected"):
        jose.read(token({**CLAIMS, "exp": 10**400, "vc": BADGE}))


def test_claimed_subject_that_contradicts_the_credential_is_refused() -> None:
    subject = {"id": "did:example:a", "type": ["AchievementSubject"]}
    with pytest.raises(VerificationFailed, match="sub: expected 'did:example:a'"):
        jose.read(token({**badge(credentialSubject=subject), "sub": "did:example:b"}))


def test_one_changed_letter_is_refused() -> None:
    header, payload, signature = token().split(".")
    changed = encoded(base64.urlsafe_b64decode(payload + "==").replace(b"Median", b"Mediam"))
    with pytest.raises(
        VerificationFailed, match="signature by rsa over this token, got one that does not fit"
    ):
        jose.verify(f"{header}.{changed}.{signature}", resolve)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (token(kid="unknown"), "got kid 'unknown', of which nothing is known here"),
        (token(kid=None), "got kid None"),
        (token(kid="ec"), "expected a key of kind RSA for RS256, got 'EC'"),
        (token(kid="small", key=SMALL), "expected an RSA key of 2048 bits or more, got 1024"),
        (token(key=b"k" * 64, algorithm="HS256"), "expected one of RS256"),
        (token(kid="rsa", key=P256, algorithm="ES256"), "expected a key of kind EC for ES256, got 'RSA'"),
        (f"{encoded({'alg': 'none'})}.{encoded(BADGE)}.", "expected one of RS256"),
        (f"{encoded({'kid': 'rsa'})}.{encoded(BADGE)}.AA", "expected one of RS256"),
    ],
)
def test_token_that_proves_nothing_is_refused(made: str, says: str) -> None:
    with pytest.raises(VerificationFailed, match=re.escape(says)) as caught:
        jose.verify(made, resolve)
    assert caught.value.check == "proof"


def test_private_half_in_a_header_is_not_used() -> None:
    private = RSAAlgorithm.to_jwk(RSA, as_dict=True)
    assert jose.verify(token(kid=None, jwk=private), resolve) == BADGE


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ("a.b", "expected header.payload.signature, got 2 parts"),
        ("!.b.c", "expected base64url"),
        (f"{encoded([])}.{encoded({})}.", "expected a JSON object"),
        (f"{encoded({'alg': 'RS256', 'crit': ['b64']})}.{encoded({})}.", "expected no critical headers"),
        (f"{encoded({})}.{encoded({'vc': 'x'})}.", "expected a credential as vc"),
        (f"{encoded({})}.{encoded(TWICE)}.", "expected each key once"),
        (f"{encoded({})}.{'A' * 3_000_000}.", "expected at most"),
        (f"{encoded({})}.{encoded({'vc': {}, 'exp': 1e18})}.", "exp: expected a time"),
        (f"{encoded({})}.{encoded(HUGE)}.", "exp: expected"),
        (
            f"{encoded({})}.{encoded({'validFrom': 'soon', 'nbf': 1})}.",
            "nbf: expected a time in the credential",
        ),
    ],
)
def test_text_that_is_no_token_is_refused(made: str, says: str) -> None:
    with pytest.raises(VerificationFailed, match=re.escape(says)):
        jose.read(made)


def test_official_sample_of_a_baked_token_verifies_by_the_key_in_its_header() -> None:
    svg = standard("samples", "1edtech-validator", "simple-jwt.svg").read_text()
    found = re.search(r'verify="([^"]+)"', svg)
    assert found is not None
    credential = jose.verify(found[1], resolve)
    assert "OpenBadgeCredential" in credential["type"]
    with pytest.raises(VerificationFailed, match="does not fit"):
        jose.verify(found[1][:-6] + "AAAAAA", resolve)


@pytest.mark.parametrize("name", ["simple.jwt", "velocity.jwt"])
def test_official_sample_without_a_key_is_read_and_not_believed(name: str) -> None:
    made = standard("samples", "1edtech-validator", name).read_text()
    credential, header = jose.read(made)
    assert "OpenBadgeCredential" in credential["type"]
    assert header["alg"] == "RS256"
    with pytest.raises(VerificationFailed, match="of which nothing is known here"):
        jose.verify(made, resolve)


texts = st.text(max_size=20) | st.binary(max_size=60).map(encoded)
objects = st.dictionaries(
    st.sampled_from(
        ["alg", "kid", "jwk", "vc", "iss", "nbf", "exp", "sub", "credentialSubject", "validFrom"]
    ),
    st.sampled_from(["RS256", "rsa", {}, [], 1, 1e300, None, True, JWKS["rsa"]]),
).map(encoded)


@given(texts | objects, texts | objects, texts)
def test_verifying_anything_raises_only_what_it_says(header: str, payload: str, signature: str) -> None:
    with contextlib.suppress(VerificationFailed):
        jose.verify(f"{header}.{payload}.{signature}", resolve)
        pytest.fail("expected it to be refused")
