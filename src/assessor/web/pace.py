"""How fast the queue moves: what the place of everybody who waits is told by.

Comes in: ids of attempts that wait. Goes out: places. Who waits in which order, how many workers there are
and how long runs take is the same for all who ask, so it is asked of the store once in a while.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assessor import jobs, waiting
from assessor.parts import Parts
from assessor.waiting import Place

#: How many of those that wait are known by their place; whoever is behind them is looked for alone.
LINE = 2000


@dataclass(frozen=True, kw_only=True)
class _Known:
    """The queue, as it was.

    Attributes:
        at: when, by the clock that only goes forward.
        workers: how many took attempts.
        runs: task and seconds of runs of late.
        line: by attempt, its position and its task.
    """

    at: float
    workers: int
    runs: Sequence[tuple[str, float]]
    line: Mapping[str, tuple[int, str]]


class Pace:
    """Places in the queue, as they were a moment ago: many who wait ask for them at once.

    Args:
        parts: the world.
        every_s: how old they may be, seconds.
    """

    def __init__(self, parts: Parts, *, every_s: float) -> None:
        self._parts = parts
        self._every_s = every_s
        self._kept: _Known | None = None

    def place(self, attempt_id: str) -> Place | None:
        """Where an attempt stands, or None where it was not queued.

        Raises:
            NotFound: there is none of this id.
        """
        kept, now = self._kept, time.monotonic()
        if kept is None or now - kept.at >= self._every_s:
            kept = self._kept = self._look(now)
        found = kept.line.get(attempt_id)
        if found is None:  # it came since then, or waits far behind, or not at all
            return self._parts.store.place(attempt_id, workers=kept.workers, runs=kept.runs)
        position, task_id = found
        return waiting.place(position, task_id, runs=kept.runs, workers=kept.workers)

    def _look(self, now: float) -> _Known:
        store = self._parts.store
        line = enumerate(store.queue(LINE), start=1)
        return _Known(
            at=now,
            workers=jobs.taking(self._parts),
            runs=store.runs(),
            line={attempt_id: (position, task_id) for position, (attempt_id, task_id) in line},
        )
