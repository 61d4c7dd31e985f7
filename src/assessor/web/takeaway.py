"""Taking away: all that is kept of a learner, in one zip for themselves.

Comes in: a learner's name. Goes out: a file. It is the operator's export without what would tell of hidden
tests (events, private reports, and evidence of work that did not pass, which counts tests one by one) and
without who reviewed; all that is the learner's own is in it.

    learner.json                        every row about them
    blobs/<sha256 digits>               their files (plain tars), evidence of what passed, credentials
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from assessor import digest
from assessor.errors import NotFound
from assessor.parts import Parts

#: What is left out of an attempt: it quotes tests, or speaks to the operator.
_OF_ATTEMPTS = ("events", "report", "problem", "worker")


def write(parts: Parts, name: str, target: BinaryIO) -> None:
    """Write the zip.

    Raises:
        NotFound: no learner of this name.
        BlobFault: a file cannot be read.
    """
    rows = parts.store.export_learner(name)
    rows["submissions"] = [_submission(one) for one in rows["submissions"]]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        told = json.dumps(rows, indent=1, ensure_ascii=False, default=str)
        archive.writestr("learner.json", told + "\n")
        for blob in sorted(set(_blobs(rows))):
            try:
                data = parts.blobs.get(blob)
            except NotFound:
                continue  # was removed since, at the learner's own wish
            archive.writestr(f"blobs/{blob.removeprefix('sha256:')}", data)


def _submission(row: Mapping[str, Any]) -> dict[str, Any]:
    # One of a regrade that is not applied counts for nothing, and may never.
    told = (one for one in row["attempts"] if one["regrade_id"] is None or one["state"] == "judged")
    remarks = [{**one, "reviewer": "a reviewer"} for one in row["remarks"]]
    return {**row, "attempts": [_attempt(one) for one in told], "remarks": remarks}


def _attempt(row: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if name not in _OF_ATTEMPTS}
    kept["marks"] = [{**mark, "reviewer": "a reviewer"} for mark in row["marks"]]
    if row["verdict"] != "passed":
        kept["evidence"] = None
    return kept


def _blobs(rows: Mapping[str, Any]) -> Iterator[str]:
    for submission in rows["submissions"]:
        yield submission["bundle"]
        for attempt in submission["attempts"]:
            yield from (
                value
                for key, value in (attempt["evidence"] or {}).items()
                if key in ("record", "run", "envelope")
            )
    for award in rows["awards"]:
        for row in (award, *award["changes"]):
            if isinstance(row["credential"], str) and digest.PATTERN.fullmatch(row["credential"]):
                yield row["credential"]
