"""One strict question-and-answer connection over a stream socket: a frame there, a frame back.

Used by both sides of the bridge. A reader keeps its buffer, larger ones are made only for larger
frames, and what comes beyond the announced length is an error: nobody has reason to speak out of turn.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from . import frames

_CHUNK = 65536
#: The largest buffer that is kept after its frame.
_KEPT = 4 << 20
_SIZE = frames.HEADER.size
_header, _length_of = frames.HEADER.pack, frames.HEADER.unpack_from


class Closed(Exception):
    """The other side has closed the connection."""


def send(sock: socket.socket, payload: bytes) -> None:
    """Send one frame.

    Raises:
        Closed: the other side is gone.
    """
    header = _header(len(payload))
    try:
        if len(payload) <= _CHUNK:
            sock.sendall(header + payload)
        else:
            sock.sendall(header)
            sock.sendall(payload)
    except (BrokenPipeError, ConnectionResetError) as error:
        raise Closed from error


class Reader:
    """Takes the frames of one connection, into a buffer that is used again for each.

    Args:
        sock: a blocking socket; with a receive timeout set, `wait` is called each time it runs out.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._buffer = bytearray(_CHUNK)
        self._view = memoryview(self._buffer)
        self._receive_into = sock.recv_into

    def receive(self, *, limit_bytes: int, wait: Callable[[], None] | None = None) -> memoryview:
        """The payload of the next frame; good until the next one is asked for.

        Args:
            limit_bytes: the largest payload that is accepted.
            wait: returns when there may be something to read, or raises what ends the waiting; asked before
                each further part too, so that a slow drip cannot outlast a deadline.

        Raises:
            Closed: the other side is gone.
            frames.FrameError: the frame is too large, or more came than one frame.
        """
        __tracebackhide__ = True  # an error here is told in the submission's terms, not with these lines
        try:
            got = self._receive_into(self._view)
        except BlockingIOError:
            if wait is None:
                raise
            wait()
            got = self._more(self._view, wait)
        except ConnectionResetError as error:
            raise Closed from error
        if got == 0:
            raise Closed
        if got >= _SIZE:
            (length,) = _length_of(self._buffer)
            if got == length + _SIZE and length <= limit_bytes:
                return self._view[_SIZE:got]
        return self._rest(got, limit_bytes, wait)

    def _rest(self, got: int, limit_bytes: int, wait: Callable[[], None] | None) -> memoryview:
        """The payload of a frame of which the first bytes are there."""
        __tracebackhide__ = True
        view = self._view
        while got < _SIZE:
            if wait is not None:
                wait()
            got += self._more(view[got:], wait)
        (length,) = _length_of(view)
        if length > limit_bytes:
            raise frames.FrameError(f"expected a frame of at most {limit_bytes} bytes, got {length}")
        size = length + _SIZE
        if got > size:
            raise frames.FrameError(f"expected one frame of {length} bytes, got {got - size} bytes more")
        if size > len(view):
            buffer = bytearray(size)
            buffer[:got] = view[:got]
            view = memoryview(buffer)
            if size <= _KEPT:
                self._buffer, self._view = buffer, view
        while got < size:
            if wait is not None:
                wait()
            got += self._more(view[got:size], wait)
        return view[_SIZE:size]

    def _more(self, view: memoryview, wait: Callable[[], None] | None) -> int:
        __tracebackhide__ = True
        while True:
            try:
                got = self._receive_into(view)
            except BlockingIOError:
                if wait is None:
                    raise
                wait()
                continue
            except ConnectionResetError as error:
                raise Closed from error
            if not got:
                raise Closed
            return got


def receive(sock: socket.socket, *, limit_bytes: int, wait: Callable[[], None] | None = None) -> bytes:
    """The payload of the next frame, as `Reader.receive`, to keep."""
    __tracebackhide__ = True
    return bytes(Reader(sock).receive(limit_bytes=limit_bytes, wait=wait))


def connect(path: str, hello: bytes, *, deadline: float | None = None) -> socket.socket:
    """A connection to the socket at `path`, introduced by the frame `hello`.

    Args:
        path: of the unix socket.
        hello: what says who is calling.
        deadline: by `time.monotonic`, until when a socket that is not there yet is tried again.

    Raises:
        OSError: nobody listens there.
    """
    while True:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.connect(path)
        except OSError:
            sock.close()
            if deadline is None or time.monotonic() > deadline:
                raise
            time.sleep(0.002)
            continue
        sock.sendall(frames.encode(hello))
        return sock
