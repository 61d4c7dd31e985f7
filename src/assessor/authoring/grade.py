"""One judging by hand: files against a task, at once, with nothing stored and nothing signed.

    receive ──> run in a sandbox ──> results ──> score

Comes in: a frozen task and files that intake let through, or an author's own. Goes out: a `Graded`, and from
it what a learner may see. It is what a worker would come to, by the same stages; what it leaves out is all
that makes an award: the store, the lease, the signature.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from assessor import catalog, inspector, pipeline, report, results, scoring
from assessor.inspection import CheckResult
from assessor.results import TestResult
from assessor.sandbox.protocol import End, Event, Sandbox
from assessor.scoring import Assessment
from assessor.task import Feedback


@dataclass(frozen=True, kw_only=True)
class Graded:
    """What some files came to.

    Attributes:
        frozen: the task that they were judged by.
        end: how the run ended.
        results: one for each test of the manifest, in its order.
        assessment: what they come to; criteria that a person marks are open.
        problems: why test files could not be collected; can hold hidden tests.
        checks: what static checks found.
    """

    frozen: catalog.Frozen
    end: End
    results: tuple[TestResult, ...]
    assessment: Assessment
    problems: tuple[str, ...]
    checks: tuple[CheckResult, ...] = ()

    def feedback(self) -> report.Feedback:
        """What the task's policy lets the learner see."""
        return report.feedback(self.frozen.task.policy, self.results, self.assessment, checks=self.checks)

    def everything(self) -> report.Feedback:
        """The same with every test in full, hidden ones too: for authors, never for learners."""
        policy = replace(self.frozen.task.policy, visible=Feedback.FULL, hidden=Feedback.COUNTS)
        told = report.feedback(policy, self.results, self.assessment, checks=self.checks)
        shown = [replace(one, visible=True) for one in self.results]
        return replace(told, tests=report.feedback(policy, shown, self.assessment).tests)


def grade(
    frozen: catalog.Frozen,
    files: Mapping[str, bytes],
    *,
    sandbox: Sandbox,
    label: str,
    on_event: Callable[[Event], None] = lambda _: None,
    on_again: Callable[[], None] = lambda: None,
) -> Graded:
    """Judge these files once.

    A learner's container that goes unexplained is tried once more in a fresh one, as for learners; the second
    time it counts as it is.

    Args:
        frozen: the task, with what judging it needs.
        files: the work, by relative path.
        sandbox: runs it.
        label: what containers are labelled with, in place of an attempt's id.
        on_event: called with each event as it comes.
        on_again: called before the second run, if there is one: the events of the first count no more.

    Raises:
        SandboxFault, ImageFault, EngineMissing, ToolMissing: the run could not be made.
    """
    looked = inspector.inspect(frozen.rubric, files)
    checks = () if looked is None else looked.results
    for epoch in (1, 2):
        events: list[Event] = []

        def heard(event: Event, kept: list[Event] = events) -> None:
            kept.append(event)
            on_event(event)

        outcome = sandbox.run(pipeline.order(label, epoch, frozen, files), on_event=heard)
        if outcome.end is not End.LEARNER_LOST or epoch == 2:
            break
        on_again()
    folded = results.fold(frozen.manifest, events, outcome.end)
    return Graded(
        frozen=frozen,
        end=outcome.end,
        results=folded,
        assessment=scoring.score(frozen.rubric, folded, checks=checks),
        problems=results.problems(events),
        checks=checks,
    )
