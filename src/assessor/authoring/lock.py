"""The lock of a task: which tests count, found out by running the references.

Comes in: a task with references. Goes out: its `Manifest`; `write` puts it beside the tests. Steps:

1. run every reference twice, under different hash seeds;
2. refuse what could not be collected or did not come to its end;
3. refuse ids that differ between any two runs, naming the test whose parameters move;
4. refuse tests that a reference fails: a test that no correct work passes would never count, in silence;
5. resolve the marks.
"""

from __future__ import annotations

from collections.abc import Sequence

from assessor import catalog, manifest
from assessor.authoring import trial, version
from assessor.authoring.trial import Trial
from assessor.errors import FileInvalid
from assessor.manifest import Manifest
from assessor.sandbox.protocol import End, Sandbox
from assessor.task import Task

#: Hash seeds of a reference's two runs. The first is that of learners' runs.
HASH_SEEDS = (0, 4242)
#: How many ids an error names.
_SHOWN = 3


def lock(tasks: catalog.Catalog, task_id: str, sandbox: Sandbox, *, label: str = "lock") -> Manifest:
    """The manifest of a task, from running its references.

    Args:
        tasks: holds the task.
        task_id: its id.
        sandbox: runs the references.
        label: what containers are labelled with, in place of an attempt's id.

    Raises:
        NotFound: there is no such task.
        FileInvalid: the task, a reference or the tests are wrong; the text says which and how.
        SandboxFault, ImageFault, EngineMissing: a run could not be made.
    """
    task = tasks.task(task_id)
    if not task.solutions:
        raise FileInvalid(f"tasks/{task_id}/solutions", "expected at least one reference, got none")
    frozen = trial.unlocked(tasks, task)
    trials = []  # 1
    for name in task.solutions:
        files = trial.work(task, f"solutions/{name}")
        where = f"tasks/{task_id}/solutions/{name}"
        for hash_seed in HASH_SEEDS:
            made = trial.run(frozen, files, where=where, sandbox=sandbox, label=label, hash_seed=hash_seed)
            _require_whole(made, task)  # 2
            trials.append(made)
    _require_same(trials, task)  # 3
    for made in trials:
        _require_passed(made)  # 4
    return manifest.make(  # 5
        [
            manifest.Marked(
                id=test.id,
                group=test.group,
                criterion=test.criterion,
                points=test.points,
                visible=test.visible,
            )
            for test in trials[0].tests
        ],
        rubric=frozen.rubric,
        tests_digest=task.tests_digest,
        path=f"tasks/{task_id}/tests",
    )


def write(task: Task, made: Manifest) -> None:
    """Put the manifest into the folder of the task, as it was read; whole or not at all.

    Raises:
        FileInvalid: somebody has locked it since it was read, or it cannot be written.
    """
    version.write(task, "manifest.json", made.dump())


def _require_whole(made: Trial, task: Task) -> None:
    if made.uncollected:
        one, where = made.uncollected[0], f"tasks/{task.id}/tests"
        raise FileInvalid(
            f"{where}/{one.path}" if one.path else where,
            f"expected tests that can be collected, got: {one.problem}",
            line=one.line,
        )
    if made.end is not End.COMPLETE:
        raise FileInvalid(
            made.where,
            f"expected a run that comes to its end within the task's limits, got the end {made.end.value}",
        )


def _require_same(trials: Sequence[Trial], task: Task) -> None:
    """Refuse ids that are not in every run, and orders that differ."""
    first = trials[0]
    for other in trials[1:]:
        mine, theirs = [test.id for test in first.tests], [test.id for test in other.tests]
        if mine == theirs:
            continue
        moved = [test for test in (*first.tests, *other.tests) if (test.id in mine) != (test.id in theirs)]
        if not moved:
            raise FileInvalid(
                f"tasks/{task.id}/tests", "expected the same order of tests in every run, got two orders"
            )
        ids = [test.id for test in moved if test.group == moved[0].group]
        raise FileInvalid(
            f"tasks/{task.id}/tests/{moved[0].group}",
            f"expected the same ids in every run, got ids that move: {', '.join(ids[:_SHOWN])}; "
            "give its parametrize a list in a fixed order (not a set), and values or ids= without addresses",
        )


def _require_passed(made: Trial) -> None:
    failures = made.failures
    if failures:
        (name, why), more = next(iter(failures.items())), len(failures) - 1
        rest = f" (and {more} more)" if more else ""
        raise FileInvalid(
            made.where, f"expected a reference that passes every test, got {name} failed{rest}: {why}"
        )
