"""Waiting for a worker: the classes of the queue, how often a learner may hand in, how long a wait may be.

Comes in: plain values. Goes out: plain values. Who is next is decided by SQL, in `leases`.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Class(StrEnum):
    """What an attempt is waited for; a class goes before all that stand below it."""

    EXAM = "exam"  #: somebody sits there and the time counts
    NORMAL = "normal"  #: what a task has that says nothing
    PRACTICE = "practice"  #: may take its time
    REGRADE = "regrade"  #: runs again what was judged before


#: How many runs an expected time is made from.
RUNS = 50
#: The classes that an author or an operator may ask for.
ASKED = (Class.EXAM, Class.NORMAL, Class.PRACTICE)


@dataclass(frozen=True, kw_only=True)
class Rate:
    """How often a learner may hand in, whatever the task.

    Attributes:
        count: this many submissions, at least 1,
        per_s: within this many seconds, at least 1.
    """

    count: int
    per_s: int


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a queued attempt stands.

    Attributes:
        position: 1 for the one that a worker takes next.
        workers: how many take attempts now.
        expected_s: how long until it is judged, seconds, or None where nothing tells: no run was measured,
            or no worker takes any.
    """

    position: int
    workers: int
    expected_s: float | None


def expected_s(position: int, *, runs_s: Sequence[float], workers: int) -> float | None:
    """How long until the attempt at this position is judged, seconds; None where nothing tells.

    Args:
        position: 1 for the one that is taken next.
        runs_s: how long runs of late took, seconds; their median counts.
        workers: how many take attempts, one at a time each.
    """
    if not runs_s or workers < 1:
        return None
    return statistics.median(runs_s) * math.ceil(position / workers)


def place(position: int, task_id: str, *, runs: Sequence[tuple[str, float]], workers: int) -> Place:
    """Where an attempt for a task stands that is at this position.

    Args:
        position: 1 for the one that is taken next.
        task_id: of the task.
        runs: task and seconds of runs of late, the newest first: the newest `RUNS` for the same task count,
            or where there are none those for any task.
        workers: how many take attempts, one at a time each.
    """
    own = [seconds for task, seconds in runs if task == task_id][:RUNS]
    runs_s = own or [seconds for _, seconds in runs[:RUNS]]
    return Place(
        position=position,
        workers=workers,
        expected_s=expected_s(position, runs_s=runs_s, workers=workers),
    )


def words(found: Place) -> str:
    """Where an attempt stands, for a person; the time is an estimate and says so."""
    if found.expected_s is not None:
        until = f"judged in {about(found.expected_s)}"
    elif found.workers:
        until = "how long it takes is not known yet"
    else:
        until = "no worker takes any now"
    return f"place {found.position} in the queue, {until}"


def about(seconds: float) -> str:
    """A time that was estimated, with no more places than it deserves: `about 40 s`, `about 3 min`."""
    if seconds < 2:
        return "a moment"
    if seconds < 100:
        return f"about {_round(seconds)} s"
    if seconds < 100 * 60:
        return f"about {_round(seconds / 60)} min"
    return f"about {_round(seconds / 3600)} h"


def _round(number: float) -> int:
    """To the nearest whole number, above 10 to the nearest 5."""
    return round(number) if number < 10 else 5 * round(number / 5)
