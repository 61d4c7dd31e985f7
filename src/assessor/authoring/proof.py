"""The proof as a gate: references earn full marks, the starter less, known-bad work fails where it should.

Comes in: a workbench. Goes out: findings for what `prove` finds, and, once each, for test files that could
not be collected: they explain everything else. The runs stay on the bench for the gates that follow.
"""

from __future__ import annotations

from collections.abc import Iterable

from assessor import catalog
from assessor.authoring import prove
from assessor.authoring.finding import Finding, Found
from assessor.authoring.prove import Tried
from assessor.authoring.trial import Trial
from assessor.authoring.workbench import Workbench


def gate(bench: Workbench, tasks: catalog.Catalog) -> Found:
    """Try all the work that lies beside a task.

    Raises:
        FileInvalid: an expect.yaml or a piece of work is wrong.
        SandboxFault, ImageFault, EngineMissing: a run could not be made.
    """
    done = 0
    total = len(bench.references) + len(bench.others)

    def tried(one: Tried) -> None:
        nonlocal done
        done += 1
        bench.step(done, total, one.folder)

    proof = prove.prove(
        tasks,
        bench.task.id,
        bench.sandbox,
        label=bench.label,
        on_tried=tried,
        on_trial=bench.runs.__setitem__,
    )
    findings = uncollected((bench.runs[folder] for folder in bench.references), tests=bench.where("tests"))
    for piece in proof.tried:
        findings += [
            Finding(path=bench.where(piece.folder), problem=problem, mend=_mend(piece.folder))
            for problem in piece.problems
        ]
    return Found(findings=tuple(findings), told=f"{done} pieces of work", figures={"work": float(done)})


def uncollected(runs: Iterable[Trial], *, tests: str) -> list[Finding]:
    """Test files that even references could not be tested with, each once.

    Args:
        runs: of the references.
        tests: the tests folder as the author knows it.
    """
    found = {one.detail: one for made in runs for one in made.uncollected}
    return [
        Finding(
            path=f"{tests}/{one.path}" if one.path else tests,
            line=one.line,
            problem=f"expected a file that can be collected, got: {one.problem}",
            mend="mend the import or the parametrize that it names",
            detail=one.detail,
        )
        for _, one in sorted(found.items())
    ]


def _mend(folder: str) -> str:
    kind = folder.split("/")[0]
    return {
        "solutions": "mend the reference or the test; a test must hold for every right solution",
        "starter": "take out of the starter what is asked for, or test more of it",
        "faulty": "mend the test so that it sees this mistake alone, or say in expect.yaml what fails",
    }[kind]
