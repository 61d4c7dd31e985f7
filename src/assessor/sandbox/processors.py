"""Which processor a run stays on: one that no other run of this machine stays on, where there is one.

Both sides of a bridge answer each other in turn, so they are as quick as one processor's cache lets them be;
on two, each call wakes a sleeping one. The files hold nothing: a lock on one is the claim, and the kernel
lets go of it when its process ends, however it ends.

    <folder>/<number>      one for each processor
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Processors:
    """The processors that this process may use, shared with all that use the same folder.

    Args:
        folder: for the locks; made when it is needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def one(self) -> Iterator[int | None]:
        """A processor of this run's own while the context lasts; None where all are taken."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for number in sorted(os.sched_getaffinity(0)):
            descriptor = os.open(self._folder / str(number), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                yield number
                return
            finally:
                os.close(descriptor)
        yield None
