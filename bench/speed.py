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
import statistics
import sys
import tempfile
from pathlib import Path

import contest
import deadline
import figures
import installation
import rival
import suites
import trip
from contest import BARE, RIVAL, TYPED, WAYS, WORKERS, Found
from figures import Goal

from assessor import logs
from assessor.settings import LogFormat

#: What a verdict may take, as a multiple of bare pytest.
WARM = {"trivial": 0.4, "property": 0.5}
COLD, COLD_MORE_MS = 1.6, 250
#: Verdicts a second on two workers, as a multiple of bare pytest in two loops.
RATES = {"cell": {"trivial": 2.0, "property": 1.5}, "container": {"trivial": 0.25, "property": 0.4}}
RIVAL_RATE = 4
IDLE_PAIR_BYTES = 60 * 1024**2
TIMES = "\N{MULTIPLICATION SIGN}"
MIB = 1024**2


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
    with tempfile.TemporaryDirectory(prefix="assessor-speed-") as name:
        scratch = Path(name)
        found = contest.hold(
            scratch,
            ways=given.isolation or WAYS,
            rounds=given.rounds,
            queued=given.queued,
            with_rival=not given.no_rival,
        )
        held = _judge(found)
        if given.burst and found.ways:
            held += _deadline(scratch / "deadline", given.burst, found)
        held += _alone(scratch, found)
        flat, grown = _flat(found)
        held += grown
    report = render(found, held, flat, given)
    print("\n".join(report))
    if not given.dry:
        figures.write("speed", report)
    return 0 if all(goal.held for goal in held) else 1


def _judge(found: Found) -> list[Goal]:
    """The goals on times and rates."""
    goals = []
    for way in found.ways:
        for suite in suites.SUITES:
            bare = statistics.median(found.times[BARE, suite.name])
            warm = found.times[contest.warm(way), suite.name]
            cold = found.times[contest.cold(way), suite.name]
            where = f"{way}, {suite.title}"
            if way == found.ways[0]:
                middle = statistics.median(warm)
                goals += [
                    figures.at_most(f"warm, {where}", middle / bare, WARM[suite.name], unit=f" {TIMES} bare"),
                    figures.at_most(
                        f"warm, {where}, p95",
                        figures.percentile(warm, 95) / middle,
                        2,
                        unit=f" {TIMES} its median",
                    ),
                ]
            goals.append(
                figures.at_most(
                    f"cold, {where}", statistics.median(cold), COLD * bare + COLD_MORE_MS, unit=" ms"
                )
            )
            rate = found.rates[way, suite.name]
            goals.append(
                figures.at_least(
                    f"full queue, {where}",
                    rate / found.rates[BARE, suite.name],
                    RATES[way][suite.name],
                    unit=f" {TIMES} bare in two loops",
                )
            )
            if way == found.ways[0] and (RIVAL, suite.name) in found.rates:
                goals.append(
                    figures.at_least(
                        f"full queue, {where}",
                        rate / found.rates[RIVAL, suite.name],
                        RIVAL_RATE,
                        unit=f" {TIMES} {rival.NAME}",
                    )
                )
    if found.idle_pair_bytes is not None:
        goals.append(
            figures.at_most(
                "idle pair, share of memory", found.idle_pair_bytes / MIB, IDLE_PAIR_BYTES / MIB, unit=" MiB"
            )
        )
    return goals


def _deadline(home: Path, number: int, found: Found) -> list[Goal]:
    """Hundreds at once, with the isolation that counts."""
    way = found.ways[0]
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
    return [
        figures.at_most("deadline: submissions lost", drained.lost, 0),
        figures.at_most(
            "deadline: longest wait of a learner", drained.unfairness, 3, unit=f" {TIMES} the others'"
        ),
    ]


def _alone(scratch: Path, found: Found) -> list[Goal]:
    """What needs no contender."""
    suite = suites.SUITES[-1]
    cost = trip.cost(scratch / "trip", suite)
    found.lines.append(
        f"A job without its sandbox ({suite.title}) takes {cost.wall_ms:.1f} ms of a worker, of which "
        f"{cost.verdict_ms:.1f} ms until the verdict is stored."
    )
    return [
        figures.at_most(f"a job without its sandbox, {suite.title}: wall", cost.wall_ms, 25, unit=" ms"),
        figures.at_most("the same: processor of the worker", cost.cpu_ms, 25, unit=" ms"),
        figures.at_most("queue memory a job", trip.queued_bytes(scratch / "queue") / 1024, 2, unit=" KiB"),
    ]


def _flat(found: Found) -> tuple[list[str], list[Goal]]:
    """What one submission costs beside few and beside many others: a table, and how much it may grow."""
    if not (Path(__file__).parent / "flat.py").exists():
        found.lines.append("Cost from 100 to 10,000 submissions: not measured, bench/flat.py is missing.")
        return [], []
    flat = importlib.import_module("flat")
    measured = flat.measure((100, 1000, 10_000), rounds=60)
    rows, goals = [], []
    for name in measured[0].medians:
        grown = flat.growth(measured, name)
        rows.append([name, *(f"{one.medians[name]:.2f}" for one in measured), f"{grown:+.0%}"])
        # What comes with each submission; a sweep and a look at one's place come with time and with people.
        if name.startswith((flat.SUBMIT, flat.JUDGE)):
            goals.append(
                figures.at_most(f"from 100 to 10,000 submissions: {name}", grown * 100, 10, unit=" % more")
            )
    head = ["one submission beside so many", *(f"{one.size:,}" for one in measured), "growth"]
    return figures.table(head, rows), goals


def render(found: Found, held: list[Goal], flat: list[str], given: argparse.Namespace) -> list[str]:
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
        *([*flat, ""] if flat else []),
        *figures.goals(held),
        "",
        *(f"- {line}" for line in found.lines),
    ]


def _place(name: str) -> tuple[int, str]:
    first = (BARE, TYPED)
    return (first.index(name), "") if name in first else (len(first) + (name == RIVAL), name)


if __name__ == "__main__":
    sys.exit(main())
