"""Tokens on the pages of their owner: shown once, good for what they say, gone when revoked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from assessor.rows.users import Role, Scope
from tests import webbed
from tests.webbed import Browser, Web


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    with webbed.served(tmp_path, throttle=webbed.unlimited()) as served:
        yield served


def make(browser: Browser, *scopes: str, name: str = "my laptop", days: str = "30") -> httpx.Response:
    """Send the form."""
    data = {"csrf": browser.token("/account/tokens"), "name": name, "scopes": list(scopes), "days": days}
    return browser.client.post("/account/tokens", data=data, headers=browser.headers)


def secret_of(answer: httpx.Response) -> str:
    found = re.search(r'id="secret" value="([^"]+)"', answer.text)
    assert found is not None, answer.text
    return found[1]


def test_token_is_shown_once_and_opens_the_api_until_it_is_revoked(web: Web) -> None:
    user = web.user(Role.LEARNER)
    browser = web.signed_in(user=user)
    assert "/account/tokens" in browser.get("/account").text
    secret = secret_of(make(browser, "read", "submit"))
    listed = browser.get("/account/tokens").text
    assert "my laptop" in listed
    assert "read, submit" in listed
    assert secret not in listed
    program = web.browser().client
    headers = {"Authorization": f"Bearer {secret}"}
    assert program.get("/api/v1/me", headers=headers).json()["scopes"] == ["read", "submit"]
    (token,) = web.bench.parts.store.tokens(user.id)
    assert token.expires_at is not None
    assert (token.expires_at - token.created_at).days == 30
    revoked = browser.post(f"/account/tokens/{token.id}/revoke", page="/account/tokens")
    assert (revoked.status_code, revoked.headers["location"]) == (303, "/account/tokens")
    assert program.get("/api/v1/me", headers=headers).status_code == 401
    assert [row.act for row in web.bench.parts.store.audit(limit=2)] == ["token.revoke", "token.add"]


@pytest.mark.parametrize(
    ("scopes", "name", "days", "told"),
    [
        ((), "a", "30", "expected at least one scope, got none"),
        (("review",), "a", "30", "expected scopes that your account has a use for, got others"),
        (("read",), " ", "30", "expected a name of 1 to 200 characters, got 0"),
        (("read",), "a", "31", "expected one of 7, 30, 90, 365, 0 days, got 31"),
    ],
)
def test_token_that_cannot_be_made_is_told(
    web: Web, scopes: tuple[str, ...], name: str, days: str, told: str
) -> None:
    user = web.user(Role.LEARNER)
    answer = make(web.signed_in(user=user), *scopes, name=name, days=days)
    assert answer.status_code == 422
    assert told in answer.text
    assert web.bench.parts.store.tokens(user.id) == ()


def test_somebody_elses_token_is_nobodys(web: Web) -> None:
    ada = web.user(Role.LEARNER)
    headers = web.token(ada, Scope.READ)
    (token,) = web.bench.parts.store.tokens(ada.id)
    browser = web.signed_in(Role.LEARNER)
    assert token.id not in browser.get("/account/tokens").text
    answer = browser.post(f"/account/tokens/{token.id}/revoke", page="/account/tokens")
    assert answer.status_code == 404
    assert web.browser().client.get("/api/v1/me", headers=headers).status_code == 200


def test_token_lets_nobody_into_the_page_of_tokens(web: Web) -> None:
    headers = web.token(web.user(Role.LEARNER), *Scope)
    answer = web.browser().client.get("/account/tokens", headers=headers)
    assert answer.status_code == 403


def test_account_leads_to_no_provider_where_there_is_none(web: Web) -> None:
    assert "/sign-in/provider/link" not in web.signed_in(Role.LEARNER).get("/account").text
