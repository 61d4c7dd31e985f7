"""The way of the black-box fixtures to the learner's side.

Comes in: requests as plain values. Goes out: replies as plain values whose shape the fixtures check, and
streams to loopback ports of the learner's container.
"""

from __future__ import annotations

import secrets
import socket
import struct
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from . import frames, stream
from .agent import REPLY_SLACK_BYTES
from .failure import TestEnded
from .hub import Hub

_TICK_US = 50_000
_hub: Hub | None = None
_note: Callable[[str], None] | None = None


def attach(hub: Hub, note: Callable[[str], None]) -> None:
    """Give the fixtures their way; done once, by the grader.

    Args:
        hub: the connections.
        note: takes printed text for the running test's report.
    """
    global _hub, _note  # pytest makes fixtures from module-level functions: there is no other hold
    _hub, _note = hub, note


def _attached() -> Hub:
    if _hub is None:
        raise RuntimeError("expected the grader to have attached the channel")
    return _hub


def plan() -> Mapping[str, Any]:
    """The grader's start plan."""
    return _attached().plan


def remaining_s() -> float:
    """Until the run's deadline."""
    return _attached().remaining_s()


def note_output(text: str) -> None:
    """Put what a program printed into the running test's report."""
    if _note is not None:
        _note(text)


def took(seconds: float) -> None:
    """Remember how long the learner's side took for a request, if it is the longest yet."""
    hub = _attached()
    hub.longest_s = max(hub.longest_s, seconds)


def open_agent() -> Agent:
    """A fresh agent process on the learner's side.

    Raises:
        TestEnded: there is no room for one, or the learner's side is gone.
    """
    return Agent(_attached())


class Agent:
    """One process on the learner's side that serves requests until it is closed."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._token, lines = hub.spawn("agent", ("call",))
        self._line = lines["call"]
        self._line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, _TICK_US))
        self._limit = int(hub.plan["reply_bytes"]) + REPLY_SLACK_BYTES
        self._open = True

    def request(self, payload: Mapping[str, Any], *, timeout_s: float) -> dict[str, Any]:
        """The agent's reply.

        Args:
            payload: a map of plain values.
            timeout_s: how long it may take; the run's deadline holds besides.

        Raises:
            TestEnded: it took too long, the agent is gone, or what came is not a reply.
        """
        if not self._open:
            raise TestEnded("error", "the program's side was closed already")
        begun = time.monotonic()
        until = begun + min(timeout_s, self._hub.remaining_s())

        def wait() -> None:
            if time.monotonic() > until:
                raise TestEnded("timeout", f"no reply within {timeout_s:g} s")

        try:
            stream.send(self._line, msgspec.msgpack.encode(dict(payload)))
            data = stream.receive(self._line, limit_bytes=self._limit, wait=wait)
            reply = msgspec.msgpack.decode(data)
        except TestEnded:
            self.close()
            raise
        except (stream.Closed, OSError):
            self._open = False
            raise TestEnded(*self._hub.end(self._token, "the program's side ended", grace_s=0.3)) from None
        except (frames.FrameError, msgspec.MsgspecError, RecursionError, ValueError) as error:
            self.close()
            raise TestEnded("protocol", f"the learner's side broke the messages: {error}") from error
        took(time.monotonic() - begun)
        if not isinstance(reply, dict):
            self.close()
            raise TestEnded("protocol", f"expected a map as reply, got {type(reply).__name__}")
        if "too_large" in reply:
            raise TestEnded("output", f"expected a reply of at most {self._limit} bytes, got more")
        return reply

    def tunnel(self, port: int) -> socket.socket:
        """A stream to a port of the loopback interface on the learner's side.

        A refused connection is one that ends at once.

        Raises:
            TestEnded: the agent is gone, or does not open the stream.
        """
        token = secrets.token_hex(16)
        stream_ = None
        reply = self.request({"tunnel": token, "port": port}, timeout_s=5)
        stream_ = self._hub.tunnel(token)
        if stream_ is None:
            raise TestEnded("protocol", f"no connection to port {port}: {reply!r:.200}")
        return stream_

    def close(self) -> None:
        """End the agent and everything that it started."""
        if self._open:
            self._open = False
            self._line.close()
            self._hub.end(self._token, "done")
