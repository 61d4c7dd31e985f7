"""Documents of others, fetched from the network within bounds: the one file here that opens a connection.

Comes in: an https address that a credential names, so one that a stranger chose. Goes out: its bytes, or
`RemoteFault`. Nothing is fetched unless somebody made a `Remote`; what the bytes mean and who is believed is
left to `checks`. Bytes of ours go to an address by the same rules (`Remote.post`).

A stranger who chooses an address must reach nothing of ours by it: each name is looked up once, every address
that it has must be one of the public internet, and the connection goes to the very addresses that were looked
at (a name that is looked up again could have moved to 127.0.0.1 meanwhile). All of it, redirects and slow
answers among it, happens within one deadline.
"""

from __future__ import annotations

import http.client
import ipaddress
import os
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from assessor.errors import RemoteFault

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: How an address of the IPv4 internet can be dressed as one of IPv6. Source: RFC 6052, clause 2.1.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
#: Not of the public internet either, whatever the standard library of this or an older Python says of them.
#: Source: IANA's registries of special-purpose addresses; RFC 3879 (site-local ones, which some still use).
_SPECIAL = tuple(
    map(
        ipaddress.ip_network,
        ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "100::/64", "3fff::/20", "fec0::/10"),
    )
)


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """The most that fetching one document may take, and all of them together.

    Attributes:
        seconds: from the look-up of the name to the last byte, redirects included.
        size_bytes: of the document.
        redirects: how many are followed.
        address_chars: length of an address.
        total_seconds: for all documents: a stranger's credential may name many, each as slow as may be.
        total_bytes: of all documents; before the last one.
    """

    seconds: float = 10.0
    size_bytes: int = 4 * 1024**2
    redirects: int = 3
    address_chars: int = 2048
    total_seconds: float = 60.0
    total_bytes: int = 64 * 1024**2


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet, and hides none that is not."""
    if isinstance(address, ipaddress.IPv6Address):
        hidden = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64:
            hidden.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if any(one is not None and not is_public(one) for one in hidden):
            return False
    if any(address in one for one in _SPECIAL):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def look_up(host: str, port: int) -> tuple[Address, ...]:
    """All addresses of a host, in the order in which the system would try them.

    Raises:
        OSError: there is none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found))


def check(url: str, *, bounds: Bounds | None = None) -> None:
    """Nothing, if an address is of the kind that may be asked; whether its host may be is seen when it is.

    Raises:
        RemoteFault: it is not.
    """
    _parts(url, bounds or Bounds())


class Remote:
    """Fetches documents over https, for one who checks one thing: what may be spent is spent once.

    Args:
        bounds: the most that one may take.
        resolve: the look-up of names.
        public: which addresses may be reached.
        tls: certificates that are believed; by default the system's.
    """

    def __init__(
        self,
        *,
        bounds: Bounds | None = None,
        resolve: Callable[[str, int], tuple[Address, ...]] = look_up,
        public: Callable[[Address], bool] = is_public,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._bounds = bounds or Bounds()
        self._resolve = resolve
        self._public = public
        self._tls = tls or ssl.create_default_context()
        self._spent_s = 0.0
        self._spent_bytes = 0

    def get(self, url: str) -> bytes:
        """The document at an address.

        1. Check the address. 2. Look its name up, and check all that it has. 3. Connect to one of these, with
        the certificate of that name. 4. Read. 5. From the beginning for a redirect.

        Raises:
            RemoteFault: the address may not be fetched, nothing answers, or the answer is too large, too
                slow, or no document; or all that may be spent on documents is.
        """
        bounds, start = self._bounds, time.monotonic()
        if self._spent_s >= bounds.total_seconds:
            most = f"{bounds.total_seconds:g} s for"
            raise RemoteFault(f"{url}: expected at most {most} all documents together, got one more")
        if self._spent_bytes >= bounds.total_bytes:
            most = f"{bounds.total_bytes} bytes of"
            raise RemoteFault(f"{url}: expected at most {most} all documents together, got one more")
        try:
            content = self._get(url, start + min(bounds.seconds, bounds.total_seconds - self._spent_s))
        finally:
            self._spent_s += time.monotonic() - start
        self._spent_bytes += len(content)
        return content

    def post(self, url: str, body: bytes, *, headers: Mapping[str, str]) -> int:
        """Send these bytes to an address, once; the HTTP status of the answer.

        No redirect is followed, and nothing of the answer is read but its head. Several threads may send.

        Raises:
            RemoteFault: nothing may be sent there, or nothing answers, or not in time.
        """
        ends = time.monotonic() + self._bounds.seconds
        parts = _parts(url, self._bounds)
        host, port = parts.hostname or "", parts.port or 443
        addresses = self._addresses(url, host, port, ends)
        with self._connected(url, host, port, addresses, ends) as connection:
            connection.request("POST", _target(parts), body=body, headers={**headers, "Connection": "close"})
            return connection.getresponse().status

    def _get(self, url: str, ends: float) -> bytes:
        asked = url
        for _ in range(self._bounds.redirects + 1):
            # 1.
            parts = _parts(url, self._bounds)
            host, port = parts.hostname or "", parts.port or 443
            # 2.
            addresses = self._addresses(url, host, port, ends)
            # 3, 4.
            status, content = self._answer(url, parts, addresses, ends)
            if status not in _REDIRECTS:
                return content
            # 5.
            try:
                url = urljoin(url, content.decode("latin-1"))
            except ValueError as error:
                # Whoever answers chose it: half an IPv6 address, for one.
                raise RemoteFault(f"{url}: expected a redirect to an address, got: {error}") from error
        raise RemoteFault(f"{asked}: expected at most {self._bounds.redirects} redirects, got more")

    def _addresses(self, url: str, host: str, port: int, ends: float) -> tuple[Address, ...]:
        answer: queue.Queue[tuple[Address, ...] | OSError | UnicodeError] = queue.Queue()

        def ask() -> None:
            try:
                answer.put(self._resolve(host, port))
            except (OSError, UnicodeError) as error:
                answer.put(error)

        # The system's look-up knows no deadline of ours, so it runs beside us.
        threading.Thread(target=ask, name=f"look up {host}", daemon=True).start()
        try:
            found = answer.get(timeout=max(0.0, ends - time.monotonic()))
        except queue.Empty as error:
            raise self._slow(url) from error
        if isinstance(found, Exception):
            raise RemoteFault(f"{url}: expected an address for {host}, got: {found}") from found
        if not found:
            raise RemoteFault(f"{url}: expected an address for {host}, got none")
        # One that is not public among public ones is a trick, not a mistake.
        inside = [one for one in found if not self._public(one)]
        if inside:
            raise RemoteFault(f"{url}: expected a host of the public internet, got {inside[0]}")
        return found

    def _answer(
        self, url: str, parts: SplitResult, addresses: tuple[Address, ...], ends: float
    ) -> tuple[int, bytes]:
        """Status and content; of a redirect, the address that it names."""
        host, port = parts.hostname or "", parts.port or 443
        with self._connected(url, host, port, addresses, ends) as connection:
            headers = {"Accept": "*/*", "Accept-Encoding": "identity", "Connection": "close"}
            connection.request("GET", _target(parts), headers=headers)
            response = connection.getresponse()
            if response.status in _REDIRECTS:
                return response.status, response.headers.get("Location", "").encode("latin-1", "replace")
            if response.status != http.HTTPStatus.OK:
                raise RemoteFault(f"{url}: expected a document, got status {response.status}")
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise RemoteFault(f"{url}: expected a document as it is, got a compressed one")
            content = response.read(self._bounds.size_bytes + 1)
            if len(content) > self._bounds.size_bytes:
                raise RemoteFault(f"{url}: expected at most {self._bounds.size_bytes} bytes, got more")
            # A length that was promised and not kept is a document cut short.
            if response.length:
                raise RemoteFault(f"{url}: expected {response.length} bytes more, the answer ended")
            return response.status, content

    @contextmanager
    def _connected(
        self, url: str, host: str, port: int, addresses: tuple[Address, ...], ends: float
    ) -> Iterator[http.client.HTTPConnection]:
        plain = self._connect(url, port, addresses, ends)
        # A timeout of each read would not stop who sends one byte a second: so the connection is cut at the
        # deadline, by a handle of its own, whatever reads from it at that moment.
        cut = socket.socket(fileno=os.dup(plain.fileno()))
        late = threading.Event()

        def end() -> None:
            late.set()
            try:
                cut.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it has ended by itself

        timer = threading.Timer(max(0.0, ends - time.monotonic()), end)
        timer.daemon = True
        timer.start()
        connection = http.client.HTTPConnection(host, port)
        try:
            connection.sock = self._tls.wrap_socket(plain, server_hostname=host)
            yield connection
            if late.is_set():
                raise self._slow(url)
        except (OSError, http.client.HTTPException, ValueError) as error:
            if late.is_set():
                raise self._slow(url) from error
            raise RemoteFault(f"{url}: expected an answer over https, got: {error!r}") from error
        finally:
            timer.cancel()
            connection.close()
            plain.close()
            cut.close()

    def _connect(self, url: str, port: int, addresses: tuple[Address, ...], ends: float) -> socket.socket:
        problem: OSError | None = None
        for address in addresses:
            left = ends - time.monotonic()
            if left <= 0:
                raise self._slow(url)
            try:
                return socket.create_connection((str(address), port), timeout=left)
            except OSError as error:
                problem = error
        raise RemoteFault(f"{url}: expected a connection, got: {problem}") from problem

    def _slow(self, url: str) -> RemoteFault:
        return RemoteFault(f"{url}: expected an answer within {self._bounds.seconds:g} s, got none")


def _parts(url: str, bounds: Bounds) -> SplitResult:
    if len(url) > bounds.address_chars:
        raise RemoteFault(f"{url[:80]}...: expected an address of {bounds.address_chars} characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise RemoteFault(f"{url!r}: expected an https address, got: {error}") from error
    plain = url.isascii() and url.isprintable() and " " not in url
    if not plain or parts.scheme != "https" or not parts.hostname or port == 0:
        raise RemoteFault(f"{url!r}: expected an https address, got another kind")
    if parts.username is not None or parts.password is not None:
        raise RemoteFault(f"{url!r}: expected an address without a name and password")
    return parts


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
