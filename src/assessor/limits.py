"""The limits of one attempt: what a task asks for, within the ceiling of its sandbox's profile."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What an attempt may use; whole numbers, so that a record can hold them exactly.

    Attributes:
        wall_s: the whole run, seconds.
        call_s: one call over the bridge, or one run of a program, seconds.
        cpu_percent: processor share, 100 is one core.
        memory_bytes: memory of all the learner's processes together; swap is off.
        pids: processes and threads of the learner.
        output_bytes: printed output of one test.
        reply_bytes: one value that crosses the bridge, or one collected file.
        disk_bytes: the work folder.
        files: inodes in the work folder.
    """

    wall_s: int = 30
    call_s: int = 4
    cpu_percent: int = 100
    memory_bytes: int = 256 * 1024**2
    pids: int = 64
    output_bytes: int = 1024**2
    reply_bytes: int = 16 * 1024**2
    disk_bytes: int = 64 * 1024**2
    files: int = 4096
