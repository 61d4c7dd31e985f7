"""A site on which one attempt runs step by step, as a test lets it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from assessor import pipeline, testing
from assessor.sandbox.protocol import End, Ended, Event, Order
from tests import small, webbed

HOST = "live.example"
URL = f"https://{HOST}"


class Steps:
    """A run that waits before each of its tests until it may go on."""

    def __init__(self) -> None:
        self._may = threading.Semaphore(0)

    def go_on(self, steps: int = 1) -> None:
        """Let so many tests run."""
        self._may.release(steps)

    def __call__(self, order: Order) -> Iterable[Event | End | BaseException]:
        yield testing.collected(*small.IDS)
        for name in small.IDS:
            assert self._may.acquire(timeout=120), "nobody let the run go on"
            yield testing.finished(name, passed=name != small.IDS[0])
        yield Ended(wall_ms=1, processes=1)


@contextlib.contextmanager
def served(root: Path, steps: Steps) -> Iterator[webbed.Web]:
    """The small task, served until the block ends."""

    def make(root: Path) -> small.Bench:
        (root / "catalog").mkdir()
        tasks = small.write_catalog(root / "catalog")
        return small.make_bench(root, testing.FakeSandbox(steps, isolation="cell"), tasks=tasks)

    with webbed.served(root, {"ASSESSOR_WEB_URL": URL}, make=make, throttle=webbed.unlimited()) as found:
        yield found


@contextlib.contextmanager
def judging(web: webbed.Web, attempt_id: str) -> Iterator[None]:
    """A worker that has the attempt, and is done with it when the block ends."""
    thread = threading.Thread(target=pipeline.assess, args=(attempt_id, 1, web.bench.parts))
    thread.start()
    try:
        yield
    finally:
        thread.join()
