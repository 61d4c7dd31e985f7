"""The engine itself is killed in the middle of a run: a second engine, which the test starts for itself.

It has a root folder, a socket and namespaces of its own, so that nothing of it meets the machine's own.
"""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from assessor.errors import SandboxFault
from assessor.limits import Limits
from assessor.sandbox import base, engine, images, protocol
from assessor.sandbox.docker import Docker
from assessor.sandbox.protocol import End, Event, Finished, Order

pytestmark = [pytest.mark.docker, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
UP_S = 90


class SecondEngine:
    """An engine that may be killed.

    Args:
        home: a folder with a short path: sockets below it have to fit into 107 bytes.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.url = f"unix://{home}/d.sock"
        # Holds the namespaces while no engine runs: mounts that one has made are there for the next.
        self._holder = subprocess.Popen(["unshare", "-m", "-n", "sleep", "infinity"])
        # Entered too early, they would still be the machine's, whose network this engine must not meet.
        deadline = time.monotonic() + UP_S
        while any(self._shares(kind) for kind in ("mnt", "net")):
            assert time.monotonic() < deadline, "the namespaces were not made"
            time.sleep(0.01)
        self._daemon: subprocess.Popen[bytes] | None = None

    def _shares(self, kind: str) -> bool:
        return os.readlink(f"/proc/{self._holder.pid}/ns/{kind}") == os.readlink(f"/proc/self/ns/{kind}")

    def start(self) -> None:
        pid = str(self._holder.pid)
        with (self.home / "log").open("ab") as log:
            self._daemon = subprocess.Popen(
                [
                    *("nsenter", "-t", pid, "-m", "-n", "dockerd", "--host", self.url),
                    *("--data-root", f"{self.home}/data", "--exec-root", f"{self.home}/exec"),
                    *("--pidfile", f"{self.home}/pid", "--bridge", "none", "--iptables=false"),
                ],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + UP_S
        while True:
            if self._listens():
                return
            assert self._daemon.poll() is None, (self.home / "log").read_text()[-2000:]
            assert time.monotonic() < deadline, (self.home / "log").read_text()[-2000:]
            time.sleep(0.2)

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            probe.connect(f"{self.home}/d.sock")
            probe.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b" 200 " in probe.recv(64)
        return False

    def kill(self) -> None:
        assert self._daemon is not None
        self._daemon.send_signal(signal.SIGKILL)
        self._daemon.wait()
        (self.home / "d.sock").unlink()
        # containerd goes with its engine, but as long as nobody has reaped it, the next engine takes the pid
        # in its file for a living one; script/setup clears that away too.
        (self.home / "exec" / "containerd" / "containerd.pid").unlink()

    def close(self) -> None:
        if self._daemon is not None and self._daemon.poll() is None:
            self._daemon.terminate()
            self._daemon.wait(60)
        # Where the test failed half-way: shims, by their command lines, and what runs in their containers.
        shims = [pid for pid in _processes() if str(self.home).encode() in _text(pid, "cmdline")]
        inside = [pid for pid in _processes() if _parent(pid) in shims]
        for pid in (*inside, *shims):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._holder.kill()
        self._holder.wait()


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _text(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""  # gone meanwhile


def _parent(pid: int) -> int:
    fields = _text(pid, "stat").rpartition(b")")[2].split()
    return int(fields[1]) if len(fields) > 1 else 0


def _clear(folder: Path) -> None:
    # The kernel takes its time with the mounts of a namespace whose last process has gone.
    deadline = time.monotonic() + UP_S
    while folder.exists():
        try:
            shutil.rmtree(folder)
        except OSError:
            assert time.monotonic() < deadline, f"{folder} cannot be removed"
            time.sleep(0.1)


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch) -> Iterator[SecondEngine]:
    tags = [base.TAG]
    first = engine.connect()
    for name in ("python", "grader"):
        known = images.Images(first, sandboxes=ROOT / "sandboxes", cache=images.cache_folder())
        tags.append(known.get(name).tag)
    first.close()
    home = Path(tempfile.mkdtemp(prefix="e2-", dir="/tmp"))
    made = SecondEngine(home)
    try:
        made.start()
        with subprocess.Popen(["docker", "save", *tags], stdout=subprocess.PIPE) as save:
            subprocess.run(
                ["docker", "-H", made.url, "load", "--quiet"],
                stdin=save.stdout,
                check=True,
                capture_output=True,
            )
        monkeypatch.setenv("DOCKER_HOST", made.url)
        yield made
    finally:
        made.close()
        _clear(home)


def order(solution: str) -> Order:
    return Order(
        attempt=uuid.uuid4().hex,
        epoch=1,
        profile="python",
        limits=Limits(wall_s=30, call_s=20),
        bundle={"solution.py": solution.encode()},
        tests={
            "test_solution.py": b"import solution\n\n\ndef test_a():\n    assert solution.f(0) == 0\n\n\n"
            b"def test_b():\n    assert solution.f(5) == 5\n"
        },
        modules=("solution",),
        seed=1,
    )


# The client library leaves its socket to the collector where nobody listens; collected at a known time.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_engine_killed_in_a_run_is_a_fault_of_ours_and_the_same_sandbox_goes_on_after_its_restart(
    second: SecondEngine,
) -> None:
    sandbox = Docker(root=ROOT, owner="second")
    events: list[Event] = []

    def kill(event: Event) -> None:
        events.append(event)
        if isinstance(event, Finished):
            second.kill()

    what = order("import time\n\n\ndef f(x):\n    time.sleep(x)\n    return x\n")
    with pytest.raises(SandboxFault, match="engine"):
        sandbox.run(what, on_event=kill)
    assert any(isinstance(event, Finished) and event.passed for event in events), "what came before is kept"

    second.start()
    events.clear()
    outcome = sandbox.run(order("def f(x):\n    return x\n"), on_event=events.append)
    assert outcome.end is End.COMPLETE
    assert [event.passed for event in events if isinstance(event, Finished)] == [True, True]
    sandbox.close()
    # What could not be removed while the engine was away is left for the sweep.
    sweeper = Docker(root=ROOT, owner="second")
    sweeper.sweep(alive=lambda holder: False)
    sweeper.close()
    mine = {"label": f"{protocol.LABEL_OWNER}=second"}
    client = docker.APIClient(base_url=second.url, version="auto")
    assert client.containers(all=True, filters=mine) == []
    assert not client.volumes(filters=mine)["Volumes"]
    client.close()
    gc.collect()
