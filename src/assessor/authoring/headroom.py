"""Whether the limits leave room: the slowest reference needs at most a third of each limit of time.

Comes in: a workbench, with the references' runs. Goes out: findings. A run that is too slow is made once more
and its better time counts: the machine may have been busy. What a call took is not known, only what a whole
test took: one that took longer than its calls should is told, and fails nothing. Memory is not measured.
"""

from __future__ import annotations

from assessor.authoring import trial
from assessor.authoring.finding import Finding, Found
from assessor.authoring.trial import Trial
from assessor.authoring.workbench import Workbench
from assessor.sandbox.protocol import Ended, Finished

#: The share of a limit that references may need is one of so many.
SHARE = 3


def gate(bench: Workbench) -> Found:
    """Compare the references' times with the task's limits.

    Raises:
        FileInvalid: a reference could not be handed in.
        SandboxFault, ImageFault, EngineMissing: a run could not be made.
    """
    limits, yaml = bench.task.limits, f"tasks/{bench.task.id}/task.yaml"
    findings, walls = [], []
    for at, folder in enumerate(bench.references):
        bench.step(at, len(bench.references), folder)
        made = bench.trial(folder)
        wall = _wall_ms(made)
        if wall * SHARE > limits.wall_s * 1000:
            files = trial.work(bench.task, folder)
            made = min(made, bench.run(files, where=bench.where(folder)), key=_wall_ms)
            wall = _wall_ms(made)
        walls.append(wall)
        if wall * SHARE > limits.wall_s * 1000:
            findings.append(
                Finding(
                    path=yaml,
                    problem=f"limits: expected at least {SHARE} times the time of {folder}, {wall} ms, as "
                    f"wall_s, got {limits.wall_s}",
                    mend=f"set wall_s to {-(-wall * SHARE // 1000)} or more, or make the tests faster",
                )
            )
        slow = max(
            (event for event in made.events if isinstance(event, Finished)),
            key=lambda event: event.duration_ms,
            default=None,
        )
        if slow is not None and slow.duration_ms * SHARE > limits.call_s * 1000:
            findings.append(
                Finding(
                    path=yaml,
                    problem=f"limits: {slow.id} took {slow.duration_ms} ms with {folder}; if one call took "
                    f"most of that, call_s, {limits.call_s}, is less than {SHARE} times that",
                    mend="see how long its calls take, and set call_s to three times the longest",
                    serious=False,
                )
            )
    slowest = max(walls, default=0)
    share = slowest * 100 // (limits.wall_s * 1000)
    return Found(
        findings=tuple(findings),
        told=f"{slowest} ms of {limits.wall_s} s, {share} %; memory is not measured",
        figures={"slowest ms": float(slowest)},
    )


def _wall_ms(made: Trial) -> int:
    ended = [event.wall_ms for event in made.events if isinstance(event, Ended)]
    return ended[-1] if ended else 10**9  # it came to no end: longer than any limit
