"""HTTP/1.1 over one kept connection, for measuring: it costs less than what it measures.

Comes in: requests. Goes out: answers, and lines of a stream of events. It knows what our own server sends and
nothing else: a length or chunks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came; names of headers in lower case, one value each."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """A connection, opened when it is first used, and again when the server has closed it.

    Args:
        port: of this machine.
        own: the address of the loopback network that it comes from.
        headers: sent with each request.
    """

    def __init__(
        self, port: int, *, own: str = "127.0.0.1", headers: Mapping[str, str] | None = None
    ) -> None:
        self._port = port
        self._own = own
        shared = {"Host": f"127.0.0.1:{port}"} | dict(headers or {})
        self._shared = "".join(f"{name}: {value}\r\n" for name, value in shared.items())
        self._open: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        if self._open is not None:
            self._open[1].close()
        self._open = None

    async def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        """Send a request, and wait for all of its answer."""
        try:
            return await self._ask(path, method, headers or {}, body)
        except (asyncio.IncompleteReadError, ConnectionError):
            if self._open is None:
                raise
            # A kept connection that the server let go of meanwhile: what was sent did not reach it.
            self.close()
            return await self._ask(path, method, headers or {}, body)

    async def events(self, path: str) -> AsyncIterator[str]:
        """The names of a stream's events, as they come; it hangs up at the end."""
        reader = await self._send(path, "GET", {"Accept": "text/event-stream"}, b"")
        try:
            status, headers = await _head(reader)
            if status != 200:
                raise SystemExit(f"{path}: expected a stream of events, got status {status}")
            chunked = headers.get("transfer-encoding") == "chunked"
            while chunk := (await _chunk(reader) if chunked else await reader.read(65536)):
                for line in chunk.decode().splitlines():
                    if line.startswith("event: "):
                        yield line.removeprefix("event: ")
        finally:
            self.close()

    async def _ask(self, path: str, method: str, headers: Mapping[str, str], body: bytes) -> Answer:
        reader = await self._send(path, method, headers, body)
        status, told = await _head(reader)
        if told.get("transfer-encoding") == "chunked":
            data = b""
            while chunk := await _chunk(reader):
                data += chunk
        else:
            data = await reader.readexactly(int(told.get("content-length", "0"))) if status != 304 else b""
        if told.get("connection") == "close":
            self.close()
        return Answer(status=status, headers=told, body=data)

    async def _send(
        self, path: str, method: str, headers: Mapping[str, str], body: bytes
    ) -> asyncio.StreamReader:
        if self._open is None:
            self._open = await asyncio.open_connection(
                "127.0.0.1", self._port, local_addr=(self._own, 0), limit=1024**2
            )
        more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        if body:
            more += f"Content-Length: {len(body)}\r\n"
        reader, writer = self._open
        writer.write(f"{method} {path} HTTP/1.1\r\n{self._shared}{more}\r\n".encode() + body)
        return reader


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    split = (line.partition(":") for line in lines[1:] if line)
    return int(lines[0].split(" ", 2)[1]), {name.lower(): value.strip() for name, _, value in split}


async def _chunk(reader: asyncio.StreamReader) -> bytes:
    size = int(await reader.readuntil(b"\r\n"), 16)
    data = await reader.readexactly(size + 2)
    return data[:size]
