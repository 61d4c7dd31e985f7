"""Measures `assessor tasks check`: seconds per task, per gate and per mutant; its part of bench/results.md.

Usage: python bench/authoring.py [TASK...] [--runs N] [--mutants N]

Every gate runs as the command line runs it, in Docker, one task after the other. A mutant's time is that of
its run up to the first test that fails; survivors take a whole run.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import figures

from assessor import catalog
from assessor.authoring import check, flaky, strength
from assessor.authoring.check import Asked, Checked
from assessor.authoring.finding import Gate
from assessor.sandbox.docker import Docker
from assessor.sandbox.processors import Processors

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Check the tasks, print and write the figures; 1 where a task did not pass."""
    parser = argparse.ArgumentParser()
    parser.add_argument("tasks", nargs="*")
    parser.add_argument("--runs", type=int, default=flaky.RUNS)
    parser.add_argument("--mutants", type=int, default=strength.MOST)
    asked = parser.parse_args()
    tasks = catalog.load(ROOT)
    how = Asked(runs=asked.runs, mutants=asked.mutants)
    checks = []
    with tempfile.TemporaryDirectory() as locks:
        box = Docker(root=ROOT, owner=f"bench-{time.time_ns()}", processors=Processors(Path(locks)))
        try:
            for name in asked.tasks or tasks.ids():
                checks.append(check.check(tasks, name, box, label=f"bench-{name}", asked=how))
                print(f"{name}: {checks[-1].state}, {checks[-1].seconds:.1f} s", flush=True)
                for one in (one for gated in checks[-1].gates for one in gated.found.findings):
                    print(f"  {one}", flush=True)
        finally:
            box.close()
    report = render(checks, how)
    figures.write("authoring", report)
    print("\n".join(report))
    return 0 if all(one.state is check.State.PASSED for one in checks) else 1


def render(checks: Sequence[Checked], how: Asked) -> list[str]:
    """The figures as Markdown."""
    gates = [gate for gate in Gate if gate not in check.WITHOUT_SANDBOX]
    head = ["task", "seconds", *(gate.value for gate in gates), "mutants", "noticed", "seconds a mutant"]
    return [
        "## Checks of tasks",
        "",
        figures.machine() + ".",
        "",
        f"`assessor tasks check`, {how.runs} runs and {how.mutants} mutants of each reference; seconds.",
        "",
        *figures.table(head, [_row(one, gates) for one in checks]),
        "",
        f"Median of all tasks: {statistics.median(one.seconds for one in checks):.0f} s a task.",
    ]


def _row(checked: Checked, gates: Sequence[Gate]) -> list[str]:
    by_gate = {one.gate: one for one in checked.gates}
    measured = by_gate[Gate.STRENGTH].found.figures
    mutants = measured.get("mutants", 0)
    noticed = measured.get("mutants killed", 0) + measured.get("mutants timed out", 0)
    return [
        checked.task_id,
        f"{checked.seconds:.1f}",
        *(f"{by_gate[gate].seconds:.1f}" for gate in gates),
        f"{mutants:.0f}",
        f"{noticed / mutants:.0%}" if mutants else "",
        f"{measured['mutant seconds'] / mutants:.2f}" if mutants else "",
    ]


if __name__ == "__main__":
    raise SystemExit(main())
