"""The attached streams of one container: always drained, by a thread of their own.

A stream that nobody reads can wedge its container in the engine when it is killed, so reading starts before
the container does and ends when the engine closes the stream, whatever else happens. What comes is bounded
here: frames of standard output go to `arrived`, or nowhere once they have broken a rule; of standard error
the last few KiB are kept.

Source: Docker Engine API 1.41, ContainerAttach, "Stream format": a header of one byte (1 output, 2 errors),
three zeros and a big-endian u32 length, then that many bytes.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

import docker

from assessor.errors import SandboxFault
from assessor.harness import frames
from assessor.sandbox import engine, protocol

_HEADER = struct.Struct(">BxxxI")
_OUTPUT = 1
_READ = 64 * 1024
_TAIL = 8 * 1024
#: All that comes out in one run; a suite of thousands of failing tests stays far below.
_MOST = 256 * 1024**2


class Stream:
    """One container's standard streams, attached before it starts.

    Args:
        api: the engine.
        container: its id.
        most_frames: how many frames of standard output are passed on, or None for all.
        arrived: called from the reading thread with each payload of standard output, with the error that
            ended them, and with None once, at the end of the stream.

    Raises:
        SandboxFault: the engine does not attach.
    """

    def __init__(
        self,
        api: docker.APIClient,
        container: str,
        *,
        most_frames: int | None,
        arrived: Callable[[bytes | SandboxFault | None], None],
    ) -> None:
        with engine.answers("attach"):
            # A connection that was handed over is out of the client's pool for good.
            self._raw: Any = api.attach_socket(
                container, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
            )
        self._socket: socket.socket = getattr(self._raw, "_sock", self._raw)
        self._socket.settimeout(None)
        self._arrived = arrived
        self._most_frames = most_frames
        self._decoder: frames.Decoder | None = frames.Decoder(limit_bytes=protocol.EVENT_BYTES)
        self._taken = 0
        self._tail = bytearray()
        self._to_send: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._drain, daemon=True, name="sandbox-drain")]
        self._threads[0].start()

    @property
    def words(self) -> str:
        """The last of standard error."""
        return bytes(self._tail).decode(errors="replace")

    def send(self, data: bytes) -> None:
        """Write to standard input, after all that was sent before; the other side is not waited for."""
        self._to_send.put(data)
        if len(self._threads) == 1:
            self._threads.append(threading.Thread(target=self._write, daemon=True, name="sandbox-send"))
            self._threads[1].start()

    def fresh(self) -> None:
        """Forget what was said before: another run begins."""
        self._taken = 0
        self._tail.clear()

    def close(self, *, timeout_s: float = 5) -> None:
        """Let go of the stream, after the engine has had the time to end it."""
        self._threads[0].join(timeout_s)
        # Wakes a thread that still waits in either direction; the engine may have closed it first.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._to_send.put(None)
        for thread in self._threads:
            thread.join(timeout_s)
        self._raw.close()
        self._socket.close()

    def _write(self) -> None:
        # One thread for all, so that no message comes before, or in the middle of, one that was sent first.
        while (data := self._to_send.get()) is not None:
            try:
                self._socket.sendall(data)
            except OSError:
                # Whoever reads sees the end of the stream; a side that got half a message ends by itself.
                return

    def _drain(self) -> None:
        pending = bytearray()
        while True:
            try:
                data = self._socket.recv(_READ)
            except OSError:
                data = b""
            if not data:
                break
            pending += data
            while len(pending) >= _HEADER.size:
                kind, length = _HEADER.unpack_from(pending)
                if len(pending) < _HEADER.size + length:
                    break
                body = bytes(memoryview(pending)[_HEADER.size : _HEADER.size + length])
                del pending[: _HEADER.size + length]
                if kind == _OUTPUT:
                    self._take(body)
                else:
                    self._tail += body
                    del self._tail[:-_TAIL]
        self._arrived(None)

    def _take(self, body: bytes) -> None:
        if self._decoder is None:
            return
        self._taken += len(body)
        if self._taken > _MOST:
            self._break(f"expected at most {_MOST} bytes of frames, got more")
            return
        try:
            payloads = self._decoder.feed(body)
        except frames.FrameError as error:
            self._break(str(error))
            return
        for payload in payloads:
            if self._most_frames is not None:
                if self._most_frames == 0:
                    self._decoder = None
                    return
                self._most_frames -= 1
            self._arrived(payload)

    def _break(self, problem: str) -> None:
        self._decoder = None
        self._arrived(SandboxFault(f"standard output: {problem}"))
