"""Keeps processes running: starts them, starts again what dies, and ends them all in order.

Comes in: commands. Goes out: nothing. It does no work of its own, so that there is little in it to fail: the
sweep is one of its children, like every worker. Children end by themselves when it is gone (they are told
its process id), so a killed supervisor leaves none behind.
"""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from assessor import signals

log = structlog.get_logger(__name__)

#: Waiting time before a child is started again, seconds: doubled each time it dies young, up to the most.
LEAST_WAIT_S = 0.25
MOST_WAIT_S = 5.0
#: A child that lived this long did not die young.
YOUNG_S = 5.0


@dataclass(frozen=True, kw_only=True)
class Child:
    """A process that is to run.

    Attributes:
        name: for the log.
        command: program and arguments.
        environ: its whole environment, or None for this process' own.
    """

    name: str
    command: Sequence[str]
    environ: Mapping[str, str] | None = None


def run(
    children: Sequence[Child],
    *,
    stop: threading.Event | None = None,
    on_start: Callable[[str, int], None] | None = None,
    grace_s: float | None = None,
) -> None:
    """Keep the children running until told to stop. For the main thread of a process.

    A first SIGTERM or SIGINT (or `stop`) is passed on as SIGTERM, and the children are waited for: a worker
    ends its job first. A second one kills them; the leases of what they ran run out.

    Args:
        children: what is to run.
        stop: as a first signal, from another thread.
        on_start: called with name and process id each time that a child was started.
        grace_s: seconds after which a stop kills what still runs; None waits for as long as it takes.
    """
    kept = [_Kept(child) for child in children]
    asked = _Asked(stop or threading.Event())
    with signals.heard(asked.heard):
        while not asked.stop.is_set():
            for one in kept:
                if one.tend() and on_start is not None:
                    on_start(one.child.name, one.pid)
            asked.stop.wait(0.05)
        log.info("stopping; running jobs are finished first")
        for one in kept:
            one.send(signal.SIGTERM)
        deadline = None if grace_s is None else time.monotonic() + grace_s
        while any(one.running() for one in kept):
            if asked.hard or (deadline is not None and time.monotonic() > deadline):
                for one in kept:
                    one.send(signal.SIGKILL)
            time.sleep(0.05)


@dataclass
class _Asked:
    """What signals have asked for."""

    stop: threading.Event
    hard: bool = False

    def heard(self, _number: int, _frame: object) -> None:
        self.hard = self.stop.is_set()
        self.stop.set()


@dataclass
class _Kept:
    """A child, its process, and when it may be started again."""

    child: Child
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    wait_s: float = LEAST_WAIT_S
    due: float = field(default_factory=time.monotonic)

    @property
    def pid(self) -> int:
        return 0 if self.process is None else self.process.pid

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def send(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)  # does nothing to one that has ended

    def tend(self) -> bool:
        """Start the child where it is due; whether it was started."""
        if self.process is not None:
            code = self.process.poll()
            if code is None:
                return False
            now = time.monotonic()
            self.wait_s = LEAST_WAIT_S if now - self.started >= YOUNG_S else min(2 * self.wait_s, MOST_WAIT_S)
            self.due = now + self.wait_s
            log.warning("process ended; started again", child=self.child.name, code=code, in_s=self.wait_s)
            self.process = None
        if time.monotonic() < self.due:
            return False
        try:
            # A session of its own: a Ctrl-C at the terminal reaches the supervisor alone, which passes it on.
            self.process = subprocess.Popen(
                list(self.child.command),
                env=None if self.child.environ is None else dict(self.child.environ),
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            self.wait_s = min(2 * self.wait_s, MOST_WAIT_S)
            self.due = time.monotonic() + self.wait_s
            log.warning("process cannot be started; tried again", child=self.child.name, error=str(error))
            return False
        self.started = time.monotonic()
        return True
