"""Credentials of others that are secured as a JWT: read and verified, never made.

Comes in: a compact JWS. Goes out: the credential that it holds, its claims folded in and compared, or
`VerificationFailed`. Whether the key belongs to the issuer is left to who gives it; a key in the token's
own header (`jwk`) shows only that nothing was changed since, and `read` hands the header out so that it can
be told.

Source: Open Badges 3.0, section 8.2 (JSON Web Token Proof Format); VC-JOSE-COSE 1.0; RFC 7515 and 7518.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import jwt
from jwt.exceptions import PyJWTError

from assessor.errors import VerificationFailed
from assessor.openbadges import screen

#: No algorithm with a shared secret, and not `none`.
ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "EdDSA")
_KINDS = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "ES384": "EC", "EdDSA": "OKP"}

#: Fewest bits of an RSA key (RFC 7518, section 3.3), and most, since checking takes time.
_RSA_BITS = (2048, 8192)


def looks_like(text: str) -> bool:
    """Whether this is meant as a compact JWS rather than JSON."""
    return text.count(".") == 2 and text.lstrip().startswith("ey")


def read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The credential in a token, and the token's header; nothing is verified yet.

    Raises:
        VerificationFailed: `json` or `limits` where it is no JWS of JSON, `claims` where a claim of the token
            and the credential disagree.
    """
    parts = token.strip().split(".")
    if len(parts) != 3:
        raise VerificationFailed("json", f"expected header.payload.signature, got {len(parts)} parts")
    header, claims = (screen.read(_decoded(part)) for part in parts[:2])
    # Source: RFC 7515, section 4.1.11: who does not understand all of it must refuse.
    if "crit" in header:
        raise VerificationFailed("json", f"expected no critical headers, got {header['crit']!r}")
    credential = claims["vc"] if "vc" in claims else _without_claims(claims)
    if not isinstance(credential, dict):
        raise VerificationFailed("json", "expected a credential as vc or as the whole payload, got neither")
    _agree(claims, credential)
    return _folded(claims, credential), header


def verify(token: str, resolve: Callable[[str], Mapping[str, Any] | None]) -> dict[str, Any]:
    """The credential in a token, where the key that it names signed it.

    Args:
        token: the compact JWS.
        resolve: the public key (JWK) of a `kid`, or None where it is not known.

    Raises:
        VerificationFailed: as `read` does; `proof` where no key is known or the signature does not fit.
    """
    credential, header = read(token)
    algorithm = header.get("alg")
    if algorithm not in ALGORITHMS:
        raise VerificationFailed("proof", f"expected one of {', '.join(ALGORITHMS)}, got {algorithm!r}")
    name = header.get("kid")
    jwk = resolve(name) if isinstance(name, str) else header.get("jwk")
    if not isinstance(jwk, Mapping):
        raise VerificationFailed(
            "proof", f"expected a key that can be found, got kid {name!r}, of which nothing is known here"
        )
    if jwk.get("kty") != _KINDS[algorithm]:
        raise VerificationFailed(
            "proof", f"expected a key of kind {_KINDS[algorithm]} for {algorithm}, got {jwk.get('kty')!r}"
        )
    try:
        public = jwt.PyJWK({key: value for key, value in jwk.items() if key != "d"}, algorithm=algorithm)
        bits = getattr(public.key, "key_size", None)
        if _KINDS[algorithm] == "RSA" and not _RSA_BITS[0] <= (bits or 0) <= _RSA_BITS[1]:
            raise VerificationFailed(
                "proof", f"expected an RSA key of {_RSA_BITS[0]} bits or more, got {bits}"
            )
        jwt.PyJWS().decode(token.strip(), public, algorithms=[algorithm])
    except (PyJWTError, ValueError, TypeError, KeyError) as error:
        raise VerificationFailed(
            "proof",
            f"expected a signature by {name or 'the key in the header'} over this token, got one that does "
            f"not fit: {error}",
        ) from error
    return credential


def _decoded(part: str) -> bytes:
    if len(part) > screen.LIMIT_BYTES * 2:
        raise VerificationFailed("limits", f"expected at most {screen.LIMIT_BYTES} bytes, got more")
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise VerificationFailed("json", f"expected base64url, got: {error}") from error


#: What the token says about itself, besides the credential.
_CLAIMS = ("iss", "sub", "jti", "nbf", "iat", "exp", "aud")


_TIMES = (("nbf", ("validFrom", "issuanceDate")), ("exp", ("validUntil", "expirationDate")))


def _without_claims(claims: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in claims.items() if name not in _CLAIMS}


def _agree(claims: Mapping[str, Any], credential: Mapping[str, Any]) -> None:
    """A claim that repeats the credential says the same; one that is missing says nothing.

    Source: Open Badges 3.0, section 8.2.4.1.
    """
    subject = credential.get("credentialSubject")
    for claim, expected in (
        ("iss", _id(credential.get("issuer"))),
        ("jti", credential.get("id")),
        ("sub", _id(subject) if isinstance(subject, Mapping) else None),
    ):
        came = claims.get(claim)
        if came is not None and expected is not None and came != expected:
            raise VerificationFailed(
                "claims", f"{claim}: expected {expected!r} as in the credential, got {came!r}"
            )
    for claim, names in _TIMES:
        said = [credential[name] for name in names if name in credential]
        came = claims.get(claim)
        if came is None:
            continue
        number = isinstance(came, int | float) and not isinstance(came, bool)
        # Whole numbers are not asked: those beyond every float cannot be.
        if not number or (isinstance(came, float) and not math.isfinite(came)):
            raise VerificationFailed("claims", f"{claim}: expected a time in seconds, got {came!r}")
        if said and int(came) not in [_seconds(one, claim) for one in said]:
            raise VerificationFailed(
                "claims", f"{claim}: expected {said[0]!r} as in the credential, got {came!r}"
            )


def _folded(claims: Mapping[str, Any], credential: dict[str, Any]) -> dict[str, Any]:
    """The credential with what only the claims say: the older form allows to leave it out there."""
    folded = dict(credential)
    for claim, name in (("iss", "issuer"), ("jti", "id")):
        if claim in claims:
            folded.setdefault(name, claims[claim])
    for claim, names in _TIMES:
        came = claims.get(claim)
        if isinstance(came, int | float) and not any(name in folded for name in names):
            try:
                moment = datetime.fromtimestamp(came, UTC)
            except (OverflowError, ValueError, OSError) as error:
                raise VerificationFailed("claims", f"{claim}: expected a time, got {came!r}") from error
            folded[names[0]] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    subject = folded.get("credentialSubject")
    if isinstance(subject, Mapping) and "sub" in claims:
        folded["credentialSubject"] = {"id": claims["sub"], **subject}
    return folded


def _seconds(text: object, claim: str) -> int:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise VerificationFailed(
            "claims", f"{claim}: expected a time in the credential, got {text!r}"
        ) from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _id(value: Any) -> Any:
    return value.get("id") if isinstance(value, Mapping) else value
