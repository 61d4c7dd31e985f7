"""Webhooks at the command line: made, listed, sent again, switched off, each with its line in the trail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from standardwebhooks import Webhook

from assessor import cli
from assessor.rows import webhooks
from assessor.rows.webhooks import Event
from assessor.store import Store
from tests import people

URL = "https://hooks.example.org/assessor"


class Home:
    """An installation that has nothing but a store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *words: str) -> Result:
        told = ["--home", str(self.folder / "home"), "--catalog", str(self.folder)]
        return CliRunner().invoke(cli.main, [*told, *words])

    def json(self, *words: str) -> Any:
        done = self.run(*words, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def store(self) -> Store:
        return Store.open(f"sqlite:///{self.folder / 'home' / 'assessor.db'}")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_endpoint_is_made_and_its_secret_told_once(home: Home) -> None:
    made = home.json("webhooks", "add", URL, "--event", "award.made", "--event", "award.revoked")
    assert made["events"] == ["award.made", "award.revoked"]
    Webhook(made["secret"])
    (listed,) = home.json("webhooks", "list")
    assert listed == {
        "endpoint": made["endpoint"],
        "url": URL,
        "events": ["award.made", "award.revoked"],
        "active": True,
    }
    assert home.json("webhooks", "add", URL)["events"] == sorted(webhooks.TOLD)
    assert made["secret"] not in home.run("audit", "--json").stdout


@pytest.mark.parametrize(
    "url", ["http://hooks.example.org/", "https://a:b@hooks.example.org/", "hooks.example.org", "file:///etc"]
)
def test_address_of_another_kind_is_refused(home: Home, url: str) -> None:
    done = home.run("webhooks", "add", url)
    assert done.exit_code == 1
    assert "webhook: " in done.stderr
    assert "expected an " in done.stderr
    assert home.json("webhooks", "list") == []


def test_message_is_listed_and_sent_again(home: Home) -> None:
    endpoint = home.json("webhooks", "add", URL)["endpoint"]
    store = home.store()
    store.tell(Event.AWARD_MADE, b"{}", new_id=lambda: "m1", learner_id=None, now=people.NOW)
    store.failed("m1", problem="expected a status of 2xx, got 500", status=500, next_at=None)
    store.close()
    (message,) = home.json("webhooks", "messages", endpoint)
    assert (message["message"], message["state"], message["tries"]) == ("m1", "failed", 1)
    assert "got 500" in home.run("webhooks", "messages").stdout
    assert home.json("webhooks", "replay", "m1")["state"] == "waiting"
    assert home.run("webhooks", "replay", "m2").exit_code != 0
    assert home.run("webhooks", "messages", "nobody").exit_code != 0


def test_endpoint_is_switched_off_and_on_and_removed(home: Home) -> None:
    endpoint = home.json("webhooks", "add", URL)["endpoint"]
    assert home.json("webhooks", "disable", endpoint)["active"] is False
    assert home.json("webhooks", "enable", endpoint)["active"] is True
    home.json("webhooks", "remove", endpoint)
    assert home.json("webhooks", "list") == []
    acts = [line["act"] for line in home.json("audit")]
    assert acts == ["endpoint.remove", "endpoint.enable", "endpoint.disable", "endpoint.add"]
