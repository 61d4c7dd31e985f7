"""What the fixtures `program`, `service` and `workdir` do on the learner's side.

Comes in: one request at a time, plain values. Goes out: one reply of plain values. Runs in a process of
its own in the learner's container, that holds none of the learner's code and serves one test; the standard
library only.

    <folder>/<box>/work   a fresh copy of the submission: the current folder of its programs
    <folder>/<box>/home   HOME and TMPDIR, empty at first

A *box* is such a pair of folders. A program gets a box of its own for each run, unless the test shares one
(`workdir`). The learner's programs run under our user id and may do anything to these folders and to us;
all that it can win by that is a broken reply, and all that it can say in one it could as well have printed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from . import folder as folders
from . import processes, server

#: What a submission may bring that would run instead of the source that a reviewer reads.
_NOT_SOURCE = (".pyc", ".pyo", ".pyd", ".so")

_FRESH = "fresh"
_FULL = ("disk", "expected room in the work folder, got a full one")

Reply = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """The limits that this side enforces; see `assessor.limits`.

    Attributes:
        output_bytes: what one program may print.
        reply_bytes: one reply: printed text and collected files of one run, or one file that is read.
        disk_bytes: the largest file.
        entries: files and folders in a box.
    """

    output_bytes: int
    reply_bytes: int
    disk_bytes: int
    entries: int


class Context(Protocol):
    """Where an agent works, as its process is given it.

    Attributes:
        folder: an empty folder of this agent alone.
        files: the submission by relative path, as it came with the start message: what lies on disk may
            have been changed since by the learner's code.
        plan: the start message.
    """

    @property
    def folder(self) -> Path: ...

    @property
    def files(self) -> Mapping[str, bytes]: ...

    @property
    def plan(self) -> Mapping[str, Any]: ...


_current: tuple[Context, Agent] | None = None


def handle(request: Mapping[str, Any], context: Context) -> Reply:
    """The reply to one request, in a process that serves this context alone; see `Agent` for the kinds."""
    global _current
    if _current is None or _current[0] is not context:
        plan = context.plan
        bounds = Bounds(
            output_bytes=min(plan["output_bytes"], plan["reply_bytes"]),
            reply_bytes=plan["reply_bytes"],
            disk_bytes=plan["disk_bytes"],
            entries=plan["files_limit"],
        )
        processes.adopt(file_bytes=bounds.disk_bytes)
        _current = (context, Agent(files=context.files, folder=str(context.folder), bounds=bounds))
    return _current[1].handle(request)


class Agent:
    """Serves the requests of one test, one at a time.

    Args:
        files: the submission by relative path.
        folder: an existing, empty folder.
        bounds: the limits.

    The kinds of requests, what they carry beside `kind`, and what a reply holds:

    - `run`: `box` (str, or None for a fresh one), `command`, `stdin` (bytes), `env`, `files` (bytes by
      path), `timeout_ms`. Gives `status`, `stdout`, `stderr`, `files` (made or changed, bytes by path),
      `problem` (why `files` could not be collected, or None).
    - `write`: `box`, `path`, `content`. Gives nothing.
    - `read`: `box`, `path`. Gives `content`.
    - `names`: `box`. Gives `paths`.
    - `serve`: `box`, `command`, `env`, `ready_ms`. Gives `port` once the service listens.
    - `service`: `wait_ms` (how long its end is waited for). Gives `log` (bytes), `status` (None while it
      runs).

    A reply may hold `limit` (`[reason, text]`), alone or with what was printed: the test is over then.
    `refused` (a text) says that a path or a file is not as asked for.
    """

    def __init__(self, *, files: Mapping[str, bytes], folder: str, bounds: Bounds) -> None:
        self._files = {path: content for path, content in files.items() if _is_source(path)}
        self._folder = folder
        self._bounds = bounds
        self._boxes: set[str] = set()
        self._service: server.Server | None = None
        self._kinds: dict[str, Callable[[Mapping[str, Any]], Reply]] = {
            "run": self._run,
            "write": self._write,
            "read": self._read,
            "names": self._names,
            "serve": self._serve,
            "service": self._report,
        }

    def handle(self, request: Mapping[str, Any]) -> Reply:
        """The reply to one request."""
        try:
            return self._kinds[request["kind"]](request)
        except folders.FolderError as error:
            return {"refused": str(error)}
        except processes.Unkillable as error:
            return {"limit": ["processes", str(error)]}
        except OSError as error:
            if self._full():
                return {"limit": [*_FULL]}
            return {"refused": f"{request['kind']}: {error.strerror or error}"}

    def end(self) -> None:
        """End the service and whatever else runs, and remove every box."""
        processes.end_descendants()
        self._service = None
        self._boxes.clear()
        self._clear()

    def _run(self, request: Mapping[str, Any]) -> Reply:
        if request["box"] is not None:
            return self._run_in(request["box"], request)
        try:
            return self._run_in(_FRESH, request)
        finally:
            self._boxes.discard(_FRESH)
            self._clear()

    def _run_in(self, name: str, request: Mapping[str, Any]) -> Reply:
        with self._box(name) as box:
            folders.write(box.work, request["files"])
            problem = None
            before: dict[str, bytes] = {}
            try:
                before = folders.digests(
                    box.work, entries=self._bounds.entries, look_bytes=self._bounds.disk_bytes
                )
            except folders.FolderError as error:
                problem = str(error)
            result = processes.run(
                request["command"],
                cwd=box.path("work"),
                env=processes.environment(home=box.path("home"), extra=request["env"]),
                stdin=request["stdin"],
                timeout_s=request["timeout_ms"] / 1000,
                output_bytes=self._bounds.output_bytes,
                spare=self._service,
            )
            reply: Reply = {"status": result.status, "stdout": result.stdout, "stderr": result.stderr}
            if result.limit is not None:
                return {**reply, "limit": [result.limit.reason, result.limit.text]}
            if self._full():
                return {**reply, "limit": [*_FULL]}
            files: dict[str, bytes] = {}
            if problem is None:
                room = self._bounds.reply_bytes - len(result.stdout) - len(result.stderr)
                try:
                    files = folders.changed(
                        box.work,
                        before,
                        entries=self._bounds.entries,
                        look_bytes=self._bounds.disk_bytes,
                        limit_bytes=max(room, 0),
                    )
                except folders.FolderError as error:
                    problem = str(error)
            return {**reply, "files": files, "problem": problem}

    def _write(self, request: Mapping[str, Any]) -> Reply:
        with self._box(request["box"]) as box:
            folders.write(box.work, {request["path"]: request["content"]})
        return {}

    def _read(self, request: Mapping[str, Any]) -> Reply:
        with self._box(request["box"]) as box:
            content = folders.read(box.work, request["path"], limit_bytes=self._bounds.reply_bytes)
        return {"content": content}

    def _names(self, request: Mapping[str, Any]) -> Reply:
        with self._box(request["box"]) as box:
            return {"paths": folders.names(box.work, entries=self._bounds.entries)}

    def _serve(self, request: Mapping[str, Any]) -> Reply:
        port = server.free_port()
        with self._box(request["box"]) as box:
            extra = {**request["env"], "PORT": str(port)}
            service = self._service = server.Server(
                request["command"],
                cwd=box.path("work"),
                env=processes.environment(home=box.path("home"), extra=extra),
                port=port,
                output_bytes=self._bounds.output_bytes,
            )
        ready_s = request["ready_ms"] / 1000
        if service.wait_ready(ready_s):
            return {"port": port}
        report = self._report({"wait_ms": 0})
        if report["status"] is None:
            limit = ["timeout", f"expected the service to listen on $PORT ({port}) within {ready_s:g} s"]
        else:
            limit = ["crash", f"expected the service to listen, got its end with status {report['status']}"]
        return {"limit": limit, **report}

    def _report(self, request: Mapping[str, Any]) -> Reply:
        if self._service is None:
            return {"log": b"", "status": None}
        self._service.wait(request["wait_ms"] / 1000)
        reply: Reply = {"log": self._service.log(), "status": self._service.status()}
        if self._service.flooded:
            text = f"expected at most {self._bounds.output_bytes} bytes printed by the service, got more"
            reply["limit"] = ["output", text]
        return reply

    @contextlib.contextmanager
    def _box(self, name: str) -> Iterator[_Box]:
        """A box, made if it is not there."""
        root = os.path.join(self._folder, name)
        made = name not in self._boxes
        if made:
            for part in ("", "work", "home"):
                os.mkdir(os.path.join(root, part), 0o755)
            self._boxes.add(name)
        # Opened before any program runs: what is done to the folder's name later leads nowhere.
        work = folders.open_folder(os.path.join(root, "work"))
        try:
            if made:
                folders.write(work, self._files)
            yield _Box(root=root, work=work)
        finally:
            os.close(work)

    def _full(self) -> bool:
        """Whether the file system has no block or no inode left."""
        room = os.statvfs(self._folder)
        # f_files is 0 where inodes have no limit.
        return room.f_bavail == 0 or (room.f_files > 0 and room.f_favail == 0)

    def _clear(self) -> None:
        """Remove all but the boxes still in use, also what programs put beside theirs."""
        root = folders.open_folder(self._folder)
        try:
            folders.empty(root, spare=self._boxes)
        finally:
            os.close(root)


@dataclass(frozen=True, kw_only=True)
class _Box:
    """A box that is open.

    Attributes:
        root: its folder.
        work: a descriptor of the folder `work` in it.
    """

    root: str
    work: int

    def path(self, part: str) -> str:
        return os.path.join(self.root, part)


def _is_source(path: str) -> bool:
    return not path.endswith(_NOT_SOURCE) and "__pycache__" not in path.split("/")
