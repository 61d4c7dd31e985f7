"""The fixtures that grade any program, in whatever language: `program`, `service`, `workdir`.

Comes in: what a test asks for. Goes out: what the learner's programs did, as plain values. Runs in the
grader as a pytest plugin; the work itself is done by `blackbox` in the learner's container, behind
`channel`. Every reply is the word of a hostile process: its shape is checked here, field by field, and
one that does not fit ends the test with the reason *protocol*.

A test gets one agent, made when it first asks for something and ended after its tear-down with all that
it started. `program` lives as long as the run, so that hypothesis' tests may use it: each call gets a
fresh folder anyway.
"""

from __future__ import annotations

import json as jsonlib
import socket
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, TypeVar

import pytest

from . import channel, exchange, failure
from . import folder as folders

#: Boxes of an agent; see `blackbox`.
_WORKDIR = "work"
_SERVICE = "service"

#: What the agent may need beside a program's own time: to copy, to end what is left, to collect; seconds.
_GRACE_S = 6.0
#: How long a service whose connection closed may take to be seen dead, milliseconds.
_LAST_BREATH_MS = 500
#: How much of one program's output is noted for the report, bytes; the note is cut further on.
_NOTE_BYTES = 16 * 1024
_TEXT_CHARS = 500
#: Who an error text names, by kind of request.
_SPEAKERS = {"run": "program", "serve": "service", "service": "service"}
_REASONS = frozenset({"timeout", "output", "memory", "processes", "disk", "crash"})

Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class Completed:
    """A run of the learner's program that is over.

    Attributes:
        returncode: its exit status, or minus the number of the signal that ended it.
        stdout_bytes: what it printed.
        stderr_bytes: what it printed on standard error.
        seconds: how long it took by the grader's clock, a few milliseconds of preparation included.
    """

    returncode: int
    stdout_bytes: bytes
    stderr_bytes: bytes
    seconds: float
    _files: Mapping[str, bytes] = field(repr=False)
    _problem: str | None = field(repr=False)

    @property
    def stdout(self) -> str:
        """What it printed, as UTF-8 with wrong bytes replaced."""
        return self.stdout_bytes.decode(errors="replace")

    @property
    def stderr(self) -> str:
        """What it printed on standard error, as UTF-8 with wrong bytes replaced."""
        return self.stderr_bytes.decode(errors="replace")

    @property
    def files(self) -> Mapping[str, bytes]:
        """Content by path of the regular files that the run made or changed.

        Raises:
            failure.TestEnded: there are more, larger or deeper ones than allowed; the test fails.
        """
        if self._problem is not None:
            raise failure.TestEnded("output", f"files of the program: {self._problem}")
        return self._files


class Program:
    """Runs the learner's program; see `__call__`."""

    def __call__(
        self,
        *args: str,
        stdin: str | bytes = "",
        files: Mapping[str, str | bytes] | None = None,
        env: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
        command: Sequence[str] | None = None,
    ) -> Completed:
        """Run the task's command with these arguments until it ends.

        It starts in a fresh copy of the submission, or in `workdir` if the test uses that. When it ends,
        so does all that it started.

        Args:
            *args: arguments after the command's own.
            stdin: what it can read; text as UTF-8.
            files: files to put there first, by relative path; they replace submitted ones.
            env: environment variables to add.
            timeout_s: how long it may take; the task's `call_s` if not given, and never longer than
                the rest of the run.
            command: another command than the task's.

        Raises:
            failure.TestEnded: it hit a limit; the test fails with that reason.
            ValueError, TypeError: an argument cannot be passed to a program.
        """
        plan = channel.plan()
        words = [*(plan["command"] if command is None else command), *args]
        if not words:
            raise ValueError("program: expected tests.command in task.yaml, or command=[...], got neither")
        seconds = _seconds(timeout_s, plan)
        held = _running()
        begun = time.monotonic()
        reply = held.ask(
            {
                "kind": "run",
                "box": _WORKDIR if held.shared else None,
                "command": [_argument(word) for word in words],
                "stdin": _bytes(stdin),
                "env": _environment(env),
                "files": {_path(path): _bytes(content) for path, content in (files or {}).items()},
                "timeout_ms": int(seconds * 1000),
            },
            timeout_s=seconds + _GRACE_S,
        )
        elapsed = time.monotonic() - begun
        problem = reply.get("problem")
        return Completed(
            returncode=_field(reply, "status", int),
            stdout_bytes=_field(reply, "stdout", bytes),
            stderr_bytes=_field(reply, "stderr", bytes),
            seconds=elapsed,
            _files=_files(_field(reply, "files", dict)),
            _problem=None if problem is None else _text(problem),
        )


class Workdir:
    """A folder that starts as a copy of the submission and lasts for one test.

    `program` and `service` work in it when the test uses both.
    """

    def __init__(self, held: _Held) -> None:
        self._held = held

    def write(self, path: str, content: str | bytes) -> None:
        """Write a file, with the folders that it needs; text as UTF-8.

        Raises:
            ValueError: the path is not a plain relative one.
            OSError: a folder or a link of the program's is in its place.
        """
        self._ask({"kind": "write", "path": _path(path), "content": _bytes(content)})

    def read(self, path: str) -> bytes:
        """The content of a regular file.

        Raises:
            ValueError: the path is not a plain relative one.
            OSError: there is none, or it is larger than a reply may be.
        """
        return _field(self._ask({"kind": "read", "path": _path(path)}), "content", bytes)

    def read_text(self, path: str) -> str:
        """The content of a regular file as UTF-8 text, wrong bytes replaced; raises as `read`."""
        return self.read(path).decode(errors="replace")

    def files(self, pattern: str = "**") -> list[str]:
        """The paths of all regular files that match, sorted.

        Args:
            pattern: parts between slashes as in a shell; `**` stands for any number of folders, and as
                the last part for everything below.

        Raises:
            OSError: there are more than allowed, or folders too deep.
        """
        found = _field(self._ask({"kind": "names"}), "paths", list)
        parts = pattern.split("/")
        return sorted(path for path in map(_reply_path, found) if _matches(path.split("/"), parts))

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._held.ask({**request, "box": _WORKDIR}, timeout_s=_GRACE_S)


class Service:
    """The learner's server, which listens.

    Attributes:
        url: where programs in the learner's container reach it, such as `http://127.0.0.1:40123`; the test
            itself reaches it through the methods here alone.
    """

    def __init__(self, held: _Held, port: int) -> None:
        self._held = held
        self._port = port
        self.url = f"http://127.0.0.1:{port}"

    def request(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        body: str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> exchange.Response:
        """Send one request over a connection of its own; redirects are not followed.

        Args:
            method: `GET` and so on.
            path: path and query, from `/` on.
            json: a value to send as JSON, with its content type.
            body: bytes to send, or text as UTF-8; not together with `json`.
            headers: headers to send.
            timeout_s: how long the whole exchange may take; the task's `call_s` if not given.

        Raises:
            failure.TestEnded: no whole HTTP answer came; the test fails.
            ValueError: the request cannot be sent.
        """
        if not path.startswith("/"):
            raise ValueError(f"service: expected a path that begins with '/', got {path!r}")
        if json is not None and body is not None:
            raise ValueError("service: expected json or body, got both")
        named = {name.lower() for name in headers or {}}
        extra = dict(headers or {})
        if json is not None:
            body = jsonlib.dumps(json)
            if "content-type" not in named:
                extra["Content-Type"] = "application/json"
        plan = channel.plan()
        try:
            return exchange.talk(
                self._held.tunnel(self._port),
                method,
                path,
                host=f"127.0.0.1:{self._port}",
                body=_bytes(body or b""),
                headers=extra,
                timeout_s=_seconds(timeout_s, plan),
                limit_bytes=plan["reply_bytes"],
            )
        except exchange.ExchangeFailed as error:
            raise self._failed(error) from error

    def get(self, path: str, **more: Any) -> exchange.Response:
        """`request("GET", ...)`."""
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> exchange.Response:
        """`request("POST", ...)`."""
        return self.request("POST", path, **more)

    def put(self, path: str, **more: Any) -> exchange.Response:
        """`request("PUT", ...)`."""
        return self.request("PUT", path, **more)

    def patch(self, path: str, **more: Any) -> exchange.Response:
        """`request("PATCH", ...)`."""
        return self.request("PATCH", path, **more)

    def delete(self, path: str, **more: Any) -> exchange.Response:
        """`request("DELETE", ...)`."""
        return self.request("DELETE", path, **more)

    @property
    def log(self) -> str:
        """What it printed so far, both streams, as UTF-8 with wrong bytes replaced."""
        return _field(self._report(), "log", bytes).decode(errors="replace")

    def note(self) -> None:
        """Put what it printed into the report of the running test.

        Raises:
            failure.TestEnded: it printed more than allowed.
        """
        if not self._held.broken:
            _note(self._report())

    def _report(self, *, wait_ms: int = 0) -> dict[str, Any]:
        return self._held.ask({"kind": "service", "wait_ms": wait_ms}, timeout_s=_GRACE_S)

    def _failed(self, error: exchange.ExchangeFailed) -> failure.TestEnded:
        """The failure for an exchange that failed: a closed connection is a crash only of a dead service."""
        if error.reason != "crash":
            return failure.TestEnded(error.reason, f"service: {error}")
        status = self._report(wait_ms=_LAST_BREATH_MS).get("status")
        if status is None:
            return failure.TestEnded("protocol", f"service: {error}; it still runs")
        return failure.TestEnded("crash", f"service: {error}; it ended with status {_text(status)}")


class _Held:
    """An agent, made when it is first needed.

    Attributes:
        shared: whether programs work in the test's `workdir`.
        broken: whether the agent was lost, with all that it knew.
    """

    def __init__(self) -> None:
        self.shared = False
        self.broken = False
        self._agent: channel.Agent | None = None

    def ask(self, request: dict[str, Any], *, timeout_s: float) -> dict[str, Any]:
        """The agent's reply, with what a program printed noted, if no limit was hit.

        Raises:
            failure.TestEnded: a limit was hit, or the agent is lost or talks nonsense.
            OSError: the agent refuses, and says why.
        """
        what = _SPEAKERS.get(request["kind"], "workdir")
        reply = self._guard(lambda agent: agent.request(request, timeout_s=timeout_s))
        if request["kind"] == "run" or "limit" in reply:
            _note(reply)
        if "limit" in reply:
            limit = _field(reply, "limit", list)
            if [type(part) for part in limit] != [str, str] or limit[0] not in _REASONS:
                raise failure.TestEnded("protocol", "agent: expected a reason of a limit, got something else")
            raise failure.TestEnded(limit[0], f"{what}: {_text(limit[1])}")
        if "error" in reply:
            raise failure.TestEnded("protocol", f"agent: {_text(reply['error'])}")
        if "refused" in reply:
            raise OSError(f"{what}: {_text(reply['refused'])}")
        return reply

    def tunnel(self, port: int) -> socket.socket:
        """A connection to a port of the learner's loopback."""
        return self._guard(lambda agent: agent.tunnel(port))

    def close(self) -> None:
        """End the agent with all that it started."""
        if self._agent is not None:
            agent, self._agent = self._agent, None
            agent.close()

    def _guard(self, call: Callable[[channel.Agent], Value]) -> Value:
        """The call's result; an agent that it fails on is never asked again."""
        if self._agent is None:
            self._agent = channel.open_agent()
        try:
            return call(self._agent)
        except failure.TestEnded:
            self.broken = True
            self.close()
            raise


# Of this process, as pytest is: hooks and fixtures of the one test that runs meet here.
_held: _Held | None = None


def _running() -> _Held:
    assert _held is not None, "program: expected a test that runs"
    return _held


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Before anything else of a test: no agent yet."""
    global _held
    _held = _Held()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown() -> Generator[None, object, object]:
    """After all fixtures of a test: its agent goes, and every process and file with it."""
    try:
        return (yield)
    finally:
        _running().close()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """A test's own code runs, for whatever ends it."""
    with failure.calling(True):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup() -> Generator[None, object, object]:
    """A fixture's code runs, maybe in the midst of a test's (`getfixturevalue`)."""
    with failure.calling(False):
        return (yield)


@pytest.fixture(scope="session")
def program() -> Program:
    """Runs the learner's program: `program("--all", stdin="1 2", files={"in.csv": "a,b"})` -> `Completed`."""
    return Program()


@pytest.fixture
def workdir() -> Workdir:
    """A folder that programs of one test share: `write`, `read`, `read_text`, `files`."""
    held = _running()
    held.shared = True
    return Workdir(held)


@pytest.fixture
def service() -> Iterator[Service]:
    """The learner's server, started for this test alone: `get`, `post`, `request`, `log`, `url`."""
    held = _running()
    yield from _serve(held, _WORKDIR if held.shared else _SERVICE)


@pytest.fixture(scope="module")
def service_per_file() -> Iterator[Service]:
    """The learner's server, started once for a file of tests that do not mind each other."""
    held = _Held()
    try:
        yield from _serve(held, _SERVICE)
    finally:
        held.close()


def _serve(held: _Held, box: str) -> Iterator[Service]:
    plan = channel.plan()
    wanted = plan["service"]
    if wanted is None:
        raise ValueError("service: expected tests.service in task.yaml, got none")
    reply = held.ask(
        {
            "kind": "serve",
            "box": box,
            "command": wanted["command"],
            "env": {},
            "ready_ms": wanted["ready_ms"],
        },
        timeout_s=wanted["ready_ms"] / 1000 + _GRACE_S,
    )
    port = _field(reply, "port", int)
    if not 0 < port < 65536:
        raise failure.TestEnded("protocol", f"agent: expected a port, got {port}")
    service = Service(held, port)
    yield service
    service.note()


def _seconds(timeout_s: float | None, plan: Mapping[str, Any]) -> float:
    wanted = plan["call_ms"] / 1000 if timeout_s is None else timeout_s
    left: float = channel.remaining_s()
    return max(0.001, min(wanted, left))


def _note(reply: Mapping[str, Any]) -> None:
    for name in ("stdout", "stderr", "log"):
        text = reply.get(name)
        if isinstance(text, bytes) and text:
            channel.note_output(text[:_NOTE_BYTES].decode(errors="replace"))


def _argument(word: object) -> str:
    if not isinstance(word, str):
        raise TypeError(f"program: expected arguments as str, got {type(word).__name__}")
    if "\0" in word:
        raise ValueError(f"program: expected an argument without NUL, got {word!r}")
    return word


def _environment(env: Mapping[str, str] | None) -> dict[str, str]:
    found = {_argument(name): _argument(value) for name, value in (env or {}).items()}
    for name in found:
        if not name or "=" in name:
            raise ValueError(f"program: expected the name of an environment variable, got {name!r}")
    return found


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else bytes(content)


def _path(path: str) -> str:
    try:
        return folders.check_path(path)
    except folders.FolderError as error:
        raise ValueError(str(error)) from error


def _reply_path(path: object) -> str:
    try:
        return folders.check_path(path)
    except folders.FolderError as error:
        raise failure.TestEnded("protocol", f"agent: {error}") from error


def _field(reply: Mapping[str, Any], name: str, kind: type[Value]) -> Value:
    value = reply.get(name)
    if type(value) is not kind:
        raise failure.TestEnded(
            "protocol", f"agent: expected {name} as {kind.__name__}, got {type(value).__name__}"
        )
    return value


def _files(found: dict[object, object]) -> dict[str, bytes]:
    files = {}
    for path, content in found.items():
        if type(content) is not bytes:
            raise failure.TestEnded("protocol", "agent: expected files as bytes, got something else")
        files[_reply_path(path)] = content
    return files


def _text(value: object) -> str:
    return str(value)[:_TEXT_CHARS] if isinstance(value, str | int) else type(value).__name__


def _matches(path: list[str], pattern: list[str]) -> bool:
    if not pattern:
        return not path
    if pattern[0] == "**":
        if len(pattern) == 1:
            return bool(path)
        return any(_matches(path[skip:], pattern[1:]) for skip in range(len(path)))
    return bool(path) and fnmatchcase(path[0], pattern[0]) and _matches(path[1:], pattern[1:])
