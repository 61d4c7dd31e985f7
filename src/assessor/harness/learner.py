"""Entry of the learner's container: a process that waits, then forks one fresh process for each request.

Comes in: the start message (plan and the submission's files) on standard input; requests of the grader
over the bridge's socket. Goes out: one `ready` frame on standard output, then nothing there ever; answers
on the socket. The submission's code never runs in this process: it makes each child a folder of its own
from the files in memory, reaps, kills what is left, and tells how a child ended.

    $ASSESSOR_WORK/<n>/     the submission as one child sees it; removed when that child has ended
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import resource
import select
import shutil
import signal
import socket
import stat
import sys
import time
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import agent, cell, cgroup, frames, runner, stream

_START_BYTES = 1 << 30
_CONTROL_BYTES = 4096
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
#: What runs a submission goes first when memory is short.
_FIRST_TO_GO = 1000

#: Where a sandbox has the work folder, and shows what its control group counts.
_WORK = Path("/tmp")  # noqa: S108  a fresh file system of this attempt alone
COUNTERS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Work:
    """Something to do, and the means.

    Attributes:
        start: descriptor of the start message.
        out: descriptor for events.
        scores: a cell's folder for `cell.score`, or None: what runs a submission goes first then.
        counters: where the control group is seen.
    """

    start: int
    out: int
    scores: int | None = None
    counters: Path = COUNTERS


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
                write(folder, self.files)
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
                prctl(_PR_SET_DUMPABLE, 1)
                cell.score(self.scores, _FIRST_TO_GO)
                prctl(_PR_SET_DUMPABLE, 0)
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
                prctl(_PR_SET_CHILD_SUBREAPER, 1)
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


def write(folder: Path, files: dict[str, bytes]) -> None:
    """Write files below a folder.

    Raises:
        OSError: there is no room for them.
    """
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


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


def read_start(descriptor: int) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The plan and the files of a start message."""
    decoder = frames.Decoder(limit_bytes=_START_BYTES)
    payloads: list[bytes] = []
    while len(payloads) < 2:
        # No further than needed: what follows is not ours to read.
        data = os.read(descriptor, 65536)
        if not data:
            sys.exit(0)  # never needed
        payloads += decoder.feed(data)
    plan = json.loads(payloads[0])
    files, position = {}, 0
    for name, size in plan.pop("files"):
        files[name] = payloads[1][position : position + size]
        position += size
    return plan, files


def pin(plan: dict[str, Any]) -> None:
    """Stay on the processor that the plan names, if it names one that there is."""
    wanted = plan.get("cpu")
    if wanted is not None and wanted in os.sched_getaffinity(0):
        os.sched_setaffinity(0, {wanted})


def warm(preload: list[str]) -> None:
    """Import what submissions commonly use, and what the profile names, and become a bare process."""
    environment = dict(os.environ)
    os.environ.clear()
    os.environ.update(
        {
            "PATH": environment.get("PATH", "/usr/local/bin:/usr/bin:/bin"),
            "HOME": work_folder(environment),
            "LANG": "C.UTF-8",
            "PYTHONHASHSEED": environment.get("PYTHONHASHSEED", "0"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
    )
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prctl(_PR_SET_DUMPABLE, 0)
    prctl(_PR_SET_CHILD_SUBREAPER, 1)
    runner.warm()
    for name in preload:
        importlib.import_module(name)


def wait(preload: list[str], until: Callable[[], Work], *, rehearse: bool = False) -> None:
    """Get ready, ask what there is to do, and serve the grader until it is gone; ends the process.

    Args:
        preload: modules to import meanwhile.
        until: waits for work.
        rehearse: on this side there is nothing to rehearse.
    """
    warm(preload)
    work = until()
    try:
        serve(work)
        os._exit(0)
    except BaseException as error:
        os.write(2, f"learner: {type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(70)


def serve(work: Work) -> None:
    """Read the start message, then serve the grader until it is gone."""
    os.close(work.out)  # this side has no events
    plan, files = read_start(work.start)
    os.close(work.start)
    pin(plan)
    hello = json.dumps({"nonce": plan["nonce"], "role": "zygote", "token": ""}).encode()
    deadline = time.monotonic() + plan["wall_ms"] / 1000
    control = stream.connect(plan["socket"], hello, deadline=deadline)
    if any(b"numpy" in content for name, content in files.items() if name.endswith(".py")):
        # Only now: that this takes long must never look like a side that did not come up.
        runner.warm_numpy()
    Zygote(
        plan=plan,
        files=files,
        work=Path(os.environ["HOME"]),
        cgroup_root=work.counters,
        control=control,
        scores=work.scores,
    ).serve()


def work_folder(environment: Mapping[str, str]) -> str:
    """The one folder that this side writes to."""
    return environment.get("ASSESSOR_WORK", str(_WORK))


def ready(counters: Path = COUNTERS) -> Work:
    """Say that this process waits: the first one of a container that is the attempt's own."""
    start, out = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)
    gc.collect()
    gc.freeze()
    os.write(out, frames.encode(b'{"kind":"ready"}'))
    return Work(start=start, out=out, counters=counters)


def main() -> None:
    """Wait for the start message, then serve the grader: in a container that is the attempt's own."""
    counters = Path(os.environ.get("ASSESSOR_CGROUP", COUNTERS))
    wait(json.loads(os.environ.get("ASSESSOR_PRELOAD", "[]")), lambda: ready(counters))


if __name__ == "__main__":
    main()
