"""Many follow, one reads: what a follower is told, and what following costs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from assessor import testing
from assessor.errors import StoreFault
from assessor.sandbox.protocol import Event, Reason
from assessor.store import Attempt, AttemptState, Kind
from assessor.task import Feedback
from assessor.waiting import Class
from assessor.web import progress, watching
from assessor.web.watching import View, Watch
from tests import awarded

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def attempt(name: str = "a", state: AttemptState = AttemptState.RUNNING, epoch: int = 1) -> Attempt:
    values: dict[str, object] = dict.fromkeys(Attempt.__dataclass_fields__)
    values |= {
        "id": name,
        "submission_id": "s",
        "number": 1,
        "kind": Kind.GRADE,
        "state": state,
        "epoch": epoch,
        "queued_at": NOW,
        "not_before": NOW,
        "queue_class": Class.NORMAL,
        "score": Fraction(0),
    }
    return Attempt(**values)  # type: ignore[arg-type]


class Truth:
    """A store of attempts, and how often it was asked."""

    def __init__(self, **attempts: Attempt) -> None:
        self.attempts = attempts
        self.events = 0
        self.asked = 0
        self.looked = 0
        self.broken = False

    def glance(self, names: Collection[str]) -> Mapping[str, tuple[Attempt, int]]:
        self.asked += 1
        if self.broken:
            raise StoreFault("store: cannot be read: on purpose")
        return {name: (self.attempts[name], self.events) for name in names if name in self.attempts}

    def look(self, found: Attempt) -> View:
        self.looked += 1
        return View(text=f"{found.state} {self.events}", over=progress.is_over(found.state))

    def watch(self, **how: int) -> Watch:
        return Watch(glance=self.glance, look=self.look, tick_s=0.01, **how)

    def end(self) -> None:
        self.attempts = {
            name: replace(one, state=AttemptState.UNJUDGED) for name, one in self.attempts.items()
        }


async def followed(watch: Watch, name: str = "a") -> list[str]:
    return [view.text async for view in watch.follow(name) if view is not None]


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.005)


def test_followers_of_one_attempt_are_told_the_same_by_one_look_each_time_it_changed() -> None:
    truth = Truth(a=attempt())

    async def trip() -> None:
        watch = truth.watch(each=200)
        tasks = [asyncio.create_task(followed(watch)) for _ in range(200)]
        for number in (1, 2):
            await until(lambda: truth.looked == number)
            await asyncio.sleep(0.05)
            truth.events = number
        await until(lambda: truth.looked == 3)
        truth.end()
        found = await asyncio.gather(*tasks)
        assert found == [["running 0", "running 1", "running 2", "unjudged 2"]] * 200
        assert watch.followers == 0

    asyncio.run(asyncio.wait_for(trip(), 60))
    assert truth.looked == 4


def test_nobody_follows_and_nothing_is_asked() -> None:
    truth = Truth(a=attempt(state=AttemptState.JUDGED))

    async def trip() -> int:
        watch = truth.watch()
        assert await followed(watch) == ["judged 0"]
        await asyncio.sleep(0.1)
        asked = truth.asked
        await asyncio.sleep(0.2)
        return truth.asked - asked

    assert asyncio.run(asyncio.wait_for(trip(), 60)) == 0


def test_who_goes_away_is_forgotten() -> None:
    truth = Truth(a=attempt())

    async def trip() -> None:
        watch = truth.watch()
        views = watch.follow("a")
        await anext(views)
        assert watch.followers == 1
        await views.aclose()  # type: ignore[attr-defined]
        assert watch.followers == 0

    asyncio.run(asyncio.wait_for(trip(), 60))


@pytest.mark.parametrize("how", [{"most": 1}, {"each": 1}])
def test_one_too_many_is_shown_how_things_are_and_let_go(how: dict[str, int]) -> None:
    truth = Truth(a=attempt())

    async def trip() -> None:
        watch = truth.watch(**how)
        first = asyncio.create_task(followed(watch))
        await until(lambda: truth.looked == 1)
        assert await followed(watch) == ["running 0"]
        assert not first.done()
        truth.end()
        await first

    asyncio.run(asyncio.wait_for(trip(), 60))


def test_store_that_cannot_be_read_lets_followers_go_and_is_asked_again_by_the_next() -> None:
    truth = Truth(a=attempt())

    async def trip() -> None:
        watch = truth.watch()
        first = asyncio.create_task(followed(watch))
        await until(lambda: truth.looked == 1)
        truth.broken = True
        assert await first == ["running 0"]
        truth.broken = False
        truth.end()
        assert await followed(watch) == ["unjudged 0"]

    asyncio.run(asyncio.wait_for(trip(), 60))


def test_attempt_that_is_gone_ends_the_following() -> None:
    assert asyncio.run(asyncio.wait_for(followed(Truth().watch()), 60)) == []


def test_silence_is_broken_so_that_the_connection_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "BEAT_S", 0.05)
    truth = Truth(a=attempt())

    async def trip() -> None:
        views = truth.watch().follow("a")
        assert await anext(views) == View(text="running 0", over=False)
        assert await anext(views) is None

    asyncio.run(asyncio.wait_for(trip(), 60))


# What may be seen meanwhile.

IDS = [f"test_median.py::test_odd[{at}]" for at in range(6)]


def seen(
    *events: Event, visible: Feedback = Feedback.FULL, hidden: Feedback = Feedback.COUNTS
) -> progress.Progress:
    frozen = awarded.frozen()
    policy = replace(frozen.task.policy, visible=visible, hidden=hidden)
    frozen = replace(frozen, task=replace(frozen.task, policy=policy))
    return progress.progress(attempt(), frozen, events, place=None)


def test_hidden_tests_that_finish_change_nothing_that_is_seen() -> None:
    begun = seen(testing.collected(*IDS), testing.finished(IDS[0]))
    later = seen(testing.collected(*IDS), *(testing.finished(name) for name in IDS))
    assert begun == later
    assert (later.done, later.visible, later.hidden) == (1, 1, 5)


def test_visible_test_that_failed_in_any_part_has_failed() -> None:
    bad = testing.finished(IDS[0], passed=False, reason=Reason.TIMEOUT)
    for events in ([testing.finished(IDS[0]), bad], [bad, testing.finished(IDS[0])]):
        (test,) = seen(*events).tests
        assert (test.passed, test.reason) == (False, Reason.TIMEOUT)


@pytest.mark.parametrize(
    ("visible", "hidden", "told"),
    [
        (Feedback.COUNTS, Feedback.COUNTS, (0, 1, 1, 5)),
        (Feedback.NONE, Feedback.COUNTS, (0, None, None, 5)),
        (Feedback.FULL, Feedback.NONE, (1, 1, 1, None)),
    ],
)
def test_policy_says_what_is_seen(
    visible: Feedback, hidden: Feedback, told: tuple[int, int | None, int | None, int | None]
) -> None:
    found = seen(testing.finished(IDS[0]), visible=visible, hidden=hidden)
    assert (len(found.tests), found.done, found.visible, found.hidden) == told
