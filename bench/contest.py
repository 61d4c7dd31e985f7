"""The contest: who takes part, and their figures taken in turns.

Comes in: how many rounds, how long a queue. Goes out: milliseconds and rates by contender and suite, and in
words who could not take part and why. What figures are wanted is left to `speed`.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import installation
import memory
import rival
import rootfs
import suites

from assessor.errors import FileInvalid
from assessor.sandbox import engine, images

BARE = "bare pytest, plugins off"
TYPED = "bare pytest, as typed"
RIVAL = f"{rival.NAME} {rival.VERSION}"
#: Ways of isolation, the one that counts first.
WAYS = ("cell", "container")
WORKERS = 2

Way = Callable[[suites.Suite], float]


@dataclass
class Found:
    """All that was measured.

    Attributes:
        ways: isolations that this engine knows, the one that counts first.
        times: milliseconds by contender and suite, one a round.
        rates: verdicts a second by contender and suite.
        idle_pair_bytes: share of memory of a sandbox that waits, or None where none does.
        lines: what is told in words.
    """

    ways: list[str] = field(default_factory=list)
    times: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    rates: dict[tuple[str, str], float] = field(default_factory=dict)
    idle_pair_bytes: float | None = None
    lines: list[str] = field(default_factory=list)


def hold(scratch: Path, *, ways: Sequence[str], rounds: int, queued: int, with_rival: bool) -> Found:
    """All figures.

    1. Who takes part: isolations that this engine knows, its runtimes, the other library.
    2. Rounds, in turns.
    3. A full queue, one contender after the other, nothing else running.

    Args:
        scratch: folder for installations.
        ways: isolations to measure, the one that counts first.
        rounds: of each contender and suite.
        queued: submissions in a full queue.
        with_rival: whether the other library takes part.
    """
    found = Found()
    found.ways = [way for way in ways if _known(way, scratch / f"try-{way}", found)]  # 1
    bare = rootfs.export(_grader())
    with _rival(scratch / "rival", found) if with_rival else nullcontext() as python:
        _latencies(scratch, bare, python, rounds, found)  # 2
        _full_queue(scratch, bare, python, queued, found)  # 3
    return found


def cold(way: str) -> str:
    """Name of the contender that has nothing warm."""
    return f"this engine, cold, {way}"


def warm(way: str, runtime: str = "runc") -> str:
    """Name of the contender that is up."""
    return f"this engine, warm, {way}" + ("" if runtime == "runc" else f", {runtime}")


def _latencies(scratch: Path, bare: rootfs.Rootfs, python: Path | None, rounds: int, found: Found) -> None:
    """The time of one verdict, all contenders up at the same time and asked in turns."""
    contenders: dict[str, Way] = {
        BARE: lambda suite: bare.run(suite, quick=True),
        TYPED: lambda suite: bare.run(suite, quick=False),
    }
    with ExitStack() as stack:
        for way in found.ways:
            home = scratch / f"cold-{way}"
            place = stack.enter_context(installation.make(home, isolation=way, workers=WORKERS))
            contenders[cold(way)] = _trips(place.cold)
        for way, runtime in [(way, "runc") for way in found.ways] + _gvisor(found):
            home = scratch / f"warm-{way}-{runtime}"
            place = stack.enter_context(
                installation.make(home, isolation=way, runtime=runtime, workers=WORKERS)
            )
            place.up()
            contenders[warm(way, runtime)] = _trips(place.warm)
            if way == found.ways[0] and runtime == "runc":
                _idle(place, found)
        if python is not None:
            other = stack.enter_context(rival.start(python))
            contenders[RIVAL] = lambda suite: other.run(*_asked(suite), tests=len(suite.ids))
        _rounds(contenders, rounds, found)


def _full_queue(scratch: Path, bare: rootfs.Rootfs, python: Path | None, number: int, found: Found) -> None:
    """Verdicts a second, one contender after the other with the machine to itself."""
    for suite in suites.SUITES:
        name = suite.name
        found.rates[BARE, name] = bare.per_second(suite, loops=WORKERS, runs=max(5, number // 4))
        for way in found.ways:
            home = scratch / f"queue-{way}-{name}"
            with installation.make(home, isolation=way, workers=WORKERS) as place:
                found.rates[way, name] = place.per_second(suite, number=number)
        if python is not None:
            found.rates[RIVAL, name] = rival.per_second(
                python,
                *_asked(suite),
                tests=len(suite.ids),
                loops=WORKERS,
                runs=max(3, number // 10),
            )


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


def _idle(place: installation.Installation, found: Found) -> None:
    """What waits for work takes: the containers of an installation that has judged and is idle."""
    for suite in suites.SUITES:
        place.warm(suite, learner="first")
    time.sleep(3)  # what is started ahead of need has started
    there = place.containers()
    pairs = len(there) // 2
    if not pairs:
        found.lines.append("No sandbox waits ahead of need: an idle one has no memory to measure.")
        return
    found.idle_pair_bytes = memory.share(pid for pids in there.values() for pid in pids) / pairs
    found.lines.append(f"{pairs} idle pairs wait, {found.idle_pair_bytes / 1024**2:.0f} MiB each.")


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


@contextmanager
def _rival(folder: Path, found: Found) -> Iterator[Path | None]:
    """The interpreter that has the other library, and its image for as long; None where it cannot be had."""
    with ExitStack() as stack:
        try:
            python = rival.environment(folder)
            stack.enter_context(rival.built(_grader()))
        except (OSError, subprocess.SubprocessError) as error:
            said = (getattr(error, "stderr", None) or b"").decode(errors="replace")[-300:]
            found.lines.append(f"{RIVAL} is not measured: {error} {said}")
            yield None
            return
        found.lines.append(
            f"{RIVAL}: create, copy, exec of pytest, on the grader's image with its user added; the ten "
            "seconds that it waits for its container to stop are left out, in its favour."
        )
        yield python


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
