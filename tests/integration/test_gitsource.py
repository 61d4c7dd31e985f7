"""Work by git: a real git, a real server over TLS, and addresses that must lead nowhere."""

from __future__ import annotations

import http.server
import ipaddress
import os
import ssl
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from assessor.errors import UploadRefused
from assessor.openbadges.remote import Address
from assessor.web import gitsource

LOOPBACK = ipaddress.ip_address("127.0.0.1")


@dataclass
class Server:
    """Repositories below a folder, served by git's own program."""

    root: Path
    port: int
    trusted: Path
    asked: list[str] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"git.example:{self.port}"

    def url(self, name: str = "work.git") -> str:
        return f"https://{self.host}/{name}"

    def fetch(self, url: str, folder: Path, **how: object) -> Path:
        given: dict[str, object] = {
            "hosts": [self.host],
            "resolve": lambda host, port: (LOOPBACK,),
            "public": lambda address: True,
            "settings": {"http.sslCAInfo": str(self.trusted)},
        }
        return gitsource.fetch(url, folder=folder, **(given | how))  # type: ignore[arg-type]


def certificate(folder: Path) -> Path:
    """A key and a certificate for the server, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "git.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("git.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


def git(*arguments: str, at: Path) -> None:
    """Run git as somebody who prepares a repository."""
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always")
    subprocess.run(["git", *who, *arguments], cwd=at, check=True, capture_output=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("git")
    both = certificate(root)
    served = root / "served"
    served.mkdir()
    work = root / "work"
    work.mkdir()
    git("init", "-q", "-b", "main", at=work)
    (work / "solution.py").write_text("old = 1\n")
    git("add", ".", at=work)
    git("commit", "-qm", "old", at=work)
    (work / "solution.py").write_text("new = 1\n")
    git("commit", "-qam", "new", at=work)
    git("clone", "-q", "--bare", str(work), str(served / "work.git"), at=root)
    git("init", "-q", "--bare", str(served / "empty.git"), at=root)
    # A second one that holds the first as a submodule, and a link that leads out.
    other = root / "other"
    other.mkdir()
    git("init", "-q", "-b", "main", at=other)
    git("submodule", "add", str(served / "work.git"), "inner", at=other)
    (other / "solution.py").write_text("x = 1\n")
    git("add", ".", at=other)
    git("commit", "-qm", "one", at=other)
    git("clone", "-q", "--bare", str(other), str(served / "nested.git"), at=root)
    big = root / "big"
    big.mkdir()
    git("init", "-q", "-b", "main", at=big)
    (big / "solution.py").write_bytes(os.urandom(3 * 1024**2))
    git("add", ".", at=big)
    git("commit", "-qm", "one", at=big)
    git("clone", "-q", "--bare", str(big), str(served / "big.git"), at=root)

    found: list[Server] = []

    class Answers(http.server.BaseHTTPRequestHandler):
        """git's own program for servers, as a web server runs it."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            found[0].asked.append(path)
            if path.startswith("/moved.git"):
                self.send_response(302)
                self.send_header("Location", found[0].url() + path.removeprefix("/moved.git") + "?" + query)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if path.startswith("/slow.git"):
                gone.wait(30)
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            said = subprocess.run(
                ["git", "http-backend"],
                input=body,
                capture_output=True,
                env={
                    "PATH": os.environ["PATH"],
                    "GIT_PROJECT_ROOT": str(served),
                    "GIT_HTTP_EXPORT_ALL": "1",
                    "REQUEST_METHOD": self.command,
                    "PATH_INFO": path,
                    "QUERY_STRING": query,
                    "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                    "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                    "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                    "GIT_CONFIG_COUNT": "1",
                    "GIT_CONFIG_KEY_0": "safe.directory",
                    "GIT_CONFIG_VALUE_0": "*",
                },
            ).stdout
            head, _, content = said.partition(b"\r\n\r\n")
            lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            self.send_response(int(lines.pop("Status", "200").split()[0]))
            for name, value in lines.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Nothing."""

    gone = threading.Event()
    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    listening.socket = context.wrap_socket(listening.socket, server_side=True)
    found.append(Server(root=served, port=listening.server_address[1], trusted=both))
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    yield found[0]
    gone.set()
    listening.shutdown()
    thread.join()
    listening.server_close()


def test_newest_commit_comes_as_a_tar_of_its_files_alone(server: Server, tmp_path: Path) -> None:
    with tarfile.open(server.fetch(server.url(), tmp_path)) as tar:
        assert tar.getnames() == ["solution.py"]
        file = tar.extractfile("solution.py")
        assert file is not None
        assert file.read() == b"new = 1\n"


def test_submodule_is_not_followed(server: Server, tmp_path: Path) -> None:
    server.asked.clear()
    with tarfile.open(server.fetch(server.url("nested.git"), tmp_path)) as tar:
        assert "inner/solution.py" not in tar.getnames()
    assert all(path.startswith("/nested.git/") for path in server.asked)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("none.git", "got: no repository at this address"),
        ("empty.git", "got: an empty one"),
        ("moved.git", "got: a redirect; give the address that it leads to"),
    ],
)
def test_repository_that_cannot_be_read_is_told(server: Server, tmp_path: Path, name: str, told: str) -> None:
    server.asked.clear()
    with pytest.raises(UploadRefused, match=told):
        server.fetch(server.url(name), tmp_path)
    assert all(path.startswith(f"/{name}/") for path in server.asked)


def test_repository_that_is_too_large_is_refused(server: Server, tmp_path: Path) -> None:
    with pytest.raises(UploadRefused, match="expected a repository that can be read, got"):
        server.fetch(server.url("big.git"), tmp_path, most_bytes=1024**2)


def test_server_that_does_not_answer_is_not_waited_for(server: Server, tmp_path: Path) -> None:
    with pytest.raises(UploadRefused, match="expected the repository within 1 s, got none"):
        server.fetch(server.url("slow.git"), tmp_path, within_s=1.0)


def test_certificate_of_another_is_not_believed(server: Server, tmp_path: Path) -> None:
    with pytest.raises(UploadRefused):
        server.fetch(server.url(), tmp_path, settings={})


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fd00::1"]
)
def test_host_that_leads_inside_is_not_reached(server: Server, tmp_path: Path, address: str) -> None:
    server.asked.clear()
    found: tuple[Address, ...] = (ipaddress.ip_address("93.184.216.34"), ipaddress.ip_address(address))
    with pytest.raises(UploadRefused, match="expected a host of the public internet"):
        gitsource.fetch(server.url(), hosts=[server.host], folder=tmp_path, resolve=lambda host, port: found)
    assert server.asked == []


def test_connection_goes_to_the_address_that_was_looked_at(server: Server, tmp_path: Path) -> None:
    # `git.example` has no address of its own: that it is reached at all shows that git asks nobody again.
    server.asked.clear()
    server.fetch(server.url(), tmp_path)
    assert server.asked


@pytest.mark.parametrize(
    "url",
    [
        "http://git.example/work.git",
        "https://git.example.evil.org/work.git",
        "https://evil.org/git.example/work.git",
        "https://git.example@evil.org/work.git",
        "https://me:secret@git.example/work.git",
        "https://git.example:8443/work.git",
        "https://git.example/work.git?x=1",
        "https://git.example/work.git#main",
        "https://git.example/../work.git",
        "https://git.example/a b",
        "https://git.example/%2e%2e/x",
        "https://git.example",
        "https://git.example:x/work.git",
        "https://[::1]/work.git",
        "https://g\u0131t.example/work.git",
        "HTTPS://git.example/work.git",
        "--upload-pack=x",
        "ext::sh -c x",
        "git@git.example:work.git",
        "",
        "https://git.example/" + "a" * 500,
    ],
)
def test_address_that_may_not_be_fetched(url: str) -> None:
    with pytest.raises(UploadRefused, match=r"^git: expected"):
        gitsource.check(url, ["git.example"])


def test_host_is_known_whatever_its_case(server: Server) -> None:
    assert gitsource.check("https://Git.Example/work.git", ["git.example"]) == ("git.example", 443)
