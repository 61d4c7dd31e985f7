"""Granting: decisions become signed credentials, kept with their rows in one transaction.

Comes in: what `deserving` or an issuer has decided. Goes out: the awards as they are kept. What was decided
about one learner is kept together: all of it, or nothing.

1. A bit of a status list for each new award.
2. The credentials, built and signed; later ones of a stack name those before them.
3. Their blobs, each doomed first: whoever is killed here leaves files that the next sweep removes.
4. Rows, changes, leaves of the log and the note that the attempts are settled, in one transaction.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from assessor import achievement as achievements
from assessor import digest, judging, personal, statuses
from assessor.achievement import Achievement
from assessor.deserving import Decision
from assessor.errors import AssessorError, NotFound
from assessor.openbadges import credential, did, linked, recipient
from assessor.parts import Parts
from assessor.requirement import AchievementRequired
from assessor.rows import learnerrows
from assessor.rows.audit import Act
from assessor.rows.awards import AwardRow, Change, Grant
from assessor.rows.schema import Learner

#: What of a moment is in a credential; a re-issue is later by at least as much.
SECOND = timedelta(seconds=1)


def grant(
    decisions: Sequence[Decision],
    parts: Parts,
    *,
    settled: Iterable[str] = (),
    withheld: Iterable[tuple[AwardRow, str]] = (),
    now: datetime,
    act: Act | None = None,
) -> tuple[AwardRow, ...]:
    """Keep what was decided about one learner, all or nothing; the awards as they are then, in order.

    Args:
        decisions: new awards, re-issues and renewals; each after those that it builds upon.
        parts: the world.
        settled: attempts that are looked at for awards with this.
        withheld: awards that are revoked and deserved again, each with why it is told.
        now: the time.
        act: by whom it is ordered; None where the rules say so.

    Raises:
        AwardOvertaken, KeyRetired: another process was quicker; nothing was kept, decide again.
        NotFound: the learner was erased.
        KeyFault: the issuer's key cannot be used.
        BlobFault, StoreFault: it cannot be written; nothing was kept.
    """
    if not decisions:
        parts.store.keep_awards((), settled=settled, withheld=withheld, now=now)
        return ()
    issuer, signer = statuses.issuing(parts)
    held = _names(decisions, parts)
    grants: list[Grant] = []
    data: list[bytes] = []
    for one in decisions:
        row = _row(
            one, parts, taken=[(each.row.status_list, each.row.status_index) for each in grants], now=now
        )
        document = credential.build(_award(one, row, parts, held=held))
        signed = linked.sign(
            document,
            signer=signer,
            verification_method=statuses.method(issuer, signer),
            created=row.valid_from,
        )
        data.append(digest.canonical(signed))  # 2
        row = replace(row, credential=digest.sha256(data[-1]))
        held[one.achievement.id] = row.id
        grants.append(
            Grant(row=row, kind=one.kind, reason=one.reason, salt=parts.new_salt(), email=one.email)
        )
    names = [digest.sha256(one) for one in data]
    for name in names:
        parts.store.doom(name)  # 3
    try:
        parts.blobs.put_all(data)
        parts.store.keep_awards(  # 4
            grants, key_id=signer.key_id, settled=settled, withheld=withheld, now=now, act=act
        )
    except AssessorError:
        # Named by no row: what is doomed goes.
        personal.sweep(parts.store, parts.blobs)
        raise
    return tuple(one.row for one in grants)


def address(learner: Learner) -> str | None:
    """The e-mail address that a learner's awards are bound to, or None where nobody knows one."""
    if learner.email is not None:
        return learner.email
    return learner.name if learnerrows.is_address(learner.name) else None


def identity(learner: Learner, salt: bytes) -> Mapping[str, Any]:
    """Whom an award is for, hashed: by address where one is known, else by name."""
    known = address(learner)
    if known is not None:
        return recipient.hashed("emailAddress", known, salt=salt)
    return recipient.hashed("userName", learner.name, salt=salt)


def work(attempt_id: str, parts: Parts) -> credential.Work:
    """The judged work of an attempt, as a credential names it.

    Raises:
        NotFound: there is no such attempt, or no evidence of it.
        BlobFault: its record cannot be read.
    """
    attempt, row = parts.store.attempt(attempt_id), parts.store.evidence(attempt_id)
    if row is None:
        raise NotFound(f"attempt {attempt_id}: expected one with evidence, it is {attempt.state.value}")
    frozen = judging.thaw(attempt.judged_with(parts.store.submission(attempt.submission_id)), parts)
    return credential.work(attempt=attempt_id, data=parts.blobs.get(row.record), frozen=frozen)


def new_uuid(parts: Parts) -> str:
    """A fresh random UUID."""
    return str(uuid.UUID(bytes=parts.new_salt()[:16], version=4))


def _row(one: Decision, parts: Parts, *, taken: Sequence[tuple[str, int]], now: datetime) -> AwardRow:
    """The award as it is to be, its credential still missing."""
    now = now.replace(microsecond=0)
    if one.before is None:
        place = statuses.place(parts, now=now)  # 1
        while place in taken:
            place = statuses.place(parts, now=now)
        return AwardRow(
            id=new_uuid(parts),
            learner_id=one.learner.id,
            achievement_id=one.achievement.id,
            revision=1,
            status_list=place[0],
            status_index=place[1],
            credential=None,
            attempts=one.attempts,
            level=one.level,
            awarded_at=now,
            valid_from=now,
            valid_until=achievements.valid_until(one.achievement, now),
            revoked_at=None,
            reason=None,
        )
    # Newer in any case: a clock that was set back must not make the older credential look like the newer one.
    since = max(now, one.before.valid_from + SECOND)
    until = one.before.valid_until
    if one.kind is Change.RENEW:
        until = achievements.valid_until(one.achievement, since)
    return replace(
        one.before,
        revision=one.before.revision + 1,
        credential=None,
        attempts=one.attempts,
        level=one.level,
        valid_from=since,
        valid_until=until,
    )


def _names(decisions: Sequence[Decision], parts: Parts) -> dict[str, str]:
    """The ids of the learner's awards that there are, by achievement."""
    return {name: row.id for name, row in parts.store.awards_of(decisions[0].learner.id).items()}


def _award(one: Decision, row: AwardRow, parts: Parts, *, held: Mapping[str, str]) -> credential.Award:
    issuer, _ = statuses.issuing(parts)
    known = {each.id: each for each in parts.achievements()}
    learner = one.learner if one.email is None else replace(one.learner, email=one.email)
    return credential.Award(
        id=row.id,
        achievement=one.achievement,
        issuer=issuer,
        recipient=identity(learner, parts.new_salt()),
        awarded_at=row.awarded_at,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        level=row.level,
        works=tuple(work(name, parts) for name in row.attempts),
        held=tuple(
            credential.Held(
                id=credential.credential_id(issuer, held[name]),
                name=known[name].name if name in known else name,
            )
            for name in required(one.achievement)
            if name in held
        ),
        engine=_engine(row, parts),
        # A trial publishes nothing, so nobody could look its status up.
        status_list=None if issuer.trial else statuses.address(issuer, row.status_list),
        status_index=None if issuer.trial else row.status_index,
    )


def required(achievement: Achievement) -> list[str]:
    """The ids of the achievements that one builds on."""
    return [one.achievement for one in achievement.requires if isinstance(one, AchievementRequired)]


def _engine(row: AwardRow, parts: Parts) -> str:
    """DID of the key that signed the evidence; of several, the newest attempt's."""
    signed = [parts.store.evidence(name) for name in row.attempts]
    key_id = next((one.key_id for one in reversed(signed) if one is not None), parts.signer.key_id)
    if key_id != parts.signer.key_id:
        return did.did_key(parts.keyring.public(key_id).raw)
    return did.did_key(parts.signer.public_raw)
