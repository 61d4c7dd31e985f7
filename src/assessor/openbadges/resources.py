"""Resources: the judged work behind a credential, bound to it by digest.

Comes in: the bytes of an evidence record and the frozen task it names. Goes out: `Evidence` objects that tell
a person what was asked, shown and judged, and the `relatedResource` entries of what the record was made from.

Bundles, tasks and rubrics are named `ni:///sha-256;...`, by their content: they are not published (a task
holds its hidden tests), yet whoever is given one can tell that it is the one.

Source: Verifiable Credentials Data Model 2.0, 5.3 Integrity of Related Resources; RFC 6920 (ni names);
Subresource Integrity (W3C); Multibase and Multihash as VCDM 2.0 uses them.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from assessor import digest, report
from assessor import record as records
from assessor.catalog import Frozen
from assessor.record import ByReview, Record

#: The ways of isolation whose runs may stand behind an award.
SEALED = ("cell", "container")

#: Multihash: SHA-256, 32 bytes.
_SHA256 = b"\x12\x20"


@dataclass(frozen=True, kw_only=True)
class Work:
    """One attempt that was judged and passed; `work` makes it.

    Attributes:
        attempt: its id.
        data: bytes of record.json.
        record: the same, parsed.
        frozen: the task, rubric and profile that it was judged with.
    """

    attempt: str
    data: bytes
    record: Record
    frozen: Frozen


def sealed(record: Record) -> bool:
    """Whether the work ran sealed off; a run that did not can never stand behind an award."""
    return record.sandbox.isolation in SEALED


def work(*, attempt: str, data: bytes, frozen: Frozen) -> Work:
    """The work of an attempt.

    Args:
        attempt: its id.
        data: bytes of its record.json, made here or read back by their digest.
        frozen: what the record names.

    Raises:
        VerificationFailed: `record-form`: the bytes are no record.
        ValueError: the attempt did not pass, did not run sealed, or was judged with another task.
    """
    record = records.own(data)
    if record.decision.verdict != "passed":
        raise ValueError(f"attempt {attempt}: expected one that passed, got {record.decision.verdict}")
    if not sealed(record):
        raise ValueError(
            f"attempt {attempt}: expected a run in {' or '.join(SEALED)}, got {record.sandbox.isolation!r}; "
            "what ran unsealed is never awarded"
        )
    if frozen.digest != record.task.snapshot:
        raise ValueError(
            f"attempt {attempt}: expected the frozen task {record.task.snapshot}, got {frozen.digest}"
        )
    return Work(attempt=attempt, data=data, record=record, frozen=frozen)


def evidence(one: Work, *, evidence_id: str) -> dict[str, Any]:
    """The `Evidence` object of a piece of work.

    Args:
        one: the work.
        evidence_id: where its record is, or how it is named.
    """
    return {
        "id": evidence_id,
        "type": ["Evidence"],
        "name": f"{one.frozen.task.title}: signed evidence record",
        "narrative": _narrative(one),
        "genre": "Assessment",
        **bound(digest.sha256(one.data), media_type=records.RECORD_MEDIA_TYPE),
    }


def related(works: Iterable[Work]) -> list[dict[str, Any]]:
    """Rubric, frozen task and submission of each piece of work, each thing once."""
    found = {}
    for one in works:
        record = one.record
        for name, known, media in (
            (f"Rubric {record.rubric.id} {record.rubric.version}", record.rubric.digest, "application/yaml"),
            (f"Task {record.task.id} {record.task.version}", record.task.snapshot, "application/x-tar"),
            (f"Submission for {record.task.id}", record.submission.bundle, "application/x-tar"),
        ):
            found[known] = {"id": ni(known), "name": name, **bound(known, media_type=media)}
    return list(found.values())


def bound(known: str, *, media_type: str) -> dict[str, str]:
    """The digest of a resource in both of the ways that verifiers read, and what the resource is."""
    return {"digestSRI": sri(known), "digestMultibase": multibase(known), "mediaType": media_type}


def sri(known: str) -> str:
    """`sha256:<hex>` as subresource integrity: `sha256-` and base64."""
    return "sha256-" + base64.b64encode(_raw(known)).decode()


def multibase(known: str) -> str:
    """`sha256:<hex>` as a multihash in base64url without padding: starts with `uEi`."""
    return "u" + _base64url(_SHA256 + _raw(known))


def ni(known: str) -> str:
    """`sha256:<hex>` as a name of what it is the digest of."""
    return "ni:///sha-256;" + _base64url(_raw(known))


def _raw(known: str) -> bytes:
    if not digest.PATTERN.fullmatch(known):
        raise ValueError(f"digest: expected sha256:<64 hex digits>, got {known!r}")
    return bytes.fromhex(known.removeprefix("sha256:"))


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _narrative(one: Work) -> str:
    """What was asked, what was shown and how it was judged, for an employer."""
    record, task, rubric = one.record, one.frozen.task, one.frozen.rubric
    reviewed = any(isinstance(criterion.given_by, ByReview) for criterion in record.criteria)
    level = next((each.title for each in rubric.levels if each.id == record.decision.level), None)
    looked = record.static is not None
    count = len(record.tests)
    tests = f"{count} test" if count == 1 else f"{count} tests"
    return (
        f"Asked: {task.summary} "
        f"Shown: {report.percent(record.decision.total)} of the whole, where {rubric.pass_from} % passes"
        f"{f'; the level “{level}”' if level else ''}. "
        f"Judged: the submitted work was run against {tests}, sealed off from them"
        f"{', its source was checked without running it' if looked else ''}"
        f"{', and a person marked what tests cannot judge' if reviewed else ''}; "
        f"the rubric “{rubric.title}” turned that into points. "
        "The same work gives the same record when it is run again."
    )
