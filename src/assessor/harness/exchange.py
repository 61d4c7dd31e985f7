"""One HTTP/1.1 exchange with a hostile server, over a connection that is already open.

Comes in: a request, a connected socket, a deadline and a bound. Goes out: a `Response`, or the reason why
there is none. How the connection was made, and whose fault its end is, is left to `fixtures`.

`http.client` does the talking, with three holes closed: its timeout counts for each read (a server that
drips a byte now and then would hold it for ever), it reads any number of interim answers, and it takes
memory for as many bytes as a header or a chunk announces. Source: RFC 9112.
"""

from __future__ import annotations

import http.client
import io
import json
import math
import re
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

_CHUNK = 64 * 1024
#: What status line, headers and chunk marks may need beside the body.
_HEAD_BYTES = 256 * 1024
#: Encodings that a body may name; some of Python's others take time squared to decode.
_ENCODINGS = {"utf-8": "utf-8", "us-ascii": "utf-8", "iso-8859-1": "iso-8859-1", "latin-1": "iso-8859-1"}


_CHARSET = re.compile(r";\s*charset=\"?([\w-]+)", re.ASCII | re.IGNORECASE)


class ExchangeFailed(Exception):
    """There is no whole answer.

    Attributes:
        reason: timeout, output (too large), protocol (not HTTP), or crash (the connection was closed).
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Response:
    """What a service answered.

    Attributes:
        status: the status code, 100 to 999.
        headers: the headers, looked up without regard to case; `get_all(name)` gives repeated ones.
        body: the bytes of the body, chunks joined; a content encoding is left as it is.
        seconds: from the first byte sent to the last one read, by the grader's clock.
    """

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    seconds: float

    @property
    def text(self) -> str:
        """The body as text, in the encoding that it names if that is a harmless one, wrong bytes replaced."""
        # Not by `get_param`, whose time grows with the square of a hostile header.
        named = _CHARSET.search(str(self.headers.get("content-type", "")))
        encoding = _ENCODINGS.get(named[1].lower(), "utf-8") if named else "utf-8"
        return self.body.decode(encoding, errors="replace")

    def json(self) -> Any:
        """The body as JSON. Source: RFC 8259, which knows no NaN and no Infinity.

        Raises:
            ValueError: it is not JSON.
        """
        return json.loads(self.body, parse_constant=_refuse_constant)


def talk(
    line: socket.socket,
    method: str,
    path: str,
    *,
    host: str,
    body: bytes,
    headers: Mapping[str, str],
    timeout_s: float,
    limit_bytes: int,
) -> Response:
    """Send a request and take the answer; the connection is closed after it.

    Args:
        line: a connected stream.
        method: the method.
        path: the request target, from `/` on.
        host: the value of `Host`.
        body: bytes to send, maybe none.
        headers: headers to send beside `Host`, `Connection` and `Content-Length`.
        timeout_s: how long all of it may take, however alive the connection is.
        limit_bytes: how large the answer's body may be.

    Raises:
        ExchangeFailed: there is no whole answer.
        ValueError: method, path or a header is none that can be sent.
    """
    begun = time.monotonic()
    wire = _Wire(line, deadline=begun + timeout_s, limit_bytes=limit_bytes + _HEAD_BYTES)
    what = f"{method} {path}"
    connection = http.client.HTTPConnection(host)
    connection.sock = wire  # it calls three methods of a socket
    try:
        # A server may answer, and close, before it has read all of a body.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request(method, path, body=body or None, headers={"Connection": "close", **headers})
        answer = connection.getresponse()
        content = _body(answer, limit_bytes)
        return Response(
            status=answer.status, headers=answer.msg, body=content, seconds=time.monotonic() - begun
        )
    except TimeoutError as error:
        raise ExchangeFailed(
            "timeout", f"{what}: expected the whole answer within {timeout_s:g} s"
        ) from error
    except _TooLarge as error:
        raise ExchangeFailed(
            "output", f"{what}: expected a body of at most {limit_bytes} bytes, got more"
        ) from error
    except (http.client.RemoteDisconnected, ConnectionError) as error:
        raise ExchangeFailed("crash", f"{what}: expected an answer, the connection was closed") from error
    except http.client.InvalidURL as error:
        raise ValueError(f"{method} {path!r}: {error}") from error
    except http.client.HTTPException as error:
        text = f"{type(error).__name__}: {error}"[:200]
        raise ExchangeFailed("protocol", f"{what}: expected HTTP/1.1, got {text!r}") from error
    finally:
        connection.close()
        line.close()


def _body(answer: http.client.HTTPResponse, limit_bytes: int) -> bytes:
    if answer.length is not None and answer.length > limit_bytes:
        raise _TooLarge
    parts = []
    size = 0
    # In pieces: asked for all at once, http.client takes memory for what the headers announce.
    while part := answer.read(_CHUNK):
        size += len(part)
        if size > limit_bytes:
            raise _TooLarge
        parts.append(part)
    if answer.length:
        raise http.client.IncompleteRead(b"", answer.length)
    return b"".join(parts)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"expected JSON, got {name}")


class _TooLarge(Exception):
    """More came than is allowed."""


class _Wire:
    """As much of a socket as `http.client` uses, with one deadline and one bound for all of it."""

    def __init__(self, line: socket.socket, *, deadline: float, limit_bytes: int) -> None:
        self._line = line
        self._deadline = deadline
        self._left_bytes = limit_bytes

    def sendall(self, data: bytes) -> None:
        self._arm()
        self._line.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        assert mode == "rb"
        return io.BufferedReader(_Reader(self))

    def close(self) -> None:
        """Nothing: the answer is read after http.client lets go of the connection."""

    def receive_into(self, buffer: bytearray | memoryview) -> int:
        self._arm()
        count = self._line.recv_into(buffer)
        self._left_bytes -= count
        if self._left_bytes < 0:
            raise _TooLarge
        return count

    def _arm(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._line.settimeout(math.ceil(left * 1000) / 1000)


class _Reader(io.RawIOBase):
    def __init__(self, wire: _Wire) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._wire.receive_into(buffer)
