"""A preview of a task: what a learner sees before the first try, after a failure, and after a pass.

Comes in: a locked task with a reference. Goes out: a `Preview`; `write` makes pages of it for a browser:

    <folder>/index.html     the brief, the rules, what is judged, the starter
             failed.html    feedback on work that does not pass
             passed.html    feedback on a reference

Feedback is cut to the task's policy exactly as for learners: an author sees here what hidden tests give away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from assessor import catalog, page
from assessor.authoring import grade, trial
from assessor.authoring.grade import Graded
from assessor.errors import FileInvalid
from assessor.sandbox.protocol import Sandbox
from assessor.scoring import Verdict
from assessor.task import Feedback, Policy

#: What the policy's words for tests mean to a learner.
_TOLD = {
    Feedback.FULL: "name, outcome and message of each",
    Feedback.COUNTS: "how many passed",
    Feedback.NONE: "nothing",
}
PAGES = ("index.html", "failed.html", "passed.html")


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What a learner sees of a task.

    Attributes:
        frozen: the task, locked.
        starter: what they begin with, by path.
        failed: folder of work that does not pass (the starter, or known-bad work), and what it came to; None
            where all of it passes.
        passed: folder of the first reference, and what it came to.
    """

    frozen: catalog.Frozen
    starter: dict[str, bytes]
    failed: tuple[str, Graded] | None
    passed: tuple[str, Graded]


def preview(
    tasks: catalog.Catalog,
    task_id: str,
    sandbox: Sandbox,
    *,
    label: str = "preview",
    on_begin: Callable[[str], None] = lambda _: None,
) -> Preview:
    """Judge a reference and work that fails, as learners' work is judged.

    Args:
        tasks: holds the task.
        task_id: its id.
        sandbox: runs the work.
        label: what containers are labelled with, in place of an attempt's id.
        on_begin: called with the folder of each piece of work before it is run.

    Raises:
        NotFound: there is no such task.
        FileInvalid: the task or a piece of work is wrong, or there is no reference.
        ManifestStale: the lock is missing or does not fit.
        SandboxFault, ImageFault, EngineMissing: a run could not be made.
    """
    task = tasks.task(task_id)
    frozen = catalog.thaw(catalog.freeze(tasks, task_id))
    if not task.solutions:
        raise FileInvalid(f"tasks/{task_id}/solutions", "expected at least one reference, got none")

    def judged(folder: str) -> tuple[str, Graded]:
        files = trial.work(task, folder)
        on_begin(folder)
        return folder, grade.grade(frozen, files, sandbox=sandbox, label=label)

    failed = None
    for folder in (*(["starter"] if task.starter else []), *(f"faulty/{name}" for name in task.faulty)):
        found = judged(folder)
        if found[1].assessment.verdict is not Verdict.PASSED and found[1].assessment.total < 1:
            failed = found
            break
    return Preview(
        frozen=frozen,
        starter=dict(task.starter),
        failed=failed,
        passed=judged(f"solutions/{task.solutions[0]}"),
    )


def rules(frozen: catalog.Frozen) -> list[tuple[str, str]]:
    """The rules of a task in words for a learner: what, and how it is."""
    task, limits = frozen.task, frozen.task.limits
    return [
        ("level", f"{task.level}, about {task.minutes} minutes"),
        ("runs in", f"{frozen.profile.name}: {frozen.profile.summary}"),
        ("hand in", ", ".join(task.submission.required)),
        ("also kept", ", ".join(task.submission.allow)),
        ("at most", f"{task.submission.max_files} files, {task.submission.max_bytes // 1024} KiB together"),
        (
            "limits",
            f"{limits.wall_s} s for the whole run, {limits.call_s} s for a call, "
            f"{limits.memory_bytes // 1024**2} MiB of memory, {limits.pids} processes, "
            f"{limits.disk_bytes // 1024**2} MiB of disk",
        ),
        ("tries", _tries(task.policy)),
        ("told of visible tests", _TOLD[task.policy.visible]),
        ("told of hidden tests", _TOLD[task.policy.hidden]),
        ("to pass", _passing(frozen)),
    ]


def write(found: Preview, folder: Path) -> list[Path]:
    """The pages of a preview, written into a folder; pages of an earlier preview are replaced.

    Args:
        found: what was previewed.
        folder: made if it is not there.

    Raises:
        FileInvalid: one cannot be written.
    """
    written = []
    for name, html in pages(found).items():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(html, encoding="utf-8")
        except OSError as error:
            raise FileInvalid(folder / name, f"expected to write it, got: {error.strerror}") from error
        written.append(folder / name)
    return written


def pages(found: Preview) -> dict[str, str]:
    """HTML by name of file, that of `PAGES` which there is something to show on."""
    frozen = found.frozen
    shared = {"task": frozen.task, "rubric": frozen.rubric, "has_failed": found.failed is not None}
    made = {
        "index.html": page.render(
            "preview.html",
            **shared,
            title=frozen.task.title,
            brief=page.markdown(frozen.task.brief),
            rules=rules(frozen),
            starter=[(path, _text(data)) for path, data in sorted(found.starter.items())],
        )
    }
    for name, judged in (("failed.html", found.failed), ("passed.html", found.passed)):
        if judged is None:
            continue
        folder, graded = judged
        told = graded.feedback()
        criteria = [(frozen.rubric.criterion(one.criterion_id), one) for one in told.criteria]
        made[name] = page.render(
            "preview_feedback.html",
            **shared,
            title=f"{frozen.task.title}: {told.verdict}",
            work=folder,
            told=told,
            passed=told.verdict == Verdict.PASSED.value,
            rows=[
                (criterion, one, None if one.fraction is None else int(one.fraction * 100))
                for criterion, one in criteria
            ],
            failing=[test for test in told.tests if not test.passed],
            unmet=[check for check in told.checks if not check.passed],
        )
    return made


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return f"({len(data)} bytes that are no text)"


def _tries(policy: Policy) -> str:
    wait = f", {policy.cooldown_s} s from one to the next" if policy.cooldown_s else ""
    return f"{policy.tries}{wait}"


def _passing(frozen: catalog.Frozen) -> str:
    gates = [f"{one.gate} % of {one.title}" for one in frozen.rubric.criteria if one.gate is not None]
    also = f", and at least {', '.join(gates)}" if gates else ""
    return f"{frozen.rubric.pass_from} % of the whole{also}"
