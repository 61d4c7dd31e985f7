"""A disk that is really full: what is handed in is kept or refused whole, and nothing is failed for it.

The disk is a small tmpfs of the test's own, filled by a file to the last byte.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from assessor import catalog, gauge, jobs, pipeline, pressure, queueserver, settings, testing, wiring
from assessor.errors import BlobFault, Pressed, QueueFault, SandboxFault, StoreFault
from assessor.pressure import Least, Memory
from assessor.sandbox.protocol import End, Ended, Event, Order, Reason
from assessor.store import AttemptState
from tests import small

MIB = 1024**2
DISK_MIB = 24
LEAST = Least(disk_bytes=8 * MIB, memory_bytes=100 * MIB, slow_s=1.0)
ALL = testing.all_pass(small.IDS)


@pytest.fixture(autouse=True)
def lines() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as told:
        yield told


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(disk: Path, *, leave: int) -> None:
    """Leave so many bytes of it free."""
    seen = os.statvfs(disk)
    free = seen.f_bavail * seen.f_frsize
    with (disk / "ballast").open("ab") as file:
        if free > leave:
            os.posix_fallocate(file.fileno(), file.tell(), free - leave)


def empty(disk: Path) -> None:
    (disk / "ballast").unlink()


def measured(disk: Path, *memory: Memory) -> gauge.Gauge:
    return gauge.Gauge(least=LEAST, disks={"home": disk}, asked=None, remembered=lambda: memory)


@pytest.fixture
def tasks(tmp_path: Path) -> catalog.Catalog:
    return small.write_catalog(tmp_path / "catalog")


@pytest.fixture
def bench(disk: Path, tasks: catalog.Catalog) -> Iterator[small.Bench]:
    made = small.make_bench(disk, testing.FakeSandbox(script=ALL), tasks=tasks, lease_s=20)
    made.parts = replace(made.parts, gauge=measured(disk))
    yield made
    made.parts.store.close()


def judge(bench: small.Bench, attempt_id: str) -> AttemptState | None:
    return pipeline.assess(attempt_id, bench.parts.store.attempt(attempt_id).epoch, bench.parts)


def judged_in_the_end(bench: small.Bench, attempt_id: str) -> None:
    """Once its waiting time is over it is judged, with no fault on it."""
    bench.clock.move(seconds=30)
    assert judge(bench, attempt_id) is AttemptState.JUDGED
    found = bench.parts.store.attempt(attempt_id)
    assert (found.verdict, found.faults, found.problem) == ("passed", 0, None)


# --- handing in


def test_upload_is_taken_in_while_workers_wait_already(bench: small.Bench, disk: Path) -> None:
    fill(disk, leave=4 * MIB)
    assert bench.parts.gauge is not None
    assert bench.parts.gauge.why() == "disk (home): expected 8 MiB free (9 MiB to go on)"
    _, attempt = bench.submit()
    assert attempt.state is AttemptState.QUEUED
    empty(disk)
    assert bench.parts.gauge.pressures(fresh=True) == ()
    judged_in_the_end(bench, attempt.id)


def test_upload_that_finds_no_room_is_told_to_come_back_and_nothing_of_it_is_kept(
    bench: small.Bench, disk: Path
) -> None:
    fill(disk, leave=MIB // 2)
    with pytest.raises(Pressed, match=r"^disk \(home\): expected 1 MiB free, got 5.. KiB; nothing was taken"):
        bench.submit()
    assert bench.parts.blobs.names() == frozenset()
    assert bench.parts.store.submissions() == ()
    empty(disk)
    judged_in_the_end(bench, bench.submit()[1].id)


def packed(folder: Path) -> Path:
    """A zip of the right solution, on a disk with room."""
    target = folder / "upload.zip"
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("solution.py", small.RIGHT + "#" * 8000)
    return target


def test_disk_that_fills_while_an_upload_comes_in_leaves_nothing_of_it(
    bench: small.Bench, disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past the first look, whichever write is the one that finds no room: spool, blob or row."""
    monkeypatch.setattr(gauge.Gauge, "require_intake", lambda self: None)
    bench.submit(learner="first")  # its snapshot is there, so that the bundle is the first blob written
    before = bench.parts.blobs.names()
    upload = packed(tmp_path)
    refused: set[str] = set()
    for leave in range(0, 4 * MIB, 4096):
        fill(disk, leave=leave)
        try:
            bench.hand_in(upload, learner="ada")
            break
        except (BlobFault, StoreFault) as error:
            cause = pressure.cause(error)
            refused.add(str(error).split()[0])
        empty(disk)
        assert cause is not None
        assert bench.parts.blobs.names() == before, f"{leave} bytes were left"
        assert bench.parts.store.submissions("ada") == ()
    assert refused == {"spool", "blobs", "store"}
    (found,) = bench.parts.store.submissions("ada")
    assert bench.parts.blobs.has(found.bundle)
    assert bench.parts.store.doomed() == ()


def test_files_are_not_left_behind_when_the_row_finds_no_room(
    bench: small.Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_given: object, **_named: object) -> None:
        raise StoreFault("store: cannot be written: database or disk is full")

    mine, _ = bench.submit(learner="first")
    with monkeypatch.context() as filled:
        filled.setattr(type(bench.parts.store), "submit", full)
        with pytest.raises(StoreFault):
            bench.submit("def total(numbers):\n    return 0\n")
        with pytest.raises(StoreFault):
            bench.submit(learner="second")  # the same files as the first one's
    assert bench.parts.blobs.names() == {mine.bundle, mine.snapshot}


# --- waiting


class Gone:
    """An engine that is not there."""

    def ping(self, timeout_s: float) -> None:
        raise ConnectionRefusedError("gone on purpose")

    def folder(self) -> None:
        return None

    def close(self) -> None:
        pass


def test_gate_lets_nothing_through_and_no_sandbox_wait_while_a_disk_is_full(
    bench: small.Bench, disk: Path
) -> None:
    shut = wiring.gate(bench.parts)
    assert shut() is None
    assert bench.fake.shrunk == 0
    fill(disk, leave=4 * MIB)
    assert bench.parts.gauge is not None
    assert bench.parts.gauge.pressures(fresh=True)
    assert shut() == "disk (home): expected 8 MiB free (9 MiB to go on)"
    assert bench.fake.shrunk == 1
    empty(disk)
    assert not bench.parts.gauge.pressures(fresh=True)
    assert shut() is None
    assert bench.fake.shrunk == 1


def test_gate_leaves_sandboxes_alone_that_an_engine_cannot_remove(bench: small.Bench, disk: Path) -> None:
    away = gauge.Gauge(least=LEAST, disks={"home": disk}, asked=Gone(), remembered=tuple)
    shut = wiring.gate(replace(bench.parts, gauge=away))
    assert shut() == "engine (containers): expected an answer within 1 s (0.83 s to go on)"
    assert bench.fake.shrunk == 0


def test_queue_server_on_a_full_disk_refuses_and_goes_on_when_there_is_room(disk: Path) -> None:
    config = settings.read({"ASSESSOR_SANDBOX": "unsafe_local"}, home=disk)
    bell = jobs.Ring(queueserver.ensure(disk))
    try:
        fill(disk, leave=0)
        with pytest.raises(QueueFault):
            bell.ring_all((f"a{number}", 1) for number in range(10_000))
        until(lambda: queueserver.trouble(config) == ("answers, and refuses work", True))
        empty(disk)
        until(lambda: queueserver.trouble(config) is None)
        bell.ring("late", 1)
        assert ("late", 1) in bell.pending()
    finally:
        bell.close()
        queueserver.stop(disk)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "not within 30 s"
        time.sleep(0.05)


# --- judging


def test_disk_that_fills_in_a_run_counts_for_nothing(bench: small.Bench, disk: Path) -> None:
    def filling(order: Order) -> Any:
        fill(disk, leave=0)
        threading.Timer(1.0, empty, args=(disk,)).start()
        for _ in range(2000):
            yield testing.finished(small.IDS[0], message="x" * 10_000)

    for _ in range(4):  # one more than the faults that count
        bench.fake.script = filling
        if not bench.parts.store.submissions():
            _, attempt = bench.submit()
        assert judge(bench, attempt.id) is AttemptState.QUEUED
        found = bench.parts.store.attempt(attempt.id)
        assert (found.faults, found.lost) == (0, 0)
        assert "store" in str(found.problem)
        assert found.not_before > bench.clock()
        bench.clock.move(seconds=30)
    bench.fake.script = ALL
    judged_in_the_end(bench, attempt.id)


def test_disk_too_full_for_evidence_keeps_the_run_and_concludes_it_later(
    bench: small.Bench, disk: Path
) -> None:
    def filling(order: Order) -> Any:
        yield from ALL(order)
        # Room for the database's next pages, none for a report of any size.
        fill(disk, leave=0)
        threading.Timer(1.0, empty, args=(disk,)).start()

    bench.fake.script = filling
    _, attempt = bench.submit()
    assert judge(bench, attempt.id) is AttemptState.QUEUED
    bench.fake.script = ALL
    judged_in_the_end(bench, attempt.id)


def test_fault_of_another_kind_counts_again_once_nothing_is_short(bench: small.Bench, disk: Path) -> None:
    broken = SandboxFault("engine: start: expected it to be done, got: on purpose")
    bench.fake.script = lambda order: iter([broken])
    _, attempt = bench.submit()
    fill(disk, leave=4 * MIB)
    for _ in range(4):
        assert judge(bench, attempt.id) is AttemptState.QUEUED
        bench.clock.move(seconds=30)
    assert bench.parts.store.attempt(attempt.id).faults == 0
    empty(disk)
    states = []
    for _ in range(3):
        states.append(judge(bench, attempt.id))
        bench.clock.move(seconds=30)
    assert states == [AttemptState.QUEUED, AttemptState.QUEUED, AttemptState.UNJUDGED]


def stopped(reason: Reason) -> Event:
    return testing.finished(small.IDS[0], passed=False, reason=reason)


@pytest.mark.parametrize(
    "steps",
    [
        [End.LEARNER_LOST],
        [End.MEMORY],
        [End.GRADER_MEMORY],
        [stopped(Reason.CRASH), Ended(wall_ms=1, processes=1)],
        [stopped(Reason.MEMORY), Ended(wall_ms=1, processes=1)],
    ],
)
def test_processes_that_go_while_the_machine_has_no_memory_fail_nobody(
    bench: small.Bench, disk: Path, steps: list[Event | End]
) -> None:
    little = Memory(place=pressure.MACHINE, available_bytes=MIB, total_bytes=8192 * MIB)
    bench.fake.script = lambda order: iter([testing.collected(*small.IDS), *steps])
    bench.parts = replace(bench.parts, gauge=measured(disk, little))
    _, attempt = bench.submit()
    assert judge(bench, attempt.id) is AttemptState.QUEUED
    found = bench.parts.store.attempt(attempt.id)
    assert found.faults == 0
    assert "while short: memory (machine)" in str(found.problem)
    bench.parts = replace(bench.parts, gauge=measured(disk, replace(little, available_bytes=4096 * MIB)))
    bench.clock.move(seconds=30)
    assert judge(bench, attempt.id) is AttemptState.JUDGED
    assert bench.parts.store.attempt(attempt.id).verdict == "failed", "with memory enough it is the learner's"


def test_test_that_fails_by_itself_is_the_learners_however_little_memory_there_is(
    bench: small.Bench, disk: Path
) -> None:
    little = Memory(place=pressure.MACHINE, available_bytes=MIB, total_bytes=8192 * MIB)
    ended = Ended(wall_ms=1, processes=1)
    steps = [testing.collected(*small.IDS), stopped(Reason.ASSERTION), stopped(Reason.TIMEOUT), ended]
    bench.fake.script = lambda order: iter(steps)
    bench.parts = replace(bench.parts, gauge=measured(disk, little))
    _, attempt = bench.submit()
    assert judge(bench, attempt.id) is AttemptState.JUDGED
    assert bench.parts.store.attempt(attempt.id).verdict == "failed"
