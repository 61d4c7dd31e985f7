"""Counts of requests in the memory of this process.

Comes in: whom a request counts for, and how many there may be. Goes out: nothing, or when there is room.
`limits`, which counts in a Redis server, can count in memory too: it starts a thread each time, and waits for
it, which takes longer than an answer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from assessor.waiting import Rate

#: From how many rows on those that no longer count are looked for.
ROWS = 10_000


class Counts:
    """Sliding windows: what came in this window, and as much of the one before as a window reaches back.

    Args:
        clock: seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        #: By name and bucket: number of the window, how many in it, how many in the one before, the window's
        #: length in seconds.
        self._rows: dict[tuple[str, str], tuple[int, int, int, int]] = {}
        self._look_at = ROWS

    def __len__(self) -> int:
        return len(self._rows)

    def over(self, name: str, rate: Rate, bucket: str) -> float | None:
        """Count one more; None, or where there is no room, when there is again, seconds since 1970."""
        now = self._clock()
        window = int(now // rate.per_s)
        share = now / rate.per_s - window
        with self._lock:
            at, count, before, _ = self._rows.get((name, bucket), (window, 0, 0, rate.per_s))
            if at != window:
                count, before = 0, count if at == window - 1 else 0
            if before * (1 - share) + count + 1 > rate.count:
                return _again(rate, window, count, before)
            self._rows[name, bucket] = (window, count + 1, before, rate.per_s)
            if len(self._rows) > self._look_at:
                self._forget(now)
        return None

    def _forget(self, now: float) -> None:
        """Let go of rows that weigh nothing any more."""
        self._rows = {key: row for key, row in self._rows.items() if row[0] >= int(now // row[3]) - 1}
        # All of them are looked at: so not again before there are twice as many.
        self._look_at = max(ROWS, 2 * len(self._rows))


def _again(rate: Rate, window: int, count: int, before: int) -> float:
    """When one more fits, seconds since 1970."""
    room = rate.count - 1
    if count <= room:
        # Room comes as the window before slides out.
        return (window + 1 - (room - count) / before) * rate.per_s
    return (window + 2 - room / count) * rate.per_s
