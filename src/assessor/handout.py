"""Handouts: an award in the forms that a learner takes it away in.

Comes in: an award. Goes out: its signed credential as it is, in a picture (PNG, SVG), as a certificate (PDF),
as the address of a form that is filled in with it; and all of a learner's credentials as one transcript.
Nothing of it is kept here: what counts is the credential, wherever it is carried.
"""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

from assessor import digest, granting, statuses
from assessor.errors import AwardRefused
from assessor.openbadges import artwork, baking, certificate, clr, credential, linked, linkedin
from assessor.parts import Parts
from assessor.rows.awards import AwardRow


def credential_of(row: AwardRow, parts: Parts) -> bytes:
    """The signed credential of an award, as it was signed last.

    Raises:
        AwardRefused: its learner was erased, and the credential with them.
        BlobFault: it cannot be read.
    """
    if row.credential is None:
        raise AwardRefused(f"award {row.id}: expected one of a learner who is here, they were erased")
    return parts.blobs.get(row.credential)


def svg(row: AwardRow, parts: Parts) -> bytes:
    """The badge's picture as SVG, the credential in it."""
    data = credential_of(row, parts)
    picture = json.loads(data)["credentialSubject"]["achievement"]["image"]["id"]
    return baking.bake_svg(base64.b64decode(picture.partition(",")[2]), data)


def png(row: AwardRow, parts: Parts) -> bytes:
    """A picture of the badge as PNG, drawn from its name and level, the credential in it."""
    data = credential_of(row, parts)
    name, level = _name(json.loads(data))
    return baking.bake_png(drawn(name, level), data)


# A tenth of a second, and the same picture for everybody who is awarded it.
@functools.lru_cache(maxsize=128)
def drawn(name: str, level: str | None) -> bytes:
    """The picture of a badge as PNG, without a credential."""
    return artwork.png(name, level)


def pdf(row: AwardRow, parts: Parts) -> bytes:
    """A certificate to print, the credential attached.

    Raises:
        OperatorError: what draws it is not installed; the text says what to install.
    """
    data = credential_of(row, parts)
    name = parts.store.learner_known(str(row.learner_id)).name
    return certificate.pdf(data, learner=name, address=_address(row, parts))


def link(row: AwardRow, parts: Parts) -> str:
    """The address at which the learner adds it to their LinkedIn profile."""
    document = json.loads(credential_of(row, parts))
    return linkedin.add_url(
        name=document["name"],
        issuer=document["issuer"]["name"],
        awarded_at=row.awarded_at,
        valid_until=row.valid_until,
        credential_url=_address(row, parts),
        credential_id=document["id"],
    )


#: What an award can be handed out as, by the end of the file's name.
FORMS: Mapping[str, Callable[[AwardRow, Parts], bytes]] = {
    ".json": credential_of,
    ".png": png,
    ".svg": svg,
    ".pdf": pdf,
}


def transcript(learner: str, parts: Parts) -> bytes:
    """All credentials that a learner holds now as one signed document (CLR 2.0).

    Raises:
        NotFound: no learner of this name.
        AwardRefused: they hold none.
    """
    now = parts.clock().replace(microsecond=0)
    owner = parts.store.learner_named(learner)
    rows = [row for row in parts.store.awards_of(owner.id).values() if row.holds(now)]
    if not rows:
        raise AwardRefused(f"transcript: expected awards that {learner!r} holds, there are none")
    issuer, signer = statuses.issuing(parts)
    document = clr.build(
        record_id=f"urn:uuid:{granting.new_uuid(parts)}",
        issuer=issuer,
        recipient=granting.identity(owner, parts.new_salt()),
        credentials=[json.loads(credential_of(row, parts)) for row in rows],
        valid_from=now,
    )
    signed = linked.sign(
        document, signer=signer, verification_method=statuses.method(issuer, signer), created=now
    )
    return digest.canonical(signed)


def _name(document: Mapping[str, Any]) -> tuple[str, str | None]:
    """Name and level as they stand on the badge."""
    name: str = document["credentialSubject"]["achievement"]["name"]
    whole: str = document["name"]
    return name, whole.removeprefix(f"{name}, ") if whole != name else None


def _address(row: AwardRow, parts: Parts) -> str | None:
    """Where the credential is found, or None for a trial, which publishes nothing."""
    issuer, _ = statuses.issuing(parts)
    return None if issuer.trial else credential.credential_id(issuer, row.id)
