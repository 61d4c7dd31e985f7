"""Accounts: one for each address, a learner behind it, signed out by whatever changes it, erased whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from assessor import personal
from assessor.blobs import Blobs
from assessor.errors import AccountRefused, NotFound
from assessor.rows import accounts, users
from assessor.rows.audit import COMMAND_LINE, Act
from assessor.rows.cohorts import Counts
from assessor.rows.learnerrows import Seed
from assessor.rows.tokens import Scope
from assessor.rows.users import Role
from assessor.rows.webhooks import Event
from assessor.store import Store
from tests import people
from tests.people import NOW, act, add

SEED = Seed(id="fresh", salt=b"salt")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = people.open_store(tmp_path)
    yield opened
    opened.close()


def acts(store: Store) -> list[str]:
    """What was done, oldest first."""
    return [row.act for row in reversed(store.audit())]


def test_account_is_found_by_its_address_however_it_is_written(store: Store) -> None:
    made = add(store, email=" Ada.Lovelace@Example.ORG ")
    assert made.email == "Ada.Lovelace@Example.ORG"
    assert store.user_by_email("ada.lovelace@example.org") == made
    assert store.user("ada") == made
    assert store.user_by_email("ada@example.org") is None


def test_address_has_one_account(store: Store) -> None:
    add(store, email="ada@example.org")
    with pytest.raises(AccountRefused, match=r"an address without an account, ADA@example\.org has one"):
        add(store, "other", email="ADA@example.org")
    assert [user.id for user in store.users()] == ["ada"]
    assert acts(store) == ["user.add"]


@given(st.emails())
def test_key_of_an_address_is_the_same_whatever_its_case_and_taken_again(email: str) -> None:
    key = users.email_key(email)
    assert users.email_key(email.upper()) == users.email_key(email.lower()) == users.email_key(key) == key


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"email": "nobody"}, "expected an e-mail address, got 'nobody'"),
        ({"name": " "}, "expected a name of 1 to 200 characters, got 0"),
        ({"name": "x" * 201}, "expected a name of 1 to 200 characters, got 201"),
        ({"name": "a\x1b[2Jb"}, "expected a name without control characters"),
        ({"roles": ()}, "expected at least one role, got none"),
    ],
)
def test_account_that_makes_no_sense_is_refused(store: Store, change: dict[str, Any], problem: str) -> None:
    values = {"email": "a@b.org", "name": "A", "roles": (Role.LEARNER,)} | change
    with pytest.raises(AccountRefused, match=problem):
        store.add_user(id="a", password=None, seed=SEED, act=act(), **values)
    assert (store.users(), store.audit()) == ((), ())


def test_learner_of_the_command_line_is_the_same_person_on_the_web(store: Store) -> None:
    made = add(store)
    found = store.learner("ada@example.org", new_id="another", salt=b"another")
    assert made.learner_id == found.id == "ada-learner"
    assert store.user_of_learner(found.id) == made


def test_whoever_types_a_learners_address_is_not_given_their_work(store: Store) -> None:
    store.learner("ada@example.org", new_id="known", salt=b"salt")
    with pytest.raises(AccountRefused, match="an address that no learner is called by, there is one"):
        add(store)
    assert store.users() == ()
    assert add(store, adopt=True).learner_id == "known"


def test_learner_has_one_account(store: Store) -> None:
    learner = store.learner("ada", new_id="known", salt=b"salt")
    add(store, "ada", Role.REVIEWER)
    add(store, "ben", Role.REVIEWER)
    assert store.link_learner("ada", learner.id, act=act()).learner_id == learner.id
    with pytest.raises(
        AccountRefused, match="user ben: expected a learner without an account, known has one"
    ):
        store.link_learner("ben", learner.id, act=act())
    with pytest.raises(NotFound, match="expected the id of a learner, got 'nobody'"):
        store.link_learner("ben", "nobody", act=act())
    assert acts(store).count("user.link-learner") == 1


def test_who_becomes_a_learner_gets_a_row_among_them_and_keeps_it(store: Store) -> None:
    assert add(store, "ada", Role.ADMIN).learner_id is None
    assert store.set_roles("ada", {Role.LEARNER}, seed=SEED, act=act()).learner_id == "fresh"
    assert store.set_roles("ada", {Role.AUTHOR}, seed=SEED, act=act()).learner_id == "fresh"


CHANGES: dict[str, Callable[[Store], Any]] = {
    "user.roles": lambda store: store.set_roles("ada", {Role.ADMIN}, seed=SEED, act=act()),
    "user.disable": lambda store: store.set_active("ada", False, act=act()),
    "user.password": lambda store: store.set_password("ada", "hash", act=act()),
}


@pytest.mark.parametrize("what", CHANGES)
def test_change_of_an_account_signs_it_out_and_leaves_its_line(store: Store, what: str) -> None:
    add(store)
    add(store, "ben")
    for user in ("ada", "ben"):
        store.open_session(secret=f"{user} cookie", user_id=user, csrf="c", now=NOW)
        store.add_sign_in_link(
            secret=f"{user} link", user_id=user, expires_at=NOW + timedelta(days=1), act=act()
        )
    CHANGES[what](store)
    assert store.session("ada cookie", now=NOW) is None
    assert store.sign_in_link("ada link", now=NOW) is None
    assert store.session("ben cookie", now=NOW) is not None
    assert store.sign_in_link("ben link", now=NOW) == "ben"
    newest = store.audit(limit=1)[0]
    assert (newest.act, newest.subject, newest.at, newest.address) == (what, "ada", NOW, "192.0.2.7")


def test_roles_that_stay_as_they_were_sign_nobody_out(store: Store) -> None:
    add(store)
    store.open_session(secret="cookie", user_id="ada", csrf="c", now=NOW)
    store.set_roles("ada", {Role.LEARNER}, seed=SEED, act=act())
    assert store.session("cookie", now=NOW) is not None


def test_session_in_which_the_password_is_changed_goes_on(store: Store) -> None:
    add(store)
    here = store.open_session(secret="here", user_id="ada", csrf="c", now=NOW)
    store.open_session(secret="elsewhere", user_id="ada", csrf="c", now=NOW)
    store.set_password("ada", "hash", act=act(), keep=here.id)
    assert store.session("here", now=NOW) == here
    assert store.session("elsewhere", now=NOW) is None
    assert store.password_of("ada") == "hash"


def test_account_that_was_switched_off_and_on_has_its_tokens_no_more(store: Store) -> None:
    add(store)
    store.add_token(
        id="t", secret="asr_x", user_id="ada", name="n", scopes=[Scope.READ], expires_at=None, act=act()
    )
    store.set_active("ada", False, act=act())
    with pytest.raises(AccountRefused, match="user ada: expected an active account, it is switched off"):
        store.open_session(secret="cookie", user_id="ada", csrf="c", now=NOW)
    assert store.set_active("ada", True, act=act()).active
    assert (store.token("asr_x", now=NOW), store.tokens("ada")) == (None, ())


def test_stronger_hash_is_not_kept_over_a_password_that_was_changed(store: Store) -> None:
    add(store, password="old")
    store.rehash_password("ada", before="old", password="stronger")
    assert store.password_of("ada") == "stronger"
    store.rehash_password("ada", before="old", password="late")
    assert store.password_of("ada") == "stronger"
    assert store.password_of("nobody") is None


def test_provider_knows_somebody_by_issuer_and_subject_together(store: Store) -> None:
    ada, _ = add(store), add(store, "ben")
    store.link_identity("ada", "https://id.example.org", "7", act=act())
    store.link_identity("ada", "https://id.example.org", "7", act=act())
    assert store.user_by_identity("https://id.example.org", "7") == ada
    assert store.user_by_identity("https://other.example.org", "7") is None
    with pytest.raises(
        AccountRefused, match=r"a subject of https://id\.example\.org that nobody is known by"
    ):
        store.link_identity("ben", "https://id.example.org", "7", act=act())
    assert acts(store).count("user.link-identity") == 1


def test_accounts_are_given_a_page_at_a_time(store: Store) -> None:
    names = [add(store, name, now=NOW - timedelta(hours=order)).id for order, name in enumerate("edcba")]
    seen: list[str] = []
    while page := store.users(after=seen[-1] if seen else None, limit=2):
        seen += [user.id for user in page]
    assert seen == names


@pytest.mark.parametrize("what", ["user", "set_active", "set_password", "set_roles", "open_session"])
def test_nobodys_account_is_told_by_the_id_that_was_asked_for(store: Store, what: str) -> None:
    calls: dict[str, Callable[[], object]] = {
        "user": lambda: store.user("nobody"),
        "set_active": lambda: store.set_active("nobody", True, act=act()),
        "set_password": lambda: store.set_password("nobody", "hash", act=act()),
        "set_roles": lambda: store.set_roles("nobody", {Role.ADMIN}, seed=SEED, act=act()),
        "open_session": lambda: store.open_session(secret="s", user_id="nobody", csrf="c", now=NOW),
    }
    with pytest.raises(NotFound, match="expected the id of a user, got 'nobody'"):
        calls[what]()
    assert store.audit() == ()


# --- the trail


def test_act_that_fails_leaves_no_line_and_a_line_that_fails_no_act(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(store)

    def fails(*_args: object, **_detail: object) -> None:
        raise RuntimeError("killed here")

    monkeypatch.setattr(users.audit, "note", fails)
    with pytest.raises(RuntimeError, match="killed here"):
        store.set_roles("ada", {Role.ADMIN}, seed=SEED, act=act())
    assert store.user("ada").roles == {Role.LEARNER}


def test_trail_is_read_from_the_newest_line_on_a_page_at_a_time(store: Store) -> None:
    operator = Act.by_operator(NOW)
    for number in range(5):
        store.note_act(operator, "thing.do", f"thing-{number}", number=number, name="ä")
    first = store.audit(limit=2)
    assert [row.subject for row in first] == ["thing-4", "thing-3"]
    rest = store.audit(after=first[-1].seq)
    assert [row.subject for row in rest] == ["thing-2", "thing-1", "thing-0"]
    assert {(row.user_id, row.address) for row in rest} == {(None, COMMAND_LINE)}
    assert json.loads(rest[0].detail) == {"name": "ä", "number": 2}


# --- rights of learners


def settled(store: Store) -> None:
    """Ada and Ben with everything that an account can have."""
    with store.writing() as connection:
        connection.execute(
            accounts.endpoints.insert().values(
                id="e",
                url="https://example.org/hook",
                secret="whsec",
                events=["award.made"],
                active=True,
                created_at=NOW,
            )
        )
    store.add_cohort(id="c", name="Spring", act=act())
    store.add_assignment(id="g", cohort_id="c", task_id="median", counts=Counts.BEST, act=act())
    for name in ("ada", "ben"):
        made = add(store, name, password=f"{name} hash")
        own = act(user_id=name)
        store.open_session(secret=f"{name} cookie", user_id=name, csrf=f"{name} csrf", now=NOW)
        store.add_sign_in_link(secret=f"{name} link", user_id=name, expires_at=NOW, act=own)
        store.add_token(
            id=f"{name}-token",
            secret=f"asr_{name}",
            user_id=name,
            name=f"{name}'s laptop",
            scopes=[Scope.READ],
            expires_at=None,
            act=own,
        )
        store.link_identity(name, "https://id.example.org", f"{name}-subject", act=own)
        store.enrol("c", name, Role.LEARNER, act=own)
        store.tell(
            Event.AWARD_MADE,
            f'{{"email": "{name}@example.org"}}'.encode(),
            new_id=lambda: f"{name}-told",
            learner_id=made.learner_id,
            now=NOW,
        )


def test_export_of_a_learner_holds_their_account_and_no_secret_of_it(store: Store) -> None:
    settled(store)
    told = store.export_learner("ada@example.org")
    assert [row["email"] for row in told["users"]] == ["ada@example.org"]
    assert [row["name"] for row in told["tokens"]] == ["ada's laptop"]
    assert [row["subject"] for row in told["identities"]] == ["ada-subject"]
    assert [row["cohort_id"] for row in told["memberships"]] == ["c"]
    assert [row["payload"] for row in told["deliveries"]] == ['{"email": "ada@example.org"}']
    assert {row["act"] for row in told["audit"]} >= {"token.add", "cohort.enrol", "user.link-identity"}
    assert len(told["sessions"]) == len(told["sign_in_links"]) == 1
    text = json.dumps(told)
    assert "ben" not in text
    with store.reading() as connection:
        secret = [
            *connection.execute(sa.select(accounts.users.c.password)).scalars(),
            *connection.execute(sa.select(accounts.sessions.c.id)).scalars(),
            *connection.execute(sa.select(accounts.sessions.c.csrf)).scalars(),
            *connection.execute(sa.select(accounts.tokens.c.digest)).scalars(),
            *connection.execute(sa.select(accounts.sign_in_links.c.digest)).scalars(),
        ]
    assert len(secret) == 10
    assert not [one for one in secret if one in text]


def test_erased_learner_leaves_nothing_of_the_account_but_lines_without_an_address(
    store: Store, tmp_path: Path
) -> None:
    settled(store)
    personal.erase(store, Blobs.open(tmp_path / "blobs"), "ada@example.org", now=NOW)
    assert [user.id for user in store.users()] == ["ben"]
    assert store.session("ada cookie", now=NOW) is None
    assert store.token("asr_ada", now=NOW) is None
    assert store.user_by_identity("https://id.example.org", "ada-subject") is None
    assert [user.id for user, _ in store.members("c")] == ["ben"]
    assert [one.id for one in store.deliveries()] == ["ben-told"]
    addresses = {row.user_id: row.address for row in store.audit() if row.user_id is not None}
    assert addresses == {"ada": "", "ben": "192.0.2.7"}
    store.close()
    left = b"".join(file.read_bytes() for file in tmp_path.iterdir() if file.is_file())
    assert b"ada@example.org" not in left
    assert b"ada-subject" not in left
    assert b"ben-subject" in left
