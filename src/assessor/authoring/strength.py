"""How strong the tests are: mutants of the references, and which of them no test noticed.

Comes in: a workbench. Goes out: what became of each mutant, and findings. A mutant is run as learners' work
is, up to the first test that fails. Only Python is mutated; that other work was not measured is told.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from assessor import authored, digest
from assessor.authoring import mutants, trial
from assessor.authoring.finding import Finding, Found
from assessor.authoring.mutants import Mutant
from assessor.authoring.workbench import Workbench
from assessor.sandbox.protocol import Collected, End, Event, Finished, Reason
from assessor.task import Waiver

#: How many mutants of each reference are tried where nothing else is asked for.
MOST = 60


class Fate(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"  #: a test failed
    TIMED_OUT = "timed out"  #: a test failed because the mutant did not come to an end
    SURVIVED = "survived"  #: nobody noticed
    WAIVED = "waived"  #: nobody has to notice


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A mutant that was tried.

    Attributes:
        mutant: which; its path is that in the task's folder.
        fate: what became of it.
        by: the test that noticed, or empty.
        seconds: how long that took.
    """

    mutant: Mutant
    fate: Fate
    by: str
    seconds: float


class _Noticed(Exception):
    """Ends a mutant's run: the rest of it would tell nothing more."""

    def __init__(self, by: str, reason: Reason | None) -> None:
        super().__init__(by)
        self.by = by
        self.reason = reason


def gate(bench: Workbench, *, most: int = MOST) -> Found:
    """Try mutants of every reference.

    Args:
        bench: the task.
        most: how many of each reference, chosen by the reference's own digest: always the same ones.

    Raises:
        FileInvalid: a waiver names a mutant that there is not.
        SandboxFault, ImageFault, EngineMissing: a run could not be made.
    """
    work = {folder: trial.work(bench.task, folder) for folder in bench.references}
    everything = {folder: _mutants(folder, files) for folder, files in work.items()}
    _require_known(bench, [one for found in everything.values() for one in found])
    unmeasured = [folder for folder, found in everything.items() if not found]
    chosen = {folder: _sample(found, most) for folder, found in everything.items()}
    total, judged = sum(map(len, chosen.values())), list[Judged]()
    for folder, found in chosen.items():
        for one in found:
            bench.step(len(judged), total, f"{one.path}:{one.line}: {one.mutation}")
            judged.append(_judge(bench, folder, work[folder], one))
    return _found(bench, judged, unmeasured)


def _found(bench: Workbench, judged: Sequence[Judged], unmeasured: Sequence[str]) -> Found:
    findings = [
        Finding(
            path=bench.where(folder),
            problem="expected Python to make mutants of, got none: the tests' strength was not measured here",
            mend="nothing to do; known-bad work is what shows that the tests see mistakes",
            serious=False,
        )
        for folder in unmeasured
    ]
    fates = Counter(one.fate for one in judged)
    killed = fates[Fate.KILLED] + fates[Fate.TIMED_OUT]
    counted = killed + fates[Fate.SURVIVED]
    at_least = bench.task.strength.at_least
    percent = killed * 100 // counted if counted else 100
    if percent < at_least:
        findings.append(
            Finding(
                path=bench.where("tests"),
                problem=f"expected tests that notice at least {at_least} % of {counted} mutants, "
                f"got {killed}, {percent} %",
                mend="add tests for the survivors below, or waive those that change nothing: strength.waived",
            )
        )
    findings += [
        Finding(
            path=f"tasks/{bench.task.id}/{one.mutant.path}",
            line=one.mutant.line,
            problem=f"nobody noticed that {one.mutant.mutation}",
            mend="add a test that fails by it, or waive it with a reason: strength.waived in task.yaml",
            serious=False,
            detail=one.mutant.diff,
        )
        for one in judged
        if one.fate is Fate.SURVIVED
    ]
    told = f"{killed} of {counted} mutants noticed, {percent} %" if counted else "not measured"
    if fates[Fate.WAIVED]:
        told += f", {fates[Fate.WAIVED]} waived"
    seconds = sum(one.seconds for one in judged if one.fate is not Fate.WAIVED)
    figures = {**{f"mutants {fate.value}": float(fates[fate]) for fate in Fate}, "mutants": float(counted)}
    return Found(findings=tuple(findings), told=told, figures={**figures, "mutant seconds": seconds})


def _mutants(folder: str, files: Mapping[str, bytes]) -> list[Mutant]:
    return [
        one
        for path, source in sorted(files.items())
        if path.endswith(".py")
        for one in mutants.make(f"{folder}/{path}", source)
    ]


def _sample(found: Sequence[Mutant], most: int) -> list[Mutant]:
    if len(found) <= most:
        return list(found)
    seed = digest.sha256(b"".join(sorted({one.original for one in found})))
    chance = random.Random(seed)  # noqa: S311  a choice that can be had again, no secret
    return [found[at] for at in sorted(chance.sample(range(len(found)), most))]


def _judge(bench: Workbench, folder: str, files: Mapping[str, bytes], mutant: Mutant) -> Judged:
    if any(_is_of(waiver, mutant) for waiver in bench.task.strength.waived):
        return Judged(mutant=mutant, fate=Fate.WAIVED, by="", seconds=0.0)
    counted = {test.id for test in bench.frozen.manifest.tests}

    def heard(event: Event) -> None:
        if isinstance(event, Finished) and event.id in counted and not event.passed:
            raise _Noticed(event.id, event.reason)
        if isinstance(event, Collected) and (gone := counted - {test.id for test in event.tests}):
            raise _Noticed(min(gone), None)

    begun = time.monotonic()
    path = mutant.path.removeprefix(f"{folder}/")
    by, fate = "", Fate.SURVIVED
    try:
        made = bench.run({**files, path: mutant.source}, where=bench.where(folder), on_event=heard)
        failed = [one for one in bench.results(made) if not one.passed]
        if failed:  # such as tests that the end of the run came before
            by, fate = failed[0].id, Fate.TIMED_OUT if made.end is End.WALL else Fate.KILLED
    except _Noticed as noticed:
        by = noticed.by
        fate = Fate.TIMED_OUT if noticed.reason is Reason.TIMEOUT else Fate.KILLED
    return Judged(mutant=mutant, fate=fate, by=by, seconds=time.monotonic() - begun)


def _is_of(waiver: Waiver, mutant: Mutant) -> bool:
    return (waiver.file, waiver.line, waiver.mutation) == (mutant.path, mutant.line, mutant.mutation)


def _require_known(bench: Workbench, everything: Sequence[Mutant]) -> None:
    """Refuse waivers of what is no mutant: the reference has changed since, or the words are not ours.

    Raises:
        FileInvalid: there is one; the text has the mutants of its line.
    """
    problems: list[tuple[authored.Loc, str]] = []
    for at, waiver in enumerate(bench.task.strength.waived):
        if any(_is_of(waiver, one) for one in everything):
            continue
        there = [one.mutation for one in everything if (one.path, one.line) == (waiver.file, waiver.line)]
        known = f"there are: {'; '.join(there)}" if there else f"there is none in {waiver.file}:{waiver.line}"
        problems.append(
            (
                ("strength", "waived", at),
                f'expected a mutant of a reference, got "{waiver.mutation}"; {known}',
            )
        )
    if problems:
        document = authored.read(bench.task.files["task.yaml"], f"tasks/{bench.task.id}/task.yaml")
        raise document.all_invalid(problems)
