"""Signing in with an OpenID provider: whom it lets in, and each answer that must not be believed."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from assessor.rows.users import Role
from assessor.web import oidc
from assessor.web.oidc import Leaving, Provider, ProviderAway
from tests import openid, webbed
from tests.openid import OpenId


@pytest.fixture
def provider() -> Iterator[OpenId]:
    with openid.provider() as found:
        yield found


def environ(provider: OpenId) -> dict[str, str]:
    return {
        "ASSESSOR_OIDC_ISSUER": provider.issuer,
        "ASSESSOR_OIDC_CLIENT_ID": openid.CLIENT,
        "ASSESSOR_OIDC_CLIENT_SECRET": openid.SECRET,
        "ASSESSOR_OIDC_NAME": "School",
        "ASSESSOR_OIDC_DOMAINS": "example.org",
    }


@pytest.fixture
def web(provider: OpenId, tmp_path_factory: pytest.TempPathFactory) -> Iterator[webbed.Web]:
    with webbed.served(tmp_path_factory.mktemp("web"), environ(provider)) as found:
        yield found


def go(
    browser: webbed.Browser, provider: OpenId, *, start: str = "/sign-in/provider?next=/tasks", **changed: str
) -> httpx.Response:
    """There and back; `changed` is what the answer says otherwise, empty for left out."""
    left = browser.get(start)
    assert left.status_code == 303, left.text
    answer = provider.consent(left.headers["location"]) | changed
    return browser.get("/sign-in/provider/back", params={k: v for k, v in answer.items() if v})


def main(answer: httpx.Response) -> str:
    return answer.text.partition("<main")[2].partition("</main>")[0]


def test_account_leads_to_the_provider_and_is_known_by_it_from_then_on(
    web: webbed.Web, provider: OpenId
) -> None:
    user = web.user(Role.LEARNER, email="ada@elsewhere.example")
    browser = web.signed_in(user=user)
    link = "/sign-in/provider/link?next=/account"
    assert f'href="{link}">Connect School</a>' in browser.get("/account").text
    answer = go(browser, provider, start=link)
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    other = web.browser()
    go(other, provider)
    assert "ada@elsewhere.example" in other.get("/account").text


def test_person_of_a_known_domain_gets_an_account_and_is_known_again(
    web: webbed.Web, provider: OpenId
) -> None:
    assert "Sign in with School" in web.browser().get("/sign-in").text
    browser = web.browser()
    answer = go(browser, provider)
    assert (answer.status_code, answer.headers["location"]) == (303, "/tasks")
    assert "Hello, Ada" in browser.get("/").text
    user = web.bench.parts.store.user_by_email("ada@example.org")
    assert user is not None
    assert user.roles == {Role.LEARNER}
    provider.person |= {"email": "ada.l@example.org"}
    again = web.browser()
    go(again, provider)
    assert "Hello, Ada" in again.get("/").text, "by what the provider calls her, whatever her address"


def test_every_journey_has_secrets_of_its_own(web: webbed.Web, provider: OpenId) -> None:
    go(web.browser(), provider)
    go(web.browser(), provider)
    one, other = provider.asked
    for name in ("state", "nonce", "code_challenge"):
        assert len(one[name]) >= 43
        assert one[name] != other[name]
    assert one["redirect_uri"] == f"{web.here.site.url}/sign-in/provider/back"


def test_account_without_a_password_is_opened_by_its_address(web: webbed.Web, provider: OpenId) -> None:
    user = web.user(Role.INSTRUCTOR, email="Grace@Other.example")
    with web.bench.parts.store.writing() as connection:
        connection.exec_driver_sql("UPDATE users SET password = NULL")
    provider.person |= {"email": "grace@other.example", "sub": "p2"}
    browser = web.browser()
    go(browser, provider)
    assert f"Hello, {user.name}" in browser.get("/").text


def test_account_with_a_password_is_not_opened_by_its_address(web: webbed.Web, provider: OpenId) -> None:
    user = web.user(Role.LEARNER, email="ada@example.org")
    answer = go(web.browser(), provider)
    assert answer.status_code == 403
    assert "sign in with that, then connect the two" in main(answer)
    browser = web.signed_in(user=user)
    assert go(browser, provider, start="/sign-in/provider/link?next=/").status_code == 303
    fresh = web.browser()
    assert go(fresh, provider).status_code == 303
    assert f"Hello, {user.name}" in fresh.get("/").text


def test_person_of_another_account_is_not_linked(web: webbed.Web, provider: OpenId) -> None:
    go(web.browser(), provider)
    answer = go(web.signed_in(Role.LEARNER), provider, start="/sign-in/provider/link")
    assert answer.status_code == 403


def test_link_that_somebody_else_began_links_nobody(web: webbed.Web, provider: OpenId) -> None:
    browser = web.signed_in(Role.LEARNER)
    left = browser.get("/sign-in/provider/link")
    other = web.signed_in(Role.LEARNER)
    browser.client.cookies.set("assessor", other.client.cookies["assessor"])
    for cookie in list(browser.client.cookies.jar):
        if cookie.name == "assessor" and cookie.value != other.client.cookies["assessor"]:
            browser.client.cookies.jar.clear(cookie.domain, cookie.path, cookie.name)
    answer = browser.get("/sign-in/provider/back", params=provider.consent(left.headers["location"]))
    assert answer.status_code == 403
    assert "got somebody else" in main(answer)


def test_person_of_another_domain_needs_an_account_first(web: webbed.Web, provider: OpenId) -> None:
    provider.person |= {"email": "eve@evil-example.org"}
    answer = go(web.browser(), provider)
    assert answer.status_code == 403
    assert web.bench.parts.store.user_by_email("eve@evil-example.org") is None


def test_account_that_is_switched_off_stays_so(web: webbed.Web, provider: OpenId) -> None:
    go(web.browser(), provider)
    user = web.bench.parts.store.user_by_email("ada@example.org")
    assert user is not None
    web.bench.parts.store.set_active(user.id, False, act=web.act())
    browser = web.browser()
    assert go(browser, provider).status_code == 403
    assert "Hello" not in browser.get("/").text


@pytest.mark.parametrize("verified", [False, None, "true", 1])
def test_address_that_the_provider_has_not_verified_is_nobodys(
    web: webbed.Web, provider: OpenId, verified: object
) -> None:
    provider.person |= {"email_verified": verified}
    answer = go(web.browser(), provider)
    assert answer.status_code == 403
    assert "e-mail address that School has verified" in main(answer)


LIES: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "http://127.0.0.1:1"},
    "another client": {"aud": "somebody"},
    "several clients": {"aud": [openid.CLIENT, "somebody"]},
    "for another": {"azp": "somebody"},
    "no nonce": {"nonce": None},
    "another nonce": {"nonce": "x"},
    "over": {"exp": 1_000_000_000},
    "no end": {"exp": None},
    "nobody": {"sub": None},
    "no text": {"sub": 1},
    "too long": {"sub": "x" * 256},
}


@pytest.mark.parametrize("lie", LIES)
def test_id_token_that_does_not_hold_lets_nobody_in(web: webbed.Web, provider: OpenId, lie: str) -> None:
    provider.claims = LIES[lie]
    browser = web.browser()
    assert go(browser, provider).status_code == 403
    assert "assessor" not in browser.client.cookies
    assert web.bench.parts.store.user_by_email("ada@example.org") is None


def test_id_token_by_another_key_lets_nobody_in(web: webbed.Web, provider: OpenId) -> None:
    provider.keys = [provider.key]
    provider.key = openid.new_key()
    assert go(web.browser(), provider).status_code == 403


def unsigned(provider: OpenId, header: dict[str, str]) -> str:
    def part(values: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(values).encode()).rstrip(b"=").decode()

    return f"{part(header)}.{part({'iss': provider.issuer, 'aud': openid.CLIENT} | provider.person)}."


@pytest.mark.parametrize("kind", ["none", "by the client's secret", "no token", "garbage"])
def test_id_token_that_is_not_signed_by_its_keys_lets_nobody_in(
    web: webbed.Web, provider: OpenId, kind: str
) -> None:
    if kind == "none":
        provider.raw_token = unsigned(provider, {"alg": "none"})
    elif kind == "no token":
        provider.raw_token = "a.b.c"
    elif kind == "garbage":
        provider.raw_token = "\u0000"
    else:
        claims = {"iss": provider.issuer, "aud": openid.CLIENT} | provider.person
        provider.raw_token = jwt.encode(
            {"alg": "HS256"}, claims, OctKey.import_key(openid.SECRET * 4), algorithms=["HS256"]
        )
    assert go(web.browser(), provider).status_code == 403


def test_new_keys_of_the_provider_are_looked_for_once(web: webbed.Web, provider: OpenId) -> None:
    go(web.browser(), provider)
    provider.key = openid.new_key()
    assert go(web.browser(), provider).status_code == 303


@pytest.mark.parametrize(
    "changed",
    [
        {"state": "x"},
        {"state": ""},
        {"code": "x"},
        {"code": ""},
        {"iss": "https://other.example"},
        {"error": "access_denied"},
    ],
)
def test_answer_that_does_not_fit_lets_nobody_in(
    web: webbed.Web, provider: OpenId, changed: dict[str, str]
) -> None:
    browser = web.browser()
    assert go(browser, provider, **changed).status_code == 403
    assert "Hello" not in browser.get("/").text


def test_answer_in_another_browser_lets_nobody_in(web: webbed.Web, provider: OpenId) -> None:
    left = web.browser().get("/sign-in/provider")
    answer = provider.consent(left.headers["location"])
    victim = web.browser()
    assert victim.get("/sign-in/provider/back", params=answer).status_code == 403
    victim.get("/sign-in/provider")
    assert victim.get("/sign-in/provider/back", params=answer).status_code == 403


@pytest.mark.parametrize("cookie", ["", "zz", "7b7d", "5b5d", b'{"state": 1}'.hex()])
def test_cookie_that_is_none_of_ours_is_told_so(web: webbed.Web, cookie: str) -> None:
    answer = web.browser().get("/sign-in/provider/back", headers={"Cookie": f"assessor-away={cookie}"})
    assert answer.status_code == 403
    assert "please begin again" in main(answer)


def test_answer_holds_once(web: webbed.Web, provider: OpenId) -> None:
    browser = web.browser()
    left = browser.get("/sign-in/provider")
    answer = provider.consent(left.headers["location"])
    assert browser.get("/sign-in/provider/back", params=answer).status_code == 303
    assert browser.get("/sign-in/provider/back", params=answer).status_code == 403


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://other.example"},
        {"authorization_endpoint": None},
        {"authorization_endpoint": "ftp://other.example"},
    ],
)
def test_provider_that_says_something_else_is_away(
    web: webbed.Web, provider: OpenId, metadata: dict[str, Any]
) -> None:
    provider.metadata = metadata
    answer = web.browser().get("/sign-in/provider")
    assert answer.status_code == 503
    assert "127.0.0.1" not in main(answer)
    assert web.browser().sign_in(web.user().email).status_code == 303, "passwords go on"


def test_provider_that_gives_no_answer_is_waited_for_once(
    provider: OpenId, web: webbed.Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "PATIENCE_S", 0.2)
    assert web.here.provider is not None
    now = [0.0]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = replace(web.here.provider.config, issuer=f"http://127.0.0.1:{silent.getsockname()[1]}")
        made = Provider(config, redirect_uri="https://learn.example/back", timer=lambda: now[0])
        leaving = Leaving(state="s" * 43, nonce="n", verifier="v" * 43, next="/")

        def leave(_: int) -> str:
            with pytest.raises(ProviderAway) as told:
                made.leave(leaving)
            return str(told.value)

        with ThreadPoolExecutor(8) as pool:
            said = list(pool.map(leave, range(8)))
        assert sum("a moment ago" in one for one in said) == 7, said
        # The one that came with a code waits no more than those who leave.
        made._metadata = {"token_endpoint": f"{config.issuer}/token"}
        with pytest.raises(ProviderAway, match="a moment ago"):
            made.arrive(leaving, {"state": "s" * 43, "code": "c"})
        now[0] = oidc.SILENT_S
        with pytest.raises(ProviderAway, match="no token"):
            made.arrive(leaving, {"state": "s" * 43, "code": "c"})
        with pytest.raises(ProviderAway, match="a moment ago"):
            made.arrive(leaving, {"state": "s" * 43, "code": "c"})


def test_secret_over_plain_http_goes_nowhere_but_this_machine(provider: OpenId, web: webbed.Web) -> None:
    assert web.here.provider is not None
    far = replace(web.here.provider.config, issuer="https://id.example")
    made = Provider(far, redirect_uri="https://learn.example/back")
    made._metadata = {"token_endpoint": "http://id.example/token"}
    with pytest.raises(Exception, match="expected an https token_endpoint"):
        made._endpoint("token_endpoint")


def test_without_a_provider_there_is_none(tmp_path_factory: pytest.TempPathFactory) -> None:
    with webbed.served(tmp_path_factory.mktemp("web")) as web:
        assert "provider" not in web.browser().get("/sign-in").text
        assert web.browser().get("/sign-in/provider").status_code == 403
        assert web.browser().get("/sign-in/provider/back").status_code == 403
