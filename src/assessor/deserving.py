"""Deserving: what one learner has shown and holds, and what that comes to for an achievement.

Comes in: a learner's passes and awards, from the store. Goes out: a `Decision`, or None where nothing is
to be done. `decide` touches nothing. Signing and keeping what was decided is left to `granting`.

    not held          ── met ──────────────────────────────────────────────> award
    held              ── met by better attempts ───────────────────────────> reissue
    near its end, out ── met by work that was handed in since ─────────────> renew
    revoked           ── met ──────────────────────────────────────────────> withheld: an issuer's affair

Better: a higher level, or the same level and a higher mean of the attempts' totals. A regrade that lowers a
result takes nothing away: an award stays with the attempts that it was given for.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from assessor import achievement as achievements
from assessor import judging, merit, record
from assessor.achievement import Achievement, Met, Passed, Shown
from assessor.blobs import Blobs
from assessor.openbadges import resources
from assessor.parts import Parts
from assessor.requirement import AchievementRequired, CompetencyRequired, TaskRequired
from assessor.rows.awards import AwardRow, Change
from assessor.rows.passes import Pass
from assessor.rows.schema import Learner

#: Of how many attempts it is kept what they show; a kibibyte or two each.
SHOWN = 4096


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What one learner has shown and holds.

    Attributes:
        learner: who.
        passed: what each attempt that counts shows, oldest first.
        passes: the same attempts as rows, by id.
        awards: theirs, by achievement; revoked ones and those that ran out among them.
        totals: what each attempt that an award rests on came to, 0 to 1, by its id.
    """

    learner: Learner
    passed: tuple[Passed, ...]
    passes: Mapping[str, Pass]
    awards: Mapping[str, AwardRow]
    totals: Mapping[str, Fraction]

    def held(self, now: datetime) -> frozenset[str]:
        """The achievements that they hold now."""
        return frozenset(name for name, row in self.awards.items() if row.holds(now))


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What is to be done for a learner and an achievement.

    Attributes:
        kind: what.
        achievement: of what.
        learner: for whom.
        before: the award as it is, or None where it is new.
        attempts: what it rests on from now on.
        level: the level that it is for from now on, or None.
        reason: why, where a person says so or it is withheld; else None.
        email: an address of the learner that is to be kept with it, or None.
    """

    kind: Change
    achievement: Achievement
    learner: Learner
    before: AwardRow | None
    attempts: tuple[str, ...]
    level: str | None
    reason: str | None = None
    email: str | None = None


def standing(learner_id: str, parts: Parts, *, of: Iterable[Achievement] | None = None) -> Standing:
    """What the learner of this id has shown and holds.

    Work that did not run sealed off is left out: it backs no award.

    Args:
        learner_id: who.
        parts: the world.
        of: the achievements that are asked about; passes of no interest to them are not read. None: all.

    Raises:
        NotFound: no such learner, or erased; or a blob is missing.
        BlobFault, VerificationFailed, AuthorError: evidence or a frozen task cannot be read.
    """
    learner = parts.store.learner_known(learner_id)
    wanted = None if of is None else _tasks(of)
    passed, passes = [], {}
    for one in parts.store.passes(learner_id):
        if wanted is not None and one.submission.task_id not in wanted:
            continue
        snapshot = one.attempt.judged_with(one.submission)
        shown = _shown(parts.blobs, one.evidence.record, snapshot, one.attempt.id)
        if shown is not None:
            passed.append(shown)
            passes[one.attempt.id] = one
    awards = parts.store.awards_of(learner_id)
    totals = {}
    for name in {name for row in awards.values() for name in row.attempts}:
        score = passes[name].attempt.score if name in passes else parts.store.attempt(name).score
        assert score is not None, "an award rests on judged attempts"
        totals[name] = score
    return Standing(learner=learner, passed=tuple(passed), passes=passes, awards=awards, totals=totals)


@functools.lru_cache(maxsize=SHOWN)
def _shown(kept: Blobs, evidence: str, snapshot: str, attempt_id: str) -> Passed | None:
    """What an attempt shows, by the digests of its record and of what it was judged with; None: nothing.

    Neither ever changes, and pages ask for all of a learner's each time.
    """
    judged = record.own(kept.get(evidence))
    if not resources.sealed(judged):
        return None
    return merit.passed(judged, judging.parsed(kept, snapshot).rubric, attempt=attempt_id)


def relevant(task_id: str, of: Iterable[Achievement]) -> bool:
    """Whether a pass of this task can be of interest to one of these achievements."""
    wanted = _tasks(of)
    return wanted is None or task_id in wanted


def decide(
    achievement: Achievement,
    found: Standing,
    *,
    held: Collection[str],
    fresh: Collection[str],
    now: datetime,
) -> Decision | None:
    """What is to be done for this learner and achievement, or None.

    Args:
        achievement: which.
        found: what the learner has shown and holds.
        held: the achievements that they hold now, and those that they are about to be given.
        fresh: ids of the attempts that were judged since somebody looked last.
        now: the time.
    """
    met = meets(achievement, found.passed, held)
    if met is None:
        return None
    before = found.awards.get(achievement.id)
    if before is None:
        return _decision(Change.AWARD, achievement, found, met)
    if before.revoked_at is not None:
        since = sorted(set(met.attempts) & set(fresh))
        if not since:
            return None
        told = f"deserved again by attempt {', '.join(since)} since it was revoked"
        return _decision(Change.WITHHELD, achievement, found, met, reason=told)
    if renewable(achievement, before, now):
        younger = [one for one in found.passed if _handed_in_after(found.passes[one.attempt], before)]
        again = meets(achievement, younger, held)
        if again is not None and again.attempts:
            return _decision(Change.RENEW, achievement, found, again)
    if before.holds(now) and _better(met, before, found):
        return _decision(Change.REISSUE, achievement, found, met)
    return None


def meets(achievement: Achievement, passed: Sequence[Passed], held: Collection[str]) -> Met | None:
    """How this meets the achievement, by one attempt of each task: two halves of a task are not the whole."""
    met = achievements.met(achievement, Shown(passed=tuple(passed), held=frozenset(held)))
    if met is None:
        return None
    of = {one.attempt: one.task for one in passed}
    tasks = [of[name] for name in met.attempts]
    twice = next((task for task in tasks if tasks.count(task) > 1), None)
    if twice is None:
        return met
    # Of equals the earliest: a sort keeps their order.
    for chosen in sorted(passed, key=lambda one: (len(one.levels), one.total), reverse=True):
        if chosen.task == twice:
            fewer = [one for one in passed if one.task != twice or one is chosen]
            found = meets(achievement, fewer, held)
            if found is not None:
                return found
    return None


def renewable(achievement: Achievement, row: AwardRow, now: datetime) -> bool:
    """Whether an award that is not revoked may be renewed now: from so many days before its end on."""
    if row.valid_until is None or achievement.renew_days is None:
        return False
    return now >= row.valid_until - timedelta(days=achievement.renew_days)


def _tasks(of: Iterable[Achievement]) -> frozenset[str] | None:
    """The tasks that some of these ask for; None where any task can be of interest."""
    tasks = set()
    for achievement in of:
        for required in achievement.requires:
            match required:
                case TaskRequired():
                    tasks.add(required.task)
                case CompetencyRequired():
                    return None
                case AchievementRequired():
                    pass
    return frozenset(tasks)


def _handed_in_after(one: Pass, row: AwardRow) -> bool:
    # Not when it was judged: whoever judges old work again shows nothing new of the learner.
    return one.submission.received_at > row.valid_from


def _better(met: Met, before: AwardRow, found: Standing) -> bool:
    if met.attempts == before.attempts or not met.attempts:
        return False
    shown = {one.attempt: one for one in found.passed}
    if met.level != before.level:
        # Higher, where the old level is one of those that each attempt has reached on its way.
        return met.level is not None and (
            before.level is None or all(before.level in shown[name].levels for name in met.attempts)
        )
    return _mean([shown[name].total for name in met.attempts]) > _mean(
        [found.totals[name] for name in before.attempts]
    )


def _mean(totals: Sequence[Fraction]) -> Fraction:
    return sum(totals, Fraction(0)) / len(totals) if totals else Fraction(0)


def _decision(
    kind: Change, achievement: Achievement, found: Standing, met: Met, *, reason: str | None = None
) -> Decision:
    return Decision(
        kind=kind,
        achievement=achievement,
        learner=found.learner,
        before=found.awards.get(achievement.id),
        attempts=met.attempts,
        level=met.level,
        reason=reason,
    )
