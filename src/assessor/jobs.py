"""The queue: a list of `(attempt, epoch)` to look at, on RQ, and the worker that looks at them.

Comes in: `ring` from whoever made or found work. Goes out: one call of `assess` for each job. The database
is the truth: a job that is lost is rung again by `reconcile`, one that comes twice finds its attempt taken,
and RQ's own retries, schedules, callbacks and webhooks are off.

Whoever can write to the queue server can at most have an attempt looked at: `payload` checks a job before
RQ sees anything of it, commands to workers are not taken, and what is refused is logged and dropped.

A job runs inside the worker's own process (docs/decisions/0004-jobs-run-in-the-worker.md). A process that
dies is started again by `supervisor`; one that hangs ends itself when `deadline_s` is over.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar

import redis
import redis.backoff
import redis.exceptions
import redis.retry
import rq
import rq.exceptions
import rq.job
import rq.serializers
import rq.timeouts
import rq.utils
import rq.worker
import structlog

from assessor import payload, signals
from assessor.errors import AssessorError, QueueFault
from assessor.parts import Parts
from assessor.waiting import Place

log = structlog.get_logger(__name__)

QUEUE = "assessor"
#: How long a finished job is kept, seconds: not at all. Nobody reads it, and RQ's note of its result takes
#: five times the memory of a job that waits.
RESULT_TTL_S = 0
#: How long a job that raised is kept for an operator to look at, seconds.
FAILURE_TTL_S = 7 * 24 * 3600
#: How long a worker waits for a job before it looks round, seconds; RQ makes its timeouts from it.
WORKER_TTL_S = 30
#: How long the server may take for an answer, seconds.
ANSWER_S = 5.0
#: How long one job may take before its process is taken to hang, seconds.
DEADLINE_S = 1800
#: What a worker does that has no job.
IDLE = "idle"
#: How what a worker does begins while its gate says why it may take no job.
WAITING = "waiting: "
#: How long a worker that may take no job waits before it asks its gate again, seconds.
GATE_S = 2.0


class Ring:
    """The bell: tells the workers that there is an attempt to be looked at.

    A job names an epoch of an attempt, so that the sweep sees for what it was rung; the worker that takes it
    looks at whichever attempt is next. So as many jobs as attempts that wait are enough, whatever they name.

    Args:
        url: the queue server's.
    """

    def __init__(self, url: str) -> None:
        self._server = _connect(url)
        self._queue = rq.Queue(
            QUEUE, connection=self._server, job_class=payload.Job, serializer=rq.serializers.JSONSerializer
        )

    def ring(self, attempt_id: str, epoch: int) -> None:
        """Queue a job for this epoch.

        Raises:
            QueueFault: the server cannot be reached; nothing is lost, the sweep rings again.
        """
        self.ring_all([(attempt_id, epoch)])

    def ring_all(self, calls: Iterable[tuple[str, int]]) -> None:
        """`ring` for each, in order.

        Raises:
            QueueFault: the server cannot be reached; the calls up to some point are queued.
        """
        with _faults("ring"):
            for attempt_id, epoch in calls:
                # Not looked for first: that would read the whole list, and one too many does no harm.
                name = payload.job_id(attempt_id, epoch)
                self._queue.enqueue_call(
                    payload.FUNCTION,
                    args=(attempt_id, epoch),
                    job_id=name,
                    description=name,
                    timeout=-1,
                    result_ttl=RESULT_TTL_S,
                    failure_ttl=FAILURE_TTL_S,
                )

    def pending(self, limit: int | None = None) -> set[tuple[str, int]]:
        """The attempts and epochs that a job waits for, not those that a worker has taken from the queue.

        Args:
            limit: look at so many jobs, those that are taken next, or None for all.

        Raises:
            QueueFault: the server cannot be reached.
        """
        with _faults("list"):
            names = self._server.lrange(self._queue.key, 0, -1 if limit is None else limit - 1)
        calls = (payload.named(_text(name)) for name in names)
        return {call for call in calls if call is not None}

    def close(self) -> None:
        """Let go of the connection."""
        self._server.close()


def place(attempt_id: str, parts: Parts) -> Place | None:
    """Where an attempt stands in the queue, or None where it is not queued.

    Raises:
        NotFound: there is none of this id.
    """
    return parts.store.place(attempt_id, workers=taking(parts))


def taking(parts: Parts) -> int:
    """How many workers take attempts now."""
    seen = parts.store.workers(parts.clock())
    return sum(not worker.doing.startswith(WAITING) for worker in seen)


def work(
    *,
    url: Callable[[], str],
    assess: payload.Assess,
    name: str | None = None,
    beat: Callable[[str], None] | None = None,
    beat_s: float = 5.0,
    parent: int | None = None,
    deadline_s: int = DEADLINE_S,
    burst: bool = False,
    gate: Callable[[], str | None] | None = None,
    gate_s: float = GATE_S,
) -> None:
    """Look at one job after the other until told to stop. For the main thread of a process of its own.

    A first SIGTERM or SIGINT ends it after the job at hand, a second one ends the job too. A server that is
    away is waited for.

    Args:
        url: gives the queue server's URL, starting the embedded one where need be; asked at each connection.
        assess: called with attempt and epoch of each job; its errors are logged and end nothing.
        name: this worker among all, for people; a random part is added.
        beat: called every `beat_s` seconds, from another thread, with what the worker does: an attempt's id,
            `idle`, or `waiting: ` and what the gate said.
        beat_s: seconds between two beats.
        parent: process whose end is a first SIGTERM, or None; a supervisor's, so that none is left behind.
        deadline_s: how long a job may take before this process ends itself with all stacks on standard error.
        burst: stop when the queue is empty.
        gate: asked before a job is taken from the queue: why none may be taken now, or None.
        gate_s: seconds until a gate that said why is asked again.
    """
    _forward_logs()
    job = type("Job", (payload.Job,), {"call": staticmethod(assess)})
    watchdog = type("Watchdog", (_Watchdog,), {"deadline_s": deadline_s})
    stop = _Stop()
    with signals.heard(stop.heard), _beating(stop, beat, beat_s, parent):
        while not stop.asked.is_set():
            try:
                with contextlib.closing(_connect(url())) as server:
                    worker = _Worker(
                        [QUEUE],
                        name=f"{name or 'worker'}-{secrets.token_hex(4)}",
                        connection=server,
                        job_class=job,
                        serializer=rq.serializers.JSONSerializer,
                        default_result_ttl=RESULT_TTL_S,
                        worker_ttl=WORKER_TTL_S,
                        log_job_description=False,
                    )
                    worker.death_penalty_class = watchdog
                    worker.stop = stop
                    worker.gate, worker.gate_s = gate, gate_s
                    worker.work(burst=burst, logging_level="WARNING")
                    if burst and not worker.cut_off:
                        return
            except (redis.exceptions.RedisError, QueueFault) as error:
                log.warning("queue is away; trying again", error=str(error))
            stop.asked.wait(0.5)


class _Stop:
    """Whether the worker was told to stop, and what it does at the moment."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.doing = IDLE

    def heard(self, number: int, _frame: object) -> None:
        """Hear SIGTERM and SIGINT: the first ends it after the job, the second at once, the third kills."""
        if not self.asked.is_set():
            self.asked.set()
            return
        signal.signal(number, signal.SIG_DFL)
        # Through the job's own clean-up: its containers go, its lease runs out.
        raise SystemExit(f"worker: told twice to stop, ends {self.doing}")


class _Worker(rq.worker.SimpleWorker):
    """RQ's in-process worker, less what it does from signal handlers, threads and other people's commands."""

    stop: _Stop
    gate: Callable[[], str | None] | None
    gate_s: float
    cut_off = False  #: the server went away

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[rq.job.Job, rq.Queue] | None:
        """The next job; None when told to stop, when the server is gone, or (no timeout) when none is there.

        RQ's own waits up to a minute to connect again, and is stopped by an exception out of a signal
        handler, which may come just after a job was taken.
        """
        if self.cut_off:
            return None
        try:
            self.set_state(rq.worker.WorkerStatus.IDLE)
            while not (self.stop.asked.is_set() or self.cut_off):
                self.heartbeat()
                if self.should_run_maintenance_tasks:
                    self.run_maintenance_tasks()
                if self._shut():
                    continue
                try:
                    return self._next(None if timeout is None else 1)
                except rq.exceptions.DequeueTimeout:
                    continue
        except redis.exceptions.RedisError as error:
            log.warning("queue went away", error=str(error))
            self.cut_off = True
        return None

    def _shut(self) -> bool:
        """Whether the gate lets no job be taken; if so, it was waited for, and the beat tells why."""
        why = None if self.gate is None else self.gate()
        if why is None:
            self.stop.doing = IDLE
            return False
        told = f"{WAITING}{why}"
        if self.stop.doing != told:
            log.warning("no job is taken", why=why)
        self.stop.doing = told
        self.stop.asked.wait(self.gate_s)
        return True

    def _next(self, timeout: int | None) -> tuple[rq.job.Job, rq.Queue] | None:
        taken = self.queue_class.dequeue_any(
            self._ordered_queues,
            timeout,
            connection=self.connection,
            job_class=self.job_class,
            serializer=self.serializer,
            death_penalty_class=self.death_penalty_class,
        )
        if taken is not None:
            taken[0].redis_server_version = self.get_redis_server_version()  # type: ignore[no-untyped-call]
        return taken

    def execute_job(self, job: rq.job.Job, queue: rq.Queue) -> None:
        """Run the job here; a server that goes away meanwhile changes nothing about its outcome."""
        call = payload.named(job.id)
        self.stop.doing = IDLE if call is None else call[0]
        try:
            super().execute_job(job, queue)
        except redis.exceptions.RedisError as error:
            log.warning("queue went away under a job", job=job.id, error=str(error))
            self.cut_off = True
        finally:
            self.stop.doing = IDLE

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Tell the server that this worker lives, once a second at most outside of a pipeline."""
        if pipeline is None:
            recent = self.last_heartbeat
            if self.cut_off or (recent is not None and (rq.utils.now() - recent).total_seconds() < 1):
                return
        super().heartbeat(timeout, pipeline=pipeline)

    def run_maintenance_tasks(self) -> None:
        """RQ's cleaning of its own lists; one that it cannot read is dropped, since the sweep rings again."""
        try:
            super().run_maintenance_tasks()  # type: ignore[no-untyped-call]
        except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError):
            self.cut_off = True
        except Exception as error:
            log.warning("queue's lists unreadable; dropped", problem=f"{type(error).__name__}: {error}")
            for queue in self.queues:
                self.connection.delete(queue.intermediate_queue_key, queue.registry_cleaning_key)
            self.last_cleaned_at = rq.utils.now()  # type: ignore[assignment]

    def check_for_suspension(self, burst: bool) -> None:
        """Not at all, as for `subscribe`; an operator stops the supervisor instead."""

    def subscribe(self) -> None:
        """Not at all: commands to workers are not taken from the queue server."""

    def _install_signal_handlers(self) -> None:
        """Not at all: `_Stop` hears the signals, for every connection that follows."""


class _Watchdog(rq.timeouts.BaseDeathPenalty):
    """Ends the process when a job is over its deadline: from a thread of its own, in C, whatever hangs."""

    deadline_s: ClassVar[int]

    def setup_death_penalty(self) -> None:
        """Start to wait."""
        faulthandler.dump_traceback_later(self.deadline_s, exit=True, file=2)

    def cancel_death_penalty(self) -> None:
        """The job has ended."""
        faulthandler.cancel_dump_traceback_later()


@contextlib.contextmanager
def _beating(
    stop: _Stop, beat: Callable[[str], None] | None, beat_s: float, parent: int | None
) -> Iterator[None]:
    done = threading.Event()

    def loop() -> None:
        due = time.monotonic()
        while not done.wait(min(0.5, beat_s)):
            if parent is not None and os.getppid() != parent and not stop.asked.is_set():
                log.warning("supervisor is gone; ending after this job", supervisor=parent)
                os.kill(os.getpid(), signal.SIGTERM)
            if beat is not None and time.monotonic() >= due:
                due = time.monotonic() + beat_s
                try:
                    beat(stop.doing)
                except AssessorError as error:
                    log.warning("beat not kept", error=str(error))

    thread = threading.Thread(target=loop, name="beat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _text(name: bytes | str) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else name


def _connect(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        retry=redis.retry.Retry(redis.backoff.NoBackoff(), 1),
        socket_connect_timeout=ANSWER_S,
        socket_timeout=ANSWER_S,  # RQ's worker raises it to what its waiting needs
    )


@contextlib.contextmanager
def _faults(action: str) -> Iterator[None]:
    try:
        yield
    except redis.exceptions.RedisError as error:
        raise QueueFault(
            f"queue server: expected to {action}, got {type(error).__name__}: {error}"
        ) from error


class _Forward(logging.Handler):
    """RQ's log lines, as ours."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one line on."""
        log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)


def _forward_logs() -> None:
    """Give RQ's loggers our handler; else its worker would hang one of its own on them."""
    for name in ("rq.worker", "rq.job"):
        logger = logging.getLogger(name)
        if not any(isinstance(handler, _Forward) for handler in logger.handlers):
            logger.addHandler(_Forward())
            logger.propagate = False
