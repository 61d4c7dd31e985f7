"""Comprehensive learner records: all credentials of one learner in one document, before it is signed.

Comes in: signed credentials of one learner. Goes out: a `ClrCredential` that holds them as they are, each
with its own proofs, so that each can be taken out and checked by itself. What the record adds by its
signature is who put them together, and when.

Source: Comprehensive Learner Record Standard 2.0 (1EdTech).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from assessor.issuer import Issuer
from assessor.openbadges import credential

CONTEXTS = (
    "https://www.w3.org/ns/credentials/v2",
    "https://purl.imsglobal.org/spec/clr/v2p0/context-2.0.1.json",
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
)


def build(
    *,
    record_id: str,
    issuer: Issuer,
    recipient: Mapping[str, Any],
    credentials: Sequence[Mapping[str, Any]],
    valid_from: datetime,
    name: str = "Learner record",
) -> dict[str, Any]:
    """The record, unsigned.

    Args:
        record_id: a URI of its own: `urn:uuid:...`, since it is handed out and not published.
        issuer: who put it together.
        recipient: an `IdentityObject` with a salt of its own, so that records of one learner cannot be told
            to be of one.
        credentials: signed ones, in the order in which they are to be read.
        valid_from: when it was put together.
        name: for people.

    Raises:
        ValueError: there are no credentials, one has no proof, or two have the same id.
    """
    ids = [one.get("id") for one in credentials]
    if not ids or len(set(ids)) != len(ids) or record_id in ids:
        raise ValueError(f"learner record: expected credentials, each once and not itself, got {ids}")
    for one in credentials:
        if not one.get("proof"):
            raise ValueError(
                f"learner record: expected signed credentials, got {one.get('id')} without proof"
            )
    return {
        "@context": list(CONTEXTS),
        "id": record_id,
        "type": ["VerifiableCredential", "ClrCredential"],
        "name": name,
        "issuer": credential.profile(issuer),
        "validFrom": credential.time(valid_from),
        "credentialSubject": {
            "type": ["ClrSubject"],
            "identifier": [dict(recipient)],
            "verifiableCredential": [copy.deepcopy(dict(one)) for one in credentials],
        },
    }
