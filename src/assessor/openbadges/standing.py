"""Standing: whether a credential is valid now, and was not taken back.

Comes in: a credential whose proof was checked, and the keys of its issuer. Goes out: what the checks `dates`
and `status` come to. Whom it is about and what it rests on is left to `checks` and `backing`.

Source: VC Data Model 2.0, clause 4.9; Bitstring Status List 1.0, clauses 2.1, 2.2 and 3.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assessor.errors import RemoteFault, VerificationFailed
from assessor.openbadges import controller, linked, reading, statuslist, structure
from assessor.openbadges.asked import Asked, State, Told, held, left_open, nothing
from assessor.openbadges.controller import Controller
from assessor.openbadges.reading import many, text_of
from assessor.openbadges.sources import Came

_ENTRY, _LIST = "BitstringStatusListEntry", "BitstringStatusListCredential"


def dates(document: Mapping[str, Any], asked: Asked) -> Told:
    """Whether a document is valid now.

    Raises:
        VerificationFailed: `dates`: not yet, no longer, or never.
    """
    # The second of each is its name in version 1 of the data model.
    start = structure.time(document.get("validFrom", document.get("issuanceDate")), "validFrom", "dates")
    if start > asked.now:
        raise VerificationFailed(
            "dates", f"expected one that is valid now, got one from {start.isoformat()} on"
        )
    until = document.get("validUntil", document.get("expirationDate"))
    if until is None:
        return held(f"valid from {start:%Y-%m-%d}, without an end")
    end = structure.time(until, "validUntil", "dates")
    if end < start:
        raise VerificationFailed(
            "dates", f"expected an end after {start.isoformat()}, got {end.isoformat()}: it was never valid"
        )
    if end <= asked.now:
        raise VerificationFailed("dates", f"expected one that is valid now, got one until {end.isoformat()}")
    return held(f"valid from {start:%Y-%m-%d} until {end:%Y-%m-%d}")


def status(document: Mapping[str, Any], issuer: Controller, asked: Asked) -> Told:
    """Whether a document was revoked or suspended.

    Raises:
        VerificationFailed: `status`: it was, or the list that should tell is stale or does not hold.
    """
    entries = many(document.get("credentialStatus"))
    if not entries:
        return nothing("the credential names no status list, so it cannot be revoked")
    told = [_entry(entry, issuer, asked) for entry in entries]
    open_ones = [one for one in told if one.state is State.OPEN]
    return open_ones[0] if open_ones else told[0]


def _entry(entry: Any, issuer: Controller, asked: Asked) -> Told:
    kinds = many(entry.get("type")) if isinstance(entry, Mapping) else ()
    if _ENTRY not in kinds:
        return left_open(f"expected a {_ENTRY}, got a status of kind {', '.join(map(str, kinds))[:100]}")
    address = entry.get("statusListCredential")
    if not isinstance(address, str):
        raise VerificationFailed("status", "expected the address of a status list, got an entry without")
    try:
        found = asked.sources.find(address)
    except RemoteFault as error:
        return left_open(str(error))
    if found is None:
        return left_open(
            f"the status list is not here (--online fetches {address}, --status-list names it, a pack has it)"
        )
    listed = reading.strict(found.data, name=address, check="status")
    proven = _signed(listed, issuer, asked)
    # A bit that is set counts from a stale list too: nobody is given back what was revoked.
    if statuslist.revoked(listed, entry):
        raise VerificationFailed(
            "status", f"it was {_past(entry)} by its issuer (bit {entry.get('statusListIndex')} of {address})"
        )
    if text_of(listed) != address:
        raise VerificationFailed("status", f"expected the status list {address}, got {text_of(listed)!r}")
    end = _fresh(listed, address, asked)
    if proven.state is not State.HELD:
        return proven
    if not end and found.came is Came.ALONG:
        return left_open(
            f"the status list {address} came along with the credential and has no end, so it may be an old "
            "one: name one that you know (--status-list), or fetch it (--online)"
        )
    return held(f"not {_past(entry)}, by the issuer's list{end}")


def _signed(listed: Mapping[str, Any], issuer: Controller, asked: Asked) -> Told:
    """Whether the list is the issuer's own; every error is one of the status."""
    if _LIST not in many(listed.get("type")):
        raise VerificationFailed("status", f"expected a {_LIST}, got {listed.get('type')!r}")
    theirs = text_of(listed.get("issuer"))
    if theirs != issuer.id:
        raise VerificationFailed("status", f"expected the list of {issuer.id}, got one of {theirs!r}")
    try:
        linked.check_contexts(listed)
        linked.check_terms(listed)
        proven = controller.proofs(listed, issuer, now=asked.now)
        controlled = controller.controls(listed, issuer)
    except VerificationFailed as error:
        raise VerificationFailed("status", f"the status list does not hold: {error}") from error
    return proven if proven.state is not State.HELD else controlled


def _fresh(listed: Mapping[str, Any], address: str, asked: Asked) -> str:
    """When the list runs out, in words; one without an end counts for as long as it is served."""
    start = structure.time(listed.get("validFrom"), "validFrom", "status")
    if start > asked.now:
        raise VerificationFailed(
            "status", f"{address}: expected a list that is valid now, got one from {start.isoformat()} on"
        )
    if "validUntil" not in listed:
        return ""
    end = structure.time(listed["validUntil"], "validUntil", "status")
    if end <= asked.now:
        raise VerificationFailed(
            "status",
            f"{address}: expected a list that is fresh, got a stale one: it said so until {end.isoformat()}",
        )
    return f", which is fresh until {end:%Y-%m-%d %H:%M}"


def _past(entry: Mapping[str, Any]) -> str:
    return "suspended" if entry.get("statusPurpose") == "suspension" else "revoked"
