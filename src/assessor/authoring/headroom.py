"""Whether the limits leave room: the slowest reference needs at most a third of each limit of time.

Comes in: a workbench, with the references' runs. Goes out: findings. A run that is too slow is made once more
and its better times count: the machine may have been busy. A call is one over the bridge, one run of a
program, or one request to a service, whichever took longest. Memory is not measured.
"""

from __future__ import annotations

from assessor.authoring import trial
from assessor.authoring.finding import Finding, Found
from assessor.authoring.trial import Trial
from assessor.authoring.workbench import Workbench
from assessor.sandbox.protocol import Ended

#: The share of a limit that references may need is one of so many.
SHARE = 3


def gate(bench: Workbench) -> Found:
    """Compare the references' times with the task's limits.

    Raises:
        FileInvalid: a reference could not be handed in.
        SandboxFault, ImageFault, EngineMissing: a run could not be made.
    """
    limits, yaml = bench.task.limits, f"tasks/{bench.task.id}/task.yaml"
    findings, walls, calls = [], [], []
    for at, folder in enumerate(bench.references):
        bench.step(at, len(bench.references), folder)
        made = bench.trial(folder)
        wall = _wall_ms(made)
        if wall * SHARE > limits.wall_s * 1000 or _call_ms(made) * SHARE > limits.call_s * 1000:
            files = trial.work(bench.task, folder)
            again = bench.run(files, where=bench.where(folder))
            made = min(made, again, key=lambda one: (_call_ms(one), _wall_ms(one)))
            wall = min(wall, _wall_ms(again))
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
        longest = _call_ms(made)
        calls.append(longest)
        if longest * SHARE > limits.call_s * 1000:
            findings.append(
                Finding(
                    path=yaml,
                    problem=f"limits: expected at least {SHARE} times the longest call of {folder}, "
                    f"{longest} ms, as call_s, got {limits.call_s}",
                    mend=f"set call_s to {-(-longest * SHARE // 1000)} or more, or ask for less in one call",
                )
            )
    slowest = max(walls, default=0)
    share = slowest * 100 // (limits.wall_s * 1000)
    return Found(
        findings=tuple(findings),
        told=f"{slowest} ms of {limits.wall_s} s, {share} %; longest call {max(calls, default=0)} ms of "
        f"{limits.call_s} s; memory is not measured",
        figures={"slowest ms": float(slowest), "longest call ms": float(max(calls, default=0))},
    )


def _wall_ms(made: Trial) -> int:
    ended = [event.wall_ms for event in made.events if isinstance(event, Ended)]
    return ended[-1] if ended else 10**9  # it came to no end: longer than any limit


def _call_ms(made: Trial) -> int:
    return max((event.longest_call_ms for event in made.events if isinstance(event, Ended)), default=0)
