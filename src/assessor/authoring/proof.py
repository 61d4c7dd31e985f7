"""The proof as a gate: references earn full marks, the starter less, known-bad work fails where it should.

Comes in: a workbench. Goes out: findings for what `prove` finds, and, once each, for test files that could
not be collected: they explain everything else. The runs stay on the bench for the gates that follow.
"""

from __future__ import annotations

import re

from assessor import catalog
from assessor.authoring import prove
from assessor.authoring.finding import Finding, Found
from assessor.authoring.prove import Tried
from assessor.authoring.workbench import Workbench

_LINE = re.compile(r"^(?:E\s+File \".*?/)?(?P<path>[\w./-]+\.py)\"?(?::|, line )(?P<line>\d+)", re.MULTILINE)


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
    findings = _uncollected(bench)
    for piece in proof.tried:
        findings += [
            Finding(path=bench.where(piece.folder), problem=problem, mend=_mend(piece.folder))
            for problem in piece.problems
        ]
    return Found(findings=tuple(findings), told=f"{done} pieces of work", figures={"work": float(done)})


def _uncollected(bench: Workbench) -> list[Finding]:
    """Test files that even a reference could not be tested with."""
    texts = {text for folder in bench.references for text in bench.runs[folder].errors}
    findings = []
    for text in sorted(texts):
        name, _, why = text.partition(": ")
        place = next((one for one in _LINE.finditer(why) if one["path"].endswith(name)), None)
        last = next((line for line in reversed(why.splitlines()) if line.startswith("E ")), why)
        findings.append(
            Finding(
                path=bench.where(f"tests/{name}"),
                line=int(place["line"]) if place else None,
                problem=f"expected a file that can be collected, got: {last.removeprefix('E').strip()}",
                mend="mend the import or the parametrize that it names",
                detail=why,
            )
        )
    return findings


def _mend(folder: str) -> str:
    kind = folder.split("/")[0]
    return {
        "solutions": "mend the reference or the test; a test must hold for every right solution",
        "starter": "take out of the starter what is asked for, or test more of it",
        "faulty": "mend the test so that it sees this mistake alone, or say in expect.yaml what fails",
    }[kind]
