"""Regraded: the results of an open regrade beside the old ones, and the awards that they would not back.

Comes in: a regrade's attempts. Goes out: each result old and new, by criterion. Touches nothing; what makes
them count is `regrading`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from assessor import deserving, evidence, judging, merit
from assessor.achievement import Passed
from assessor.errors import NotFound
from assessor.judging import Judged
from assessor.openbadges import resources
from assessor.parts import Parts
from assessor.rows.awards import AwardRow
from assessor.rows.standings import Regrade, Result
from assessor.store import Attempt, AttemptState


class Change(StrEnum):
    """How a new result stands to the old."""

    UP = "up"  #: a better verdict, or the same and more points
    DOWN = "down"  #: a worse one, or fewer points
    SAME = "same"
    WAITING = "waiting"  #: it is not judged yet
    UNJUDGED = "unjudged"  #: given up by our fault; the old result stays
    STALE = "stale"  #: another result has taken the old one's place since


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an attempt came to.

    Attributes:
        total: 0 to 1.
        points: by criterion.
    """

    verdict: str
    total: Fraction
    level: str | None
    points: dict[str, Fraction]


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One result, old and new.

    Attributes:
        learner: their name, or None once they are erased.
        version: of the task that the old result was judged with.
        new: None while there is none.
    """

    learner: str | None
    submission: str
    base: str
    attempt: Attempt
    version: str
    old: Outcome
    new: Outcome | None
    change: Change


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A regrade, side by side.

    Attributes:
        lost: awards that rest on results which would not back them any more.
    """

    regrade: Regrade
    compared: tuple[Compared, ...]
    lost: tuple[AwardRow, ...]

    def count(self, change: Change) -> int:
        """How many results came out like this."""
        return sum(one.change is change for one in self.compared)


def show(task_id: str, parts: Parts) -> Shown:
    """The open regrade of a task, each result old and new; touches nothing.

    Raises:
        NotFound: none is open.
    """
    regrade = opened(task_id, parts)
    counting = {one.submission.id: one for one in parts.store.results(task_id)}
    trials = parts.store.trials(regrade.id)
    judged = {one.id: judging.judge(one.id, parts) for one in trials if one.state is AttemptState.HELD}
    compared = tuple(_compared(one, counting[one.submission_id], judged.get(one.id), parts) for one in trials)
    return Shown(regrade=regrade, compared=compared, lost=lost(list(judged.values()), parts))


def opened(task_id: str, parts: Parts) -> Regrade:
    """The open regrade of a task.

    Raises:
        NotFound: none is open.
    """
    found = parts.store.regrade_open(task_id)
    if found is None:
        raise NotFound(f"expected an open regrade of {task_id}, there is none")
    return found


def _compared(attempt: Attempt, counting: Result, judged: Judged | None, parts: Parts) -> Compared:
    assert attempt.base is not None, "a regrade's attempt has one that it is to replace"
    new = None if judged is None else _outcome(judged)
    old = _recorded(attempt.base, parts)
    if counting.attempt.id != attempt.base:
        change = Change.STALE
    elif attempt.state is AttemptState.UNJUDGED:
        change = Change.UNJUDGED
    elif new is None:
        change = Change.WAITING
    else:
        change = _change(old, new)
    base = counting.attempt if counting.attempt.id == attempt.base else parts.store.attempt(attempt.base)
    return Compared(
        learner=counting.learner,
        submission=attempt.submission_id,
        base=attempt.base,
        attempt=attempt,
        version=base.task_version or counting.submission.task_version,
        old=old,
        new=new,
        change=change,
    )


def _change(old: Outcome, new: Outcome) -> Change:
    was, is_ = (one.verdict == "passed" for one in (old, new))
    if (was, old.total) == (is_, new.total):
        return Change.SAME
    return Change.UP if (is_, new.total) > (was, old.total) else Change.DOWN


def _outcome(judged: Judged) -> Outcome:
    found = judged.assessment
    return Outcome(
        verdict=found.verdict.value,
        total=found.total,
        level=found.level,
        points={one.criterion_id: one.points for one in found.criteria},
    )


def _recorded(attempt_id: str, parts: Parts) -> Outcome:
    """What the evidence of an attempt says."""
    row = parts.store.evidence(attempt_id)
    if row is None:
        raise NotFound(f"attempt {attempt_id}: expected one with evidence, there is none")
    found = evidence.own(parts.blobs.get(row.record))
    return Outcome(
        verdict=found.decision.verdict,
        total=found.decision.total,
        level=found.decision.level,
        points={one.id: one.points for one in found.criteria},
    )


def lost(judged: Sequence[Judged], parts: Parts) -> tuple[AwardRow, ...]:
    """The awards that rest on old results and that the new ones would not back any more."""
    new: dict[str, dict[str, Passed | None]] = {}
    for one in judged:
        assert one.attempt.base is not None, "a regrade's attempt has one that it is to replace"
        new.setdefault(one.submission.learner_id, {})[one.attempt.base] = _would_pass(one, parts)
    known = {one.id: one for one in parts.achievements()}
    now, found = parts.clock(), []
    for learner_id, replaced in sorted(new.items()):
        rows = [row for row in parts.store.awards_of(learner_id).values() if row.holds(now)]
        if not any(set(row.attempts) & set(replaced) for row in rows):
            continue
        standing = deserving.standing(learner_id, parts)
        was = {one.attempt: one for one in standing.passed}
        then = [one for one in standing.passed if one.attempt not in replaced]
        then += [one for one in replaced.values() if one is not None]
        for row in rows:
            worse = [
                name for name in row.attempts if name in replaced and _less(was.get(name), replaced[name])
            ]
            achievement = known.get(row.achievement_id)
            if worse and (
                achievement is None or deserving.meets(achievement, then, standing.held(now)) is None
            ):
                found.append(row)
    return tuple(found)


def _less(old: Passed | None, new: Passed | None) -> bool:
    """Whether a new result shows less than the old one: it failed, or misses a level that was reached."""
    return new is None or (old is not None and not set(old.levels) <= set(new.levels))


def _would_pass(one: Judged, parts: Parts) -> Passed | None:
    record = evidence.own(judging.documents(one, parts)[0])
    if not resources.sealed(record):
        return None
    return merit.passed(record, one.frozen.rubric, attempt=one.attempt.id)
