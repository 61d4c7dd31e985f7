"""The health server: one address, two methods, the right status, and a bound on what it spends on anybody."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from assessor import health, healthserver, pipeline, queueserver, settings, testing, wiring
from assessor.errors import SettingInvalid
from assessor.health import Report, State
from tests import ports, small


class Looked:
    """Counts the looks; the report is the test's to change."""

    def __init__(self) -> None:
        self.times = 0
        self.report = Report(
            lines=(health.Line(name="database", state=State.WELL, found="opens and can be written"),),
            counts={},
            oldest_s=None,
            workers={},
        )

    def __call__(self) -> Report:
        self.times += 1
        return self.report


@pytest.fixture
def looked() -> Looked:
    return Looked()


@pytest.fixture
def server(looked: Looked) -> Iterator[healthserver.Server]:
    made = healthserver.Server(("127.0.0.1", 0), looked)
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def ask(server: healthserver.Server, method: str = "GET", path: str = "/health") -> tuple[int, dict, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=20)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), answer.read()
    finally:
        connection.close()


def test_well_is_200_with_the_report(server: healthserver.Server) -> None:
    status, headers, body = ask(server)
    assert status == 200
    assert json.loads(body)["status"] == "well"
    assert headers["Content-Type"] == "application/json"
    assert headers["Cache-Control"] == "no-store"
    assert "Python" not in headers["Server"]


@pytest.mark.parametrize("state", [State.PRESSED, State.MISSING])
def test_anything_else_is_503_with_the_reason(
    server: healthserver.Server, looked: Looked, state: State
) -> None:
    line = health.Line(name="disk (home)", state=state, found="3 MiB free")
    looked.report = Report(lines=(line,), counts={}, oldest_s=None, workers={})
    status, _, body = ask(server)
    assert status == 503
    assert json.loads(body)["why"] == ["disk (home): 3 MiB free"]


def test_head_tells_the_same_without_a_body(server: healthserver.Server) -> None:
    status, headers, body = ask(server, "HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) > 0


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/", 404),
        ("GET", "/health/x", 404),
        ("GET", "/../health", 404),
        ("POST", "/health", 501),
        ("DELETE", "/health", 501),
        ("GET", "/health?now", 200),
    ],
)
def test_nothing_else_is_answered(
    server: healthserver.Server, looked: Looked, method: str, path: str, expected: int
) -> None:
    assert ask(server, method, path)[0] == expected
    assert looked.times == (expected == 200)


def test_look_is_shared_by_those_who_ask_at_the_same_time(
    server: healthserver.Server, looked: Looked
) -> None:
    for _ in range(10):
        assert ask(server)[0] == 200
    assert looked.times == 1


def test_silent_clients_are_left_and_the_next_is_served(
    server: healthserver.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(healthserver, "SERVED_S", 0.2)
    with contextlib.ExitStack() as stack:
        address = server.server_address[:2]
        silent = [
            stack.enter_context(socket.create_connection(address)) for _ in range(2 * healthserver.CLIENTS)
        ]
        for one in silent:
            one.settimeout(20)
            with contextlib.suppress(ConnectionResetError):
                assert one.recv(1) == b"", "turned away at once, or left after its time"
        assert ask(server)[0] == 200


def test_address_that_is_taken_is_told(server: healthserver.Server, looked: Looked) -> None:
    host, port = server.server_address[:2]
    with pytest.raises(SettingInvalid, match=rf"^health: expected an address .*, got 127\.0\.0\.1:{port}: "):
        healthserver.Server((str(host), int(port)), looked)


# --- looking at an installation


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def look(home: Path) -> Report:
    return wiring.Looker(
        settings.read({"ASSESSOR_SANDBOX": "unsafe_local", "ASSESSOR_LEAST_DISK_MIB": "1"}, home=home)
    ).report()


def found(report: Report) -> dict[str, str]:
    return {line.name: line.found for line in report.lines if line.state is not State.WELL}


def test_looking_at_nothing_says_so_and_makes_nothing(home: Path) -> None:
    report = look(home)
    assert report.state is State.MISSING
    assert found(report) == {"database": "is not there yet; assessor up makes it", "queue": "is not up"}
    assert not home.exists()


def test_database_of_which_nothing_is_known_is_missing(home: Path) -> None:
    home.mkdir()
    (home / "assessor.db").write_bytes(b"not a database" * 1000)
    assert found(look(home))["database"] == "cannot be opened, or not be written"


def test_key_that_is_lost_or_gone_bad_is_missing(home: Path) -> None:
    config = settings.read({"ASSESSOR_SANDBOX": "unsafe_local"}, home=home)
    with contextlib.closing(wiring.store(config)):
        pass
    assert found(look(home))["key"] == "the engine's is not there"
    with wiring.parts(config, boxed=False):
        pass
    assert "key" not in found(look(home))
    (config.keys / "log.pem").chmod(0o644)
    assert found(look(home))["key"] == "the log's cannot be used"
    (config.keys / "engine.pem").write_text("no key")
    assert found(look(home))["key"] == "the engine's cannot be used"
    (config.keys / "engine.pem").unlink()
    assert found(look(home))["key"] == "the engine's cannot be used"


def test_installation_is_told_with_what_waits_who_works_and_what_is_not_published(tmp_path: Path) -> None:
    tasks = small.write_catalog(tmp_path / "catalog")
    bench = small.make_bench(tmp_path, testing.FakeSandbox(script=testing.all_pass(small.IDS)), tasks=tasks)
    store = bench.parts.store
    try:
        ago = {"news": 5, "late": 90, "published": 90}
        for learner, seconds in ago.items():
            bench.clock.now = wiring.now() - timedelta(seconds=seconds)
            _, attempt = bench.submit(learner=learner)
            pipeline.assess(attempt.id, 1, bench.parts)
            if learner != "published":
                shutil.rmtree(bench.parts.publisher.folder(attempt.id))
        bench.clock.now = wiring.now() - timedelta(seconds=30)
        bench.submit(learner="waits")
        for name, doing in (("a", "idle"), ("b", "an-attempt"), ("c", "waiting: disk (home): expected much")):
            store.heartbeat(name, host="h", pid=1, doing=doing, now=wiring.now())
    finally:
        store.close()
    report = look(tmp_path)
    assert found(report) == {
        "queue": "is not up",
        "key": "the engine's cannot be used",
        "workers": "1 of 3 wait: disk (home): expected much",
        "evidence": "1 judged attempts have no evidence folder yet",
    }
    assert (report.counts["judged"], report.counts["queued"]) == (3, 1)
    assert report.workers == {"idle": 1, "working": 1, "waiting": 1}
    assert report.oldest_s is not None
    assert report.oldest_s >= 30


def test_queue_server_that_hangs_is_told_from_one_that_is_not_up(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = settings.read({"ASSESSOR_SANDBOX": "unsafe_local"}, home=home)
    assert queueserver.trouble(config) == ("is not up", False)
    queueserver.ensure(home)
    try:
        assert queueserver.trouble(config) is None
        monkeypatch.setattr(queueserver, "ANSWER_S", 0.2)
        number = int((home / "queue" / "server.pid").read_text())
        os.kill(number, signal.SIGSTOP)
        try:
            assert queueserver.trouble(config) == ("does not answer", False)
        finally:
            os.kill(number, signal.SIGCONT)
        assert queueserver.trouble(config) is None
    finally:
        queueserver.stop(home)


def test_process_ends_with_its_supervisor_and_tells_what_it_finds(home: Path) -> None:
    port = ports.free()
    gone = subprocess.Popen(["sleep", "0"])
    gone.wait()
    command = [sys.executable, "-m", "assessor", "--home", str(home), "health"]
    served = [*command, "--serve", f"127.0.0.1:{port}"]
    process = subprocess.Popen([*served, "--parent", str(os.getpid())])
    try:
        _until(lambda: _answers(port))
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET /health HTTP/1.0\r\n\r\n")
            assert client.recv(65536).startswith(b"HTTP/1.0 503 ")
    finally:
        process.terminate()
    assert process.wait(20) == 0
    assert subprocess.run([*served, "--parent", str(gone.pid)], timeout=20, check=False).returncode == 0


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "not within 20 s"
        time.sleep(0.02)
