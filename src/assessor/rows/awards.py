"""Awards: which learner was awarded what, all that was done with it, and whose passes are still to be seen.

Comes in: awards that are made and signed already, their credentials kept as blobs. Goes out: rows. Whether an
award is deserved is left to `deserving`, the bits that revoke it to `revocations`.

An award, the line about what was done with it, its leaf in the log, and the note that the attempts behind it
are settled are one transaction: whoever is killed leaves none of them or all. The blob comes before its row,
and is doomed before it is written; the transaction takes the doom back. So what a killed process left behind
is removed by the next `bury`, and a blob that was removed too early makes its award fail and start anew.

A learner is awarded an achievement once: the database holds to that, and of two processes that try at once
the second is told by `AwardOvertaken`, to look again.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from assessor.errors import AwardOvertaken, NotFound
from assessor.rows import audit, keyrows, ledger, log, news, schema
from assessor.rows.audit import Act
from assessor.rows.database import Database

_W = ledger.awards.c
_N = ledger.award_changes.c
_D = ledger.due.c
_A = schema.attempts.c
_S = schema.submissions.c
_L = schema.learners.c


class Change(StrEnum):
    """What was done with an award."""

    AWARD = "award"  #: made
    REISSUE = "reissue"  #: signed anew: on better evidence, or by hand
    RENEW = "renew"  #: signed anew, to last longer
    REVOKE = "revoke"  #: revoked, for good
    WITHHELD = "withheld"  #: deserved again after it was revoked, and not given: an issuer's affair


class Visibility(StrEnum):
    """Who may see an award where it is published, and the evidence behind it that is not withheld."""

    PUBLIC = "public"  #: anybody: the achievement's page lists it
    LINK = "link"  #: whoever was given its link; nothing lists it
    PRIVATE = "private"  #: nobody: it is not published


@dataclass(frozen=True, kw_only=True)
class AwardRow:
    """One achievement awarded to one learner.

    Attributes:
        id: random; part of the credential's address.
        learner_id: whose, or None once they are erased.
        revision: from 1; how often it was signed.
        status_list, status_index: the bit that it may be revoked by.
        credential: digest of the signed credential, or None once the learner is erased.
        attempts: ids of the attempts that it rests on.
        level: id of the level that was reached, or None.
        awarded_at: when it was first given.
        valid_from, valid_until: what the newest revision says; `valid_until` None for ever.
        revoked_at, reason: when and why it was revoked, or None.
        visibility: who may see it.
    """

    id: str
    learner_id: str | None
    achievement_id: str
    revision: int
    status_list: str
    status_index: int
    credential: str | None
    attempts: tuple[str, ...]
    level: str | None
    awarded_at: datetime
    valid_from: datetime
    valid_until: datetime | None
    revoked_at: datetime | None
    reason: str | None
    visibility: Visibility = Visibility.LINK

    def holds(self, now: datetime) -> bool:
        """Whether it is neither revoked nor run out."""
        return self.revoked_at is None and (self.valid_until is None or now < self.valid_until)


@dataclass(frozen=True, kw_only=True)
class ChangeRow:
    """One thing that was done with an award."""

    award_id: str
    kind: Change
    revision: int
    credential: str | None
    reason: str | None
    changed_at: datetime


@dataclass(frozen=True, kw_only=True)
class Grant:
    """An award as it is to be kept.

    Attributes:
        row: as it is to be; of revision 1 where it is new, else one more than what is there.
        kind: what is done.
        reason: why, or None where the rules say so.
        salt: of its leaf in the log.
        email: an address of the learner that is to be kept with it, or None.
    """

    row: AwardRow
    kind: Change
    reason: str | None
    salt: bytes
    email: str | None = None


class Awards(Database):
    """The part of the store that is about awards."""

    def award(self, award_id: str) -> AwardRow:
        """The award of this id.

        Raises:
            NotFound: there is none.
        """
        with self.reading() as connection:
            return read_award(connection, award_id)

    def awards(
        self,
        *,
        learner: str | None = None,
        achievement: str | None = None,
        revoked: bool | None = None,
        after: str | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> tuple[AwardRow, ...]:
        """Awards, the oldest first, of the learner of this name and of this achievement where given.

        Args:
            learner: a name, or None.
            achievement: an id, or None.
            revoked: only those that are revoked, or only those that are not, or None for both.
            after: id of the last award that was seen: those that follow it, or None.
            limit: how many at most, or None.
            newest_first: whether they come in the other order.
        """
        order = (_W.awarded_at.desc(), _W.id.desc()) if newest_first else (_W.awarded_at, _W.id)
        query = sa.select(ledger.awards).order_by(*order).limit(limit)
        if revoked is not None:
            query = query.where(_W.revoked_at.is_not(None) if revoked else _W.revoked_at.is_(None))
        if achievement is not None:
            query = query.where(_W.achievement_id == achievement)
        if learner is not None:
            query = query.join(schema.learners).where(_L.name == learner)
        if after is not None:
            seen = ledger.awards.alias()
            at = sa.select(seen.c.awarded_at).where(seen.c.id == after).scalar_subquery()
            then = operator.lt if newest_first else operator.gt
            query = query.where(
                sa.or_(then(_W.awarded_at, at), sa.and_(_W.awarded_at == at, then(_W.id, after)))
            )
        with self.reading() as connection:
            return tuple(map(as_award, connection.execute(query)))

    def awards_of(self, learner_id: str) -> Mapping[str, AwardRow]:
        """The awards of the learner of this id, by achievement, those that hold no more among them."""
        query = sa.select(ledger.awards).where(_W.learner_id == learner_id).order_by(_W.awarded_at, _W.id)
        with self.reading() as connection:
            return {row.achievement_id: as_award(row) for row in connection.execute(query)}

    def award_changes(self, award_id: str) -> tuple[ChangeRow, ...]:
        """What was done with an award, oldest first; empty where there is none."""
        query = sa.select(ledger.award_changes).where(_N.award_id == award_id).order_by(_N.seq)
        with self.reading() as connection:
            return tuple(map(_as_change, connection.execute(query)))

    def show_award(self, award_id: str, visibility: Visibility) -> AwardRow:
        """Keep who may see an award; the award. What is published already follows with the next publishing.

        Raises:
            NotFound: there is none of this id.
        """
        with self.writing() as connection:
            shown = ledger.awards.update().where(_W.id == award_id).values(visibility=visibility.value)
            connection.execute(shown)
            return read_award(connection, award_id)

    def learner_names(self, ids: Iterable[str]) -> Mapping[str, str]:
        """The names of the learners of these ids, without those who were erased."""
        query = sa.select(_L.id, _L.name).where(_L.id.in_(set(ids)), _L.name.is_not(None))
        with self.reading() as connection:
            return {row.id: row.name for row in connection.execute(query)}

    def keep_awards(
        self,
        grants: Sequence[Grant],
        *,
        key_id: str | None = None,
        settled: Iterable[str] = (),
        withheld: Iterable[tuple[AwardRow, str]] = (),
        now: datetime,
        act: Act | None = None,
    ) -> None:
        """Keep these awards, all or none; their credentials are blobs, each doomed beforehand.

        Args:
            grants: the awards.
            key_id: the key that signed their credentials; None where there are none.
            settled: attempts that are looked at for awards with this.
            withheld: awards that are revoked and deserved again, each with why it is told.
            now: the time.
            act: by whom it is ordered; None where the rules say so, which is nobody's act.

        Raises:
            AwardOvertaken: an award is there already, or not of the revision that was built on, or revoked;
                or its bit is another's by now, or its blob was removed. Nothing was kept.
            KeyRetired: the key was retired since it signed; nothing was kept, sign again.
            NotFound: a learner was erased.
        """
        with self.writing() as connection:
            if key_id is not None:
                keyrows.in_use(connection, key_id)
            for learner_id in sorted({str(grant.row.learner_id) for grant in grants}):
                # Locked, so that they are not erased meanwhile.
                query = sa.select(_L.name).where(_L.id == learner_id).with_for_update()
                if connection.execute(query).scalar() is None:
                    raise NotFound(
                        f"learner {learner_id}: expected one who is here, the store has none, or erased"
                    )
            for grant in grants:
                doomed = schema.doomed.delete().where(schema.doomed.c.digest == grant.row.credential)
                if connection.execute(doomed).rowcount != 1:
                    raise AwardOvertaken(
                        f"award {grant.row.id}: its credential was removed before it was kept"
                    )
                _write(connection, grant.row)
                note(connection, grant.row, grant.kind, grant.reason, now)
                news.award_made(
                    connection,
                    grant.row.id,
                    achievement_id=grant.row.achievement_id,
                    learner_id=grant.row.learner_id,
                    revision=grant.row.revision,
                    level=grant.row.level,
                    change=grant.kind.value,
                    valid_until=grant.row.valid_until,
                    now=now,
                )
                if grant.email is not None:
                    named = schema.learners.update().where(_L.id == grant.row.learner_id)
                    connection.execute(named.values(email=grant.email))
                if act is not None:
                    audit.note(
                        connection,
                        act,
                        f"award.{_ACTS[grant.kind]}",
                        grant.row.id,
                        achievement=grant.row.achievement_id,
                    )
            for row, reason in withheld:
                note(connection, row, Change.WITHHELD, reason, now)
            if names := sorted(set(settled)):
                connection.execute(ledger.due.delete().where(_D.attempt_id.in_(names)))
            # Last: whoever appends waits for others who do, until they are done.
            for grant in grants:
                assert grant.row.credential is not None, "an award is kept with its credential"
                log.append(
                    connection,
                    kind=log.Kind.AWARD,
                    subject=grant.row.id,
                    digest=grant.row.credential,
                    salt=grant.salt,
                )


def read_award(connection: sa.Connection, award_id: str) -> AwardRow:
    """The award of this id.

    Raises:
        NotFound: there is none.
    """
    row = connection.execute(sa.select(ledger.awards).where(_W.id == award_id)).first()
    if row is None:
        raise NotFound(f"expected the id of an award, got {award_id!r}: the store has none of that id")
    return as_award(row)


def as_award(row: sa.Row[Any]) -> AwardRow:
    """The award in a row of all columns of `awards`."""
    values = {name: getattr(row, name) for name in AwardRow.__dataclass_fields__}
    return AwardRow(**{**values, "attempts": tuple(row.attempts), "visibility": Visibility(row.visibility)})


def exported(connection: sa.Connection, learner_id: str) -> list[dict[str, Any]]:
    """A learner's awards for their export, each with its changes: columns as they are."""
    found = []
    query = sa.select(ledger.awards).where(_W.learner_id == learner_id).order_by(_W.awarded_at, _W.id)
    for row in connection.execute(query).all():
        changes = sa.select(ledger.award_changes).where(_N.award_id == row.id).order_by(_N.seq)
        done = [dict(change._mapping) for change in connection.execute(changes)]
        found.append({**row._mapping, "changes": done})
    return found


def credentials(connection: sa.Connection, learner_id: str | None = None) -> set[str]:
    """The blobs of every credential that was ever signed, or of those of one learner."""
    query = sa.select(_N.credential).where(_N.credential.is_not(None)).distinct()
    if learner_id is not None:
        query = query.join(ledger.awards).where(_W.learner_id == learner_id)
    return set(connection.execute(query).scalars())


def is_credential(connection: sa.Connection, digest: str) -> bool:
    """Whether this blob is a credential of a learner who is here."""
    return connection.execute(sa.select(_N.seq).where(_N.credential == digest)).first() is not None


def erase(connection: sa.Connection, learner_id: str) -> set[str]:
    """Take a learner out of their awards; the credentials that are to go.

    The rows stay, with the bits that the awards may be revoked by: who was given a credential still has it.
    """
    gone = credentials(connection, learner_id)
    theirs = sa.select(_W.id).where(_W.learner_id == learner_id)
    connection.execute(
        # What an issuer wrote may be about the person.
        ledger.award_changes.update().where(_N.award_id.in_(theirs)).values(credential=None, reason=None)
    )
    connection.execute(
        ledger.awards.update()
        .where(_W.learner_id == learner_id)
        .values(learner_id=None, credential=None, reason=None)
    )
    attempts = sa.select(_A.id).join(schema.submissions).where(_S.learner_id == learner_id)
    connection.execute(ledger.due.delete().where(_D.attempt_id.in_(attempts)))
    return gone


def _write(connection: sa.Connection, row: AwardRow) -> None:
    values = {name: getattr(row, name) for name in AwardRow.__dataclass_fields__}
    values["attempts"] = list(row.attempts)
    if row.revision == 1:
        try:
            with connection.begin_nested():
                connection.execute(ledger.awards.insert().values(**values))
        except sa.exc.IntegrityError as error:
            raise AwardOvertaken(
                f"award {row.id}: expected to be the first of {row.achievement_id} for its learner, and its "
                "bit in the status list to be free; somebody else was quicker"
            ) from error
        return
    before = sa.and_(
        _W.id == row.id,
        _W.learner_id == row.learner_id,
        _W.revision == row.revision - 1,
        _W.revoked_at.is_(None),
    )
    kept = {name: values[name] for name in _REISSUED}
    if connection.execute(ledger.awards.update().where(before).values(**kept)).rowcount != 1:
        raise AwardOvertaken(
            f"award {row.id}: expected revision {row.revision - 1}, not revoked; it has changed meanwhile"
        )


#: What an order is called in the trail.
_ACTS = {Change.AWARD: "make", Change.REISSUE: "reissue", Change.RENEW: "renew"}

#: What another revision may change; the rest of an award stays.
_REISSUED = ("revision", "credential", "attempts", "level", "valid_from", "valid_until")


def note(connection: sa.Connection, row: AwardRow, kind: Change, reason: str | None, now: datetime) -> None:
    """Write the line about something that was done with an award."""
    issued = kind in (Change.AWARD, Change.REISSUE, Change.RENEW)
    connection.execute(
        ledger.award_changes.insert().values(
            award_id=row.id,
            kind=kind,
            revision=row.revision,
            credential=row.credential if issued else None,
            reason=reason,
            changed_at=now,
        )
    )


def _as_change(row: sa.Row[Any]) -> ChangeRow:
    values = {name: getattr(row, name) for name in ChangeRow.__dataclass_fields__}
    return ChangeRow(**{**values, "kind": Change(row.kind)})
