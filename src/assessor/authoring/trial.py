"""Trials: an author's own work, run exactly as a learner's would be, with nothing stored and nothing signed.

Comes in: a task and a folder of work in it. Goes out: what the grader collected and what each test did.
What a trial has to come to is left to `lock` and `prove`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from assessor import catalog, pipeline, results
from assessor.errors import FileInvalid
from assessor.manifest import Manifest
from assessor.sandbox.protocol import Collected, CollectedTest, End, Event, Finished, Sandbox
from assessor.task import Task

#: What lies beside known-bad work and is no part of it.
EXPECT = "expect.yaml"
#: Where pytest says that a file could not be collected: `test_x.py:3: in <module>`, or Python's own words.
_LINE = re.compile(r"^(?:E\s+File \".*?/)?(?P<path>[\w./-]+\.py)\"?(?::|, line )(?P<line>\d+)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Uncollected:
    """A test file that could not be collected.

    Attributes:
        path: below tests/; empty where the grader did not tell.
        line: 1-based, or None where that cannot be told.
        problem: the last words of it, on one line.
        detail: pytest's whole text.
    """

    path: str
    line: int | None
    problem: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One run of one piece of work.

    Attributes:
        where: the work, as the author knows it (`tasks/median/solutions/plain`).
        tests: as the grader collected them, in its order.
        errors: of files that could not be collected.
        events: all of them, as they came.
        end: how the run ended.
    """

    where: str
    tests: tuple[CollectedTest, ...]
    errors: tuple[str, ...]
    events: tuple[Event, ...]
    end: End

    @property
    def uncollected(self) -> tuple[Uncollected, ...]:
        """The test files that could not be collected."""
        return tuple(map(_uncollected, self.errors))

    @property
    def failures(self) -> dict[str, str]:
        """Why each collected test failed that did not pass, by id, in the grader's order."""
        reports: dict[str, list[Finished]] = {test.id: [] for test in self.tests}
        for event in self.events:
            if isinstance(event, Finished):
                reports.setdefault(event.id, []).append(event)
        return {
            name: _why(found, self.end)
            for name, found in reports.items()
            if not found or not all(report.passed for report in found)
        }


def work(task: Task, folder: str) -> dict[str, bytes]:
    """The files of `solutions/<name>`, `faulty/<name>` or `starter`, such as a learner could hand in.

    Args:
        task: from a catalog, not from a snapshot.
        folder: path in the task's folder.

    Raises:
        FileInvalid: it is empty or unreadable, or the task's own rules would refuse it.
    """
    assert task.folder is not None, f"task {task.id}: expected one from a catalog, got one from a snapshot"
    shown = f"tasks/{task.id}/{folder}"
    files = catalog.read_folder(task.folder / folder, shown=shown)
    if folder.startswith("faulty/"):
        files.pop(EXPECT, None)
    rules = task.submission
    for path in files:
        if not rules.patterns(path):
            raise FileInvalid(
                f"{shown}/{path}",
                f"expected a file that submission.allow keeps ({', '.join(rules.allow)}), got this one",
            )
    missing = [path for path in rules.required if path not in files]
    if missing and folder != "starter":
        raise FileInvalid(shown, f"expected the files that submission.required names, got no {missing[0]}")
    size = sum(map(len, files.values()))
    if len(files) > rules.max_files or size > rules.max_bytes:
        raise FileInvalid(
            shown,
            f"expected at most {rules.max_files} files of {rules.max_bytes} bytes together, "
            f"got {len(files)} of {size}",
        )
    return files


def run(
    frozen: catalog.Frozen,
    files: Mapping[str, bytes],
    *,
    where: str,
    sandbox: Sandbox,
    label: str,
    hash_seed: int = 0,
    seed: int | None = None,
    shuffle: int | None = None,
    on_event: Callable[[Event], None] = lambda _: None,
) -> Trial:
    """Run the files against the task's tests.

    Args:
        frozen: the task with what judging it needs.
        files: the work.
        where: the work, as the author knows it.
        sandbox: runs it.
        label: what the containers are labelled with, in place of an attempt's id.
        hash_seed: PYTHONHASHSEED of both sides; learners' runs have 0.
        seed: hypothesis' seed; by default the one of learners' runs.
        shuffle: a seed of the tests' order; learners' runs have pytest's own.
        on_event: called with each event as it comes; an exception of it ends the run and passes through.

    Raises:
        SandboxFault, ImageFault, EngineMissing: the run could not be made.
    """
    events: list[Event] = []

    def heard(event: Event) -> None:
        events.append(event)
        on_event(event)

    order = pipeline.order(label, 1, frozen, files)
    order = replace(order, hash_seed=hash_seed, shuffle=shuffle, seed=order.seed if seed is None else seed)
    outcome = sandbox.run(order, on_event=heard)
    collections = [event for event in events if isinstance(event, Collected)]
    return Trial(
        where=where,
        tests=tuple(test for one in collections for test in one.tests),
        errors=results.problems(events),
        events=tuple(events),
        end=outcome.end,
    )


def unlocked(tasks: catalog.Catalog, task: Task) -> catalog.Frozen:
    """A task as it is run before it has a lock: its manifest names no test."""
    return catalog.Frozen(
        task=task,
        rubric=tasks.rubric(task.rubric_id),
        profile=tasks.profile(task.sandbox),
        manifest=Manifest(tests_digest=task.tests_digest, tests=()),
        digest=task.digest,
    )


def _uncollected(text: str) -> Uncollected:
    name, told, why = text.partition(": ")
    if not (told and name.endswith(".py")):
        name, why = "", text
    place = next((one for one in _LINE.finditer(why) if one["path"].endswith(name)), None) if name else None
    lines = [line for line in why.splitlines() if line.strip()]
    last = next(
        (line for line in reversed(lines) if line.startswith("E ")), lines[-1] if lines else "nothing"
    )
    return Uncollected(
        path=name,
        line=int(place["line"]) if place else None,
        problem=last.removeprefix("E").strip() if last.startswith("E ") else last.strip(),
        detail=why,
    )


def _why(reports: Sequence[Finished], end: End) -> str:
    failed = next((report for report in reports if not report.passed), None)
    if failed is None:
        return f"it did not finish; the run ended with {end.value}"
    first = next((line for line in failed.message.splitlines() if line.strip()), "")
    reason = failed.reason.value if failed.reason else "failed"
    return f"{reason}: {first}" if first else reason
