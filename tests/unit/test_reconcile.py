"""The sweep: what waits and no job carries is rung for, once; what a silent worker held goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog

from assessor import reconcile
from assessor.errors import EngineMissing, QueueFault, StoreFault
from assessor.store import AttemptState, Store
from assessor.testing import FakeSandbox

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LEASE_S = 15


class Bell:
    """A queue that remembers, and may be away."""

    def __init__(self) -> None:
        self.jobs: list[tuple[str, int]] = []
        self.away = False

    def ring(self, attempt_id: str, epoch: int) -> None:
        if self.away:
            raise QueueFault("away on purpose")
        self.jobs.append((attempt_id, epoch))

    def pending(self, limit: int | None = None) -> set[tuple[str, int]]:
        if self.away:
            raise QueueFault("away on purpose")
        return set(self.jobs[:limit])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'store.db'}")
    yield opened
    opened.close()


@pytest.fixture
def submit(store: Store) -> Callable[[str], None]:
    owner = store.learner("ada", new_id="learner", salt=b"0" * 16)

    def one(name: str) -> None:
        store.submit(
            id=f"submission-{name}",
            attempt_id=name,
            learner_id=owner.id,
            task_id=f"task-{name}",
            task_version="1.0",
            task_digest="sha256:" + "1" * 64,
            snapshot="sha256:" + "2" * 64,
            bundle="sha256:" + "3" * 64,
            tries=None,
            cooldown_s=0,
            now=NOW,
        )

    return one


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_waiting_attempt_that_no_job_carries_is_rung_for(store: Store, submit: Callable[[str], None]) -> None:
    submit("a")
    submit("b")
    bell = Bell()
    bell.ring("a", 1)
    swept = reconcile.sweep(store, bell, now=NOW)
    assert swept == reconcile.Swept(expired=(), rung=(("b", 1),))
    assert bell.jobs == [("a", 1), ("b", 1)]


def test_job_counts_for_any_attempt_that_waits_since_a_worker_takes_the_next_one(
    store: Store, submit: Callable[[str], None]
) -> None:
    for name in "abc":
        submit(name)
    bell = Bell()
    bell.jobs = [("a", 1), ("gone", 1)]
    store.claim(worker="w", lease_s=LEASE_S, now=NOW)
    assert reconcile.sweep(store, bell, now=NOW).rung == ()
    bell.jobs.pop(0)
    assert reconcile.sweep(store, bell, now=NOW).rung == (("c", 1),)
    assert reconcile.sweep(store, bell, now=after(LEASE_S)).rung == (("b", 1),)


def test_jobs_never_outnumber_what_waits_by_more_than_the_workers(
    store: Store, submit: Callable[[str], None]
) -> None:
    """The worst moment for a sweep: after a worker took a job, before it takes its attempt."""
    for number in range(30):
        submit(f"a{number}")
    bell = Bell()
    reconcile.sweep(store, bell, now=NOW)
    for left in range(29, -1, -1):
        bell.jobs.pop(0)
        reconcile.sweep(store, bell, now=NOW)
        assert store.claim(worker="w", lease_s=LEASE_S, now=NOW) is not None
        assert len(bell.jobs) == len(store.due(now=NOW)) + 1 == left + 1


def test_second_sweep_rings_for_nothing(store: Store, submit: Callable[[str], None]) -> None:
    submit("a")
    bell = Bell()
    reconcile.sweep(store, bell, now=NOW)
    assert reconcile.sweep(store, bell, now=NOW).rung == ()


def test_silent_worker_loses_its_attempt_and_the_next_epoch_is_rung_for(
    store: Store, submit: Callable[[str], None]
) -> None:
    submit("a")
    bell = Bell()
    store.claim(worker="w", lease_s=LEASE_S, now=NOW)
    assert reconcile.sweep(store, bell, now=after(LEASE_S - 1)) == reconcile.Swept(expired=(), rung=())
    assert reconcile.sweep(store, bell, now=after(LEASE_S)) == reconcile.Swept(
        expired=(("a", 2),), rung=(("a", 2),)
    )


def test_renewed_lease_is_left_alone(store: Store, submit: Callable[[str], None]) -> None:
    submit("a")
    claim = store.claim(worker="w", lease_s=LEASE_S, now=NOW)
    assert claim is not None
    store.renew(claim, lease_s=LEASE_S, now=after(10))
    assert reconcile.sweep(store, Bell(), now=after(LEASE_S + 1)).expired == ()


def test_attempt_that_waits_after_a_fault_is_rung_for_when_its_time_has_come(
    store: Store, submit: Callable[[str], None]
) -> None:
    submit("a")
    bell = Bell()
    claim = store.claim(worker="w", lease_s=LEASE_S, now=NOW)
    assert claim is not None
    store.fault(claim, "engine gone", backoff_s=(10,), now=NOW)
    assert reconcile.sweep(store, bell, now=after(9)).rung == ()
    assert reconcile.sweep(store, bell, now=after(10)).rung == (("a", 2),)


def test_attempt_lost_too_often_is_unjudged_and_not_rung_for(
    store: Store, submit: Callable[[str], None]
) -> None:
    submit("a")
    bell = Bell()
    for lost in range(3):
        store.claim(worker="w", lease_s=LEASE_S, now=after(lost * LEASE_S))
        swept = reconcile.sweep(store, bell, now=after((lost + 1) * LEASE_S), max_lost=2)
        assert swept.rung == ((("a", lost + 2),) if lost < 2 else ())
        bell.jobs.clear()
    assert store.attempt("a").state is AttemptState.UNJUDGED


def test_queue_that_is_away_loses_no_expired_attempt(store: Store, submit: Callable[[str], None]) -> None:
    submit("a")
    bell = Bell()
    bell.away = True
    store.claim(worker="w", lease_s=LEASE_S, now=NOW)
    with pytest.raises(QueueFault):
        reconcile.sweep(store, bell, now=after(LEASE_S))
    bell.away = False
    assert reconcile.sweep(store, bell, now=after(LEASE_S)).rung == (("a", 2),)


def test_nothing_waiting_asks_the_queue_for_nothing(store: Store) -> None:
    bell = Bell()
    bell.away = True
    assert reconcile.sweep(store, bell, now=NOW) == reconcile.Swept(expired=(), rung=())


def test_left_overs_of_dead_workers_are_named() -> None:
    class Leaving(FakeSandbox):
        def sweep(self) -> list[str]:
            return ["one-learner", "one-grader"]

    with structlog.testing.capture_logs() as lines:
        assert reconcile.clean(Leaving(lambda _order: ())) == ["one-learner", "one-grader"]
    assert [line["container"] for line in lines] == ["one-learner", "one-grader"]


def test_engine_that_hangs_or_is_missing_keeps_no_attempt_waiting(
    store: Store, submit: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep goes on while cleaning is stuck; errors of either are tried again."""
    stop, hangs, rung, tried = threading.Event(), threading.Event(), threading.Event(), threading.Event()

    class Stuck(FakeSandbox):
        def sweep(self) -> list[str]:
            if not tried.is_set():
                tried.set()
                raise EngineMissing("no engine on purpose")
            hangs.wait(30)
            return []

    class Once(Bell):
        failed = False

        def ring(self, attempt_id: str, epoch: int) -> None:
            assert tried.wait(30)
            if not Once.failed:
                Once.failed = True
                raise QueueFault("away on purpose")
            rung.set()
            stop.set()

        def close(self) -> None:
            pass

    monkeypatch.setattr(reconcile, "Ring", lambda _url: Once())
    submit("a")
    with structlog.testing.capture_logs() as lines:
        reconcile.loop(
            store=store,
            url=lambda: "unix:///none",
            sandbox=Stuck(lambda _order: ()),
            clock=lambda: NOW,
            every_s=0.01,
            stop=stop,
        )
    hangs.set()
    assert rung.is_set()
    assert {line["error"] for line in lines} >= {"no engine on purpose", "away on purpose"}


def test_store_that_is_away_is_asked_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()
    calls = []

    def away(**_: object) -> list[tuple[str, int]]:
        calls.append(1)
        if len(calls) == 3:
            stop.set()
        raise StoreFault("disk full on purpose")

    monkeypatch.setattr(store, "expire", away)
    monkeypatch.setattr(
        reconcile, "Ring", lambda _url: type("Closed", (Bell,), {"close": lambda _self: None})()
    )
    reconcile.loop(store=store, url=lambda: "", sandbox=None, clock=lambda: NOW, every_s=0.001, stop=stop)
    assert len(calls) == 3


def test_sweep_without_a_supervisor_ends(store: Store) -> None:
    stop = threading.Event()
    reconcile.loop(
        store=store,
        url=lambda: "",
        sandbox=None,
        clock=lambda: NOW,
        every_s=0.01,
        stop=stop,
        parent=2**22 + 1,
    )
    assert stop.is_set()


def test_unpublished_evidence_is_published_at_once_whatever_the_sweep_does(store: Store) -> None:
    stop = threading.Event()

    def publish() -> int:
        stop.set()
        return 1

    def away() -> str:
        raise QueueFault("away on purpose")

    reconcile.loop(
        store=store, url=away, sandbox=None, clock=lambda: NOW, every_s=0.01, stop=stop, publish=publish
    )
    assert stop.is_set()


def test_awards_are_tended_to_at_once_whatever_the_sweep_does(store: Store) -> None:
    stop = threading.Event()

    def away() -> str:
        raise QueueFault("away on purpose")

    reconcile.loop(
        store=store, url=away, sandbox=None, clock=lambda: NOW, every_s=0.01, stop=stop, tend=stop.set
    )
    assert stop.is_set()


def test_site_is_published_at_once_whatever_the_sweep_does(store: Store) -> None:
    stop = threading.Event()

    def away() -> str:
        raise QueueFault("away on purpose")

    reconcile.loop(
        store=store, url=away, sandbox=None, clock=lambda: NOW, every_s=0.01, stop=stop, site=stop.set
    )
    assert stop.is_set()
