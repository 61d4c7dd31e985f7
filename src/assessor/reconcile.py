"""The safety net: what waits is rung for, what nobody works on any more is removed.

Comes in: the store, the bell, the sandbox. Goes out: as many jobs as attempts that wait (one is missing where
a worker died, the queue server lost it, a waiting time after a fault is over), and the names of removed
containers. Any number of these may run at once, on any number of machines.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog

from assessor.errors import AssessorError
from assessor.jobs import Ring
from assessor.store import Store

log = structlog.get_logger(__name__)

#: How many waiting attempts, and how many jobs, one sweep looks at, the next first.
SWEEP_LIMIT = 1000
#: Seconds between two looks for evidence that is not published; they read every judged attempt.
PUBLISH_S = 60.0
#: Seconds between two looks for awards that are due and status lists that run out.
TEND_S = 15.0
#: Seconds between two publications of what others see: who revokes an award waits no longer than that.
SITE_S = 300.0
#: Seconds between two looks for messages to others; each is one small question.
TELL_S = 1.0


class Bell(Protocol):
    """The part of `jobs.Ring` that a sweep uses."""

    def ring(self, attempt_id: str, epoch: int) -> None:
        """Queue a job for this epoch."""
        ...

    def pending(self, limit: int | None = None) -> set[tuple[str, int]]:
        """The attempts and epochs that a job waits for; of so many jobs at most."""
        ...


class Cleanable(Protocol):
    """The part of a sandbox that cleaning uses."""

    def sweep(self) -> list[str]:
        """Remove what processes of this installation left behind that are gone; names of the removed."""
        ...


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What a sweep found.

    Attributes:
        expired: attempts whose worker was silent for too long, each with its new epoch.
        rung: attempts and epochs that were rung for.
    """

    expired: tuple[tuple[str, int], ...]
    rung: tuple[tuple[str, int], ...]


def sweep(store: Store, bell: Bell, *, now: datetime, max_lost: int = 10) -> Swept:
    """Take attempts from silent workers, and ring until there are as many jobs as attempts that wait.

    A job makes a worker take the attempt that is next, so it is their number that counts, not which they
    name. While a worker has taken a job and not yet its attempt there may be one too many; the worker that
    takes that one finds nothing left to do. Beyond `SWEEP_LIMIT` jobs none is added.

    Raises:
        StoreFault: the database cannot be used.
        QueueFault: the queue server cannot be reached; expired attempts wait for the next sweep.
    """
    expired = tuple(store.expire(now=now, max_lost=max_lost))
    for attempt_id, epoch in expired:
        log.warning("worker went silent; attempt is queued again", attempt=attempt_id, epoch=epoch)
    due = store.due(now=now, limit=SWEEP_LIMIT)
    if not due:
        return Swept(expired=expired, rung=())
    # Asked after the rows: a job queued in between is seen, and not rung for twice.
    pending = bell.pending(SWEEP_LIMIT)
    missing = max(0, len(due) - len(pending))
    silent = [call for call in due if call not in pending]
    # The last ones: a worker may be busy with a job that names the first, and removes it when it is done.
    rung = tuple(silent[len(silent) - missing :])
    for attempt_id, epoch in rung:
        bell.ring(attempt_id, epoch)
    return Swept(expired=expired, rung=rung)


def clean(sandbox: Cleanable) -> list[str]:
    """Remove the sandboxes of workers that are gone; names of the removed.

    Raises:
        EngineMissing, SandboxFault: the next one tries again.
    """
    removed = sandbox.sweep()
    for name in removed:
        log.warning("left-over removed", container=name)
    return removed


def loop(
    *,
    store: Store,
    url: Callable[[], str],
    sandbox: Cleanable | None,
    clock: Callable[[], datetime],
    every_s: float,
    stop: threading.Event,
    parent: int | None = None,
    publish: Callable[[], object] | None = None,
    tend: Callable[[], None] | None = None,
    site: Callable[[], object] | None = None,
    tell: Callable[[], object] | None = None,
) -> None:
    """Sweep, and clean, every `every_s` seconds until told to stop; what fails is logged and tried again.

    Cleaning has a thread of its own: an engine that hangs must not keep an attempt waiting.

    Args:
        store: the truth.
        url: gives the queue server's URL, starting the embedded one where need be; asked before each sweep.
        sandbox: what is cleaned, or None where this machine has none.
        clock: the time, aware, UTC.
        every_s: seconds between two sweeps.
        stop: ends the loop, within a sweep's time.
        parent: process whose end ends the loop, or None.
        publish: publishes what a worker judged and was killed before it could publish; called at once and
            then every `PUBLISH_S` seconds.
        tend: looks after awards and status lists; called at once and then every `TEND_S` seconds.
        site: publishes what others see; called at once and then every `SITE_S` seconds.
        tell: sends messages that wait for others; called at once and then every `TELL_S` seconds, and again
            at once where there was any.
    """
    if sandbox is not None:
        box = sandbox
        _beside("clean", every_s, stop, lambda: clean(box))
    if publish is not None:
        _beside("publish", PUBLISH_S, stop, publish)
    if tend is not None:
        _beside("awards", TEND_S, stop, tend)
    if site is not None:
        _beside("site", SITE_S, stop, site)
    if tell is not None:
        send = tell

        def all_that_is_due() -> None:
            while not stop.is_set() and send():
                pass

        _beside("webhooks", TELL_S, stop, all_that_is_due)

    def once() -> None:
        if parent is not None and os.getppid() != parent:
            log.warning("supervisor is gone; the sweep ends", supervisor=parent)
            stop.set()
            return
        with contextlib.closing(Ring(url())) as bell:
            sweep(store, bell, now=clock())

    _every(every_s, stop, once)


def _beside(name: str, seconds: float, stop: threading.Event, action: Callable[[], object]) -> None:
    threading.Thread(target=_every, args=(seconds, stop, action), name=name, daemon=True).start()


def _every(seconds: float, stop: threading.Event, action: Callable[[], object]) -> None:
    while not stop.is_set():
        began = time.monotonic()
        try:
            action()
        except AssessorError as error:
            log.warning("sweep failed; tried again", error=str(error))
        stop.wait(max(0.0, seconds - (time.monotonic() - began)))
