"""What makes the web process quick leaves what it answers as it is."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from assessor import blobs, judging, passwords
from assessor.errors import AccountRefused, NotFound
from assessor.waiting import Rate
from assessor.web.address import Site
from assessor.web.context import Reread
from assessor.web.hashing import NICE, Hashing
from assessor.web.headers import FIXED, Secured
from assessor.web.pace import Pace
from assessor.web.throttle import Throttle
from tests import small

SITE = Site(url="https://learn.example", hosts=frozenset({"learn.example"}))


class Timer:
    """Stands until it is set."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def test_catalog_is_looked_at_again_after_a_while_alone(tmp_path: Path) -> None:
    tasks, timer, loaded = small.write_catalog(tmp_path), Timer(), []

    def load() -> Any:
        loaded.append(tasks)
        return tasks

    reread = Reread(load, tmp_path, ("tasks",), every_s=1.0, timer=timer)
    assert reread() is tasks
    (tmp_path / "tasks/sum/README.md").write_text("# Other\n")
    timer.at += 0.9
    reread()
    assert len(loaded) == 1
    timer.at += 0.2
    reread()
    assert len(loaded) == 2
    timer.at += 1.1
    reread()
    assert len(loaded) == 2, "nothing changed since"


def test_frozen_task_is_parsed_once_and_missed_when_it_is_gone(tmp_path: Path) -> None:
    bench = small.make_bench(tmp_path, None, tasks=small.write_catalog(tmp_path / "catalog"))
    submission, _ = bench.submit()
    first = judging.thaw(submission.snapshot, bench.parts)
    assert judging.thaw(submission.snapshot, bench.parts) is first
    bench.parts.blobs.remove(submission.snapshot)
    with pytest.raises(NotFound, match="expected a blob"):
        judging.thaw(submission.snapshot, bench.parts)
    bench.parts.store.close()


def test_frozen_tasks_of_another_store_are_read_from_it(tmp_path: Path) -> None:
    bench = small.make_bench(tmp_path, None, tasks=small.write_catalog(tmp_path / "catalog"))
    submission, _ = bench.submit()
    first = judging.thaw(submission.snapshot, bench.parts)
    other = blobs.Blobs.open(tmp_path / "blobs")
    assert judging.parsed(other, submission.snapshot) is not first
    bench.parts.store.close()


@pytest.mark.parametrize("name", ["Cache-Control", "cache-control"])
def test_answer_keeps_its_own_header_and_gets_the_others_once(name: str) -> None:
    sent = answered([(name.encode(), b"public"), (b"X-Request-Id", b"mine")])
    names = [key for key, _ in sent]
    assert sorted(names) == sorted({*(one.lower().encode() for one in FIXED), *HEADERS})
    assert dict(sent)[b"cache-control"] == b"public"
    assert dict(sent)[b"x-request-id"] != b"mine"


def test_places_are_those_of_a_moment_ago_and_of_whoever_came_since(tmp_path: Path) -> None:
    bench = small.make_bench(tmp_path, None, tasks=small.write_catalog(tmp_path / "catalog"))
    store = bench.parts.store
    _, first = bench.submit(learner="ada")
    _, second = bench.submit(learner="ben")
    kept, fresh = (Pace(bench.parts, every_s=every_s) for every_s in (3600.0, 0.0))
    for pace in (kept, fresh):
        found = pace.place(second.id)
        assert found is not None
        assert (found.position, found.workers) == (2, 0)
        assert found == store.place(second.id, workers=0)
    store.heartbeat("worker", host="here", pid=1, doing="", now=bench.clock())
    store.claim(worker="worker", lease_s=30, now=bench.clock(), starve_s=600)
    _, third = bench.submit(learner="cy")
    places = [pace.place(one.id) for pace in (kept, fresh) for one in (second, third)]
    assert [(one.position, one.workers) for one in places if one is not None] == [
        *((2, 0), (2, 0)),  # the third is looked for by itself
        *((1, 1), (2, 1)),
    ]
    assert fresh.place(first.id) is None, "a worker has it"
    with pytest.raises(NotFound):
        kept.place("nobody's")
    store.close()


def test_places_in_one_look_are_those_that_each_has_alone(tmp_path: Path) -> None:
    bench = small.make_bench(tmp_path, None, tasks=small.write_catalog(tmp_path / "catalog"))
    waiting = [bench.submit(learner=name)[1] for name in ("ada", "ben", "cy", "dee")]
    pace = Pace(bench.parts, every_s=3600.0)
    for one in waiting:
        assert pace.place(one.id) == bench.parts.store.place(one.id, workers=0)
    bench.parts.store.close()


def test_hash_is_made_by_a_thread_that_gives_way_alone() -> None:
    hashing = Hashing()
    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    at, thread = hashing(
        lambda: (os.getpriority(os.PRIO_PROCESS, threading.get_native_id()), threading.get_ident())
    )
    assert at == max(before, NICE)
    assert thread != threading.get_native_id()
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before
    kept = hashing(passwords.hashed, "correct horse battery")
    assert hashing(passwords.check, kept, "correct horse battery")
    with pytest.raises(AccountRefused):
        hashing(passwords.hashed, "short")


HEADERS = (b"x-request-id", b"strict-transport-security")


def answered(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers of an answer that was made with these."""
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(headers)})

    async def receive() -> Message:
        raise AssertionError("nothing is received")

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "headers": []}
    asyncio.run(Secured(app, SITE)(scope, receive, send))
    found: list[tuple[bytes, bytes]] = sent[0]["headers"]
    return found


def test_counts_in_a_server_are_not_counted_as_own() -> None:
    rate = Rate(count=1, per_s=60)
    assert Throttle(reads=rate).own
    assert not Throttle(reads=rate, redis_url="redis://127.0.0.1:1").own
