"""Counts of requests: whom they are for, and where they are kept."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from assessor import queueserver, settings
from assessor.errors import Throttled
from assessor.waiting import Rate
from assessor.web.throttle import Throttle
from tests import webbed

TWO = Rate(count=2, per_s=3600)


def test_writes_have_a_count_of_their_own() -> None:
    counts = Throttle(reads=None, writes=TWO)
    for _ in range(9):
        counts.request("user:a", safe=True)
    counts.request("user:a", safe=False)
    counts.request("user:a", safe=False)
    with pytest.raises(
        Throttled, match=r"expected at most 2 requests of this kind in 3600 s, got more"
    ) as over:
        counts.request("user:a", safe=False)
    assert 1 <= over.value.retry_s <= 7200
    counts.request("user:b", safe=False)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("", "testclient", False),
    ],
)
def test_customer_of_many_addresses_is_one(one: str, other: str, same: bool) -> None:
    counts = Throttle(reads=Rate(count=1, per_s=3600))
    counts.request(f"address:{one}", safe=True)
    if same:
        with pytest.raises(Throttled):
            counts.request(f"address:{other}", safe=True)
    else:
        counts.request(f"address:{other}", safe=True)


def test_guesses_at_an_account_from_everywhere_run_out() -> None:
    counts = Throttle(reads=None)
    for number in range(100):
        counts.guess(f"192.0.2.{number}", "ada@example.org")
    with pytest.raises(Throttled):
        counts.guess("198.51.100.1", "ada@example.org")
    counts.guess("198.51.100.1", "grace@example.org")


def test_token_that_ran_out_keeps_nobody_at_its_address_from_signing_in(tmp_path: Path) -> None:
    with webbed.served(tmp_path) as web:
        browser, user = web.browser(), web.user()
        stale = {"Authorization": "Bearer asr_none"}
        said = [browser.client.get("/api/v1/me", headers=stale).status_code for _ in range(101)]
        assert said == [401] * 100 + [429]
        assert browser.sign_in(user.email).status_code == 303


def test_class_that_joins_from_one_address_is_let_in(tmp_path: Path) -> None:
    with webbed.served(tmp_path) as web:
        web.bench.parts.store.add_cohort(id="c1", name="Spring", act=web.act())
        web.bench.parts.store.invite(secret="i" * 43, cohort_id="c1", act=web.act())
        browser = web.browser()
        assert {browser.get(f"/join/{'i' * 43}").status_code for _ in range(110)} == {200}
        strays = [browser.get(f"/join/{'n' * 43}").status_code for _ in range(101)]
        assert strays == [403] * 100 + [429]
        assert browser.sign_in(web.user().email).status_code == 303


def test_several_processes_share_their_counts(tmp_path: Path) -> None:
    config = settings.read({}, home=tmp_path)
    url = queueserver.url(config)
    try:
        one, other = (Throttle(reads=TWO, redis_url=url) for _ in range(2))
        one.request("user:a", safe=True)
        other.request("user:a", safe=True)
        with pytest.raises(Throttled):
            one.request("user:a", safe=True)
    finally:
        queueserver.stop(config.home)
    # Away: each goes on by itself.
    one.request("user:a", safe=True)
    one.request("user:a", safe=True)
    with pytest.raises(Throttled):
        one.request("user:a", safe=True)
    with pytest.raises(redis.RedisError):
        redis.Redis.from_url(url).ping()
