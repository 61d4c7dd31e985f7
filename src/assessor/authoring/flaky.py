"""Whether every run of a task says the same.

Comes in: a workbench. Goes out: an error for each test that two runs of one piece of work disagree about.
References are run several times, each time under another hash seed, with the tests in another order, with
other examples of the properties, and every second time beside processes that keep every processor busy. The
starter and known-bad work are run once more, with the order and the examples that learners' runs have: what
they fail may depend on these (state that is kept from test to test may be the very mistake), but not on hash
seeds or load.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence

from assessor.authoring import trial
from assessor.authoring.finding import Finding, Found
from assessor.authoring.trial import Trial
from assessor.authoring.workbench import Workbench
from assessor.sandbox.protocol import End

#: How often each reference is run where nothing else is asked for.
RUNS = 5
#: Keeps a processor busy for as long as the process that started it lives, however that one ends.
_BUSY = "import os, sys\nwhile os.getppid() == int(sys.argv[1]): sum(range(10_000))"
_PRIME = 7919


def gate(bench: Workbench, *, times: int = RUNS) -> Found:
    """Run everything again, in other circumstances.

    Args:
        bench: the task.
        times: runs of each reference, the plain one included; 1 or more.

    Raises:
        FileInvalid: work could not be handed in.
        SandboxFault, ImageFault, EngineMissing: a run could not be made.
    """
    told: dict[str, list[tuple[str, Trial]]] = {}
    total = len(bench.references) * times + len(bench.others) * min(2, times)
    done = 0

    def add(folder: str, how: str, made: Trial) -> None:
        nonlocal done
        done += 1
        told.setdefault(folder, []).append((how, made))
        bench.step(done, total, f"{folder}, {how}")

    for folder in (*bench.references, *(bench.others if times > 1 else ())):
        add(folder, "as learners' work is run", bench.trial(folder))
    for turn in range(1, times):  # places that wait are fit for one hash seed: so all work in each turn
        folders = (*bench.references, *(bench.others if turn == 1 else ()))
        with _load() if turn % 2 else contextlib.nullcontext():
            for folder in folders:
                reference = folder in bench.references
                made = bench.run(
                    trial.work(bench.task, folder),
                    where=bench.where(folder),
                    hash_seed=turn * _PRIME,
                    shuffle=turn if reference else None,
                    seed=(bench.frozen.task.seed + turn) % 2**64 if reference else None,
                )
                add(folder, _how(turn, reference=reference), made)
    findings = [one for folder, runs in told.items() for one in _differences(bench, folder, runs)]
    return Found(findings=tuple(findings), told=f"{done} runs", figures={"runs": float(done)})


def _how(turn: int, *, reference: bool) -> str:
    more = f", order {turn}, hypothesis seed + {turn}" if reference else ""
    busy = ", busy processors" if turn % 2 else ""
    return f"hash seed {turn * _PRIME}{more}{busy}"


def _differences(bench: Workbench, folder: str, runs: Sequence[tuple[str, Trial]]) -> Iterator[Finding]:
    outcomes: dict[str, list[tuple[str, bool, str]]] = defaultdict(list)
    for how, made in runs:
        if made.end is not End.COMPLETE:
            how += f" (ended by {made.end.value})"
        for one in bench.results(made):
            outcomes[one.id].append((how, one.passed, one.message))
    for test, seen in outcomes.items():
        failed = [one for one in seen if not one[1]]
        if not failed or len(failed) == len(seen):
            continue
        how, _, message = failed[0]
        yield Finding(
            path=f"{bench.where('tests')}/{test}",
            problem=f"expected the same outcome in every run of {folder}, got failed in {len(failed)} of "
            f"{len(seen)}, first with {how}: {message.splitlines()[0] if message else 'no message'}",
            mend="let it depend on nothing but the work: no order of a set, no clock, no state of "
            "another test, and a property only where it holds for every example",
        )


@contextlib.contextmanager
def _load() -> Iterator[None]:
    """Every processor busy, with processes of ours that end with this."""
    busy = [
        subprocess.Popen([sys.executable, "-I", "-S", "-c", _BUSY, str(os.getpid())])
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
        for process in busy:
            process.wait()
