"""What everybody may see, as the web application answers it: as the published tree, and by who may see it."""

from __future__ import annotations

import contextlib
import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from assessor import awarding, digest, hosting, page, settling, site
from assessor.rows.awards import AwardRow, Visibility
from assessor.web.exhibit import Exhibit
from tests import exhibited, honours, webbed

PUBLIC_PAGES = (*("/index.html", "/issuer", "/credentials/", "/evidence/"), "/achievements/adder.html")


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webbed.Web]:
    with exhibited.served(tmp_path_factory.mktemp("web")) as found:
        yield found


@pytest.fixture
def rows(web: webbed.Web, request: pytest.FixtureRequest) -> dict[str, AwardRow]:
    """The awards of a learner of this test alone."""
    return honours.earn(web.bench, learner=request.node.name)


@pytest.fixture
def row(rows: dict[str, AwardRow]) -> AwardRow:
    return rows["adder"]


@pytest.fixture
def browser(web: webbed.Web) -> webbed.Browser:
    return web.browser()


def evidence(row: AwardRow) -> str:
    return f"/evidence/{row.attempts[0]}/"


def get(browser: webbed.Browser, path: str, accept: str = "text/html") -> httpx.Response:
    return browser.get(path, headers={"Accept": accept})


# As the tree.


def test_every_file_of_the_published_tree_is_answered_alike(
    web: webbed.Web, rows: dict[str, AwardRow], browser: webbed.Browser
) -> None:
    bench, root = web.bench, web.bench.root / "published tree"
    bench.parts.store.show_award(rows["adder"].id, Visibility.PUBLIC)
    site.write(bench.parts, bench.tasks, root)
    seen = set()
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if not path.is_file() or name.startswith((".written", "_", ".ht", "nginx")):
            continue
        answer = browser.get(f"/{name}")
        assert answer.status_code == 200, name
        told = hosting.headers(name)
        assert answer.headers["content-type"] == told["Content-Type"], name
        assert told["Cache-Control"] in answer.headers["cache-control"], name
        assert answer.headers["access-control-allow-origin"] == "*", name
        if name.endswith(".tlog-proof"):
            assert answer.content.splitlines()[0] == path.read_bytes().splitlines()[0], name
        elif re.fullmatch(r"(credentials|evidence)/.*\.html", name) and not name.endswith("s/index.html"):
            # Beyond what a tree can do: a pack of it, and a check at once.
            mine = re.sub(r" <a href=\"[^\"]*\.zip\">.*?</a>.*?\.(?=</p>)", "", answer.text)
            mine = re.sub(r"\n<p><a href=\"/verify[^\n]*", "", mine)
            if name.startswith(("credentials/index", "evidence/index")):
                mine = answer.text
            assert mine == path.read_text(), name
        else:
            assert answer.content == path.read_bytes(), name
        seen.add(name.partition("/")[0])
    assert {"credentials", "evidence", "achievements", "keys", "status", "log", ".well-known"} <= seen


def test_nothing_of_the_application_is_in_what_it_shows(row: AwardRow, browser: webbed.Browser) -> None:
    for path in (*PUBLIC_PAGES, f"/credentials/{row.id}.html", evidence(row)):
        answer = get(browser, path)
        assert answer.status_code == 200, path
        assert "set-cookie" not in answer.headers, path
        assert "Sign in" not in answer.text, path


def test_page_of_evidence_says_all_that_it_is_for(row: AwardRow, browser: webbed.Browser) -> None:
    text = get(browser, evidence(row)).text
    for words in ("What was asked", "What was shown", "How it was judged", "Check it yourself"):
        assert words in text
    for name in ("record.json", "run.json", "evidence.dsse", "pack.zip"):
        assert f'href="{name}"' in text
        assert browser.get(evidence(row) + name).status_code == 200


def test_shared_link_shows_the_badge(row: AwardRow, browser: webbed.Browser) -> None:
    for path, picture in (
        (f"/credentials/{row.id}.html", f"credentials/{row.id}.png"),
        ("/achievements/adder.html", "achievements/adder.png"),
        # Whoever was given the evidence was not given the credential.
        (evidence(row), "achievements/adder.png"),
    ):
        text = get(browser, path).text
        assert f'<meta property="og:image" content="https://bench.example/{picture}">' in text
        assert '<meta property="og:title" content="A' in text
        assert browser.get(f"/{picture}").headers["content-type"] == "image/png"
    assert row.id not in get(browser, evidence(row)).text


# Forms.


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("text/html", "text/html; charset=utf-8"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html; charset=utf-8"),
        ("*/*", "text/html; charset=utf-8"),
        ("application/json", "application/json"),
        ("application/ld+json, text/html;q=0.9", "application/ld+json"),
        ("application/vc+json", "application/vc+json"),
        ("image/png", "image/png"),
        ("image/*;q=0.2, image/png;q=0.1", "image/svg+xml"),
    ],
)
def test_whoever_asks_chooses_the_form(
    row: AwardRow, browser: webbed.Browser, accept: str, media: str
) -> None:
    for path in (f"/credentials/{row.id}", f"/credentials/{row.id}.html"):
        answer = get(browser, path, accept)
        assert answer.headers["content-type"] == media
        assert answer.headers["vary"] == "Accept"
        assert (
            browser.get(answer.headers["content-location"], headers={"Accept": "*/*"}).content
            == answer.content
        )


def test_each_page_has_its_json(row: AwardRow, browser: webbed.Browser) -> None:
    for path, kind in (
        ("/issuer", "Profile"),
        ("/index.html", "Profile"),
        ("/achievements/adder", "Achievement"),
        (f"/credentials/{row.id}", "OpenBadgeCredential"),
    ):
        for accept in ("application/json", "application/ld+json"):
            answer = get(browser, path, accept)
            assert answer.headers["content-type"] == accept
            assert kind in json.dumps(answer.json()["type"])
    record = get(browser, evidence(row), "application/json")
    assert record.content == browser.get(f"{evidence(row)}record.json").content


def test_form_that_there_is_not_is_not_acceptable(row: AwardRow, browser: webbed.Browser) -> None:
    answer = get(browser, f"/credentials/{row.id}", "image/webp")
    assert answer.status_code == 406
    assert "application/vc+json" in answer.text
    assert answer.headers["vary"] == "Accept"


@pytest.mark.parametrize(
    "path", ["/evidence/none/", "/credentials/none", "/achievements/none", "/no-such-page"]
)
def test_program_is_told_in_json_what_there_is_not(browser: webbed.Browser, path: str) -> None:
    for accept in ("application/json", "application/json, text/html;q=0.5"):
        answer = get(browser, path, accept)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
        assert (answer.json()["code"], answer.headers["vary"]) == ("not-found", "Accept")
    for accept in ("text/html", "*/*", "image/png", "application/json;q=0.5, text/html"):
        assert get(browser, path, accept).headers["content-type"] == "text/html; charset=utf-8"


def test_file_is_what_its_name_says_whoever_asks(row: AwardRow, browser: webbed.Browser) -> None:
    answer = get(browser, f"/credentials/{row.id}.json", "text/html")
    assert answer.headers["content-type"] == "application/vc+json"
    assert "vary" not in answer.headers


def test_evidence_without_a_slash_leads_to_it(row: AwardRow, browser: webbed.Browser) -> None:
    answer = browser.get(evidence(row).rstrip("/"))
    assert (answer.status_code, answer.headers["location"]) == (308, evidence(row))


def test_what_is_known_already_is_not_sent_again(row: AwardRow, browser: webbed.Browser) -> None:
    marks = set()
    for path in (evidence(row), f"/credentials/{row.id}", "/achievements/adder.png", "/issuer"):
        first = browser.get(path)
        mark = first.headers["etag"]
        for given in (mark, f"W/{mark}", f'"other", {mark}', "*"):
            again = browser.get(path, headers={"If-None-Match": given})
            assert (again.status_code, again.content) == (304, b""), given
            assert again.headers["etag"] == mark
            assert again.headers["cache-control"] == first.headers["cache-control"]
        assert browser.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
        marks.add(mark)
    assert len(marks) == 4


def test_two_forms_of_the_same_bytes_are_told_apart(row: AwardRow, browser: webbed.Browser) -> None:
    path = f"/credentials/{row.id}"
    one, other = get(browser, path, "application/json"), get(browser, path, "application/ld+json")
    assert one.content == other.content
    assert one.headers["etag"] != other.headers["etag"]


def test_page_is_walled_off_from_the_application(row: AwardRow, browser: webbed.Browser) -> None:
    for path in (evidence(row), f"/credentials/{row.id}.html", f"/credentials/{row.id}.svg"):
        headers = get(browser, path).headers
        assert headers["content-security-policy"] == page.policy()
        assert "sandbox allow-downloads" in headers["content-security-policy"]
        assert "script-src" not in headers["content-security-policy"]
        assert headers["cross-origin-opener-policy"] == "unsafe-none"
        assert headers["x-content-type-options"] == "nosniff"


# By who may see it.


def test_award_that_is_taken_back_is_gone_with_the_next_request(
    web: webbed.Web, rows: dict[str, AwardRow], browser: webbed.Browser
) -> None:
    paths = [
        f"/credentials/{one.id}.{form}" for one in rows.values() for form in ("html", "json", "png", "zip")
    ]
    paths += [evidence(rows["adder"]), f"{evidence(rows['adder'])}pack.zip"]
    assert {browser.get(path).status_code for path in paths} == {200}
    for one in rows.values():
        web.bench.parts.store.show_award(one.id, Visibility.PRIVATE)
    for path in paths:
        answer = browser.get(path)
        assert answer.status_code == 410, path
        assert "does not show it any more" in answer.text
        assert "no-store" in answer.headers["cache-control"]
    web.bench.parts.store.show_award(rows["adder"].id, Visibility.LINK)
    assert browser.get(evidence(rows["adder"])).status_code == 200
    assert browser.get(f"/credentials/{rows['master'].id}").status_code == 410


def test_evidence_that_is_withheld_is_gone_with_the_next_request_and_its_badge_says_so(
    web: webbed.Web, rows: dict[str, AwardRow], browser: webbed.Browser
) -> None:
    row, words = rows["adder"], "The learner keeps this piece of evidence to themselves"
    attempt, page, badge = row.attempts[0], f"{evidence(row)}index.html", f"/credentials/{row.id}.html"
    files = ("", "index.html", "record.json", "run.json", "evidence.dsse", "pack.zip")
    assert [get(browser, page).status_code for _ in range(3)] == [200] * 3
    assert web.here.exhibit.ready(page.removeprefix("/")) is not None
    assert words not in get(browser, badge).text
    signed = browser.get(f"/credentials/{row.id}.json").content
    store, now = web.bench.parts.store, web.bench.clock()
    store.show_evidence(row.id, {attempt: False}, now=now)
    assert web.here.exhibit.ready(page.removeprefix("/")) is None
    for name in files:
        answer = browser.get(f"{evidence(row)}{name}")
        assert answer.status_code == 410, name
        assert "does not show it any more" in answer.text
        assert "no-store" in answer.headers["cache-control"]
    # Whichever award rests on it says so, leads nowhere, and is what it was.
    for one in (row, rows["master"]):
        text = get(browser, f"/credentials/{one.id}.html").text
        assert words in text
        assert f"evidence/{attempt}" not in text
        assert "Bound to these bytes" in text
        assert "to check it offline, but for what the learner keeps to themselves." in text
    assert browser.get(f"/credentials/{row.id}.json").content == signed
    with zipfile.ZipFile(io.BytesIO(browser.get(f"/credentials/{row.id}.zip").content)) as packed:
        assert [name for name in packed.namelist() if attempt in name] == []
        assert packed.read(f"credentials/{row.id}.json") == signed
    store.show_evidence(row.id, {attempt: True}, now=now)
    assert {browser.get(f"{evidence(row)}{name}").status_code for name in files} == {200}
    assert words not in get(browser, badge).text
    assert "to check it offline." in get(browser, badge).text
    assert f"evidence/{attempt}" in get(browser, badge).text


def test_evidence_that_another_process_withholds_is_gone_with_the_next_request(
    web: webbed.Web, row: AwardRow, browser: webbed.Browser
) -> None:
    page, now = f"{evidence(row)}index.html", web.bench.clock()
    assert [get(browser, page).status_code for _ in range(3)] == [200] * 3
    with contextlib.closing(honours.reopen(web.bench).parts.store) as other:
        other.show_evidence(row.id, {row.attempts[0]: False}, now=now)
        assert get(browser, page).status_code == 410
        other.show_evidence(row.id, {row.attempts[0]: True}, now=now)
        assert get(browser, page).status_code == 200


def test_evidence_names_no_badge_that_is_hidden_since(web: webbed.Web, browser: webbed.Browser) -> None:
    attempt = honours.judge(web.bench, 3, learner="two badges")
    parts = web.bench.parts
    master = tuple(one for one in parts.achievements() if one.id == "master")
    # The badge that is not on the page is awarded first.
    settling.follow_up(attempt, replace(parts, achievements=lambda: master))
    web.bench.clock.move(seconds=1)
    awarding.award(parts, "adder", "two badges", act=web.act())
    rows = honours.held(web.bench, "two badges")
    assert rows["master"].awarded_at < rows["adder"].awarded_at
    for hidden, other in (("adder", "master"), ("master", "adder")):
        for one in rows.values():
            parts.store.show_award(one.id, Visibility.LINK)
        assert get(browser, f"/evidence/{attempt}/").status_code == 200
        parts.store.show_award(rows[hidden].id, Visibility.PRIVATE)
        text = get(browser, f"/evidence/{attempt}/").text
        assert f"/achievements/{hidden}.png" not in text
        assert f"/achievements/{other}.png" in text


def test_award_of_whom_was_erased_is_gone(
    web: webbed.Web, rows: dict[str, AwardRow], browser: webbed.Browser, request: pytest.FixtureRequest
) -> None:
    paths = [f"/credentials/{rows['adder'].id}.html", evidence(rows["adder"])]
    assert {browser.get(path).status_code for path in paths} == {200}
    web.bench.parts.store.erase_learner(request.node.name, now=web.bench.clock())
    for path in paths:
        answer = browser.get(path)
        assert answer.status_code == 410
        assert "removed with all that was kept of the person" in answer.text
        assert rows["adder"].attempts[0] not in answer.text


def test_revoked_award_says_so(web: webbed.Web, row: AwardRow, browser: webbed.Browser) -> None:
    assert "✓ Not revoked" in get(browser, f"/credentials/{row.id}").text
    awarding.revoke(web.bench.parts, row.id, reason="copied")
    text = get(browser, f"/credentials/{row.id}").text
    assert "✗ Revoked" in text
    assert "copied" not in text


def test_award_is_listed_where_its_holder_wants_it(
    web: webbed.Web, row: AwardRow, browser: webbed.Browser
) -> None:
    lists = ("/achievements/adder", "/credentials/")
    assert [path for path in lists if row.id in get(browser, path).text] == []
    web.bench.parts.store.show_award(row.id, Visibility.PUBLIC)
    assert [path for path in lists if row.id in get(browser, path).text] == [*lists]


def test_attempt_without_an_award_is_nobodys_business(web: webbed.Web, browser: webbed.Browser) -> None:
    attempt = honours.judge(web.bench, 1, learner="failed it")
    for name in ("", "record.json", "index.html", "pack.zip"):
        assert browser.get(f"/evidence/{attempt}/{name}").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/credentials/none",
        "/credentials/none.json",
        "/credentials/..%2fissuer.json",
        "/credentials/a.b.json",
        "/achievements/none.html",
        "/achievements/none.json",
        "/evidence/none/",
        "/evidence/none/record.json",
        "/evidence/../keys.json/",
        "/evidence/x/%2e%2e/%2e%2e/assessor.db",
        "/keys/none.pem",
        "/status/none.json",
        "/status/1.html",
        "/log/nothing",
        "/log/tile/0/../../../assessor.db",
        "/log/tile/0/x999/999",
        "/log/%2e%2e/%2e%2e/keys/engine.pem",
    ],
)
def test_what_there_is_not_is_not_there(browser: webbed.Browser, path: str) -> None:
    assert browser.get(path).status_code in (404, 308)
    assert browser.client.get(path, follow_redirects=True).status_code == 404


def test_log_grows_with_what_is_in_it(web: webbed.Web, browser: webbed.Browser) -> None:
    sizes = []
    for number in range(2):
        honours.earn(web.bench, learner=f"grows {number}")
        checkpoint = browser.get("/log/checkpoint")
        assert checkpoint.headers["cache-control"] == "public, no-cache"
        sizes.append(int(checkpoint.text.splitlines()[1]))
        assert len(browser.get(f"/log/tile/0/000.p/{sizes[-1]}").content) == 32 * sizes[-1]
    assert sizes[0] < sizes[1]


def test_pack_of_a_badge_holds_what_it_takes(row: AwardRow, browser: webbed.Browser) -> None:
    answer = browser.get(f"/credentials/{row.id}.zip")
    assert answer.headers["content-disposition"] == f'attachment; filename="credentials-{row.id}.zip"'
    assert answer.content.startswith(b"PK")


def test_record_is_named_by_its_page(row: AwardRow, browser: webbed.Browser) -> None:
    record = browser.get(f"{evidence(row)}record.json").content
    assert digest.sha256(record) in get(browser, evidence(row)).text


def test_memory_is_bounded_and_everything_is_still_answered(web: webbed.Web, tmp_path: Path) -> None:
    most = 100_000
    small = Exhibit(
        parts=web.bench.parts, catalog=web.here.catalog, folder=tmp_path, verifier=None, most=most
    )
    names = []
    for number in range(4):
        for row in honours.earn(web.bench, learner=f"bounded {number}").values():
            names += [f"credentials/{row.id}.json"]
            names += [f"evidence/{attempt}/index.html" for attempt in row.attempts]
    for name in (*names, *names):
        assert small.file(name).data
        assert small._size == sum(group.size for group in small._kept.values()) <= most
    assert 0 < len(small._kept) < len(set(names))


# Below a path.


def test_issuer_with_a_path_is_answered_below_it(tmp_path: Path) -> None:
    def make(root: Path) -> honours.Bench:
        bench = exhibited.make(root)
        issuer = replace(
            honours.ISSUER, url="https://bench.example/badges", did="did:web:bench.example:badges"
        )
        bench.parts = replace(bench.parts, issuer=issuer)
        return bench

    with webbed.served(tmp_path, make=make, throttle=webbed.unlimited()) as web:
        row = honours.earn(web.bench)["adder"]
        browser = web.browser()
        for path in (
            *("/badges/", "/badges/issuer.json", "/badges/did.json", "/badges/achievements/adder.html"),
            *(f"/badges/credentials/{row.id}.html", f"/badges{evidence(row)}"),
        ):
            answer = browser.get(path)
            assert answer.status_code == 200, path
            there = answer.headers.get("content-location", path)
            assert browser.get(there).content == answer.content, path
        assert browser.get(f"/badges{evidence(row)[:-1]}").headers["location"] == f"/badges{evidence(row)}"


def test_evidence_that_another_process_hides_is_gone_with_the_next_request(
    web: webbed.Web, rows: dict[str, AwardRow], browser: webbed.Browser
) -> None:
    row = rows["adder"]
    page = f"{evidence(row)}index.html"
    assert get(browser, page).status_code == 200
    honours.earn(web.bench, learner="somebody else")
    assert web.here.exhibit.ready(page.removeprefix("/")) is not None, "its award is as it was"
    with contextlib.closing(honours.reopen(web.bench).parts.store) as other:
        for one in rows.values():
            other.show_award(one.id, Visibility.PRIVATE)
        assert get(browser, page).status_code == 410
        assert get(browser, f"/credentials/{row.id}.html").status_code == 410
        other.show_award(row.id, Visibility.LINK)
        assert get(browser, page).status_code == 200


def test_what_was_seen_before_somebody_wrote_is_looked_at_again(
    web: webbed.Web, row: AwardRow, browser: webbed.Browser
) -> None:
    name = f"credentials/{row.id}.html"
    assert get(browser, f"/{name}").status_code == 200
    assert web.here.exhibit.ready(name) is not None
    web.bench.parts.store.show_award(row.id, Visibility.PUBLIC)
    assert web.here.exhibit.ready(name) is None
    assert web.here.exhibit.ready("index.html") is None, "the catalog is part of it"


def test_tile_that_there_is_not_costs_the_disk_nothing(
    web: webbed.Web, row: AwardRow, browser: webbed.Browser
) -> None:
    folder = web.here.settings.home / "published" / "log"
    assert browser.get("/log/checkpoint").status_code == 200
    # What is written takes the place of a file, as another one.
    before = {path: path.stat().st_ino for path in folder.rglob("*") if path.is_file()}
    for path in ("tile/0/x999/999", "tile/entries/999", "checkpoint"):
        browser.get(f"/log/{path}")
    assert {path: path.stat().st_ino for path in folder.rglob("*") if path.is_file()} == before
    (folder / "checkpoint").unlink()
    assert browser.get("/log/checkpoint").status_code == 200, "taken away, and there again"
