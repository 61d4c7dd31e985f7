"""The gauge on real disks and real sockets: an engine that is slow, hangs, is gone, or says nonsense."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assessor import gauge, pressure
from assessor.errors import BlobFault, Pressed, SandboxFault
from assessor.pressure import Answer, Kind, Least, Memory

MIB = 1024**2
LEAST = Least(disk_bytes=1, memory_bytes=1, slow_s=0.4)
PLENTY = Memory(place=pressure.MACHINE, available_bytes=8192 * MIB, total_bytes=8192 * MIB)


class FakeEngine:
    """Answers on a unix socket as it is told to; the stand-in for an engine under load."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "engine.sock"
        self.data = folder / "data"
        self.data.mkdir()
        self.wait_s = 0.0
        self.status = "200 OK"
        self.info: bytes | None = None
        self.asked: list[str] = []
        self.going = threading.Event()
        self.going.set()
        self._closed = False
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(self.path))
        self._door.listen(64)
        self._threads = [threading.Thread(target=self._listen)]
        self._threads[0].start()

    def _listen(self) -> None:
        while True:
            client, _ = self._door.accept()
            if self._closed:
                client.close()
                return
            thread = threading.Thread(target=self._answer, args=(client,))
            self._threads.append(thread)
            thread.start()

    def _answer(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            path = client.recv(65536).split(b" ")[1].decode()
            self.asked.append(path)
            self.going.wait()
            time.sleep(self.wait_s)
            body = b"OK"
            if path == "/info":
                body = self.info if self.info is not None else b'{"DockerRootDir": "%s"}' % bytes(self.data)
            head = f"HTTP/1.1 {self.status}\r\nContent-Length: {len(body)}\r\n\r\n"
            client.sendall(head.encode() + body)

    def close(self) -> None:
        self._closed = True
        self.going.set()
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(str(self.path))
        for thread in self._threads:
            thread.join()
        self._door.close()
        self.path.unlink()


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    made = FakeEngine(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{made.path}")
    yield made
    made.close()


def made(
    folder: Path,
    *,
    least: Least = LEAST,
    asked: gauge.Asked | None = None,
    remembered: Callable[[], tuple[Memory, ...]] = lambda: (PLENTY,),
) -> gauge.Gauge:
    return gauge.Gauge(least=least, disks={"home": folder}, asked=asked, remembered=remembered)


def engine_of(looked: gauge.Gauge) -> Answer:
    looked.pressures(fresh=True)
    answer = looked.readings().engine
    assert answer is not None
    return answer


def test_engine_that_answers_is_no_reason_to_wait_and_its_data_is_a_disk_too(
    tmp_path: Path, fake: FakeEngine
) -> None:
    looked = made(tmp_path, asked=gauge.Engine())
    assert looked.why() is None
    assert engine_of(looked).took_s is not None
    assert fake.asked.count("/info") == 1, "asked for its folder once"
    (disk,) = looked.readings().disks
    assert disk.place == "home, engine", "one file system is told once, by all that lies on it"


def test_slow_engine_makes_workers_wait_until_it_is_faster_again(tmp_path: Path, fake: FakeEngine) -> None:
    looked = made(tmp_path, asked=gauge.Engine())
    assert looked.why() is None
    fake.wait_s = 0.6
    assert engine_of(looked).took_s is None
    assert looked.why() == "engine (containers): expected an answer within 0.4 s (0.33 s to go on)"
    assert not looked.room(1)
    fake.wait_s = 0.0
    deadline = time.monotonic() + 20
    while looked.pressures(fresh=True):
        assert time.monotonic() < deadline, looked.why()
        time.sleep(0.05)
    assert looked.why() is None
    assert looked.room(1)


def test_engine_that_hangs_is_asked_once_however_often_it_is_looked_at(
    tmp_path: Path, fake: FakeEngine
) -> None:
    looked = made(tmp_path, least=Least(disk_bytes=1, memory_bytes=1, slow_s=2.0), asked=gauge.Engine())
    fake.going.clear()
    looked.pressures(fresh=True)
    for _ in range(5):
        assert engine_of(looked).problem.startswith("no answer for ")
    assert fake.asked == ["/_ping"]
    fake.going.set()


def test_engine_that_is_gone_is_short_and_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/engine.sock")
    looked = made(tmp_path, asked=gauge.Engine())
    assert engine_of(looked) == Answer(took_s=None, problem="no answer: FileNotFoundError")
    fake = FakeEngine(tmp_path)
    try:
        assert looked.pressures(fresh=True) == ()
    finally:
        fake.close()
    assert engine_of(looked).took_s is None


@pytest.mark.parametrize(
    ("status", "info"),
    [
        ("500 Internal Server Error", None),
        ("200 OK", b"[]"),
        ("200 OK", b"{"),
        ("nonsense", None),
    ],
)
def test_engine_that_answers_nonsense_is_short(
    tmp_path: Path, fake: FakeEngine, status: str, info: bytes | None
) -> None:
    fake.status, fake.info = status, info
    looked = made(tmp_path, asked=gauge.Engine())
    assert [one.kind for one in looked.pressures()] == [Kind.ENGINE]
    fake.status, fake.info = "200 OK", None
    assert looked.pressures(fresh=True) == ()


def test_engine_over_tcp_is_asked_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{door.getsockname()[1]}")

        def serve() -> None:
            client, _ = door.accept()
            with client:
                client.recv(65536)
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK")

        thread = threading.Thread(target=serve)
        thread.start()
        asked = gauge.Engine()
        looked = made(tmp_path, least=Least(disk_bytes=1, memory_bytes=1, slow_s=5), asked=asked)
        assert looked.pressures() == ()
        thread.join()
        assert asked.folder() is None, "what lies on another machine's disk is not looked for on ours"
        looked.close()


def test_reading_is_good_for_a_second(tmp_path: Path) -> None:
    now = [0.0]
    left = [8192]
    looked = gauge.Gauge(
        least=Least(disk_bytes=1, memory_bytes=768 * MIB, slow_s=1),
        disks={"home": tmp_path},
        asked=None,
        clock=lambda: now[0],
        remembered=lambda: (
            Memory(place=pressure.MACHINE, available_bytes=left[0] * MIB, total_bytes=8192 * MIB),
        ),
    )
    assert looked.why() is None
    left[0] = 100
    now[0] = 0.9
    assert looked.why() is None
    now[0] = 1.0
    assert looked.why() == "memory (machine): expected 768 MiB available (921 MiB to go on)"
    assert looked.short_of_memory() == looked.why()
    left[0] = 800
    assert looked.pressures(fresh=True), "not enough to go on"
    left[0] = 1000
    assert looked.short_of_memory() is None


def test_room_is_asked_of_what_is_left_after_it(tmp_path: Path) -> None:
    looked = made(
        tmp_path,
        remembered=lambda: (
            Memory(place=pressure.MACHINE, available_bytes=1000 * MIB, total_bytes=8192 * MIB),
        ),
    )
    assert looked.room(700 * MIB)
    assert not looked.room(800 * MIB)


def test_fault_is_blamed_on_what_is_short_now_or_on_what_it_says_itself(
    tmp_path: Path, fake: FakeEngine
) -> None:
    looked = made(tmp_path, asked=gauge.Engine())
    ours = SandboxFault("engine: make the grader: expected it to be done, got: no")
    assert looked.blames(ours) is None
    full = BlobFault("blobs: cannot be written")
    full.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    assert looked.blames(full) == "the disk is full"
    assert looked.blames(Pressed("memory is short")) == "memory is short"
    fake.status = "503 Service Unavailable"
    # Not the reading of a moment ago: it was good.
    assert looked.blames(ours) == "engine (containers): expected an answer within 0.4 s (0.33 s to go on)"


def test_folder_that_is_not_made_yet_is_measured_where_it_would_be(tmp_path: Path) -> None:
    looked = made(tmp_path / "home" / "deep")
    (disk,) = looked.readings().disks
    seen = os.statvfs(tmp_path)
    assert abs(disk.free_bytes - seen.f_bavail * seen.f_frsize) < 512 * MIB


def test_no_thread_is_left_by_engines_that_answer(tmp_path: Path, fake: FakeEngine) -> None:
    looked = made(tmp_path, asked=gauge.Engine())
    for _ in range(5):
        looked.pressures(fresh=True)
    assert not [one for one in threading.enumerate() if one.name == "engine-ping" and one.is_alive()]
