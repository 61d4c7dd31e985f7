"""What is published: complete, the same each time, by visibility, and with nothing private in it."""

from __future__ import annotations

import json
import re
import shutil
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import pytest

from assessor import awarding, digest, note, pipeline, settling, site, testing, tree
from assessor.errors import BlobFault, NotFound, VerificationFailed, VerificationOpen
from assessor.keyring import Place
from assessor.note import Kind
from assessor.openbadges import baking, checks, did, statuslist, trust
from assessor.openbadges.asked import Asked, State
from assessor.openbadges.sources import Folder, Sources
from assessor.rows.awards import AwardRow, Visibility
from assessor.rows.log import Log
from assessor.signer import Purpose
from tests import honours, people
from tests.small import Bench

#: Each could be in a file by accident; none may.
NAME = "Zoe Zaphod-Unmistakable"
EMAIL = "zoe.unmistakable@private.example"
WORK = "# 3 pass\nsecret_of_the_submission = 'never to be seen'\n"
REASON = "copied from a colleague called Unmistakable"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = honours.make_bench(tmp_path)
    log = Log(
        database=made.parts.store,
        signer=made.parts.keyring.signer(Purpose.LOG),
        origin="bench.example/log",
        folder=tmp_path / "log",
        clock=made.clock,
    )
    made.parts = replace(made.parts, open_log=lambda: log)
    yield made
    made.parts.store.close()


@pytest.fixture
def write(bench: Bench) -> Callable[[], tree.Outcome]:
    return lambda: site.write(bench.parts, bench.tasks, bench.root / "site")


def content(bench: Bench) -> dict[str, bytes]:
    root = bench.root / "site"
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def earn(bench: Bench, learner: str = NAME, work: str = WORK) -> dict[str, AwardRow]:
    bench.parts.store.learner(learner, new_id=bench.parts.new_id(), salt=bytes(range(7, 23)))
    bench.parts.store.set_email(learner, EMAIL, act=people.act())
    _, attempt = bench.submit(work, learner=learner)
    pipeline.assess(attempt.id, 1, bench.parts)
    settling.follow_up(attempt.id, bench.parts)
    bench.clock.move(seconds=1)
    return honours.held(bench, learner)


def of(row: AwardRow, files: dict[str, bytes]) -> list[str]:
    return sorted(name.rpartition(".")[2] for name in files if name.startswith(f"credentials/{row.id}."))


# --- what is there


def test_tree_has_all_that_it_takes_to_check_an_award(bench, write):
    rows = earn(bench)
    outcome = write()
    files = content(bench)
    assert outcome.removed == 0
    assert outcome.left == []
    (attempt,) = rows["adder"].attempts
    for row in rows.values():
        assert of(row, files) == ["html", "json", "png", "svg", "tlog-proof"]
        data = files[f"credentials/{row.id}.json"]
        assert digest.sha256(data) == row.credential
        for carrier in ("png", "svg"):
            assert baking.extract(files[f"credentials/{row.id}.{carrier}"]) in (data, data.decode())
    for name in honours.BADGES:
        assert {f"achievements/{name}.{end}" for end in ("json", "html", "svg", "png")} <= set(files)
        assert (
            json.loads(files[f"achievements/{name}.json"])["id"]
            == f"https://bench.example/achievements/{name}.json"
        )
    row = bench.parts.store.evidence(attempt)
    assert digest.sha256(files[f"evidence/{attempt}/record.json"]) == row.record
    assert digest.sha256(files[f"evidence/{attempt}/run.json"]) == row.run
    assert digest.sha256(files[f"evidence/{attempt}/evidence.dsse"]) == row.envelope
    assert files[f"evidence/{attempt}/signer.pem"] == bench.parts.signer.public_pem
    assert json.loads(files["issuer.json"])["id"] == "did:web:bench.example"
    assert "status/1.json" in files


def test_tree_is_all_that_a_verifier_needs(bench, write):
    row = earn(bench)["adder"]
    write()
    root = bench.root / "site"

    def check(name: str) -> list[tuple[str, State]]:
        told = []
        asked = Asked(
            now=bench.clock(),
            sources=Sources(named={}, site=Folder(root=root)),
            trust=trust.read((root / "keys.json").read_bytes(), name="keys.json"),
            email=EMAIL,
        )
        data = (root / name).read_bytes()
        checks.credential(data, asked, on_check=lambda one, came: told.append((one.name, came.state)))
        return told

    for end in ("json", "png", "svg"):
        told = check(f"credentials/{row.id}.{end}")
        assert [name for name, state in told if state is not State.HELD] == ["schema", "checkpoint"]
    awarding.revoke(bench.parts, row.id, reason=REASON)
    write()
    with pytest.raises(VerificationFailed, match=r"^status: it was revoked"):
        check(f"credentials/{row.id}.json")


def test_proofs_hold_by_the_key_that_is_published_and_the_checkpoint_too(bench, write):
    rows = earn(bench)
    write()
    files = content(bench)
    keys = [note.read_vkey(files["log.vkey"].decode().strip())]
    checkpoint = note.verify_checkpoint(files["log/checkpoint"], keys=keys)
    for row in rows.values():
        proof = files[f"credentials/{row.id}.tlog-proof"]
        seen = note.verify_proof(proof, digest=row.credential, kind=Kind.AWARD, keys=keys)
        assert seen.size <= checkpoint.size
    (attempt,) = rows["adder"].attempts
    record = digest.sha256(files[f"evidence/{attempt}/record.json"])
    note.verify_proof(
        files[f"evidence/{attempt}/record.tlog-proof"], digest=record, kind=Kind.EVIDENCE, keys=keys
    )


def test_issuers_keys_are_found_by_its_name_and_retired_ones_with_their_end(bench, write):
    earn(bench)
    write()
    before = did.read(json.loads(content(bench)[".well-known/did.json"]))
    bench.clock.move(seconds=60)
    # As an operator does whose keys are given by settings: another one is given, then put into use.
    bench.parts.keyring._places[Purpose.ISSUER] = Place(
        file=bench.root / "issuer.pem", given=testing.signer(4).dump(None).decode(), setting="given"
    )
    bench.parts.keyring.rotate(Purpose.ISSUER, now=bench.clock())
    write()
    files = content(bench)
    after = did.read(json.loads(files[".well-known/did.json"]))
    assert [one.until for one in before] == [None]
    assert {one.raw: one.until for one in after} == {
        before[0].raw: bench.clock(),
        bench.parts.keyring.signer(Purpose.ISSUER).public_raw: None,
    }
    (listed,) = json.loads(files["keys.json"])["issuers"]
    assert listed["id"] == "did:web:bench.example"
    assert {purpose: len(keys) for purpose, keys in listed["keys"].items()} == {
        "engine": 1,
        "issuer": 2,
        "log": 1,
    }
    assert sum(name.startswith("keys/") for name in files) == 4


@pytest.mark.parametrize(
    ("url", "name", "at"),
    [
        ("https://bench.example", "did:web:bench.example", ".well-known/did.json"),
        ("https://bench.example/badges", "did:web:bench.example:badges", "did.json"),
    ],
)
def test_did_document_lies_where_resolvers_look(bench, write, url, name, at):
    bench.parts = replace(bench.parts, issuer=replace(bench.parts.issuer, url=url, did=name))
    write()
    assert [one for one in content(bench) if one.endswith("did.json")] == [at]
    assert did.web_address(name) == f"{url}/{at}"


def test_issuer_that_is_named_by_its_key_needs_no_document(bench, write):
    raw = bench.parts.keyring.signer(Purpose.ISSUER).public_raw
    bench.parts = replace(bench.parts, issuer=replace(bench.parts.issuer, did=did.did_key(raw)))
    earn(bench)
    write()
    assert [name for name in content(bench) if name.endswith("did.json")] == []


# --- again


def test_second_publishing_writes_nothing(bench, write):
    earn(bench)
    first = write()
    assert write() == tree.Outcome(files=first.files)


def test_proof_that_holds_stays_when_the_log_grows(bench, write):
    rows = earn(bench)
    write()
    before = content(bench)
    earn(bench, "Ben", "# 2 pass\n")
    write()
    after = content(bench)
    assert after["log/checkpoint"] != before["log/checkpoint"]
    for row in rows.values():
        assert after[f"credentials/{row.id}.tlog-proof"] == before[f"credentials/{row.id}.tlog-proof"]


def test_damaged_proof_is_made_anew_unless_somebody_else_wrote_it(bench, write):
    rows = earn(bench)
    write()
    path = bench.root / "site" / f"credentials/{rows['adder'].id}.tlog-proof"
    right = path.read_bytes()
    path.write_bytes(right.replace(b"index ", b"index 1"))
    with pytest.raises(BlobFault, match="expected no file, or one that was published here"):
        write()
    path.unlink()
    write()
    keys = [bench.parts.log.key]
    note.verify_proof(path.read_bytes(), digest=rows["adder"].credential, kind=Kind.AWARD, keys=keys)


def test_reissue_replaces_the_credential_under_the_same_name(bench, write):
    old = earn(bench, work="# 2 pass\n")["adder"]
    write()
    new = earn(bench, work="# 3 pass\n")["adder"]
    assert (new.id, new.revision) == (old.id, 2)
    write()
    files = content(bench)
    data = files[f"credentials/{old.id}.json"]
    assert digest.sha256(data) == new.credential
    keys = [bench.parts.log.key]
    proof = files[f"credentials/{old.id}.tlog-proof"]
    note.verify_proof(proof, digest=new.credential, kind=Kind.AWARD, keys=keys)


def test_missing_blob_is_told_and_nothing_goes(bench, write):
    rows = earn(bench)
    write()
    before = content(bench)
    bench.parts.blobs.remove(rows["adder"].credential)
    with pytest.raises((BlobFault, NotFound)):
        write()
    assert set(before) <= set(content(bench))


# --- who may see it


def test_award_is_found_by_its_link_and_in_no_list(bench, write):
    rows = earn(bench)
    write()
    files = content(bench)
    for row in rows.values():
        own = f"credentials/{row.id}."
        naming = [
            name for name, data in files.items() if row.id.encode() in data and not name.startswith(own)
        ]
        others = {f"credentials/{one.id}." for one in rows.values() if one is not row}
        # A badge that builds upon another names it, to whoever has its link.
        assert [name for name in naming if not any(name.startswith(other) for other in others)] == []
        assert b'content="noindex"' in files[f"{own}html"]
        for attempt in row.attempts:
            lists = ("index.html", "achievements/adder.html", "credentials/index.html", "evidence/index.html")
            assert [name for name in lists if attempt.encode() in files[name]] == []


def test_public_award_is_listed_on_its_achievements_page(bench, write):
    row = earn(bench)["adder"]
    bench.parts.store.show_award(row.id, Visibility.PUBLIC)
    write()
    files = content(bench)
    link = f"credentials/{row.id}.html".encode()
    assert link in files["achievements/adder.html"]
    assert f"{row.id}.html".encode() in files["credentials/index.html"]
    assert b"noindex" not in files[f"credentials/{row.id}.html"]
    assert link not in files["achievements/master.html"]


def test_private_award_is_nowhere_and_its_evidence_only_where_another_rests_on_it(bench, write):
    rows = earn(bench)
    (attempt,) = rows["adder"].attempts
    write()
    bench.parts.store.show_award(rows["adder"].id, Visibility.PRIVATE)
    write()
    files = content(bench)
    assert of(rows["adder"], files) == []
    assert f"evidence/{attempt}/record.json" in files
    bench.parts.store.show_award(rows["master"].id, Visibility.PRIVATE)
    bench.parts.store.show_award(rows["apprentice"].id, Visibility.PRIVATE)
    write()
    files = content(bench)
    assert [name for name in files if re.match("credentials/.*json|evidence/.*json", name)] == []
    assert [name for name, data in files.items() if attempt.encode() in data] == []


def test_evidence_that_is_withheld_goes_and_comes_back_and_its_badges_stay(bench, write):
    def files() -> dict[str, bytes]:
        # Without what only grows: the log, and the list of what was written.
        found = content(bench).items()
        return {name: data for name, data in found if not name.startswith(("log/", ".written"))}

    rows = earn(bench)
    (attempt,) = rows["adder"].attempts
    write()
    before = files()
    there = {name for name in before if name.startswith(f"evidence/{attempt}/")}
    bench.parts.store.show_evidence(rows["adder"].id, {attempt: False}, now=bench.clock())
    outcome = write()
    after = files()
    assert len(there) == outcome.removed == 6
    assert set(before) - set(after) == there
    pages = {f"credentials/{rows[name].id}.html" for name in ("adder", "master")}
    assert {name for name in after if after[name] != before[name]} == pages
    for name in pages:
        text = after[name].decode()
        assert "keeps this piece of evidence to themselves" in text
        assert f"evidence/{attempt}/" not in text
    assert f"evidence/{attempt}/record.json".encode() in after[f"credentials/{rows['adder'].id}.json"]
    assert write().written == 0
    bench.parts.store.show_evidence(rows["master"].id, {attempt: True}, now=bench.clock())
    write()
    assert files() == before


def test_published_badge_whose_evidence_is_withheld_cannot_be_told_whole(bench, write):
    row = earn(bench)["adder"]
    bench.parts.store.show_evidence(row.id, {row.attempts[0]: False}, now=bench.clock())
    write()
    root = bench.root / "site"
    data = (root / f"credentials/{row.id}.json").read_bytes()
    told = {}
    with pytest.raises(VerificationOpen, match=r"record\.json is not here"):
        checks.credential(
            data,
            Asked(now=bench.clock(), sources=Sources(named={}, site=Folder(root=root))),
            on_check=lambda check, one: told.update({check.name: one.state}),
        )
    assert told["proof"] is told["status"] is State.HELD
    assert {told[name] for name in ("evidence", "record", "inclusion")} == {State.OPEN}


def test_visibility_of_an_unknown_award_is_refused(bench):
    with pytest.raises(NotFound, match="expected the id of an award"):
        bench.parts.store.show_award("nothing", Visibility.PUBLIC)


def test_visibility_outlives_a_reissue(bench):
    row = earn(bench, work="# 2 pass\n")["adder"]
    bench.parts.store.show_award(row.id, Visibility.PRIVATE)
    again = earn(bench, work="# 3 pass\n")["adder"]
    assert (again.revision, again.visibility) == (2, Visibility.PRIVATE)


def test_revoked_award_says_so_is_listed_no_more_and_its_bit_is_set(bench, write):
    row = earn(bench)["adder"]
    bench.parts.store.show_award(row.id, Visibility.PUBLIC)
    write()
    listed = json.loads(content(bench)["status/1.json"])
    entry = json.loads(content(bench)[f"credentials/{row.id}.json"])["credentialStatus"]
    assert not statuslist.revoked(listed, entry)
    awarding.revoke(bench.parts, row.id, reason=REASON)
    write()
    files = content(bench)
    assert statuslist.revoked(json.loads(files["status/1.json"]), entry)
    assert "✗ Revoked" in files[f"credentials/{row.id}.html"].decode()
    assert row.id.encode() not in files["achievements/adder.html"]
    assert row.id.encode() not in files["credentials/index.html"]


def test_list_that_cannot_be_signed_is_not_there_rather_than_old(bench, write, monkeypatch):
    row = earn(bench)["adder"]
    write()
    awarding.revoke(bench.parts, row.id, reason=REASON, sign=False)

    def broken(*_arguments: object, **_named: object) -> None:
        raise BlobFault("no key")

    monkeypatch.setattr("assessor.statuses.sign", broken)
    write()
    assert [name for name in content(bench) if name.startswith("status/")] == []


def test_lists_are_signed_anew_before_they_are_published(bench, write):
    earn(bench)
    write()
    before = json.loads(content(bench)["status/1.json"])
    bench.clock.move(days=5)
    write()
    after = json.loads(content(bench)["status/1.json"])
    assert after["validUntil"] > before["validUntil"]


def test_erased_learner_is_gone_with_the_next_publishing(bench, write):
    rows = earn(bench)
    write()
    bench.parts.store.erase_learner(NAME, now=bench.clock())
    write()
    files = content(bench)
    for row in rows.values():
        assert [name for name, data in files.items() if row.id in name or row.id.encode() in data] == []
        for attempt in row.attempts:
            assert [name for name in files if attempt in name] == []


# --- nothing private


def test_tree_holds_nothing_private(bench, write):
    earn(bench)
    earn(bench, "Ben Beeblebrox-Unmistakable")
    rows = honours.held(bench, NAME)
    bench.parts.store.show_award(rows["adder"].id, Visibility.PUBLIC)
    awarding.revoke(bench.parts, rows["master"].id, reason=REASON)
    write()
    files = content(bench)
    tests = (bench.root / "catalog/tasks/sum/tests/test_sum.py").read_text()
    learner = bench.parts.store.learner_named(NAME)
    secrets = {
        *("Zaphod", "Beeblebrox", "Unmistakable", EMAIL, "zoe.unm", "private.example", REASON),
        *("secret_of_the_submission", "never to be seen", "solution.py"),
        *("test_two", "test_three", "test_sum.py", "from solution import total", "total([1, 2])"),
        *(learner.id, learner.salt.hex()),
        str(bench.root),
    }
    assert "total([1, 2])" in tests
    assert len(files) > 50
    for name, data in files.items():
        for form in (data, *inflated(data)):
            text = form.decode("utf-8", "replace").lower()
            found = [secret for secret in secrets if secret.lower() in text or secret.lower() in name.lower()]
            assert found == [], name
            assert learner.salt not in form, name


def inflated(data: bytes) -> Iterator[bytes]:
    """What is deflated inside: of a PNG its pixels, and its texts if they were."""
    for at in range(len(data) if data.startswith(b"\x89PNG") else 0):
        if data[at : at + 1] == b"\x78":
            try:
                yield zlib.decompressobj().decompress(data[at:])
            except zlib.error:
                continue


def test_search_for_what_is_private_finds_it_where_it_is(tmp_path):
    assert list(inflated(b"\x89PNG..." + zlib.compress(b"Unmistakable"))) == [b"Unmistakable"]


# --- the catalog


def test_achievement_that_left_the_catalog_still_answers_by_its_name(bench, write):
    earn(bench)
    write()
    shutil.rmtree(bench.root / "catalog/badges")
    bench.tasks = type(bench.tasks)(bench.tasks.root)
    write()
    files = content(bench)
    assert sorted(name for name in files if name.startswith("achievements/")) == [
        f"achievements/{name}.json" for name in sorted(honours.BADGES)
    ]
    assert json.loads(files["achievements/adder.json"])["name"] == "Adder"


def test_broken_badge_keeps_none_of_the_others_away(bench, write):
    (bench.root / "catalog/badges/master.yaml").write_text("id: master\n")
    bench.tasks = type(bench.tasks)(bench.tasks.root)
    write()
    files = content(bench)
    assert "achievements/adder.html" in files
    assert "achievements/master.html" not in files


def test_installation_without_badges_or_awards_publishes_who_it_is(bench, write):
    shutil.rmtree(bench.root / "catalog/badges")
    bench.tasks = type(bench.tasks)(bench.tasks.root)
    write()
    files = content(bench)
    assert {"index.html", "issuer.json", "keys.json", "log/checkpoint", ".well-known/did.json"} <= set(files)


# --- pages

VOID = {"meta", "img"}


class Reader(HTMLParser):
    """Checks that tags nest, and keeps them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID and tag != "rect":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def every(self, tag: str, attribute: str) -> list[str]:
        return [str(attrs[attribute]) for name, attrs in self.tags if name == tag and attribute in attrs]


def pages(bench: Bench) -> dict[str, Reader]:
    return {name: Reader(data.decode()) for name, data in content(bench).items() if name.endswith(".html")}


def test_every_link_leads_to_a_file_that_is_there(bench, write):
    rows = earn(bench)
    bench.parts.store.show_award(rows["adder"].id, Visibility.PUBLIC)
    write()
    files = set(content(bench))
    seen = set()
    for name, read in pages(bench).items():
        for link in read.every("a", "href"):
            if link.startswith(("https://", "mailto:")):
                continue
            target = urljoin(f"https://x/{name}", link).removeprefix("https://x/")
            assert target in files, (name, link)
            seen.add(target)
    (attempt,) = rows["adder"].attempts
    assert {f"evidence/{attempt}/index.html", f"credentials/{rows['adder'].id}.json", "keys.json"} <= seen


def test_pages_run_nothing_and_fetch_nothing(bench, write):
    earn(bench)
    write()
    for name, read in pages(bench).items():
        assert {tag for tag, _ in read.tags} & {"script", "iframe", "object", "link", "form"} == set(), name
        (policy,) = [
            attrs["content"]
            for tag, attrs in read.tags
            if attrs.get("http-equiv") == "Content-Security-Policy"
        ]
        assert policy.startswith("default-src 'none'; "), name
        assert all(source.startswith("data:image/") for source in read.every("img", "src")), name


def test_card_of_a_shared_link_has_title_words_and_picture(bench, write):
    row = earn(bench)["adder"]
    write()
    read = pages(bench)[f"credentials/{row.id}.html"]
    card = {str(attrs["property"]): attrs["content"] for tag, attrs in read.tags if "property" in attrs}
    base = f"https://bench.example/credentials/{row.id}"
    assert card["og:title"] == "Adder, Top"
    assert card["og:site_name"] == "Bench"
    assert (card["og:url"], card["og:image"]) == (f"{base}.html", f"{base}.png")
    assert card["og:description"] == "Awarded by Bench. Adds numbers up."


def test_text_of_issuers_and_authors_is_text_on_every_page(bench, write):
    hostile = "</title><script>alert(1)</script>\u202e"
    bench.parts = replace(bench.parts, issuer=replace(bench.parts.issuer, name=hostile, description=hostile))
    path = bench.root / "catalog/badges/adder.yaml"
    path.write_text(path.read_text().replace("Adds numbers up.", "'<script>alert(2)</script>'"))
    bench.tasks = type(bench.tasks)(bench.tasks.root)
    bench.parts = replace(bench.parts, achievements=lambda: bench.tasks.sound_achievements()[0])
    earn(bench)
    write()
    for name, data in content(bench).items():
        if name.endswith(".html"):
            assert b"<script" not in data, name
            assert "\u202e" not in data.decode(), name


def test_credentials_page_tells_when_its_list_was_signed_and_how_to_check(bench, write):
    row = earn(bench)["adder"]
    write()
    html = content(bench)[f"credentials/{row.id}.html"].decode()
    assert "✓ Not revoked" in html
    assert "As the issuer signed it on 24 November 2026, 09:00 UTC." in html
    assert f"assessor verify --online https://bench.example/credentials/{row.id}.json" in html
    assert "Valid until</th><td>24 November 2027" in html


def test_renewed_award_tells_both_days(bench, write):
    row = earn(bench)["adder"]
    bench.clock.move(seconds=timedelta(days=350).total_seconds())
    awarding.renew(bench.parts, row.id)
    write()
    html = content(bench)[f"credentials/{row.id}.html"].decode()
    assert "Awarded</th><td>24 November 2026" in html
    assert "for longer</th><td>9 November 2027" in html
