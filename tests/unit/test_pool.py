"""Pairs that wait: who gets one, which are let go of, and that none is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import count

import pytest

from assessor.errors import SandboxFault
from assessor.sandbox.pool import Pool


class Pair:
    """Counts what is done with it."""

    def __init__(self, number: int, *, again: bool = True) -> None:
        self.number = number
        self.again = again
        self.whole = True
        self.broken = False
        self.finished = 0
        self.destroyed = 0

    def finish(self) -> bool:
        self.finished += 1
        return self.again

    def destroy(self) -> None:
        self.destroyed += 1
        if self.broken:
            raise RuntimeError("can't start new thread")


class Maker:
    """Starts pairs, and keeps them for the test to look at."""

    def __init__(self) -> None:
        self.made: list[Pair] = []
        self.numbers = count()
        self.again = True
        self.broken = False
        self.hold = threading.Event()
        self.hold.set()
        self.room = True

    def start(self, fit: str) -> Pair:
        self.hold.wait(10)
        if self.broken:
            raise SandboxFault("engine: expected a container, got none")
        self.made.append(Pair(next(self.numbers), again=self.again))
        return self.made[-1]


@pytest.fixture
def maker() -> Maker:
    return Maker()


@pytest.fixture
def pool(maker: Maker) -> Iterator[Pool[str, Pair]]:
    made: Pool[str, Pair] = Pool(start=maker.start, most=2, room=lambda: maker.room)
    yield made
    maker.hold.set()
    made.close()
    assert all(pair.destroyed == 1 for pair in maker.made), "every pair is let go of exactly once"


def test_nothing_waits_at_first(pool: Pool[str, Pair]) -> None:
    assert pool.take("a") is None


def test_pair_that_serves_again_is_given_to_the_next_of_its_kind_alone(
    pool: Pool[str, Pair], maker: Maker
) -> None:
    pair = maker.start("a")
    pool.give("a", pair)
    assert pool.take("b") is None
    assert pool.take("a") is pair
    assert (pair.finished, pair.destroyed) == (1, 0)
    pool.give("a", pair)


def test_take_waits_for_a_pair_that_is_on_its_way(pool: Pool[str, Pair], maker: Maker) -> None:
    maker.hold.clear()
    pool.prepare("a")
    threading.Timer(0.05, maker.hold.set).start()
    pair = pool.take("a")
    assert pair is maker.made[0]
    pool.give("a", pair)


def test_prepare_starts_one_where_none_waits_and_no_more(pool: Pool[str, Pair], maker: Maker) -> None:
    pool.prepare("a")
    pool.prepare("a")
    pair = pool.take("a")
    assert pair is not None
    assert len(maker.made) == 1
    pool.give("a", pair)


def test_pair_that_is_used_up_is_removed_and_replaced(pool: Pool[str, Pair], maker: Maker) -> None:
    maker.again = False
    old = maker.start("a")
    pool.give("a", old)
    new = pool.take("a")
    assert new is maker.made[1]
    assert (old.destroyed, new.destroyed) == (1, 0)
    pool.give("a", new)


def test_kind_that_was_not_used_for_longest_gives_way(pool: Pool[str, Pair], maker: Maker) -> None:
    for fit in ("a", "b", "c"):
        pool.give(fit, maker.start(fit))
    assert pool.take("b") is not None
    taken = pool.take("c")
    assert taken is not None
    assert pool.take("a") is None
    assert [pair.destroyed for pair in maker.made] == [1, 0, 0]
    pool.give("b", maker.made[1])
    pool.give("c", taken)


def test_kind_that_nobody_asks_for_any_more_is_let_go_of(pool: Pool[str, Pair], maker: Maker) -> None:
    for fit in ("a", "b"):
        pool.give(fit, maker.start(fit))
    assert pool.take("a") is maker.made[0]
    pool.give("a", maker.made[0])
    assert pool.take("b") is maker.made[1]
    pool.give("b", maker.made[1])
    taken = pool.take("a")
    pool.keep(lambda fit: fit == "a")
    assert pool.take("b") is None
    assert [pair.destroyed for pair in maker.made] == [0, 1]
    assert taken is not None
    pool.give("a", taken)


def test_without_room_nothing_is_kept_and_nothing_started(pool: Pool[str, Pair], maker: Maker) -> None:
    maker.room = False
    pair = maker.start("a")
    pool.give("a", pair)
    pool.prepare("a")
    assert pool.take("a") is None
    assert pair.destroyed == 1
    assert len(maker.made) == 1


def test_pair_that_does_not_start_ahead_of_need_is_not_waited_for_forever(
    pool: Pool[str, Pair], maker: Maker
) -> None:
    maker.broken = True
    pool.prepare("a")
    assert pool.take("a") is None
    maker.broken = False
    pool.prepare("a")
    pair = pool.take("a")
    assert pair is not None, "an error is not the end of the keeping"
    pool.give("a", pair)


def test_pool_of_none_keeps_none(maker: Maker) -> None:
    pool: Pool[str, Pair] = Pool(start=maker.start, most=0)
    pair = maker.start("a")
    pool.give("a", pair)
    pool.prepare("a")
    pool.close()
    assert pair.destroyed == 1
    assert len(maker.made) == 1


def test_pair_given_back_after_the_close_is_removed(maker: Maker) -> None:
    pool: Pool[str, Pair] = Pool(start=maker.start, most=2)
    pair = maker.start("a")
    pool.close()
    pool.give("a", pair)
    assert pair.destroyed == 1
    assert len(maker.made) == 1


def test_pair_that_ended_while_it_waited_is_given_to_nobody(pool: Pool[str, Pair], maker: Maker) -> None:
    pair = maker.start("a")
    pool.give("a", pair)
    assert pool.take("a") is pair
    pool.give("a", pair)
    pool.prepare("b")
    assert pool.take("b") is maker.made[1], "the first waits by now"
    pool.give("b", maker.made[1])
    pair.whole = False
    assert pool.take("a") is None
    assert pair.destroyed == 1


@pytest.mark.parametrize("again", [True, False])
def test_pair_that_cannot_be_removed_is_not_waited_for_forever(
    pool: Pool[str, Pair], maker: Maker, again: bool
) -> None:
    maker.again = again
    pair = maker.start("a")
    pair.broken = True
    pool.give("a", pair)
    if again:
        pool.give("b", maker.start("b"))
        assert pool.take("b") is maker.made[1]
        pool.keep(lambda fit: fit == "b")
        pool.give("b", maker.made[1])
    taken = pool.take("a")
    assert (taken is None) == again
    if taken is not None:
        pool.give("a", taken)
