"""Measures this machine: bare pytest beside this engine, the bridge, and the queue. Writes bench/results.md.

Everything is measured in one run, in turns, since machines drift; the figures are medians.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import figures
import suites

from assessor import jobs, queueserver
from assessor.limits import Limits
from assessor.sandbox.docker import Docker
from assessor.sandbox.protocol import Ended, Event, Finished, Order

ROOT = Path(__file__).resolve().parent.parent

SOLUTION = {"solution.py": suites.SOLUTION}
TRIVIAL = suites.TRIVIAL
PROPERTY = (
    TRIVIAL
    + b"""
import statistics

from hypothesis import given, settings, strategies as st


@settings(max_examples=50, database=None, deadline=None)
@given(st.lists(st.integers(-1000, 1000), min_size=1))
def test_property(values): assert median(values) == statistics.median(values)
"""
)
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


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table; times in milliseconds."""

    name: str
    trivial: float
    with_property: float


def main() -> int:
    """Measure and write; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9, help="runs of each kind")
    parser.add_argument("--jobs", type=int, default=2000, help="empty jobs through the queue")
    asked = parser.parse_args()
    box = Docker(root=ROOT, owner=f"bench-{time.time_ns()}")
    try:
        suites = {"trivial": TRIVIAL, "property": PROPERTY}
        ways: dict[str, Callable[[bytes], float]] = {
            "bare pytest, plugins off": lambda tests: bare(tests, quick=True),
            "bare pytest, as typed": lambda tests: bare(tests, quick=False),
            "this engine, cold: until the last result": lambda tests: cold(box, tests)[0],
            "this engine, cold: until all is removed": lambda tests: cold(box, tests)[1],
        }
        took: dict[tuple[str, str], list[float]] = {}
        for turn in range(asked.runs + 1):
            for suite, tests in suites.items():
                for name, way in ways.items():
                    elapsed = way(tests)
                    if turn:  # the first turn warms caches
                        took.setdefault((name, suite), []).append(elapsed)
        rows = [
            Row(
                name=name,
                trivial=statistics.median(took[name, "trivial"]),
                with_property=statistics.median(took[name, "property"]),
            )
            for name in ways
        ]
        calls = bridge(box)
    finally:
        box.close()
    report = render(rows, calls, queue(asked.jobs), runs=asked.runs)
    figures.write("run", report)
    print("\n".join(report))
    return 0


def bare(tests: bytes, *, quick: bool) -> float:
    """Milliseconds of `python -m pytest` on the learner's own machine."""
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder), {**SOLUTION, "test_it.py": tests})
        environ = {"PATH": "/usr/bin:/bin", "HOME": folder}
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        if quick:
            environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
            if b"hypothesis" in tests:
                command += ["-p", "hypothesis.extra.pytestplugin"]
        begun = time.perf_counter()
        subprocess.run(command, cwd=folder, env=environ, check=True, capture_output=True)
        return (time.perf_counter() - begun) * 1000


def cold(box: Docker, tests: bytes) -> tuple[float, float]:
    """Milliseconds of a run in two fresh containers: until the last result, and until all is removed."""
    begun = time.perf_counter()
    last = begun
    events: list[Event] = []

    def keep(event: Event) -> None:
        nonlocal last
        events.append(event)
        last = time.perf_counter()

    box.run(order(tests), on_event=keep)
    _all_passed(events)
    return (last - begun) * 1000, (time.perf_counter() - begun) * 1000


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


def render(rows: list[Row], calls: Mapping[str, float], per_second: float, *, runs: int) -> list[str]:
    """The section of the file of results."""
    first = rows[0]
    lines = [
        "## The engine alone, and its parts",
        "",
        f"Medians of {runs} runs in turns, on {platform.machine()}, Linux {platform.release()}, Python "
        f"{platform.python_version()}. Written by `script/bench`.",
        "",
        "| from start to result, ms | 5 trivial tests | ratio | with one property | ratio |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        lines.append(
            f"| {row.name} | {row.trivial:.0f} | {row.trivial / first.trivial:.2f} "
            f"| {row.with_property:.0f} | {row.with_property / first.with_property:.2f} |"
        )
    lines += ["", "| over the bridge | µs a call | calls a second |", "| --- | --- | --- |"]
    lines += [f"| {name} | {us:.0f} | {1e6 / us:.0f} |" for name, us in calls.items()]
    return [*lines, "", f"Empty jobs through the queue, one worker: {per_second:.0f} a second."]


def _all_passed(events: list[Event]) -> None:
    failed = [event for event in events if isinstance(event, Finished) and not event.passed]
    if failed or not any(isinstance(event, Ended) for event in events):
        raise SystemExit(f"expected every test of the benchmark to pass, got: {failed}")


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    sys.exit(main())
