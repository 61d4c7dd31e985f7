"""What is a learner's own: badges, and the account with a copy of it all and its end."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from assessor.rows.awards import Visibility
from assessor.rows.users import Role
from tests import honours, learning, webbed
from tests.learning import HIDDEN, judged


@pytest.fixture
def web(tmp_path: Path) -> Iterator[webbed.Web]:
    with learning.served(tmp_path) as found:
        yield found


# Badges.


def test_badges_are_shown_taken_away_and_hidden_by_their_owner_alone(web: webbed.Web) -> None:
    user = web.user(Role.LEARNER)
    browser, other = web.signed_in(user=user), web.signed_in(Role.LEARNER)
    judged(web, browser, 3)
    rows = web.bench.parts.store.awards_of(user.learner_id or "")
    row = rows["adder"]
    text = browser.get("/badges").text
    assert f"https://bench.example/credentials/{row.id}.html" in text
    assert "https://www.linkedin.com/profile/add?startTask=CERTIFICATION_NAME&amp;" in text
    assert browser.get(f"/badges/{row.id}/badge.png").content.startswith(b"\x89PNG")
    picture = browser.get(f"/badges/{row.id}/badge.svg")
    assert "sandbox" in picture.headers["content-security-policy"]
    assert json.loads(browser.get(f"/badges/{row.id}/badge.json").content)["name"] == "Adder, Top"
    assert browser.get(f"/badges/{row.id}/badge.exe").status_code == 404
    for path in (f"/badges/{row.id}/badge.png", "/badges/id9999/badge.png"):
        assert other.get(path).status_code == 404
    refused = other.post(f"/badges/{row.id}/visibility", page="/account", visibility="private")
    assert refused.status_code == 404
    browser.post(f"/badges/{row.id}/visibility", page="/badges", visibility="private")
    assert web.bench.parts.store.award(row.id).visibility is Visibility.PRIVATE
    assert f"credentials/{row.id}.html" not in browser.get("/badges").text
    odd = browser.post(f"/badges/{row.id}/visibility", page="/badges", visibility="everyone")
    assert odd.status_code == 422


def test_each_piece_of_evidence_is_shown_or_kept_by_its_learner(web: webbed.Web) -> None:
    user, store = web.user(Role.LEARNER), web.bench.parts.store
    browser, other = web.signed_in(user=user), web.signed_in(Role.LEARNER)
    attempt = judged(web, browser, 3)
    row = store.awards_of(user.learner_id or "")["adder"]
    form, box = f"/badges/{row.id}/visibility", re.compile(rf'name="shown" value="{attempt}"( checked)?>')
    assert set(box.findall(browser.get("/badges").text)) == {" checked"}
    told = {"visibility": "link", "evidence": attempt}
    assert other.post(form, page="/account", **told).status_code == 404
    assert store.withheld() == frozenset()
    assert browser.post(form, page="/badges", **told).status_code == 303
    assert store.withheld() == {attempt}
    text = browser.get("/badges").text
    assert set(box.findall(text)) == {""}, "of every badge that rests on it"
    assert "you keep its evidence to yourself" in text
    text = browser.get(f"/attempts/{attempt}").text
    assert "you keep it to yourself" in text
    assert f"/evidence/{attempt}/" not in text
    # A form that was opened before there was a piece says nothing of it.
    browser.post(form, page="/badges", visibility="public")
    assert (store.withheld(), store.award(row.id).visibility) == ({attempt}, Visibility.PUBLIC)
    odd = browser.post(form, page="/badges", visibility="private", evidence="another")
    assert odd.status_code == 404
    assert store.award(row.id).visibility is Visibility.PUBLIC, "all or nothing"
    browser.post(form, page="/badges", shown=attempt, **told)
    assert store.withheld() == frozenset()
    assert f'href="/evidence/{attempt}/"' in browser.get(f"/attempts/{attempt}").text


# The account.


def test_name_and_password_are_changed_by_who_knows_the_password(web: webbed.Web) -> None:
    user = web.user(Role.LEARNER)
    browser, elsewhere = web.browser(), web.signed_in(user=user)
    browser.sign_in(user.email)
    assert browser.post("/account/name", page="/account", name="  Ada  ").status_code == 303
    assert web.bench.parts.store.user(user.id).name == "Ada"
    assert browser.post("/account/name", page="/account", name=" ").status_code == 422
    wrong = browser.post("/account/password", page="/account", current="no", password="another long one")
    assert "expected the password that you sign in with now, got another" in wrong.text
    short = browser.post("/account/password", page="/account", current=webbed.PASSWORD, password="short")
    assert short.status_code == 422
    before = browser.client.cookies["assessor"]
    done = browser.post(
        "/account/password", page="/account", current=webbed.PASSWORD, password="another long one"
    )
    assert done.status_code == 303
    assert browser.client.cookies["assessor"] != before
    assert browser.get("/account").status_code == 200
    assert elsewhere.get("/account").status_code == 303
    assert web.browser().sign_in(user.email, "another long one").status_code == 303


def test_other_sessions_are_ended(web: webbed.Web) -> None:
    user = web.user(Role.LEARNER)
    browser, elsewhere = web.signed_in(user=user), web.signed_in(user=user)
    browser.post("/account/sessions/end", page="/account")
    assert browser.get("/account").status_code == 200
    assert elsewhere.get("/account").status_code == 303


def test_copy_holds_all_that_is_the_learners_and_nothing_of_hidden_tests(web: webbed.Web) -> None:
    browser = web.signed_in(Role.LEARNER)
    failed, passed = judged(web, browser, 1), judged(web, browser, 3)
    answer = browser.post("/account/export", page="/account")
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    rows = json.loads(held["learner.json"])
    found = {one["id"]: one for each in rows["submissions"] for one in each["attempts"]}
    assert set(found) == {failed, passed}
    assert found[passed]["evidence"] is not None
    assert found[failed]["evidence"] is None
    assert any(honours.passing(3).encode() in data for data in held.values())
    together = b"".join(held.values()).decode(errors="replace")
    assert not [word for word in HIDDEN if word in together]
    assert webbed.hashed() not in together
    assert list((web.bench.root / "spool" / "web").iterdir()) == []


def test_account_is_erased_by_who_means_it(web: webbed.Web) -> None:
    user = web.user(Role.LEARNER)
    browser = web.signed_in(user=user)
    attempt_id = judged(web, browser, 3)
    for fields in (
        {"email": "no@example.org", "current": webbed.PASSWORD},
        {"email": user.email, "current": "no"},
    ):
        assert browser.post("/account/erase", page="/account", **fields).status_code == 422
    done = browser.post("/account/erase", page="/account", email=user.email, current=webbed.PASSWORD)
    assert (done.status_code, done.headers["location"]) == (303, "/goodbye")
    assert browser.get("/attempts").status_code == 303
    assert web.bench.parts.store.user_by_email(user.email) is None
    assert web.bench.parts.store.attempt(attempt_id).report is None


def test_account_with_more_than_learning_to_it_is_not_erased_by_a_form(web: webbed.Web) -> None:
    user = web.user(Role.LEARNER, Role.ADMIN)
    browser = web.signed_in(user=user)
    answer = browser.post("/account/erase", page="/account", email=user.email, current=webbed.PASSWORD)
    assert answer.status_code == 403
    assert web.bench.parts.store.user_by_email(user.email) is not None
