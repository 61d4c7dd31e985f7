"""The trip without its sandbox: what the queue, the store, scoring, signing and publishing take of a job.

Comes in: a suite. Goes out: milliseconds of wall and of processor a job, everything real but the sandbox,
which says at once that all tests passed. One worker in this process, jobs one after the other.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import installation
import redis
import suites

from assessor import jobs, pipeline, queueserver, testing


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of one job, milliseconds; of one queued job, bytes.

    Attributes:
        wall_ms: of a worker, from one job to the next, the queue's part included.
        cpu_ms: the same worker's processor time.
        verdict_ms: from the start of a job until its verdict is stored; median.
    """

    wall_ms: float
    cpu_ms: float
    verdict_ms: float


def cost(home: Path, suite: suites.Suite, *, number: int = 100) -> Cost:
    """What a job of this suite takes beside its sandbox."""
    with installation.make(home, isolation="container") as place, _queue(home) as url:
        box = testing.FakeSandbox(testing.all_pass(suite.ids))
        parts = dataclasses.replace(place.parts, sandbox=box)
        verdicts: list[float] = []

        def assess(attempt: str, epoch: int) -> None:
            begun = time.perf_counter()
            pipeline.assess(attempt, epoch, parts)
            verdicts.append((place.concluded_at - begun) * 1000)

        for part in (10, number):  # the first ones warm caches
            for one in range(part):
                place.submit(suite.name, learner=f"learner-{part}-{one}")
            verdicts.clear()
            wall, cpu = time.perf_counter(), time.process_time()
            jobs.work(url=lambda: url, assess=assess, burst=True)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        place.drained()
        return Cost(
            wall_ms=wall * 1000 / number, cpu_ms=cpu * 1000 / number, verdict_ms=statistics.median(verdicts)
        )


def queued_bytes(home: Path, *, number: int = 2000) -> float:
    """The queue server's memory for each job that waits."""
    with _queue(home) as url:
        server = redis.Redis.from_url(url)
        before = int(server.info("memory")["used_memory"])
        ring = jobs.Ring(url)
        ring.ring_all((f"bench{one:015}", 1) for one in range(number))
        after = int(server.info("memory")["used_memory"])
        ring.close()
        server.close()
    return (after - before) / number


@contextmanager
def _queue(home: Path) -> Iterator[str]:
    home.mkdir(parents=True, exist_ok=True)
    try:
        yield queueserver.ensure(home)
    finally:
        queueserver.stop(home)
