"""Awarding by an issuer's hand: award, sign anew, renew, revoke; and what an issuer should look at.

Comes in: an issuer's order. Goes out: awards with signed credentials, and for a revoked one a bit of a status
list. What is awarded by itself is in `settling`; credentials are signed and kept in `granting`, lists signed
in `statuses`. Each order is done as a whole or refused as a whole, and can be tried dry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from assessor import deserving, granting, statuses
from assessor.achievement import Achievement
from assessor.deserving import Decision, Standing
from assessor.errors import AwardOvertaken, AwardRefused, KeyRetired, NotFound
from assessor.parts import Parts
from assessor.rows.audit import Act
from assessor.rows.awards import AwardRow, Change
from assessor.rows.schema import Learner
from assessor.rows.users import User
from assessor.settling import TRIES, settle
from assessor.statuses import republish

__all__ = [
    "Attention",
    "Done",
    "attention",
    "award",
    "held_by",
    "reissue",
    "renew",
    "republish",
    "revoke",
    "settle",
]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Done:
    """What came of an issuer's order, or would.

    Attributes:
        kind: what was done; None where there was nothing to do.
        row: the award as it is then; None where there is none yet, as after a dry run.
        words: the same for a person.
    """

    kind: Change | None
    row: AwardRow | None
    words: str


def award(
    parts: Parts,
    achievement_id: str,
    learner: str,
    *,
    attempt: str | None = None,
    reason: str | None = None,
    email: str | None = None,
    dry_run: bool = False,
    act: Act | None = None,
) -> Done:
    """Award an achievement to a learner by hand.

    Args:
        parts: the world.
        achievement_id: what.
        learner: the learner's name.
        attempt: a passed attempt of theirs that it is to rest on, though their evidence does not meet what
            the achievement requires; None where it has to.
        reason: why, for the issuer's books; needed with `attempt`.
        email: an address of the learner that is to be kept with the award, or None.
        dry_run: change nothing, say what would be done.
        act: by whom it is ordered; by default at the command line.

    Raises:
        NotFound: no such achievement, or no learner of this name.
        AwardRefused: what they have shown does not meet it, it was revoked, or who orders it names an attempt
            of their own.
    """
    achievement = _achievement(achievement_id, parts)

    def decide(now: datetime) -> Decision | Done:
        found = deserving.standing(parts.store.learner_named(learner).id, parts)
        before = found.awards.get(achievement.id)
        if before is not None and before.revoked_at is not None:
            raise AwardRefused(
                f"{achievement.id} for {learner!r}: expected one that was never revoked, award {before.id} "
                "was, and that is for good"
            )
        if before is not None:
            return Done(kind=None, row=before, words=f"{learner} has {achievement.id} already")
        if attempt is not None:
            if act is not None and act.user_id is not None:
                _require_other(parts.store.user(act.user_id), found.learner)
            return _by_attempt(achievement, found, attempt, reason, email)
        met = deserving.meets(achievement, found.passed, found.held(now))
        if met is None:
            raise AwardRefused(
                f"{achievement.id} for {learner!r}: expected evidence that meets what it requires, got "
                f"{len(found.passed)} passed attempts that do not"
            )
        return Decision(
            kind=Change.AWARD,
            achievement=achievement,
            learner=found.learner,
            before=None,
            attempts=met.attempts,
            level=met.level,
            reason=reason,
            email=email,
        )

    return _by_hand(decide, parts, dry_run=dry_run, act=act)


def reissue(
    parts: Parts,
    award_id: str,
    *,
    reason: str | None = None,
    email: str | None = None,
    dry_run: bool = False,
    act: Act | None = None,
) -> Done:
    """Sign an award anew as it is: for another address, a mended achievement, a new key.

    It rests on the same attempts and runs out when it did.

    Raises:
        NotFound: no such award, or its achievement is none of the catalog's any more.
        AwardRefused: it was revoked, or its learner erased.
    """
    return _anew(parts, award_id, Change.REISSUE, reason=reason, email=email, dry_run=dry_run, act=act)


def renew(
    parts: Parts,
    award_id: str,
    *,
    reason: str | None = None,
    email: str | None = None,
    dry_run: bool = False,
    act: Act | None = None,
) -> Done:
    """Sign an award anew, to last as long as a new one from now on.

    Raises:
        NotFound: no such award, or its achievement is none of the catalog's any more.
        AwardRefused: it was revoked, its learner erased, or its achievement does not allow it now.
    """
    return _anew(parts, award_id, Change.RENEW, reason=reason, email=email, dry_run=dry_run, act=act)


def revoke(
    parts: Parts,
    award_id: str,
    *,
    reason: str,
    sign: bool = True,
    dry_run: bool = False,
    act: Act | None = None,
) -> Done:
    """Revoke an award, for good.

    Args:
        parts: the world.
        award_id: which.
        reason: why, for the issuer's books; it is not published.
        sign: sign its status list at once. Of many, let only the last one do it, or `republish`: until then
            nobody can check any award of the list.
        dry_run: change nothing, say what would be done.
        act: by whom it is ordered; by default at the command line.

    Raises:
        NotFound: no such award.
        AwardRefused: it is revoked already.
        KeyFault: it is revoked, and its list cannot be signed now; the sweep tries again.
    """
    now = parts.clock()
    row = parts.store.award(award_id)
    if row.revoked_at is not None:
        when = row.revoked_at.isoformat(timespec="seconds")
        raise AwardRefused(f"award {award_id}: expected one that holds, it was revoked at {when}")
    if not dry_run:
        row = parts.store.revoke(award_id, reason=reason, salt=parts.new_salt(), now=now, act=act)
        log.info("revoked", award=row.id, achievement=row.achievement_id)
        if sign:
            statuses.sign(row.status_list, parts, now=now)
    return Done(kind=Change.REVOKE, row=row, words=f"award {award_id} of {row.achievement_id} is revoked")


def held_by(parts: Parts, achievement_id: str, learner: str) -> AwardRow:
    """The award of this achievement to the learner of this name.

    Raises:
        NotFound: there is none, or no such learner.
    """
    owner = parts.store.learner_named(learner)
    found = parts.store.awards_of(owner.id).get(achievement_id)
    if found is None:
        raise NotFound(f"expected an award of {achievement_id} to {learner!r}, there is none")
    return found


@dataclass(frozen=True, kw_only=True)
class Attention:
    """An award that an issuer should look at, and why."""

    row: AwardRow
    why: str


def attention(parts: Parts, rows: Sequence[AwardRow] | None = None) -> tuple[Attention, ...]:
    """The awards that an issuer should look at; nothing is changed about them by itself.

    Those whose evidence came to less when it was judged again, those that build on one that was revoked, and
    those that are revoked and were deserved again since.

    Args:
        parts: the world.
        rows: the awards that are asked about; by default all, which are read into memory.
    """
    if rows is None:
        worse, rows = parts.store.worse_since(), parts.store.awards()
        of_those = rows
    else:
        worse = parts.store.worse_since([name for row in rows for name in row.attempts])
        learners = dict.fromkeys(row.learner_id for row in rows if row.learner_id is not None)
        of_those = tuple(row for one in learners for row in parts.store.awards_of(one).values())
    revoked = {
        (row.learner_id, row.achievement_id): row
        for row in of_those
        if row.revoked_at is not None and row.learner_id is not None
    }
    below = {one.id: granting.required(one) for one in parts.achievements()}
    found = []
    for row in rows:
        if row.learner_id is None:
            continue
        if row.revoked_at is None:
            found += [
                Attention(row=row, why=f"attempt {name} came to less when it was judged again: {worse[name]}")
                for name in row.attempts
                if name in worse
            ]
            found += [
                Attention(row=row, why=f"it builds on award {gone.id} of {name}, which is revoked")
                for name in below.get(row.achievement_id, ())
                if (gone := revoked.get((row.learner_id, name))) is not None
            ]
            continue
        told = [one for one in parts.store.award_changes(row.id) if one.kind is Change.WITHHELD]
        found += [Attention(row=row, why=told[-1].reason or "deserved again")] if told else []
    return tuple(found)


def _by_hand(
    decide: Callable[[datetime], Decision | Done], parts: Parts, *, dry_run: bool, act: Act | None
) -> Done:
    for last in range(TRIES):
        now = parts.clock()
        one = decide(now)
        if isinstance(one, Done):
            return one
        words = f"{_WORDS[one.kind]}: {one.achievement.id} for {one.learner.name}"
        if dry_run:
            return Done(kind=one.kind, row=one.before, words=words)
        try:
            (row,) = granting.grant([one], parts, now=now, act=act or Act.by_operator(now))
        except (AwardOvertaken, KeyRetired):
            if last == TRIES - 1:
                raise
            continue
        log.info("awarded by hand", award=row.id, kind=one.kind.value, achievement=row.achievement_id)
        return Done(kind=one.kind, row=row, words=words)
    raise AssertionError("the last try returns or raises")


_WORDS = {
    Change.AWARD: "awarded",
    Change.REISSUE: "issued again",
    Change.RENEW: "renewed",
}


def _require_other(user: User, learner: Learner) -> None:
    """Whoever names an attempt says that it is enough: of one's own work that is for others to say."""
    if user.learner_id == learner.id:
        raise AwardRefused(
            f"{learner.name!r}: expected somebody else to say that an attempt is enough, this is your own"
        )


def _by_attempt(
    achievement: Achievement, found: Standing, attempt: str, reason: str | None, email: str | None
) -> Decision:
    """A new award that rests on an attempt which an issuer names."""
    if not reason:
        raise AwardRefused(f"{achievement.id}: expected a reason where an issuer names the attempt, got none")
    shown = next((one for one in found.passed if one.attempt == attempt), None)
    if shown is None:
        raise AwardRefused(
            f"attempt {attempt}: expected one that {found.learner.name!r} passed in a sealed sandbox and "
            "that was not judged again since, got another one"
        )
    return Decision(
        kind=Change.AWARD,
        achievement=achievement,
        learner=found.learner,
        before=None,
        attempts=(attempt,),
        level=shown.levels[-1] if shown.levels else None,
        reason=reason,
        email=email,
    )


def _anew(
    parts: Parts,
    award_id: str,
    kind: Change,
    *,
    reason: str | None,
    email: str | None,
    dry_run: bool,
    act: Act | None,
) -> Done:
    def decide(now: datetime) -> Decision | Done:
        row = parts.store.award(award_id)
        achievement = _achievement(row.achievement_id, parts)
        if row.revoked_at is not None:
            when = row.revoked_at.isoformat(timespec="seconds")
            raise AwardRefused(f"award {award_id}: expected one that holds, it was revoked at {when}")
        if row.learner_id is None:
            raise AwardRefused(f"award {award_id}: expected one of a learner who is here, they were erased")
        if kind is Change.RENEW:
            _require_renewable(achievement, row, now)
        return Decision(
            kind=kind,
            achievement=achievement,
            learner=parts.store.learner_known(row.learner_id),
            before=row,
            attempts=row.attempts,
            level=row.level,
            reason=reason,
            email=email,
        )

    return _by_hand(decide, parts, dry_run=dry_run, act=act)


def _require_renewable(achievement: Achievement, row: AwardRow, now: datetime) -> None:
    if row.valid_until is None:
        raise AwardRefused(f"award {row.id}: expected one that runs out, this one holds for ever")
    if achievement.renew_days is None:
        raise AwardRefused(
            f"award {row.id}: expected an achievement that can be renewed, got {achievement.id}"
        )
    if not deserving.renewable(achievement, row, now):
        first = row.valid_until - timedelta(days=achievement.renew_days)
        raise AwardRefused(
            f"award {row.id}: it can be renewed from {first.isoformat(timespec='seconds')} on, not yet"
        )


def _achievement(achievement_id: str, parts: Parts) -> Achievement:
    known = {one.id: one for one in parts.achievements()}
    if achievement_id not in known:
        raise NotFound(
            f"expected an achievement of the catalog, one of {', '.join(sorted(known)) or 'none'}, "
            f"got {achievement_id!r}"
        )
    return known[achievement_id]
