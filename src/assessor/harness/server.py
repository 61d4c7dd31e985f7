"""A learner's server, running: on which port, until when, and what it prints.

Comes in: a command. Goes out: whether it listens, its log, its exit status. Runs in an agent's process,
on the learner's side; the standard library only.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence

from . import processes

_CHUNK = 64 * 1024
_POLL_S = 0.002
#: How long the last output of a service that ended is waited for, seconds.
_LAST_WORDS_S = 0.2


class Server:
    """A server of the learner's, running; what it prints is read as it comes, so that it never waits.

    Args:
        command: program and arguments.
        cwd: the folder that it starts in.
        env: its whole environment, the port included.
        port: where it is to listen, on loopback.
        output_bytes: how much it may print; it is killed when it prints more.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(
        self, command: Sequence[str], *, cwd: str, env: Mapping[str, str], port: int, output_bytes: int
    ) -> None:
        self.port = port
        self.flooded = False
        self._output_bytes = output_bytes
        self._log = bytearray()
        self._process = processes.start(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def wait_ready(self, within_s: float) -> bool:
        """Whether it listens, as soon as it does; False when it ended or the time is up."""
        deadline = time.monotonic() + within_s
        while not listens(self.port):
            if self.status() is not None or time.monotonic() > deadline:
                return False
            time.sleep(_POLL_S)
        return True

    def wait(self, within_s: float) -> None:
        """Wait for its end, but not for ever."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(within_s)

    def log(self) -> bytes:
        """What it printed so far, both streams, `output_bytes` at most."""
        if self.status() is not None:
            # It ended: its last words are in the pipe, unless something in the background holds that.
            self._reader.join(timeout=_LAST_WORDS_S)
        return bytes(self._log)

    def status(self) -> int | None:
        """Its exit status (minus the signal that ended it), or None while it runs."""
        return self._process.poll()

    def reaped(self, status: int) -> None:
        """Take note of the wait status that somebody else was given for it."""
        self._process.returncode = os.waitstatus_to_exitcode(status)

    def _drain(self) -> None:
        assert self._process.stdout is not None
        while data := os.read(self._process.stdout.fileno(), _CHUNK):
            room = self._output_bytes - len(self._log)
            self._log += data[:room]
            if len(data) > room:
                self.flooded = True
                self._process.kill()
                return


def listens(port: int) -> bool:
    """Whether a TCP socket listens on the port, without connecting: a server may count its guests.

    Source: proc_pid_net(5): `sl local_address rem_address st ...`, state 0A is TCP_LISTEN.
    """
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(FileNotFoundError), open(path) as table:
            for line in table:
                columns = line.split()
                if columns[3] == "0A" and int(columns[1].rpartition(":")[2], 16) == port:
                    return True
    return False


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
