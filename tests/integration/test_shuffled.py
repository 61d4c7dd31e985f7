"""Tests in another order: the files' and the tests' in them, with the visible ones still first."""

from __future__ import annotations

from assessor.limits import Limits
from assessor.sandbox.protocol import Collected, End, Ended, Event, Finished, Order
from assessor.sandbox.unsafe_local import UnsafeLocal

SOLUTION = b"""
import time
MADE = []
def make(x): MADE.append(x); return MADE
def slow(): time.sleep(0.3); return 1
"""
TESTS = {
    f"test_{file}.py": b"import pytest\nfrom solution import MADE, make, slow\n"
    b"@pytest.mark.visible\ndef test_seen(): assert len(MADE) == 0\n"
    + b"".join(b"def test_%d(): assert %d in make(%d)\n" % (n, n, n) for n in range(5))
    for file in "abc"
}


def run(tests: dict[str, bytes], shuffle: int | None) -> list[Event]:
    order = Order(
        attempt="a",
        epoch=1,
        profile="python",
        limits=Limits(),
        bundle={"solution.py": SOLUTION},
        tests=tests,
        modules=["solution"],
        seed=1,
        shuffle=shuffle,
    )
    events: list[Event] = []
    assert UnsafeLocal().run(order, on_event=events.append).end is End.COMPLETE
    return events


def ran(shuffle: int | None) -> list[str]:
    finished = [event for event in run(TESTS, shuffle) if isinstance(event, Finished)]
    assert [event.id for event in finished if not event.passed] == []
    return [event.id for event in finished]


def test_order_follows_the_seed_and_files_stay_together() -> None:
    plain, one, again, other = ran(None), ran(1), ran(1), ran(2)
    assert one == again
    assert len({tuple(plain), tuple(one), tuple(other)}) == 3
    assert sorted(plain) == sorted(one) == sorted(other)
    for order in (one, other):
        assert {name.partition("::")[2] for name in order[:3]} == {"test_seen"}
        files = [name.partition("::")[0] for name in order[3:]]
        assert len([at for at in range(1, len(files)) if files[at] != files[at - 1]]) == 2


def test_collection_is_told_in_pytests_own_order() -> None:
    told = [
        [test.id for test in event.tests]
        for shuffle in (None, 7)
        for event in run(TESTS, shuffle)
        if isinstance(event, Collected)
    ]
    assert told[0] == told[1]


def test_longest_call_is_told() -> None:
    tests = {"test_a.py": b"from solution import slow\ndef test_a(): assert slow() + slow() == 2\n"}
    (end,) = [event for event in run(tests, None) if isinstance(event, Ended)]
    assert 300 <= end.longest_call_ms < 580
