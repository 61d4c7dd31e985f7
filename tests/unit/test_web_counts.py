"""Counting in memory: when there is no room, when there is again, and what is kept."""

from __future__ import annotations

import pytest

from assessor.waiting import Rate
from assessor.web import counts
from assessor.web.counts import Counts

RATE = Rate(count=4, per_s=60)


class Clock:
    """Stands until it is set; a window begins at 6000."""

    def __init__(self) -> None:
        self.at = 6000.0

    def __call__(self) -> float:
        return self.at


def test_room_comes_back_when_it_was_said_to() -> None:
    clock = Clock()
    counting = Counts(clock)
    assert [counting.over("any", RATE, "a") for _ in range(4)] == [None] * 4
    again = counting.over("any", RATE, "a")
    assert again is not None
    assert again > clock.at
    clock.at = again - 0.1
    assert counting.over("any", RATE, "a") == pytest.approx(again)
    clock.at = again + 0.1
    assert counting.over("any", RATE, "a") is None
    assert counting.over("any", RATE, "a") is not None


def test_window_before_counts_as_far_as_it_reaches() -> None:
    clock = Clock()
    counting = Counts(clock)
    for _ in range(4):
        counting.over("any", RATE, "a")
    clock.at = 6090.0
    assert [counting.over("any", RATE, "a") for _ in range(2)] == [None, None]
    assert counting.over("any", RATE, "a") == pytest.approx(6105.0)
    clock.at = 6400.0
    assert [counting.over("any", RATE, "a") for _ in range(4)] == [None] * 4, "long ago"


def test_each_name_and_bucket_has_a_count_of_its_own() -> None:
    counting = Counts(Clock())
    one = Rate(count=1, per_s=60)
    assert counting.over("any", one, "a") is None
    assert counting.over("any", one, "b") is None
    assert counting.over("writes", one, "a") is None
    assert counting.over("any", one, "a") is not None


def test_who_does_not_come_again_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "ROWS", 10)
    clock = Clock()
    counting = Counts(clock)
    for number in range(9):
        counting.over("any", RATE, f"{number}")
    clock.at += 121
    for number in range(20, 23):
        counting.over("any", RATE, f"{number}")
    assert len(counting) <= 3
