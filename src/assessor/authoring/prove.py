"""The proof of a task: its references earn full marks, its starter does not, its known-bad work fails where
the author says and nowhere else.

Comes in: a locked task. Goes out: a `Proof`, one line for each piece of work. A task without references or
without known-bad work proves nothing and is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from assessor import catalog, inspector, report, results, scoring
from assessor.authoring import expect, trial
from assessor.authoring.expect import Expectation
from assessor.authoring.trial import Trial
from assessor.errors import FileInvalid
from assessor.inspection import CheckResult
from assessor.manifest import Manifest
from assessor.rubric import Rubric
from assessor.sandbox.protocol import Sandbox

#: How many ids a problem names.
_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Tried:
    """One piece of work, judged.

    Attributes:
        folder: path in the task's folder (`faulty/sorts-in-place`).
        summary: what is wrong with it, as its author says; empty for references and the starter.
        criteria: share of full marks by criterion that tests or static checks score, 0 to 1, in the rubric's
            order.
        failed: ids of the tests that failed, in the manifest's order.
        unmet: static checks that did not pass, as `criterion/check`, in the rubric's order.
        problems: what is not as it must be; empty when all is.
    """

    folder: str
    summary: str
    criteria: dict[str, Fraction]
    failed: tuple[str, ...]
    problems: tuple[str, ...]
    unmet: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What the trials of one task came to.

    Attributes:
        task_id: the task.
        digest: of the task that was tried.
        tried: references, the starter, then known-bad work; at least one reference and one known-bad.
    """

    task_id: str
    digest: str
    tried: tuple[Tried, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that is not as it must be, with its folder."""
        return tuple(
            f"tasks/{self.task_id}/{one.folder}: {problem}" for one in self.tried for problem in one.problems
        )

    def require(self) -> None:
        """Accept the proof.

        Raises:
            FileInvalid: something is not as it must be; the text has every problem, one a line.
        """
        if self.problems:
            first, *rest = [
                (f"tasks/{self.task_id}/{one.folder}", problem)
                for one in self.tried
                for problem in one.problems
            ]
            more = "".join(f"\n{path}: {problem}" for path, problem in rest)
            raise FileInvalid(first[0], first[1] + more)


def prove(
    tasks: catalog.Catalog,
    task_id: str,
    sandbox: Sandbox,
    *,
    label: str = "prove",
    on_tried: Callable[[Tried], None] = lambda _: None,
    on_trial: Callable[[str, Trial], None] = lambda _folder, _trial: None,
) -> Proof:
    """Try all the work that an author put beside a task.

    Args:
        tasks: holds the task.
        task_id: its id.
        sandbox: runs the work.
        label: what containers are labelled with, in place of an attempt's id.
        on_tried: called with each piece of work as it is done.
        on_trial: called before that with its folder and its run, for what looks further into it.

    Raises:
        NotFound: there is no such task.
        FileInvalid: the task, an expect.yaml or a piece of work is wrong, or there is nothing to prove with.
        ManifestStale: the lock is missing or does not fit.
        SandboxFault, ImageFault, EngineMissing, ToolMissing: a run could not be made.
    """
    task = tasks.task(task_id)
    frozen = catalog.thaw(catalog.freeze(tasks, task_id))
    for kind, names in (("solutions", task.solutions), ("faulty", task.faulty)):
        if not names:
            raise FileInvalid(f"tasks/{task_id}/{kind}", "expected at least one folder of work, got none")
    # All files are read and checked before the first run, so that a slip costs no minutes.
    expected = {
        f"faulty/{name}": _expectation(tasks, task_id, name, frozen.rubric, frozen.manifest)
        for name in task.faulty
    }
    folders = [f"solutions/{name}" for name in task.solutions]
    folders += ["starter"] if task.starter else []
    work = {folder: trial.work(task, folder) for folder in (*folders, *expected)}
    tried = []
    for folder, files in work.items():
        made = trial.run(frozen, files, where=f"tasks/{task_id}/{folder}", sandbox=sandbox, label=label)
        on_trial(folder, made)
        folded = results.fold(frozen.manifest, made.events, made.end)
        looked = inspector.inspect(frozen.rubric, files)
        found = judge(
            folder,
            folded,
            frozen.rubric,
            expected.get(folder),
            () if looked is None else looked.results,
            starter_at_most=task.starter_at_most,
        )
        tried.append(found)
        on_tried(found)
    return Proof(task_id=task_id, digest=task.digest, tried=tuple(tried))


def judge(
    folder: str,
    folded: tuple[results.TestResult, ...],
    rubric: Rubric,
    expected: Expectation | None,
    checks: tuple[CheckResult, ...] = (),
    *,
    starter_at_most: int | None = None,
) -> Tried:
    """What a piece of work came to, against what it has to.

    Args:
        folder: path in the task's folder; its first part says what kind of work it is.
        folded: its results.
        rubric: scores them.
        expected: what must fail, for known-bad work.
        checks: what static checks came to, where the rubric has some.
        starter_at_most: percent of the whole that the starter may earn; None where the task does not say.
    """
    assessment = scoring.score(rubric, folded, checks=checks)
    criteria = {
        one.criterion_id: one.fraction or Fraction(0)
        for one in assessment.criteria
        if one.given_by is not scoring.GivenBy.REVIEW
    }
    told = [(result.id, _why(result)) for result in folded if not result.passed]
    failed = tuple(name for name, _ in told)
    unmet = tuple(f"{check.criterion}/{check.id}" for check in checks if not check.passed)
    lost = [name for name, fraction in criteria.items() if fraction < 1]
    if expected is not None:
        problems = _against(expected, lost, failed, unmet)
        if expected.failures is not None and told:
            problems += expected.failures.against(told)
    elif folder == "starter":
        problems = _of_starter(rubric, criteria, lost, starter_at_most)
    else:
        problems = (
            [f"expected full marks, got failed: {_names(failed)}; the first by {told[0][1]}"] if told else []
        )
        problems += [_unmet(check) for check in checks if not check.passed]
    return Tried(
        folder=folder,
        summary=expected.summary if expected else "",
        criteria=criteria,
        failed=failed,
        problems=tuple(problems),
        unmet=unmet,
    )


def _against(
    expected: Expectation, lost: list[str], failed: tuple[str, ...], unmet: tuple[str, ...]
) -> list[str]:
    problems = []
    if set(lost) != expected.criteria:
        problems.append(
            f"expected points lost in {_names(sorted(expected.criteria))} alone, got: {_names(lost)}"
        )
    if expected.tests is not None:
        passed = sorted(expected.tests - set(failed))
        more = [name for name in failed if name not in expected.tests]
        if passed:
            problems.append(f"expected to fail, got passed: {_names(passed)}")
        if more:
            problems.append(f"expected to pass, got failed: {_names(more)}")
    if expected.static is not None:
        named = {"/".join(one) for one in expected.static}
        if named != set(unmet):
            problems.append(
                f"expected static checks not to pass: {_names(sorted(named))}, got: {_names(unmet)}"
            )
    return problems


def _unmet(check: CheckResult) -> str:
    first = check.findings[0]
    more = (
        f" (and {len(check.findings) - 1 + check.more} more)" if len(check.findings) + check.more > 1 else ""
    )
    return (
        f"expected full marks, got the static check {check.criterion}/{check.id} not passed: "
        f"{first.path}:{first.line}: {first.rule}: {first.sentence}{more}"
    )


def _of_starter(
    rubric: Rubric, criteria: dict[str, Fraction], lost: list[str], at_most: int | None
) -> list[str]:
    """A starter that works may pass every test where its author says so and a reviewer gives the rest."""
    if at_most is None:
        return [] if lost else ["expected less than full marks, got full marks"]
    weights = {one.id: one.weight for one in rubric.criteria}
    earned = sum((share * weights[name] for name, share in criteria.items()), Fraction(0))
    if earned <= at_most:
        return []
    return [
        f"expected at most {at_most} % of the whole, as starter.at_most says, "
        f"got {report.percent(earned / 100)}"
    ]


def _why(result: results.TestResult) -> str:
    """Reason and first line of the message, as `Trial.failures` tells them."""
    first = next((line for line in result.message.splitlines() if line.strip()), "")
    reason = result.reason.value if result.reason else "failed"
    return f"{reason}: {first}" if first else reason


def _expectation(
    tasks: catalog.Catalog, task_id: str, name: str, rubric: Rubric, manifest: Manifest
) -> Expectation:
    folder = tasks.task(task_id).folder
    assert folder is not None, f"task {task_id}: expected one from a catalog, got one from a snapshot"
    shown = f"tasks/{task_id}/faulty/{name}"
    files = catalog.read_folder(folder / "faulty" / name, shown=shown)
    if trial.EXPECT not in files:
        raise FileInvalid(f"{shown}/{trial.EXPECT}", "expected what this work must fail, got nothing")
    return expect.load(files[trial.EXPECT], f"{shown}/{trial.EXPECT}", rubric=rubric, manifest=manifest)


def _names(names: list[str] | tuple[str, ...]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown or "none"
