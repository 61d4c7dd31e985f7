"""Signing in and out: by password, by a link that holds once, by an invitation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from assessor import passwords
from assessor.cli import web as cli_web
from assessor.errors import AccountRefused
from assessor.rows.users import Role
from assessor.web.throttle import Throttle
from tests import webbed
from tests.webbed import PASSWORD


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webbed.Web]:
    with webbed.served(tmp_path_factory.mktemp("web"), {"ASSESSOR_WEB_RATE": "none"}) as found:
        yield found


@pytest.fixture
def counted(web: webbed.Web) -> Iterator[None]:
    """Counts of requests that begin anew."""
    before = web.here.throttle._own
    web.here.throttle._own = Throttle(reads=None)._own
    yield
    web.here.throttle._own = before


pytestmark = pytest.mark.usefixtures("counted")


def name_on(browser: webbed.Browser) -> str | None:
    found = re.search(r"<h1>Hello, (.*?)</h1>", browser.get("/").text)
    return None if found is None else found[1]


# By password.


def test_password_signs_in(web: webbed.Web) -> None:
    user, browser = web.user(), web.browser()
    answer = browser.sign_in(user.email.upper(), next="/tasks?level=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/tasks?level=1")
    assert name_on(browser) == user.name


def test_cookie_of_a_session_is_the_browsers_alone(web: webbed.Web) -> None:
    answer = web.browser().sign_in(web.user().email)
    flags = [part.strip() for part in answer.headers["set-cookie"].split(";")]
    assert flags[0].startswith("assessor=")
    assert flags[1:] == ["HttpOnly", "Path=/", "SameSite=lax"], "no domain, and no end: the store has that"


def test_cookies_behind_tls_are_bound_to_it(
    tmp_path: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with webbed.served(tmp_path_factory.mktemp("tls"), {"ASSESSOR_WEB_URL": "https://learn.example"}) as web:
        user, browser = web.user(), web.browser()
        page = browser.get("/sign-in")
        assert page.headers["strict-transport-security"] == "max-age=15552000"
        form = page.headers["set-cookie"]
        assert re.fullmatch(
            r"__Host-assessor-form=[\w-]{43}; HttpOnly; Path=/; SameSite=strict; Secure", form
        )
        token = re.search(r'name="csrf" value="([^"]+)"', page.text)
        assert token is not None
        answer = browser.client.post(
            "/sign-in",
            data={"csrf": token[1], "email": user.email, "password": PASSWORD},
            headers={"Cookie": form.partition(";")[0], "Origin": "https://learn.example"},
        )
        assert answer.status_code == 303
        assert re.fullmatch(
            r"__Host-assessor=[\w-]{43}; HttpOnly; Path=/; SameSite=lax; Secure", answer.headers["set-cookie"]
        )


@pytest.mark.parametrize(
    "next", ["https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example", "javascript:x"]
)
def test_no_sign_in_leads_to_another_site(web: webbed.Web, next: str) -> None:
    browser = web.browser()
    assert "evil" not in browser.get("/sign-in", params={"next": next}).text
    assert browser.sign_in(web.user().email, next=next).headers["location"] == "/"
    assert browser.get("/sign-in", params={"next": next}).headers["location"] == "/"


def test_wrong_password_and_unknown_address_get_the_same_answer(web: webbed.Web) -> None:
    user = web.user()
    wrong = web.browser().sign_in(user.email, "not " + PASSWORD)
    unknown = web.browser().sign_in("nobody@example.org", "not " + PASSWORD)
    assert (wrong.status_code, unknown.status_code) == (403, 403)
    blank = re.compile(r'name="csrf" value="[^"]+"')
    same = [
        blank.sub("", answer.text.replace(email, ""))
        for answer, email in ((wrong, user.email), (unknown, "nobody@example.org"))
    ]
    assert same[0] == same[1]
    assert "E-mail address or password is not right." in wrong.text
    assert "assessor=" not in wrong.headers.get("set-cookie", "")


@pytest.mark.parametrize("who", ["nobody", "without a password", "switched off"])
def test_same_work_is_done_for_whoever_cannot_sign_in(
    web: webbed.Web, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    user = web.user()
    store = web.bench.parts.store
    email, kept = user.email, store.password_of(user.id)
    if who == "nobody":
        email, kept = "nobody@example.org", None
    elif who == "switched off":
        store.set_active(user.id, False, act=web.act())
    else:
        with store.writing() as connection:
            connection.exec_driver_sql("UPDATE users SET password = NULL WHERE id = ?", (user.id,))
        kept = None
    asked: list[str | None] = []
    check = passwords.check

    def noted(stored: str | None, password: str) -> bool:
        asked.append(stored)
        return check(stored, password)

    monkeypatch.setattr(passwords, "check", noted)
    assert web.browser().sign_in(email).status_code == 403
    assert asked == [kept]


def test_session_that_somebody_planted_is_not_taken_over(web: webbed.Web) -> None:
    user, browser = web.user(), web.browser()
    planted = web.signed_in(Role.LEARNER).client.cookies["assessor"]
    browser.client.cookies.set("assessor", planted)
    token = browser.token("/")  # a form of the planted session, which its owner may know
    browser.client.post(
        "/sign-in", data={"csrf": token, "email": user.email, "password": PASSWORD}, headers=browser.headers
    )
    fresh = [cookie.value for cookie in browser.client.cookies.jar if cookie.name == "assessor"]
    assert planted != fresh[-1]
    assert web.bench.parts.store.session(planted, now=web.bench.clock()) is None


def test_each_sign_in_is_a_session_of_its_own(web: webbed.Web) -> None:
    user, one, other = web.user(), web.browser(), web.browser()
    one.sign_in(user.email)
    other.sign_in(user.email)
    assert one.client.cookies["assessor"] != other.client.cookies["assessor"]
    one.post("/sign-out", page="/")
    assert name_on(one) is None
    assert name_on(other) == user.name


def test_sign_out_ends_the_session_in_the_store_too(web: webbed.Web) -> None:
    browser = web.browser()
    browser.sign_in(web.user().email)
    secret = browser.client.cookies["assessor"]
    answer = browser.post("/sign-out", page="/")
    assert answer.headers["location"] == "/"
    assert answer.headers["clear-site-data"] == '"cache"'
    assert web.bench.parts.store.session(secret, now=web.bench.clock()) is None


def test_nobody_is_signed_in_by_the_form_of_another_browser(web: webbed.Web) -> None:
    attacker, victim = web.browser(), web.browser()
    token = attacker.token("/sign-in")
    victim.get("/sign-in")
    data = {"csrf": token, "email": web.user().email, "password": PASSWORD}
    assert victim.client.post("/sign-in", data=data, headers=victim.headers).status_code == 403


def test_session_ends_when_it_was_not_seen_for_long(web: webbed.Web) -> None:
    browser = web.signed_in(Role.LEARNER)
    web.bench.clock.move(hours=13)
    assert name_on(browser) is None


def test_guesses_at_an_account_run_out(web: webbed.Web) -> None:
    user, browser = web.user(), web.browser()
    token = browser.token("/sign-in")

    def guess(email: str) -> int:
        data = {"csrf": token, "email": email, "password": "x"}
        return browser.client.post("/sign-in", data=data, headers=browser.headers).status_code

    assert [guess(user.email.swapcase() if number % 2 else user.email) for number in range(11)] == [
        403
    ] * 10 + [429]
    data = {"csrf": token, "email": user.email, "password": PASSWORD}
    refused = browser.client.post("/sign-in", data=data, headers=browser.headers)
    assert refused.status_code == 429, "the right one comes too late as well"
    assert int(refused.headers["retry-after"]) > 0
    assert web.browser(address="127.0.0.3").sign_in(user.email).status_code == 303, "its owner, elsewhere"


def test_field_that_is_too_long_is_refused(web: webbed.Web) -> None:
    answer = web.browser().sign_in("a" * 300 + "@example.org")
    assert answer.status_code == 422


# By a link that holds once.


def link(web: webbed.Web, *, hours: int = 1, password: bool = False) -> tuple[str, str]:
    user = web.user()
    store = web.bench.parts.store
    if not password:
        with store.writing() as connection:
            connection.exec_driver_sql("UPDATE users SET password = NULL WHERE id = ?", (user.id,))
    secret = web.here.new_secret()
    store.add_sign_in_link(
        secret=secret, user_id=user.id, expires_at=web.bench.clock() + timedelta(hours=hours), act=web.act()
    )
    return f"/sign-in/link/{secret}", user.email


def test_link_signs_in_once_and_sets_the_password(web: webbed.Web) -> None:
    path, email = link(web)
    browser = web.browser()
    assert "Choose a password" in browser.get(path).text
    assert browser.get(path).status_code == 200, "looking at it does not use it up"
    answer = browser.post(path, password="three quiet otters")
    assert answer.status_code == 303
    assert name_on(browser) is not None
    assert web.browser().get(path).status_code == 403
    assert "was used already" in web.browser().get(path).text
    assert web.browser().sign_in(email, "three quiet otters").status_code == 303


def test_link_leaves_the_password_as_it_is_where_none_is_chosen(web: webbed.Web) -> None:
    path, email = link(web, password=True)
    assert web.browser().post(path).status_code == 303
    assert web.browser().sign_in(email).status_code == 303


def test_password_that_will_not_do_uses_no_link_up(web: webbed.Web) -> None:
    path, _ = link(web)
    browser = web.browser()
    answer = browser.post(path, password="short")
    assert answer.status_code == 422
    assert "expected 12 to 1024 characters, got 5" in answer.text
    assert browser.post(path, password="long enough by now").status_code == 303


def test_link_that_is_over_is_told_as_one_that_never_was(web: webbed.Web) -> None:
    path, _ = link(web, hours=1)
    web.bench.clock.move(hours=2)
    over, never = web.browser().get(path), web.browser().get("/sign-in/link/never")
    assert (over.status_code, never.status_code) == (403, 403)
    assert (
        re.search(r"<main.*?</main>", over.text, re.S)[0]
        == re.search(  # type: ignore[index]
            r"<main.*?</main>", never.text, re.S
        )[0]
    )


# By an invitation.


def invite(web: webbed.Web, *, uses: int | None = None, role: Role = Role.LEARNER) -> tuple[str, str]:
    store = web.bench.parts.store
    cohort = store.add_cohort(id=web.bench.parts.new_id(), name=web.here.new_secret(), act=web.act())
    secret = web.here.new_secret()
    store.invite(secret=secret, cohort_id=cohort.id, role=role, uses=uses, act=web.act())
    return f"/join/{secret}", cohort.id


def test_invitation_makes_an_account_and_lets_in(web: webbed.Web) -> None:
    path, cohort = invite(web)
    browser = web.browser()
    answer = browser.post(path, name="Grace", email="grace@example.org", password=PASSWORD)
    assert answer.status_code == 303
    assert name_on(browser) == "Grace"
    store = web.bench.parts.store
    user = store.user_by_email("grace@example.org")
    assert user is not None
    assert user.roles == {Role.LEARNER}
    assert store.membership(cohort, user.id) is not None
    assert user.learner_id is not None
    assert store.learner_named("grace@example.org").id == user.learner_id


def test_invitation_lets_in_whoever_is_signed_in(web: webbed.Web) -> None:
    path, cohort = invite(web)
    user = web.user()
    assert web.signed_in(user=user).post(path).status_code == 303
    assert web.bench.parts.store.membership(cohort, user.id) is not None


def test_account_that_is_there_is_nobody_elses(web: webbed.Web) -> None:
    path, _ = invite(web)
    user = web.user()
    answer = web.browser().post(path, name="Mallory", email=user.email, password="chosen by mallory")
    assert answer.status_code == 422
    assert "Mallory" in answer.text, "what was typed is still there"
    assert web.browser().sign_in(user.email, "chosen by mallory").status_code == 403


def test_invitation_raises_nobody(web: webbed.Web) -> None:
    path, _ = invite(web, role=Role.INSTRUCTOR)
    answer = web.browser().post(path, page="/sign-in", name="Eve", email="eve@example.org", password=PASSWORD)
    assert answer.status_code == 403
    assert web.bench.parts.store.user_by_email("eve@example.org") is None


def test_invitation_that_is_used_up(web: webbed.Web) -> None:
    path, _ = invite(web, uses=1)
    assert web.signed_in(Role.LEARNER).post(path).status_code == 303
    assert web.browser().get(path).status_code == 403


# The first admin.


def test_first_admin_is_let_in_by_a_link(tmp_path_factory: pytest.TempPathFactory) -> None:
    with webbed.served(tmp_path_factory.mktemp("first")) as web:
        parts = web.bench.parts

        def first(email: str = "root@example.org") -> str | None:
            return cli_web.first_link(parts, email=email, site_url=web.here.site.url)

        lost, found = first(), first()
        assert lost is not None
        assert found is not None
        browser = web.browser()
        path = found.removeprefix(web.here.site.url)
        assert browser.post(path, password="nobody guesses this").status_code == 303
        user = parts.store.user_by_email("root@example.org")
        assert user is not None
        assert user.roles == {Role.ADMIN}
        assert first() is None, "an admin has signed in"
        assert web.browser().get(lost.removeprefix(web.here.site.url)).status_code == 403, "the other is over"


def test_first_admin_is_nobody_who_is_there_already(tmp_path_factory: pytest.TempPathFactory) -> None:
    with webbed.served(tmp_path_factory.mktemp("first")) as web:
        web.user(Role.LEARNER, email="ada@example.org")
        with pytest.raises(AccountRefused, match=r"assessor users roles ada@example\.org --role admin"):
            cli_web.first_link(web.bench.parts, email="ada@example.org", site_url="")
