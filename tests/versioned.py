"""An installation whose task is edited: what the tests of regrades build on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from assessor import catalog, pipeline, regraded, regrading, settling, testing
from assessor.sandbox.protocol import End, Ended, Event, Order
from assessor.store import AttemptState
from tests import honours, small
from tests.small import IDS, Bench

TESTS = "tasks/sum/tests/test_sum.py"


def script(order: Order) -> Iterable[Event | End | BaseException]:
    """As many tests pass as the solution says, one fewer where the tests are strict, one more where mild."""
    number = int(order.bundle["solution.py"].split()[1])
    tests = order.tests["test_sum.py"]
    number += tests.count(b"# mild") - tests.count(b"# strict")
    if number < -5:
        yield RuntimeError("the engine is away")
        return
    yield testing.collected(*IDS)
    for at, name in enumerate(IDS):
        yield testing.finished(name, passed=at < number)
    yield Ended(wall_ms=1, processes=1)


def make_bench(root: Path) -> Bench:
    """An installation that awards, with that script; its store is the caller's to close."""
    bench = honours.make_bench(root)
    bench.parts = replace(bench.parts, sandbox=testing.FakeSandbox(script, isolation="cell"))
    return bench


def edit(bench: Bench, more: str, *, version: str | None = None) -> None:
    """Add a line to the tests and lock them, under another version where one is named."""
    root = bench.tasks.root
    with (root / TESTS).open("a") as file:
        file.write(f"\n{more}\n")
    if version is not None:
        path = root / "tasks/sum/task.yaml"
        lines = path.read_text().splitlines(keepends=True)
        lines[1] = f'version: "{version}"\n'
        path.write_text("".join(lines))
    small.lock(root)
    bench.tasks = catalog.load(root)


def start(bench: Bench, judged_with: str | None = None, *attempts: str) -> regrading.Started:
    """Start a regrade of the task, or go on with it."""
    return regrading.start(
        "sum",
        bench.tasks,
        bench.parts,
        ring=lambda attempt, epoch: bench.rung.append((attempt, epoch)),
        judged_with=judged_with,
        attempts=attempts,
    )


def work(bench: Bench) -> list[AttemptState]:
    """Judge all that waits; the states that it was left in."""
    done = []
    while (state := pipeline.assess("", 1, bench.parts)) is not None:
        done.append(state)
        bench.clock.move(seconds=60)
    settling.settle(bench.parts)
    return done


def shown(bench: Bench) -> dict[str, str]:
    """How each learner's result changes by the open regrade."""
    return {str(one.learner): one.change.value for one in regraded.show("sum", bench.parts).compared}


def verdicts(bench: Bench) -> dict[str, tuple[str | None, int]]:
    """What counts of each learner: the verdict, and the number of the attempt."""
    return {
        str(one.learner): (one.attempt.verdict, one.attempt.number)
        for one in bench.parts.store.results("sum")
    }
