"""Jobs: what is rung is looked at once, what is no job of ours is refused and logged, the worker lives on."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
import rq
import rq.suspension
import structlog
from rq.job import JobStatus
from rq.registry import FailedJobRegistry

from assessor import jobs, payload, queueserver
from assessor.errors import QueueFault

Calls = list[tuple[str, int]]
ATTACK = b"cposix\nsystem\n(S'touch PWNED'\ntR."


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("queue")
    yield queueserver.ensure(home)
    queueserver.stop(home)


@pytest.fixture
def server(served: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(served) as client:
        client.flushall()
        yield client


@pytest.fixture
def bell(served: str, server: redis.Redis) -> Iterator[jobs.Ring]:
    ring = jobs.Ring(served)
    yield ring
    ring.close()


def drain(url: str, assess: Callable[[str, int], object] | None = None) -> Calls:
    """What a worker looks at until the queue is empty."""
    seen: Calls = []

    def look(attempt: str, epoch: int) -> None:
        seen.append((attempt, epoch))
        if assess is not None:
            assess(attempt, epoch)

    jobs.work(url=lambda: url, assess=look, burst=True)
    return seen


def plant(server: redis.Redis, name: str, **fields: object) -> None:
    """Put a job on the queue as whoever can write to the server would: an honest one but for these fields."""
    attempt, _, epoch = name.rpartition("_")
    body = [payload.FUNCTION, None, [attempt, int(epoch) if epoch.isdecimal() else 1], {}]
    job: dict[str, object] = {
        "created_at": "2026-01-01T00:00:00.000000Z",
        "data": zlib.compress(json.dumps(body).encode()),
        "origin": jobs.QUEUE,
        "status": "queued",
        "timeout": -1,
    }
    server.hset(f"rq:job:{name}", mapping=job | fields)
    server.rpush(f"rq:queue:{jobs.QUEUE}", name)


def data(*body: object) -> bytes:
    return zlib.compress(json.dumps(list(body)).encode())


def test_rung_attempts_are_looked_at_in_order(served: str, bell: jobs.Ring) -> None:
    bell.ring("b", 1)
    bell.ring("a", 3)
    assert bell.pending() == {("b", 1), ("a", 3)}
    assert bell.pending(1) == {("b", 1)}
    assert drain(served) == [("b", 1), ("a", 3)]
    assert bell.pending() == set()


def test_second_ring_of_a_waiting_epoch_adds_nothing(served: str, bell: jobs.Ring) -> None:
    bell.ring("a", 1)
    bell.ring("a", 1)
    bell.ring("a", 2)
    assert bell.pending() == {("a", 1), ("a", 2)}
    assert drain(served) == [("a", 1), ("a", 2)], "the job that both name is gone with the first"


def test_ring_after_a_finished_or_failed_look_is_heard(served: str, bell: jobs.Ring) -> None:
    def broken(_attempt: str, _epoch: int) -> None:
        raise RuntimeError("broken on purpose")

    bell.ring("a", 1)
    assert drain(served) == [("a", 1)]
    bell.ring("a", 1)
    assert drain(served, broken) == [("a", 1)]
    bell.ring("a", 1)
    assert drain(served) == [("a", 1)]


def test_planted_honest_job_is_run_so_that_refusals_below_mean_something(
    served: str, server: redis.Redis
) -> None:
    plant(server, "a_1")
    assert drain(served) == [("a", 1)]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        pytest.param({"data": ATTACK}, "expected compressed JSON", id="pickle"),
        pytest.param({"data": zlib.compress(ATTACK)}, "expected compressed JSON", id="packed pickle"),
        pytest.param(
            {"data": zlib.compress(pickle.dumps(("os.system", None, ("true",), {})))},
            "expected compressed JSON",
            id="RQ's own pickle",
        ),
        pytest.param(
            {"data": data("os.system", None, ["touch PWNED"], {})}, "os.system", id="other function"
        ),
        pytest.param({"data": data("assessor.jobs.work", None, ["a", 1], {})}, "work", id="our function"),
        pytest.param({"data": data(payload.FUNCTION, {"x": 1}, ["a", 1], {})}, "expected", id="instance"),
        pytest.param({"data": data(payload.FUNCTION, None, ["a", 1], {"k": 1})}, "expected", id="keyword"),
        pytest.param(
            {"data": data(payload.FUNCTION, None, ["a", 1, 2], {})}, "expected", id="more arguments"
        ),
        pytest.param({"data": data(payload.FUNCTION, None, ["b", 1], {})}, "expected", id="other attempt"),
        pytest.param({"data": data(payload.FUNCTION, None, ["a", True], {})}, "expected", id="epoch true"),
        pytest.param({"data": data(payload.FUNCTION, None, ["a", 1.0], {})}, "expected", id="epoch float"),
        pytest.param({"data": data(payload.FUNCTION, None, ["a", 1], {}, 0)}, "expected", id="longer call"),
        pytest.param({"data": zlib.compress(b"[" * 900)}, "expected compressed JSON", id="deep"),
        pytest.param({"data": zlib.compress(b" " * 10**7)}, "at most 1024 bytes", id="bomb"),
        pytest.param({"data": b""}, "data:", id="empty"),
        pytest.param({"failure_callback_name": "os.abort"}, "failure_callback_name", id="failure callback"),
        pytest.param({"success_callback_name": "os.abort"}, "success_callback_name", id="success callback"),
        pytest.param({"webhooks": '[{"url": "http://x"}]'}, "webhooks", id="webhook"),
        pytest.param({"retries_left": 3}, "retries_left", id="retries"),
        pytest.param({"repeats_left": 3, "repeat_intervals": "[1]"}, "repeat", id="repeats"),
        pytest.param({"rate_limit_key": "k", "rate_limit_concurrency": 1}, "rate_limit", id="rate limit"),
        pytest.param({"dependency_ids": '["b_1"]'}, "dependency_ids", id="dependency"),
        pytest.param({"meta": '{"x": 1}'}, "meta", id="meta"),
        pytest.param({"extra": "1"}, "extra", id="unknown field"),
        pytest.param({"status": "unheard of"}, "unheard of", id="status"),
        pytest.param({"result_ttl": "much"}, "much", id="number that is none"),
        pytest.param({"worker_name": b"\xff"}, "utf-8", id="text that is none"),
    ],
)
def test_job_that_is_not_ours_is_refused_logged_and_never_run(
    served: str,
    server: redis.Redis,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fields: dict[str, object],
    problem: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    plant(server, "a_1", **fields)
    plant(server, "next_1")
    with structlog.testing.capture_logs() as lines:
        assert drain(served) == [("next", 1)]
    refused = [line for line in lines if line["event"] == "job refused"]
    assert [line["job"] for line in refused] == ["a_1"]
    assert problem in refused[0]["problem"]
    assert list(tmp_path.iterdir()) == []
    assert not server.exists("rq:job:a_1")


@pytest.mark.parametrize("name", ["plain", "a_0", "a_x", "a b_1", "_1", "a_-1", "a_1_1", "../a_1", "a_٣"])
def test_job_with_an_id_that_is_not_ours_is_refused(
    served: str, server: redis.Redis, bell: jobs.Ring, name: str
) -> None:
    plant(server, name)
    plant(server, "next_1")
    assert bell.pending() == {("next", 1)}
    assert drain(served) == [("next", 1)]


def test_job_that_is_no_hash_and_id_that_is_no_text_stop_nothing(
    served: str, server: redis.Redis, bell: jobs.Ring
) -> None:
    server.set("rq:job:a_1", "a string")
    server.rpush(f"rq:queue:{jobs.QUEUE}", "a_1", b"\xff\xfe", "gone_1")
    bell.ring("next", 1)
    assert ("next", 1) in bell.pending()
    seen: Calls = []
    deadline = time.monotonic() + 10
    while not seen and time.monotonic() < deadline:  # the id that is no text costs a connection
        seen = drain(served)
    assert seen == [("next", 1)]


def test_error_of_a_look_is_kept_for_an_operator_and_the_next_job_runs(
    served: str, server: redis.Redis, bell: jobs.Ring
) -> None:
    def broken(attempt: str, _epoch: int) -> None:
        if attempt == "a":
            raise RuntimeError("broken on purpose")

    bell.ring("a", 1)
    bell.ring("b", 1)
    assert drain(served, broken) == [("a", 1), ("b", 1)]
    failed = FailedJobRegistry(jobs.QUEUE, connection=server)
    assert failed.get_job_ids() == ["a_1"]
    assert 7 * 24 * 3600 - 60 < server.ttl("rq:job:a_1") <= 7 * 24 * 3600
    assert not server.exists("rq:job:b_1"), "of what went well nothing is kept"


def test_look_that_takes_its_own_way_out_ends_nothing(served: str, bell: jobs.Ring) -> None:
    def leaves(attempt: str, _epoch: int) -> None:
        if attempt == "a":
            raise SystemExit(3)

    bell.ring("a", 1)
    bell.ring("b", 1)
    assert drain(served, leaves) == [("a", 1), ("b", 1)]


def test_worker_without_a_function_refuses_to_call(bell: jobs.Ring, server: redis.Redis) -> None:
    bell.ring("a", 1)
    job = payload.Job.fetch("a_1", connection=server, serializer=rq.serializers.JSONSerializer)
    assert job.get_status() is JobStatus.QUEUED
    with pytest.raises(
        rq.exceptions.InvalidJobOperation, match=r"expected assessor\.jobs\.assess in a worker"
    ):
        job.perform()


def test_rq_s_own_worker_finds_nothing_to_import(bell: jobs.Ring, server: redis.Redis) -> None:
    bell.ring("a", 1)
    queue = rq.Queue(jobs.QUEUE, connection=server, serializer=rq.serializers.JSONSerializer)
    worker = rq.SimpleWorker([queue], connection=server, serializer=rq.serializers.JSONSerializer)
    worker.log.disabled = True
    try:
        worker.work(burst=True)
    finally:
        worker.log.disabled = False
    assert FailedJobRegistry(queue=queue).get_job_ids() == ["a_1"]


def test_commands_that_lie_on_the_server_stop_no_worker(
    served: str, server: redis.Redis, bell: jobs.Ring
) -> None:
    def told(_attempt: str, _epoch: int) -> None:
        assert server.pubsub_channels("*") == []

    rq.suspension.suspend(server)
    bell.ring("a", 1)
    assert drain(served, told) == [("a", 1)]
    assert FailedJobRegistry(jobs.QUEUE, connection=server).get_job_ids() == []


def test_server_that_is_away_is_a_fault_that_names_the_action(tmp_path: Path) -> None:
    ring = jobs.Ring(f"unix://{tmp_path}/none.sock")
    with pytest.raises(QueueFault, match=r"^queue server: expected to ring, got ConnectionError: "):
        ring.ring("a", 1)
    with pytest.raises(QueueFault, match=r"^queue server: expected to list, got"):
        ring.pending()
    ring.close()


def test_server_that_hangs_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "ANSWER_S", 0.1)
    ring = jobs.Ring(queueserver.ensure(tmp_path))
    number = int((tmp_path / "queue" / "server.pid").read_text())
    os.kill(number, signal.SIGSTOP)
    try:
        with pytest.raises(QueueFault, match="expected to ring, got TimeoutError"):
            ring.ring("a", 1)
    finally:
        os.kill(number, signal.SIGCONT)
        ring.close()
        queueserver.stop(tmp_path)


WORKER = """
import os, pathlib, sys, time
from assessor import jobs, queueserver
home = pathlib.Path(sys.argv[1])
out = open(sys.argv[2], "a", buffering=1)
parent = int(sys.argv[3]) or None
def assess(attempt, epoch):
    print("start", attempt, file=out)
    try:
        if attempt.startswith("slow"):
            end = time.monotonic() + 30
            while time.monotonic() < end and not (home / "go").exists():
                time.sleep(0.01)
        if attempt == "hang":
            time.sleep(600)
        print("end", attempt, file=out)
    except SystemExit:
        print("ended", attempt, file=out)
        raise
print("up", file=out)
jobs.work(url=lambda: queueserver.ensure(home), assess=assess, parent=parent,
          beat=lambda doing: print("beat", doing, file=out), beat_s=0.05, deadline_s=int(sys.argv[4]),
          gate=lambda: "shut" if int(sys.argv[5]) else None)
print("out", file=out)
"""


class Process:
    """A worker in a process of its own, and the lines it wrote."""

    def __init__(self, home: Path, *, parent: int = 0, deadline_s: int = 600, shut: int = 0) -> None:
        self.home = home
        self.lines = home / f"lines-{time.monotonic_ns()}"
        self.lines.touch()
        told = [str(home), str(self.lines), str(parent), str(deadline_s), str(shut)]
        command = [sys.executable, "-c", WORKER, *told]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE)

    def saw(self, line: str) -> bool:
        return line in self.lines.read_text().splitlines()

    def until(self, line: str) -> None:
        deadline = time.monotonic() + 20
        while not self.saw(line):
            assert time.monotonic() < deadline, f"no {line!r} in {self.lines.read_text()!r}"
            time.sleep(0.01)

    def end(self) -> tuple[int, str]:
        _, errors = self.process.communicate(timeout=20)
        return self.process.returncode, errors.decode()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    queueserver.stop(tmp_path)


@pytest.fixture
def start(home: Path) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def begin(**options: int) -> Process:
        started.append(Process(home, **options))
        return started[-1]

    yield begin
    for one in started:
        one.process.kill()
        one.process.communicate()


def ring(home: Path, attempt: str) -> None:
    bell = jobs.Ring(queueserver.ensure(home))
    bell.ring(attempt, 1)
    bell.close()


def test_idle_worker_told_to_stop_ends(start: Callable[..., Process]) -> None:
    worker = start()
    worker.until("beat idle")
    worker.process.send_signal(signal.SIGTERM)
    assert worker.end()[0] == 0
    assert worker.saw("out")


def test_busy_worker_told_to_stop_ends_after_its_job(home: Path, start: Callable[..., Process]) -> None:
    worker = start()
    ring(home, "slow")
    ring(home, "next")
    worker.until("beat slow")
    worker.process.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    assert worker.process.poll() is None
    (home / "go").touch()
    assert worker.end()[0] == 0
    assert worker.saw("end slow")
    assert not worker.saw("start next")
    bell = jobs.Ring(queueserver.ensure(home))
    assert bell.pending() == {("next", 1)}
    bell.close()


def test_busy_worker_told_twice_ends_its_job_by_way_of_its_clean_up(
    home: Path, start: Callable[..., Process]
) -> None:
    worker = start()
    ring(home, "slow")
    worker.until("start slow")
    worker.process.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    worker.process.send_signal(signal.SIGTERM)
    worker.end()
    assert worker.saw("ended slow")
    assert not worker.saw("end slow")


def test_worker_without_a_supervisor_ends_after_its_job(home: Path, start: Callable[..., Process]) -> None:
    supervisor = subprocess.Popen(["sleep", "0"])
    supervisor.wait()
    worker = start(parent=supervisor.pid)
    assert worker.end()[0] == 0
    assert worker.saw("out")


def test_hanging_job_ends_its_process_with_every_stack_told(
    home: Path, start: Callable[..., Process]
) -> None:
    worker = start(deadline_s=1)
    ring(home, "hang")
    code, errors = worker.end()
    assert code == 1
    assert "Timeout" in errors
    assert "in assess" in errors


def test_worker_lives_through_the_death_of_its_server(home: Path, start: Callable[..., Process]) -> None:
    worker = start()
    for number in range(3):
        ring(home, f"before{number}")
        worker.until(f"end before{number}")
        os.kill(int((home / "queue" / "server.pid").read_text()), signal.SIGKILL)
        ring(home, f"a{number}")
        worker.until(f"end a{number}")
    assert worker.process.poll() is None
    worker.process.send_signal(signal.SIGTERM)
    code, errors = worker.end()
    assert code == 0
    assert "Traceback" not in errors
    assert "unhandled" not in errors


def test_job_lives_through_the_death_of_its_server(home: Path, start: Callable[..., Process]) -> None:
    worker = start()
    ring(home, "slow")
    worker.until("start slow")
    os.kill(int((home / "queue" / "server.pid").read_text()), signal.SIGKILL)
    (home / "go").touch()
    worker.until("end slow")
    ring(home, "next")
    worker.until("end next")
    assert worker.process.poll() is None


def test_beat_tells_what_the_worker_does(home: Path, start: Callable[..., Process]) -> None:
    worker = start()
    worker.until("beat idle")
    ring(home, "slow")
    worker.until("beat slow")
    (home / "go").touch()
    worker.until("end slow")
    seen = worker.lines.read_text().splitlines()
    deadline = time.monotonic() + 10
    while seen[-1] != "beat idle":
        assert time.monotonic() < deadline
        seen = worker.lines.read_text().splitlines()


def test_no_thread_and_no_handler_is_left_by_a_worker(served: str, bell: jobs.Ring) -> None:
    before = signal.getsignal(signal.SIGTERM), threading.active_count()
    bell.ring("a", 1)
    drain(served)
    assert (signal.getsignal(signal.SIGTERM), threading.active_count()) == before


def test_worker_takes_nothing_while_its_gate_says_why_and_its_beat_tells(
    served: str, bell: jobs.Ring
) -> None:
    told: list[str] = []
    waiting = f"{jobs.WAITING}the disk is full"

    def gate() -> str | None:
        return None if waiting in told else "the disk is full"

    bell.ring("a", 1)
    bell.ring("b", 1)
    seen: list[str] = []
    jobs.work(
        url=lambda: served,
        assess=lambda attempt, _epoch: seen.append(f"{attempt}: {waiting in told}"),
        beat=told.append,
        beat_s=0.01,
        gate=gate,
        gate_s=0.01,
        burst=True,
    )
    assert seen == ["a: True", "b: True"]


def test_worker_whose_gate_is_shut_hears_a_stop(home: Path, start: Callable[..., Process]) -> None:
    worker = start(shut=1)
    ring(home, "a")
    worker.until("beat waiting: shut")
    worker.process.send_signal(signal.SIGTERM)
    assert worker.end()[0] == 0
    assert not worker.saw("start a")
