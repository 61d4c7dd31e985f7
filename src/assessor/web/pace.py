"""How fast the queue moves: what the place of everybody who waits is told by.

Comes in: ids of attempts that wait. Goes out: places. The place is as it is now; how many workers there are
and how long runs take, which is the same for all who ask, is asked of the store once in a while.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from assessor import jobs
from assessor.parts import Parts
from assessor.waiting import Place


class Pace:
    """How fast the queue moves, as it was a moment ago: many who wait ask for it at once.

    Args:
        parts: the world.
        every_s: how old it may be, seconds.
    """

    def __init__(self, parts: Parts, *, every_s: float) -> None:
        self._parts = parts
        self._every_s = every_s
        self._kept: tuple[float, int, Sequence[tuple[str, float]]] | None = None

    def place(self, attempt_id: str) -> Place | None:
        """Where an attempt stands, or None where it is not queued.

        Raises:
            NotFound: there is none of this id.
        """
        kept, now = self._kept, time.monotonic()
        if kept is None or now - kept[0] >= self._every_s:
            kept = self._kept = now, jobs.taking(self._parts), self._parts.store.runs()
        return self._parts.store.place(attempt_id, workers=kept[1], runs=kept[2])
