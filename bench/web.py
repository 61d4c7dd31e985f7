"""Measures the web process while a class uses it; writes bench/results.md.

    script/bench web                                        three to four minutes
    script/bench web --attempts 200 --for 15 --read 3 --dry     a first look

An `assessor web` process of its own, as it is shipped, over an installation with people, judged attempts and
badges (`stocked`). 100 learners follow live pages (server-sent events) while a worker judges what they hand
in, their command lines poll the API, and pages of every kind are asked for at an even pace (`browsers`). Who
asks, the worker and the web process share this machine's cores.

1. Stock the installation, start the web process.
2. Everybody comes, within `ARRIVE_S`; nothing is measured before they are there.
3. Pages, lists and polls at their pace, several people signing in at once in between.
4. Evidence pages as fast as they come, each once and then again; the followers stay. Once more without them.
5. Peak of the process' memory, from the kernel.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from pathlib import Path

import browsers
import figures
import memory
import psutil
import stocked
from browsers import SIGN_IN, Seen, Site
from figures import Goal
from stocked import People

from assessor import logs
from assessor.settings import LogFormat, Settings

#: What somebody waits for, milliseconds of 95 in 100; evidence pages a second; memory of the process.
P95_MS = 100
READ_RATE = 300
PEAK_BYTES = 250 * 1024**2
MIB = 1024**2

LEARNERS = 100
#: Pages and lists asked for a second, beside 20 polls a second and what learners do as attempts end.
A_SECOND = 20
#: How long each test of the scripted worker takes, seconds: an attempt takes about two.
TEST_S = 0.04
#: Within how many seconds everybody comes; how many sign in at once; how many ask for evidence at once.
ARRIVE_S = 10
AT_ONCE = 8
CONNECTIONS = 32
#: How long the web process may take to answer first.
PATIENCE_S = 60


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was measured.

    Attributes:
        seen: latencies.
        first: evidence pages a second beside the followers, each for the first time.
        read, alone, known: the same again and again: beside the followers, without them, and where who asks
            has the page already.
        used_ms: processor time of the process for each of `alone`.
        started_bytes, peak_bytes: resident memory once it answers, and at most.
        share_bytes: the most of its share (PSS).
        cores: processor time of the process per second, while pages were asked for.
    """

    seen: Seen
    first: float
    read: float
    used_ms: float
    alone: float
    known: float
    started_bytes: int
    peak_bytes: int
    share_bytes: int
    cores: float


def main() -> int:
    """Measure and write; the exit status says whether every goal was held."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attempts", type=int, default=1000, help="attempts that are stored")
    parser.add_argument("--for", type=float, default=60, dest="for_s", help="seconds of pages")
    parser.add_argument("--read", type=float, default=8, dest="read_s", help="seconds of evidence, each way")
    parser.add_argument("--dry", action="store_true", help="print, and leave the file of results alone")
    parser.add_argument("--home", type=Path, help="an empty folder in which the installation stays")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    logs.configure(LogFormat.CONSOLE, level=logging.ERROR)
    if given.worker is not None:
        _work(given.worker)
        return 0
    with tempfile.TemporaryDirectory(prefix="assessor-web-") as name:
        home = given.home or Path(name)
        config = stocked.configured(home, port=_port())
        begun = time.monotonic()
        people = stocked.stock(config, learners=LEARNERS, attempts=given.attempts)
        stocked_s = time.monotonic() - begun
        with _served(config) as process, _worker(config):
            found = asyncio.run(_use(config, people, process, for_s=given.for_s, read_s=given.read_s))
        if found.seen.statuses:
            print(_errors(config), file=sys.stderr)
    held = _judge(found)
    report = render(found, held, given, stocked_s)
    print("\n".join(report))
    if not given.dry:
        figures.write("web", report)
    return 0 if all(goal.held for goal in held) else 1


async def _use(
    config: Settings, people: People, process: psutil.Process, *, for_s: float, read_s: float
) -> Found:
    """Use the site as many do."""
    site = Site(config.web[1], people, lambda name: stocked.upload(config, name))
    started = process.memory_info().rss
    chance = random.Random(2)  # noqa: S311  # the same order each time, no secret
    with memory.watched(lambda: [process.pid]) as most:
        there = [
            asyncio.create_task(act(one, after_s=chance.uniform(0, ARRIVE_S)))
            for one in people.learners
            for act in (site.follow, site.poll)
        ]
        try:
            await _while(there, asyncio.sleep(ARRIVE_S + 2))
            site.seen = Seen()
            used, begun = _processor_s(process), time.perf_counter()
            looked = asyncio.create_task(site.look(a_second=A_SECOND, for_s=for_s))
            for share in (0.3, 0.6):
                await _while(there, asyncio.sleep(max(0.0, begun + share * for_s - time.perf_counter())))
                await site.sign_in(people.learners[:AT_ONCE])
            await _while(there, looked)
            cores = (_processor_s(process) - used) / (time.perf_counter() - begun)
            seen, site.seen = site.seen, Seen()
            first = await site.read(connections=CONNECTIONS, for_s=None)
            read = await site.read(connections=CONNECTIONS, for_s=read_s)
        finally:
            for one in there:
                one.cancel()
            await asyncio.gather(*there, return_exceptions=True)
        used = _processor_s(process)
        alone = await site.read(connections=CONNECTIONS, for_s=read_s)
        used_ms = (_processor_s(process) - used) * 1000 / (alone * read_s)
        known = await site.read(connections=CONNECTIONS, for_s=read_s, known=True)
    seen.statuses.update(site.seen.statuses)
    return Found(
        seen=seen,
        first=first,
        read=read,
        used_ms=used_ms,
        alone=alone,
        known=known,
        started_bytes=started,
        peak_bytes=memory.peak(process.pid),
        share_bytes=most.share,
        cores=cores,
    )


def _judge(found: Found) -> list[Goal]:
    pages, lists = _kinds(found.seen)
    return [
        figures.at_most("pages, p95", _p95(found.seen, pages), P95_MS, unit=" ms"),
        figures.at_most("API, p95", _p95(found.seen, lists), P95_MS, unit=" ms"),
        figures.at_least(
            "evidence pages, while 100 learners follow", found.read, READ_RATE, unit=" a second"
        ),
        figures.at_most("memory of the web process", found.peak_bytes / MIB, PEAK_BYTES / MIB, unit=" MiB"),
        figures.at_most("answers that were not expected", found.seen.statuses.total(), 0),
    ]


def render(found: Found, held: list[Goal], given: argparse.Namespace, stocked_s: float) -> list[str]:
    """The section of the file of results."""
    seen = found.seen
    pages, lists = _kinds(seen)
    rows = [_row(kind, seen.times[kind]) for kind in [*pages, *lists, SIGN_IN]]
    for name, kinds in (("all pages", pages), ("all of the API", lists)):
        rows.append(_row(f"**{name}**", [one for kind in kinds for one in seen.times[kind]]))
    asked = sum(map(len, seen.times.values())) / given.for_s
    wrong = ", ".join(f"{what} ({number} times)" for what, number in sorted(seen.statuses.items()))
    return [
        "## The web process",
        "",
        f"{figures.machine()}. {LEARNERS} learners, {given.attempts:,} stored attempts with signed evidence "
        f"({stocked_s:.0f} s to make). Each learner follows a live page (server-sent events), their command "
        f"lines ask every {browsers.POLLS_S:.0f} s, {A_SECOND} pages and lists of all kinds are asked for a "
        f"second, {AT_ONCE} people sign in at once, twice; {given.for_s:.0f} s. Whoever asks and a worker "
        "run on the same cores. Written by `script/bench web`.",
        "",
        *figures.table(["milliseconds from when it was due", "asked", "p50", "p95", "most"], rows),
        "",
        *figures.table(
            ["evidence pages a second", "requests a second", "ms each"],
            [
                [name, f"{rate:.0f}", f"{1000 / rate:.2f}"]
                for name, rate in (
                    (f"{LEARNERS} learners follow and poll, each page for the first time", found.first),
                    (f"{LEARNERS} learners follow and poll", found.read),
                    ("nobody else", found.alone),
                    ("nobody else, asked by who has them (304)", found.known),
                )
            ],
        ),
        "",
        *figures.goals(held),
        "",
        f"- An evidence page takes {found.used_ms:.2f} ms of a processor.",
        f"- {asked:.0f} requests a second and {seen.streamed / given.for_s:.0f} events of streams took "
        f"{found.cores * 100:.0f} % of a core.",
        f"- Memory: {found.started_bytes / MIB:.0f} MiB once it answers, {found.peak_bytes / MIB:.0f} MiB at "
        f"most (resident; {found.share_bytes / MIB:.0f} MiB by its share), a password's hash of 46 MiB at a "
        "time among it.",
        f"- Evidence is asked for on {CONNECTIONS} kept connections, each from an address of its own, so "
        "that requests are counted as they are for visitors.",
        "- Signing in is no page's: it takes the time of a hash, one after the other.",
        *([f"- Not expected: {wrong}."] if wrong else []),
    ]


def _row(kind: str, times: list[float]) -> list[str]:
    middle, most = (statistics.median(times), max(times)) if times else (0.0, 0.0)
    p95 = figures.percentile(times, 95) if times else 0.0
    return [kind, str(len(times)), f"{middle:.1f}", f"{p95:.1f}", f"{most:.0f}"]


def _kinds(seen: Seen) -> tuple[list[str], list[str]]:
    """Kinds of pages, and of the API."""
    pages = sorted(kind for kind in seen.times if not kind.startswith("API") and kind != SIGN_IN)
    return pages, sorted(kind for kind in seen.times if kind.startswith("API"))


def _p95(seen: Seen, kinds: list[str]) -> float:
    return figures.percentile([one for kind in kinds for one in seen.times[kind]], 95)


async def _while(there: list[asyncio.Task[None]], wanted: Awaitable[None]) -> None:
    """Wait for something; people who stumble meanwhile end it."""
    waiting = asyncio.ensure_future(wanted)
    while not waiting.done():
        done, _ = await asyncio.wait([waiting, *there], return_when=asyncio.FIRST_COMPLETED)
        for one in done - {waiting}:
            one.result()
    await waiting


def _errors(config: Settings) -> str:
    """What the log has of requests that were not answered."""
    said = (config.home / "web.log").read_text(errors="replace")
    return "\n".join(f"{part[:3000]}\n" for part in said.split("\n20") if "was not answered" in part)


def _processor_s(process: psutil.Process) -> float:
    used = process.cpu_times()
    return used.user + used.system


def _port() -> int:
    """A port that is free."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextlib.contextmanager
def _served(config: Settings) -> Iterator[psutil.Process]:
    """The web process, answering."""
    command = [sys.executable, "-m", "assessor", "--home", str(config.home), "--catalog", str(config.catalog)]
    with _process([*command, "web", "--address", f"127.0.0.1:{config.web[1]}"], config) as process:
        over = time.monotonic() + PATIENCE_S
        while True:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", config.web[1]), 5) as asked,
            ):
                asked.sendall(f"GET / HTTP/1.0\r\nHost: 127.0.0.1:{config.web[1]}\r\n\r\n".encode())
                if asked.recv(12).endswith(b"200"):
                    break
            if time.monotonic() > over or not process.is_running():
                said = (config.home / "web.log").read_text(errors="replace")[-3000:]
                raise SystemExit(f"expected the web process to answer; its log ends with:\n{said}")
            time.sleep(0.1)
        yield process


@contextlib.contextmanager
def _worker(config: Settings) -> Iterator[psutil.Process]:
    """A worker with a script in place of a sandbox."""
    command = [sys.executable, str(Path(__file__).resolve()), "--worker", str(config.home)]
    with _process(command, config) as process:
        yield process


@contextlib.contextmanager
def _process(command: list[str], config: Settings) -> Iterator[psutil.Process]:
    with (config.home / "web.log").open("ab") as log:
        made = subprocess.Popen(
            command,
            env=os.environ | stocked.ENVIRON,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield psutil.Process(made.pid)
    finally:
        made.send_signal(signal.SIGTERM)
        try:
            made.wait(20)
        except subprocess.TimeoutExpired:
            made.kill()
            made.wait()


def _work(home: Path) -> None:
    """The worker's process."""
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: over.set())
    stocked.work(stocked.configured(home, port=1), each_s=TEST_S, over=over.is_set)


if __name__ == "__main__":
    sys.exit(main())
