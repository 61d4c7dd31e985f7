"""What web servers are told: readable from anywhere, of the right type, and no folder listed."""

from __future__ import annotations

import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from assessor import hosting

NAMES = {
    ".well-known/did.json": "application/did+json",
    "did.json": "application/did+json",
    "issuer.json": "application/ld+json",
    "index.html": "text/html; charset=utf-8",
    "achievements/x.json": "application/ld+json",
    "achievements/x.svg": "image/svg+xml",
    "achievements/x.png": "image/png",
    "credentials/1.json": "application/vc+json",
    "credentials/1.html": "text/html; charset=utf-8",
    "credentials/1.tlog-proof": "text/plain; charset=utf-8",
    "status/1.json": "application/vc+json",
    "evidence/1/record.json": "application/vnd.assessor.record+json",
    "evidence/1/run.json": "application/vnd.assessor.run+json",
    "evidence/1/evidence.dsse": "application/vnd.dsse.envelope.v1+json",
    "evidence/1/record.tlog-proof": "text/plain; charset=utf-8",
    "evidence/1/signer.pem": "text/plain; charset=utf-8",
    "keys.json": "application/json",
    "keys/1.pem": "text/plain; charset=utf-8",
    "log.vkey": "text/plain; charset=utf-8",
    "log/checkpoint": "text/plain; charset=utf-8",
    "log/tile/0/x001/000.p/7": "application/octet-stream",
}


@pytest.mark.parametrize(("name", "media"), NAMES.items())
def test_file_is_told_to_be_what_it_is(name: str, media: str) -> None:
    assert hosting.media_type(name) == media


@pytest.mark.parametrize("name", NAMES)
def test_no_file_has_two_rules_and_each_can_be_read_from_anywhere(name: str) -> None:
    assert sum(re.match(kind.regex, name) is not None for kind in hosting.KINDS) <= 1
    assert hosting.headers(name)["Access-Control-Allow-Origin"] == "*"


def test_checkpoint_is_asked_for_anew_and_tiles_are_kept() -> None:
    assert hosting.headers("log/checkpoint")["Cache-Control"] == "no-cache"
    assert "immutable" in hosting.headers("log/tile/0/000")["Cache-Control"]


@pytest.mark.parametrize("prefix", ["", "/badges"])
def test_each_server_is_told_each_kind(prefix: str) -> None:
    told = {name: data.decode() for name, data in hosting.files(prefix).items()}
    assert set(told) == {hosting.HEADERS, hosting.HTACCESS, hosting.NGINX}
    for text in told.values():
        assert "Access-Control-Allow-Origin" in text
        for kind in hosting.KINDS:
            assert kind.media in text
    assert told[hosting.HEADERS].startswith(f"{prefix}/*\n  Access-Control-Allow-Origin: *\n")
    assert "Options -Indexes" in told[hosting.HTACCESS]
    assert "autoindex off" in told[hosting.NGINX]


@pytest.fixture(params=["", "/badges"])
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    root = tmp_path / "site"
    for name in (*NAMES, ".written", "credentials/.hidden"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    (tmp_path / "outside").write_bytes(b"outside")
    (root / "link").symlink_to(tmp_path / "outside")
    server = hosting.serve(root, port=0, prefix=request.param)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}{request.param}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_trial_server_sends_what_the_table_says(base: str, method: str) -> None:
    for name in NAMES:
        with urllib.request.urlopen(urllib.request.Request(f"{base}/{name}", method=method)) as answer:
            assert answer.read() == (name.encode() if method == "GET" else b"")
            assert {key: answer.headers[key] for key in hosting.headers(name)} == hosting.headers(name)


def test_trial_server_shows_the_page_of_a_folder(base: str) -> None:
    with urllib.request.urlopen(f"{base}/") as answer:
        assert answer.read() == b"index.html"


@pytest.mark.parametrize(
    "path",
    [
        "/credentials/",
        "/credentials",
        "/nothing",
        "/.written",
        "/credentials/.hidden",
        "/link",
        "/../outside",
    ],
)
def test_trial_server_lists_nothing_and_leaves_the_tree_never(base: str, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(base + path)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(base + path.replace(".", "%2e"))
