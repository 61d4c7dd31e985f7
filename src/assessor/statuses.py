"""Status lists: signed, signed again before they run out, and what is told where that fails.

Comes in: the store's lists. Goes out: the signed list of each, kept in the store (publishing is left to
`site`), and for a new award a bit of its own.

A list holds for a week and is signed again when half of that is over, so that somebody has days to mend what
stops it. From the moment that an award is revoked until its list is signed anew there is no list: whoever
checks then is told that it cannot be checked, never that it is valid. Every list that is signed is a leaf of
the log.

Source: Bitstring Status List v1.0 (W3C).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from assessor import digest
from assessor.errors import AssessorError, AwardOvertaken, KeyRetired
from assessor.issuer import Issuer, Method
from assessor.openbadges import did, linked, statuslist
from assessor.parts import Parts
from assessor.rows.revocations import BITS, StatusList
from assessor.signer import Purpose, Signer

log = structlog.get_logger(__name__)

#: How long a signed list holds, and how much of that is left when it is signed again.
LIFE = timedelta(days=7)
RENEWED = LIFE / 2
#: How long a list may be unsigned, or go on after it was to be signed again, before it is an alarm.
PATIENCE = timedelta(minutes=5)
#: How often something is tried again that another process was quicker with.
TRIES = 5


@dataclass(frozen=True, kw_only=True)
class Late:
    """A list that cannot be relied on.

    Attributes:
        list_id: which.
        problem: what is wrong with it.
        since: since when, or None where nobody knows.
    """

    list_id: str
    problem: str
    since: datetime | None


def address(issuer: Issuer, list_id: str) -> str:
    """Where a list is published."""
    return f"{issuer.url}/status/{list_id}.json"


def place(parts: Parts, *, now: datetime) -> tuple[str, int]:
    """List and index of a bit that no award has; another list is made and signed where the last is half full.

    Raises:
        KeyFault: there is no key to sign a list with.
    """
    list_id = parts.store.open_list()
    for _ in range(TRIES):
        if list_id is not None:
            break
        new = parts.store.next_list()
        body, signer = _signed(new, BITS, frozenset(), parts, now=now)
        try:
            parts.store.add_list(
                new, body=body, valid_until=now + LIFE, key_id=signer.key_id, salt=parts.new_salt()
            )
        except (AwardOvertaken, KeyRetired) as error:
            log.debug("status list not made", problem=str(error))
        list_id = parts.store.open_list()
    if list_id is None:
        raise AwardOvertaken(f"status list: expected one with room after {TRIES} tries, got none")
    return list_id, parts.store.free_index(list_id, parts.pick)


def sign(list_id: str, parts: Parts, *, now: datetime) -> None:
    """Sign a list as it is now and keep it.

    Raises:
        NotFound: there is no such list.
        KeyFault: there is no key to sign it with.
        AwardOvertaken, KeyRetired: it changed faster than it could be signed.
    """
    for last in range(TRIES):
        bits, revoked = parts.store.status_list(list_id).bits, parts.store.revoked_bits(list_id)
        body, signer = _signed(list_id, bits, revoked, parts, now=now)
        try:
            parts.store.keep_list(
                list_id,
                revoked=revoked,
                body=body,
                valid_until=now + LIFE,
                key_id=signer.key_id,
                salt=parts.new_salt(),
            )
        except (AwardOvertaken, KeyRetired):
            if last == TRIES - 1:
                raise
        else:
            log.info("status list signed", list=list_id, revoked=len(revoked))
            return


def republish(parts: Parts, *, now: datetime) -> tuple[str, ...]:
    """Sign every list that has no signature, or whose signature has less than half of its time left.

    Where the issuer keeps their name when they change their key, what the old one signed is signed anew too.
    One that cannot be signed is logged as an error and keeps none of the others waiting; it stays an alarm.

    Returns:
        The ids of those that were signed.
    """
    made = []
    for found in parts.store.status_lists():
        try:
            if not due(found, now) and not _of_old(found, parts):
                continue
            sign(found.id, parts, now=now)
            made.append(found.id)
        except AssessorError:
            log.exception("status list not signed; nobody can check its badges", list=found.id)
    return tuple(made)


def _of_old(found: StatusList, parts: Parts) -> bool:
    """Whether a list is signed by a key that an issuer of a lasting name has replaced."""
    issuer = parts.issuer
    if issuer.method is not Method.WEB or found.body is None:
        return False
    # By the public halves: a list that is fresh is in nobody's way while the private one is away.
    used = {
        did.method_id(issuer.did, key.raw) for key in parts.keyring.keys(Purpose.ISSUER) if key.until is None
    }
    return all(one["verificationMethod"] not in used for one in linked.proofs(json.loads(found.body)))


def due(found: StatusList, now: datetime) -> bool:
    """Whether a list is to be signed; so is one from a clock that was set back since."""
    left = None if found.valid_until is None else found.valid_until - now
    return found.body is None or left is None or left < RENEWED or left > LIFE + PATIENCE


def late(lists: Iterable[StatusList], now: datetime) -> tuple[Late, ...]:
    """The lists that cannot be relied on, or soon cannot: what an operator must be told."""
    found = []
    for one in lists:
        if one.body is None or one.valid_until is None:
            since, problem = one.changed_at, "an award of it was revoked, and it is not signed since"
        else:
            since = one.valid_until - RENEWED
            problem = "it has run out" if one.valid_until <= now else "it runs out and is not signed again"
        if since is None or now - since > PATIENCE:
            found.append(Late(list_id=one.id, problem=problem, since=since))
    return tuple(found)


def told(found: Late) -> str:
    """A late list in words."""
    since = "" if found.since is None else f", since {found.since.isoformat(timespec='seconds')}"
    return f"status list {found.list_id}: {found.problem}{since}"


def issuing(parts: Parts) -> tuple[Issuer, Signer]:
    """Who issues here, and the key that they sign with.

    Raises:
        KeyFault: the key cannot be used.
    """
    issuer, signer = parts.issuer, parts.keyring.signer(Purpose.ISSUER)
    if issuer.method is Method.KEY:
        # Named by its key, which may have been changed since this process began.
        issuer = replace(issuer, did=did.did_key(signer.public_raw))
    return issuer, signer


def method(issuer: Issuer, signer: Signer) -> str:
    """The name of the issuer's key in their DID document."""
    return did.method_id(issuer.did, signer.public_raw)


def _signed(
    list_id: str, bits: int, revoked: frozenset[int], parts: Parts, *, now: datetime
) -> tuple[bytes, Signer]:
    issuer, signer = issuing(parts)
    document = statuslist.credential(
        id=address(issuer, list_id),
        issuer=issuer.did,
        revoked=sorted(revoked),
        valid_from=now,
        valid_until=now + LIFE,
        size=bits,
    )
    signed = linked.sign(document, signer=signer, verification_method=method(issuer, signer), created=now)
    return digest.canonical(signed), signer
