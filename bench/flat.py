"""Measures what one submission costs beside few and beside many others, stored and queued.

    python bench/flat.py --sizes 100 1000 10000 --rounds 60

For each size an installation of its own is filled by SQL: so many submissions judged, and as many queued with
a job each. Then, in turns, since machines drift, each is asked to hand one in (intake, blobs, rows, bell) and
to take the next one and judge it to its signed evidence (the tests follow a script). The figures are medians;
growth is the last size's against the first one's. Processor time is told beside the time that passed, which
on a busy machine is mostly waiting for its disk. A sweep, and a look at one's place in the queue, come with
time and with people, not with submissions; what they cost is told as well.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import itertools
import logging
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import chaos
import redis
import rich.console
import rich.table

from assessor import catalog, intake, jobs, payload, pipeline, queueserver, reconcile, testing, wiring
from assessor.logs import configure
from assessor.parts import Parts
from assessor.rows import schema
from assessor.sandbox.protocol import End, Ended, Event, Order
from assessor.settings import LogFormat
from assessor.store import AttemptState
from assessor.waiting import Class

T = TypeVar("T")

#: Submissions of each learner, each for a task of its own: as many as a class hands in before a deadline.
EACH = 4
#: What is measured, in the order of the table.
SUBMIT, JUDGE, SWEEP, STATUS = "hand in", "take and judge", "sweep", "place in the queue"
PASSED, PROCESSOR = "{}, ms", "{}, processor ms"
MEMORY = "queue memory each, bytes"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figures:
    """What was measured beside so many others.

    Attributes:
        size: submissions stored, and as many queued.
        medians: by name; milliseconds, or bytes for `MEMORY`.
    """

    size: int
    medians: dict[str, float]


def measure(sizes: Sequence[int], rounds: int) -> list[Figures]:
    """The figures of each size, in order."""
    with contextlib.ExitStack() as stack:
        places = [stack.enter_context(_place(size)) for size in sizes]
        chance = random.Random(1)  # noqa: S311  # an order, no secret
        for _ in range(rounds):
            # Whoever follows finds disk and caches as the one before left them.
            for place in chance.sample(places, len(places)):
                place.turn()
        return [
            Figures(
                size=place.size,
                medians={name: statistics.median(found) for name, found in place.times.items()}
                | {MEMORY: place.memory},
            )
            for place in places
        ]


def growth(figures: Sequence[Figures], name: str) -> float:
    """By how much the last size costs more than the first, 0.1 for a tenth."""
    return figures[-1].medians[name] / figures[0].medians[name] - 1


def script(_order: Order) -> Iterator[Event | End | BaseException]:
    """A run that takes no time."""
    yield testing.collected(*chaos.test_ids())
    for name in chaos.test_ids():
        yield testing.finished(name)
    yield Ended(wall_ms=1, processes=1)


class _Place:
    """One installation, and what was measured in it."""

    def __init__(self, home: Path, size: int, parts: Parts, bell: jobs.Ring, server: redis.Redis) -> None:
        self.size = size
        self._home = home
        self._parts = parts
        self._bell = bell
        self._tasks = catalog.load(home / "catalog")
        self._upload = home / "upload"
        self._upload.mkdir()
        (self._upload / "solution.py").write_text(f"PASSING = {chaos.TESTS}")
        self._number = itertools.count()
        self.times: dict[str, list[float]] = {}
        self.memory = self._fill(server)

    def turn(self) -> None:
        """Everything once."""
        attempt = self._timed(SUBMIT, self._submit)
        self._timed(JUDGE, lambda: pipeline.assess(attempt, 1, self._parts))
        self._timed(SWEEP, lambda: reconcile.sweep(self._parts.store, self._bell, now=self._parts.clock()))
        self._timed(STATUS, lambda: self._parts.store.place(f"queued-{self.size - 1}", workers=2))

    def _submit(self) -> str:
        _, attempt, _ = pipeline.submit(
            self._upload,
            task_id="one",
            learner=f"new-{next(self._number)}",
            tasks=self._tasks,
            spool=self._home / "spool",
            parts=self._parts,
            ring=self._bell.ring,
        )
        return attempt.id

    def _timed(self, name: str, action: Callable[[], T]) -> T:
        passed, used = time.perf_counter(), time.process_time()
        made = action()
        passed, used = time.perf_counter() - passed, time.process_time() - used
        self.times.setdefault(PASSED.format(name), []).append(passed * 1000)
        self.times.setdefault(PROCESSOR.format(name), []).append(used * 1000)
        return made

    def _fill(self, server: redis.Redis) -> float:
        """Rows and jobs of those that were there before; bytes of a job."""
        frozen = catalog.freeze(self._tasks, "one")
        self._parts.blobs.put(frozen.data)
        bundle = intake.receive(
            self._upload, rules=self._tasks.task("one").submission, spool=self._home / "spool"
        ).bundle
        self._parts.blobs.put(bundle.data)
        now = self._parts.clock() - timedelta(seconds=60)
        names = [f"{state}-{number}" for state in ("judged", "queued") for number in range(self.size)]
        learners = [f"learner-{number}" for number in range(-(-self.size // EACH))]
        common = {"number": 1, "kind": "grade", "faults": 0, "lost": 0, "epoch": 1, "not_before": now}
        with self._parts.store.writing() as connection:
            connection.execute(
                schema.learners.insert(), [{"id": name, "name": name, "salt": bytes(16)} for name in learners]
            )
            connection.execute(
                schema.submissions.insert(),
                [
                    {
                        "id": f"s-{name}",
                        "learner_id": learners[number % len(learners)],
                        "task_id": f"other-{number % self.size // len(learners)}",
                        "task_version": "1.0",
                        "task_digest": frozen.digest,
                        "snapshot": frozen.digest,
                        "bundle": bundle.digest,
                        "received_at": now,
                    }
                    for number, name in enumerate(names)
                ],
            )
            judged, queued = names[: self.size], names[self.size :]
            connection.execute(
                schema.attempts.insert(),
                [
                    common
                    | {
                        "id": name,
                        "submission_id": f"s-{name}",
                        "state": AttemptState.JUDGED,
                        "events": 1,
                        "run_epoch": 1,
                        "queued_at": now,
                        "started_at": now,
                        "finished_at": now,
                        "verdict": "passed",
                        "score": Fraction(1),
                        "queue_class": Class.NORMAL,
                        "turn": number // len(learners),
                    }
                    for number, name in enumerate(judged)
                ],
            )
            connection.execute(
                schema.attempts.insert(),
                [
                    common
                    | {
                        "id": name,
                        "submission_id": f"s-{name}",
                        "state": AttemptState.QUEUED,
                        "events": 0,
                        "queued_at": now,
                        "queue_class": Class.NORMAL,
                        "turn": EACH + number // len(learners),
                    }
                    for number, name in enumerate(queued)
                ],
            )
            connection.execute(
                schema.runs.insert(),
                [{"attempt_id": name, "epoch": 1, "body": b"{}", "finished_at": now} for name in judged],
            )
            connection.execute(
                schema.events.insert(),
                [
                    {"attempt_id": name, "epoch": 1, "position": position, "body": b"{}"}
                    for name in judged
                    for position in range(1, chaos.TESTS + 1)
                ],
            )
            connection.execute(
                schema.evidence.insert(),
                [
                    {
                        "attempt_id": name,
                        "record": f"record-{name}",
                        "run": f"run-{name}",
                        "envelope": f"envelope-{name}",
                        "key_id": self._parts.signer.key_id,
                    }
                    for name in judged
                ],
            )
        self._bell.ring_all((name, 1) for name in queued)
        listed = server.memory_usage(f"rq:queue:{jobs.QUEUE}", samples=0)
        jobs_bytes = [server.memory_usage(f"rq:job:{payload.job_id(name, 1)}", samples=0) for name in queued]
        return sum(jobs_bytes, listed) / self.size


@contextlib.contextmanager
def _place(size: int) -> Iterator[_Place]:
    with tempfile.TemporaryDirectory(prefix="assessor-flat-") as name:
        home = Path(name)
        plan = chaos.Plan(home=home, count=0, workers=0, seed=0, every=0, lease_s=60, sweep_s=1, fake=True)
        chaos.write_catalog(home / "catalog")
        url = queueserver.ensure(home)
        try:
            with (
                wiring.parts(plan.settings, boxed=False) as real,
                contextlib.closing(jobs.Ring(url)) as bell,
                redis.Redis.from_url(url) as server,
            ):
                parts = dataclasses.replace(real, sandbox=testing.FakeSandbox(script))
                yield _Place(home, size, parts, bell, server)
        finally:
            queueserver.stop(home)


def show(figures: Sequence[Figures], say: rich.console.Console) -> None:
    """The figures, as a table."""
    table = rich.table.Table(title="cost of one submission beside so many stored and as many queued")
    table.add_column("what")
    for one in figures:
        table.add_column(f"{one.size:,}", justify="right")
    table.add_column("growth", justify="right")
    for name in figures[0].medians:
        cells = [
            f"{one.medians[name]:,.0f}" if name is MEMORY else f"{one.medians[name]:.2f}" for one in figures
        ]
        table.add_row(name, *cells, f"{growth(figures, name):+.0%}")
    say.print(table)


def main() -> int:
    """Parse, measure, show."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--rounds", type=int, default=60)
    given = parser.parse_args()
    # A line in the log for each submission would be measured too.
    configure(LogFormat.CONSOLE, level=logging.ERROR)
    show(measure(given.sizes, given.rounds), rich.console.Console())
    return 0


if __name__ == "__main__":
    sys.exit(main())
