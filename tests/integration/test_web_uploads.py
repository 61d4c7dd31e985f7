"""Uploads: streamed to disk within limits, gone with the answer, and never begun by another site."""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest

from assessor.rows.users import Role, Scope
from assessor.web import uploads
from assessor.web.access import Visitor, allow, router
from assessor.web.uploads import Upload
from tests import webbed

MOST = 2 * 1024 * 1024
tried = router("/api/upload")
seen: list[Path] = []


@tried.post("")
def upload(
    visitor: Annotated[Visitor, allow(Role.LEARNER, scope=Scope.SUBMIT, takes=MOST, streams=True)],
    received: Upload,
) -> dict[str, Any]:
    seen.extend(file.path for file in received.files)
    return {
        "fields": received.fields,
        "files": [
            [one.field, one.name, one.size, hashlib.sha256(one.path.read_bytes()).hexdigest()]
            for one in received.files
        ],
        "modes": [oct(one.path.parent.stat().st_mode & 0o777) for one in received.files],
    }


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webbed.Web]:
    folder = tmp_path_factory.mktemp("web")
    with webbed.served(folder, routers=(tried,), throttle=webbed.unlimited()) as found:
        yield found


@pytest.fixture
def browser(web: webbed.Web) -> webbed.Browser:
    return web.signed_in(Role.LEARNER)


@pytest.fixture(autouse=True)
def nothing_stays(web: webbed.Web) -> Iterator[None]:
    yield
    folder = web.here.uploads
    # The folder goes after the answer has gone out.
    for _ in range(200):
        if not folder.is_dir() or not list(folder.iterdir()):
            return
        time.sleep(0.05)
    raise AssertionError(f"left behind: {list(folder.rglob('*'))}")


def send(browser: webbed.Browser, data: dict[str, str], files: Any) -> Any:
    data = {"csrf": browser.token("/")} | data
    return browser.client.post("/api/upload", data=data, files=files, headers=browser.headers)


def test_files_and_fields_come_as_they_were_sent(browser: webbed.Browser) -> None:
    large = bytes(range(256)) * 4096
    answer = send(
        browser, {"note": "grüße"}, [("file", ("a/../b.py", b"x = 1\n")), ("file", ("big", large))]
    ).json()
    assert answer["fields"]["note"] == "grüße"
    assert [one[:3] for one in answer["files"]] == [["file", "a/../b.py", 6], ["file", "big", len(large)]]
    assert answer["files"][1][3] == hashlib.sha256(large).hexdigest()
    assert answer["modes"] == ["0o700", "0o700"]
    assert all(path.name in ("0", "1") for path in seen[-2:]), "no name of a stranger is on disk"


def test_field_for_files_that_was_left_empty_is_none(browser: webbed.Browser) -> None:
    body = (
        '--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{token}\r\n'
        '--b\r\nContent-Disposition: form-data; name="file"; filename=""\r\n'
        "Content-Type: application/octet-stream\r\n\r\n\r\n--b--\r\n"
    ).replace("{token}", browser.token("/"))
    answer = raw(browser, body.encode())
    assert answer.json()["files"] == []


def raw(
    browser: webbed.Browser, body: bytes, kind: str = "multipart/form-data; boundary=b", **more: str
) -> Any:
    headers = browser.headers | {"Content-Type": kind} | more
    return browser.client.post("/api/upload", content=body, headers=headers)


def test_bare_file_of_a_program(web: webbed.Web) -> None:
    headers = web.token(web.user(Role.LEARNER), Scope.SUBMIT) | {"Content-Type": "application/zip"}
    answer = web.browser().client.post("/api/upload", content=b"PK", headers=headers)
    assert answer.json()["files"] == [["", "", 2, hashlib.sha256(b"PK").hexdigest()]]


def test_upload_over_the_limit_is_refused_by_its_length(browser: webbed.Browser) -> None:
    answer = send(browser, {}, [("file", ("big", b"x" * (MOST + 1)))])
    assert answer.status_code == 413
    assert answer.json()["detail"] == "expected a request of at most 2 MiB, got more"


def test_upload_that_hides_its_length_stops_early(web: webbed.Web) -> None:
    headers = web.token(web.user(Role.LEARNER), Scope.SUBMIT)
    host = web.here.site.url.partition("//")[2]
    sent = 0
    with socket.create_connection(("127.0.0.1", web.port), timeout=30) as connection:
        head = (
            f"POST /api/upload HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/zip\r\n"
            f"Authorization: {headers['Authorization']}\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        connection.sendall(head.encode())
        piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        try:
            while sent < 200 * 1024 * 1024:
                connection.sendall(piece)
                sent += 65536
        except OSError:
            pass  # it hung up, as it should
    assert sent < 50 * 1024 * 1024


def test_token_after_the_first_file_comes_too_late(web: webbed.Web, browser: webbed.Browser) -> None:
    token = browser.token("/")
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n'
        b'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n' + token.encode() + b"\r\n--b--\r\n"
    )
    before = len(seen)
    assert raw(browser, body).status_code == 403
    assert len(seen) == before


def test_form_without_its_token_is_refused(browser: webbed.Browser) -> None:
    answer = browser.client.post("/api/upload", files=[("file", ("a", b"x"))], headers=browser.headers)
    assert answer.status_code == 403


def test_script_sends_the_token_as_a_header(browser: webbed.Browser) -> None:
    answer = raw(browser, b"PK", "application/zip", **{"X-CSRF-Token": browser.token("/")})
    assert answer.status_code == 200
    assert raw(browser, b"PK", "application/zip", **{"X-CSRF-Token": "wrong"}).status_code == 403
    assert raw(browser, b"PK", "application/zip").status_code == 403


def form(*parts: str) -> bytes:
    return ("".join(f"--b\r\n{part}\r\n" for part in parts) + "--b--\r\n").encode()


FIELD = 'Content-Disposition: form-data; name="f"\r\n\r\n'


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"--b", 400),
        (b"--c\r\n\r\n--c--", 400),
        (b'--b\r\nContent-Disposition: form-data; name="f"\r\n\r\nx', 400),
        (form("\r\nno name"), 400),
        (form("Content-Disposition: form-data\r\n\r\nx"), 400),
        (form(FIELD + "x" * (uploads.FIELD_BYTES + 1)), 413),
        (form(*(FIELD.replace('"f"', f'"f{number}"') + "x" for number in range(uploads.FIELDS + 1))), 413),
        (form("X: " + "y" * (uploads.HEADER_BYTES + 1) + "\r\n" + FIELD + "x"), 413),
        (b"\x00" * 1000, 400),
    ],
)
def test_form_that_breaks_the_rules_is_refused(browser: webbed.Browser, body: bytes, status: int) -> None:
    answer = raw(browser, body, **{"X-CSRF-Token": browser.token("/")})
    assert answer.status_code in (status, 400), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data", "application/json", ""])
def test_content_of_another_type_is_refused(browser: webbed.Browser, kind: str) -> None:
    answer = raw(browser, b"x", kind, **{"X-CSRF-Token": browser.token("/")})
    assert answer.status_code == 415
    assert "expected a form with files" in answer.json()["detail"]
