"""An installation as `assessor up` runs it, and the real trip of submissions through it.

Comes in: how its sandboxes are sealed, which runtime. Goes out: milliseconds from `submit` returning to the
signed verdict on disk, seen from outside: a committed row of the database and nothing else.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from pathlib import Path

import memory
import suites

from assessor import catalog, pipeline, settings, wiring
from assessor.parts import Parts
from assessor.store import Attempt, Claim, Conclusion, Store

#: Nobody is told to come again later: a deadline has one learner with a hundred submissions.
_ENVIRON = {"ASSESSOR_RATE": "none"}
#: How long a worker may take to come up, and an attempt to be judged, seconds.
PATIENCE_S = 120


class TimedStore(Store):
    """A store that knows when its last conclusion was on disk; what follows one is publishing."""

    concluded_at = 0.0

    def conclude(self, of: Claim | Attempt, conclusion: Conclusion, *, now: datetime) -> None:
        """As a store does; then the time."""
        super().conclude(of, conclusion, now=now)
        self.concluded_at = time.perf_counter()


class Installation:
    """A home, a catalog with the suites, and workers when asked for; made by `make`."""

    def __init__(
        self, config: settings.Settings, tasks: catalog.Catalog, parts: Parts, store: TimedStore
    ) -> None:
        self.settings = config
        self.parts = dataclasses.replace(parts, store=store)
        self._store = store
        self._tasks = tasks
        self._upload = suites.write_upload(config.home / "upload")
        self._process: subprocess.Popen[bytes] | None = None
        self._rows = sqlite3.connect(str(parts.store.file), isolation_level=None, timeout=10)

    def up(self) -> None:
        """Start workers and sweep, and wait until every worker has told that it lives."""
        command = [sys.executable, "-m", "assessor", "--home", str(self.settings.home)]
        command += ["--catalog", str(self.settings.catalog), "up", "--workers", str(self.settings.workers)]
        with (self.settings.home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, **_ENVIRON, "ASSESSOR_RUNTIME": self.settings.runtime},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._until(
            lambda: len(self.parts.store.workers(self.parts.clock())) == self.settings.workers,
            "every worker to come up",
        )

    def processes(self) -> list[int]:
        """Every process of this installation, in and out of its containers, by the host's numbers."""
        assert self._process is not None
        inside = [pid for pids in self.containers().values() for pid in pids]
        server = self.settings.home / "queue" / "server.pid"
        return [*memory.family(self._process.pid), *memory.family(int(server.read_text())), *inside]

    @property
    def concluded_at(self) -> float:
        """When this process last had a conclusion on disk, by `time.perf_counter`."""
        return self._store.concluded_at

    def down(self) -> None:
        """End the workers in order, jobs that run first; nothing happens where none were started."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def submit(self, task: str, *, learner: str, ring: Callable[[str, int], None] | None = None) -> str:
        """Hand the solution in as this learner; the attempt's id.

        Args:
            task: id of the task.
            learner: the learner's name.
            ring: what tells the queue; by default as the command line does.

        Raises:
            TryRefused: the installation's rules do not allow it now.
        """
        _, attempt, _ = pipeline.submit(
            self._upload,
            task_id=task,
            learner=learner,
            tasks=self._tasks,
            spool=self.settings.spool,
            parts=self.parts,
            ring=ring or wiring.ring(self.settings),
        )
        return attempt.id

    def warm(self, suite: suites.Suite, *, learner: str) -> float:
        """Milliseconds from `submit` returning until the verdict is stored, workers being up."""
        attempt = self.submit(suite.name, learner=learner)
        begun = time.perf_counter()
        deadline = begun + PATIENCE_S
        while self._state(attempt) != "judged":
            if time.perf_counter() > deadline:
                raise SystemExit(self._told(f"attempt {attempt} to be judged within {PATIENCE_S} s"))
            time.sleep(0.0005)
        took = (time.perf_counter() - begun) * 1000
        self._passed(attempt)
        return took

    def cold(self, suite: suites.Suite, *, learner: str) -> float:
        """The same in this process, with a sandbox object that is made for it: nothing is warm."""
        attempt = self.submit(suite.name, learner=learner, ring=lambda _attempt, _epoch: None)
        begun = time.perf_counter()
        box = wiring.sandbox(self.settings, owner=f"{self.settings.home}#cold")
        try:
            pipeline.assess(attempt, 1, dataclasses.replace(self.parts, sandbox=box))
        finally:
            box.close()
        self._passed(attempt)
        return (self.concluded_at - begun) * 1000

    def per_second(self, suite: suites.Suite, *, number: int) -> float:
        """Verdicts a second with so many submissions waiting: from the first verdict to the last."""
        names = [
            self.submit(suite.name, learner=f"queued-{one}", ring=lambda _attempt, _epoch: None)
            for one in range(number)
        ]
        self.up()
        try:
            self.drained()
        finally:
            self.down()
        times = sorted(self.finished(names).values())
        for name in names:
            self._passed(name)
        return (number - 1) / (times[-1] - times[0])

    def drained(self, *, patience_s: float = PATIENCE_S) -> None:
        """Wait until nothing waits or runs; as long as something moves."""
        moved, before = time.monotonic(), -1
        while True:
            counts = self.parts.store.counts()
            left = counts.queued + counts.running
            if not left:
                return
            if left != before:
                moved, before = time.monotonic(), left
            elif time.monotonic() - moved > patience_s:
                raise SystemExit(self._told(f"the queue to drain, {left} left and none moved"))
            time.sleep(0.2)

    def finished(self, attempts: list[str]) -> Mapping[str, float]:
        """When each attempt was judged to pass, seconds of the wall clock; all others are left out."""
        rows = self._rows.execute(
            "SELECT id, finished_at FROM attempts WHERE state = 'judged' AND verdict = 'passed'"
        )
        found = {name: at / 1e6 for name, at in rows}
        return {name: found[name] for name in attempts if name in found}

    def containers(self) -> Mapping[str, list[int]]:
        """The processes of each container that this installation has now, by the host's numbers."""
        listed = _docker("ps", "-q", "--filter", f"label=assessor.owner={self.settings.home}").split()
        # One that goes meanwhile has no processes, and its listing fails.
        return {one: [int(pid) for pid in _docker("top", one, "-eo", "pid").split()[1:]] for one in listed}

    def close(self) -> None:
        """End what runs and let go of the database."""
        self.down()
        self._rows.close()

    def _state(self, attempt: str) -> str:
        row = self._rows.execute("SELECT state FROM attempts WHERE id = ?", (attempt,)).fetchone()
        return str(row[0])

    def _passed(self, attempt: str) -> None:
        found = self.parts.store.attempt(attempt)
        if found.verdict != "passed" or self.parts.store.evidence(attempt) is None:
            raise SystemExit(self._told(f"attempt {attempt} to pass, with evidence, got {found}"))

    def _until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            if time.monotonic() > deadline or (
                self._process is not None and self._process.poll() is not None
            ):
                raise SystemExit(self._told(what))
            time.sleep(0.02)

    def _told(self, what: str) -> str:
        log = self.settings.home / "log"
        said = log.read_text(errors="replace")[-3000:] if log.exists() else ""
        return f"{self.settings.home}: expected {what}; the log ends with:\n{said}"


@contextmanager
def make(
    home: Path, *, isolation: str, runtime: str = "runc", workers: int = 2, copies: int = 0
) -> Iterator[Installation]:
    """An installation in this folder, not up yet; everything of it has ended on leaving.

    Args:
        home: a folder that is empty or missing.
        isolation: how its sandboxes are sealed.
        runtime: the engine's runtime.
        workers: how many `up` starts.
        copies: how many more tasks there are of each suite, named `<suite>-<number>`.

    Raises:
        FileInvalid: this engine knows no such isolation.
    """
    tasks = suites.write_catalog(home / "catalog", isolation=isolation, copies=copies)
    for suite in suites.SUITES:
        tasks.task(suite.name)
    environ = {**_ENVIRON, "ASSESSOR_RUNTIME": runtime, "ASSESSOR_WORKERS": str(workers)}
    config = settings.read(environ, home=home, catalog=home / "catalog")
    with ExitStack() as stack:
        parts = stack.enter_context(wiring.parts(config, boxed=False))
        store = stack.enter_context(closing(TimedStore.open(config.database_url)))
        yield stack.enter_context(closing(Installation(config, tasks, parts, store)))


def _docker(*words: str) -> str:
    """What the engine's command line says; nothing where it fails."""
    return subprocess.run(["docker", *words], check=False, capture_output=True, text=True).stdout
