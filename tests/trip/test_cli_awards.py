"""What an issuer does at the command line, by real processes: award, look, hand out, renew, revoke."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assessor import pipeline, settings, testing, wiring
from assessor.openbadges import baking, recipient, statuslist
from tests import honours
from tests.honours import passing, script
from tests.trip.shop import Forker, Said

ISSUER = "name: Trip\nurl: https://trip.example\n"


class Office:
    """A home and a catalog with badges, used through its command line."""

    def __init__(self, folder: Path, forker: Forker) -> None:
        self.folder = folder
        self.home, self.catalog = folder / "home", folder / "catalog"
        self._forker = forker
        honours.write_catalog(self.catalog)
        (self.catalog / "issuer.yaml").write_text(ISSUER)

    def run(self, *arguments: object) -> Said:
        return self._forker.start("--home", self.home, "--catalog", self.catalog, *arguments)()

    def done(self, *arguments: object, status: int = 0) -> Said:
        said = self.run(*arguments)
        assert said.status == status, said
        return said

    def values(self, *arguments: object, status: int = 0) -> Any:
        return self.done(*arguments, "--json", status=status).json

    def judge(self, learner: str, number: int) -> str:
        """Judge work with which so many tests pass; nobody looks at it for awards."""
        told = settings.read({}, home=self.home, catalog=self.catalog)
        upload = self.folder / "upload"
        upload.mkdir(exist_ok=True)
        (upload / "solution.py").write_text(passing(number))
        with wiring.parts(told, boxed=False) as parts:
            box = testing.FakeSandbox(script, isolation="cell")
            _, attempt, _ = pipeline.submit(
                upload,
                task_id="sum",
                learner=learner,
                tasks=wiring.tasks(told),
                spool=told.spool,
                parts=parts,
                ring=lambda name, epoch: None,
            )
            pipeline.assess(attempt.id, 1, replace(parts, sandbox=box))
        return attempt.id

    def roster(self, *lines: str) -> Path:
        file = self.folder / "learners.csv"
        file.write_text("\n".join(["learner,email", *lines]) + "\n")
        return file


@pytest.fixture(scope="module")
def forker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forker]:
    made = Forker(tmp_path_factory.mktemp("said"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, forker: Forker) -> Office:
    made = Office(tmp_path_factory.mktemp("office"), forker)
    for learner, number in (("ada", 3), ("ben", 2), ("cy", 1), ("dan", 2)):
        made.judge(learner, number)
    return made


@pytest.fixture(scope="module")
def given(office: Office) -> Any:
    """What came of a roster with a line of each kind, tried dry before."""
    roster = office.roster(
        "ada,ada@example.org", "ben,", "cy,", "eve,", "ben,", ",x@example.org", "dan,not an address"
    )
    tried = office.values("award", "adder", "--csv", roster, "--dry-run", status=1)
    assert office.values("awards") == []
    done = office.values("award", "adder", "--csv", roster, status=1)
    assert [one["problem"] for one in tried["orders"]] == [one["problem"] for one in done["orders"]]
    assert (tried["dry_run"], done["dry_run"]) == (True, False)
    return done


def test_roster_is_done_line_by_line(given: Any) -> None:
    assert (given["done"], given["unchanged"], given["refused"]) == (2, 0, 5)
    told = [(one["line"], one["learner"], one["done"]) for one in given["orders"]]
    assert told[:3] == [(2, "ada", "award"), (3, "ben", "award"), (4, "cy", None)]
    problems = [one["problem"] for one in given["orders"][2:]]
    assert problems[0].endswith("got 0 passed attempts that do not")
    assert problems[1] == "expected the name of a learner, got 'eve': the store has none of that name"
    assert problems[2] == "expected each learner once, got the one of line 3"
    assert problems[3:] == [
        "expected the name of a learner, got none",
        "expected an e-mail address, got 'not an address'",
    ]


def test_roster_can_be_run_again(office: Office, given: Any) -> None:
    said = office.done("award", "adder", "--csv", office.roster("ada,", "ben,", "dan,"))
    assert re.search(r"line 2: ada has adder already", said.out)
    assert said.out.endswith("1, unchanged: 2, refused: 0\n")
    assert "learners" not in said.out, "the bar is talk"


def test_awards_are_listed_and_handed_out(office: Office, given: Any) -> None:
    (ada,) = office.values("awards", "--learner", "ada")
    assert (ada["achievement"], ada["level"], ada["holds"], ada["attention"]) == ("adder", "top", True, [])
    assert ada["award"] == given["orders"][0]["award"]
    assert "ada" in office.done("awards").out
    files = {}
    for end in ("json", "png", "svg"):
        target = office.folder / f"badge.{end}"
        office.done("export-badge", ada["award"], target)
        assert target.stat().st_mode & 0o777 == 0o600
        files[end] = target.read_bytes()
    credential = json.loads(files["json"])
    (identity,) = credential["credentialSubject"]["identifier"]
    assert recipient.matches(identity, "ada@example.org")
    assert credential["id"] == f"https://trip.example/credentials/{ada['award']}.json"
    for end in ("png", "svg"):
        carried = baking.extract(files[end])
        assert isinstance(carried, bytes)
        assert json.loads(carried) == credential
    assert office.done("linkedin", ada["award"]).out.startswith("https://www.linkedin.com/profile/add?")
    office.done("transcript", "ada", office.folder / "record.json")
    record = json.loads((office.folder / "record.json").read_bytes())
    assert record["credentialSubject"]["verifiableCredential"] == [credential]
    assert record["proof"]


def test_certificate_carries_the_credential(office: Office, given: Any) -> None:
    target = office.folder / "badge.pdf"
    office.done("export-badge", given["orders"][0]["award"], target)
    assert target.read_bytes().startswith(b"%PDF-")


def test_address_is_kept_and_a_reissue_binds_to_it(office: Office, given: Any) -> None:
    award = given["orders"][1]["award"]
    assert office.values("learner", "email", "ben", "ben@example.org")["email"] == "ben@example.org"
    done = office.values("reissue", award, "--reason", "an address")
    assert done["orders"] == [
        {
            "line": None,
            "learner": award,
            "award": award,
            "done": "reissue",
            "words": "issued again: adder for ben",
            "problem": None,
        }
    ]
    office.done("export-badge", award, office.folder / "ben.json")
    (identity,) = json.loads((office.folder / "ben.json").read_bytes())["credentialSubject"]["identifier"]
    assert recipient.matches(identity, "ben@example.org")
    office.done("learner", "email", "ben", "--remove")
    assert "usage" in office.done("learner", "email", "ben", status=2).err.lower()


def test_renewal_before_its_time_is_refused(office: Office, given: Any) -> None:
    said = office.done("renew", given["orders"][0]["award"], status=1)
    assert "error: award" in said.err
    assert "it can be renewed from" in said.err


def test_revocation_reaches_the_signed_list_and_is_for_good(office: Office, given: Any) -> None:
    award = given["orders"][1]["award"]
    dry = office.done("revoke", award, "--reason", "copied", "--dry-run")
    assert dry.out == f"would be done: award {award} of adder is revoked\n"
    said = office.done(
        "revoke", "--csv", office.roster("ben,", "cy,"), "--achievement", "adder", "--reason", "x", status=1
    )
    assert "line 3: refused: expected an award of adder to 'cy', there is none" in said.out
    told = settings.read({}, home=office.home, catalog=office.catalog)
    with wiring.parts(told, boxed=False) as parts:
        row = parts.store.award(award)
        body = parts.store.status_list(row.status_list).body
        assert row.credential is not None
        entry = json.loads(parts.blobs.get(row.credential))["credentialStatus"]
    assert body is not None
    assert statuslist.revoked(json.loads(body), entry)
    assert "expected one that holds" in office.done("revoke", award, "--reason", "x", status=1).err
    assert "revoked" in office.done("awards", "--learner", "ben").out
    assert office.values("status")["status_lists_late"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        ("award", "adder"),
        ("award", "adder", "ada", "--attempt", "x"),
        ("revoke", "--reason", "x"),
        ("revoke", "x"),
        ("renew", "--achievement", "adder"),
        ("export-badge", "x", "badge.gif"),
    ],
)
def test_order_that_is_not_whole_is_a_matter_of_usage(office: Office, wrong: tuple[str, ...]) -> None:
    assert "Usage:" in office.done(*wrong, status=2).err


def test_name_of_a_learner_makes_no_line_of_its_own(office: Office) -> None:
    name = "fay\nline 9: awarded: adder for gus"
    office.judge(name, 2)
    for _ in range(2):  # awarded, and there already
        said = office.done("award", "adder", "--csv", office.roster(f'"{name}",'))
        assert "fay[U+000A]line 9: awarded" in said.out
        assert not [line for line in said.out.splitlines() if line.startswith("line 9")]


def test_a_piece_of_evidence_is_kept_and_shown_by_itself(tmp_path: Path, forker: Forker) -> None:
    office = Office(tmp_path, forker)
    attempt = office.judge("ada", 3)
    office.done("award", "adder", "ada")
    (award,) = [one["award"] for one in office.values("awards")]
    piece = tmp_path / "site" / "evidence" / attempt / "record.json"
    for who, shown, words in (
        ("private", False, "kept by its learner"),
        ("link", True, "shown where the award is"),
    ):
        asked = ("visibility", award, who, "--evidence", attempt)
        said = office.done(*asked)
        assert said.out == f"evidence of {attempt} is {words} from the next assessor publish on\n"
        assert office.values(*asked) == {"award": award, "evidence": attempt, "shown": shown}
        office.done("publish", tmp_path / "site")
        assert piece.exists() is shown
        assert (tmp_path / "site" / "credentials" / f"{award}.html").exists()
        said = office.done("export-pack", award, tmp_path / f"{who}.zip")
        assert (f"left out, since the learner keeps it to themselves: evidence of {attempt}" in said.err) is (
            not shown
        )
    said = office.done("visibility", award, "public", "--evidence", attempt, status=2)
    assert "expected link or private for evidence, which nothing lists, got public" in said.err
    said = office.done("visibility", award, "private", "--evidence", "another", status=2)
    assert f"expected an attempt that it rests on ({attempt}), got 'another'" in said.err
