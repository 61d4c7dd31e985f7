"""Pressure: what is short on this machine, so that no work may be taken now.

Comes in: `Readings` that somebody took, and the `Least` of each that an operator asks for. Goes out: a
`Pressure` for each thing that is short, and whether an error came of one. Pure; reading is left to `gauge`.

A thing that is short is short until there is a fifth more of it than it takes (`AGAIN`): a worker that just
stopped for want of room does not start and stop again with every file that comes and goes.
"""

from __future__ import annotations

import errno
import re
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

#: How much more than the least there must be of what was short, before it is enough again.
AGAIN = 1.2
#: Handing in goes on below the least of a disk, down to this part of it: workers stop first.
INTAKE_PART = 8
#: The fewest files that a disk must have room for: a full table of them looks like a full disk.
LEAST_FILES = 1024
#: Kept free for everything else beside the sandboxes, bytes.
SPARE_BYTES = 256 * 1024**2
#: What a pair of containers takes that only waits for work, bytes; twice what it is meant to.
WAITING_BYTES = 128 * 1024**2

_MIB = 1024**2


class Kind(StrEnum):
    """What can be short."""

    DISK = "disk"  #: bytes of a disk
    FILES = "files"  #: inodes of a disk
    MEMORY = "memory"  #: memory of the machine, or of the control group that this process is in
    ENGINE = "engine"  #: an answer of the container engine, in time


@dataclass(frozen=True, kw_only=True)
class Disk:
    """What is left of a disk.

    Attributes:
        place: what of ours lies on it, for people; no path.
        free_bytes: what this process may still write.
        free_files: how many files it may still make, or None where the disk does not count them.
        problem: why neither could be read, or empty.
    """

    place: str
    free_bytes: int = 0
    free_files: int | None = None
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What is left of a memory.

    Attributes:
        place: `machine`, or `control group` for the tightest one that this process is in.
        available_bytes: what could be used without anybody being killed.
        total_bytes: all there is.
    """

    place: str
    available_bytes: int
    total_bytes: int


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How the container engine answered.

    Attributes:
        took_s: how long it took, seconds, or None where it did not answer.
        problem: what came instead of an answer, or empty.
    """

    took_s: float | None
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Readings:
    """What was read at one moment.

    Attributes:
        disks: one for each file system that holds something of ours.
        memory: the machine's and, where one limits us, our control group's.
        engine: its answer, or None where none is used.
    """

    disks: tuple[Disk, ...] = ()
    memory: tuple[Memory, ...] = ()
    engine: Answer | None = None


@dataclass(frozen=True, kw_only=True)
class Least:
    """The least of each that is enough.

    Attributes:
        disk_bytes: free on each disk.
        memory_bytes: available, for one more pair of containers and a spare; never more than half of all
            there is, so that a small machine works too.
        slow_s: the longest that the engine may take for an answer, seconds.
    """

    disk_bytes: int
    memory_bytes: int
    slow_s: float


@dataclass(frozen=True, kw_only=True)
class Pressure:
    """One thing that is short.

    Attributes:
        kind: what.
        place: where.
        found: how much there is.
        limit: how much there must be, and must be again; the same words for as long as it is short.
        mend: what an operator can do.
    """

    kind: Kind
    place: str
    found: str
    limit: str
    mend: str

    @property
    def key(self) -> tuple[Kind, str]:
        """What is short and where, whatever is left of it."""
        return self.kind, self.place

    @property
    def name(self) -> str:
        """The same for people."""
        return f"{self.kind.value} ({self.place})"


def find(
    readings: Readings, least: Least, *, held: Collection[tuple[Kind, str]] = frozenset()
) -> tuple[Pressure, ...]:
    """Everything that is short, in the order of the readings.

    Args:
        readings: what there is.
        least: what there must be.
        held: keys of what was short at the last look, and so must be more than enough now.
    """
    found: list[Pressure] = []
    for disk in readings.disks:
        found.extend(_disk(disk, least, held))
    for memory in readings.memory:
        found.extend(_memory(memory, least, held))
    if readings.engine is not None:
        found.extend(_engine(readings.engine, least, held))
    return tuple(found)


def why(pressures: Sequence[Pressure]) -> str | None:
    """Why no work is taken, or None where nothing is short; the same words while the same things are."""
    return "; ".join(f"{one.name}: expected {one.limit}" for one in pressures) or None


def told(readings: Readings) -> str:
    """What there is, on one line for people."""
    parts = [f"{_size(disk.free_bytes)} free ({disk.place})" for disk in readings.disks if not disk.problem]
    parts += [f"{_size(one.available_bytes)} of memory ({one.place})" for one in readings.memory]
    if readings.engine is not None and readings.engine.took_s is not None:
        parts.append(f"engine answers in {readings.engine.took_s * 1000:.0f} ms")
    return ", ".join(parts)


def room(readings: Readings, least: Least, *, memory_bytes: int) -> bool:
    """Whether so much memory can be given away and a spare is left.

    A control group too small for any sandbox has no say: that of a worker in a container of its own, whose
    sandboxes are beside it.
    """
    return all(
        memory.available_bytes - memory_bytes >= min(SPARE_BYTES, memory.total_bytes // 4)
        for memory in readings.memory
        if memory.place == MACHINE or memory.total_bytes >= 2 * least.memory_bytes
    )


def too_full(disks: Sequence[Disk], least: Least) -> str | None:
    """Why nothing can be taken in any more, or None: less is left than what is kept for intake."""
    limit = intake_bytes(least)
    for disk in disks:
        if disk.problem:
            return f"{Kind.DISK.value} ({disk.place}): {disk.problem}"
        if disk.free_bytes < limit:
            return (
                f"{Kind.DISK.value} ({disk.place}): expected {_size(limit)} free, "
                f"got {_size(disk.free_bytes)}"
            )
        if disk.free_files is not None and disk.free_files < LEAST_FILES // INTAKE_PART:
            return (
                f"{Kind.FILES.value} ({disk.place}): expected room for {LEAST_FILES // INTAKE_PART} files, "
                f"got {disk.free_files}"
            )
    return None


def intake_bytes(least: Least) -> int:
    """What is kept on each disk for handing in: workers stop long before."""
    return least.disk_bytes // INTAKE_PART


#: The place of the memory that every process shares.
MACHINE = "machine"

_SHORT = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota of the disk is used up",
    errno.ENOMEM: "there is no memory",
    errno.ENFILE: "the machine has no more file handles",
}
#: What the container engine, or an object store, says where it has no errno to give.
_WORDS = re.compile(
    r"no space left on device|disk quota exceeded|cannot allocate memory|storage ?full|insufficient ?storage",
    re.IGNORECASE,
)


def cause(error: BaseException) -> str | None:
    """What was short, where an error or one that it came of says so; else None.

    Codes alone count, and the words of the engine's and the object store's own errors: a text that a
    submission could have a part in is never asked.
    """
    for one in _chain(error):
        if isinstance(one, OSError) and one.errno in _SHORT:
            return _SHORT[one.errno]
        if (
            isinstance(one, sqlite3.Error)
            and getattr(one, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
        ):
            return "the disk of the database is full"
        # Source: PostgreSQL, appendix A: class 53, insufficient resources.
        if str(getattr(one, "sqlstate", None) or "").startswith("53"):
            return "the database server is short of something"
        if type(one).__module__.partition(".")[0] in ("docker", "obstore"):
            said = _WORDS.search(str(one))
            if said is not None:
                return said[0].lower()
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in seen:
        yield one
        seen.append(one)
        one = one.__cause__ or one.__context__


def _disk(disk: Disk, least: Least, held: Collection[tuple[Kind, str]]) -> Iterator[Pressure]:
    if disk.problem:
        yield Pressure(
            kind=Kind.DISK,
            place=disk.place,
            found=disk.problem,
            limit="a disk that can be looked at",
            mend="bring the disk back",
        )
        return
    if disk.free_bytes < _enough(least.disk_bytes, (Kind.DISK, disk.place) in held):
        yield Pressure(
            kind=Kind.DISK,
            place=disk.place,
            found=f"{_size(disk.free_bytes)} free",
            limit=f"{_size(least.disk_bytes)} free ({_size(least.disk_bytes * AGAIN)} to go on)",
            mend="free room on it, or lower ASSESSOR_LEAST_DISK_MIB",
        )
    if disk.free_files is not None and disk.free_files < _enough(
        LEAST_FILES, (Kind.FILES, disk.place) in held
    ):
        yield Pressure(
            kind=Kind.FILES,
            place=disk.place,
            found=f"room for {disk.free_files} files",
            limit=f"room for {LEAST_FILES} files ({int(LEAST_FILES * AGAIN)} to go on)",
            mend="remove files from it: its table of them is full, whatever room it has",
        )


def _memory(memory: Memory, least: Least, held: Collection[tuple[Kind, str]]) -> Iterator[Pressure]:
    limit = min(least.memory_bytes, memory.total_bytes // 2)
    if memory.available_bytes < _enough(limit, (Kind.MEMORY, memory.place) in held):
        yield Pressure(
            kind=Kind.MEMORY,
            place=memory.place,
            found=f"{_size(memory.available_bytes)} of {_size(memory.total_bytes)} available",
            limit=f"{_size(limit)} available ({_size(limit * AGAIN)} to go on)",
            mend="end what uses it, run fewer workers, or lower ASSESSOR_LEAST_MEMORY_MIB",
        )


def _engine(answer: Answer, least: Least, held: Collection[tuple[Kind, str]]) -> Iterator[Pressure]:
    pressed = (Kind.ENGINE, ENGINE) in held
    if answer.took_s is None or answer.took_s > least.slow_s / (AGAIN if pressed else 1):
        yield Pressure(
            kind=Kind.ENGINE,
            place=ENGINE,
            found=answer.problem or f"an answer after {answer.took_s:.1f} s",
            limit=f"an answer within {least.slow_s:g} s ({least.slow_s / AGAIN:.2g} s to go on)",
            mend="start the engine, or take load from it; assessor doctor tells more",
        )


#: The place of the engine, wherever it runs.
ENGINE = "containers"


def _enough(least: int, pressed: bool) -> float:
    return least * AGAIN if pressed else least


def _size(number: float) -> str:
    return f"{int(number) // _MIB} MiB" if number >= _MIB else f"{int(number) // 1024} KiB"
