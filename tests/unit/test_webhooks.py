"""Messages to others: queued with what they tell of, taken by one sender at a time, never lost."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from assessor.errors import AccountRefused, NotFound, StoreFault
from assessor.rows import webhooks
from assessor.rows.webhooks import LEASE, TOLD, DeliveryState, Event
from assessor.store import Store
from tests import people
from tests.people import NOW, act

SECOND = timedelta(seconds=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = people.open_store(tmp_path)
    opened.add_endpoint(id="all", url="https://a.example.org/hook", secret="whsec_a", events=TOLD, act=act())
    opened.add_endpoint(
        id="awards", url="https://b.example.org/", secret="whsec_b", events=[Event.AWARD_MADE], act=act()
    )
    yield opened
    opened.close()


def tell(store: Store, event: Event = Event.ATTEMPT_FINISHED, name: str = "m") -> tuple[str, ...]:
    numbers = itertools.count(1)
    return store.tell(event, b"payload", new_id=lambda: f"{name}{next(numbers)}", learner_id=None, now=NOW)


def test_message_waits_for_each_endpoint_that_wants_it(store: Store) -> None:
    assert tell(store) == ("m1",)
    assert tell(store, Event.AWARD_MADE, "n") == ("n1", "n2")
    assert [(one.id, one.endpoint_id) for one in store.deliveries()] == [
        ("n2", "awards"),
        ("n1", "all"),
        ("m1", "all"),
    ]
    assert [one.id for one in store.deliveries("all", after="n1")] == ["m1"]
    first = store.delivery("m1")
    assert (first.event, first.payload, first.state, first.tries) == (
        Event.ATTEMPT_FINISHED,
        b"payload",
        DeliveryState.WAITING,
        0,
    )


def test_message_is_kept_with_what_it_tells_of_or_not_at_all(store: Store) -> None:
    def fails() -> None:
        with store.writing() as connection:
            webhooks.queue(
                connection, Event.AWARD_MADE, b"p", new_id=iter("ab").__next__, learner_id=None, now=NOW
            )
            raise RuntimeError("what it tells of did not happen")

    with pytest.raises(RuntimeError, match="did not happen"):
        fails()
    assert store.deliveries() == ()


def test_what_one_sender_took_is_no_other_senders_until_its_lease_is_over(store: Store) -> None:
    tell(store)
    assert store.due_deliveries(NOW - SECOND) == ()
    (taken,) = store.due_deliveries(NOW)
    assert store.due_deliveries(NOW + LEASE - SECOND) == ()
    # Its sender was killed.
    (again,) = store.due_deliveries(NOW + LEASE)
    assert (again.id, again.payload, again.tries) == (taken.id, taken.payload, 0)


def test_senders_are_given_the_longest_due_first_and_no_more_than_they_ask_for(store: Store) -> None:
    for name in "ab":
        tell(store, name=name)
    store.failed("a1", problem="away", status=None, next_at=NOW + SECOND)
    assert [one.id for one in store.due_deliveries(NOW + SECOND, limit=1)] == ["b1"]
    assert [one.id for one in store.due_deliveries(NOW + SECOND)] == ["a1"]


def test_message_is_tried_until_it_is_taken_or_given_up(store: Store) -> None:
    tell(store)
    store.failed("m1", problem="503 from it", status=503, next_at=NOW + SECOND)
    one = store.delivery("m1")
    assert (one.state, one.tries, one.status, one.problem) == (DeliveryState.WAITING, 1, 503, "503 from it")
    assert [one.id for one in store.due_deliveries(NOW + SECOND)] == ["m1"]
    store.failed("m1", problem="nobody answers", status=None, next_at=None)
    one = store.delivery("m1")
    assert (one.state, one.tries, one.next_at) == (DeliveryState.FAILED, 2, None)
    assert store.due_deliveries(NOW + timedelta(days=9)) == ()

    later = act(NOW + SECOND)
    assert store.replay("m1", act=later).state is DeliveryState.WAITING
    assert [one.id for one in store.due_deliveries(NOW + SECOND)] == ["m1"]
    store.delivered("m1", status=204)
    one = store.delivery("m1")
    assert (one.state, one.tries, one.status, one.problem) == (DeliveryState.DELIVERED, 3, 204, None)
    assert store.audit(limit=1)[0].act == "delivery.replay"


def test_endpoint_that_is_off_is_told_nothing_new_and_what_waits_goes_on_waiting(store: Store) -> None:
    tell(store)
    assert not store.set_endpoint("all", active=False, act=act()).active
    assert tell(store, name="n") == ()
    assert store.due_deliveries(NOW) == ()
    store.set_endpoint("all", active=True, act=act())
    assert [one.id for one in store.due_deliveries(NOW)] == ["m1"]


def test_endpoint_goes_with_its_messages(store: Store) -> None:
    tell(store, Event.AWARD_MADE)
    store.remove_endpoint("all", act=act())
    assert [one.id for one in store.endpoints()] == ["awards"]
    assert [one.endpoint_id for one in store.deliveries()] == ["awards"]
    # Its sender is still at it.
    with pytest.raises(NotFound, match="expected the id of a message, got 'm1'"):
        store.delivered("m1", status=200)
    with pytest.raises(NotFound, match="expected the id of an endpoint, got 'all'"):
        store.endpoint("all")


def test_endpoint_without_events_is_refused_and_its_secret_is_not_shown(store: Store) -> None:
    with pytest.raises(AccountRefused, match=r"endpoint https://x: expected at least one of .*, got none"):
        store.add_endpoint(id="x", url="https://x", secret="s", events=[], act=act())
    with pytest.raises(AccountRefused, match=r"expected at least one of .*, got ping"):
        store.add_endpoint(id="x", url="https://x", secret="s", events=[Event.PING], act=act())
    with pytest.raises(AccountRefused, match="got none"):
        store.set_endpoint("all", events=[], act=act())
    assert "whsec" not in repr(store.endpoint("all"))
    assert store.endpoint("all").secret == "whsec_a"
    assert "whsec" not in "".join(row.detail for row in store.audit())


@pytest.mark.parametrize("change", ["state = 'delivered'", "next_at = NULL"])
def test_database_itself_refuses_a_message_that_waits_for_no_time(store: Store, change: str) -> None:
    tell(store)
    with pytest.raises(StoreFault, match="ck_deliveries_next_at"), store.writing() as connection:
        connection.exec_driver_sql(f"UPDATE deliveries SET {change}")
