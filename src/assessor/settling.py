"""Settling: whoever has passed something is looked at, and given what they deserve by now.

Comes in: learners with attempts that were judged and passed and that nobody looked at yet. Goes out: awards.
Who deserves what is decided in `deserving`, signed and kept in `granting`.

A worker looks as soon as it has judged (`follow_up`), and the sweep looks for what is left (`tend`). Both may
look at one learner at once, and be killed at any point: the attempts stay to be looked at until the awards
that follow are kept, and the database gives an achievement to a learner once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import structlog

from assessor import deserving, granting, personal, statuses
from assessor.deserving import Decision
from assessor.errors import AwardOvertaken, KeyRetired
from assessor.parts import Parts
from assessor.rows.awards import AwardRow, Change

log = structlog.get_logger(__name__)

#: How often one learner is looked at again where another process was quicker.
TRIES = 5
#: How long an attempt is left to the worker that judged it before the sweep looks.
GRACE = timedelta(seconds=10)


def follow_up(attempt_id: str, parts: Parts) -> tuple[AwardRow, ...]:
    """Look at once whether an attempt that was just judged leads to awards.

    Never raises: the verdict stands whatever happens here, and the sweep looks again.
    """
    try:
        # One cheap question for each attempt that failed, or where there are no badges.
        if not parts.achievements() or not parts.store.is_unsettled(attempt_id):
            return ()
        submission = parts.store.submission(parts.store.attempt(attempt_id).submission_id)
        return settle_learner(submission.learner_id, parts)
    except Exception:
        log.exception("not looked at for awards yet; the sweep tries again", attempt=attempt_id)
        return ()


def settle(parts: Parts, *, before: datetime | None = None) -> tuple[AwardRow, ...]:
    """Look at every learner who has passed something that nobody has looked at; the awards that were made.

    A learner whose evidence cannot be read is logged as an error, stays to be looked at, and keeps nobody
    else waiting.

    Args:
        parts: the world.
        before: leave out what was judged after this time: its worker is about to look.
    """
    if not parts.achievements():
        return ()
    made: list[AwardRow] = []
    for learner_id in parts.store.unsettled(before=before):
        try:
            made += settle_learner(learner_id, parts)
        except Exception:  # one learner's trouble, of whatever kind, is no other's
            log.exception("not looked at for awards; tried again", learner=learner_id)
    return tuple(made)


def settle_learner(learner_id: str, parts: Parts) -> tuple[AwardRow, ...]:
    """Give a learner what they deserve by now; the awards that were made, issued again or renewed.

    Raises:
        AwardOvertaken, KeyRetired: others were quicker each time.
        NotFound: no such learner, or erased.
        AssessorError: evidence cannot be read, or nothing can be signed or written.
    """
    for last in range(TRIES):
        now = parts.clock()
        due = parts.store.unsettled_of(learner_id)
        decisions, withheld = _decide(learner_id, due, parts, now=now)
        try:
            made = granting.grant(decisions, parts, settled=due, withheld=withheld, now=now)
        except (AwardOvertaken, KeyRetired) as error:
            if last == TRIES - 1:
                raise
            log.debug("awards: looked at again", learner=learner_id, problem=str(error))
            continue
        for one, row in zip(decisions, made, strict=True):
            log.info("awarded", award=row.id, kind=one.kind.value, achievement=row.achievement_id)
        return made
    raise AssertionError("the last try returns or raises")


def tend(parts: Parts) -> None:
    """What the sweep does about awards, each part for itself: none keeps the others from being done.

    1. Settle what workers left.
    2. Sign status lists that are due.
    3. Remove the files that a killed process left behind.
    4. Sign the log's tree.
    """

    def sign_tree() -> object:
        return None if parts.open_log is None else parts.log.checkpoint()

    steps: tuple[tuple[str, Callable[[], object]], ...] = (
        ("settle", lambda: settle(parts, before=parts.clock() - GRACE)),
        ("status lists", lambda: statuses.republish(parts, now=parts.clock())),
        ("left-over credentials", lambda: personal.sweep(parts.store, parts.blobs)),
        ("log", sign_tree),
    )
    for name, step in steps:
        try:
            step()
        except Exception:
            log.exception("awards are not tended to; tried again", step=name)


def _decide(
    learner_id: str, due: Iterable[str], parts: Parts, *, now: datetime
) -> tuple[list[Decision], list[tuple[AwardRow, str]]]:
    """What is to be done for a learner, each decision after those it builds upon; and what is withheld."""
    known = parts.achievements()
    found = deserving.standing(learner_id, parts, of=known)
    held, fresh = set(found.held(now)), frozenset(due)
    decisions, withheld = [], []
    # Each achievement comes after those that it requires: one way through is enough for a whole stack.
    for achievement in known:
        one = deserving.decide(achievement, found, held=held, fresh=fresh, now=now)
        if one is None:
            continue
        if one.kind is Change.WITHHELD:
            assert one.before is not None, "withheld is what was revoked"
            withheld.append((one.before, one.reason or ""))
            continue
        held.add(achievement.id)
        decisions.append(one)
    return decisions, withheld
