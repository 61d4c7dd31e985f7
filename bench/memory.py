"""Memory: what is left of the host's, and the share that processes have.

Comes in: process ids. Goes out: bytes. A process' share (PSS) counts a page that n processes have as 1/n, so
that shares can be added up.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import psutil

_PROC = Path("/proc")


def available() -> int:
    """What the host could still give out, bytes."""
    for line in (_PROC / "meminfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * 1024
    raise SystemExit("/proc/meminfo: expected MemAvailable, got none")


def share(pids: Iterable[int]) -> int:
    """The share of these processes, bytes; one that ended meanwhile has none."""
    total = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines():
                name, _, value = line.partition(":")
                if name == "Pss":
                    total += int(value.split()[0]) * 1024
    return total


def peak(pid: int) -> int:
    """The most that was ever resident of a process, bytes."""
    for line in (_PROC / str(pid) / "status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "VmHWM":
            return int(value.split()[0]) * 1024
    raise SystemExit(f"/proc/{pid}/status: expected VmHWM, got none")


def family(pid: int) -> list[int]:
    """A process and all below it."""
    with contextlib.suppress(psutil.NoSuchProcess):
        top = psutil.Process(pid)
        return [pid, *(child.pid for child in top.children(recursive=True))]
    return []


class Most:
    """The most that was used while it was watched, bytes.

    Attributes:
        host: what the host had less than at the start.
        share: of the processes that were asked for.
    """

    def __init__(self) -> None:
        self.host = 0
        self.share = 0


@contextlib.contextmanager
def watched(pids: Callable[[], Iterable[int]], *, every_s: float = 1.0) -> Iterator[Most]:
    """Look every so often while the body runs.

    Args:
        pids: the processes to add up, asked each time.
        every_s: seconds between two looks; a look walks the page tables of all of them.
    """
    most, over, start = Most(), threading.Event(), available()

    def look() -> None:
        while not over.wait(every_s):
            most.host = max(most.host, start - available())
            most.share = max(most.share, share(pids()))

    thread = threading.Thread(target=look, name="memory", daemon=True)
    thread.start()
    try:
        yield most
    finally:
        over.set()
        thread.join()
