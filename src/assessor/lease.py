"""A lease in a worker's hands: renewed while a run lasts, and the way that the run's events are kept.

Comes in: a claim, and events as they happen. Goes out: rows of `leases`. One thread beside the run does both:
it writes the events that have come in one transaction (each transaction is a flush of the disk, and a suite
of fast tests would spend more time on those than on its tests), and renews three times a lease.

An event is on disk at most `GATHER_S` and one transaction after it came; all of them are before the run is
said to be finished. A worker that is killed loses the last few of an epoch that is run again anyway.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from threading import Condition, Lock, Thread
from types import TracebackType
from typing import Self

import structlog

from assessor.errors import StoreFault
from assessor.sandbox import protocol
from assessor.store import Claim, Store

log = structlog.get_logger(__name__)

#: How long an event waits for others to share its transaction, seconds; a person who looks sees no delay.
GATHER_S = 0.015
#: More than this is written without waiting, and a run that brings more before it is written waits, bytes.
GATHER_BYTES = 1024**2


class Lease:
    """A claim that is renewed in the background, and the way events are kept under it.

    Used as a context: on leaving, what is still to be written is, and the thread has ended.

    Args:
        claim: the right to the attempt's epoch.
        store: where it was claimed.
        lease_s: how long it holds unrenewed, seconds.
        clock: the time, aware, UTC.
    """

    def __init__(self, claim: Claim, store: Store, *, lease_s: float, clock: Callable[[], datetime]) -> None:
        self.claim = claim
        self._store = store
        self._lease_s = lease_s
        self._clock = clock
        self._spoilt: Exception | None = None
        self._done = False
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._news = Condition()
        # One writer at a time: events stay in order, and nothing is written under a claim that a restart
        # is replacing.
        self._writing = Lock()
        self._thread = Thread(target=self._tend, name=f"lease-{claim.attempt.id}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._news:
            self._done = True
            self._news.notify_all()
        self._thread.join()

    def keep(self, event: protocol.Event) -> None:
        """Take one event of the run, to be stored in a moment.

        Raises:
            LeaseLost: the attempt is another's by now.
            StoreFault: an earlier event could not be stored.
        """
        body = protocol.dump_event(event)
        with self._news:
            self._news.wait_for(lambda: self._spoilt is not None or self._waiting_bytes < GATHER_BYTES)
            if self._spoilt is not None:
                raise self._spoilt
            self._waiting.append(body)
            self._waiting_bytes += len(body)
            self._news.notify_all()

    def finish(self, run_json: bytes, *, now: datetime) -> None:
        """Store how the run ended, with every event that was taken and is not stored yet.

        Raises:
            LeaseLost: the attempt is another's by now.
            StoreFault: the run, or an event of it, could not be stored.
        """
        with self._writing:
            self._store.finish_run(self.claim, run_json, now=now, events_json=self._take())

    def drop(self) -> None:
        """Let go of the events that wait: the epoch is spoiled, and another one brings them again."""
        with self._news:
            self._waiting, self._waiting_bytes = [], 0
            self._news.notify_all()

    def restart(self) -> None:
        """Go on with the attempt's next epoch.

        Raises:
            LeaseLost: the attempt is another's by now.
            StoreFault: an event of this epoch, or the new one, could not be stored.
        """
        with self._writing:
            self._flush()
            self.claim = self._store.restart(self.claim, lease_s=self._lease_s, now=self._clock())

    def _take(self) -> list[bytes]:
        """The events that wait, to be stored now; for who holds `_writing`."""
        with self._news:
            if self._spoilt is not None:
                raise self._spoilt
            bodies, self._waiting, self._waiting_bytes = self._waiting, [], 0
            self._news.notify_all()
            return bodies

    def _flush(self) -> None:
        bodies = self._take()
        if bodies:
            try:
                self._store.add_events(self.claim, bodies)
            except Exception as error:
                self._spoil(error)
                raise

    def _spoil(self, error: Exception) -> None:
        """Let the run end with this at its next event: some that it brought are not stored."""
        with self._news:
            self._spoilt = error
            self._news.notify_all()

    def _tend(self) -> None:
        """Write and renew until told that it is over, or until the run is spoilt.

        1. Wait for events, the end, or the time to renew.
        2. Let those that follow at once share the transaction.
        3. Write; a store that refuses events spoils the run.
        4. Renew; a store that is away for a moment is asked again.
        """
        due = time.monotonic() + self._lease_s / 3
        while True:
            with self._news:
                self._news.wait_for(lambda: self._waiting or self._done, timeout=due - time.monotonic())  # 1
                if self._waiting:
                    self._news.wait_for(  # 2
                        lambda: self._done or self._waiting_bytes >= GATHER_BYTES, timeout=GATHER_S
                    )
                done = self._done
            try:
                with self._writing:
                    self._flush()  # 3
            except Exception as error:  # the run's own thread raises it too, at its next event or flush
                log.warning("events not kept", problem=f"{type(error).__name__}: {error}")
                return
            if done:
                return
            if time.monotonic() >= due:
                due = time.monotonic() + self._lease_s / 3
                try:
                    with self._writing:
                        self._store.renew(self.claim, lease_s=self._lease_s, now=self._clock())  # 4
                except StoreFault as error:
                    log.warning("lease not renewed yet", error=str(error))
                except Exception as error:  # the lease is lost, or a bug of ours ends its renewing
                    self._spoil(error)
                    return
