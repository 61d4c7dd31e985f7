"""A lease in a worker's hands: events are stored together, in order, and none silently not."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from assessor import testing
from assessor.errors import LeaseLost, StoreFault
from assessor.lease import GATHER_BYTES, Lease
from assessor.sandbox import protocol
from assessor.store import Claim, Store

NOW = datetime(2025, 1, 1, tzinfo=UTC)
DIGEST = "sha256:" + "0" * 64


class Watched(Store):
    """A store that tells how events came, and that can be made to wait or to fail."""

    together: list[int]
    gate: threading.Event
    broken: Exception | None = None

    def add_events(self, claim: Claim, events_json: Sequence[bytes]) -> None:
        assert self.gate.wait(30)
        if self.broken is not None:
            raise self.broken
        self.together.append(len(events_json))
        super().add_events(claim, events_json)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Watched]:
    opened = Watched.open(f"sqlite:///{tmp_path / 'store.sqlite'}")
    opened.together, opened.gate = [], threading.Event()
    opened.gate.set()
    owner = opened.learner("ada", new_id="learner", salt=b"s" * 16)
    opened.submit(
        id="submission",
        attempt_id="attempt",
        learner_id=owner.id,
        task_id="sum",
        task_version="1.0",
        task_digest=DIGEST,
        snapshot=DIGEST,
        bundle=DIGEST,
        tries=None,
        cooldown_s=0,
        now=NOW,
    )
    yield opened
    opened.close()


def hold(store: Store, *, lease_s: float = 60) -> Lease:
    claim = store.claim(worker="worker-1", lease_s=60, now=NOW)
    assert claim is not None
    return Lease(claim, store, lease_s=lease_s, clock=lambda: NOW)


def event(number: int, *, size: int = 0) -> protocol.Finished:
    return testing.finished(f"test_it.py::test_{number}", passed=False, message="x" * size)


def stored(store: Store, epoch: int = 1) -> list[str]:
    events = [protocol.parse_event(body) for body in store.events("attempt", epoch)]
    return [one.id for one in events if isinstance(one, protocol.Finished)]


def test_events_that_come_together_share_a_transaction_in_their_order(store: Watched) -> None:
    with hold(store) as lease:
        for number in range(200):
            lease.keep(event(number))
        lease.finish(b"{}", now=NOW)
        assert stored(store) == [event(number).id for number in range(200)]
        assert store.run("attempt") == b"{}"
    assert len(store.together) < 200


def test_event_is_stored_while_the_run_goes_on(store: Watched) -> None:
    written = threading.Event()
    add_events = store.add_events

    def told(claim: Claim, events_json: Sequence[bytes]) -> None:
        add_events(claim, events_json)
        written.set()

    store.add_events = told  # type: ignore[method-assign]
    with hold(store) as lease:
        lease.keep(event(1))
        assert written.wait(30), "never stored"
        assert stored(store) == [event(1).id]


def test_events_of_a_run_that_broke_off_are_stored_on_leaving(store: Watched) -> None:
    with hold(store) as lease:
        lease.keep(event(1))
    assert stored(store) == [event(1).id]


def test_event_that_cannot_be_stored_ends_the_run_at_its_next_one(store: Watched) -> None:
    store.broken = StoreFault("disk is full")
    with hold(store) as lease:
        lease.keep(event(1))
        lease._thread.join(30)
        with pytest.raises(StoreFault, match="disk is full"):
            lease.keep(event(2))
        store.broken = None
        with pytest.raises(StoreFault, match="disk is full"):
            lease.finish(b"{}", now=NOW)  # an event is missing
    assert (stored(store), store.run("attempt")) == ([], None)


def test_error_of_any_kind_in_the_writing_thread_reaches_the_run(store: Watched) -> None:
    store.broken = RuntimeError("a bug of ours")
    with hold(store) as lease:
        lease.keep(event(1))
        lease._thread.join(30)
        with pytest.raises(RuntimeError, match="a bug of ours"):
            lease.keep(event(2))


def test_events_that_cannot_be_stored_are_told(store: Watched) -> None:
    store.broken = StoreFault("disk is full")
    with capture_logs() as said, hold(store) as lease:
        lease.keep(event(1))
    assert [(line["event"], line["problem"]) for line in said] == [
        ("events not kept", "StoreFault: disk is full")
    ]


def test_run_waits_while_more_than_its_share_of_memory_is_not_yet_stored(store: Watched) -> None:
    store.gate.clear()
    taken: list[int] = []
    with hold(store) as lease:

        def bring() -> None:
            for number in range(8):
                lease.keep(event(number, size=GATHER_BYTES // 2))
                taken.append(number)

        run = threading.Thread(target=bring)
        run.start()
        run.join(0.2)
        # Two that are being written, two that wait for it.
        assert len(taken) <= 4
        store.gate.set()
        run.join(30)
    assert stored(store) == [event(number).id for number in range(8)]


def test_restart_leaves_events_with_the_epoch_that_they_are_of(store: Watched) -> None:
    with hold(store) as lease:
        lease.keep(event(1))
        lease.restart()
        lease.keep(event(2))
    assert (stored(store, 1), stored(store, 2)) == ([event(1).id], [event(2).id])


def test_lost_lease_keeps_nothing(store: Watched) -> None:
    with hold(store) as lease:
        store.gate.clear()
        lease.keep(event(1))
        assert store.expire(now=NOW.replace(year=2026)) == [("attempt", 2)]
        store.gate.set()
        with pytest.raises(LeaseLost, match="expected epoch 1 running on worker-1"):
            lease.finish(b"{}", now=NOW)
    assert (stored(store, 1), store.run("attempt")) == ([], None)
