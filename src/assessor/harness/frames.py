"""Length-framed messages: a big-endian u32 length, then that many bytes.

Runs on both sides of every stream of a sandbox (attached standard streams, the bridge's socket), so it
uses the standard library only.
"""

from __future__ import annotations

import struct

HEADER = struct.Struct(">I")


class FrameError(Exception):
    """A stream broke the framing: a frame too large, or an end in the middle of one."""


def encode(payload: bytes) -> bytes:
    """One frame."""
    return HEADER.pack(len(payload)) + payload


class Decoder:
    """Takes bytes as they come and gives whole payloads back.

    Args:
        limit_bytes: the largest payload that is accepted.
    """

    def __init__(self, *, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The payloads completed by `data`, in order.

        Raises:
            FrameError: a frame announces more than the limit; the stream cannot be read any further.
        """
        self._buffer += data
        payloads = []
        while len(self._buffer) >= HEADER.size:
            (length,) = HEADER.unpack_from(self._buffer)
            if length > self._limit_bytes:
                raise FrameError(f"expected a frame of at most {self._limit_bytes} bytes, got {length}")
            if len(self._buffer) < HEADER.size + length:
                break
            payloads.append(bytes(self._buffer[HEADER.size : HEADER.size + length]))
            del self._buffer[: HEADER.size + length]
        return payloads

    @property
    def pending(self) -> int:
        """How many bytes of an unfinished frame are held."""
        return len(self._buffer)
