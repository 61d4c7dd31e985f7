"""Measures a call over the bridge and an empty job through the queue; writes its part of bench/results.md."""

from __future__ import annotations

import argparse
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import figures
import suites

from assessor import jobs, queueserver
from assessor.limits import Limits
from assessor.sandbox.docker import Docker
from assessor.sandbox.processors import Processors
from assessor.sandbox.protocol import Ended, Event, Finished, Order

ROOT = Path(__file__).resolve().parent.parent

SOLUTION = {"solution.py": suites.SOLUTION}
CALLS = 3000
BRIDGE = f"""
from solution import median, nothing


def test_empty_call():
    for _ in range({CALLS}): nothing()


def test_median_call():
    for _ in range({CALLS}): median([3, 1, 2])


def test_hundred_thousand_floats():
    values = [float(n) for n in range(100_000)]
    for _ in range(10): median(values)
""".encode()


#: What a call may take, microseconds.
GOALS = {"an empty call": 20, "`median([3, 1, 2])`": 70, "a list of 100,000 floats": 10_000}


def main() -> int:
    """Measure and write; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9, help="runs of the calls")
    parser.add_argument("--jobs", type=int, default=2000, help="empty jobs through the queue")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as locks:
        box = Docker(root=ROOT, owner=f"bench-{time.time_ns()}", processors=Processors(Path(locks)))
        try:
            box.prepare(order(BRIDGE))
            turns = [bridge(box) for _ in range(asked.runs)]
        finally:
            box.close()
    calls = {name: statistics.median(turn[name] for turn in turns) for name in turns[0]}
    report = render(calls, queue(asked.jobs), runs=asked.runs)
    figures.write("run", report)
    print("\n".join(report))
    return 0


def bridge(box: Docker) -> Mapping[str, float]:
    """Microseconds per call, by kind."""
    events: list[Event] = []
    box.run(order(BRIDGE), on_event=events.append)
    _all_passed(events)
    took = {event.id.split("::")[1]: event.duration_ms for event in events if isinstance(event, Finished)}
    return {
        "an empty call": took["test_empty_call"] * 1000 / CALLS,
        "`median([3, 1, 2])`": took["test_median_call"] * 1000 / CALLS,
        "a list of 100,000 floats": took["test_hundred_thousand_floats"] * 1000 / 10,
    }


def queue(number: int) -> float:
    """Empty jobs a second through the queue, one worker in this process."""
    home = Path(tempfile.mkdtemp(prefix="assessor-bench-"))
    try:
        url = queueserver.ensure(home)
        ring = jobs.Ring(url)
        ring.ring_all((f"bench{n}", 1) for n in range(number))
        ring.close()
        begun = time.perf_counter()
        jobs.work(url=lambda: url, assess=lambda attempt, epoch: None, burst=True)
        return number / (time.perf_counter() - begun)
    finally:
        queueserver.stop(home)
        shutil.rmtree(home)


def order(tests: bytes) -> Order:
    """An order of these tests on the solution."""
    return Order(
        attempt=f"bench-{time.time_ns()}",
        epoch=1,
        profile="python",
        limits=Limits(wall_s=60, call_s=10),
        bundle=SOLUTION,
        tests={"test_it.py": tests},
        modules=["solution"],
        seed=0,
    )


def render(calls: Mapping[str, float], per_second: float, *, runs: int) -> list[str]:
    """The section of the file of results."""
    lines = [
        "## Calls and jobs",
        "",
        f"Medians of {runs} runs, both sides in cells on one processor, on {platform.machine()}, "
        f"Linux {platform.release()}. Written by `script/bench`.",
        "",
        "| over the bridge | µs a call | goal | calls a second |",
        "| --- | ---: | ---: | ---: |",
    ]
    lines += [f"| {name} | {us:.0f} | {GOALS[name]} | {1e6 / us:.0f} |" for name, us in calls.items()]
    return [*lines, "", f"Empty jobs through the queue, one worker: {per_second:.0f} a second."]


def _all_passed(events: list[Event]) -> None:
    failed = [event for event in events if isinstance(event, Finished) and not event.passed]
    if failed or not any(isinstance(event, Ended) for event in events):
        raise SystemExit(f"expected every test of the benchmark to pass, got: {failed}")


if __name__ == "__main__":
    sys.exit(main())
