"""What is kept of one learner: handed out in full, or erased.

Comes in: the learner's name, the store, the blobs. Goes out, for an export:

    <target>/learner.json               every row about them
    <target>/blobs/<sha256 digits>      their files (plain tars), the reports on them, evidence, credentials

Tasks are not theirs and stay here. Events and reports name hidden tests, though, and quote them: an
operator who hands the export on while a task is in use looks at that first.

What erasing takes and leaves is told in `learners`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from assessor import digest
from assessor.blobs import Blobs
from assessor.errors import StoreFault
from assessor.rows.audit import Act
from assessor.store import Store


def export(opened: Store, blobs: Blobs, name: str, *, target: Path) -> dict[str, Any]:
    """Write everything about a learner to `target`, a folder that does not exist yet; the rows.

    Raises:
        NotFound: no learner of this name; nothing was written.
        BlobFault: a blob is missing or wrong.
        StoreFault: the target exists or cannot be written.
    """
    rows = opened.export_learner(name)
    try:
        target.mkdir(mode=0o700, parents=True)
        (target / "blobs").mkdir(mode=0o700)
        for blob in sorted(set(_blobs(rows))):
            (target / "blobs" / blob.removeprefix("sha256:")).write_bytes(blobs.get(blob))
        (target / "learner.json").write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        raise StoreFault(f"{target}: expected a folder that can be made and written: {error}") from error
    return rows


def erase(opened: Store, blobs: Blobs, name: str, *, now: datetime, act: Act | None = None) -> int:
    """Erase a learner, rows first and then blobs; how many blobs went.

    After a crash in between, the next erasure (or `sweep`) removes what this one left. `act` says by whom it
    is done; by default at the command line.

    Raises:
        NotFound: no learner of this name.
    """
    opened.erase_learner(name, now=now, act=act)
    return sweep(opened, blobs)


def sweep(opened: Store, blobs: Blobs) -> int:
    """Remove the private blobs that nothing names any more; how many."""
    return opened.bury(blobs.remove)


def _blobs(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("bundle", "report", "record", "run", "envelope", "credential"):
                if isinstance(inner, str) and digest.PATTERN.fullmatch(inner):
                    yield inner
            else:
                yield from _blobs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _blobs(inner)
