"""What a container's control group has counted: limits hit, memory held. Version 1 or 2."""

from __future__ import annotations

import os
from pathlib import Path


def counters(root: Path) -> tuple[int, int]:
    """Processes killed for want of memory, and forks refused, both since the container began.

    Args:
        root: where the cgroup file system is mounted (`/sys/fs/cgroup`).
    """
    oom = _field(root / "memory.events", "oom_kill") + _field(
        root / "memory" / "memory.oom_control", "oom_kill"
    )
    forks = _field(root / "pids.events", "max") + _field(root / "pids" / "pids.events", "max")
    return oom, forks


def held(root: Path) -> int:
    """Bytes of memory that processes and files in memory hold, without what is kept of files on disk.

    Args:
        root: as for `counters`.
    """
    new, old = root / "memory.stat", root / "memory" / "memory.stat"
    if new.exists():
        return _field(new, "anon") + _field(new, "shmem")
    return _field(old, "total_rss") + _field(old, "total_shmem")


def _field(path: Path, name: str) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0  # the other cgroup version, or none
    try:
        text = os.read(descriptor, 16384).decode()
    finally:
        os.close(descriptor)
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.isdigit():
            return int(value)
    return 0
