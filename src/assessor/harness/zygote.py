"""The learner's waiting process: forks one fresh process for each request, and sees to its end.

Comes in: requests of the grader over the bridge's socket. Goes out: answers on the socket. The submission's
code never runs in this process: it makes each child a folder of its own from the files in memory, reaps,
kills what is left, and tells how a child ended.

    <work folder>/<n>/     the submission as one child sees it; removed when that child has ended
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import socket
import stat
import sys
import time
import types
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import agent, cell, cgroup, runner, start, stream

_CONTROL_BYTES = 4096
PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36
#: What runs a submission goes first when memory is short.
_FIRST_TO_GO = 1000


@dataclass
class Child:
    """One process forked for the grader, and everything it starts."""

    token: str
    pid: int
    folder: Path
    status: int | None = None


@dataclass
class Zygote:
    """The waiting process, after its start message."""

    plan: dict[str, Any]
    files: dict[str, bytes]
    work: Path
    cgroup_root: Path
    control: socket.socket
    scores: int | None = None
    children: dict[str, Child] = field(default_factory=dict)
    made: int = 0
    wakers: tuple[int, ...] = ()

    def spawn(self, token: str, mode: str) -> dict[str, Any]:
        """Fork a child that introduces itself to the grader by `token`."""
        self.made += 1
        folder = self.work / str(self.made)
        try:
            folder.mkdir()
            if mode == "runner":
                start.write(folder, self.files)
            pid = os.fork()
        except OSError as error:
            return {"error": str(error), "errno": error.errno, **self.counted()}
        if pid == 0:
            self._become(token, mode, folder)
        self.children[token] = Child(token=token, pid=pid, folder=folder)
        return {"pid": pid}

    def _become(self, token: str, mode: str, folder: Path) -> None:
        # In the child: nothing of this frame's caller may ever run again.
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self.control.close()
            for descriptor in self.wakers:
                os.close(descriptor)
            if self.scores is not None:
                # The kernel gives the files of a process that cannot be looked into to root alone.
                prctl(PR_SET_DUMPABLE, 1)
                cell.score(self.scores, _FIRST_TO_GO)
                prctl(PR_SET_DUMPABLE, 0)
                os.close(self.scores)
            os.setsid()
            os.chdir(folder)
            plan = self.plan
            path, hello = plan["socket"], {"nonce": plan["nonce"], "token": token}
            lines = [
                stream.connect(path, json.dumps({**hello, "role": role}).encode())
                for role in (("call", "out", "err") if mode == "runner" else ("call",))
            ]
            for descriptor, line in zip((1, 2), lines[1:], strict=False):
                os.dup2(line.fileno(), descriptor)
                line.close()
            if mode == "runner":
                files, modules = self.files, plan["modules"]
                limit = int(plan["reply_bytes"])
                self.plan, self.files = {}, {}
                top = {name.split("/")[0].removesuffix(".py") for name in files}
                hide()
                runner.main(lines[0], folder=str(folder), names=top | set(modules), limit_bytes=limit)
            else:
                prctl(PR_SET_CHILD_SUBREAPER, 1)
                agent.main(lines[0], agent.Context(folder=folder, files=self.files, plan=plan))
        except BaseException as error:
            os.write(2, f"learner: {type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(70)

    def end(self, token: str, grace_s: float) -> dict[str, Any]:
        """Kill a child and all that it started, after letting it go by itself for a moment.

        Returns:
            its wait status (None if it had to be killed) and the cgroup's counters.
        """
        child = self.children.get(token)
        if child is None:
            return {"status": None, **self.counted()}
        deadline = time.monotonic() + grace_s
        self.reap()
        while child.status is None and time.monotonic() < deadline:
            time.sleep(0.002)
            self.reap()
        status = child.status
        self.kill(child)
        del self.children[token]
        remove(child.folder)
        return {"status": status, **self.counted()}

    def counted(self) -> dict[str, int]:
        """The cgroup's counters, by name."""
        oom, forks = cgroup.counters(self.cgroup_root)
        return {"oom": oom, "forks": forks}

    def reap(self) -> None:
        """Take note of every process that has ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for child in self.children.values():
                if child.pid == pid:
                    child.status = status

    def kill(self, child: Child) -> None:
        """Kill a child, what it started, and orphans that nobody else's work can be."""
        others = {c.pid for c in self.children.values() if c is not child and c.status is None}
        for _ in range(200):
            if not others and os.getpid() == 1:
                # The whole namespace but us, at one stroke: a fork bomb cannot outrun it.
                with contextlib.suppress(ProcessLookupError):
                    os.kill(-1, signal.SIGKILL)
            victims = descendants(os.getpid(), spared=others)
            for pid in victims:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.reap()
            if not victims:
                return
            time.sleep(0.001)

    def serve(self) -> None:
        """Answer the grader until it is gone."""
        woken, wake = self.wakers = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(woken, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        poll = select.poll()
        poll.register(woken, select.POLLIN)
        poll.register(self.control, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if woken in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(woken, 4096)
                self.reap()
            if self.control.fileno() not in ready:
                continue
            try:
                request = json.loads(stream.receive(self.control, limit_bytes=_CONTROL_BYTES))
            except stream.Closed:
                break
            if request["op"] == "spawn":
                answer = self.spawn(request["token"], request["mode"])
            elif request["op"] == "end":
                answer = self.end(request["token"], request["grace_ms"] / 1000)
            else:
                answer = self.counted()
            stream.send(self.control, json.dumps({**answer, "id": request["id"]}).encode())
        for token in list(self.children):
            self.end(token, 0)


def descendants(root: int, *, spared: set[int]) -> list[int]:
    """All processes below `root` but the spared ones and what is below them; ended ones not counted."""
    below: dict[int, list[int]] = {}
    ended: set[int] = set()
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            text = Path("/proc", entry, "stat").read_text(errors="replace")
        except OSError:
            continue  # gone meanwhile
        state, parent = text.rpartition(")")[2].split()[:2]
        below.setdefault(int(parent), []).append(int(entry))
        if state in ("Z", "X"):
            ended.add(int(entry))
    found, queue = [], [root]
    while queue:
        for pid in below.get(queue.pop(), ()):
            if pid not in spared:
                # Followed even if it has ended: while a thread of it lives on, its children stay its own.
                queue.append(pid)
                if pid not in ended:
                    found.append(pid)
    return found


def remove(folder: Path) -> None:
    """Remove a folder that its owner may have made hard to remove."""

    def unlock(function: Any, path: str, _: Any) -> None:
        with contextlib.suppress(OSError):
            os.chmod(os.path.dirname(path), stat.S_IRWXU)
            os.chmod(path, stat.S_IRWXU)
            function(path)

    try:
        shutil.rmtree(folder, onerror=unlock)
    except RecursionError:
        # Deeper than the interpreter's stack: flatten it, one level at a time.
        _flatten(folder)


def _flatten(folder: Path) -> None:
    while True:
        inner = [entry for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
        for entry in os.scandir(folder):
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)
        if not inner:
            os.rmdir(folder)
            return
        for number, entry in enumerate(inner):
            os.chmod(entry.path, stat.S_IRWXU)
            for deeper in list(os.scandir(entry.path)):
                os.rename(deeper.path, folder / f"{number}-{time.monotonic_ns()}")
            os.rmdir(entry.path)


def hide() -> None:
    """Leave nothing in this process that names what it is for."""
    sys.modules["__main__"] = types.ModuleType("__main__")
    package = __package__ or ""
    for name in [m for m in sys.modules if m == package or m.startswith(package + ".")]:
        del sys.modules[name]
    parent = package.partition(".")[0]
    if parent != package:
        for name in [m for m in sys.modules if m == parent or m.startswith(parent + ".")]:
            del sys.modules[name]
    sys.argv = [""]
    sys.path[:] = [path for path in sys.path if path]


def prctl(option: int, value: int) -> None:
    """Set an option of this process; one that the kernel refuses is done without."""
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
