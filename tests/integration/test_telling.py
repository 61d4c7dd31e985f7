"""Messages to others, sent over real https to a receiver that checks them: signed, retried, never lost."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from assessor import queueserver, telling
from assessor.openbadges import remote
from assessor.rows import webhooks
from assessor.rows.webhooks import LEASE, TOLD, Delivery, DeliveryState, Event
from assessor.store import Store
from assessor.telling import WAITS_S, next_at
from tests import people, receiver, small
from tests.receiver import Receiver

SECRET = webhooks.secret(bytes(range(32)))
#: A sender in a process of its own, which takes messages and says so by sending the first ones.
SENDER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from assessor import telling
from assessor.store import Store
from tests import receiver
store = Store.open(sys.argv[1])
way = receiver.reaching(Path(sys.argv[2]), seconds=60)
telling.tell(store, clock=lambda: datetime.now(UTC), pick=lambda below: 0, way=way)
"""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return receiver.certify(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def hook(certificate: Path) -> Iterator[Receiver]:
    with receiver.receiving(certificate) as found:
        yield found


@pytest.fixture
def store(tmp_path: Path, hook: Receiver) -> Iterator[Store]:
    opened = people.open_store(tmp_path)
    endpoint(opened, hook, "all")
    yield opened
    opened.close()


def endpoint(store: Store, hook: Receiver, name: str, path: str = "/hook") -> None:
    store.add_endpoint(id=name, url=hook.url(path), secret=SECRET, events=TOLD, act=people.act(now()))


def now() -> datetime:
    return datetime.now(UTC)


def queued(store: Store, name: str = "m1") -> None:
    names = iter([name, f"{name}-b", f"{name}-c"])
    payload = '{"type":"attempt.finished","data":{"words":"größer"}}'.encode()
    store.tell(Event.ATTEMPT_FINISHED, payload, new_id=names.__next__, learner_id=None, now=now() - LEASE)


def send(store: Store, certificate: Path, *, later: float = 0, seconds: float = 30) -> int:
    """Send what is due so many seconds from now."""
    return telling.tell(
        store,
        clock=lambda: now() + timedelta(seconds=later),
        pick=lambda below: below - 1,
        way=receiver.reaching(certificate, seconds=seconds),
    )


def of(store: Store, name: str = "m1") -> Delivery:
    return store.delivery(name)


def test_receiver_verifies_what_came(store: Store, hook: Receiver, certificate: Path) -> None:
    queued(store)
    assert send(store, certificate) == 1
    ((path, headers, body),) = hook.came
    assert path == "/hook"
    assert Webhook(SECRET).verify(body, headers) == {
        "type": "attempt.finished",
        "data": {"words": "größer"},
    }
    assert headers["webhook-id"] == "m1"
    assert headers["content-type"] == "application/json"
    with pytest.raises(WebhookVerificationError):
        Webhook(webhooks.secret(bytes(32))).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body + b" ", headers)
    assert (of(store).state, of(store).status, of(store).tries) == (DeliveryState.DELIVERED, 200, 1)
    assert send(store, certificate, later=3600) == 0


def test_error_is_tried_again_under_the_same_id(store: Store, hook: Receiver, certificate: Path) -> None:
    hook.answer = lambda path: (500, {})
    queued(store)
    send(store, certificate)
    waits = of(store)
    assert (waits.state, waits.status, waits.tries) == (DeliveryState.WAITING, 500, 1)
    assert waits.problem == "expected a status of 2xx, got 500"
    assert send(store, certificate, later=3) == 0
    hook.answer = lambda path: (204, {})
    assert send(store, certificate, later=10) == 1
    assert of(store).state is DeliveryState.DELIVERED
    assert [headers["webhook-id"] for _, headers, _ in hook.came] == ["m1", "m1"]
    for _, headers, body in hook.came:
        Webhook(SECRET).verify(body, headers)


def test_redirect_is_not_followed(store: Store, hook: Receiver, certificate: Path) -> None:
    hook.answer = lambda path: (302, {"Location": f"https://127.0.0.1:{hook.port}/inside"})
    queued(store)
    send(store, certificate)
    assert [path for path, _, _ in hook.came] == ["/hook"]
    assert (of(store).state, of(store).status) == (DeliveryState.WAITING, 302)


def test_nothing_of_ours_is_reached(store: Store, hook: Receiver, certificate: Path) -> None:
    # The rules as they are: the name leads to this machine, as any name of a stranger's may.
    way = remote.Remote(
        bounds=telling.BOUNDS,
        resolve=lambda host, port: remote.look_up("127.0.0.1", port),
        tls=ssl.create_default_context(cafile=str(certificate)),
    )
    queued(store)
    telling.tell(store, clock=now, pick=lambda below: 0, way=way)
    assert hook.came == []
    assert of(store).state is DeliveryState.WAITING
    assert "expected a host of the public internet, got 127.0.0.1" in str(of(store).problem)


def test_slow_receiver_is_given_up_and_holds_up_no_other(
    store: Store, hook: Receiver, certificate: Path
) -> None:
    answered = threading.Event()

    def answer(path: str) -> tuple[int, dict[str, str]]:
        if path == "/hook":
            answered.wait(60)
        return 200, {}

    hook.answer = answer
    endpoint(store, hook, "other", "/other")
    queued(store)
    assert send(store, certificate, seconds=1) == 2
    answered.set()
    assert of(store).state is DeliveryState.WAITING
    assert "expected an answer within 1 s, got none" in str(of(store).problem)
    assert of(store, "m1-b").state is DeliveryState.DELIVERED


def test_nobody_waits_behind_an_endpoint_that_does_not_answer(
    store: Store, hook: Receiver, certificate: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    away = f"https://{receiver.HOST}:{port}/"
    store.set_endpoint("all", active=False, act=people.act(now()))
    store.add_endpoint(id="away", url=away, secret=SECRET, events=TOLD, act=people.act(now()))
    for number in range(2 * telling.AT_ONCE):
        queued(store, f"a{number}")
    store.set_endpoint("away", active=False, act=people.act(now()))
    store.set_endpoint("all", active=True, act=people.act(now()))
    queued(store)
    store.set_endpoint("away", active=True, act=people.act(now()))
    assert send(store, certificate) == telling.AT_ONCE
    assert of(store).tries == 0
    assert send(store, certificate) == 1
    assert of(store).state is DeliveryState.DELIVERED
    # The rest of the others has lost nothing by waiting.
    tries = [one.tries for one in store.deliveries("away")]
    assert sorted(tries) == [0] * telling.AT_ONCE + [1] * telling.AT_ONCE
    assert send(store, certificate, later=telling.PAUSE_S + 5) == telling.AT_ONCE


def test_killed_sender_loses_nothing(store: Store, hook: Receiver, certificate: Path, tmp_path: Path) -> None:
    came, release = threading.Semaphore(0), threading.Event()

    def answer(path: str) -> tuple[int, dict[str, str]]:
        came.release()
        release.wait(60)
        return 200, {}

    hook.answer = answer
    for name in ("m1", "m2", "m3"):
        queued(store, name)
    arguments = [f"sqlite:///{tmp_path / 'store.sqlite'}", str(certificate)]
    process = subprocess.Popen([sys.executable, "-c", SENDER, *arguments])
    try:
        for _ in range(3):
            assert came.acquire(timeout=60), "the sender sent nothing"
    finally:
        process.kill()
        process.wait()
        release.set()
    assert {one.state for one in store.deliveries()} == {DeliveryState.WAITING}
    # It had taken them: nobody else is given them before their time.
    assert send(store, certificate) == 0
    hook.answer = lambda path: (200, {})
    assert send(store, certificate, later=LEASE.total_seconds() + 5) == 3
    assert {one.state for one in store.deliveries()} == {DeliveryState.DELIVERED}
    names = [headers["webhook-id"] for _, headers, _ in hook.came]
    assert sorted(names) == ["m1", "m1", "m2", "m2", "m3", "m3"]


def test_message_is_given_up_and_sent_again_by_hand(store: Store, hook: Receiver, certificate: Path) -> None:
    hook.answer = lambda path: (503, {})
    queued(store)
    later = 0.0
    for wait_s in (0, *WAITS_S):
        later += wait_s * 1.25 + 5
        assert send(store, certificate, later=later) == 1
    assert (of(store).state, of(store).tries) == (DeliveryState.FAILED, len(WAITS_S) + 1)
    assert send(store, certificate, later=10 * later) == 0
    hook.answer = lambda path: (200, {})
    store.replay("m1", act=people.act(now()))
    assert send(store, certificate) == 1
    assert of(store).state is DeliveryState.DELIVERED
    assert {headers["webhook-id"] for _, headers, _ in hook.came} == {"m1"}


def test_endpoint_that_is_gone_is_switched_off(store: Store, hook: Receiver, certificate: Path) -> None:
    hook.answer = lambda path: (410, {})
    queued(store)
    send(store, certificate)
    assert of(store).state is DeliveryState.FAILED
    assert not store.endpoint("all").active
    (line,) = store.audit(limit=1)
    assert (line.act, line.user_id, line.address) == ("endpoint.disable", None, telling.SENDER)


def test_endpoint_that_is_removed_meanwhile_is_no_error(
    store: Store, hook: Receiver, certificate: Path
) -> None:
    def answer(path: str) -> tuple[int, dict[str, str]]:
        store.remove_endpoint("all", act=people.act(now()))
        return 200, {}

    hook.answer = answer
    queued(store)
    assert send(store, certificate) == 1
    assert store.deliveries() == ()


def test_waits_grow_and_end() -> None:
    start = now()
    found = [next_at(tries, start, lambda below: 0) for tries in range(1, len(WAITS_S) + 2)]
    assert [one and (one - start).total_seconds() for one in found] == [*map(float, WAITS_S), None]
    most = next_at(1, start, lambda below: below - 1)
    assert most == start + timedelta(seconds=WAITS_S[0] * 1.2)


def test_sweep_of_an_installation_sends(tmp_path: Path) -> None:
    small.write_catalog(tmp_path / "catalog")
    home = tmp_path / "home"
    home.mkdir()
    told = ["--home", str(home), "--catalog", str(tmp_path / "catalog")]
    with contextlib.closing(Store.open(f"sqlite:///{home / 'assessor.db'}")) as store:
        store.add_endpoint(
            id="inside", url="https://127.0.0.1/hook", secret=SECRET, events=TOLD, act=people.act(now())
        )
        queued(store)
        process = subprocess.Popen(
            [sys.executable, "-m", "assessor", *told, "sweep"],
            env=os.environ | {"ASSESSOR_SANDBOX": "unsafe_local"},
        )
        try:
            ends = time.monotonic() + 120
            while of(store).tries == 0:
                assert process.poll() is None, "the sweep ended"
                assert time.monotonic() < ends, "the sweep sent nothing"
                time.sleep(0.1)
        finally:
            process.terminate()
            process.wait()
            queueserver.stop(home)
        # As it is wired it keeps to the rules: an address of ours is not reached by anybody's word.
        assert "expected a host of the public internet, got 127.0.0.1" in str(of(store).problem)
