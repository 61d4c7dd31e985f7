"""A second engine, with a root folder, a socket and namespaces of its own: nothing of it meets the machine's.

For tests that kill an engine, or want one with other settings.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from assessor.sandbox import base, engine, images

ROOT = Path(__file__).parents[1]

UP_S = 90


class SecondEngine:
    """An engine that may be killed.

    Args:
        home: a folder with a short path: sockets below it have to fit into 107 bytes.
        options: more options of its command line.
    """

    def __init__(self, home: Path, options: Sequence[str] = ()) -> None:
        self.home = home
        self._options = options
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
                    *self._options,
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


@contextmanager
def second_engine(*names: str, options: Sequence[str] = ()) -> Iterator[SecondEngine]:
    """A second engine that has the images of these sandboxes, `python` if none is named, and the grader's."""
    tags = [base.TAG]
    with contextlib.closing(engine.connect()) as first:
        known = images.Images(first, sandboxes=ROOT / "sandboxes", cache=images.cache_folder())
        tags += [known.get(name).tag for name in (*(names or ("python",)), "grader")]
    home = Path(tempfile.mkdtemp(prefix="e2-", dir="/tmp"))
    made = SecondEngine(home, options)
    try:
        made.start()
        with subprocess.Popen(["docker", "save", *tags], stdout=subprocess.PIPE) as save:
            subprocess.run(
                ["docker", "-H", made.url, "load", "--quiet"],
                stdin=save.stdout,
                check=True,
                capture_output=True,
            )
        yield made
    finally:
        made.close()
        _clear(home)
