"""Measures how fast a verdict comes, beside bare pytest and a published library; writes bench/results.md.

    script/bench speed                     all of it, a quarter of an hour
    script/bench speed --rounds 3 --queued 10 --burst 0 --no-rival      a first look

The contenders take turns within each round, so that a machine that drifts drifts for all. What is measured
is the real trip: store, queue, workers as `assessor up` starts them, sandbox, signed evidence on disk.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import deadline
import figures
import installation
import memory
import rival
import rootfs
import suites
import trip
from figures import Goal

from assessor import logs
from assessor.errors import FileInvalid
from assessor.sandbox import engine, images
from assessor.settings import LogFormat

BARE = "bare pytest, plugins off"
TYPED = "bare pytest, as typed"
RIVAL = f"{rival.NAME} {rival.VERSION}"
#: Ways of isolation, the one that counts first.
WAYS = ("cell", "container")
#: What a verdict may take, as a multiple of bare pytest.
WARM = {"trivial": 0.4, "property": 0.5}
COLD, COLD_MORE_MS = 1.6, 250
#: Verdicts a second on two workers, as a multiple of bare pytest in two loops.
RATES = {"cell": {"trivial": 2.0, "property": 1.5}, "container": {"trivial": 0.25, "property": 0.4}}
RIVAL_RATE = 4
IDLE_PAIR_BYTES = 60 * 1024**2
WORKERS = 2
TIMES = "\N{MULTIPLICATION SIGN}"
MIB = 1024**2

Way = Callable[[suites.Suite], float]


@dataclass
class Found:
    """All that was measured.

    Attributes:
        times: milliseconds by contender and suite, one a round.
        rates: verdicts a second by contender and suite.
        goals: what was wanted.
        lines: what is told in words.
    """

    times: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    rates: dict[tuple[str, str], float] = field(default_factory=dict)
    goals: list[Goal] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def main() -> int:
    """Measure and write; the exit status says whether every goal was held."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30, help="runs of each contender and suite")
    parser.add_argument("--queued", type=int, default=100, help="submissions in a full queue")
    parser.add_argument("--burst", type=int, default=500, help="submissions at a deadline; 0 leaves it out")
    parser.add_argument("--isolation", action="append", choices=WAYS, help="measured ways; all by default")
    parser.add_argument("--no-rival", action="store_true", help=f"leave {rival.NAME} out")
    parser.add_argument("--dry", action="store_true", help="print, and leave the file of results alone")
    given = parser.parse_args()
    logs.configure(LogFormat.CONSOLE, level=logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="assessor-speed-") as scratch:
        found = measure(Path(scratch), given)
    report = render(found, given)
    print("\n".join(report))
    if not given.dry:
        figures.write("speed", report)
    return 0 if all(goal.held for goal in found.goals) else 1


def measure(scratch: Path, given: argparse.Namespace) -> Found:
    """All figures.

    1. What there is to measure: isolations that this engine knows, its runtimes, the other library.
    2. Rounds, in turns.
    3. A full queue, one contender after the other, nothing else running.
    4. A deadline, with the isolation that counts.
    5. What needs no contender.
    """
    found = Found()
    bare = rootfs.export(_grader())
    ways = [way for way in given.isolation or WAYS if _known(way, scratch / f"try-{way}", found)]  # 1
    python = None if given.no_rival else _rival(scratch / "rival", found)
    with ExitStack() as stack:
        contenders: dict[str, Way] = {
            BARE: lambda suite: bare.run(suite, quick=True),
            TYPED: lambda suite: bare.run(suite, quick=False),
        }
        for way in ways:
            place = stack.enter_context(
                installation.make(scratch / f"cold-{way}", isolation=way, workers=WORKERS)
            )
            contenders[_cold(way)] = _trips(place.cold)
        for way, runtime in [(way, "runc") for way in ways] + _gvisor(found):
            place = stack.enter_context(
                installation.make(
                    scratch / f"warm-{way}-{runtime}", isolation=way, runtime=runtime, workers=WORKERS
                )
            )
            place.up()
            contenders[_warm(way, runtime)] = _trips(place.warm)
            if way == ways[0] and runtime == "runc":
                found.lines.append(_idle(place, found))
        if python is not None:
            other = stack.enter_context(rival.start(python))
            contenders[RIVAL] = lambda suite: other.run(*_asked(suite), tests=len(suite.ids))
        _rounds(contenders, given.rounds, found)  # 2
    for suite in suites.SUITES:  # 3
        found.rates[BARE, suite.name] = bare.per_second(suite, loops=WORKERS, runs=max(5, given.queued // 4))
        for way in ways:
            home = scratch / f"queue-{way}-{suite.name}"
            with installation.make(home, isolation=way, workers=WORKERS) as place:
                found.rates[way, suite.name] = place.per_second(suite, number=given.queued)
        if python is not None:
            found.rates[RIVAL, suite.name] = rival.per_second(
                python, *_asked(suite), tests=len(suite.ids), loops=WORKERS, runs=max(3, given.queued // 10)
            )
    _judge(found, ways)
    if given.burst and ways:  # 4
        _deadline(scratch / "deadline", ways[0], given.burst, found)
    _alone(scratch, found)  # 5
    return found


def _rounds(contenders: Mapping[str, Way], rounds: int, found: Found) -> None:
    order = list(contenders)
    chance = random.Random(1)  # noqa: S311  a repeatable order, no secret
    for turn in range(rounds + 1):
        chance.shuffle(order)  # who comes after whom differs, so nobody always follows the same one
        for suite in suites.SUITES:
            for name in order:
                took = contenders[name](suite)
                if turn:  # the first round warms caches
                    found.times[name, suite.name].append(took)
        print(f"round {turn} of {rounds}", file=sys.stderr)


def _judge(found: Found, ways: Sequence[str]) -> None:
    """The goals on times and rates."""
    for way in ways:
        for suite in suites.SUITES:
            bare = statistics.median(found.times[BARE, suite.name])
            warm = found.times[_warm(way, "runc"), suite.name]
            cold = found.times[_cold(way), suite.name]
            where = f"{way}, {suite.title}"
            if way == ways[0]:
                middle = statistics.median(warm)
                found.goals += [
                    figures.at_most(f"warm, {where}", middle / bare, WARM[suite.name], unit=f" {TIMES} bare"),
                    figures.at_most(
                        f"warm, {where}, p95",
                        figures.percentile(warm, 95) / middle,
                        2,
                        unit=f" {TIMES} its median",
                    ),
                ]
            found.goals.append(
                figures.at_most(
                    f"cold, {where}", statistics.median(cold), COLD * bare + COLD_MORE_MS, unit=" ms"
                )
            )
            rate = found.rates[way, suite.name]
            found.goals.append(
                figures.at_least(
                    f"full queue, {where}",
                    rate / found.rates[BARE, suite.name],
                    RATES[way][suite.name],
                    unit=f" {TIMES} bare in two loops",
                )
            )
            if way == ways[0] and (RIVAL, suite.name) in found.rates:
                found.goals.append(
                    figures.at_least(
                        f"full queue, {where}",
                        rate / found.rates[RIVAL, suite.name],
                        RIVAL_RATE,
                        unit=f" {TIMES} {rival.NAME}",
                    )
                )


def _deadline(home: Path, way: str, number: int, found: Found) -> None:
    copies = deadline.tasks_needed(number)
    with installation.make(home, isolation=way, workers=WORKERS, copies=copies) as place:
        place.up()
        for suite in suites.SUITES:
            place.warm(suite, learner="first")
        drained = deadline.endure(place, number=number, within_s=10)
    waits = drained.all_waits
    found.lines.append(
        f"{number} submissions handed in within {drained.arriving_s:.0f} s ({way}): {drained.accepted} "
        f"accepted, {drained.refused} sent back by the rules, drained {drained.drained_s:.0f} s after the "
        f"last; wait p50 {statistics.median(waits):.1f} s, p95 {figures.percentile(waits, 95):.1f} s; most "
        f"memory used: {drained.most.host / MIB:.0f} MiB of the host's, {drained.most.share / MIB:.0f} MiB "
        "shared out among our processes."
    )
    found.goals += [
        figures.at_most("deadline: submissions lost", drained.lost, 0),
        figures.at_most(
            "deadline: longest wait of a learner", drained.unfairness, 3, unit=f" {TIMES} the others'"
        ),
    ]


def _alone(scratch: Path, found: Found) -> None:
    suite = suites.SUITES[-1]
    cost = trip.cost(scratch / "trip", suite)
    found.goals += [
        figures.at_most(f"a job without its sandbox, {suite.title}: wall", cost.wall_ms, 25, unit=" ms"),
        figures.at_most("the same: processor of the worker", cost.cpu_ms, 25, unit=" ms"),
        figures.at_most("queue memory a job", trip.queued_bytes(scratch / "queue") / 1024, 2, unit=" KiB"),
    ]
    found.lines.append(
        f"A job without its sandbox ({suite.title}) takes {cost.wall_ms:.1f} ms of a worker, of which "
        f"{cost.verdict_ms:.1f} ms until the verdict is stored."
    )
    if (Path(__file__).parent / "flat.py").exists():
        found.lines.append(importlib.import_module("flat").table())
    else:
        found.lines.append(
            "Cost from 100 to 10,000 submissions: not measured here, bench/flat.py is missing."
        )


def _idle(place: installation.Installation, found: Found) -> str:
    """What waits for work takes: the containers of an installation that has judged and is idle."""
    for suite in suites.SUITES:
        place.warm(suite, learner="first")
    time.sleep(3)  # what is started ahead of need has started
    there = place.containers()
    pairs = len(there) // 2
    if not pairs:
        return "No sandbox waits ahead of need: an idle one has no memory to measure."
    each = memory.share(pid for pids in there.values() for pid in pids) / pairs
    found.goals.append(
        figures.at_most("idle pair, share of memory", each / MIB, IDLE_PAIR_BYTES / MIB, unit=" MiB")
    )
    return f"{pairs} idle pairs wait, {each / MIB:.0f} MiB each."


def _known(way: str, home: Path, found: Found) -> bool:
    try:
        with installation.make(home, isolation=way, workers=WORKERS):
            return True
    except FileInvalid as error:
        found.lines.append(f"`isolation: {way}` is not known to this engine: {error}")
        return False


def _gvisor(found: Found) -> list[tuple[str, str]]:
    api = engine.connect()
    try:
        runtimes = engine.facts(api).runtimes
    finally:
        api.close()
    if "runsc" in runtimes:
        return [("container", "runsc")]
    found.lines.append(f"gVisor is not measured: the engine knows {', '.join(runtimes)} and no runsc.")
    return []


def _rival(folder: Path, found: Found) -> Path | None:
    try:
        python = rival.environment(folder)
        rival.build(_grader())
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", b"") or b""
        found.lines.append(f"{RIVAL} is not measured: {error} {said.decode(errors='replace')[-300:]}")
        return None
    found.lines.append(
        f"{RIVAL}: create, copy, exec of pytest, on the grader's image with its user added; the ten seconds "
        "that it waits for its container to stop are left out, in its favour."
    )
    return python


def _grader() -> str:
    api = engine.connect()
    try:
        kept = images.Images(api, sandboxes=suites.ROOT / "sandboxes", cache=images.cache_folder())
        return kept.get("grader").tag
    finally:
        api.close()


def _asked(suite: suites.Suite) -> tuple[dict[str, bytes], list[str]]:
    return dict(suite.files), ["_hypothesis_pytestplugin"] if suite.hypothesis else []


def _trips(trip_of: Callable[..., float]) -> Way:
    """One trip after the other, each of a learner of its own."""
    made = [0]

    def take(suite: suites.Suite) -> float:
        made[0] += 1
        return trip_of(suite, learner=f"learner-{made[0]}")

    return take


def _cold(way: str) -> str:
    return f"this engine, cold, {way}"


def _warm(way: str, runtime: str) -> str:
    return f"this engine, warm, {way}" + ("" if runtime == "runc" else f", {runtime}")


def render(found: Found, given: argparse.Namespace) -> list[str]:
    """The section of the file of results."""
    names = list(dict.fromkeys(name for name, _ in found.times))
    head = ["from `submit` returning to the verdict stored, ms"]
    for suite in suites.SUITES:
        head += [suite.title, "p95", f"{TIMES} bare"]
    rows = []
    for name in sorted(names, key=_place):
        row = [name]
        for suite in suites.SUITES:
            times = found.times[name, suite.name]
            bare = statistics.median(found.times[BARE, suite.name])
            row += [
                figures.median(times),
                f"{figures.percentile(times, 95):.0f}",
                f"{statistics.median(times) / bare:.2f}",
            ]
        rows.append(row)
    rates = []
    for name in dict.fromkeys(name for name, _ in found.rates):
        row = [name if name in (BARE, RIVAL) else f"this engine, {name}"]
        for suite in suites.SUITES:
            rate = found.rates[name, suite.name]
            row += [f"{rate:.1f}", f"{rate / found.rates[BARE, suite.name]:.2f}"]
        rates.append(row)
    rate_head = ["verdicts a second, full queue, two at a time"]
    for suite in suites.SUITES:
        rate_head += [suite.title, f"{TIMES} bare"]
    return [
        "## Speed",
        "",
        f"{figures.machine()}. Medians of {given.rounds} rounds in turns; {WORKERS} workers; a full queue "
        f"holds {given.queued}. Written by `script/bench speed`.",
        "",
        *figures.table(head, rows),
        "",
        *figures.table(rate_head, rates),
        "",
        *figures.goals(found.goals),
        "",
        *(f"- {line}" for line in found.lines),
    ]


def _place(name: str) -> tuple[int, str]:
    first = (BARE, TYPED)
    return (first.index(name), "") if name in first else (len(first) + (name == RIVAL), name)


if __name__ == "__main__":
    sys.exit(main())
