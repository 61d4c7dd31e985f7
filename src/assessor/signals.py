"""Signals: who hears that a process is to stop, for as long as it works. For the main thread of a process."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def heard(handler: Callable[[int, object], None]) -> Iterator[None]:
    """Have `handler` hear SIGTERM and SIGINT inside the block; who heard them before does so after it."""
    before = {number: signal.signal(number, handler) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
