"""Status lists: which bit may revoke which award, which are set, and the signed list that says so.

Comes in: awards that are to be revoked, and lists that are signed already. Goes out: rows. Signing is left to
`statuses`, publishing to whoever serves files.

A list's signed body goes in the transaction that revokes one of its awards: from that moment on the old list
is wrong, so there is none until `keep_list` brings the new one. A list without a body is an alarm, never a
badge that goes on being valid in silence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from assessor import digest
from assessor.errors import AwardOvertaken, AwardRefused, NotFound
from assessor.rows import audit, awards, keyrows, ledger, log, news
from assessor.rows.audit import Act
from assessor.rows.awards import AwardRow, Change
from assessor.rows.database import Database

#: How many bits a list has. Source: Bitstring Status List v1.0, 6.1: at least 131,072, so that one bit among
#: them tells nobody which award was asked about.
BITS = 131_072

_Query = TypeVar("_Query", bound=sa.Select[Any])

_W = ledger.awards.c
_T = ledger.status_lists.c


@dataclass(frozen=True, kw_only=True)
class StatusList:
    """A list of bits.

    Attributes:
        id: counts from 1; part of its address.
        bits: how many.
        body: the signed list, or None where it is still to be signed.
        valid_until: when the signed list runs out, or None without one.
        changed_at: when an award of it was revoked last, or None.
    """

    id: str
    bits: int
    body: bytes | None
    valid_until: datetime | None
    changed_at: datetime | None


class Revocations(Database):
    """The part of the store that is about the status of awards."""

    def open_list(self) -> str | None:
        """The id of the newest list, if less than half of it is given away; random bits are free there."""
        with self.reading() as connection:
            newest = connection.execute(_by_age(sa.select(_T.id, _T.bits)).limit(1)).first()
            if newest is None:
                return None
            given = sa.select(sa.func.count()).where(_W.status_list == newest.id)
            half: bool = 2 * connection.execute(given).scalar_one() >= newest.bits
            return None if half else str(newest.id)

    def next_list(self) -> str:
        """The id that another list would have."""
        with self.reading() as connection:
            newest = connection.execute(_by_age(sa.select(_T.id)).limit(1)).scalar()
            return str(int(newest or 0) + 1)

    def add_list(self, list_id: str, *, body: bytes, valid_until: datetime, key_id: str, salt: bytes) -> None:
        """Keep a new list with its signed body, none of its bits set; the rest is as for `keep_list`.

        Raises:
            AwardOvertaken: somebody else has made a list of this id.
            KeyRetired: the key was retired since it signed; sign again.
        """
        with self.writing() as connection:
            keyrows.in_use(connection, key_id)
            try:
                with connection.begin_nested():
                    connection.execute(
                        ledger.status_lists.insert().values(
                            id=list_id, bits=BITS, body=body, valid_until=valid_until
                        )
                    )
            except sa.exc.IntegrityError as error:
                raise AwardOvertaken(
                    f"status list {list_id}: expected to be the first of this id; somebody else was quicker"
                ) from error
            _log(connection, list_id, digest.sha256(body), salt)

    def free_index(self, list_id: str, pick: Callable[[int], int]) -> int:
        """A free bit of a list, at random: its place tells nobody when an award was made, or to whom.

        Args:
            list_id: a list of which less than half is given away.
            pick: gives a random number from 0 up to below another one.
        """
        with self.reading() as connection:
            bits = connection.execute(sa.select(_T.bits).where(_T.id == list_id)).scalar_one()
            while True:
                index = pick(bits)
                taken = sa.select(_W.id).where(_W.status_list == list_id, _W.status_index == index)
                if connection.execute(taken).first() is None:
                    return index

    def status_list(self, list_id: str) -> StatusList:
        """The list of this id.

        Raises:
            NotFound: there is none.
        """
        with self.reading() as connection:
            return _read(connection, list_id)

    def revoked_bits(self, list_id: str) -> frozenset[int]:
        """The indexes of a list's bits that are to be set."""
        with self.reading() as connection:
            return _revoked(connection, list_id)

    def status_lists(self) -> tuple[StatusList, ...]:
        """All lists, the oldest first."""
        with self.reading() as connection:
            names = connection.execute(_by_age(sa.select(_T.id))).scalars().all()
            return tuple(_read(connection, name) for name in reversed(names))

    def keep_list(
        self,
        list_id: str,
        *,
        revoked: frozenset[int],
        body: bytes,
        valid_until: datetime,
        key_id: str,
        salt: bytes,
    ) -> None:
        """Keep a list that was signed.

        Args:
            list_id: which.
            revoked: the bits that the body says are set.
            body: the signed list.
            valid_until: when it runs out.
            key_id: the key that signed it.
            salt: of its leaf in the log.

        Raises:
            AwardOvertaken: an award of it was revoked meanwhile: what was signed is wrong, and was not kept.
            KeyRetired: the key was retired since it signed; sign again.
            NotFound: there is no such list.
        """
        with self.writing() as connection:
            keyrows.in_use(connection, key_id)
            # Written first, so that nothing of it is revoked between this look and the end.
            changed = connection.execute(
                ledger.status_lists.update()
                .where(_T.id == list_id)
                .values(body=body, valid_until=valid_until)
            )
            if changed.rowcount != 1:
                raise NotFound(f"expected the id of a status list, got {list_id!r}: the store has none")
            if _revoked(connection, list_id) != revoked:
                raise AwardOvertaken(f"status list {list_id}: an award of it was revoked while it was signed")
            _log(connection, list_id, digest.sha256(body), salt)

    def revoke(
        self, award_id: str, *, reason: str, salt: bytes, now: datetime, act: Act | None = None
    ) -> AwardRow:
        """Revoke an award for good; its list is to be signed anew. As it is then.

        Args:
            award_id: which.
            reason: why, for the issuer's own books; it is not published.
            salt: of the leaf in the log.
            now: the time.
            act: by whom it is ordered; by default at the command line.

        Raises:
            NotFound: there is no such award.
            AwardRefused: it is revoked already.
        """
        with self.writing() as connection:
            return revoke(
                connection, award_id, reason=reason, salt=salt, now=now, act=act or Act.by_operator(now)
            )


def revoke(
    connection: sa.Connection, award_id: str, *, reason: str, salt: bytes, now: datetime, act: Act
) -> AwardRow:
    """Revoke an award in the caller's transaction; the rest is as for `Revocations.revoke`.

    Raises:
        NotFound: there is no such award.
        AwardRefused: it is revoked already.
    """
    listed = sa.select(_W.status_list).where(_W.id == award_id).scalar_subquery()
    # The list first, as in `keep_list`: two that want the same rows never wait in a circle.
    connection.execute(
        ledger.status_lists.update().where(_T.id == listed).values(body=None, valid_until=None)
    )
    row = awards.read_award(connection, award_id)
    if row.revoked_at is not None:
        when = row.revoked_at.isoformat(timespec="seconds")
        raise AwardRefused(f"award {award_id}: expected one that holds, it was revoked at {when}")
    connection.execute(ledger.awards.update().where(_W.id == award_id).values(revoked_at=now, reason=reason))
    revoked = awards.read_award(connection, award_id)
    awards.note(connection, revoked, Change.REVOKE, reason, now)
    news.award_revoked(
        connection,
        award_id,
        achievement_id=revoked.achievement_id,
        learner_id=revoked.learner_id,
        now=now,
    )
    audit.note(connection, act, "award.revoke", award_id, achievement=revoked.achievement_id)
    _log(connection, award_id, digest.sha256(revocation(revoked)), salt)
    return revoked


def revocation(row: AwardRow) -> bytes:
    """What the leaf of a revocation commits to: which bit was set, for which award, and when.

    Canonical JSON; it can be written again from the row, whoever was erased.
    """
    assert row.revoked_at is not None, "only of an award that is revoked"
    return digest.canonical(
        {
            "award": row.id,
            "revoked_at": row.revoked_at.isoformat(),
            "status_index": row.status_index,
            "status_list": row.status_list,
        }
    )


def _by_age(query: _Query) -> _Query:
    """The newest list first: its id is the greatest number."""
    return query.order_by(sa.func.length(_T.id).desc(), _T.id.desc())


def _read(connection: sa.Connection, list_id: str) -> StatusList:
    row = connection.execute(sa.select(ledger.status_lists).where(_T.id == list_id)).first()
    if row is None:
        raise NotFound(f"expected the id of a status list, got {list_id!r}: the store has none")
    last = sa.select(sa.func.max(_W.revoked_at)).where(_W.status_list == list_id)
    return StatusList(
        id=row.id,
        bits=row.bits,
        body=row.body,
        valid_until=row.valid_until,
        changed_at=connection.execute(last).scalar(),
    )


def _revoked(connection: sa.Connection, list_id: str) -> frozenset[int]:
    query = sa.select(_W.status_index).where(_W.status_list == list_id, _W.revoked_at.is_not(None))
    return frozenset(connection.execute(query).scalars())


def _log(connection: sa.Connection, subject: str, name: str, salt: bytes) -> None:
    log.append(connection, kind=log.Kind.STATUS, subject=subject, digest=name, salt=salt)
