"""Pairs that wait for work: started ahead of need, taken, given back, let go of.

Comes in: what a pair is to be fit for, and a way to start one. Goes out: pairs that wait. Nothing here knows
what a pair is made of. The pairs are this process's own: when it dies their containers end by themselves, and
the next sweep removes what is left of them.

    prepare ──> waits ──take──> in use ──give──> (finish) ──> waits
                  └── let go of: not used for longest, no room, used up
"""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar

import structlog

log = structlog.get_logger(__name__)


class Pair(Protocol):
    """What is kept here."""

    @property
    def whole(self) -> bool:
        """Whether, as far as is known, nothing of it has ended while it waited."""
        ...

    def finish(self) -> bool:
        """See that nothing of the last run is left; whether the pair can serve another one."""
        ...

    def destroy(self) -> None:
        """Remove it."""
        ...


P = TypeVar("P", bound=Pair)
F = TypeVar("F", bound=Hashable)


class Pool(Generic[F, P]):
    """Waiting pairs, each fit for one kind of run.

    Args:
        start: starts a pair that is fit for something and waits until it is ready.
        most: how many may wait, of all kinds together; 0 keeps none.
        room: whether there is room for one more that waits; asked before each is started or kept.
    """

    def __init__(
        self, *, start: Callable[[F], P], most: int, room: Callable[[], bool] = lambda: True
    ) -> None:
        self._start = start
        self._most = most
        self._room = room
        self._change = threading.Condition()
        self._waiting: list[tuple[F, P]] = []  # the one used last is last
        self._coming: Counter[F] = Counter()  # being started, or made fit to serve again
        self._closed = False
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._keeper: threading.Thread | None = None

    def take(self, fit: F) -> P | None:
        """A waiting pair; one that is on its way is waited for. None where there is none: start one."""
        while (pair := self._next(fit)) is not None and not pair.whole:
            log.warning("sandbox ended while it waited")
            with self._change:
                self._coming[fit] += 1
            self._do(lambda pair=pair: self._discard(fit, pair))  # type: ignore[misc]
        return pair

    def _next(self, fit: F) -> P | None:
        with self._change:
            while True:
                for number in reversed(range(len(self._waiting))):
                    if self._waiting[number][0] == fit:
                        return self._waiting.pop(number)[1]
                if not self._coming[fit]:
                    return None
                self._change.wait()

    def give(self, fit: F, pair: P) -> None:
        """Take a pair back after its run; what is left to do about it is done in the background."""
        with self._change:
            self._coming[fit] += 1
        self._do(lambda: self._settle(fit, pair))

    def prepare(self, fit: F) -> None:
        """Start a pair in the background, unless one waits or is on its way."""
        with self._change:
            known = self._coming[fit] or any(kind == fit for kind, _ in self._waiting)
            if self._closed or known or self._most == 0:
                return
            self._coming[fit] += 1
        self._do(lambda: self._fresh(fit))

    def keep(self, fits: Callable[[F], bool]) -> None:
        """Let go of those that wait and are fit for what nobody asks for any more."""
        with self._change:
            gone = [one for one in self._waiting if not fits(one[0])]
            if not gone:
                return
            self._waiting = [one for one in self._waiting if fits(one[0])]
            for fit, _ in gone:
                self._coming[fit] += 1
        for fit, pair in gone:
            self._do(lambda fit=fit, pair=pair: self._discard(fit, pair))  # type: ignore[misc]

    def shrink(self) -> None:
        """Let go of every pair that waits."""
        with self._change:
            gone, self._waiting = self._waiting, []
        for _, pair in gone:
            pair.destroy()

    @property
    def waiting(self) -> int:
        """How many pairs wait."""
        with self._change:
            return len(self._waiting)

    def close(self) -> None:
        """Let go of all; what is on its way is waited for."""
        with self._change:
            self._closed = True
            keeper, self._keeper = self._keeper, None
        if keeper is not None:
            self._tasks.put(None)
            keeper.join()
        self.shrink()

    def _do(self, task: Callable[[], None]) -> None:
        with self._change:
            if not self._closed:
                if self._keeper is None:
                    self._keeper = threading.Thread(target=self._keep, daemon=True, name="sandbox-keeper")
                    self._keeper.start()
                self._tasks.put(task)
                return
        task()

    def _keep(self) -> None:
        while (task := self._tasks.get()) is not None:
            try:
                task()
            except Exception as error:  # the last edge of a thread, which others wait for
                log.warning("sandbox left behind", error=f"{type(error).__name__}: {error}")

    def _settle(self, fit: F, pair: P) -> None:
        try:
            again = not self._closed and pair.finish() and self._most > 0 and self._room()
        except Exception as error:  # the last edge of a thread: whatever it was, the pair is not used again
            log.warning("sandbox does not serve again", error=f"{type(error).__name__}: {error}")
            again = False
        if again:
            self._arrive(fit, pair)
            return
        try:
            pair.destroy()
        finally:
            # Whatever came of it, whoever takes waits for the next one.
            self._fresh(fit)

    def _discard(self, fit: F, pair: P) -> None:
        try:
            pair.destroy()
        finally:
            self._arrive(fit, None)

    def _fresh(self, fit: F) -> None:
        """Start one that is counted as coming already, where there is room for it."""
        pair: P | None = None
        try:
            if not self._closed and self._most > 0 and self._room():
                pair = self._start(fit)
        except Exception as error:  # the last edge of a thread: the next run meets it if it stays
            log.warning("no sandbox started ahead of need", error=f"{type(error).__name__}: {error}")
        self._arrive(fit, pair)

    def _arrive(self, fit: F, pair: P | None) -> None:
        with self._change:
            self._coming[fit] -= 1
            if pair is not None:
                self._waiting.append((fit, pair))
            self._change.notify_all()
        self._trim()

    def _trim(self) -> None:
        with self._change:
            over = max(0, len(self._waiting) - self._most)
            gone, self._waiting = self._waiting[:over], self._waiting[over:]
        for _, pair in gone:
            pair.destroy()
