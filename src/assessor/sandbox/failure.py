"""Whose fault an end is: what was seen of both containers -> how the run ended, or a fault of ours.

Pure. Nothing that the learner's side says or leaves out can make a fault of ours here: where both sides
could be meant, the run counts. One thing is given the benefit of the doubt, once: a learner's container that
is gone without a reason that can be named (`End.LEARNER_LOST`) is tried again by the pipeline.

| grader | learner's container | what it is |
| --- | --- | --- |
| sent its end | runs, or exited 0, or was killed after that | complete |
| sent its end | out of memory, first process gone | memory |
| sent its end | gone before that | learner-lost |
| time was up | any | wall |
| gone, out of memory, after the start messages | any | grader-memory |
| gone otherwise, or out of memory before them | any | fault of ours |
"""

from __future__ import annotations

from dataclasses import dataclass

from assessor.errors import SandboxFault
from assessor.sandbox.protocol import End

#: What a process leaves that was killed with SIGKILL. Source: POSIX shells' 128 + signal.
KILLED = 137


@dataclass(frozen=True, kw_only=True)
class Remains:
    """What the engine says of a container.

    Attributes:
        running: whether it runs.
        exit_code: what its first process left, 0 where it runs.
        oom: whether the kernel ended any of its processes for want of memory.
        problem: the engine's own words about it, or empty.
    """

    running: bool
    exit_code: int = 0
    oom: bool = False
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was seen of a run by the time that nothing more will come.

    Attributes:
        ended: the grader sent its end event.
        started: the start messages were sent: the submission may have run.
        wall: the time of the whole run was up.
        grader: what is left of the grader.
        learner: what is left of the learner's side, looked at no later than the end event came.
        words: the last of what the grader wrote on standard error.
    """

    ended: bool
    started: bool
    wall: bool
    grader: Remains
    learner: Remains
    words: str = ""


def judge(seen: Seen) -> End:
    """How the run ended.

    Raises:
        SandboxFault: in a way that the submission cannot cause.
    """
    if seen.ended:
        return _after_end(seen.learner)
    if seen.wall:
        return End.WALL
    if seen.started and seen.grader.oom and not seen.grader.running:
        return End.GRADER_MEMORY
    state = "it still runs" if seen.grader.running else f"status {seen.grader.exit_code}"
    oom = ", out of memory" if seen.grader.oom else ""
    engine = f", engine: {seen.grader.problem}" if seen.grader.problem else ""
    words = f", last words: {seen.words.strip()[-2000:]}" if seen.words.strip() else ""
    raise SandboxFault(
        f"grader: expected its end event, got the end of its output ({state}{oom}{engine}){words}"
    )


def _after_end(learner: Remains) -> End:
    if learner.running or learner.exit_code == 0:
        return End.COMPLETE
    # The counter moves for any process of the container; only with the first one gone did the container go.
    return End.MEMORY if learner.oom and learner.exit_code == KILLED else End.LEARNER_LOST
