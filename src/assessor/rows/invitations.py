"""Invitations: links by which whoever has one joins a cohort.

Comes in: secrets that the caller has drawn, and the time. Goes out: frozen rows. A secret is kept as its
SHA-256 alone. A use is taken in the transaction that makes the member: two who come for the last one at once
cannot both have it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from assessor.errors import AccountRefused
from assessor.rows import accounts, audit, cohorts, sessions
from assessor.rows.audit import Act
from assessor.rows.cohorts import Membership
from assessor.rows.database import Database
from assessor.rows.users import Role

_M = accounts.memberships.c
_V = accounts.invitations.c


@dataclass(frozen=True, kw_only=True)
class Invitation:
    """A link by which somebody joins.

    Attributes:
        digest: of its secret.
        uses_left: how many more may join by it, or None for any number.
        expires_at: until when, or None.
    """

    digest: str
    cohort_id: str
    role: Role
    uses_left: int | None
    expires_at: datetime | None


class Invitations(Database):
    """The part of the store that is about joining."""

    def invite(
        self,
        *,
        secret: str,
        cohort_id: str,
        role: Role = Role.LEARNER,
        uses: int | None = None,
        expires_at: datetime | None = None,
        act: Act,
    ) -> Invitation:
        """Make a link by which people join a cohort.

        Args:
            secret: fresh and random; follows `cohorts.JOIN_PATH`.
            cohort_id: which.
            role: what they are in it.
            uses: how many may join by it, at least 1, or None for any number.
            expires_at: until when, or None.
            act: who makes it.

        Raises:
            NotFound: no such cohort.
            AccountRefused: there is no such role in a cohort, or nobody might use it.
        """
        cohorts.require_in_cohort(role)
        if uses is not None and uses < 1:
            raise AccountRefused(f"invitation: expected 1 use or more, got {uses}")
        made = Invitation(
            digest=sessions.secret_digest(secret),
            cohort_id=cohort_id,
            role=role,
            uses_left=uses,
            expires_at=expires_at,
        )
        values = {name: getattr(made, name) for name in Invitation.__dataclass_fields__}
        with self.writing() as connection:
            cohorts.read_cohort(connection, cohort_id)
            connection.execute(accounts.invitations.insert().values(**values, created_at=act.now))
            audit.note(connection, act, "cohort.invite", cohort_id, role=role, uses=uses)
        return made

    def invitation(self, secret: str, *, now: datetime) -> Invitation | None:
        """The invitation of this secret that can still be used, or None."""
        with self.reading() as connection:
            row = connection.execute(sa.select(accounts.invitations).where(_usable(secret, now))).first()
        return None if row is None else _as_invitation(row)

    def join(self, secret: str, user_id: str, *, act: Act) -> Membership:
        """Join a cohort by a link; whoever is in it already stays what they are, and takes no use.

        Raises:
            AccountRefused: the link is used up, over, or none; or the account is not active, or has not the
                role that it is for.
            NotFound: no such user.
        """
        with self.writing() as connection:
            query = sa.select(accounts.invitations).where(_usable(secret, act.now)).with_for_update()
            row = connection.execute(query).first()
            if row is None:
                raise AccountRefused("expected an invitation that can be used, it is used up, over, or none")
            found = _as_invitation(row)
            cohorts.require_role(connection, user_id, found.role)
            held = sa.select(accounts.memberships).where(
                _M.cohort_id == found.cohort_id, _M.user_id == user_id
            )
            member = connection.execute(held).first()
            if member is not None:
                return cohorts.as_membership(member)
            if found.uses_left is not None:
                taken = accounts.invitations.update().where(_V.digest == found.digest)
                connection.execute(taken.values(uses_left=_V.uses_left - 1))
            cohorts.place(connection, found.cohort_id, user_id, found.role, act.now)
            audit.note(connection, act, "cohort.join", found.cohort_id, user=user_id, role=found.role)
        return Membership(user_id=user_id, cohort_id=found.cohort_id, role=found.role)

    def withdraw_invitations(self, cohort_id: str, *, act: Act) -> int:
        """Let nobody join by any link that was given out so far; how many could still be used.

        Raises:
            NotFound: no such cohort.
        """
        with self.writing() as connection:
            cohorts.read_cohort(connection, cohort_id)
            gone = connection.execute(accounts.invitations.delete().where(_V.cohort_id == cohort_id)).rowcount
            audit.note(connection, act, "cohort.withdraw", cohort_id, links=gone)
            return gone


def _usable(secret: str, now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(
        _V.digest == sessions.secret_digest(secret),
        sa.or_(_V.uses_left.is_(None), _V.uses_left > 0),
        sa.or_(_V.expires_at.is_(None), _V.expires_at > now),
    )


def _as_invitation(row: sa.Row[Any]) -> Invitation:
    values = {name: getattr(row, name) for name in Invitation.__dataclass_fields__}
    return Invitation(**{**values, "role": Role(row.role)})
