"""One HTTP exchange, with servers that answer as a hostile one may."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from assessor.harness import exchange

OK = b"HTTP/1.1 200 OK\r\n"


def _whole(request: bytes) -> bool:
    """Whether a request is there to its end; its head and its body may come in pieces."""
    head, end, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *([0-9]+)", head)
    return bool(end) and len(body) >= (int(length[1]) if length else 0)


class Server:
    """The other end of a connection: sends its pieces, then closes or waits until it is let go.

    Args:
        pieces: what it sends, in order, after the first bytes of the request came.
        endless: a piece that it sends for ever after them.
        close: whether it closes at the end.
    """

    def __init__(self, *pieces: bytes, endless: bytes = b"", close: bool = True) -> None:
        self.line, self._own = socket.socketpair()
        self.request = b""
        self._pieces, self._endless, self._close = pieces, endless, close
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with self._own:
            try:
                while not _whole(self.request) and (more := self._own.recv(65536)):
                    self.request += more
                for piece in self._pieces:
                    self._own.sendall(piece)
                while self._endless:
                    self._own.sendall(self._endless)
                while not self._close and self._own.recv(65536):
                    pass
            except OSError:
                pass  # the client hung up, which ends every one of these servers

    def talk(self, method: str = "GET", path: str = "/", **more: Any) -> exchange.Response:
        defaults: dict[str, Any] = {"body": b"", "headers": {}, "timeout_s": 20, "limit_bytes": 100_000}
        try:
            return exchange.talk(self.line, method, path, host="127.0.0.1:8000", **{**defaults, **more})
        finally:
            self._thread.join()


def test_answer_comes_back_whole() -> None:
    server = Server(
        OK + b"Content-Type: application/json\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 9\r\n\r\n",
        b'{"a": [1]}'[:9],
    )
    response = server.talk("POST", "/things?q=1", body=b"hi", headers={"X-Mine": "yes"})
    assert (response.status, response.body) == (200, b'{"a": [1]')
    assert response.headers.get_all("X-A") == ["1", "2"]
    head, _, body = server.request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /things?q=1 HTTP/1.1\r\n")
    for header in (b"Host: 127.0.0.1:8000", b"Connection: close", b"Content-Length: 2", b"X-Mine: yes"):
        assert header in head.split(b"\r\n")
    assert body == b"hi"


def test_chunks_are_joined() -> None:
    server = Server(OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n")
    assert server.talk().body == b"abcde"


def test_body_until_the_connection_closes_is_whole() -> None:
    assert Server(OK + b"\r\n", b"abc", b"def").talk().body == b"abcdef"


def test_interim_answer_is_passed_over() -> None:
    assert Server(b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"\r\nx").talk().body == b"x"


def test_answer_before_the_whole_request_was_read_counts() -> None:
    server = Server(b"HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n")
    assert server.talk("POST", body=b"x" * 4_000_000).status == 413


@pytest.mark.parametrize(
    ("server", "reason", "text"),
    [
        (lambda: Server(), "crash", "GET /: expected an answer, the connection was closed"),
        (lambda: Server(b"hello\r\n\r\n"), "protocol", "BadStatusLine"),
        (lambda: Server(b"HTTP/1.1 xx OK\r\n\r\n"), "protocol", "BadStatusLine"),
        (lambda: Server(OK + b"A: b\r\n" * 200 + b"\r\n"), "protocol", "got more than 100 headers"),
        (lambda: Server(OK + b"A: " + b"b" * 70_000 + b"\r\n\r\n"), "protocol", "LineTooLong"),
        (lambda: Server(OK + b"Content-Length: 9\r\n\r\nabc"), "protocol", "IncompleteRead"),
        (lambda: Server(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"), "protocol", "IncompleteRead"),
        (lambda: Server(OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nab"), "protocol", "IncompleteRead"),
        # Announced, never sent: no memory may be taken for it.
        (lambda: Server(OK + b"Content-Length: 9999999999999\r\n\r\n"), "output", "of at most 100000 bytes"),
        (
            lambda: Server(OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"F" * 12 + b"\r\nab"),
            "protocol",
            "Incomplete",
        ),
        (lambda: Server(OK + b"\r\n", endless=b"x" * 65536), "output", "of at most 100000 bytes, got more"),
        (lambda: Server(endless=b"HTTP/1.1 100 Continue\r\n\r\n" * 100), "output", "got more"),
    ],
)
def test_no_whole_answer_says_why(server: Callable[[], Server], reason: str, text: str) -> None:
    with pytest.raises(exchange.ExchangeFailed) as caught:
        server().talk()
    assert caught.value.reason == reason
    assert text in str(caught.value)


def test_silence_and_drip_end_with_the_time_of_the_whole_exchange() -> None:
    silent = Server(close=False)
    with pytest.raises(exchange.ExchangeFailed, match=r"expected the whole answer within 0\.2 s"):
        silent.talk(timeout_s=0.2)
    # Never a pause, and no end of the status line either; it hangs up only when the client does.
    drip = Server(OK + b"\r\n", endless=b"x")
    with pytest.raises(exchange.ExchangeFailed, match=r"within 0\.2 s"):
        drip.talk(timeout_s=0.2, limit_bytes=2**40)


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/plain", "é".encode(), "é"),
        ('text/plain; charset="ISO-8859-1"', "é".encode("latin-1"), "é"),
        ("text/plain; charset=punycode", "é".encode(), "é"),
        ("text/plain", b"\xff", "�"),
    ],
)
def test_text_follows_the_charset_among_the_harmless(content_type: str, body: bytes, text: str) -> None:
    server = Server(
        OK + f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    )
    assert server.talk().text == text


def test_json_takes_json_alone() -> None:
    assert Server(OK + b'\r\n{"a": [1, null]}').talk().json() == {"a": [1, None]}
    for body in (b"NaN", b"[1,]", b""):
        response = Server(OK + b"\r\n" + body).talk()
        with pytest.raises(ValueError, match=r"expected JSON, got NaN|Illegal|Expecting"):
            response.json()


def test_path_that_would_break_out_of_its_line_is_refused() -> None:
    server = Server()
    with pytest.raises(ValueError, match="control characters"):
        server.talk(path="/a b\r\nX: y")
