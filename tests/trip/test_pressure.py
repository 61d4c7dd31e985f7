"""A whole installation that something is short of: it waits, says why, takes in what it can, fails nobody."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from assessor import settings, wiring
from tests import ports
from tests.trip.shop import Forker, Said, Shop, until

pytestmark = [pytest.mark.docker, pytest.mark.slow]

MIB = 1024**2
LEAST_MIB = 16
WHY = f"disk (home, database, blobs): expected {LEAST_MIB} MiB free (19 MiB to go on)"


@dataclass(frozen=True, kw_only=True)
class Small:
    """An installation on a disk of 48 MiB."""

    shop: Shop
    port: int

    def leave(self, size: int) -> None:
        """Make the disk's free room this many bytes, and no more."""
        ballast = self.shop.home / "ballast"
        ballast.unlink(missing_ok=True)
        seen = os.statvfs(self.shop.home)
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, seen.f_bavail * seen.f_frsize - size)

    def free(self) -> None:
        (self.shop.home / "ballast").unlink()

    def health(self) -> Said:
        return self.shop.run("health", "--json", ASSESSOR_LEAST_DISK_MIB=str(LEAST_MIB))

    def over_http(self) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", "/health")
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def submit(self, learner: str) -> Said:
        upload = self.shop.own("median-stats", "solutions/plain")
        return self.shop.run(
            "submit",
            "--json",
            "--learner",
            learner,
            "median-stats",
            upload,
            ASSESSOR_LEAST_DISK_MIB=str(LEAST_MIB),
        )

    def doing(self) -> list[str]:
        return [row["doing"] for row in self.shop.values("status")["workers"]]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Small]:
    port = ports.free()
    forker = Forker(tmp_path)
    shop = Shop(tmp_path, forker)
    shop.home.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(shop.home)], check=True)
    try:
        shop.up(
            workers=1,
            ASSESSOR_LEAST_DISK_MIB=str(LEAST_MIB),
            ASSESSOR_HEALTH=f"127.0.0.1:{port}",
        )
        yield Small(shop=shop, port=port)
        assert shop.down(signal.SIGTERM) == 0, shop.log()
        assert shop.processes() == [], "the health server ends with the rest"
    finally:
        if shop.up_process is not None:
            shop.down(signal.SIGTERM, signal.SIGINT)
        forker.close()
        subprocess.run(["umount", str(shop.home)], check=True)


def test_full_disk_makes_workers_wait_and_everything_handed_in_is_judged_once_there_is_room(
    small: Small,
) -> None:
    shop = small.shop
    until(lambda: small.health().status == 0, lambda: small.health().out)
    until(lambda: small.over_http()[0] == 200, shop.log)

    # Less than the least: workers wait, intake goes on.
    small.leave(8 * MIB)
    until(lambda: small.doing() == [f"waiting: {WHY}"], shop.log)
    until(lambda: shop.containers() == [], shop.log)
    said = small.health()
    assert said.status == 1, said
    assert f"workers: 1 of 1 wait: {WHY}" in said.json["why"]
    assert any(why.startswith("disk (home, database, blobs): ") for why in said.json["why"])
    until(lambda: small.over_http()[0] == 503)
    assert small.over_http()[1]["status"] == "pressed"
    looked = shop.run("doctor", "--json", ASSESSOR_LEAST_DISK_MIB=str(LEAST_MIB))
    assert looked.status == 3
    assert [one["name"] for one in looked.json if not one["ok"]] == ["disk (home, database, blobs)"]
    accepted = [small.submit(learner) for learner in ("Ada", "Ben")]
    assert [one.status for one in accepted] == [0, 0], accepted
    attempts = [one.json["attempt"] for one in accepted]

    # Nothing left at all: what is handed in is refused, whole and in words.
    small.leave(0)
    blobs = sorted((shop.home / "blobs").rglob("*"))
    refused = small.submit("Cleo")
    assert (refused.status, refused.out) == (3, "")
    assert "nothing was taken in: come back" in " ".join(refused.err.split())
    assert sorted((shop.home / "blobs").rglob("*")) == blobs
    assert small.health().status == 1, "short of room, with every part in its place"

    # Room again: everything goes on by itself.
    small.free()
    for attempt in attempts:
        until(lambda attempt=attempt: _state(shop, attempt) == "judged", shop.log)
        shown = shop.values("show", attempt)
        assert shown["verdict"] == "passed"
    until(lambda: small.health().status == 0, lambda: small.health().out)
    until(lambda: small.over_http()[0] == 200)
    assert _faults(shop) == [(0, 0), (0, 0)]
    rows = shop.values("status")["attempts"]
    assert {row["attempt"] for row in rows} == set(attempts), "the refused one left nothing"


def _state(shop: Shop, attempt: str) -> str:
    return str(shop.values("status", attempt)["attempts"][0]["state"])


def _faults(shop: Shop) -> list[tuple[int, int]]:
    """Faults and lost leases of every attempt, oldest first."""
    with contextlib.closing(sqlite3.connect(shop.home / "assessor.db")) as store:
        return store.execute("SELECT faults, lost FROM attempts ORDER BY seq").fetchall()


class Between:
    """Stands between workers and the real engine: holds everything up, or is gone with every connection."""

    def __init__(self, path: Path) -> None:
        self.url = f"unix://{path}"
        self._path = path
        self._flows = threading.Event()
        self._flows.set()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self.come()

    def come(self) -> None:
        """Listen."""
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(self._path))
        self._door.listen(64)
        self._start(self._listen, self._door)

    def go(self) -> None:
        """Be gone: nobody listens, and what was open is cut."""
        self._path.unlink()
        self._door.shutdown(socket.SHUT_RDWR)
        with self._lock:
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def hold(self) -> None:
        """Take what comes, and pass nothing on."""
        self._flows.clear()

    def flow(self) -> None:
        """Pass everything on again."""
        self._flows.set()

    def close(self) -> None:
        self.flow()
        if self._path.exists():
            self.go()
        for thread in self._threads:
            thread.join()

    def _start(self, action: Any, *given: Any) -> None:
        self._threads.append(threading.Thread(target=action, args=given))
        self._threads[-1].start()

    def _listen(self, door: socket.socket) -> None:
        with door, contextlib.suppress(OSError):
            while True:
                client, _ = door.accept()
                engine = socket.socket(socket.AF_UNIX)
                engine.connect("/var/run/docker.sock")
                self._start(self._serve, client, engine)

    def _serve(self, client: socket.socket, engine: socket.socket) -> None:
        with client, engine:
            with self._lock:
                self._open |= {client, engine}
            back = threading.Thread(target=self._copy, args=(engine, client))
            back.start()
            self._copy(client, engine)
            back.join()
            with self._lock:
                self._open -= {client, engine}

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._flows.wait()
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


#: Takes its time, so that the engine can go while it runs.
SLOW = "import time\n\ntime.sleep(0.5)\n"


def test_engine_that_hangs_or_goes_makes_workers_wait_and_counts_for_nothing(tmp_path: Path) -> None:
    between = Between(tmp_path / "engine.sock")
    environ = {"DOCKER_HOST": between.url, "ASSESSOR_SLOW_ENGINE_S": "1"}
    forker = Forker(tmp_path)
    shop = Shop(tmp_path, forker)
    hand_in = ("submit", "--json", "--learner")
    why = "waiting: engine (containers): expected an answer within 1 s (0.83 s to go on)"

    def doing() -> list[str]:
        return [row["doing"] for row in shop.values("status")["workers"]]

    try:
        shop.up(workers=1, **environ)

        # It hangs: what is handed in waits.
        between.hold()
        until(lambda: doing() == [why], shop.log)
        right = shop.own("median-stats", "solutions/plain")
        first = shop.values(*hand_in, "Ada", "median-stats", right)["attempt"]
        said = shop.run("health", "--json", **environ)
        assert said.status == 1, said
        assert any(one.startswith("engine (containers): no answer") for one in said.json["why"])
        assert _state(shop, first) == "queued"
        between.flow()
        until(lambda: _state(shop, first) == "judged", shop.log)

        # It goes in the middle of a run: the run is spoiled, and that counts for nothing.
        slow = shop.upload("slow", stats_py=SLOW + (right / "stats.py").read_text())
        second = shop.values(*hand_in, "Ben", "median-stats", slow)["attempt"]
        until(lambda: _state(shop, second) == "running", shop.log)
        between.go()
        until(lambda: _state(shop, second) == "queued", shop.log)
        until(lambda: doing() == [why], shop.log)
        between.come()
        until(lambda: _state(shop, second) == "judged", shop.log)
        assert _faults(shop) == [(0, 0), (0, 0)]
        assert shop.values("show", second)["verdict"] == "passed"
        assert shop.down(signal.SIGTERM) == 0, shop.log()
    finally:
        if shop.up_process is not None:
            shop.down(signal.SIGTERM, signal.SIGINT)
        # What could not be removed while the engine was gone; the next `up` would do the same.
        wiring.Cleaner(settings.read({}, home=shop.home, catalog=shop.catalog)).sweep()
        assert shop.containers() == []
        forker.close()
        between.close()
