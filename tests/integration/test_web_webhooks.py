"""Webhooks by the API and the pages: made, changed, tried, sent again and removed, by admins alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from assessor.rows import webhooks
from assessor.rows.users import Role, Scope
from tests import honours, webbed

URL = "https://hooks.example.org/assessor"
HOOKS = "/api/v1/webhooks"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[webbed.Web]:
    with webbed.served(
        tmp_path, bench=honours.make_bench(tmp_path, "adder"), throttle=webbed.unlimited()
    ) as found:
        yield found


class Admin:
    """A program of an admin's."""

    def __init__(self, web: webbed.Web) -> None:
        self.user = web.user(Role.ADMIN)
        self._headers = web.token(self.user, Scope.ADMIN)
        self._client = web.browser().client

    def __call__(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self._client.request(method, path, headers=self._headers, **more)

    def made(self, **given: Any) -> dict[str, Any]:
        answer = self("POST", HOOKS, json={"url": URL} | given)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        assert answer.headers["location"] == f"{HOOKS}/{found['id']}"
        return found


@pytest.fixture
def admin(web: webbed.Web) -> Admin:
    return Admin(web)


def acts(web: webbed.Web, admin: Admin) -> list[str]:
    """What the trail says of it, oldest first."""
    lines = web.bench.parts.store.audit(limit=1000)[::-1]
    return [row.act for row in lines if row.user_id == admin.user.id]


def test_one_is_made_and_its_secret_told_once(web: webbed.Web, admin: Admin) -> None:
    made = admin.made(events=["award.made"])
    Webhook(made["secret"])
    shown = {"id": made["id"], "url": URL, "events": ["award.made"], "active": True}
    assert made == shown | {"secret": made["secret"]}
    assert admin("GET", f"{HOOKS}/{made['id']}").json() == shown
    assert admin("GET", HOOKS).json() == {"items": [shown], "next": None}
    assert admin.made()["events"] == sorted(webhooks.TOLD)
    assert acts(web, admin) == ["endpoint.add", "endpoint.add"]


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({"url": "http://hooks.example.org/"}, 422, "body.url"),
        ({"url": "https://user@hooks.example.org/"}, 422, "user"),
        ({"url": URL, "events": []}, 422, "body.events"),
        ({"url": URL, "events": ["ping"]}, 422, "got ping"),
        ({"url": URL, "events": ["award.lost"]}, 422, "body.events.0"),
        ({"url": URL, "secret": "mine"}, 422, "body.secret"),
    ],
)
def test_what_cannot_be_told_is_refused(admin: Admin, given: dict[str, Any], status: int, words: str) -> None:
    answer = admin("POST", HOOKS, json=given)
    assert answer.status_code == status, answer.text
    assert words in answer.json()["detail"]
    assert admin("GET", HOOKS).json()["items"] == []


def test_one_is_changed_and_what_is_left_out_stays(web: webbed.Web, admin: Admin) -> None:
    path = f"{HOOKS}/{admin.made(events=['award.made'])['id']}"
    off = admin("PATCH", path, json={"active": False}).json()
    assert (off["active"], off["events"], off["url"]) == (False, ["award.made"], URL)
    moved = admin("PATCH", path, json={"url": f"{URL}/2", "events": ["award.revoked", "award.made"]}).json()
    assert (moved["active"], moved["events"]) == (False, ["award.made", "award.revoked"])
    assert admin("GET", path).json() == moved
    assert moved["url"] == f"{URL}/2"
    assert admin("PATCH", path, json={}).json() == moved
    assert admin("PATCH", path, json={"url": "https://user@e.example/"}).status_code == 422
    assert admin("PATCH", path, json={"events": ["ping"]}).status_code == 422
    assert admin("GET", path).json() == moved
    assert acts(web, admin) == ["endpoint.add", "endpoint.disable", "endpoint.change"]


def test_messages_are_listed_in_pages_and_sent_again(web: webbed.Web, admin: Admin) -> None:
    made = admin.made(events=["award.made"])
    honours.earn(web.bench)
    pinged = admin("POST", f"{HOOKS}/{made['id']}/ping")
    assert pinged.status_code == 202
    first = admin("GET", f"{HOOKS}/{made['id']}/messages", params={"limit": 1}).json()
    assert first["items"] == [pinged.json()]
    told = json.loads(first["items"][0]["payload"])
    assert (told["type"], told["data"]) == ("ping", {"endpoint": made["id"]})
    second = admin("GET", first["next"]).json()
    assert [one["event"] for one in second["items"]] == ["award.made"]
    assert second["next"] is None

    (message,) = second["items"]
    store = web.bench.parts.store
    store.delivered(message["id"], status=204)
    path = f"/api/v1/webhook-messages/{message['id']}"
    shown = admin("GET", path).json()
    assert (shown["state"], shown["status"], shown["tries"], shown["next_at"]) == ("delivered", 204, 1, None)
    again = admin("POST", f"{path}/replay")
    assert again.status_code == 202
    assert (again.json()["id"], again.json()["state"]) == (message["id"], "waiting")
    assert message["id"] in {one.id for one in store.due_deliveries(web.bench.clock())}
    assert acts(web, admin) == ["endpoint.add", "endpoint.ping", "delivery.replay"]


def test_one_is_removed_with_all_its_messages(web: webbed.Web, admin: Admin) -> None:
    path = f"{HOOKS}/{admin.made()['id']}"
    message = admin("POST", f"{path}/ping").json()
    assert admin("DELETE", path).status_code == 204
    for method, gone in (
        ("GET", path),
        ("PATCH", path),
        ("DELETE", path),
        ("POST", f"{path}/ping"),
        ("GET", f"{path}/messages"),
        ("GET", f"/api/v1/webhook-messages/{message['id']}"),
        ("POST", f"/api/v1/webhook-messages/{message['id']}/replay"),
    ):
        more = {"json": {"active": True}} if method == "PATCH" else {}
        assert admin(method, gone, **more).status_code == 404, (method, gone)


@pytest.mark.parametrize("role", [one for one in Role if one is not Role.ADMIN])
def test_nobody_else_is_let_at_them(web: webbed.Web, admin: Admin, role: Role) -> None:
    path = f"{HOOKS}/{admin.made()['id']}"
    headers = web.token(web.user(role), *Scope)
    client = web.browser().client
    for method, tried in (("GET", HOOKS), ("GET", path), ("DELETE", path), ("POST", f"{path}/ping")):
        assert client.request(method, tried, headers=headers).status_code == 403
    reading = web.token(admin.user, Scope.READ)
    assert client.get(HOOKS, headers=reading).status_code == 403, "the scope counts too"


def test_page_sends_a_test_message(web: webbed.Web, admin: Admin) -> None:
    browser = web.signed_in(user=admin.user)
    path = f"/admin/webhooks/{admin.made()['id']}"
    assert browser.post(f"{path}/ping", page=path).status_code == 303
    assert "ping" in browser.get(path).text
    assert len(web.bench.parts.store.deliveries()) == 1
