"""Whose key signed: the issuer's document, and whether it stands behind a proof.

Comes in: the issuer that a credential names, and its proofs. Goes out: the keys that may sign for it, and
what the checks `proof` and `controller` come to. Whether the issuer is trusted is another question, and left
to `checks`.

A key proves something for an issuer only if the issuer says so where nobody else can: in a `did:key` the key
is the name itself; for `did:web` and for an https address it is the document that lies there, fetched, or
named by the verifier. A document that came along with the credential says nothing but what its sender wanted.

Source: VC Data Integrity 1.0, clauses 4.3 and 4.4; DID Core 1.0, clause 5; did:web and did:key methods.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from assessor.errors import RemoteFault, VerificationFailed
from assessor.openbadges import did, jose, linked, reading, structure
from assessor.openbadges.asked import Asked, Told, held, left_open
from assessor.openbadges.sources import Came

#: Proofs that `linked` can check: type and cryptosuite.
_KINDS = frozenset(
    {
        (linked.TYPE, linked.CRYPTOSUITE),
        (linked.TYPE, "eddsa-2022"),
        (linked.TYPE, "eddsa-jcs-2022"),
        ("Ed25519Signature2020", None),
    }
)


@dataclass(frozen=True, kw_only=True)
class Controller:
    """The keys that may sign for an issuer.

    Attributes:
        id: the issuer.
        methods: its Ed25519 keys for assertions; None where its document is not at hand.
        jwks: its keys of any kind, as tokens name them.
        proven: whether they are surely the issuer's own.
        words: where they are from, or why there are none.
    """

    id: str
    methods: tuple[did.Method, ...] | None
    proven: bool
    words: str
    jwks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def find(issuer: str, asked: Asked) -> Controller:
    """The keys that may sign for an issuer.

    Raises:
        VerificationFailed: `controller`: the issuer is named in a way that no key can be bound to, or its
            document is none.
    """
    if issuer.startswith("did:key:"):
        return Controller(id=issuer, methods=(did.resolve_key(issuer),), proven=True, words="its own name")
    trusted = asked.known(issuer)
    if trusted is not None and trusted.issuer:
        methods = tuple(
            did.Method(id=f"{issuer}#{key.text}", controller=issuer, raw=did.raw(key.text), until=key.until)
            for key in trusted.issuer
        )
        return Controller(id=issuer, methods=methods, proven=True, words="the list of those you trust")
    if issuer.startswith("did:web:"):
        address = did.web_address(issuer)
    elif issuer.startswith("https://"):
        address = issuer
    else:
        raise VerificationFailed(
            "controller",
            f"expected an issuer that a key can be bound to (did:web, did:key, https), got {issuer[:200]}",
        )
    try:
        found = asked.sources.find(address)
    except RemoteFault as error:
        return Controller(id=issuer, methods=None, proven=False, words=str(error))
    if found is None:
        words = f"the document of {issuer} is not here (--online fetches {address}, --did-document names it)"
        return Controller(id=issuer, methods=None, proven=False, words=words)
    document = reading.strict(found.data, name=address, check="controller")
    if document.get("id") != issuer:
        raise VerificationFailed(
            "controller", f"{address}: expected the document of {issuer}, got that of {document.get('id')!r}"
        )
    return Controller(
        id=issuer,
        methods=tuple(one for one in did.read(document) if one.controller == issuer),
        proven=found.came is not Came.ALONG,
        words=f"its document ({found.came.value})",
        jwks=did.jwks(document, now=asked.now),
    )


def proofs(document: Mapping[str, Any], controller: Controller, *, now: datetime) -> Told:
    """Whether every proof in a document holds now, by the key that each names.

    Raises:
        VerificationFailed: `proof`: there is none, or one that does not hold.
    """
    given = linked.proofs(document)
    if not given:
        raise VerificationFailed("proof", "expected a proof, got a document without")
    left = []
    for proof in given:
        raw = _key(proof, controller)
        if not _known_kind(proof):
            left.append(f"a {proof.get('type')!r} with {proof.get('cryptosuite')!r} is of no kind known here")
        elif raw is None:
            left.append(f"no key is at hand for {str(proof.get('verificationMethod'))[:200]}")
        else:
            linked.verify(document, proof, key=raw)
            _, end = linked.times(proof)
            if end is not None and end <= now:
                raise VerificationFailed(
                    "proof", f"expected a proof that has not ended, got one until {proof['expires']}"
                )
    if left:
        return left_open("; ".join(left))
    many = "the proof holds" if len(given) == 1 else f"all {len(given)} proofs hold"
    return held(f"{many}: nothing was changed since it was signed")


def token(text: str, controller: Controller) -> Told:
    """As `proofs`, for a token.

    Raises:
        VerificationFailed: `proof`: the signature does not hold, or is of no kind that is taken.
    """
    _, header = jose.read(text)
    name = header.get("kid")
    known = _token_keys(controller)
    if isinstance(name, str) and controller.methods is None:
        return left_open(f"no key is at hand for {name[:200]}")
    jose.verify(text, lambda kid: known.get(kid) or known.get(f"{controller.id}#{kid.removeprefix('#')}"))
    return held("the signature of the token holds: nothing was changed since it was signed")


def controls_token(text: str, controller: Controller) -> Told:
    """As `controls`, for a token.

    Raises:
        VerificationFailed: `controller`: its key stands in its own header alone, which anybody can write.
    """
    _, header = jose.read(text)
    given = header.get("jwk")
    if "kid" not in header and controller.methods is not None:
        same = [one for one in _token_keys(controller).values() if _public(one) == _public(given)]
        if not same:
            raise VerificationFailed(
                "controller",
                f"expected a key of {controller.id}, by {controller.words}, got one of the token's own",
            )
    return known(controller)


def controls(document: Mapping[str, Any], controller: Controller) -> Told:
    """Whether each proof is by a key that the issuer stands behind, made while it was in use.

    Raises:
        VerificationFailed: `controller`.
    """
    for proof in filter(_known_kind, linked.proofs(document)):
        method = str(proof.get("verificationMethod"))
        if method.partition("#")[0] != controller.id:
            raise VerificationFailed(
                "controller", f"expected a key of the issuer {controller.id}, got {method[:200]}"
            )
        if proof.get("proofPurpose") != "assertionMethod":
            raise VerificationFailed(
                "controller",
                f"expected a proof made for assertionMethod, got one for {proof.get('proofPurpose')!r}",
            )
        if controller.methods is not None:
            _in_use(proof, _stands(method, controller))
    return known(controller)


def known(controller: Controller) -> Told:
    """Whether the keys that were used for an issuer are surely its own."""
    if controller.methods is None:
        return left_open(controller.words)
    if not controller.proven:
        return left_open(
            f"the keys of {controller.id} came along with the credential, so they show only what its sender "
            "wrote: name those that you know (--trust, --did-document) or fetch them (--online)"
        )
    return held(f"the key is one of {controller.id}, by {controller.words}")


def _known_kind(proof: Mapping[str, Any]) -> bool:
    """Whether `linked` can check a proof; of one that it cannot, nothing is known."""
    # A list: what a stranger puts there need not be hashable.
    return (proof.get("type"), proof.get("cryptosuite")) in [*_KINDS]


def _key(proof: Mapping[str, Any], controller: Controller) -> bytes | None:
    """The key that a proof says it was made with: that of its method, else the one that its name spells."""
    method = str(proof.get("verificationMethod"))
    for one in controller.methods or ():
        if _same(one, method, controller):
            return one.raw
    try:
        # did:key, and by custom others, name a method by the key itself.
        return did.raw(method.rpartition("#")[2].removeprefix("did:key:"))
    except VerificationFailed:
        return None


def _stands(method: str, controller: Controller) -> did.Method:
    for one in controller.methods or ():
        if _same(one, method, controller):
            return one
    raise VerificationFailed(
        "controller",
        f"expected a key of {controller.id} for assertions, by {controller.words}, got {method[:200]}",
    )


def _same(one: did.Method, method: str, controller: Controller) -> bool:
    """Whether a proof's method is this one: by its id, or by the key that both spell."""
    spelled = did.method_id(controller.id, one.raw)
    return method in (one.id, spelled) or (method == controller.id and method.startswith("did:key:"))


def _in_use(proof: Mapping[str, Any], method: did.Method) -> None:
    if method.until is None:
        return
    created = proof.get("created")
    if created is None:
        raise VerificationFailed(
            "controller", f"expected a proof with a date, since its key was retired on {method.until}"
        )
    if structure.time(created, "proof.created", "controller") >= method.until:
        raise VerificationFailed(
            "controller",
            f"expected a proof made before its key was retired ({method.until.isoformat()}), got {created}",
        )


def _token_keys(controller: Controller) -> dict[str, Mapping[str, Any]]:
    """The issuer's keys by name, as tokens take them; a retired one signs no token any more."""
    own = {
        one.id: {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": base64.urlsafe_b64encode(one.raw).rstrip(b"=").decode(),
        }
        for one in controller.methods or ()
        if one.until is None
    }
    return {**controller.jwks, **own}


def _public(jwk: Any) -> tuple[Any, ...]:
    """What makes a JWK the key that it is. Source: RFC 7638, clause 3.2."""
    return (
        tuple(jwk.get(name) for name in ("kty", "crv", "x", "y", "n", "e"))
        if isinstance(jwk, Mapping)
        else ()
    )
