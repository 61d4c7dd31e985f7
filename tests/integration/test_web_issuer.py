"""An issuer's pages: long lists a page at a time, and orders, each with its reason and its line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from assessor.rows.awards import AwardRow
from assessor.rows.users import Role, Scope, User
from assessor.web.pages import awards as pages
from tests import honours, webbed

REASON = "<shown in person>"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[webbed.Web]:
    with webbed.served(
        tmp_path, bench=honours.make_bench(tmp_path, "adder", "master"), throttle=webbed.unlimited()
    ) as found:
        yield found


@pytest.fixture
def user(web: webbed.Web) -> User:
    return web.user(Role.ISSUER)


@pytest.fixture
def browser(web: webbed.Web, user: User) -> webbed.Browser:
    return web.signed_in(user=user)


def adder(web: webbed.Web, learner: str = "ada") -> AwardRow:
    return honours.earn(web.bench, 2, learner=learner)["adder"]


def ordered(web: webbed.Web, user: User) -> list[tuple[str, str]]:
    """What the trail says this user did, oldest first."""
    return [
        (row.act, row.subject)
        for row in web.bench.parts.store.audit(limit=100)[::-1]
        if row.user_id == user.id
    ]


def test_badge_is_awarded_by_hand_where_the_evidence_meets_it(
    web: webbed.Web, user: User, browser: webbed.Browser
) -> None:
    honours.judge(web.bench, 3, learner="ada")
    assert browser.get("/awards/new").status_code == 200
    answer = browser.post("/awards/new", achievement="adder", learner=" ada ")
    row = honours.held(web.bench)["adder"]
    assert (answer.status_code, answer.headers["location"]) == (303, f"/awards/{row.id}")
    assert ordered(web, user) == [("award.make", row.id)]


def test_badge_is_awarded_on_an_attempt_that_the_issuer_names_and_a_reason(
    web: webbed.Web, user: User, browser: webbed.Browser
) -> None:
    attempt = honours.judge(web.bench, 2, learner="ada")
    given = {"achievement": "master", "learner": "ada"}
    refused = browser.post("/awards/new", **given)
    assert refused.status_code == 409
    assert "expected evidence that meets what it requires" in refused.text
    assert 'value="ada"' in refused.text, "what was typed stays"
    refused = browser.post("/awards/new", **given, attempt=attempt)
    assert "expected a reason" in refused.text
    assert ordered(web, user) == []
    assert browser.post("/awards/new", **given, attempt=attempt, reason=REASON).status_code == 303
    row = honours.held(web.bench)["master"]
    assert "&lt;shown in person&gt;" in browser.get(f"/awards/{row.id}").text
    unknown = browser.post("/awards/new", achievement="master", learner="eve")
    assert unknown.status_code == 409
    assert "eve" in unknown.text


def test_award_is_revoked_for_good_with_a_reason(
    web: webbed.Web, user: User, browser: webbed.Browser
) -> None:
    path = f"/awards/{adder(web).id}"
    refused = browser.post(f"{path}/revoke", page=path, reason="  ")
    assert refused.status_code == 409
    assert "expected a reason" in refused.text
    assert web.bench.parts.store.awards(revoked=True) == ()
    token = browser.token(path)
    for status in (303, 409):
        data = {"csrf": token, "reason": REASON}
        assert browser.client.post(f"{path}/revoke", data=data, headers=browser.headers).status_code == status
    shown = browser.get(path).text
    assert "&lt;shown in person&gt;" in shown
    assert "Revoke for good" not in shown
    assert [act for act, _ in ordered(web, user)] == ["award.revoke"]


def test_award_is_issued_again_and_renewed_in_its_time(
    web: webbed.Web, user: User, browser: webbed.Browser
) -> None:
    row = adder(web)
    path = f"/awards/{row.id}"
    assert browser.post(f"{path}/reissue", page=path, reason="a new address").status_code == 303
    assert web.bench.parts.store.award(row.id).revision == 2
    assert f"{path}/renew" not in browser.get(path).text, "it is not offered before its time"
    early = browser.post(f"{path}/renew", page=path)
    assert early.status_code == 409
    assert "it can be renewed from" in early.text
    assert row.valid_until is not None
    web.bench.clock.move(days=350)
    late = web.signed_in(user=user)
    assert f"{path}/renew" in late.get(path).text
    assert late.post(f"{path}/renew", page=path).status_code == 303
    renewed = web.bench.parts.store.award(row.id)
    assert renewed.valid_until is not None
    assert renewed.valid_until > row.valid_until
    assert [act for act, _ in ordered(web, user)] == ["award.reissue", "award.renew"]


def test_program_of_an_issuer_orders_the_same(web: webbed.Web, user: User) -> None:
    row = adder(web)
    client, headers = web.browser().client, web.token(user, Scope.AWARD)
    path = f"/api/v1/awards/{row.id}"
    again = client.post(f"{path}/reissue", json={"reason": "a new key"}, headers=headers)
    assert (again.status_code, again.json()["revision"]) == (200, 2), again.text
    early = client.post(f"{path}/renewal", json={}, headers=headers)
    assert (early.status_code, early.json()["code"]) == (409, "award-refused")
    web.bench.clock.move(days=350)
    assert client.post(f"{path}/renewal", json={}, headers=headers).json()["revision"] == 3
    assert [act for act, _ in ordered(web, user)] == ["award.reissue", "award.renew"]


def test_list_comes_a_page_at_a_time_whatever_is_added_meanwhile(
    web: webbed.Web, browser: webbed.Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "ROWS", 2)
    rows = [adder(web, f"learner{number}").id for number in range(5)]
    web.bench.parts.store.revoke(rows[1], reason="x", salt=bytes(16), now=web.bench.clock())
    seen, path = [], "/awards"
    while path:
        answer = browser.get(path)
        seen.append(re.findall(r'<a href="/awards/([0-9a-f-]{36})"', answer.text))
        more = re.search(r'href="(/awards\?[^"]+)" rel="next"', answer.text)
        path = more[1].replace("&amp;", "&") if more else ""
        if len(seen) == 1:
            adder(web, "late")
    assert seen == [[rows[4], rows[3]], [rows[2], rows[1]], [rows[0]]]
    revoked = browser.get("/awards?revoked=true&achievement=adder").text
    assert re.findall(r'<a href="/awards/([0-9a-f-]{36})"', revoked) == [rows[1]]
    assert browser.get("/awards?after=none").status_code == 200


@pytest.mark.parametrize("order", ["revoke", "renew", "reissue"])
def test_order_is_an_issuers_alone(web: webbed.Web, order: str) -> None:
    row = adder(web)
    browser = web.signed_in(*(one for one in Role if one is not Role.ISSUER))
    token = browser.token("/account")
    answer = browser.client.post(
        f"/awards/{row.id}/{order}", data={"csrf": token, "reason": "x"}, headers=browser.headers
    )
    assert answer.status_code == 403
    assert web.bench.parts.store.award(row.id) == row


def test_issuer_is_told_what_to_look_at(web: webbed.Web, browser: webbed.Browser) -> None:
    row = adder(web)
    web.bench.parts.store.revoke(row.id, reason="copied", salt=bytes(16), now=web.bench.clock())
    honours.earn(web.bench, 3)
    for path in ("/awards", f"/awards/{row.id}"):
        assert "deserved again" in browser.get(path).text
