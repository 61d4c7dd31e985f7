"""The page on which anybody checks a badge: by file, text and link; what does not hold names its check."""

from __future__ import annotations

import html
import io
import json
import re
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from assessor import awarding, pack, site, testing
from assessor.errors import Throttled
from assessor.openbadges import baking, did, linked
from assessor.openbadges.remote import Remote
from assessor.rows.awards import AwardRow, Visibility
from assessor.rows.users import Role
from assessor.signer import Purpose
from assessor.web import checking
from assessor.web.pages import verify
from assessor.web.slots import Slots
from tests import exhibited, honours, learning, people, webbed
from tests.small import Bench

EMAIL = "ada@example.org"
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def network() -> exhibited.Elsewhere:
    return exhibited.Elsewhere({})


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory, network: exhibited.Elsewhere) -> Iterator[webbed.Web]:
    with exhibited.served(tmp_path_factory.mktemp("web"), remote=lambda: network) as found:
        yield found


@pytest.fixture
def browser(web: webbed.Web) -> webbed.Browser:
    return web.browser()


@pytest.fixture
def row(web: webbed.Web, request: pytest.FixtureRequest) -> AwardRow:
    name = request.node.name
    seed = web.seed()
    store = web.bench.parts.store
    store.learner(name, new_id=seed.id, salt=seed.salt)
    store.set_email(name, EMAIL, act=people.act())
    return honours.earn(web.bench, learner=name)["adder"]


@pytest.fixture
def data(web: webbed.Web, row: AwardRow) -> bytes:
    return web.bench.parts.blobs.get(str(row.credential))


def send(
    browser: webbed.Browser, *, file: bytes | None = None, name: str = "badge", **fields: str
) -> httpx.Response:
    fields = {"csrf": browser.token("/verify")} | fields
    files = [("file", (name, file if file is not None else b""))] if file is not None else []
    # A form with files, whether one is chosen or not.
    more: Any = files or [("none", (None, b""))]
    return browser.client.post("/verify", data=fields, files=more, headers=browser.headers)


def outcomes(answer: httpx.Response) -> dict[str, tuple[str, str]]:
    """What the page says of each check, by its number: the chip and the words."""
    assert answer.status_code == 200, answer.text
    found = re.findall(
        r'<tr id="check-(\d+)">.*?<span class="chip [a-z]+">(.*?)</span>'
        r'(?:<br><span class="soft">(.*?)</span>)?</td>',
        answer.text,
        re.DOTALL,
    )
    return {number: (html.unescape(chip), html.unescape(words)) for number, chip, words in found}


def headline(answer: httpx.Response) -> str:
    found = re.search(r'<h1><span class="chip [a-z]+">(.*?)</span></h1>', answer.text)
    assert found is not None, answer.text
    return html.unescape(found[1])


def refused(answer: httpx.Response) -> str:
    """The number of the check that does not hold."""
    assert headline(answer) == "✗ Do not rely on it"
    (one,) = [number for number, (chip, _) in outcomes(answer).items() if chip == "✗ Does not hold"]
    return one


# By each way in.


def test_badge_of_ours_holds_by_file_text_and_link(
    web: webbed.Web, browser: webbed.Browser, row: AwardRow, data: bytes, network: exhibited.Elsewhere
) -> None:
    network.asked.clear()
    base = f"https://bench.example/credentials/{row.id}"
    for answer in (
        send(browser, file=data),
        send(browser, file=browser.get(f"/credentials/{row.id}.png").content),
        send(browser, file=browser.get(f"/credentials/{row.id}.svg").content),
        send(browser, file=browser.get(f"/credentials/{row.id}.zip").content),
        send(browser, text=data.decode()),
        *(send(browser, link=f"{base}{ending}") for ending in ("", ".html", ".json", ".png", ".json?x=1#y")),
        send(browser, link=f"{web.here.site.url}/credentials/{row.id}.html"),
    ):
        assert headline(answer) == "✓ It holds"
        said = outcomes(answer)
        assert sorted(map(int, said)) == list(range(1, 16))
        assert {said[one][0] for one in ("1", "2", "4", "5", "6", "7", "8", "9", "10", "12", "13", "14")} == {
            "✓ Holds"
        }
        assert said["11"] == (
            "Not asked",
            "Name the e-mail address that it is to belong to, and this is checked.",
        )
        assert "--" not in "".join(words for _, words in said.values())
    assert network.asked == [], "nothing of our own is fetched"


def test_each_check_is_told_in_its_own_words(browser: webbed.Browser, data: bytes) -> None:
    text = html.unescape(send(browser, file=data).text)
    assert "1. It is one document that every program reads in the same way." in text
    assert "10. Its issuer has not taken it back." in text


def test_page_leads_from_the_badge_to_the_check(browser: webbed.Browser, row: AwardRow) -> None:
    page = browser.get(f"/credentials/{row.id}.html").text
    found = re.search(r'href="(/verify\?link=[^"]+)"', page)
    assert found is not None
    form = browser.get(html.unescape(found[1])).text
    assert f'value="https://bench.example/credentials/{row.id}.json"' in form


def test_whose_it_is_is_checked_where_it_is_asked(browser: webbed.Browser, data: bytes) -> None:
    answer = send(browser, file=data, email=EMAIL)
    assert (headline(answer), outcomes(answer)["11"][0]) == ("✓ It holds", "✓ Holds")
    assert refused(send(browser, file=data, email="eve@example.org")) == "11"


def test_private_badge_holds_for_whom_it_is_shown_to(
    web: webbed.Web, browser: webbed.Browser, row: AwardRow, data: bytes
) -> None:
    web.bench.parts.store.show_award(row.id, Visibility.PRIVATE)
    assert headline(send(browser, file=data)) == "✓ It holds"
    answer = send(browser, link=f"https://bench.example/credentials/{row.id}.json")
    assert answer.status_code == 422
    assert "does not show it any more" in answer.text


def test_badge_whose_evidence_is_withheld_is_told_without_it(
    web: webbed.Web, browser: webbed.Browser, row: AwardRow, data: bytes
) -> None:
    whole = browser.get(f"/credentials/{row.id}.zip").content
    store, now = web.bench.parts.store, web.bench.clock()
    store.show_evidence(row.id, {row.attempts[0]: False}, now=now)
    kept = "the learner keeps 1 piece of evidence to themselves: ask them"
    link = f"https://bench.example/credentials/{row.id}.html"
    for answer in (send(browser, file=data), send(browser, link=link), send(browser, file=whole)):
        said = outcomes(answer)
        assert {said[one][0] for one in ("6", "7", "9", "10")} == {"✓ Holds"}
        assert said["12"] == said["13"] == ("Not asked", kept)
        assert said["14"] == ("Not asked", f"{kept}; the log has the award")
        assert headline(answer) == "✓ It holds"
        assert "Not all that it rests on was looked at" in answer.text
    answer = send(browser, link=f"https://bench.example/evidence/{row.attempts[0]}/")
    assert answer.status_code == 422
    assert "does not show it any more" in answer.text
    # What was changed is told all the same.
    assert refused(send(browser, file=data.replace(b"Adder", b"Adden"))) == "6"
    store.show_evidence(row.id, {row.attempts[0]: True}, now=now)
    answer = send(browser, file=data)
    assert outcomes(answer)["12"][0] == "✓ Holds"
    assert "Not all that it rests on" not in answer.text


def test_older_revision_is_told_by_its_own_proof(
    web: webbed.Web, browser: webbed.Browser, row: AwardRow, data: bytes
) -> None:
    awarding.reissue(web.bench.parts, row.id)
    assert outcomes(send(browser, file=data))["14"][0] == "✓ Holds"


def test_answer_is_json_for_a_program(browser: webbed.Browser, data: bytes) -> None:
    fields = {"csrf": browser.token("/verify"), "text": data.decode()}
    headers = browser.headers | {"Accept": "application/json"}
    answer = browser.client.post(
        "/verify", data=fields, files=[("none", (None, b""))], headers=headers
    ).json()
    assert (answer["verdict"], answer["holds"]) == ("holds", True)
    assert answer["checks"][0] == {
        "number": 1,
        "check": "bytes",
        "sentence": "It is one document that every program reads in the same way.",
        "state": "held",
        "words": "a credential as JSON",
    }


def test_pack_of_evidence_alone_is_checked(browser: webbed.Browser, row: AwardRow) -> None:
    packed = browser.get(f"/evidence/{row.attempts[0]}/pack.zip").content
    answer = send(browser, file=packed)
    assert headline(answer) == "✓ It holds"
    assert outcomes(answer)["2"][0] == "✓ Holds"
    assert "<strong>Add up</strong>" in answer.text
    assert '<span class="chip good">Passed</span> 100 %' in answer.text


def test_evidence_of_work_that_did_not_pass_is_genuine_and_says_so(web: webbed.Web) -> None:
    browser = web.signed_in(Role.LEARNER)
    attempt_id = learning.judged(web, browser, 0)
    parts = web.bench.parts
    answer = send(browser, file=pack.of_attempt(attempt_id, parts, with_work=False).dump())
    assert headline(answer) == "✓ It holds"
    assert "it is that the work did not pass" in answer.text


@pytest.mark.parametrize("ending", ["", "/", "/index.html", "/pack.zip"])
def test_link_to_evidence_is_checked(browser: webbed.Browser, row: AwardRow, ending: str) -> None:
    address = f"https://bench.example/evidence/{row.attempts[0]}{ending}"
    assert headline(send(browser, link=address)) == "✓ It holds"
    page = browser.get(f"/evidence/{row.attempts[0]}/", headers={"Accept": "text/html"}).text
    assert f'href="/verify?link=https%3A%2F%2Fbench.example%2Fevidence%2F{row.attempts[0]}%2F"' in page


def test_badge_of_a_trial_holds_where_it_was_awarded(tmp_path: Path, network: exhibited.Elsewhere) -> None:
    def make(root: Path) -> Bench:
        bench = exhibited.make(root)
        raw = bench.parts.keyring.signer(Purpose.ISSUER).public_raw
        issuer = replace(honours.ISSUER, url="http://localhost:8000", did=did.did_key(raw), trial=True)
        bench.parts = replace(bench.parts, issuer=issuer)
        return bench

    network.asked.clear()
    with webbed.served(tmp_path, make=make, throttle=webbed.unlimited(), remote=lambda: network) as web:
        row = honours.earn(web.bench)["adder"]
        browser = web.browser()
        for answer in (
            send(browser, file=browser.get(f"/credentials/{row.id}.png").content),
            send(browser, link=f"http://localhost:8000/credentials/{row.id}.html"),
        ):
            assert headline(answer) == "✓ It holds"
            assert {outcomes(answer)[one][0] for one in ("6", "8", "12", "13", "14")} == {"✓ Holds"}
    assert network.asked == []


# What does not hold.


def test_revoked_badge_is_refused(
    web: webbed.Web, browser: webbed.Browser, row: AwardRow, data: bytes
) -> None:
    awarding.revoke(web.bench.parts, row.id, reason="copied")
    answer = send(browser, file=data)
    assert refused(answer) == "10"
    assert outcomes(answer)["12"] == (
        "Not looked at",
        "An earlier check does not hold, so this was not looked at.",
    )


def test_badge_of_whom_was_erased_cannot_be_told_and_revoked_it_is_refused(
    web: webbed.Web, browser: webbed.Browser, row: AwardRow, data: bytes, request: pytest.FixtureRequest
) -> None:
    web.bench.parts.store.erase_learner(request.node.name, now=web.bench.clock())
    answer = send(browser, file=data)
    assert headline(answer) == "? It cannot be told"
    assert outcomes(answer)["10"][0] == "✓ Holds"
    assert outcomes(answer)["12"][0] == "? Could not be checked"


@pytest.mark.parametrize(
    ("change", "number"),
    [
        (lambda found: found.update(name="Master of everything"), "6"),
        (lambda found: found["credentialSubject"]["achievement"].update(name="More"), "6"),
        (lambda found: found.update(validFrom="2099-01-01T00:00:00Z"), "6"),
        (lambda found: found.pop("proof"), "6"),
        (lambda found: found.pop("credentialSubject"), "2"),
        (lambda found: found.update(undefined="word"), "4"),
        (lambda found: found.update(issuer="urn:x"), "7"),
        (lambda found: found["evidence"][0].update(id="https://bench.example/evidence/x/record.json"), "6"),
    ],
)
def test_badge_that_was_changed_names_the_check(
    browser: webbed.Browser, data: bytes, change: Any, number: str
) -> None:
    found = json.loads(data)
    change(found)
    assert refused(send(browser, text=json.dumps(found))) == number


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0",
        b"hello",
        b"{}",
        b"[" * 100_000,
        b'{"a": 1, "a": 2}',
        b"PK\x03\x04 no zip",
        b"<html><script>alert(1)</script></html>",
        b"a.b.c",
        b"\xff\xfe" * 1000,
    ],
)
def test_what_is_no_badge_is_refused(browser: webbed.Browser, content: bytes) -> None:
    answer = send(browser, file=content, name="<script>alert(1)</script>.png")
    number = refused(answer)
    assert number in ("1", "2")
    assert ("cannot be read as a badge" in answer.text) is (number == "1")
    assert "<script>alert" not in answer.text


def test_words_of_a_stranger_are_words(browser: webbed.Browser, data: bytes) -> None:
    hostile = "</p><script>alert(1)</script>\u202e"
    found = json.loads(data)
    found["name"] = found["credentialSubject"]["achievement"]["description"] = hostile
    found["issuer"]["name"] = found["validFrom"] = hostile
    found[hostile] = hostile
    answer = send(browser, text=json.dumps(found))
    assert "<script>alert" not in answer.text
    assert "\u202e" not in answer.text
    assert "&lt;script&gt;" in answer.text
    answer = send(browser, link='https://x.example/"><script>alert(1)</script>', email='"><script>alert(2)')
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text


def test_picture_of_a_stranger_is_shown_only_where_it_is_data(browser: webbed.Browser, data: bytes) -> None:
    for picture in ("https://track.example/x.png", "data:text/html;base64,PGI+", "javascript:alert(1)"):
        found = json.loads(data)
        found["credentialSubject"]["achievement"]["image"]["id"] = picture
        assert checking._said(found).picture is None
    assert checking._said(json.loads(data)).picture is not None


# Hostile uploads.


def chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4) + kind + content + zlib.crc32(kind + content).to_bytes(4)


def laughs() -> bytes:
    more = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return f'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY l0 "ha">{more}]><svg>&l9;</svg>'.encode()


START = baking.PNG + chunk(b"IHDR", (2**31 - 1).to_bytes(4) * 2 + b"\x08\x06\0\0\0")
END = chunk(b"IEND", b"")
BOMBS: dict[str, Callable[[], bytes]] = {
    "xml bomb": laughs,
    "xml from outside": lambda: (
        b'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
        b'<svg xmlns="http://www.w3.org/2000/svg">&x;</svg>'
    ),
    "deep xml": lambda: b"<svg>" + b"<g>" * 500_000,
    "huge png": lambda: START + chunk(b"IDAT", b"\0" * (15 * 1024**2)) + END,
    "compressed text": lambda: (
        START + chunk(b"iTXt", baking.KEYWORD + b"\0\1\0\0\0" + zlib.compress(b" " * 256 * 1024**2)) + END
    ),
    "many chunks": lambda: START + chunk(b"tEXt", b"a\0b") * 500_000 + END,
    "deep json": lambda: b'{"a":' * 200_000,
    "long number": lambda: b'{"a": ' + b"9" * 1_000_000 + b"}",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bomb_is_refused(browser: webbed.Browser, name: str) -> None:
    answer = send(browser, file=BOMBS[name]())
    assert refused(answer) == "1"
    assert "root:" not in answer.text


def test_text_without_an_end_is_too_large(browser: webbed.Browser) -> None:
    assert send(browser, text="x" * (20 * 1024**2)).status_code == 413
    assert send(browser, text="x" * (2 * 1024**2)).status_code == 413
    assert send(browser, file=b"x" * (17 * 1024**2 + 1)).status_code in (413, 422)


def test_pack_that_unpacks_without_an_end_is_refused(browser: webbed.Browser) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(64):
            archive.writestr(f"a{number}", b"\0" * 1024**2)
    answer = send(browser, file=target.getvalue())
    assert refused(answer) == "1"


def test_form_that_another_site_sends_checks_nothing(browser: webbed.Browser, data: bytes) -> None:
    answer = browser.client.post(
        "/verify", data={"text": data.decode()}, headers={"Origin": "https://evil.example"}
    )
    assert answer.status_code == 403


@pytest.mark.parametrize("given", [{}, {"text": "{}", "link": "https://x.example"}])
def test_one_of_three_is_expected(browser: webbed.Browser, given: dict[str, str]) -> None:
    answer = send(browser, **given)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text


def test_nothing_that_was_sent_is_kept(web: webbed.Web, browser: webbed.Browser, data: bytes) -> None:
    send(browser, file=data)
    # The folder goes after the answer has gone out.
    for _ in range(200):
        if not any(path.is_file() for path in web.here.uploads.rglob("*")):
            return
        time.sleep(0.05)
    raise AssertionError(f"left behind: {list(web.here.uploads.rglob('*'))}")


def test_too_many_at_once_come_back_later(web: webbed.Web, browser: webbed.Browser, data: bytes) -> None:
    with ExitStack() as others:
        for number in range(checking.AT_ONCE):
            others.enter_context(web.here.checking.taken(f"192.0.2.{number}"))
        page = send(browser, file=data)
        by_api = browser.client.post("/api/v1/verification", content=data, headers=browser.headers)
    for answer in (page, by_api):
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "10")
    assert headline(send(browser, file=data)) == "✓ It holds"


def test_one_address_leaves_room_for_others() -> None:
    slots = Slots(3, each=2, retry_s=7)
    with slots.taken("2001:db8::1"), slots.taken("2001:db8::2"):
        with pytest.raises(Throttled) as refused, slots.taken("2001:db8::3"):
            pass
        assert refused.value.retry_s == 7
        with slots.taken("192.0.2.1"), pytest.raises(Throttled), slots.taken("192.0.2.2"):
            pass
    with slots.taken("2001:db8::3"):
        pass


def test_place_is_free_again_after_a_failure() -> None:
    slots = Slots(1, each=1, retry_s=7)
    for _ in range(2):
        with pytest.raises(KeyError), slots.taken("192.0.2.1"):
            raise KeyError


# Of others.


@pytest.fixture
def other(tmp_path: Path, network: exhibited.Elsewhere) -> Iterator[tuple[str, bytes]]:
    """A badge of another installation, whose site is on the network: its address, and its bytes."""

    bench = exhibited.make(tmp_path)
    issuer = replace(honours.ISSUER, name="Other", url="https://other.example", did="did:web:other.example")
    bench.parts = replace(bench.parts, issuer=issuer)
    row = honours.earn(bench)["adder"]
    site.write(bench.parts, bench.tasks, tmp_path / "site")
    root = tmp_path / "site"
    network.files = {
        f"https://other.example/{path.relative_to(root).as_posix()}": path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }
    yield f"https://other.example/credentials/{row.id}", bench.parts.blobs.get(str(row.credential))
    network.files = {}
    bench.parts.store.close()


def test_badge_of_somebody_else_is_whole_and_they_are_unknown(
    browser: webbed.Browser, other: tuple[str, bytes]
) -> None:
    address, data = other
    for answer in (
        send(browser, file=data),
        send(browser, link=f"{address}.json"),
        send(browser, link=f"{address}.html"),
        send(browser, link=f"{address}.png"),
    ):
        assert headline(answer) == "? It is whole, but by somebody unknown here"
        said = outcomes(answer)
        assert said["8"] == (
            "Not asked",
            "it says to be by Other (did:web:other.example): whether you trust them is yours to say",
        )
        assert {said[one][0] for one in ("6", "7", "10", "12", "13", "14")} == {"✓ Holds"}


def test_badge_whose_issuer_is_away_cannot_be_told_and_not_why(
    browser: webbed.Browser, other: tuple[str, bytes], network: exhibited.Elsewhere
) -> None:
    network.files = {}
    answer = send(browser, file=other[1])
    assert headline(answer) == "? It cannot be told"
    assert outcomes(answer)["7"][0] == "? Could not be checked"
    assert "10.9.8.7" not in answer.text
    assert outcomes(answer)["10"][0] == "? Could not be checked"


def test_badge_that_only_says_to_be_ours_is_not(browser: webbed.Browser, data: bytes) -> None:
    forged = {name: value for name, value in json.loads(data).items() if name != "proof"}
    key = testing.signer(9)
    for owner in ("did:web:bench.example", did.did_key(key.public_raw)):
        method = did.method_id(owner, key.public_raw)
        signed = linked.sign(forged, signer=key, verification_method=method, created=NOW)
        assert refused(send(browser, text=json.dumps(signed))) == "7"


@pytest.mark.parametrize(
    "link",
    [
        "https://127.0.0.1/x.json",
        "https://localhost:8443/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://2130706433/",
        "https://user:word@example.org/",
        "http://example.org/x.json",
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "//example.org/x",
        "https://[",
        "x" * 1990,
    ],
)
def test_link_to_within_is_not_followed(web: webbed.Web, browser: webbed.Browser, link: str) -> None:
    # The real one in place of the tests' network.
    with pytest.raises((checking.RemoteFault, ValueError)) as told:
        checking.fetch(link, Remote(bounds=verify.BOUNDS))
    assert "public internet" not in str(told.value)
    answer = send(browser, link=link)
    assert answer.status_code == 422
    assert "That link gave nothing that can be checked." in answer.text


def test_form_works_without_a_script_and_names_its_fields(browser: webbed.Browser) -> None:
    page = browser.get("/verify").text
    for name in ("file", "text", "link", "email"):
        assert f'<label for="{name}">' in page
    assert "<script>" not in page
    assert len(re.findall("<h1>", page)) == 1
