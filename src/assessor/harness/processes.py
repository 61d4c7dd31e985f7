"""A program of the learner's, run to its end with everything that it started.

Comes in: a command, a folder, an environment, bounds. Goes out: what it printed and how it ended. Runs on
the learner's side, in a process that has called `adopt`, with the standard library only.

How nothing survives a run: the process is a subreaper, so that whatever daemonises comes back to it as a
child; it then stops all its descendants until no new one appears (a stopped process forks no more and
keeps its place in the count of processes), and kills them when they are all still.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import resource
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from . import cgroup

# Source: prctl(2).
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36

_CHUNK = 64 * 1024
_CGROUP = Path("/sys/fs/cgroup")
#: How long killing all descendants may take, seconds, before the process gives up.
KILL_S = 3.0
#: How often an end is looked for where the kernel has no pidfd, seconds.
_TICK_S = 0.01

_LIBC = ctypes.CDLL(None, use_errno=True)


class Unkillable(Exception):
    """Descendants were still there after `KILL_S`."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A limit that a run hit.

    Attributes:
        reason: as in the sandbox's protocol: timeout, output, memory, processes, disk.
        text: what was expected and what came.
    """

    reason: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Result:
    """A run that is over.

    Attributes:
        status: the exit status, or minus the signal that ended it; as a shell says, 127 where the program
            was not found and 126 where it could not be started.
        stdout: bytes of standard output.
        stderr: bytes of standard error.
        limit: the limit that it hit, or None.
    """

    status: int
    stdout: bytes
    stderr: bytes
    limit: Limit | None


class Spared(Protocol):
    """A child that a run leaves alone."""

    @property
    def pid(self) -> int: ...

    def reaped(self, status: int) -> None:
        """Take note of the wait status that the run was given for it."""
        ...


def adopt(*, file_bytes: int) -> None:
    """Make this process fit to run programs of the learner's.

    It becomes the parent of their orphans, closes itself to their `ptrace` and `/proc` (they have its user
    id), and lets no file grow beyond `file_bytes` and no core be written. A kernel that knows no other parent
    of orphans than process 1 (gVisor's) leaves them to that, which kills them at the end of this process.

    Raises:
        OSError: the kernel refuses.
    """
    for option, value in ((_PR_SET_CHILD_SUBREAPER, 1), (_PR_SET_DUMPABLE, 0)):
        tolerated = errno.EINVAL if option == _PR_SET_CHILD_SUBREAPER else None
        if _LIBC.prctl(option, value, 0, 0, 0) != 0 and ctypes.get_errno() != tolerated:
            raise OSError(ctypes.get_errno(), f"prctl({option}, {value})")
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    bound = file_bytes if most == resource.RLIM_INFINITY else min(file_bytes, most)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bound, bound))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def environment(*, home: str, extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of a program: nothing of ours but the path, nothing that differs between runs."""
    own = os.path.dirname(sys.executable)
    path = os.environ.get("PATH", os.defpath)
    return {
        "PATH": path if own in path.split(":") else f"{own}:{path}",
        "HOME": home,
        "TMPDIR": home,
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": os.environ.get("PYTHONHASHSEED", "0"),
        "PYTHONDONTWRITEBYTECODE": "1",
        **extra,
    }


def start(
    command: Sequence[str], *, cwd: str, env: Mapping[str, str], stdin: int, stdout: int, stderr: int
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, with these streams and no other descriptor.

    Raises:
        OSError: it cannot be started.
    """
    return subprocess.Popen(
        list(command),
        cwd=cwd,
        env=dict(env),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        close_fds=True,
        bufsize=0,
    )


def run(
    command: Sequence[str],
    *,
    cwd: str,
    env: Mapping[str, str],
    stdin: bytes,
    timeout_s: float,
    output_bytes: int,
    spare: Spared | None = None,
) -> Result:
    """Run a program until it ends or hits a limit, then end all that it started.

    A program is over when its first process is: what it left in the background is killed, and what that
    would have printed is not waited for.

    Args:
        command: program and arguments.
        cwd: the folder that it starts in.
        env: its whole environment.
        stdin: what it can read; it need not.
        timeout_s: how long it may take.
        output_bytes: how much it may print, both streams together.
        spare: a child of this process that is to stay, with all that it started.

    Raises:
        Unkillable: something that it started could not be ended.
    """
    oom_kills, refused_forks = cgroup.counters(_CGROUP)
    try:
        process = start(
            command, cwd=cwd, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    except BlockingIOError:
        none = Limit(reason="processes", text="expected room for one more process, got none")
        return Result(status=126, stdout=b"", stderr=b"", limit=none)
    except OSError as error:
        status = 127 if isinstance(error, FileNotFoundError) else 126
        text = f"{command[0]}: {error.strerror}\n"
        return Result(status=status, stdout=b"", stderr=text.encode(errors="replace"), limit=None)
    watch = _Watch(process, stdin=stdin, output_bytes=output_bytes)
    try:
        limit = watch.until(time.monotonic() + timeout_s, timeout_s)
        statuses = end_descendants(spare=None if spare is None else spare.pid)
        if spare is not None and spare.pid in statuses:
            spare.reaped(statuses[spare.pid])
        limit = limit or watch.drain()
    finally:
        watch.close()
    # Popen must not wait for a child that was reaped above.
    process.returncode = os.waitstatus_to_exitcode(statuses.get(process.pid, 0))
    oom_kills_after, refused_forks_after = cgroup.counters(_CGROUP)
    if oom_kills_after > oom_kills:
        limit = Limit(reason="memory", text="expected to stay within the memory limit, got more")
    elif refused_forks_after > refused_forks:
        limit = Limit(reason="processes", text="expected to stay within the limit of processes, got more")
    return Result(
        status=process.returncode,
        stdout=bytes(watch.printed["stdout"]),
        stderr=bytes(watch.printed["stderr"]),
        limit=limit,
    )


class _Watch:
    """Feeds a program and gathers what it prints, never waiting for one stream alone."""

    def __init__(self, process: subprocess.Popen[bytes], *, stdin: bytes, output_bytes: int) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self.printed = {"stdout": bytearray(), "stderr": bytearray()}
        self._pid = process.pid
        self._output_bytes = output_bytes
        self._left = memoryview(stdin)
        self._streams = {"stdin": process.stdin, "stdout": process.stdout, "stderr": process.stderr}
        self._selector = selectors.DefaultSelector()
        try:
            self._end: int | None = os.pidfd_open(process.pid)
            self._selector.register(self._end, selectors.EVENT_READ, "end")
        except OSError:  # a kernel (or gVisor) without it: look every tick
            self._end = None
        for name, stream in self._streams.items():
            os.set_blocking(stream.fileno(), False)
            event = selectors.EVENT_WRITE if name == "stdin" else selectors.EVENT_READ
            self._selector.register(stream, event, name)
        if not stdin:
            self._shut("stdin")

    def until(self, deadline: float, timeout_s: float) -> Limit | None:
        """Work until the first process ended, or a limit was hit."""
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return Limit(reason="timeout", text=f"expected an end within {timeout_s:g} s, got none")
            ready = self._selector.select(left if self._end is not None else min(left, _TICK_S))
            for key, _ in ready:
                if key.data == "stdin":
                    self._feed()
                elif key.data != "end" and (limit := self._read(key.data)):
                    return limit
            if self._ended():
                return None

    def drain(self) -> Limit | None:
        """Take what is still in the pipes, now that nobody writes any more."""
        for name in ("stdout", "stderr"):
            while not self._streams[name].closed:
                had = len(self.printed[name])
                if limit := self._read(name):
                    return limit
                if len(self.printed[name]) == had:
                    break
        return None

    def close(self) -> None:
        for name in self._streams:
            self._shut(name)
        self._selector.close()
        if self._end is not None:
            os.close(self._end)

    def _ended(self) -> bool:
        # WNOWAIT leaves the zombie, and with it the process id, until everything is reaped at once.
        return os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None

    def _feed(self) -> None:
        try:
            self._left = self._left[os.write(self._streams["stdin"].fileno(), self._left[:_CHUNK]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:  # it closed its input unread, which it may
            self._left = self._left[:0]
        if not self._left:
            self._shut("stdin")

    def _read(self, name: str) -> Limit | None:
        try:
            data = os.read(self._streams[name].fileno(), _CHUNK)
        except BlockingIOError:
            return None
        if not data:
            self._shut(name)
            return None
        room = self._output_bytes - sum(map(len, self.printed.values()))
        self.printed[name] += data[:room]
        if len(data) > room:
            return Limit(
                reason="output", text=f"expected at most {self._output_bytes} bytes printed, got more"
            )
        return None

    def _shut(self, name: str) -> None:
        stream = self._streams[name]
        if not stream.closed:
            self._selector.unregister(stream)
            stream.close()


def end_descendants(*, spare: int | None = None, within_s: float = KILL_S) -> dict[int, int]:
    """End every process that descends from this one; wait statuses by process id of those reaped.

    Args:
        spare: a process that stays, with its own descendants.
        within_s: how long it may take.

    Raises:
        Unkillable: some are still there after `within_s`.
    """
    deadline = time.monotonic() + within_s
    statuses = _reap()
    while alive := _still(spare, deadline):
        for pid in alive:
            _signal(pid, signal.SIGKILL)
        while alive & descendants(os.getpid(), spare=spare):
            statuses |= _reap()
            if time.monotonic() > deadline:
                raise Unkillable(f"expected all processes gone within {within_s:g} s, got {sorted(alive)}")
            time.sleep(0.0005)
        statuses |= _reap()
    return statuses | _reap()


def descendants(ancestor: int, *, spare: int | None = None) -> set[int]:
    """Process ids of all that descend from `ancestor` and still run (no zombies), but not through `spare`."""
    children: dict[int, list[int]] = {}
    gone = set()
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                line = file.read()
        except OSError:
            continue  # it went between the listing and here
        # Source: proc(5): pid (name) state ppid ...; the name may hold anything, brackets too.
        state, parent = line[line.rindex(b")") + 2 :].split(None, 2)[:2]
        children.setdefault(int(parent), []).append(int(name))
        if state in (b"Z", b"X"):
            gone.add(int(name))
    found: set[int] = set()
    todo = list(children.get(ancestor, ()))
    while todo:
        pid = todo.pop()
        if pid not in found and pid != spare:
            found.add(pid)
            todo += children.get(pid, ())
    return found - gone


def _still(spare: int | None, deadline: float) -> set[int]:
    """All descendants, each of them stopped, none forking any more."""
    stopped: set[int] = set()
    while fresh := descendants(os.getpid(), spare=spare) - stopped:
        for pid in fresh:
            _signal(pid, signal.SIGSTOP)
        stopped |= fresh
        if time.monotonic() > deadline:
            raise Unkillable(f"expected processes to hold still, got {len(stopped)} and new ones still")
    return stopped


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it ended by itself
        os.kill(pid, number)


def _reap() -> dict[int, int]:
    statuses: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return statuses
        if pid == 0:
            return statuses
        statuses[pid] = status
