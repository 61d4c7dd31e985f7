"""Hashing of passwords, one at a time, by a thread that lets all others go before it.

Comes in: what to do. Goes out: what it gives. Each hash takes 46 MiB and a processor for a tenth of a second;
several people who sign in at once must keep neither pages nor judging waiting.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

#: How much the thread gives way: 0 not at all, 19 the most. Source: setpriority(2).
NICE = 10


class Hashing:
    """The thread; many may ask, and wait for their turn."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hashing", initializer=_give_way)

    def __call__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do it there, and give what it gives, or raise what it raises."""
        return self._thread.submit(work, *args, **kwargs).result()


def _give_way() -> None:
    # On Linux this is of the thread alone; while it hashes it holds no lock of the interpreter.
    thread = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, thread, max(NICE, os.getpriority(os.PRIO_PROCESS, thread)))
