"""Proofs: a credential's signature as linked data, made and checked.

Comes in: a credential as a dict, and a signer or the bytes of a public key. Goes out: the credential with a
proof, or nothing where a proof holds, or `VerificationFailed`. Whose key it is, and whether times fit, is
left to others: `proofs` and `times` say what is claimed.

Made is `eddsa-rdfc-2022` alone, which every verifier knows. Checked are also `eddsa-jcs-2022` and what
others signed before these had their names (`eddsa-2022`, `Ed25519Signature2020`). Each proof of a set is
checked by itself, over the document without any proof. A proof that builds on another (`previousProof`) is
refused.

`canonical`, `check_terms` and `check_contexts` are here as well, so that this is the one file that others
import.

Source: Data Integrity EdDSA Cryptosuites 1.0, sections 3.2 and 3.3; Data Integrity 1.0, section 4.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from assessor.errors import VerificationFailed
from assessor.openbadges import contexts, form, graph, multibase, screen

TYPE = "DataIntegrityProof"
CRYPTOSUITE = "eddsa-rdfc-2022"
PURPOSE = "assertionMethod"

#: Over the graph; the names that the same thing has had.
_RDFC = {(TYPE, CRYPTOSUITE), (TYPE, "eddsa-2022"), ("Ed25519Signature2020", None)}
#: Over the JSON itself.
_JCS = {(TYPE, "eddsa-jcs-2022")}

LIMIT_PROOFS = 8
SIGNATURE_BYTES = 64


class Signer(Protocol):
    """Whatever signs bytes with one Ed25519 key."""

    def sign(self, data: bytes) -> bytes:
        """The 64 bytes of the signature over `data`."""
        ...


def canonical(document: Mapping[str, Any], *, known: contexts.Contexts | None = None) -> bytes:
    """The document's graph as canonical N-Quads (RDFC-1.0), one statement a line.

    Raises:
        VerificationFailed: `limits`, `contexts` or `terms`, as `check_terms` does: what is not in the graph
            is not in the text.
    """
    screen.check(document)
    return graph.canonical(form.expand(document, known=known or contexts.known()))


def sign(
    document: Mapping[str, Any],
    *,
    signer: Signer,
    verification_method: str,
    created: datetime,
    known: contexts.Contexts | None = None,
) -> dict[str, Any]:
    """A copy of the credential with a proof more.

    Args:
        document: the credential; proofs that it has stay.
        signer: the issuer's key.
        verification_method: where its public half is to be found, such as `did:web:example.org#...`.
        created: when it is signed, with a time zone.
        known: the contexts that it may name.

    Raises:
        VerificationFailed: it says something that the proof would not cover, with the check that a verifier
            would refuse it by.
    """
    known = known or contexts.known()
    unsecured = _unsecured(document)
    screen.check(unsecured)
    form.check_words(unsecured, known=known)
    options = {
        "type": TYPE,
        "created": created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "verificationMethod": verification_method,
        "cryptosuite": CRYPTOSUITE,
        "proofPurpose": PURPOSE,
    }
    signature = signer.sign(_digests(unsecured, options, known))
    made = {**options, "proofValue": multibase.base58(signature)}
    return {**document, "proof": [*proofs(document), made]}


def proofs(document: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """The proofs that a document carries, in its order; none where it has no `proof`.

    Raises:
        VerificationFailed: `proof` where there is something else, or more than eight.
    """
    found = document.get("proof", [])
    listed = found if isinstance(found, list) else [found]
    if len(listed) > LIMIT_PROOFS:
        raise VerificationFailed("proof", f"expected at most {LIMIT_PROOFS} proofs, got {len(listed)}")
    for one in listed:
        if not isinstance(one, dict):
            raise VerificationFailed("proof", f"expected proofs as objects, got {type(one).__name__}")
    return tuple(listed)


def times(proof: Mapping[str, Any]) -> tuple[datetime | None, datetime | None]:
    """When a proof was made and when it ends, where it says so.

    Raises:
        VerificationFailed: `proof` where these are no times with a zone.
    """
    return _time(proof, "created"), _time(proof, "expires")


def verify(
    document: Mapping[str, Any],
    proof: Mapping[str, Any],
    *,
    key: bytes,
    known: contexts.Contexts | None = None,
) -> None:
    """Nothing, where the key signed the document with this proof.

    Whether the document reads as what was signed is `check_contexts` and `check_terms`, which come first.

    Args:
        document: the credential, with or without its proofs.
        proof: one of `proofs`.
        key: 32 bytes of an Ed25519 public key.
        known: the contexts that it may name.

    Raises:
        VerificationFailed: `proof` where it does not hold or is of a kind that is not known; `limits`,
            `contexts` or `terms` where it cannot be told what was signed.
    """
    known = known or contexts.known()
    suite = (proof.get("type"), proof.get("cryptosuite"))
    # A list: what a stranger puts there need not be hashable.
    if suite not in [*_RDFC, *_JCS]:
        raise VerificationFailed(
            "proof",
            f"expected {CRYPTOSUITE} (or eddsa-jcs-2022, Ed25519Signature2020), got "
            f"{suite[0]!r} with {suite[1]!r}, which this program cannot check",
        )
    if "previousProof" in proof:
        raise VerificationFailed(
            "proof", "expected a proof that stands by itself, got one that builds on another (previousProof)"
        )
    if proof.get("proofPurpose") != PURPOSE:
        raise VerificationFailed(
            "proof", f"expected the purpose {PURPOSE}, got {proof.get('proofPurpose')!r}"
        )
    times(proof)
    signature = _signature(proof.get("proofValue"))
    unsecured = _unsecured(document)
    options = {name: value for name, value in proof.items() if name != "proofValue"}
    screen.check({"document": unsecured, "proof": options})
    if suite in _JCS:
        signed = _jcs_digests(unsecured, options)
    else:
        form.check_contexts({**options, "@context": unsecured.get("@context")}, known=known)
        signed = _digests(unsecured, options, known)
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    except InvalidSignature as error:
        raise VerificationFailed(
            "proof",
            f"expected a signature over this document by {proof.get('verificationMethod')!r}, got one that "
            "does not fit: it was changed since, or another key signed it",
        ) from error
    except ValueError as error:
        raise VerificationFailed("proof", f"expected an Ed25519 key, got: {error}") from error


def check_terms(document: Mapping[str, Any], *, known: contexts.Contexts | None = None) -> None:
    """Nothing, where all that the document says is part of what is signed.

    Raises:
        VerificationFailed: `terms`, `contexts` or `limits`; see `form`.
    """
    form.check_terms(document, known=known or contexts.known())


def check_contexts(document: Mapping[str, Any], *, known: contexts.Contexts | None = None) -> None:
    """Nothing, where a reader of the JSON sees what was signed.

    Raises:
        VerificationFailed: `contexts`, `terms` or `limits`; see `form`.
    """
    form.check_contexts(_unsecured(document), known=known or contexts.known())


def _unsecured(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != "proof"}


def _digests(unsecured: Mapping[str, Any], options: Mapping[str, Any], known: contexts.Contexts) -> bytes:
    """What an RDFC suite signs; the options are read in the context of the document."""
    named = {**options, "@context": unsecured.get("@context")}
    return b"".join(
        hashlib.sha256(graph.canonical(form.expand(one, known=known))).digest() for one in (named, unsecured)
    )


def _jcs_digests(unsecured: Mapping[str, Any], options: Mapping[str, Any]) -> bytes:
    claimed = options.get("@context")
    if claimed is not None:
        # Source: section 3.3.2, step 4: the document's contexts begin with those of the proof.
        ours, theirs = (
            value if isinstance(value, list) else [value] for value in (unsecured.get("@context"), claimed)
        )
        if ours[: len(theirs)] != theirs:
            raise VerificationFailed(
                "proof", "expected the contexts of the proof to begin those of the document, got others"
            )
        unsecured = {**unsecured, "@context": claimed}
    return b"".join(hashlib.sha256(rfc8785.dumps(one)).digest() for one in (dict(options), dict(unsecured)))


def _signature(value: object) -> bytes:
    try:
        signature = multibase.read_base58(value if isinstance(value, str) else "")
    except multibase.NotMultibase as error:
        raise VerificationFailed("proof", f"proofValue: {error}") from error
    if len(signature) != SIGNATURE_BYTES:
        raise VerificationFailed(
            "proof", f"proofValue: expected a signature of {SIGNATURE_BYTES} bytes, got {len(signature)}"
        )
    return signature


def _time(proof: Mapping[str, Any], name: str) -> datetime | None:
    text = proof.get(name)
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise VerificationFailed("proof", f"{name}: expected a time, got {text!r}") from error
    if read.tzinfo is None:
        raise VerificationFailed("proof", f"{name}: expected a time with a zone, got {text!r}")
    return read
