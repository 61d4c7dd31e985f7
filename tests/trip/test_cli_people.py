"""People through the command line: accounts, tokens, cohorts, assignments, gradebooks, the trail."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assessor import passwords
from assessor.rows.users import Role
from assessor.store import Store
from assessor.wiring import now
from tests import people
from tests.trip.shop import ROOT, Forker, Said

SECRET = "a password for tests"


@pytest.fixture(scope="module")
def forker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forker]:
    made = Forker(tmp_path_factory.mktemp("said"))
    yield made
    made.close()


class Home:
    """An installation with one task."""

    def __init__(self, folder: Path, forker: Forker) -> None:
        self.home, self.catalog = folder / "home", folder / "catalog"
        shutil.copytree(ROOT / "tasks" / "median-stats", self.catalog / "tasks" / "median-stats")
        for name in ("rubrics", "sandboxes"):
            shutil.copytree(ROOT / name, self.catalog / name)
        self._forker = forker

    def run(self, *arguments: object, **environ: str) -> Said:
        told = ("--home", self.home, "--catalog", self.catalog)
        return self._forker.start(*told, *arguments, **{"ASSESSOR_SANDBOX": "unsafe_local"} | environ)()

    def done(self, *arguments: object, **environ: str) -> Said:
        said = self.run(*arguments, **environ)
        assert said.status == 0, said
        return said

    def json(self, *arguments: object, **environ: str) -> Any:
        return self.done(*arguments, "--json", **environ).json

    def store(self) -> Store:
        return Store.open(f"sqlite:///{self.home / 'assessor.db'}")

    def trail(self) -> list[dict[str, Any]]:
        """The trail, oldest first."""
        return list(reversed(self.json("audit")))


@pytest.fixture
def home(tmp_path: Path, forker: Forker) -> Home:
    return Home(tmp_path, forker)


def test_account_is_made_listed_changed_and_switched_off(home: Home) -> None:
    made = home.json(
        "users",
        "add",
        "Ada@Example.org",
        "--role",
        "learner",
        "--name",
        "Ada",
        "--url",
        "https://w.example.org/",
    )
    secret = re.fullmatch(r"https://w\.example\.org/sign-in/link/([\w-]{43})", made["link"])
    assert secret is not None
    assert made["learner"] is not None
    store = home.store()
    assert store.sign_in_link(secret[1], now=now()) == made["user"]

    home.done("users", "roles", "ada@example.org", "--role", "learner", "--role", "reviewer")
    assert store.sign_in_link(secret[1], now=now()) is None
    assert home.json("users", "list")[0]["roles"] == ["learner", "reviewer"]
    link = home.done(
        "users", "link", "ada@example.org", ASSESSOR_PUBLIC_URL="https://b.example.org"
    ).out.strip()
    assert link.startswith("https://b.example.org/sign-in/link/")
    home.done("users", "disable", "ada@example.org")
    assert home.json("users", "list")[0]["active"] is False
    assert "switched off" in home.done("users", "list").out
    home.done("users", "enable", "ada@example.org")
    store.close()
    assert [row["act"] for row in home.trail()] == [
        "user.add",
        "sign-in-link.add",
        "user.roles",
        "sign-in-link.add",
        "user.disable",
        "user.enable",
    ]
    assert {(row["user"], row["address"]) for row in home.trail()} == {(None, "operator@command line")}


def test_password_comes_from_the_first_line_of_a_file(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\nnot this\n")
    said = home.done("users", "add", "ada@example.org", "--role", "admin", "--password-file", file)
    assert "sign-in" not in said.out
    store = home.store()
    found = store.user_by_email("ada@example.org")
    assert found is not None
    kept = store.password_of(found.id)
    store.close()
    assert passwords.check(kept, SECRET)
    file.write_text("short\n")
    refused = home.run("users", "add", "ben@example.org", "--role", "admin", "--password-file", file)
    assert refused.status == 1
    assert "password: expected 12 to 1024 characters, got 5" in refused.err
    assert len(home.json("users", "list")) == 1


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("users", "add", "nobody", "--role", "admin"), 1, "expected an e-mail address, got 'nobody'"),
        (("users", "add", "ada@example.org", "--role", "king"), 2, "'king' is not one of"),
        (("users", "add", "ada@example.org"), 2, "Missing option '--role'"),
        (("users", "disable", "ada@example.org"), 2, "nobody has an account by it"),
        (("tokens", "revoke", "t"), 2, "expected the id of a token, got 't'"),
        (("cohorts", "show", "Spring"), 2, "expected a cohort, got 'Spring'"),
        (("assignments", "add", "Spring", "median-stats"), 2, "expected a cohort, got 'Spring'"),
        (("assignments", "add", "Spring", "median"), 2, "did you mean"),
        (("assignments", "add", "Spring", "median-stats", "--due", "2026-03-01T12:00"), 2, "with its offset"),
        (("gradebook", "g"), 2, "expected the id of an assignment, got 'g'"),
    ],
)
def test_mistake_is_told_in_words_and_leaves_no_line(
    home: Home, arguments: tuple[str, ...], status: int, words: str
) -> None:
    said = home.run(*arguments)
    assert (said.status, said.out) == (status, "")
    assert words in said.err
    assert home.trail() == []


def test_learner_of_the_command_line_gets_an_account_with_their_work(home: Home) -> None:
    store = home.store() if home.home.is_dir() else None
    assert store is None
    home.done("users", "list")
    store = home.store()
    learner = store.learner("ada@example.org", new_id="known", salt=b"salt")
    store.close()
    assert home.json("users", "add", "ada@example.org", "--role", "learner")["learner"] == learner.id


def test_token_is_printed_once_and_revoked(home: Home) -> None:
    home.done("users", "add", "ada@example.org", "--role", "admin")
    text = home.done("tokens", "add", "ada@example.org", "--scope", "read", "--scope", "submit").out.strip()
    assert re.fullmatch(r"asr_[0-9A-Za-z]{43}", text)
    (listed,) = home.json("tokens", "list")
    assert listed["scopes"] == ["read", "submit"]
    assert text not in str(listed)
    store = home.store()
    assert store.token(text, now=now()) is not None
    home.done("tokens", "revoke", listed["id"])
    assert store.token(text, now=now()) is None
    store.close()
    assert home.json("tokens", "list", "ada@example.org") == []


def test_cohort_is_filled_assigned_and_graded(home: Home) -> None:
    home.done("cohorts", "add", "Spring")
    link = home.json("cohorts", "invite", "Spring", "--uses", "1", "--url", "https://w.example.org")["link"]
    home.done("users", "add", "ada@example.org", "--role", "learner", "--name", '=HYPERLINK("http://x","y")')
    home.done("users", "add", "ben@example.org", "--role", "learner")
    home.done("cohorts", "enrol", "Spring", "ada@example.org")
    store = home.store()
    ben = store.user_by_email("ben@example.org")
    assert ben is not None
    store.join(link.rsplit("/", 1)[1], ben.id, act=people.act(now(), ben.id))
    assigned = home.json(
        "assignments",
        "add",
        "Spring",
        "median-stats",
        "--title",
        "First",
        "--counts",
        "last",
        "--opens",
        "2026-01-01T00:00+01:00",
        "--due",
        "2026-02-01T00:00+01:00",
        "--class",
        "exam",
    )
    assert home.json("assignments", "list", "Spring") == [assigned]
    shown = home.json("cohorts", "show", "Spring")
    assert sorted(one["email"] for one in shown["members"]) == ["ada@example.org", "ben@example.org"]
    assert shown["assignments"] == [assigned]
    people.submit(store, ben.learner_id or "", "a1", task="median-stats", now=now())
    store.close()

    told = home.json("gradebook", assigned["assignment"])["grades"]
    assert [(one["email"], one["tries"], one["waiting"]) for one in told] == [
        ("ada@example.org", 0, 0),
        ("ben@example.org", 1, 1),
    ]
    header, ada, _ben = csv.reader(io.StringIO(home.done("gradebook", assigned["assignment"], "--csv").out))
    assert dict(zip(header, ada, strict=True))["name"] == '\'=HYPERLINK("http://x","y")'
    assert "waiting" in home.done("gradebook", assigned["assignment"]).out
    home.done("cohorts", "withdraw", "Spring")
    home.done("cohorts", "leave", "Spring", "ada@example.org")
    assert home.json("cohorts", "list")[0]["members"] == 1
    assert [row["act"] for row in home.trail() if row["act"].split(".")[0] != "user"][-6:] == [
        "assignment.add",
        "gradebook.read",
        "gradebook.read",
        "gradebook.read",
        "cohort.withdraw",
        "cohort.leave",
    ]


def test_erased_learner_has_no_account(home: Home) -> None:
    home.done("users", "add", "ada@example.org", "--role", "learner")
    home.done("erase", "ada@example.org", "--yes")
    assert home.json("users", "list") == []


def test_every_role_can_be_given(home: Home) -> None:
    given = [word for role in Role for word in ("--role", role.value)]
    assert home.json("users", "add", "ada@example.org", *given)["roles"] == sorted(Role)
