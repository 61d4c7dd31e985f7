"""The supervisor: what dies is started again, a stop is passed on and waited for, a second one is hard."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from assessor import supervisor

#: Says when it is up and when it ends in order; holds on until the file `go` is there.
CHILD = """
import pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[1])
stopped = []
signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
(folder / "up").touch()
while not (stopped and (folder / "go").exists()):
    time.sleep(0.01)
(folder / "ended").touch()
"""
SUPERVISOR = """
import sys
from assessor import supervisor
supervisor.run([supervisor.Child(name=str(n), command=sys.argv[1:]) for n in range(2)])
"""


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "not within 20 s"
        time.sleep(0.01)


def in_thread(action: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=action)
    thread.start()
    return thread


def test_dead_child_is_started_again_and_the_other_left_alone() -> None:
    stop = threading.Event()
    started: list[tuple[str, int]] = []

    def seen(name: str, pid: int) -> None:
        started.append((name, pid))
        if [one for one, _ in started].count("mortal") == 2:
            stop.set()
        elif name == "mortal":
            os.kill(pid, signal.SIGKILL)

    supervisor.run(
        [
            supervisor.Child(name="mortal", command=["sleep", "60"]),
            supervisor.Child(name="other", command=["sleep", "60"]),
        ],
        stop=stop,
        on_start=seen,
    )
    assert [name for name, _ in started] == ["mortal", "other", "mortal"]
    assert not any(psutil.pid_exists(pid) for _, pid in started)


def test_child_that_dies_young_each_time_is_waited_for_longer_and_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = supervisor._Kept(supervisor.Child(name="short", command=["false"]))
    waits = []
    now = [100.0]
    monkeypatch.setattr(supervisor.time, "monotonic", lambda: now[0])
    for _ in range(8):
        one.due = now[0]
        assert one.tend()
        assert one.process is not None
        one.process.wait()
        assert not one.tend()
        waits.append(one.due - now[0])
    assert waits == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0, 5.0]
    one.due = now[0]
    assert one.tend()
    assert one.process is not None
    one.process.wait()
    now[0] += supervisor.YOUNG_S
    assert not one.tend()
    assert one.due - now[0] == supervisor.LEAST_WAIT_S


def test_program_that_is_not_there_is_tried_again_and_stops_nothing(tmp_path: Path) -> None:
    stop = threading.Event()
    program = tmp_path / "late"

    def appear() -> None:
        program.write_text("#!/bin/sh\nexec sleep 60\n")
        program.chmod(0o755)

    thread = threading.Timer(0.1, appear)
    thread.start()
    supervisor.run(
        [supervisor.Child(name="late", command=[str(program)])],
        stop=stop,
        on_start=lambda _name, _pid: stop.set(),
    )
    thread.join()


def test_environment_of_a_child_is_its_own_where_one_is_given(tmp_path: Path) -> None:
    stop = threading.Event()
    out = tmp_path / "out"
    child = supervisor.Child(
        name="env",
        command=["sh", "-c", f'printf "$WORD" > {out}.new; mv {out}.new {out}; sleep 60'],
        environ={"WORD": "mine", "PATH": os.environ["PATH"]},
    )
    watcher = in_thread(lambda: (until(out.exists), stop.set())[1])
    supervisor.run([child], stop=stop)
    watcher.join()
    assert out.read_text() == "mine"


def test_stop_is_passed_on_and_the_child_s_work_waited_for(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", SUPERVISOR, sys.executable, "-c", CHILD, str(tmp_path)])
    try:
        until((tmp_path / "up").exists)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        assert process.poll() is None
        (tmp_path / "go").touch()
        assert process.wait(20) == 0
        assert (tmp_path / "ended").exists()
    finally:
        process.kill()
        process.wait()


def test_second_stop_kills(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", SUPERVISOR, sys.executable, "-c", CHILD, str(tmp_path)])
    try:
        until(lambda: len(psutil.Process(process.pid).children()) == 2)
        until((tmp_path / "up").exists)
        children = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert not any(child.is_running() for child in children)
        assert not (tmp_path / "ended").exists()
    finally:
        process.kill()
        process.wait()


def test_stop_that_takes_too_long_kills_where_a_time_was_given() -> None:
    stop = threading.Event()
    ignoring = [
        sys.executable,
        "-c",
        "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)",
    ]
    pids = []

    def seen(_name: str, pid: int) -> None:
        pids.append(pid)
        until(lambda: signal.SIGTERM in _ignored(pid))
        stop.set()

    supervisor.run([supervisor.Child(name="deaf", command=ignoring)], stop=stop, on_start=seen, grace_s=0.1)
    assert not psutil.pid_exists(pids[0])


def _ignored(pid: int) -> set[int]:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("SigIgn:"):
            mask = int(line.split()[1], 16)
            return {number for number in range(1, 65) if mask >> (number - 1) & 1}
    return set()
