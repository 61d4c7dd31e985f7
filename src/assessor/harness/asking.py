"""What a test asks of the learner's programs: requests to its agent, and replies, checked field by field.

Comes in: a request. Goes out: the fields of a reply. Every reply is the word of a hostile process: one that
does not fit ends the test with the reason *protocol*.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from . import channel, failure
from . import folder as folders

#: Boxes of an agent; see `blackbox`.
WORKDIR = "work"
SERVICE = "service"

#: What the agent may need beside a program's own time: to copy, to end what is left, to collect; seconds.
GRACE_S = 6.0
#: How much of one program's output is noted for the report, bytes; the note is cut further on.
_NOTE_BYTES = 16 * 1024
_TEXT_CHARS = 500
#: Who an error text names, by kind of request.
_SPEAKERS = {"run": "program", "serve": "service", "service": "service"}
_REASONS = frozenset({"timeout", "output", "memory", "processes", "disk", "crash"})

Value = TypeVar("Value")


class Held:
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
            note(reply)
        if "limit" in reply:
            limit = field(reply, "limit", list)
            if [type(part) for part in limit] != [str, str] or limit[0] not in _REASONS:
                raise failure.TestEnded("protocol", "agent: expected a reason of a limit, got something else")
            raise failure.TestEnded(limit[0], f"{what}: {text(limit[1])}")
        if "error" in reply:
            raise failure.TestEnded("protocol", f"agent: {text(reply['error'])}")
        if "refused" in reply:
            raise OSError(f"{what}: {text(reply['refused'])}")
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


def seconds(timeout_s: float | None, plan: Mapping[str, Any]) -> float:
    """How long something may take: as asked for, or the task's `call_s`; at most the rest of the run."""
    wanted = plan["call_ms"] / 1000 if timeout_s is None else timeout_s
    left: float = channel.remaining_s()
    return max(0.001, min(wanted, left))


def content(given: str | bytes) -> bytes:
    """The bytes of a file or of input; text as UTF-8."""
    return given.encode() if isinstance(given, str) else bytes(given)


def path(given: str) -> str:
    """The path of a file in a box.

    Raises:
        ValueError: it is not a plain relative one.
    """
    try:
        return folders.check_path(given)
    except folders.FolderError as error:
        raise ValueError(str(error)) from error


def field(reply: Mapping[str, Any], name: str, kind: type[Value]) -> Value:
    """A field of a reply, of exactly this type.

    Raises:
        failure.TestEnded: it is not there, or of another type.
    """
    value = reply.get(name)
    if type(value) is not kind:
        raise failure.TestEnded(
            "protocol", f"agent: expected {name} as {kind.__name__}, got {type(value).__name__}"
        )
    return value


def reply_path(found: object) -> str:
    """A path in a reply.

    Raises:
        failure.TestEnded: it is not a plain relative one.
    """
    try:
        return folders.check_path(found)
    except folders.FolderError as error:
        raise failure.TestEnded("protocol", f"agent: {error}") from error


def text(value: object) -> str:
    """What a reply says, in short, for an error text."""
    return str(value)[:_TEXT_CHARS] if isinstance(value, str | int) else type(value).__name__


def note(reply: Mapping[str, Any]) -> None:
    """Put what a program printed into the report of the running test."""
    for name in ("stdout", "stderr", "log"):
        printed = reply.get(name)
        if isinstance(printed, bytes) and printed:
            channel.note_output(printed[:_NOTE_BYTES].decode(errors="replace"))
