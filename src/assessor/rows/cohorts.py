"""Cohorts: who learns together, and what they are assigned.

Comes in: plain values and the time. Goes out: frozen rows. Whether a task is there is asked of the catalog by
whoever assigns it. Links by which people join are in `invitations`, results in `grades`.

A role in a cohort is one that the user has anyway: a link lets in, it raises nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

import sqlalchemy as sa

from assessor.errors import AccountRefused, NotFound
from assessor.rows import accounts, audit, sessions, users
from assessor.rows.audit import Act
from assessor.rows.database import Database
from assessor.rows.users import Role, User
from assessor.waiting import Class

#: Where an invitation leads on the web, followed by its secret.
JOIN_PATH = "/join/"

#: The longest name of a cohort and title of an assignment, characters.
NAME = 200

#: What somebody can be in a cohort.
IN_COHORT = (Role.LEARNER, Role.REVIEWER, Role.INSTRUCTOR)

Made = TypeVar("Made")

_C = accounts.cohorts.c
_M = accounts.memberships.c
_G = accounts.assignments.c


class Counts(StrEnum):
    """Which of a learner's results is theirs."""

    BEST = "best"  #: a pass before none, then the highest score, then the earliest
    LAST = "last"  #: the one handed in last


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """People who learn together."""

    id: str
    name: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Membership:
    """Somebody's place in a cohort."""

    user_id: str
    cohort_id: str
    role: Role


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """A task that a cohort is to do.

    Attributes:
        title: what to call it, or None: as the task is called.
        opens_at: what was handed in before does not count; None: all does.
        due_at: what is handed in from then on is late, and counts; None: nothing is.
        queue_class: the class of the queue that it waits in, or None: the task's own.
        counts: which of several results is the learner's.
    """

    id: str
    cohort_id: str
    task_id: str
    title: str | None
    opens_at: datetime | None
    due_at: datetime | None
    queue_class: Class | None
    counts: Counts


class Cohorts(Database):
    """The part of the store that is about cohorts."""

    def add_cohort(self, *, id: str, name: str, act: Act) -> Cohort:
        """Make a cohort.

        Raises:
            AccountRefused: the name is empty, too long, or taken.
        """
        name = name.strip()
        if not 1 <= len(name) <= NAME:
            raise AccountRefused(f"cohort: expected a name of 1 to {NAME} characters, got {len(name)}")
        with self.writing() as connection:
            try:
                with connection.begin_nested():
                    connection.execute(accounts.cohorts.insert().values(id=id, name=name, created_at=act.now))
            except sa.exc.IntegrityError as error:
                raise AccountRefused(
                    f"cohort: expected a name that is free, {name!r} is a cohort's"
                ) from error
            audit.note(connection, act, "cohort.add", id)
            return read_cohort(connection, id)

    def cohort(self, id: str) -> Cohort:
        """The cohort of this id.

        Raises:
            NotFound: there is none.
        """
        with self.reading() as connection:
            return read_cohort(connection, id)

    def cohort_named(self, name: str) -> Cohort:
        """The cohort of this name, or else of this id.

        Raises:
            NotFound: there is none.
        """
        with self.reading() as connection:
            row = connection.execute(sa.select(accounts.cohorts).where(_C.name == name)).first()
            return read_cohort(connection, name) if row is None else _as(Cohort, row)

    def cohorts(
        self, for_user: str | None = None, *, after: str | None = None, limit: int = 100
    ) -> tuple[Cohort, ...]:
        """Cohorts, the oldest first: those that a user is in, or all; those after the one of id `after`."""
        query = sa.select(accounts.cohorts).order_by(_C.seq).limit(limit)
        if for_user is not None:
            query = query.join(accounts.memberships).where(_M.user_id == for_user)
        if after is not None:
            query = query.where(_C.seq > sa.select(_C.seq).where(_C.id == after).scalar_subquery())
        with self.reading() as connection:
            return tuple(_as(Cohort, row) for row in connection.execute(query))

    def enrol(self, cohort_id: str, user_id: str, role: Role, *, act: Act) -> Membership:
        """Take somebody into a cohort, or change what they are in it.

        Raises:
            NotFound: no such cohort, or no such user.
            AccountRefused: the account is not active or has not this role, or there is no such role in a
                cohort.
        """
        with self.writing() as connection:
            read_cohort(connection, cohort_id)
            require_role(connection, user_id, role)
            place(connection, cohort_id, user_id, role, act.now)
            audit.note(connection, act, "cohort.enrol", cohort_id, user=user_id, role=role)
        return Membership(user_id=user_id, cohort_id=cohort_id, role=role)

    def leave(self, cohort_id: str, user_id: str, *, act: Act) -> None:
        """Take somebody out of a cohort; what they handed in stays theirs.

        Raises:
            NotFound: they are not in it.
        """
        with self.writing() as connection:
            gone = accounts.memberships.delete().where(_M.cohort_id == cohort_id, _M.user_id == user_id)
            if connection.execute(gone).rowcount != 1:
                raise NotFound(f"cohort {cohort_id}: expected one of its members, got user {user_id!r}")
            audit.note(connection, act, "cohort.leave", cohort_id, user=user_id)

    def membership(self, cohort_id: str, user_id: str) -> Membership | None:
        """Somebody's place in a cohort, or None."""
        query = sa.select(accounts.memberships).where(_M.cohort_id == cohort_id, _M.user_id == user_id)
        with self.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else as_membership(row)

    def members(self, cohort_id: str) -> tuple[tuple[User, Role], ...]:
        """Who is in a cohort, and as what, by name."""
        query = sa.select(accounts.users, _M.role.label("place")).join(accounts.memberships)
        with self.reading() as connection:
            rows = connection.execute(query.where(_M.cohort_id == cohort_id)).all()
        found = [(users.as_user(row), Role(row.place)) for row in rows]
        return tuple(sorted(found, key=lambda one: (one[0].name.casefold(), one[0].id)))

    def add_assignment(
        self,
        *,
        id: str,
        cohort_id: str,
        task_id: str,
        title: str | None = None,
        opens_at: datetime | None = None,
        due_at: datetime | None = None,
        queue_class: Class | None = None,
        counts: Counts = Counts.BEST,
        act: Act,
    ) -> Assignment:
        """Assign a task to a cohort.

        Raises:
            NotFound: no such cohort.
            AccountRefused: it is due before it opens, or its title is empty or too long.
        """
        if opens_at is not None and due_at is not None and due_at <= opens_at:
            raise AccountRefused(
                f"assignment of {task_id}: expected it to be due after it opens at "
                f"{opens_at.isoformat()}, got {due_at.isoformat()}"
            )
        if title is not None and not 1 <= len(title.strip()) <= NAME:
            raise AccountRefused(
                f"assignment of {task_id}: expected a title of 1 to {NAME} characters, got {len(title)}"
            )
        assignment = Assignment(
            id=id,
            cohort_id=cohort_id,
            task_id=task_id,
            title=title,
            opens_at=opens_at,
            due_at=due_at,
            queue_class=queue_class,
            counts=counts,
        )
        values = {name: getattr(assignment, name) for name in Assignment.__dataclass_fields__}
        with self.writing() as connection:
            read_cohort(connection, cohort_id)
            connection.execute(accounts.assignments.insert().values(**values, created_at=act.now))
            audit.note(connection, act, "assignment.add", id, cohort=cohort_id, task=task_id)
        return assignment

    def assignment(self, id: str) -> Assignment:
        """The assignment of this id.

        Raises:
            NotFound: there is none.
        """
        with self.reading() as connection:
            return read_assignment(connection, id)

    def assignments(
        self,
        cohort_id: str | None = None,
        *,
        for_user: str | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> tuple[Assignment, ...]:
        """Assignments, the oldest first: of a cohort, of the cohorts that a user is in, or all.

        Args:
            cohort_id: of which cohort, or None.
            for_user: a member, by id, or None.
            after: id of the last one that was seen: those that are newer follow.
            limit: how many at most.
        """
        query = sa.select(accounts.assignments).order_by(_G.seq).limit(limit)
        if cohort_id is not None:
            query = query.where(_G.cohort_id == cohort_id)
        if for_user is not None:
            query = query.join(accounts.memberships, _M.cohort_id == _G.cohort_id)
            query = query.where(_M.user_id == for_user)
        if after is not None:
            query = query.where(_G.seq > sa.select(_G.seq).where(_G.id == after).scalar_subquery())
        with self.reading() as connection:
            return tuple(map(_as_assignment, connection.execute(query)))


def require_in_cohort(role: Role) -> None:
    """Nothing, if somebody can be that in a cohort.

    Raises:
        AccountRefused: they cannot.
    """
    if role not in IN_COHORT:
        raise AccountRefused(f"cohort: expected a role among {', '.join(IN_COHORT)}, got {role}")


def require_role(connection: sa.Connection, user_id: str, role: Role) -> None:
    """Nothing, if an account is active and has a role that can be one in a cohort; its row is locked.

    Raises:
        NotFound: no such user.
        AccountRefused: it is not, or has not.
    """
    require_in_cohort(role)
    sessions.require_active(connection, user_id)
    if role not in users.read_user(connection, user_id).roles:
        raise AccountRefused(f"user {user_id}: expected one with the role {role}, they have it not")


def place(connection: sa.Connection, cohort_id: str, user_id: str, role: Role, now: datetime) -> None:
    """Let somebody be this in a cohort; for after `require_role`."""
    # The user's row is locked: nobody places them elsewhere meanwhile.
    held = sa.and_(_M.cohort_id == cohort_id, _M.user_id == user_id)
    changed = connection.execute(accounts.memberships.update().where(held).values(role=role))
    if changed.rowcount == 0:
        connection.execute(
            accounts.memberships.insert().values(
                user_id=user_id, cohort_id=cohort_id, role=role, joined_at=now
            )
        )


def read_cohort(connection: sa.Connection, id: str) -> Cohort:
    """The cohort of this id.

    Raises:
        NotFound: there is none.
    """
    row = connection.execute(sa.select(accounts.cohorts).where(_C.id == id)).first()
    if row is None:
        raise NotFound(f"expected a cohort, got {id!r}: the store has none of that id or name")
    return _as(Cohort, row)


def read_assignment(connection: sa.Connection, id: str) -> Assignment:
    """The assignment of this id.

    Raises:
        NotFound: there is none.
    """
    row = connection.execute(sa.select(accounts.assignments).where(_G.id == id)).first()
    if row is None:
        raise NotFound(f"expected the id of an assignment, got {id!r}: the store has none of that id")
    return _as_assignment(row)


def _as_assignment(row: sa.Row[Any]) -> Assignment:
    return _as(Assignment, row, counts=Counts(row.counts))


def as_membership(row: sa.Row[Any]) -> Membership:
    """The membership in a row of all columns of `memberships`."""
    return _as(Membership, row, role=Role(row.role))


def _as(kind: type[Made], row: sa.Row[Any], **instead: Any) -> Made:
    names = kind.__dataclass_fields__  # type: ignore[attr-defined]
    return kind(**{name: getattr(row, name) for name in names} | instead)
