"""A deadline: hundreds of submissions within seconds, most of one learner's making, and who waits how long.

Comes in: an installation that is up. Goes out: how long it took, what each learner waited, what was lost, and
the memory that it took.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import installation
import memory
import suites

from assessor.errors import TryRefused

#: The learner who hands in a fifth of everything.
BUSY = "busy"


@dataclass(frozen=True, kw_only=True)
class Drained:
    """What came of it; times in seconds, memory in bytes.

    Attributes:
        accepted: submissions that were taken in.
        refused: those that the rules sent back; each learner was told when to come again.
        lost: accepted and neither judged nor replaced by a newer one of the same learner.
        arriving_s: how long handing in took.
        drained_s: from the last arrival to the last verdict.
        waits: each learner's waits, from `submit` returning to the verdict.
        most: the most memory that was used.
    """

    accepted: int
    refused: int
    lost: int
    arriving_s: float
    drained_s: float
    waits: Mapping[str, list[float]]
    most: memory.Most

    @property
    def all_waits(self) -> list[float]:
        """Every wait, sorted."""
        return sorted(wait for waits in self.waits.values() for wait in waits)

    @property
    def unfairness(self) -> float:
        """The longest median wait of a learner, as a multiple of the median wait of all others."""
        return max(
            statistics.median(own)
            / statistics.median(
                [wait for other, waits in self.waits.items() if other != name for wait in waits]
            )
            for name, own in self.waits.items()
        )


def tasks_needed(number: int) -> int:
    """How many tasks of each suite there must be: a newer submission to a task replaces a queued one."""
    return number // (5 * len(suites.SUITES))


def plan(number: int) -> Iterator[tuple[str, str]]:
    """Learner and task of each submission in order of arrival: one of five is the busy one's."""
    kinds = len(suites.SUITES)
    for one in range(number):
        suite = suites.SUITES[one % kinds].name
        if one % 5 == 0:
            turn = one // 5
            yield BUSY, f"{suites.SUITES[turn % kinds].name}-{turn // kinds}"
        else:
            yield f"learner-{one % 97}", f"{suite}-{one // 97}"


def endure(place: installation.Installation, *, number: int, within_s: float) -> Drained:
    """Hand in, wait until all is judged, count.

    Args:
        place: an installation that is up, with `tasks_needed` copies.
        number: submissions.
        within_s: how long their arrival takes, evenly spread, seconds.
    """
    arrived: dict[str, tuple[str, float]] = {}
    refused = 0

    with memory.watched(place.processes, every_s=2.0) as most:
        begun = time.monotonic()
        for turn, (learner, task) in enumerate(plan(number)):
            time.sleep(max(0.0, begun + turn * within_s / number - time.monotonic()))
            try:
                attempt = place.submit(task, learner=learner)
            except TryRefused:
                refused += 1
                continue
            arrived[attempt] = (learner, time.time())
        arriving_s, last = time.monotonic() - begun, time.time()
        place.drained()
    finished = place.finished(list(arrived))
    waits = defaultdict(list)
    for attempt, (learner, at) in arrived.items():
        if attempt in finished:
            waits[learner].append(finished[attempt] - at)
    return Drained(
        accepted=len(arrived),
        refused=refused,
        lost=sum(name not in finished for name in arrived),
        arriving_s=arriving_s,
        drained_s=max(finished.values()) - last,
        waits=waits,
        most=most,
    )
