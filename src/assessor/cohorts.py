"""Cohorts: who learns together, what they are assigned, the links by which they join, and their results.

Comes in: plain values and the time. Goes out: frozen rows. Whether a task is there is asked of the catalog by
whoever assigns it; how results are written down is left to `gradebook`.

A role in a cohort is one that the user has anyway: a link lets in, it raises nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from typing import Any, TypeVar

import sqlalchemy as sa

from assessor import accounts, audit, schema, sessions, users
from assessor.audit import Act
from assessor.database import Database
from assessor.errors import AccountRefused, NotFound
from assessor.schema import UNUSED, AttemptState
from assessor.scoring import Verdict
from assessor.users import Role, User
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
_V = accounts.invitations.c
_U = accounts.users.c
_S = schema.submissions.c
_A = schema.attempts.c


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


@dataclass(frozen=True, kw_only=True)
class Grade:
    """A learner's result for an assignment.

    Attributes:
        user: who.
        attempt_id: the attempt that counts, or None where none is judged.
        verdict: its verdict's word, or None.
        score: 0 to 1, or None.
        submitted_at: when its submission came, or None.
        late: whether that was after it was due.
        tries: how many submissions use a try, judged or not.
        waiting: how many of these are not judged yet.
    """

    user: User
    attempt_id: str | None
    verdict: str | None
    score: Fraction | None
    submitted_at: datetime | None
    late: bool
    tries: int
    waiting: int


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
            return _cohort(connection, id)

    def cohort(self, id: str) -> Cohort:
        """The cohort of this id.

        Raises:
            NotFound: there is none.
        """
        with self.reading() as connection:
            return _cohort(connection, id)

    def cohort_named(self, name: str) -> Cohort:
        """The cohort of this name, or else of this id.

        Raises:
            NotFound: there is none.
        """
        with self.reading() as connection:
            row = connection.execute(sa.select(accounts.cohorts).where(_C.name == name)).first()
            return _cohort(connection, name) if row is None else _as(Cohort, row)

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
            _cohort(connection, cohort_id)
            _require_role(connection, user_id, role)
            _place(connection, cohort_id, user_id, role, act.now)
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
        return None if row is None else _as_membership(row)

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
            _cohort(connection, cohort_id)
            connection.execute(accounts.assignments.insert().values(**values, created_at=act.now))
            audit.note(connection, act, "assignment.add", id, cohort=cohort_id, task=task_id)
        return assignment

    def assignment(self, id: str) -> Assignment:
        """The assignment of this id.

        Raises:
            NotFound: there is none.
        """
        with self.reading() as connection:
            return _assignment(connection, id)

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
            secret: fresh and random; follows `JOIN_PATH`.
            cohort_id: which.
            role: what they are in it.
            uses: how many may join by it, at least 1, or None for any number.
            expires_at: until when, or None.
            act: who makes it.

        Raises:
            NotFound: no such cohort.
            AccountRefused: there is no such role in a cohort, or nobody might use it.
        """
        _require_in_cohort(role)
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
            _cohort(connection, cohort_id)
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
            _require_role(connection, user_id, found.role)
            held = sa.select(accounts.memberships).where(
                _M.cohort_id == found.cohort_id, _M.user_id == user_id
            )
            member = connection.execute(held).first()
            if member is not None:
                return _as_membership(member)
            if found.uses_left is not None:
                taken = accounts.invitations.update().where(_V.digest == found.digest)
                connection.execute(taken.values(uses_left=_V.uses_left - 1))
            _place(connection, found.cohort_id, user_id, found.role, act.now)
            audit.note(connection, act, "cohort.join", found.cohort_id, user=user_id, role=found.role)
        return Membership(user_id=user_id, cohort_id=found.cohort_id, role=found.role)

    def withdraw_invitations(self, cohort_id: str, *, act: Act) -> int:
        """Let nobody join by any link that was given out so far; how many could still be used.

        Raises:
            NotFound: no such cohort.
        """
        with self.writing() as connection:
            _cohort(connection, cohort_id)
            gone = connection.execute(accounts.invitations.delete().where(_V.cohort_id == cohort_id)).rowcount
            audit.note(connection, act, "cohort.withdraw", cohort_id, links=gone)
            return gone

    def gradebook(self, assignment_id: str) -> tuple[Grade, ...]:
        """The result of each learner of the cohort, by name; those without one among them.

        Of a submission its newest judged attempt counts, of a learner's submissions the best or the last that
        is judged, as the assignment says. What was handed in before it opened is left out.

        Raises:
            NotFound: no such assignment.
        """
        with self.reading() as connection:
            assignment = _assignment(connection, assignment_id)
            learners = sa.select(accounts.users).join(accounts.memberships)
            learners = learners.where(_M.cohort_id == assignment.cohort_id, _M.role == Role.LEARNER)
            people = [users.as_user(row) for row in connection.execute(learners)]
            work = (
                sa.select(
                    _S.learner_id,
                    _S.id.label("submission_id"),
                    _S.received_at,
                    _A.id,
                    _A.state,
                    _A.verdict,
                    _A.score,
                )
                .select_from(schema.submissions)
                .join(schema.attempts, _A.submission_id == _S.id)
                .join(accounts.users, _U.learner_id == _S.learner_id)
                .join(accounts.memberships, _M.user_id == _U.id)
                .where(
                    _M.cohort_id == assignment.cohort_id,
                    _S.task_id == assignment.task_id,
                    _A.state.not_in(UNUSED),
                )
                .order_by(_S.seq, _A.number)
            )
            if assignment.opens_at is not None:
                work = work.where(_S.received_at >= assignment.opens_at)
            theirs: dict[str, list[Any]] = {}
            for row in connection.execute(work):
                theirs.setdefault(row.learner_id, []).append(row)
        people.sort(key=lambda one: (one.name.casefold(), one.email.casefold(), one.id))
        return tuple(_grade(one, theirs.get(one.learner_id or "", []), assignment) for one in people)


def _grade(user: User, rows: Iterable[Any], assignment: Assignment) -> Grade:
    """The result of one learner, of their attempts in the order of their submissions and numbers."""
    judged: dict[str, Any] = {}
    tries = set()
    for row in rows:
        tries.add(row.submission_id)
        if row.state == AttemptState.JUDGED:
            judged[row.submission_id] = row
    results = list(judged.values())
    chosen = None
    if results and assignment.counts is Counts.LAST:
        chosen = results[-1]
    elif results:
        # Of equals the first that `max` meets: the earliest.
        chosen = max(results, key=lambda one: (one.verdict == Verdict.PASSED, one.score))
    late = assignment.due_at is not None and chosen is not None and chosen.received_at >= assignment.due_at
    return Grade(
        user=user,
        attempt_id=None if chosen is None else chosen.id,
        verdict=None if chosen is None else chosen.verdict,
        score=None if chosen is None else chosen.score,
        submitted_at=None if chosen is None else chosen.received_at,
        late=late,
        tries=len(tries),
        waiting=len(tries - set(judged)),
    )


def _usable(secret: str, now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(
        _V.digest == sessions.secret_digest(secret),
        sa.or_(_V.uses_left.is_(None), _V.uses_left > 0),
        sa.or_(_V.expires_at.is_(None), _V.expires_at > now),
    )


def _require_in_cohort(role: Role) -> None:
    if role not in IN_COHORT:
        raise AccountRefused(f"cohort: expected a role among {', '.join(IN_COHORT)}, got {role}")


def _require_role(connection: sa.Connection, user_id: str, role: Role) -> None:
    _require_in_cohort(role)
    sessions.require_active(connection, user_id)
    if role not in users.read_user(connection, user_id).roles:
        raise AccountRefused(f"user {user_id}: expected one with the role {role}, they have it not")


def _place(connection: sa.Connection, cohort_id: str, user_id: str, role: Role, now: datetime) -> None:
    # The user's row is locked: nobody places them elsewhere meanwhile.
    held = sa.and_(_M.cohort_id == cohort_id, _M.user_id == user_id)
    changed = connection.execute(accounts.memberships.update().where(held).values(role=role))
    if changed.rowcount == 0:
        connection.execute(
            accounts.memberships.insert().values(
                user_id=user_id, cohort_id=cohort_id, role=role, joined_at=now
            )
        )


def _cohort(connection: sa.Connection, id: str) -> Cohort:
    row = connection.execute(sa.select(accounts.cohorts).where(_C.id == id)).first()
    if row is None:
        raise NotFound(f"expected a cohort, got {id!r}: the store has none of that id or name")
    return _as(Cohort, row)


def _assignment(connection: sa.Connection, id: str) -> Assignment:
    row = connection.execute(sa.select(accounts.assignments).where(_G.id == id)).first()
    if row is None:
        raise NotFound(f"expected the id of an assignment, got {id!r}: the store has none of that id")
    return _as_assignment(row)


def _as_assignment(row: sa.Row[Any]) -> Assignment:
    return _as(Assignment, row, counts=Counts(row.counts))


def _as_membership(row: sa.Row[Any]) -> Membership:
    return _as(Membership, row, role=Role(row.role))


def _as_invitation(row: sa.Row[Any]) -> Invitation:
    return _as(Invitation, row, role=Role(row.role))


def _as(kind: type[Made], row: sa.Row[Any], **instead: Any) -> Made:
    names = kind.__dataclass_fields__  # type: ignore[attr-defined]
    return kind(**{name: getattr(row, name) for name in names} | instead)
