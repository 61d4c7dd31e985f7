"""`assessor verify`: what it takes, what it tells a person and a program, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from assessor import pack, wiring
from assessor.cli import main
from assessor.errors import RemoteFault
from assessor.openbadges import baking, did, trust
from assessor.signer import load_public
from tests import badges
from tests.badges import ISSUER_KEY, LOG_KEY, World

Verify = Callable[..., Result]


@pytest.fixture
def world(make: Any) -> World:
    return badges.world(make.folder())


@pytest.fixture
def site(world: World, tmp_path: Path) -> Path:
    """The issuer's site, copied to a folder."""
    return write(tmp_path / "site", world.files)


@pytest.fixture
def verify(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Verify:
    """Runs the command in a place where there is no installation."""
    monkeypatch.setattr(wiring, "now", lambda: badges.NOW)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "badge.json").write_bytes(world.data)

    def run(*arguments: object) -> Result:
        told = ["--home", str(tmp_path / "none"), "verify", *map(str, arguments)]
        result = CliRunner().invoke(main, told, catch_exceptions=False)
        assert not (tmp_path / "none").exists(), "verifying makes no installation"
        return result

    return run


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def test_badge_that_holds_ends_with_0_and_a_line(verify: Verify, site: Path) -> None:
    said = verify("badge.json", "--site", site)
    assert said.exit_code == 0
    assert said.stdout == "badge.json: holds, 11 checks; not asked: 3, 8, 11, 15\n"
    lines = said.stderr.splitlines()
    assert [line[0] for line in lines] == list("✓✓-✓✓✓✓-✓✓-✓✓✓-")
    assert lines[7].startswith(
        "- 8. The issuer is one that you trust. not asked: it says to be by Example School"
    )


def test_everything_can_be_asked(verify: Verify, site: Path, world: World, tmp_path: Path) -> None:
    (tmp_path / "seen").write_bytes(badges.log_checkpoint(world.leaves[:2]).note)
    (tmp_path / "schema.json").write_text('{"type": "object"}')
    asked = ("--trust", badges.ISSUER, "--email", badges.EMAIL, "--schema", "schema.json")
    said = verify("badge.json", "--site", site, *asked, "--checkpoint", "seen", "--json")
    assert said.exit_code == 0
    told = json.loads(said.stdout)
    assert (told["verdict"], told["holds"]) == ("holds", True)
    assert [(one["number"], one["state"]) for one in told["checks"]] == [(n, "held") for n in range(1, 16)]
    assert told["checks"][5]["name"] == "proof"


def test_badge_that_is_refused_ends_with_1_and_its_check(verify: Verify, site: Path) -> None:
    said = verify("badge.json", "--site", site, "--email", "eve@example.org")
    assert said.exit_code == 1
    assert said.stdout == ""
    last, error = said.stderr.splitlines()[-2:]
    assert last == "✗ 11. It was given to the person that you asked about. It does not hold."
    assert error == "error: recipient: expected one of eve@example.org, got somebody else's"
    told = json.loads(verify("badge.json", "--site", site, "--email", "eve@example.org", "--json").stdout)
    assert (told["verdict"], told["holds"]) == ("refused", False)
    assert told["refused"] == {
        "number": 11,
        "check": "recipient",
        "problem": "expected one of eve@example.org, got somebody else's",
    }
    assert [one["number"] for one in told["checks"]] == list(range(1, 11))


def test_badge_of_which_not_all_can_be_checked_ends_with_3(verify: Verify) -> None:
    said = verify("badge.json")
    assert said.exit_code == 3
    assert said.stdout.startswith("badge.json: cannot tell: 6 checks hold, not checked: 7, 10, 12, 13, 14")
    told = json.loads(verify("badge.json", "--json").stdout)
    assert (told["verdict"], told["holds"]) == ("cannot tell", False)
    assert {one["name"] for one in told["checks"] if one["state"] == "not checked"} == {
        "controller",
        "status",
        "evidence",
        "record",
        "inclusion",
    }


def test_named_documents_take_the_place_of_a_site(verify: Verify, world: World, tmp_path: Path) -> None:
    write(tmp_path / "given", {"did.json": world.files["did.json"], "list": world.files["status/1.json"]})
    said = verify("badge.json", "--did-document", "given/did.json", "--status-list", "given/list")
    assert said.stdout.startswith("badge.json: cannot tell: 8 checks hold, not checked: 12, 13, 14")


def test_badge_in_a_picture_is_found_whatever_its_name(verify: Verify, site: Path, world: World) -> None:
    svg = baking.bake_svg(b'<svg xmlns="http://www.w3.org/2000/svg"/>', world.data)
    Path("picture").write_bytes(svg)
    assert verify("picture", "--site", site).exit_code == 0


def test_pack_holds_offline_with_the_keys_that_are_known(verify: Verify, world: World) -> None:
    path = f"credentials/{badges.AWARD}.json"
    files = {**world.files, path: world.data}
    made = pack.Pack(files=files, credential=path, attempts=("a1",))
    Path("badge.zip").write_bytes(made.dump())
    assert verify("badge.zip").exit_code == 3
    known = trust.Trusted(
        id=badges.ISSUER, issuer=(trust.Key(text=ISSUER_KEY.text),), log=(trust.Key(text=LOG_KEY.text),)
    )
    Path("keys.json").write_bytes(trust.dump([known]))
    said = verify("badge.zip", "--trust", "keys.json")
    assert said.exit_code == 0, said.stderr
    assert "one of did:web:badges.example.org, by the list of those you trust" in said.stderr


def test_evidence_is_checked_by_its_own_list(verify: Verify, make: Any, tmp_path: Path) -> None:
    folder = make.folder()
    files = {"record.json": folder.record, "run.json": folder.run, "evidence.dsse": folder.envelope}
    write(tmp_path / "evidence", {**files, "engine.pem": folder.signer.public_pem})
    said = verify("evidence", "--key", "evidence/engine.pem", "--submission", "submission-1", "--json")
    assert said.exit_code == 0
    told = json.loads(said.stdout)
    assert [one["name"] for one in told["checks"]][:3] == ["envelope", "signature", "statement"]
    last = [(one["name"], one["state"]) for one in told["checks"]][-2:]
    assert last == [("submission", "held"), ("inclusion", "nothing to check")]
    refused = verify("evidence", "--key", "evidence/engine.pem", "--submission", "other", "--json")
    told = json.loads(refused.stdout)
    assert refused.exit_code == 1
    assert told["refused"]["check"] == "submission"
    assert told["refused"]["number"] == next(
        one["number"] + 1 for one in reversed(told["checks"]) if one["state"] == "held"
    )
    without = verify("evidence")
    assert without.exit_code == 1
    assert "signature: expected a key to trust: name one with --key or --trust" in without.stderr


def test_evidence_with_the_logs_proof_beside_it_is_looked_up_in_the_log(
    verify: Verify, site: Path, make: Any
) -> None:
    folder = site / "evidence/a1"
    engine = did.multikey(load_public(make.folder().signer.public_pem, name="engine").raw)

    def asked(log: badges.Key | None) -> tuple[int, dict[str, Any]]:
        keys = () if log is None else (trust.Key(text=log.text),)
        known = trust.Trusted(id=badges.ISSUER, engine=(trust.Key(text=engine),), log=keys)
        Path("keys.json").write_bytes(trust.dump([known]))
        said = verify(folder, "--trust", "keys.json", "--json")
        return said.exit_code, json.loads(said.stdout)

    status, told = asked(LOG_KEY)
    assert (status, told["checks"][-1]["number"], told["checks"][-1]["state"]) == (0, 13, "held")
    status, told = asked(None)
    assert (status, told["checks"][-1]["state"]) == (0, "not asked")
    status, told = asked(badges.OTHER_KEY)
    assert (status, told["refused"]["number"], told["refused"]["check"]) == (1, 13, "inclusion")
    (folder / "record.tlog-proof").unlink()
    status, told = asked(LOG_KEY)
    assert (status, told["checks"][-1]["state"]) == (0, "nothing to check")


def test_evidence_that_its_first_checks_refuse_is_told_by_their_numbers(
    verify: Verify, site: Path, world: World, make: Any
) -> None:
    Path("engine.pem").write_bytes(make.folder().signer.public_pem)
    envelope = site / "evidence/a1/evidence.dsse"
    for data, number, name in (
        (b"{}", 1, "envelope"),
        (envelope.read_bytes().replace(b'"sig":"', b'"sig":"AAAA', 1), 2, "signature"),
    ):
        envelope.write_bytes(data)
        said = verify(envelope.parent, "--key", "engine.pem")
        assert f"✗ {number}. " in said.stderr
        told = json.loads(verify(envelope.parent, "--key", "engine.pem", "--json").stdout)
        assert (told["refused"]["number"], told["refused"]["check"]) == (number, name)
        envelope.write_bytes(world.files["evidence/a1/evidence.dsse"])


def test_address_that_gives_nothing_is_neither_held_nor_refused(
    verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(self: object, url: str) -> bytes:
        raise RemoteFault(f"{url}: expected an answer, got none")

    monkeypatch.setattr("assessor.openbadges.remote.Remote.get", away)
    said = verify(badges.CREDENTIAL, "--online")
    assert said.exit_code == 3
    assert said.stdout == f"{badges.CREDENTIAL}: cannot tell: 0 checks hold, not checked: 1\n"
    assert "expected an answer, got none" in said.stderr
    told = json.loads(verify(badges.CREDENTIAL, "--online", "--json").stdout)
    assert (told["verdict"], told["checks"][0]["state"]) == ("cannot tell", "not checked")


def test_nothing_is_fetched_unless_asked_for(verify: Verify, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(self: object, url: str) -> bytes:
        raise AssertionError(f"fetched {url}")

    monkeypatch.setattr("assessor.openbadges.remote.Remote.get", never)
    said = verify("https://badges.example.org/badge.json")
    assert said.exit_code == 2
    assert "nothing is fetched unless asked for: add --online" in said.stderr
    assert verify("badge.json").exit_code == 3


def test_what_is_missing_is_fetched_where_asked_for(
    verify: Verify, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def get(self: object, url: str) -> bytes:
        asked.append(url)
        path = url.removeprefix(f"{badges.URL}/").removeprefix(".well-known/")
        return world.data if url == badges.CREDENTIAL else world.files[path]

    monkeypatch.setattr("assessor.openbadges.remote.Remote.get", get)
    said = verify(badges.CREDENTIAL, "--online")
    assert said.exit_code == 0, said.stderr
    assert asked[:3] == [badges.CREDENTIAL, f"{badges.URL}/.well-known/did.json", badges.STATUS]


@pytest.mark.parametrize(
    ("what", "text", "status"),
    [
        ("missing.json", "files: expected missing.json, got: No such file", 1),
        ("empty", "bytes: empty: expected", 1),
        ("folder", "files: expected folder/record.json", 1),
        ("http://badges.example.org/x", "add --online", 2),
    ],
)
def test_what_is_nothing_to_check_is_told(verify: Verify, what: str, text: str, status: int) -> None:
    Path("empty").write_bytes(b"")
    Path("folder").mkdir()
    said = verify(what)
    assert said.exit_code == status
    assert text in said.stderr.replace("\n", " ")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"issuers: []\n", "trust:1:1: issuers: expected at least 1"),
        (b"issuers:\n  - {id: nobody}\n", "expected a DID, or an https address"),
        (b"issuers:\n  - {id: 'did:web:a.org'}\n  - {id: 'did:web:a.org'}\n", "each issuer once"),
        (
            b"issuers:\n  - {id: 'did:web:a.org', keys: {issuer: [{key: x, until: later}]}}\n",
            "until: expected",
        ),
        (b'{"verificationMethod": [], "id": 5}', "expected a DID document with an id"),
        (b'{"a": 1, "a": 2}', "several times"),
        (b"\xff", "expected UTF-8"),
    ],
)
def test_trust_list_that_is_none_is_told_with_its_place(verify: Verify, content: bytes, text: str) -> None:
    Path("trust").write_bytes(content)
    said = verify("badge.json", "--trust", "trust")
    assert said.exit_code == 2
    assert text in said.stderr.replace("\n", " ")
    assert "trust: trust:" not in said.stderr


def test_output_of_a_stranger_moves_no_cursor(verify: Verify, world: World) -> None:
    data = world.changed(lambda one: one["issuer"].update(name="Evil\u202e[red]School[/]"))
    Path("badge.json").write_bytes(data)
    said = verify("badge.json")
    assert "\u202e" not in said.stderr
    assert "[red]School[/]" in said.stderr


@pytest.mark.parametrize("asked", [(), ("--trust", "did:web:other.example.org")])
def test_output_of_a_stranger_makes_no_line_of_its_own(
    verify: Verify, site: Path, world: World, asked: tuple[str, ...]
) -> None:
    lie = "School\n✓ 8. The issuer is one that you trust. Example School"
    Path("badge.json").write_bytes(world.changed(lambda one: one["issuer"].update(name=lie)))
    said = verify("badge.json", "--site", site, *asked)
    assert not [line for line in said.stderr.splitlines() if line.startswith("✓ 8.")]
    assert "School[U+000A]✓ 8. The issuer" in said.stderr


@pytest.mark.parametrize("option", ["--email", "--schema", "--checkpoint", "--status-list", "--did-document"])
def test_question_about_a_credential_is_not_passed_over_where_there_is_none(
    verify: Verify, make: Any, option: str
) -> None:
    """A pack that its sender took the credential out of holds as evidence: not as anybody's badge."""
    folder = make.folder()
    evidence = {"record.json": folder.record, "run.json": folder.run, "evidence.dsse": folder.envelope}
    made = pack.Pack(files={f"evidence/a1/{name}": data for name, data in evidence.items()}, attempts=("a1",))
    Path("badge.zip").write_bytes(made.dump())
    Path("engine.pem").write_bytes(folder.signer.public_pem)
    write(Path("folder"), evidence)
    value = badges.EMAIL if option == "--email" else "badge.json"
    for what in ("badge.zip", "folder"):
        assert verify(what, "--key", "engine.pem").exit_code == 0
        said = verify(what, "--key", "engine.pem", option, value)
        assert said.exit_code == 2
        assert f"expected a credential, of which {option} asks, got evidence alone" in said.stderr


def test_question_about_evidence_is_not_passed_over_where_there_is_a_credential(
    verify: Verify, site: Path
) -> None:
    said = verify("badge.json", "--site", site, "--submission", "another")
    assert said.exit_code == 2
    assert "expected evidence alone, of which --submission asks, got a credential" in said.stderr


def test_second_list_cannot_give_an_issuer_other_keys(verify: Verify, site: Path) -> None:
    """The keys.json of one school may name another school, with keys of its own making."""

    def listed(name: str, key: badges.Key) -> str:
        known = trust.Trusted(id=badges.ISSUER, issuer=(trust.Key(text=key.text),))
        Path(name).write_bytes(trust.dump([known]))
        return name

    school, again, eve = listed("a", ISSUER_KEY), listed("b", ISSUER_KEY), listed("c", badges.OTHER_KEY)
    Path("did.json").write_bytes(badges.did_document(ISSUER_KEY))
    for order in ((school, again), (badges.ISSUER, school), (school, badges.ISSUER), (school, "did.json")):
        told = [part for one in order for part in ("--trust", one)]
        assert verify("badge.json", "--site", site, *told).exit_code == 0
    for order in ((school, eve), (eve, school)):
        told = [part for one in order for part in ("--trust", one)]
        said = verify("badge.json", "--site", site, *told)
        assert said.exit_code == 2
        text = f"{order[1]}: expected the keys that {order[0]} has for {badges.ISSUER}, got others"
        assert text in said.stderr
