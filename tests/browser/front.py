"""What stands in front of a site: TLS under its own name, and everything passed on as it comes.

With it, a browser under test meets a site as people do: https, cookies that are bound to it, and links that
lead where they say. The certificate is nobody's, and the browser is told to take it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from assessor.web import serving


class Front:
    """Takes TLS on a port of this machine and passes it on to `leads_to`, from `start` until `stop`.

    Attributes:
        host: the site's name.
        port: where it listens, from the beginning.
        leads_to: the port of the application; set before anybody comes.
    """

    def __init__(self, host: str, folder: Path) -> None:
        self.host = host
        self.leads_to = 0
        self._listening = serving.listen(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(_certificate(host, folder))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"front of {host}")

    @property
    def url(self) -> str:
        """Where browsers reach the site."""
        return f"https://{self.host}"

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, with every connection."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._pass_on, sock=self._listening, ssl=self._context)
        )
        self._loop.run_forever()
        server.close()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            behind, to_it = await asyncio.open_connection("127.0.0.1", self.leads_to)
        except OSError:
            writer.transport.abort()  # as where nothing answers
            return
        both = [asyncio.ensure_future(_copy(reader, to_it)), asyncio.ensure_future(_copy(behind, writer))]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in both:
                one.cancel()
            # Gathered so that nothing is left to be told of: a browser may leave at any moment.
            await asyncio.gather(*both, return_exceptions=True)
            for end in (writer, to_it):
                end.close()
            with contextlib.suppress(OSError, TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(asyncio.gather(*(end.wait_closed() for end in (writer, to_it))), 1)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


def _certificate(host: str, folder: Path) -> Path:
    """A certificate of this host with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / f"{host}.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path
