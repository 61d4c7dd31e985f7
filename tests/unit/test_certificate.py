"""Certificates: one page that says what the credential says, with the credential attached."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zlib
from typing import Any

import pytest

from assessor.errors import OperatorError
from assessor.openbadges import certificate, credential
from tests import awarded

ADDRESS = "https://badges.example.org/credentials/x.json"


def signed(**given: Any) -> bytes:
    return json.dumps(credential.build(awarded.award(**given)), ensure_ascii=False).encode()


def page(data: bytes, learner: str = "Ada Lovelace", address: str | None = ADDRESS) -> str:
    return certificate._page(json.loads(data), data, learner=learner, address=address)


def streams(pdf: bytes) -> list[tuple[bytes, bytes]]:
    """Every stream of a PDF: what stands before it, and its content."""
    found = re.finditer(rb"obj\n(<<.*?>>)\nstream\n(.*?)\nendstream", pdf, re.DOTALL)
    return [(one[1], zlib.decompress(one[2])) for one in found if b"FlateDecode" in one[1]]


def objects(pdf: bytes) -> bytes:
    """Everything in a PDF that is an object: as it stands, and out of its streams of objects."""
    return pdf + b"".join(content for head, content in streams(pdf) if b"/ObjStm" in head)


def pages(pdf: bytes) -> list[bytes]:
    return re.findall(rb"/Type /Pages[^>]*/Count (\d+)", objects(pdf))


@pytest.fixture(scope="module")
def drawn() -> bytes:
    return certificate.pdf(signed(), learner="Ada Łovelace", address=ADDRESS)


def test_credential_is_attached_as_it_is(drawn: bytes) -> None:
    attached = [content for head, content in streams(drawn) if b"/EmbeddedFile" in head]
    assert attached == [signed()]
    assert b"(credential.json)" in objects(drawn)
    assert b"/AFRelationship /Source" in objects(drawn)


def test_certificate_is_one_tagged_page_that_says_what_it_is(drawn: bytes) -> None:
    assert drawn.startswith(b"%PDF-1.7")
    assert pages(drawn) == [b"1"]
    assert b"/MarkInfo <</Marked true>>" in objects(drawn)
    assert b"/Lang (en)" in objects(drawn)
    [metadata] = [content for _, content in streams(drawn) if b"pdfaid" in content]
    assert (b'pdfaid:part="3"' in metadata, b'pdfaid:conformance="A"' in metadata) == (True, True)
    assert "Small functions, With distinction \N{EN DASH} Ada Łovelace".encode() in metadata


def test_page_stays_one_page_however_long_its_words_are() -> None:
    words = "Lorem ipsum dolor sit amet, consectetur adipiscing elit. " * 40
    long = awarded.achievement(name=words[:190], description=words, criteria=words, tags=tuple(words.split()))
    made = certificate.pdf(
        signed(achievement=long, issuer=awarded.issuer(name=words[:150])),
        learner=words[:120],
        address=ADDRESS,
    )
    assert pages(made) == [b"1"]


def test_page_says_what_the_credential_says() -> None:
    text = page(signed())
    for said in (
        "Ada Lovelace",
        "Example School",
        "Small functions, With distinction",
        "Writes small functions that hold.",
        "Pass the task Median with distinction.",
        "<li>Functions <span>CASE</span></li>",
        "24 November 2025",
        "24 November 2027",
        ADDRESS,
        certificate.short(signed()),
    ):
        assert said in text


def test_page_without_end_or_address_says_so() -> None:
    text = page(signed(valid_until=None), address=None)
    assert "further notice" in text
    assert "QR code" not in text


def test_names_are_text_and_nothing_else() -> None:
    text = page(signed(), learner='<img src="https://evil.example/x"> \u202eada')
    assert "&lt;img" in text
    assert "\u202e" not in text


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    import urllib.request

    asked: list[str] = []
    opened = urllib.request.OpenerDirector.open

    def watched(self: Any, request: Any, *rest: Any, **named: Any) -> Any:
        asked.append(request.full_url)
        return opened(self, request, *rest, **named)

    monkeypatch.setattr(urllib.request.OpenerDirector, "open", watched)
    picture = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/hostname"/></svg>'
    certificate.pdf(signed(achievement=awarded.achievement(image=picture)), learner="Ada", address=ADDRESS)
    assert asked
    assert {url.partition(":")[0] for url in asked} == {"data"}


def test_missing_library_is_told_with_the_command_that_mends_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(OperatorError, match=r"apt-get install libpango-1\.0-0"):
        certificate.pdf(signed(), learner="Ada", address=None)
    assert capsys.readouterr().out == ""


def test_drawing_is_not_loaded_before_it_is_needed() -> None:
    code = "import sys, assessor.openbadges.certificate; sys.exit('weasyprint' in sys.modules)"
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )


def test_short_digest_is_the_start_of_the_whole() -> None:
    assert certificate.short(b"") == "e3b0 c442 98fc 1c14"
