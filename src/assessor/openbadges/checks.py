"""Verification of credentials: whether a badge holds, as a list of checks that a person can follow.

Comes in: bytes that claim to be a credential, and what the verifier asks. Goes out: nothing, if all that was
asked holds; `VerificationFailed` with the first check that does not; `VerificationOpen` where nothing speaks
against it but something could not be checked. Each check is told as it is made: one that could not be made is
never told as one that holds.

The order is that of `CHECKS`: nothing is believed before what it rests on is checked, and nothing is fetched
for a document whose form is wrong. Evidence by itself is left to `verify`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from assessor import digest
from assessor.errors import VerificationFailed, VerificationOpen
from assessor.openbadges import backing, controller, linked, reading, recipient, standing, structure
from assessor.openbadges.asked import Asked, State, Told, held, left_open, unasked
from assessor.openbadges.controller import Controller
from assessor.openbadges.reading import many, text_of
from assessor.verify import Check

CHECKS = tuple(
    Check(number=number, name=name, sentence=sentence)
    for number, (name, sentence) in enumerate(
        (
            ("bytes", "It is one document that every program reads in the same way."),
            ("structure", "It has what an Open Badges 3.0 credential must have."),
            ("schema", "It fits the official schema that you named."),
            ("terms", "There is no word in it that the signature does not cover."),
            ("contexts", "Every word in it means what the standards say, and none goes by another name."),
            ("proof", "Every signature on it holds: not one bit has changed since it was signed."),
            ("controller", "The key that signed it is the issuer's own, and was in use then."),
            ("issuer", "The issuer is one that you trust."),
            ("dates", "It is valid now."),
            ("status", "Its issuer has not taken it back."),
            ("recipient", "It was given to the person that you asked about."),
            ("evidence", "The files that it names as evidence are those that it was signed with."),
            ("record", "The evidence is signed by the engine that judged, and adds up."),
            ("inclusion", "The award and its evidence are in the issuer's public log."),
            ("checkpoint", "The log has only grown since you saw it last."),
            ("members", "Each credential in it holds by itself."),
        ),
        start=1,
    )
)
_BY_NAME = {check.name: check for check in CHECKS}


def number(name: str) -> int:
    """The number of a check."""
    return _BY_NAME[name].number


def credential(
    data: bytes,
    asked: Asked,
    *,
    name: str = "the file",
    on_check: Callable[[Check, Told], None] = lambda check, told: None,
) -> None:
    """Check a credential, in the order of `CHECKS`; returns only if all that was asked holds.

    The last check is told of a learner record alone: each credential in it is checked as a whole.

    Args:
        data: a document, a token, or an image that one is baked into.
        asked: what the verifier asks.
        name: how the verifier knows it, for errors.
        on_check: called with each check that does not refuse, as it is made.

    Raises:
        VerificationFailed: the first check that does not hold.
        VerificationOpen: none is known not to hold, but some could not be made.
    """
    left: dict[str, str] = {}

    def tell(check: str, told: Told) -> None:
        if told.state is State.OPEN:
            left[check] = told.words
        on_check(_BY_NAME[check], told)

    # 1. What it is.
    read = reading.read(data, name=name)
    document = read.document
    tell(
        "bytes",
        held(f"a credential as {read.form.value}{f', baked into {read.baked}' if read.baked else ''}"),
    )
    # 2, 3. Its form.
    structure.check(document)
    tell("structure", held(", ".join(str(one) for one in many(document["type"]))))
    tell("schema", _schema(document, asked))
    # 4, 5. What its words mean.
    with _as("terms", "contexts"):
        linked.check_terms(document)
    tell("terms", held("each is defined"))
    with _as("contexts"):
        linked.check_contexts(document)
    tell("contexts", held("known contexts, and each thing by its own name"))
    # 6, 7. Who signed it.
    issuer = text_of(document["issuer"])
    assert issuer is not None, "its structure was checked"
    with _as("controller"):
        owner = controller.find(issuer, asked)
    with _as("proof"):
        told = (
            controller.proofs(document, owner, now=asked.now)
            if read.token is None
            else controller.token(read.token, owner)
        )
        inside = _endorsements(document)
        if inside:
            also = f"; whether the {inside} endorsements in it hold was not looked at"
            told = replace(told, words=told.words + also)
        tell("proof", told)
    with _as("controller"):
        tell(
            "controller",
            controller.controls(document, owner)
            if read.token is None
            else controller.controls_token(read.token, owner),
        )
    # 8. Who that is to the verifier.
    tell("issuer", _issuer(document, owner, asked))
    # 9, 10. Whether it still stands.
    tell("dates", standing.dates(document, asked))
    tell("status", standing.status(document, owner, asked))
    # 11. Whom it is about.
    tell("recipient", _recipient(document, asked))
    # 12, 13. What it rests on.
    behind = backing.evidence(document, asked)
    tell("evidence", behind.told)
    tell("record", backing.records(document, behind, asked, issuer))
    # 14, 15. Whether it was written down where nothing is taken away.
    base = _base(document)
    told, checkpoints = backing.inclusion(read, behind, asked, issuer, base)
    tell("inclusion", told)
    tell("checkpoint", backing.checkpoint(checkpoints, asked, issuer, base))
    # 16. What it holds.
    if structure.RECORD in many(document["type"]):
        tell("members", _members(document, asked))
    if left:
        raise VerificationOpen(left)


def _members(document: dict[str, Any], asked: Asked) -> Told:
    """Whether each credential in a learner record holds, by all checks but that of the record's schema."""
    subjects = many(document["credentialSubject"])
    members = [one for subject in subjects for one in many(subject["verifiableCredential"])]
    if not members:
        raise VerificationFailed("members", "expected a record of credentials, got one of none")
    left = []
    for place, one in enumerate(members, start=1):
        name = f"credential {place} of {len(members)}, {text_of(one)}"
        try:
            credential(digest.canonical(one), replace(asked, schema=None), name=name)
        except VerificationFailed as error:
            raise VerificationFailed("members", f"{name}: {error}") from error
        except VerificationOpen as error:
            left.append(f"{name}: {', '.join(error.checks)}")
    if left:
        return left_open("; ".join(left))
    return held(f"{len(members)} credentials, by all checks that were made of the record")


@contextmanager
def _as(check: str, *also: str) -> Iterator[None]:
    """An error of what a check is made of becomes one of the check, or stays one of another that is named."""
    try:
        yield
    except VerificationFailed as error:
        if error.check in also:
            raise
        raise VerificationFailed(check, error.problem) from error


def _schema(document: dict[str, Any], asked: Asked) -> Told:
    if asked.schema is None:
        return unasked("name a copy of it with --schema")
    name, schema = asked.schema
    structure.official(document, schema, name=name)
    return held(name)


def _issuer(document: dict[str, Any], owner: Controller, asked: Asked) -> Told:
    issuer = document["issuer"]
    called = issuer.get("name") if isinstance(issuer, dict) else None
    shown = f"{called} ({owner.id})" if isinstance(called, str) else owner.id
    if asked.own is not None and asked.own.id == owner.id:
        return held(f"{shown}, whose installation this is")
    if asked.trust is None:
        return unasked(f"it says to be by {shown}: whether you trust them is yours to say, with --trust")
    known = asked.known(owner.id)
    if known is None:
        raise VerificationFailed("issuer", f"expected an issuer that you trust, got {shown}")
    return held(f"{known.name or shown}, whom you trust")


def _recipient(document: dict[str, Any], asked: Asked) -> Told:
    if asked.email is None:
        return unasked("name the address that it is to belong to, with --email")
    subjects = many(document["credentialSubject"])
    known = [
        one
        for subject in subjects
        if isinstance(subject, dict)
        for one in many(subject.get("identifier"))
        if isinstance(one, dict)
    ]
    if any(recipient.matches(one, asked.email) for one in known):
        return held(f"it is {asked.email}'s")
    if f"mailto:{asked.email}" in [text_of(subject) for subject in subjects]:
        return held(f"it is {asked.email}'s")
    if not known:
        raise VerificationFailed("recipient", f"expected one of {asked.email}, got one that names no address")
    raise VerificationFailed("recipient", f"expected one of {asked.email}, got somebody else's")


def _endorsements(document: Any) -> int:
    """How many there are in it, at whatever depth; each is a credential of its own author."""
    if isinstance(document, list):
        return sum(map(_endorsements, document))
    if not isinstance(document, dict):
        return 0
    own = sum(len(many(document.get(key))) for key in ("endorsement", "endorsementJwt"))
    return own + sum(map(_endorsements, document.values()))


def _base(document: dict[str, Any]) -> str | None:
    """The address below which the issuer publishes, as its profile says; a trial has none."""
    issuer = document["issuer"]
    url = issuer.get("url") if isinstance(issuer, dict) else None
    return url.rstrip("/") if isinstance(url, str) and url.startswith("https://") else None
