"""What is short: the least of each, the fifth more until it is enough again, and errors that came of it."""

from __future__ import annotations

import errno
import sqlite3

import docker.errors
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assessor import pressure
from assessor.errors import BlobFault, SandboxFault, StoreFault
from assessor.pressure import Answer, Disk, Kind, Least, Memory, Readings

MIB = 1024**2
LEAST = Least(disk_bytes=512 * MIB, memory_bytes=768 * MIB, slow_s=5.0)


def disk(free_mib: float, files: int | None = 10**6, place: str = "home") -> Readings:
    return Readings(disks=(Disk(place=place, free_bytes=int(free_mib * MIB), free_files=files),))


def memory(available_mib: float, total_mib: int = 8192, place: str = pressure.MACHINE) -> Readings:
    one = Memory(place=place, available_bytes=int(available_mib * MIB), total_bytes=total_mib * MIB)
    return Readings(memory=(one,))


def answer(took_s: float | None, problem: str = "") -> Readings:
    return Readings(engine=Answer(took_s=took_s, problem=problem))


def kinds(readings: Readings, *held: tuple[Kind, str]) -> list[Kind]:
    return [one.kind for one in pressure.find(readings, LEAST, held=held)]


@pytest.mark.parametrize(
    ("readings", "found"),
    [
        (disk(512), []),
        (disk(511.9), [Kind.DISK]),
        (disk(10**6, files=1024), []),
        (disk(10**6, files=1023), [Kind.FILES]),
        (disk(10**6, files=None), []),
        (disk(0, files=0), [Kind.DISK, Kind.FILES]),
        (memory(768), []),
        (memory(767), [Kind.MEMORY]),
        (memory(512, total_mib=1024), []),
        (memory(511, total_mib=1024), [Kind.MEMORY]),
        (answer(5.0), []),
        (answer(5.1), [Kind.ENGINE]),
        (answer(None, "no answer for 5 s"), [Kind.ENGINE]),
        (Readings(), []),
    ],
)
def test_less_than_the_least_is_short(readings: Readings, found: list[Kind]) -> None:
    assert kinds(readings) == found


@pytest.mark.parametrize(
    ("kind", "place", "short", "between", "enough"),
    [
        (Kind.DISK, "home", disk(511), disk(600), disk(615)),
        (Kind.FILES, "home", disk(9999, 1000), disk(9999, 1200), disk(9999, 1229)),
        (Kind.MEMORY, pressure.MACHINE, memory(700), memory(900), memory(922)),
        (Kind.ENGINE, pressure.ENGINE, answer(6), answer(4.5), answer(4.1)),
    ],
)
def test_what_was_short_is_short_until_there_is_a_fifth_more(
    kind: Kind, place: str, short: Readings, between: Readings, enough: Readings
) -> None:
    held = (kind, place)
    assert kinds(short) == [kind]
    assert kinds(between) == []
    assert kinds(between, held) == [kind]
    assert kinds(enough, held) == []


@given(st.lists(st.integers(0, 1024), min_size=1, max_size=30))
def test_a_disk_that_moves_by_less_than_a_fifth_changes_nothing_twice(free: list[int]) -> None:
    """Whatever the readings: work starts again above the upper bound, and stops below the lower one."""
    held: set[tuple[Kind, str]] = set()
    for mib in free:
        before = bool(held)
        held = {one.key for one in pressure.find(disk(mib), LEAST, held=held)}
        if before and not held:
            assert mib >= 512 * pressure.AGAIN
        if held and not before:
            assert mib < 512


def test_another_disk_is_not_held_by_the_first() -> None:
    assert kinds(disk(600, place="blobs"), (Kind.DISK, "home")) == []


def test_reason_keeps_its_words_while_less_and_less_is_left() -> None:
    said = {pressure.why(pressure.find(disk(mib), LEAST)) for mib in (500, 300, 1)}
    assert said == {"disk (home): expected 512 MiB free (614 MiB to go on)"}
    assert pressure.why(()) is None
    (one,) = pressure.find(disk(300), LEAST)
    assert one.found == "300 MiB free"


def test_disk_that_cannot_be_looked_at_is_short() -> None:
    lost = Readings(disks=(Disk(place="blobs", problem="cannot be looked at: Stale file handle"),))
    (one,) = pressure.find(lost, LEAST)
    assert (one.kind, one.found) == (Kind.DISK, "cannot be looked at: Stale file handle")
    assert pressure.too_full(lost.disks, LEAST) == "disk (blobs): cannot be looked at: Stale file handle"


# --- room for one more, room for an upload


@pytest.mark.parametrize(
    ("readings", "needs_mib", "room"),
    [
        (memory(1024), 768, True),
        (memory(1023), 768, False),
        (memory(700, total_mib=1024), 444, True),
        (memory(699, total_mib=1024), 444, False),
        # A worker's own small group says nothing of sandboxes that are beside it; a large one does.
        (memory(300, total_mib=512, place="control group"), 768, True),
        (memory(1000, total_mib=4096, place="control group"), 768, False),
    ],
)
def test_room_is_what_leaves_a_spare(readings: Readings, needs_mib: int, room: bool) -> None:
    assert pressure.room(readings, LEAST, memory_bytes=needs_mib * MIB) is room


def test_intake_goes_on_below_the_least_down_to_an_eighth_of_it() -> None:
    assert pressure.too_full(disk(64).disks, LEAST) is None
    assert pressure.too_full(disk(63.9).disks, LEAST) == "disk (home): expected 64 MiB free, got 63 MiB"
    assert pressure.too_full(disk(64, files=127).disks, LEAST) == (
        "files (home): expected room for 128 files, got 127"
    )


# --- whose fault


def raised(error: Exception, *within: Exception) -> Exception:
    """The error, raised from those within, the innermost last."""
    inner: Exception | None = None
    for one in (*reversed(within), error):
        try:
            raise one from inner
        except Exception as caught:
            inner = caught
    assert inner is not None
    return inner


def full_database() -> sqlite3.Error:
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("PRAGMA max_page_count = 1")
        with pytest.raises(sqlite3.OperationalError) as caught:
            connection.execute("CREATE TABLE t (a)")
    finally:
        connection.close()
    return caught.value


class ServerShort(Exception):
    sqlstate = "53100"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (raised(BlobFault("x"), OSError(errno.ENOSPC, "No space left on device")), "the disk is full"),
        (raised(BlobFault("x"), OSError(errno.EDQUOT, "Quota")), "the quota of the disk is used up"),
        (raised(StoreFault("x"), RuntimeError("wrapped"), full_database()), "disk of the database is full"),
        (raised(StoreFault("x"), ServerShort("disk full")), "the database server is short"),
        (
            raised(SandboxFault("x"), docker.errors.APIError("mkdir: No space left on device")),
            "no space left on device",
        ),
    ],
)
def test_error_that_came_of_a_full_disk_says_so_however_deep(error: Exception, said: str) -> None:
    assert said in (pressure.cause(error) or "")


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EIO, "Input/output error"),
        sqlite3.OperationalError("database is locked"),
        raised(SandboxFault("x"), docker.errors.APIError("no such image")),
        # Text that a submission could have printed is no proof of anything.
        SandboxFault("grader: last words: OSError: [Errno 28] No space left on device"),
        ValueError("no space left on device"),
    ],
)
def test_any_other_error_came_of_nothing_short(error: Exception) -> None:
    assert pressure.cause(error) is None
