"""How long each phase of a run took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Phases:
    """Durations by phase, milliseconds, in the order in which they ended."""

    def __init__(self) -> None:
        self.durations_ms: dict[str, int] = {}

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Time what is done in the context, under this name."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.durations_ms[name] = round((time.monotonic() - begun) * 1000)
