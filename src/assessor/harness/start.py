"""Work that a waiting process is given, on either side: the means, and the start message.

Comes in: descriptors. Goes out: the plan and the files of one run, and this process on the processor that the
plan names. What is done with them is left to `learner` and `grader`.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import frames

_START_BYTES = 1 << 30
#: Where a sandbox has the work folder, and shows what its control group counts.
_WORK = Path("/tmp")  # noqa: S108  a fresh file system of this attempt alone
COUNTERS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Work:
    """Something to do, and the means.

    Attributes:
        start: descriptor of the start message.
        out: descriptor for events.
        scores: a cell's folder for `cell.score`, or None: what runs a submission goes first then.
        counters: where the control group is seen.
    """

    start: int
    out: int
    scores: int | None = None
    counters: Path = COUNTERS


def ready(counters: Path = COUNTERS) -> Work:
    """Say that this process waits: the first one of a container that is the attempt's own."""
    start, out = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)
    gc.freeze()  # one run's alone: to look for garbage first would take longer than it saves
    gc.enable()
    os.write(out, frames.encode(b'{"kind":"ready"}'))
    return Work(start=start, out=out, counters=counters)


def read_start(descriptor: int) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The plan and the files of a start message."""
    decoder = frames.Decoder(limit_bytes=_START_BYTES)
    payloads: list[bytes] = []
    while len(payloads) < 2:
        # No further than needed: what follows is not ours to read.
        data = os.read(descriptor, 65536)
        if not data:
            sys.exit(0)  # never needed
        payloads += decoder.feed(data)
    plan = json.loads(payloads[0])
    files, position = {}, 0
    for name, size in plan.pop("files"):
        files[name] = payloads[1][position : position + size]
        position += size
    return plan, files


def write(folder: Path, files: dict[str, bytes]) -> None:
    """Write files below a folder.

    Raises:
        OSError: there is no room for them.
    """
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def pin(plan: dict[str, Any]) -> None:
    """Stay on the processor that the plan names, if it names one that there is."""
    wanted = plan.get("cpu")
    if wanted is not None and wanted in os.sched_getaffinity(0):
        os.sched_setaffinity(0, {wanted})


def work_folder(environment: Mapping[str, str]) -> str:
    """The one folder that this side writes to."""
    return environment.get("ASSESSOR_WORK", str(_WORK))
