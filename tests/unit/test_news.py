"""What others are told: with what happened, or not at all, and nothing of anybody's name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assessor import judging, pipeline, testing
from assessor.errors import SandboxFault, StoreFault
from assessor.lease import Lease
from assessor.rows import log
from assessor.rows.audit import Act
from assessor.rows.schema import AttemptState
from assessor.rows.webhooks import TOLD, Event
from assessor.store import Store
from tests import honours, small
from tests.small import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = honours.make_bench(tmp_path, "adder")
    yield made
    made.parts.store.close()


def listen(bench: Bench, *events: Event) -> None:
    act = Act.by_operator(bench.clock())
    bench.parts.store.add_endpoint(
        id="hook", url="https://hooks.example.org/", secret="whsec_c2VjcmV0", events=events or TOLD, act=act
    )


def told(store: Store) -> list[dict[str, Any]]:
    """The messages that wait, the oldest first."""
    return [json.loads(one.payload) for one in reversed(store.deliveries())]


def test_judged_attempt_is_told_once(bench: Bench) -> None:
    listen(bench, Event.ATTEMPT_FINISHED, Event.REVIEW_DONE)
    attempt = honours.judge(bench, 3, learner="ada@example.org")
    (message,) = told(bench.parts.store)
    submission = bench.parts.store.submission(bench.parts.store.attempt(attempt).submission_id)
    assert message == {
        "type": "attempt.finished",
        "timestamp": "2026-11-24T09:00:00+00:00",
        "data": {
            "attempt": attempt,
            "number": 1,
            "submission": submission.id,
            "task": "sum",
            "learner": submission.learner_id,
            "state": "judged",
            "verdict": "passed",
            "score": [1, 1],
            "level": "top",
        },
    }
    assert b"ada@" not in bench.parts.store.deliveries()[0].payload


def test_nobody_listens_nothing_is_kept(bench: Bench) -> None:
    honours.earn(bench)
    assert bench.parts.store.deliveries() == ()


def test_award_and_its_end_are_told(bench: Bench) -> None:
    listen(bench, Event.AWARD_MADE, Event.AWARD_REVOKED)
    row = honours.earn(bench)["adder"]
    bench.parts.store.revoke(row.id, reason="a private matter", salt=bytes(16), now=bench.clock())
    made, revoked = told(bench.parts.store)
    assert (made["type"], revoked["type"]) == ("award.made", "award.revoked")
    assert row.valid_until is not None
    assert made["data"] == {
        "award": row.id,
        "achievement": "adder",
        "learner": row.learner_id,
        "revision": 1,
        "level": row.level,
        "change": "award",
        "valid_until": row.valid_until.isoformat(),
    }
    assert revoked["data"] == {"award": row.id, "achievement": "adder", "learner": row.learner_id}


def test_what_is_undone_is_not_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: Any, **more: Any) -> None:
        raise StoreFault("the disk is full")

    listen(bench)
    _, attempt = bench.submit(honours.passing(3))
    claim = bench.parts.store.claim(worker="w", lease_s=30, now=bench.clock())
    assert claim is not None
    with monkeypatch.context() as patched:
        patched.setattr(log, "append", fails)
        with Lease(claim, bench.parts.store, lease_s=30, clock=bench.clock) as lease:
            pipeline.run(lease, bench.parts)
            with pytest.raises(StoreFault):
                judging.conclude(attempt.id, bench.parts, claim=lease.claim)
    assert bench.parts.store.attempt(attempt.id).state is AttemptState.RUNNING
    assert bench.parts.store.deliveries() == ()


def test_review_is_told_with_the_verdict(tmp_path: Path) -> None:
    tasks = small.write_catalog(tmp_path / "catalog", review=True)
    bench = small.make_bench(tmp_path, testing.FakeSandbox(honours.script), tasks=tasks)
    listen(bench)
    attempt = honours.judge(bench, 3)
    assert told(bench.parts.store) == []
    judging.review(attempt, criterion="clear", marks=4, reviewer="r", comment="", parts=bench.parts)
    assert [one["type"] for one in told(bench.parts.store)] == ["review.done", "attempt.finished"]
    # Other marks for what is judged make another attempt, which is told by itself.
    judging.review(attempt, criterion="clear", marks=3, reviewer="r", comment="", parts=bench.parts)
    assert [one["type"] for one in told(bench.parts.store)][2:] == ["attempt.finished"]
    bench.parts.store.close()


def test_unjudged_attempt_is_told(tmp_path: Path) -> None:
    def broken(order: object) -> list[Exception]:
        return [SandboxFault("gone")]

    tasks = small.write_catalog(tmp_path / "catalog")
    bench = small.make_bench(tmp_path, testing.FakeSandbox(broken), tasks=tasks)
    listen(bench)
    _, attempt = bench.submit()
    while bench.parts.store.attempt(attempt.id).state is not AttemptState.UNJUDGED:
        pipeline.assess(attempt.id, 1, bench.parts)
        bench.clock.move(seconds=60)
    (message,) = told(bench.parts.store)
    assert message["data"]["state"] == "unjudged"
    assert message["data"]["verdict"] is None
    bench.parts.store.close()


def test_attempt_of_lost_workers_is_told(bench: Bench) -> None:
    listen(bench)
    _, attempt = bench.submit(honours.passing(3))
    store = bench.parts.store
    for _ in range(2):
        store.claim(worker="w", lease_s=30, now=bench.clock())
        bench.clock.move(seconds=60)
        store.expire(now=bench.clock(), max_lost=1)
    (message,) = told(store)
    assert message["data"]["attempt"] == attempt.id
    assert message["data"]["state"] == "unjudged"
