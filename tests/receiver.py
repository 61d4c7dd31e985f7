"""A receiver of messages on this machine: https under another name, answers as told, keeps what came."""

from __future__ import annotations

import contextlib
import http.server
import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from assessor.openbadges import remote

HOST = "hooks.example.org"


def certify(folder: Path, host: str = HOST) -> Path:
    """A key and a certificate for this host, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "both.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


def reaching(certificate: Path, **bounds: float) -> remote.Remote:
    """A way to this machine under the name of another, for the sake of tests."""
    return remote.Remote(
        bounds=remote.Bounds(**bounds),  # type: ignore[arg-type]
        resolve=lambda host, port: (ipaddress.ip_address("127.0.0.1"),),
        public=lambda address: True,
        tls=ssl.create_default_context(cafile=str(certificate)),
    )


@dataclass
class Receiver:
    """What came, and what is answered.

    Attributes:
        port: where it listens.
        came: headers and body of each message, by path, in the order they came.
        answer: gives status and headers for a path; it may wait.
    """

    port: int
    came: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    answer: Callable[[str], tuple[int, dict[str, str]]] = lambda path: (200, {})

    def url(self, path: str = "/hook") -> str:
        """The address of a path."""
        return f"https://{HOST}:{self.port}{path}"


@contextlib.contextmanager
def receiving(certificate: Path) -> Iterator[Receiver]:
    """A receiver that listens until the block ends."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.came.append((self.path, {key.lower(): value for key, value in self.headers.items()}, body))
            status, headers = found.answer(self.path)
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", "0")
            with contextlib.suppress(OSError):  # a sender that waits no longer
                self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Nothing: senders are killed here."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = Server(("127.0.0.1", 0), Handler)
    # The handshake in the connection's own thread: one who is slow holds up nobody.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    found = Receiver(port=server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
