"""The grader's end of the socket: the learner's waiting process, and the processes forked from it.

Comes in: connections, each introduced by the nonce and a token that is good once. Goes out: `Process`es
that answer calls within time and print within bounds, and raw connections for the black-box agents.
"""

from __future__ import annotations

import codecs
import errno
import json
import os
import secrets
import select
import signal
import socket
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import frames, stream
from .failure import TestEnded

#: After this long without an answer, printed output is read and clocks are looked at.
_TICK_US = 10_000
_HELLO_BYTES = 1024
_CONTROL_BYTES = 4096
_REPLY_SLACK = 1024
#: How long the waiting process may take for an answer; it does little, but may have much to kill or remove.
_CONTROL_S = 15.0


class ZygoteMissing(Exception):
    """The learner's waiting process has not connected: no fault of the submission, which has not run."""


@dataclass
class Counters:
    """The learner's cgroup counters when last looked at."""

    oom: int = 0
    forks: int = 0


@dataclass
class Hub:
    """Accepts and introduces connections.

    Args:
        plan: the grader's start plan.
        deadline: when the whole run ends, by `time.monotonic`.
    """

    plan: Mapping[str, Any]
    deadline: float
    made: int = 0
    gone: bool = False
    longest_s: float = 0.0  #: the longest that the learner's side took for one request
    counters: Counters = field(default_factory=Counters)

    def __post_init__(self) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self.plan["socket"])
        os.chmod(self.plan["socket"], 0o666)  # noqa: S103 - another user's process connects; the nonce tells who
        self._listener.listen(64)
        self._listener.setblocking(False)
        self._control: socket.socket | None = None
        self._asked = 0

    def remaining_s(self) -> float:
        """Until the run's deadline."""
        return self.deadline - time.monotonic()

    def connect_zygote(self, *, within_s: float) -> None:
        """Wait for the learner's waiting process.

        Raises:
            ZygoteMissing: it did not connect in time.
        """
        found = self._introduced({("zygote", "")}, time.monotonic() + within_s)
        if not found:
            raise ZygoteMissing(f"expected the learner's side to connect within {within_s:.0f} s")
        self._control = found["zygote"]
        self._control.settimeout(_CONTROL_S)
        # A base line: only what moves after it is this run's doing.
        self.counted(self.ask({"op": "count"}))

    def _introduced(self, wanted: set[tuple[str, str]], deadline: float) -> dict[str, socket.socket]:
        """The connections that say they are the wanted ones, by role; empty if not all came in time."""
        found: dict[str, socket.socket] = {}
        callers: dict[int, tuple[socket.socket, bytes]] = {}
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        while len(found) < len(wanted) and (left := deadline - time.monotonic()) > 0:
            for descriptor, _ in poll.poll(max(1, left * 1000)):
                if descriptor == self._listener.fileno():
                    self._take(callers, poll)
                    continue
                caller, said = callers[descriptor]
                said = self._hear(caller, said)
                callers[descriptor] = caller, said
                hello = _hello(said, self.plan["nonce"])
                if hello is None:
                    continue
                poll.unregister(descriptor)
                del callers[descriptor]
                if hello in wanted and hello[0] not in found:
                    caller.setblocking(True)
                    found[hello[0]] = caller
                else:
                    caller.close()
        for caller, _ in callers.values():
            caller.close()
        if len(found) < len(wanted):
            for caller in found.values():
                caller.close()
            return {}
        return found

    def _take(self, callers: dict[int, tuple[socket.socket, bytes]], poll: select.poll) -> None:
        try:
            caller, _ = self._listener.accept()
        except OSError:
            return  # it has gone again
        if len(callers) >= 64:
            caller.close()
            return
        caller.setblocking(False)
        callers[caller.fileno()] = caller, b""
        poll.register(caller, select.POLLIN)

    def _hear(self, caller: socket.socket, said: bytes) -> bytes:
        # Not a byte beyond the introduction: what follows belongs to whoever asked for the connection.
        want = frames.HEADER.size - len(said)
        if want <= 0:
            want = frames.HEADER.unpack_from(said)[0] - len(said) + frames.HEADER.size
        try:
            data = caller.recv(max(1, min(want, _HELLO_BYTES)))
        except BlockingIOError:
            return said
        except OSError:
            data = b""
        return said + data if data else b"\xff" * 8

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """What the learner's waiting process answers; `{}` if it is gone."""
        if self._control is None or self.gone:
            return {}
        self._asked += 1
        try:
            stream.send(self._control, json.dumps({**request, "id": self._asked}).encode())
            while True:
                answer = json.loads(stream.receive(self._control, limit_bytes=_CONTROL_BYTES))
                if answer.pop("id") == self._asked:
                    break
                # An answer to a question that the run's deadline cut short.
        except (stream.Closed, frames.FrameError, ValueError, KeyError, AttributeError, OSError):
            self.gone = True
            return {}
        return dict(answer)

    def counted(self, answer: Mapping[str, Any]) -> str | None:
        """The limit that a cgroup counter shows as hit since the last look, as a reason, or None."""
        oom, forks = answer.get("oom"), answer.get("forks")
        reason = None
        if isinstance(forks, int):
            if forks > self.counters.forks:
                reason = "processes"
            self.counters.forks = forks
        if isinstance(oom, int):
            if oom > self.counters.oom:
                reason = "memory"
            self.counters.oom = oom
        return reason

    def limit_hit(self) -> str | None:
        """As `counted`, after asking."""
        return self.counted(self.ask({"op": "count"}))

    def spawn(self, mode: str, roles: tuple[str, ...]) -> tuple[str, dict[str, socket.socket]]:
        """A fresh process of the learner's, by its token, and its connections by role.

        Raises:
            TestEnded: there is no room for one more, or the learner's side is gone.
        """
        if self.remaining_s() <= 0:
            raise TestEnded("timeout", "the time of the whole run was up")
        token = secrets.token_hex(16)
        answer = self.ask({"op": "spawn", "token": token, "mode": mode})
        if "pid" not in answer:
            self._refuse(answer)
        self.made += 1
        until = min(time.monotonic() + 10.0, self.deadline)
        lines = self._introduced({(role, token) for role in roles}, until)
        if not lines:
            if self.remaining_s() <= 0:
                raise TestEnded("timeout", "the time of the whole run was up")
            raise TestEnded(*self.end(token, "a fresh process of the submission did not start"))
        return token, lines

    def _refuse(self, answer: Mapping[str, Any]) -> None:
        reason = self.counted(answer)
        if self.gone or not answer:
            raise TestEnded("crash", "the learner's container has ended")
        code = answer.get("errno")
        if reason is None:
            reason = {errno.EAGAIN: "processes", errno.ENOSPC: "disk", errno.ENOMEM: "memory"}.get(
                code if isinstance(code, int) else 0, "crash"
            )
        raise TestEnded(reason, f"no fresh process of the submission could be started: {answer.get('error')}")

    def end(self, token: str, what: str, *, grace_s: float = 0.0) -> tuple[str, str]:
        """Kill a process of the learner's with all that it started; why it may have ended, and in words."""
        answer = self.ask({"op": "end", "token": token, "grace_ms": int(grace_s * 1000)})
        if self.gone:
            return "crash", f"{what}: the learner's container has ended"
        hit = self.counted(answer)
        status = answer.get("status")
        if hit == "memory":
            return "memory", f"{what}: the memory limit was hit"
        words = _how(status) if isinstance(status, int) else "it closed its connection"
        return ("processes" if hit else "crash"), f"{what}: {words}"

    def tunnel(self, token: str) -> socket.socket | None:
        """The connection that an agent opens under a token, if it comes."""
        within = min(5.0, max(0.1, self.remaining_s()))
        return self._introduced({("tunnel", token)}, time.monotonic() + within).get("tunnel")

    def close(self) -> None:
        """Hang up; the learner's side ends itself."""
        self._listener.close()
        if self._control is not None:
            self._control.close()


def _hello(said: bytes, nonce: str) -> tuple[str, str] | None:
    """Who calls: role and token; ("", "") for a stranger; None while it is not complete."""
    if len(said) < frames.HEADER.size:
        return None
    (length,) = frames.HEADER.unpack_from(said)
    if length > _HELLO_BYTES:
        return "", ""
    if len(said) < frames.HEADER.size + length:
        return None
    try:
        hello = json.loads(said[frames.HEADER.size :])
        if not secrets.compare_digest(str(hello["nonce"]).encode(), nonce.encode()):
            return "", ""
        return str(hello["role"]), str(hello["token"])
    except (ValueError, TypeError, KeyError):
        return "", ""


def _how(status: int) -> str:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            return f"it was ended by {signal.Signals(number).name}"
        except ValueError:
            return f"it was ended by signal {number}"
    return f"it exited with status {os.waitstatus_to_exitcode(status)}"


class Process:
    """One process that runs the submission, and what the grader holds for it.

    Args:
        hub: where it was forked.
        output_bytes: how much it may print in one test.
        reply_bytes: the largest answer.
        replay: takes printed text as it comes: name of the stream ("out" or "err") and text.
    """

    def __init__(
        self, hub: Hub, *, output_bytes: int, reply_bytes: int, replay: Callable[[str, str], None]
    ) -> None:
        self._hub = hub
        self.token, lines = hub.spawn("runner", ("call", "out", "err"))
        self._call = lines["call"]
        self._reader = stream.Reader(self._call)
        self._limit = reply_bytes + _REPLY_SLACK
        self._output_bytes = output_bytes
        self._replay = replay
        self.printed = 0
        self.alive = True
        #: By handle: weak references to proxies; exports lent to this process, by `id` what is said of each;
        #: handles to be released.
        self.proxies: dict[int, Any] = {}
        self.exports: dict[int, Any] = {}
        self.export_ids: dict[int, int] = {}
        self.lent: dict[int, list[Any]] = {}
        self.dead: dict[int, None] = {}
        #: What a name of a module means, until the process says that it means something else.
        self.names: dict[tuple[str, str], Any] = {}
        self.kept: list[Any] = []
        self._call.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, _TICK_US))
        self._call.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 5, 0))
        self._prints = select.poll()
        self._all = select.poll()
        self._all.register(self._call, select.POLLIN)
        self._streams: dict[int, tuple[str, socket.socket, codecs.IncrementalDecoder]] = {}
        for name in ("out", "err"):
            decoder = codecs.getincrementaldecoder("utf-8")("replace")
            self._streams[lines[name].fileno()] = name, lines[name], decoder
            self._prints.register(lines[name], select.POLLIN)
            self._all.register(lines[name], select.POLLIN)
        self._until = 0.0

    def exchange(self, payload: bytes, *, until: float) -> memoryview:
        """The answer to a request, good until the next.

        Args:
            payload: the request.
            until: the deadline of this call, by `time.monotonic`.

        Raises:
            TestEnded: with the reason; the process has been ended.
        """
        __tracebackhide__ = True
        self._until = until
        try:
            stream.send(self._call, payload)
            answer = self._reader.receive(limit_bytes=self._limit, wait=self._wait)
        except BlockingIOError:
            raise self.end("timeout", "the submission did not read a call in time") from None
        except (stream.Closed, OSError):
            self.drain()
            reason, message = self._hub.end(self.token, "the submission's process ended", grace_s=0.3)
            self._close()
            raise TestEnded(reason, message) from None
        except frames.FrameError as error:
            raise self.end("protocol", f"the submission broke the messages: {error}") from error
        if self._prints.poll(0):
            self.drain()
        return answer

    def _wait(self) -> None:
        __tracebackhide__ = True
        left = self._until - time.monotonic()
        if left <= 0:
            raise self.end("timeout", "the submission's time was up")
        for descriptor, _ in self._all.poll(min(left, 0.5) * 1000):
            if descriptor != self._call.fileno():
                self._read(descriptor)

    def drain(self) -> None:
        """Read what has been printed, and replay it.

        Raises:
            TestEnded: it is more than one test may print.
        """
        while ready := self._prints.poll(0):
            for descriptor, _ in ready:
                self._read(descriptor)

    def _read(self, descriptor: int) -> None:
        name, line, decoder = self._streams[descriptor]
        try:
            data = line.recv(65536)
        except OSError:
            data = b""
        if not data:
            # Closed by the submission; a closed stream is always ready, so it is looked at no more.
            self._prints.unregister(descriptor)
            self._all.unregister(descriptor)
            return
        self._replay(name, decoder.decode(data))
        self.spend(len(data))

    def spend(self, size: int) -> None:
        """Count what the submission printed, by whatever way it came.

        Raises:
            TestEnded: it is more than one test may print.
        """
        self.printed += size
        if self.printed > self._output_bytes:
            raise self.end("output", f"expected at most {self._output_bytes} bytes of output, got more")

    def end(self, reason: str, message: str) -> TestEnded:
        """End the process for a reason; the exception to raise."""
        if self.alive:
            found, words = self._hub.end(self.token, message)
            if found in ("memory", "processes"):
                reason, message = found, words
            self._close()
        return TestEnded(reason, message)

    def _close(self) -> None:
        self.alive = False
        self._call.close()
        for _, line, _ in self._streams.values():
            line.close()

    def stop(self) -> None:
        """End the process; nobody needs it any more."""
        if self.alive:
            self._hub.end(self.token, "done")
            self._close()
