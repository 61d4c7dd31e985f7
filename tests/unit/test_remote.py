"""Fetching documents of others: over https alone, from the public internet alone, within bounds."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assessor.errors import RemoteFault
from assessor.openbadges import remote
from tests import receiver

HOST = "badges.example.org"
LOOPBACK = (ipaddress.ip_address("127.0.0.1"),)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for `HOST`, in one file."""
    return receiver.certify(tmp_path_factory.mktemp("tls"), HOST)


class Server:
    """Answers each connection with what a test says."""

    def __init__(self, certificate: Path, answer: Callable[[socket.socket, bytes], None]) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._answer = answer
        self.asked: list[bytes] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listening.accept()
            except OSError:
                return
            try:
                with self._context.wrap_socket(plain, server_side=True) as connection:
                    request = b""
                    while b"\r\n\r\n" not in request:
                        request += connection.recv(4096)
                    self.asked.append(request)
                    self._answer(connection, request)
            except OSError:
                continue

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(5)


Serve = Callable[[Callable[[socket.socket, bytes], None]], Server]


@pytest.fixture
def serve(certificate: Path) -> Iterator[Serve]:
    made: list[Server] = []

    def start(answer: Callable[[socket.socket, bytes], None]) -> Server:
        made.append(Server(certificate, answer))
        return made[-1]

    yield start
    for server in made:
        server.close()


def at_home(certificate: Path, **bounds: float) -> remote.Remote:
    """One that reaches this machine under the name of another, for the sake of these tests."""
    return remote.Remote(
        bounds=remote.Bounds(**bounds),  # type: ignore[arg-type]
        resolve=lambda host, port: LOOPBACK,
        public=lambda address: True,
        tls=ssl.create_default_context(cafile=str(certificate)),
    )


def said(body: bytes, *, status: str = "200 OK", more: str = "") -> Callable[[socket.socket, bytes], None]:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode()
    return lambda connection, request: connection.sendall(head + body)


def test_document_is_fetched_by_its_name_from_the_address_that_was_looked_at(
    serve: Serve, certificate: Path
) -> None:
    server = serve(said(b'{"id": 1}'))
    assert at_home(certificate).get(f"https://{HOST}:{server.port}/did.json?x=1") == b'{"id": 1}'
    (request,) = server.asked
    assert request.startswith(b"GET /did.json?x=1 HTTP/1.1\r\n")
    assert f"Host: {HOST}:{server.port}".encode() in request


def test_certificate_of_another_name_is_refused(serve: Serve, certificate: Path) -> None:
    server = serve(said(b"{}"))
    with pytest.raises(RemoteFault, match="CERTIFICATE_VERIFY_FAILED"):
        at_home(certificate).get(f"https://other.example.org:{server.port}/")
    assert server.asked == []


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1",
        "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1",
        "fc00::1", "fd12::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
        "2002:7f00:1::", "2001:db8::1", "2001:0:7f00:1::", "fec0::1", "64:ff9b:1::7f00:1", "192.0.0.8",
        "192.88.99.1", "3fff::1", "::127.0.0.1", "::ffff:0:127.0.0.1",
    ],
)  # fmt: skip
def test_address_that_is_not_public_is_never_connected_to(address: str) -> None:
    asked = remote.Remote(resolve=lambda host, port: (ipaddress.ip_address(address),))
    with pytest.raises(RemoteFault, match="expected a host of the public internet, got "):
        asked.get(f"https://{HOST}/did.json")


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_public_address_is_one(address: str) -> None:
    assert remote.is_public(ipaddress.ip_address(address))


@given(st.ip_addresses(v=4))
def test_dressed_address_is_as_public_as_what_it_hides(hidden: ipaddress.IPv4Address) -> None:
    number = int(hidden)
    for dressed in (0xFFFF << 32 | number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80):
        if not remote.is_public(hidden):
            assert not remote.is_public(ipaddress.IPv6Address(dressed))


def test_private_address_among_public_ones_is_refused() -> None:
    both = (ipaddress.ip_address("93.184.216.34"), ipaddress.ip_address("127.0.0.1"))
    with pytest.raises(RemoteFault, match=r"public internet, got 127\.0\.0\.1"):
        remote.Remote(resolve=lambda host, port: both).get(f"https://{HOST}/")


def test_name_is_looked_up_once_so_that_it_cannot_move_meanwhile(serve: Serve, certificate: Path) -> None:
    server = serve(said(b"{}"))
    answers = iter([LOOPBACK])
    asked = remote.Remote(
        resolve=lambda host, port: next(answers),
        public=lambda address: True,
        tls=ssl.create_default_context(cafile=str(certificate)),
    )
    assert asked.get(f"https://{HOST}:{server.port}/") == b"{}"


@pytest.mark.parametrize(
    "url",
    [
        "http://badges.example.org/", "file:///etc/passwd", "ftp://badges.example.org/", "https://", "https:///x",
        "https://a:b@badges.example.org/", "https://badges.example.org:0/", "https://badges.example.org:99999/",
        "https://badges.example.org/a b", "https://badges.example.org/\r\nX: y", "https://bädges.example.org/",
        "https://[::1/", "https://badges.example.org/" + "a" * 3000, "", "did:web:badges.example.org",
    ],
)  # fmt: skip
def test_address_of_another_kind_is_refused_without_a_look_up(url: str) -> None:
    def never(host: str, port: int) -> tuple[remote.Address, ...]:
        raise AssertionError(f"looked up {host}")

    with pytest.raises(RemoteFault):
        remote.Remote(resolve=never).get(url)


@pytest.mark.parametrize("url", ["https://127.0.0.1/", "https://[::1]/", "https://2130706433/", "https://0/"])
def test_literal_of_this_machine_is_refused_by_the_real_look_up(url: str) -> None:
    with pytest.raises(RemoteFault, match=r"public internet|expected an address for"):
        remote.Remote().get(url)


def test_redirect_is_followed_and_checked_like_the_first_address(serve: Serve, certificate: Path) -> None:
    last = serve(said(b"there"))
    first = serve(said(b"", status="302 Found", more=f"Location: https://{HOST}:{last.port}/there\r\n"))
    assert at_home(certificate).get(f"https://{HOST}:{first.port}/") == b"there"
    for where in ("http://badges.example.org/", "https://10.0.0.1/", "file:///etc/passwd"):
        away = serve(said(b"", status="301 Moved", more=f"Location: {where}\r\n"))
        asked = remote.Remote(
            resolve=lambda host, port: LOOPBACK if host == HOST else (ipaddress.ip_address(host),),
            public=lambda address: address in LOOPBACK or remote.is_public(address),
            tls=ssl.create_default_context(cafile=str(certificate)),
        )
        with pytest.raises(RemoteFault, match=r"another kind|public internet, got 10\.0\.0\.1"):
            asked.get(f"https://{HOST}:{away.port}/")


@pytest.mark.parametrize("target", ["https://[", "//[", "https://[x]:y/"])
def test_redirect_to_no_address_is_refused(serve: Serve, certificate: Path, target: str) -> None:
    server = serve(said(b"", status="302 Found", more=f"Location: {target}\r\n"))
    with pytest.raises(RemoteFault, match="expected a redirect to an address, got: "):
        at_home(certificate).get(f"https://{HOST}:{server.port}/")


def test_redirects_in_a_circle_end(serve: Serve, certificate: Path) -> None:
    server = serve(said(b"", status="302 Found", more="Location: /again\r\n"))
    with pytest.raises(RemoteFault, match="at most 3 redirects, got more"):
        at_home(certificate).get(f"https://{HOST}:{server.port}/")
    assert len(server.asked) == 4


def test_document_that_is_too_large_is_refused_whatever_it_promised(serve: Serve, certificate: Path) -> None:
    def endless(connection: socket.socket, request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(1000):
            connection.sendall(b"x" * 65536)

    for answer in (said(b"x" * 2000), endless):
        server = serve(answer)
        with pytest.raises(RemoteFault, match="expected at most 1000 bytes, got more"):
            at_home(certificate, size_bytes=1000).get(f"https://{HOST}:{server.port}/")


def test_many_documents_together_take_no_longer_than_all_may(serve: Serve, certificate: Path) -> None:
    """A stranger's credential may name two thousand addresses, each of which answers just in time."""
    server = serve(drip(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100))
    asked = at_home(certificate, seconds=0.4, total_seconds=1.0)
    start = time.monotonic()
    for number in range(20):
        with pytest.raises(RemoteFault, match=r"within|expected at most 1 s for all documents together"):
            asked.get(f"https://{HOST}:{server.port}/{number}")
    assert time.monotonic() - start < 3


def test_many_documents_together_are_no_larger_than_all_may_be(serve: Serve, certificate: Path) -> None:
    server = serve(said(b"x" * 600))
    asked = at_home(certificate, total_bytes=1000)
    for number in range(2):
        assert len(asked.get(f"https://{HOST}:{server.port}/{number}")) == 600
    with pytest.raises(RemoteFault, match="expected at most 1000 bytes of all documents together"):
        asked.get(f"https://{HOST}:{server.port}/3")
    assert len(server.asked) == 2


def drip(*parts: bytes, pause_s: float = 0.05) -> Callable[[socket.socket, bytes], None]:
    def answer(connection: socket.socket, request: bytes) -> None:
        for part in parts:
            for at in range(len(part)):
                connection.sendall(part[at : at + 1])
                time.sleep(pause_s)

    return answer


def silent(connection: socket.socket, request: bytes) -> None:
    time.sleep(1)


@pytest.mark.parametrize(
    "answer",
    [silent, drip(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100), drip(b"HTTP/1.1 200 OK\r\n\r\n" + b"z" * 100)],
    ids=["silence", "header by header", "byte by byte"],
)
def test_slow_answer_is_cut_at_the_deadline(
    serve: Serve, certificate: Path, answer: Callable[[socket.socket, bytes], None]
) -> None:
    server = serve(answer)
    start = time.monotonic()
    with pytest.raises(RemoteFault, match=r"expected an answer within 0\.5 s, got none"):
        at_home(certificate, seconds=0.5).get(f"https://{HOST}:{server.port}/")
    assert time.monotonic() - start < 2


def test_handshake_that_never_comes_is_cut_at_the_deadline(certificate: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        pytest.raises(RemoteFault, match=r"within 0\.3 s"),
    ):
        at_home(certificate, seconds=0.3).get(f"https://{HOST}:{listening.getsockname()[1]}/")


def test_look_up_that_never_answers_is_left_at_the_deadline() -> None:
    gone = threading.Event()

    def never(host: str, port: int) -> tuple[remote.Address, ...]:
        gone.wait(5)
        return ()

    asked = remote.Remote(bounds=remote.Bounds(seconds=0.2), resolve=never)
    with pytest.raises(RemoteFault, match=r"within 0\.2 s"):
        asked.get(f"https://{HOST}/")
    gone.set()


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (said(b"no", status="404 Not Found"), "expected a document, got status 404"),
        (said(b"", status="204 No Content"), "got status 204"),
        (said(b"x", more="Content-Encoding: gzip\r\n"), "got a compressed one"),
        (
            lambda connection, request: connection.sendall(b"nonsense\r\n\r\n"),
            "expected an answer over https",
        ),
        (
            lambda connection, request: connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"
            ),
            "IncompleteRead|bytes more",
        ),
    ],
)
def test_answer_that_is_no_document_is_refused(
    serve: Serve, certificate: Path, answer: Callable[[socket.socket, bytes], None], problem: str
) -> None:
    server = serve(answer)
    with pytest.raises(RemoteFault, match=problem):
        at_home(certificate).get(f"https://{HOST}:{server.port}/")


def test_nobody_listening_is_a_fault_in_words(certificate: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(RemoteFault, match="expected a connection, got"):
        at_home(certificate).get(f"https://{HOST}:{port}/")
