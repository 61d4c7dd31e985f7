"""Progress: what a learner may see of an attempt while it waits and runs.

Comes in: an attempt, its frozen task, its events so far. Goes out: a `Progress`, cut to the task's policy.
Pure; when to look again is left to `watching`.

Visible tests are told as they finish, as far as the policy tells them. Of hidden ones nothing is told before
the end, not even that another one is done: how long each of them takes is up to the learner's work, so that a
count that grows while they run would carry one hidden input after the other out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assessor.catalog import Frozen
from assessor.sandbox.protocol import Event, Finished, Reason
from assessor.store import OPEN, Attempt, AttemptState
from assessor.task import Feedback
from assessor.waiting import Place


@dataclass(frozen=True, kw_only=True)
class TestSeen:
    """A visible test that is done.

    Attributes:
        name: pytest's node id.
        passed: whether every event of it passed.
        reason: why not, or None.
    """

    __test__ = False

    name: str
    passed: bool
    reason: Reason | None


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where an attempt is.

    Attributes:
        attempt_id, state: of the attempt.
        over: whether nothing more comes before a person acts: judged, given up, or a reviewer's turn.
        place: where it stands in the queue, or None where it is not queued.
        tests: visible tests that are done, in the order in which they began; empty unless the policy tells
            them in full.
        done: how many visible tests are done, or None where the policy tells nothing of them.
        visible: how many visible tests there are, or None likewise.
        hidden: how many hidden tests there are, or None where the policy tells nothing of them.
    """

    attempt_id: str
    state: AttemptState
    over: bool
    place: Place | None
    tests: tuple[TestSeen, ...]
    done: int | None
    visible: int | None
    hidden: int | None


def progress(attempt: Attempt, frozen: Frozen, events: Sequence[Event], *, place: Place | None) -> Progress:
    """What may be seen now.

    Args:
        attempt: as it is.
        frozen: the task that it is judged by: its manifest says which tests are visible.
        events: of its present epoch, so far.
        place: where it stands in the queue, or None.
    """
    policy = frozen.task.policy
    visible = {test.id for test in frozen.manifest.tests if test.visible}
    seen: dict[str, TestSeen] = {}
    for event in events:
        if isinstance(event, Finished) and event.id in visible:
            before = seen.get(event.id)
            if before is None or before.passed:
                seen[event.id] = TestSeen(name=event.id, passed=event.passed, reason=event.reason)
    told = policy.visible is not Feedback.NONE
    return Progress(
        attempt_id=attempt.id,
        state=attempt.state,
        over=is_over(attempt.state),
        place=place,
        tests=tuple(seen.values()) if policy.visible is Feedback.FULL else (),
        done=len(seen) if told else None,
        visible=len(visible) if told else None,
        hidden=None if policy.hidden is Feedback.NONE else len(frozen.manifest.tests) - len(visible),
    )


def is_over(state: AttemptState) -> bool:
    """Whether nothing more comes by itself."""
    return state not in OPEN or state is AttemptState.AWAITING_REVIEW
