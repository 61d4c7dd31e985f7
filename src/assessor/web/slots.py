"""Slots: how much of something costly is done at once, for all visitors and for each.

Comes in: whom it is for. Goes out: nothing, for as long as it is done; or Throttled.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from assessor.errors import Throttled
from assessor.web.throttle import bucket


class Slots:
    """At most so many at once; threads may share it.

    Args:
        most: of all visitors together.
        each: of one address, so that nobody keeps all others out.
        retry_s: when who finds none free is told to come back, seconds.
    """

    def __init__(self, most: int, *, each: int, retry_s: int) -> None:
        self._most = most
        self._each = each
        self._retry_s = retry_s
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def taken(self, address: str) -> Iterator[None]:
        """Have one while this is open.

        Raises:
            Throttled: none is free for this address.
        """
        whose = bucket(f"address:{address}")
        with self._lock:
            if self._taken[whose] >= self._each or self._taken.total() >= self._most:
                raise Throttled(
                    f"too many of these are under way at this moment: come back in {self._retry_s} s",
                    retry_s=self._retry_s,
                )
            self._taken[whose] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[whose] -= 1
                if not self._taken[whose]:
                    del self._taken[whose]
