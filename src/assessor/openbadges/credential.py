"""Credentials: the Open Badges 3.0 document that says what somebody achieved, before it is signed.

Comes in: an `Award`: achievement, issuer, recipient, dates, and the judged work it rests on. Goes out: the
standard's own documents as plain dicts, without a null or an empty list in them: the credential, the
achievement, the issuer's profile. Criteria and results are made in `outcomes`, digests and evidence in
`resources`; signing and checking is left to `linked`, putting the document into a picture to `baking`.

One rule gives everything its name. What an organisation publishes is named by the address where it lies:

    <url>/achievements/<achievement>.json
         /credentials/<award>.json
         /evidence/<attempt>/record.json

A trial publishes nothing, so there the same things are named by a `urn:uuid:`, made from the issuer's DID and
that path; a credential's is the award's own id.

Source: Open Badges 3.0 Final (1EdTech); Verifiable Credentials Data Model 2.0 (W3C).
"""

from __future__ import annotations

import base64
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from assessor.achievement import Achievement
from assessor.issuer import Issuer
from assessor.openbadges import artwork, outcomes, resources, statuslist
from assessor.openbadges.outcomes import Judged
from assessor.openbadges.resources import Work, work
from assessor.rubric import Competency

__all__ = [
    "CONTEXTS",
    "MEDIA_TYPE",
    "Award",
    "Held",
    "Judged",
    "Work",
    "achievement",
    "achievement_id",
    "build",
    "credential_id",
    "evidence_id",
    "profile",
    "work",
]

#: In this order: each adds to those before it.
CONTEXTS = (
    "https://www.w3.org/ns/credentials/v2",
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
    "https://purl.imsglobal.org/spec/ob/v3p0/extensions.json",
)
SCHEMA = "https://purl.imsglobal.org/spec/ob/v3p0/schema/json/ob_v3p0_achievementcredential_schema.json"
SCHEMA_TYPE = "1EdTechJsonSchemaValidator2019"
MEDIA_TYPE = "application/vc+json"

#: The standard's own names for nodes of these frameworks; others are told as extensions of it.
_TARGET_TYPES = {"CASE": "CFItem", "CTDL": "ceasn:Competency"}


@dataclass(frozen=True, kw_only=True)
class Held:
    """Another credential of the same learner that an award builds upon.

    Attributes:
        id: as it stands in that credential.
        name: of what it was awarded for.
    """

    id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Award:
    """An achievement that was awarded to somebody.

    Attributes:
        id: a UUID, the same for every re-issue.
        achievement: what was achieved.
        issuer: who says so.
        recipient: an `IdentityObject` as `recipient.hashed` makes it.
        awarded_at: when it was first awarded; a re-issue keeps it.
        valid_from: when this edition was made; each re-issue is at least a second later.
        valid_until: when it runs out, or None.
        level: id of the level that the award stands for, or None.
        works: the judged attempts that it rests on; empty where an issuer awards by hand.
        held: the learner's credentials that it builds upon.
        engine: DID of the key that signed the evidence.
        status_list: address of the list that its revocation is told in, or None for a trial.
        status_index: its place in that list.
    """

    id: str
    achievement: Achievement
    issuer: Issuer
    recipient: Mapping[str, Any]
    awarded_at: datetime
    valid_from: datetime
    valid_until: datetime | None
    level: str | None
    works: tuple[Work, ...]
    held: tuple[Held, ...]
    engine: str
    status_list: str | None
    status_index: int | None


def build(award: Award) -> dict[str, Any]:
    """The credential, unsigned.

    Raises:
        ValueError: the award's id is no UUID, a date has no zone, a piece of work stands in it twice, or
            only one of status list and index is there.
    """
    _check(award)
    issuer, level = award.issuer, _title(award)
    judged = [Judged(task=one.frozen.task, rubric=one.frozen.rubric) for one in award.works]
    described = achievement(award.achievement, issuer, judged, level=level)
    name = award.achievement.name
    document: dict[str, Any] = {
        "@context": list(CONTEXTS),
        "id": credential_id(issuer, award.id),
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": f"{name}, {level}" if level else name,
        "description": award.achievement.description,
        "issuer": profile(issuer),
        "awardedDate": time(award.awarded_at),
        "validFrom": time(award.valid_from),
        "validUntil": time(award.valid_until) if award.valid_until is not None else None,
        "credentialSubject": {
            "type": ["AchievementSubject"],
            "identifier": [dict(award.recipient)],
            "achievement": described,
            "narrative": f"Awarded at the level “{level}”." if level else None,
            "result": [
                result for one in award.works for result in outcomes.results(one, base=described["id"])
            ],
            "source": _engine(award.engine) if award.works else None,
        },
        "credentialSchema": [{"id": SCHEMA, "type": SCHEMA_TYPE}],
        "credentialStatus": _status(award),
        "evidence": [
            *(resources.evidence(one, evidence_id=evidence_id(issuer, one.attempt)) for one in award.works),
            *(_held(one) for one in award.held),
        ],
        "relatedResource": resources.related(award.works),
    }
    return _without_empty(document)


def achievement(
    one: Achievement, issuer: Issuer, judged: Sequence[Judged] = (), *, level: str | None = None
) -> dict[str, Any]:
    """The achievement as the standard has it.

    Args:
        one: what the author wrote.
        issuer: who awards it.
        judged: the tasks that show it, with their rubrics; each criterion becomes a result description.
        level: title of the level that the picture shows, where the author gave none.
    """
    name = achievement_id(issuer, one.id)
    criteria = [criterion.competency for each in judged for criterion in each.rubric.criteria]
    competencies = _each_once([*one.competencies, *(found for found in criteria if found is not None)])
    document = {
        "id": name,
        "type": ["Achievement"],
        "achievementType": "Badge",
        "name": one.name,
        "description": one.description,
        "version": one.version,
        "criteria": {"narrative": one.criteria},
        "image": {
            "id": data_uri(one.image or artwork.svg(one.name, level), "image/svg+xml"),
            "type": "Image",
            "caption": f"Badge: {one.name}",
        },
        "creator": {"id": issuer.did, "type": ["Profile"], "name": issuer.name},
        "alignment": [alignment(found, issuer) for found in competencies if found.url],
        "resultDescription": [
            description
            for each in judged
            for description in outcomes.descriptions(
                each, base=name, level=outcomes.required(one, each.task.id)
            )
        ],
        "tag": list(dict.fromkeys([*one.tags, *(found.name for found in competencies)])),
    }
    return _without_empty(document)


def alignment(competency: Competency, issuer: Issuer) -> dict[str, Any]:
    """A competency that has an address, as a node of the framework that names it."""
    own = competency.framework == "own"
    extension = "ext:" + (re.sub("[^A-Za-z0-9._-]", "", competency.framework) or "Competency")
    return {
        "type": ["Alignment"],
        "targetName": competency.name,
        "targetUrl": competency.url,
        "targetFramework": issuer.name if own else competency.framework,
        "targetCode": competency.code,
        "targetType": _TARGET_TYPES.get(competency.framework, extension),
    }


def profile(issuer: Issuer) -> dict[str, Any]:
    """The issuer's profile."""
    document = {
        "id": issuer.did,
        "type": ["Profile"],
        "name": issuer.name,
        "url": None if issuer.trial else issuer.url,
        "description": issuer.description,
        "email": issuer.email,
        "image": {"id": data_uri(issuer.image, media_type(issuer.image)), "type": "Image"}
        if issuer.image
        else None,
    }
    return _without_empty(document)


def credential_id(issuer: Issuer, award_id: str) -> str:
    """The name of the credential of this award."""
    return f"urn:uuid:{award_id}" if issuer.trial else f"{issuer.url}/credentials/{award_id}.json"


def achievement_id(issuer: Issuer, achievement: str) -> str:
    """The name of an achievement."""
    return _name(issuer, f"achievements/{achievement}.json")


def evidence_id(issuer: Issuer, attempt: str) -> str:
    """The name of an attempt's evidence record."""
    return _name(issuer, f"evidence/{attempt}/record.json")


def time(moment: datetime) -> str:
    """A date as the standard writes it: UTC, whole seconds, the rest cut off so that it is never to come.

    Raises:
        ValueError: it has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"credential: expected a date with a time zone, got {moment.isoformat()}")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def data_uri(data: bytes, media: str) -> str:
    """The bytes as an address of their own, so that the signature covers them and nothing is fetched."""
    return f"data:{media};base64,{base64.b64encode(data).decode()}"


def media_type(image: bytes) -> str:
    """What a picture's bytes are: PNG, else SVG."""
    return "image/png" if image.startswith(b"\x89PNG\r\n\x1a\n") else "image/svg+xml"


def _check(award: Award) -> None:
    try:
        same = str(uuid.UUID(award.id)) == award.id
    except ValueError:
        same = False
    if not same:
        raise ValueError(f"credential: expected a UUID as the award's id, got {award.id!r}")
    attempts = [one.attempt for one in award.works]
    tasks = [one.record.task.id for one in award.works]
    if len(set(attempts)) != len(attempts) or len(set(tasks)) != len(tasks):
        raise ValueError(f"credential: expected one attempt for each task, got {', '.join(attempts)}")
    if (award.status_list is None) != (award.status_index is None):
        raise ValueError("credential: expected both a status list and an index, or neither")


def _title(award: Award) -> str | None:
    """The level's title, as the rubrics have it."""
    if award.level is None:
        return None
    rubrics = [one.frozen.rubric for one in award.works]
    levels = [
        *(level for rubric in rubrics for level in rubric.levels),
        *(level for rubric in rubrics for criterion in rubric.criteria for level in criterion.levels),
    ]
    return next((level.title for level in levels if level.id == award.level), award.level)


def _engine(did: str) -> dict[str, Any]:
    """What assessed on the issuer's behalf, known by the key that signs its evidence."""
    return {
        "id": did,
        "type": ["Profile"],
        "name": "Assessor",
        "description": "Runs submitted work against tests and rubrics, and signs what came out.",
    }


def _held(one: Held) -> dict[str, Any]:
    # No digest: it has a proof of its own, and keeps its id when it is issued again.
    return {
        "id": one.id,
        "type": ["Evidence"],
        "name": one.name,
        "narrative": f"The credential “{one.name}”, which the learner holds. It can be checked by itself.",
        "genre": "Credential",
    }


def _status(award: Award) -> dict[str, Any] | None:
    if award.status_list is None or award.status_index is None:
        return None
    return statuslist.entry(award.status_list, award.status_index)


def _name(issuer: Issuer, path: str) -> str:
    if issuer.trial:
        return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{issuer.did}/{path}')}"
    return f"{issuer.url}/{path}"


def _each_once(competencies: Iterable[Competency]) -> list[Competency]:
    found: dict[tuple[str, str], Competency] = {}
    for one in competencies:
        found.setdefault((one.framework, one.code), one)
    return list(found.values())


def _without_empty(document: Mapping[str, Any]) -> dict[str, Any]:
    """The same without what is None, an empty text or an empty list, at any depth of objects made here."""
    kept: dict[str, Any] = {}
    for name, value in document.items():
        inner = _without_empty(value) if isinstance(value, Mapping) else value
        if inner is not None and inner != "" and inner != []:
            kept[name] = inner
    return kept
