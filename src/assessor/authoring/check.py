"""The whole check of a task: gates in order, each with what it found.

Comes in: a catalog, a task's id, a sandbox. Goes out: a `Checked`. Steps:

1. static: read it and build its image; what cannot be read or built cannot be run, and is not. Where the lock
   does not fit, the tests are collected: those that cannot be are why it cannot be made anew;
2. proof, attacks, flaky, strength, headroom, leaks: run it; one that fails does not stop those that still
   make sense;
3. brief: read what learners read.

A gate that the author's files break has failed; one that our side could not run is broken. Only an engine
that is not there stops everything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, Protocol

from assessor import catalog
from assessor.authoring import (
    attacks,
    brief,
    finding,
    flaky,
    headroom,
    image,
    leaks,
    proof,
    static,
    strength,
    trial,
)
from assessor.authoring.finding import Finding, Found, Gate, Gated, State
from assessor.authoring.workbench import Workbench
from assessor.errors import AssessorError, AuthorError, EngineMissing, ManifestStale
from assessor.sandbox.protocol import End, Sandbox
from assessor.task import Task

#: Gates that need no sandbox.
WITHOUT_SANDBOX = frozenset({Gate.STATIC, Gate.BRIEF})
#: Gates that make sense only for a task whose references earn full marks.
_OF_SOUND = frozenset({Gate.STRENGTH, Gate.HEADROOM})


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How thoroughly to check.

    Attributes:
        only: which gates; static is always among them, since the others need a task that can be read.
        runs: of each reference in the gate against flakiness, 1 to 100.
        mutants: of each reference, 0 or more.
    """

    only: Collection[Gate] = tuple(Gate)
    runs: int = flaky.RUNS
    mutants: int = strength.MOST

    def needs_sandbox(self) -> bool:
        """Whether anything has to be run."""
        return bool(set(self.only) - WITHOUT_SANDBOX)


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What the check of one task came to.

    Attributes:
        task_id: the task.
        gates: all of them, in order.
    """

    task_id: str
    gates: tuple[Gated, ...]

    @property
    def state(self) -> State:
        """Broken if a gate is, else failed if one is, else passed."""
        states = {one.state for one in self.gates}
        return next((one for one in (State.BROKEN, State.FAILED) if one in states), State.PASSED)

    @property
    def seconds(self) -> float:
        """How long all gates took."""
        return sum(one.seconds for one in self.gates)

    def dump(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {
            "task": self.task_id,
            "state": self.state.value,
            "seconds": round(self.seconds, 3),
            "gates": [one.dump() for one in self.gates],
        }


class Progress(Protocol):
    """Told as it goes."""

    def begin(self, task_id: str, gate: Gate) -> None:
        """A gate begins."""
        ...

    def step(self, done: int, total: int, what: str) -> None:
        """So many of so many steps of the gate are done; what comes next."""
        ...

    def end(self, gated: Gated) -> None:
        """The gate is done."""
        ...


class Silent:
    """Progress that nobody follows."""

    def begin(self, task_id: str, gate: Gate) -> None:
        """Say nothing."""

    def step(self, done: int, total: int, what: str) -> None:
        """Say nothing."""

    def end(self, gated: Gated) -> None:
        """Say nothing."""


def check(
    tasks: catalog.Catalog,
    task_id: str,
    sandbox: Sandbox | None,
    *,
    label: str = "check",
    asked: Asked | None = None,
    progress: Progress | None = None,
) -> Checked:
    """Take a task through the gates.

    Args:
        tasks: holds the task.
        task_id: its id.
        sandbox: runs the work; may be None where no gate that was asked for needs one.
        label: what containers are labelled with, in place of an attempt's id.
        asked: which gates, and how thoroughly; all of them where nothing is said.
        progress: told as it goes.

    Raises:
        NotFound: there is no such task.
        EngineMissing: nothing can be run.
    """
    asked, progress = asked or Asked(), progress or Silent()
    done: list[Gated] = []

    def take(gate: Gate, run: Callable[[], Found]) -> State:
        progress.begin(task_id, gate)
        done.append(_gated(gate, f"tasks/{task_id}", run))
        progress.end(done[-1])
        return done[-1].state

    def skip(gate: Gate, why: str) -> None:
        done.append(Gated(gate=gate, state=State.SKIPPED, found=Found(told=why), seconds=0.0))

    take(Gate.STATIC, lambda: _static(tasks, task_id, sandbox, label))  # 1
    made = all("/Dockerfile" not in one.path for one in done[-1].found.findings)
    bench = _workbench(tasks, task_id, sandbox, label=label, step=progress.step) if made else None
    sound = True
    for gate, run in _RUN.items():  # 2
        if gate not in asked.only:
            skip(gate, "not asked for")
        elif bench is None:
            skip(gate, "the task cannot be run before it can be read, is locked, and its image builds")
        elif gate in _OF_SOUND and not sound:
            skip(gate, "a reference does not earn full marks yet")
        else:
            ready = bench
            take(gate, lambda run=run, ready=ready: run(ready, tasks, asked))  # type: ignore[misc]
        if gate is Gate.PROOF and done[-1].state in (State.FAILED, State.BROKEN):
            sound = not any("/solutions/" in one.path for one in done[-1].found.findings)
    if Gate.BRIEF not in asked.only:  # 3
        skip(Gate.BRIEF, "not asked for")
    elif (task := _readable(tasks, task_id)) is None:
        skip(Gate.BRIEF, "the task cannot be read")
    else:
        seen = [path for path in task.files if not path.startswith("tests/")]
        take(Gate.BRIEF, lambda: brief.gate(task.brief, f"tasks/{task_id}/README.md", seen))
    return Checked(task_id=task_id, gates=tuple(done))


_RUN: dict[Gate, Callable[[Workbench, catalog.Catalog, Asked], Found]] = {
    Gate.PROOF: lambda bench, tasks, _asked: proof.gate(bench, tasks),
    Gate.ATTACKS: lambda bench, _tasks, _asked: attacks.gate(bench),
    Gate.FLAKY: lambda bench, _tasks, asked: flaky.gate(bench, times=asked.runs),
    Gate.STRENGTH: lambda bench, _tasks, asked: strength.gate(bench, most=asked.mutants),
    Gate.HEADROOM: lambda bench, _tasks, _asked: headroom.gate(bench),
    Gate.LEAKS: lambda bench, _tasks, _asked: leaks.gate(bench),
}


def _static(tasks: catalog.Catalog, task_id: str, sandbox: Sandbox | None, label: str) -> Found:
    try:
        found = static.gate(tasks, task_id)
    except ManifestStale as stale:
        if sandbox is None:
            raise
        task = tasks.task(task_id)
        findings = image.findings(task, sandbox, tasks.root) or _unlockable(tasks, task, sandbox, label)
        if not findings:
            raise
        return Found(findings=findings, told=str(stale))
    if sandbox is None:
        return found
    unmade = image.findings(tasks.task(task_id), sandbox, tasks.root)
    return replace(found, findings=(*found.findings, *unmade))


def _unlockable(tasks: catalog.Catalog, task: Task, sandbox: Sandbox, label: str) -> tuple[Finding, ...]:
    """Why a task without a lock can have none: test files that a reference could not be tested with, or a run
    that came to no end."""
    if not task.solutions:
        return ()
    folder = f"solutions/{task.solutions[0]}"
    made = trial.run(
        trial.unlocked(tasks, task),
        trial.work(task, folder),
        where=f"tasks/{task.id}/{folder}",
        sandbox=sandbox,
        label=label,
    )
    if made.end is not End.COMPLETE:
        return (
            Finding(
                path=made.where,
                problem="expected a run that comes to its end within the task's limits, got the end "
                f"{made.end.value}",
                mend="let the tests ask for less, and keep and print less",
            ),
        )
    return tuple(proof.uncollected([made], tests=f"tasks/{task.id}/tests"))


def _gated(gate: Gate, path: str, run: Callable[[], Found]) -> Gated:
    begun = time.monotonic()
    try:
        found = run()
        state = State.FAILED if any(one.serious for one in found.findings) else State.PASSED
    except EngineMissing:
        raise
    except AuthorError as error:
        found, state = Found(findings=finding.of_error(error, path)), State.FAILED
    except RecursionError:
        # Python reads deeper trees than whoever walks them in Python can follow: a file's fault, not ours.
        deep = Finding(
            path=path,
            problem="expected Python that can be looked through, got expressions that are nested too deeply",
            mend="write a long sum or chain of calls as several statements, or read it from a file",
        )
        found, state = Found(findings=(deep,)), State.FAILED
    except AssessorError as error:
        found, state = Found(findings=finding.of_error(error, path)), State.BROKEN
    return Gated(gate=gate, state=state, found=found, seconds=time.monotonic() - begun)


def _workbench(
    tasks: catalog.Catalog,
    task_id: str,
    sandbox: Sandbox | None,
    *,
    label: str,
    step: Callable[[int, int, str], None],
) -> Workbench | None:
    if sandbox is None:
        return None
    try:
        task = tasks.task(task_id)
        frozen = catalog.thaw(catalog.freeze(tasks, task_id))
    except AuthorError:
        return None  # the static gate told why
    # Results are made for the rubric and the lock as they were frozen; the folder is the author's.
    frozen = replace(frozen, task=replace(frozen.task, folder=task.folder))
    return Workbench(task=task, frozen=frozen, sandbox=sandbox, label=label, step=step)


def _readable(tasks: catalog.Catalog, task_id: str) -> Task | None:
    try:
        return tasks.task(task_id)
    except AuthorError:
        return None
