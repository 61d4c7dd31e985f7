"""Users: the accounts of people, what they may do, and how each is known again.

Comes in: what the caller has read, drawn and hashed. Goes out: frozen rows. Being signed in is in `sessions`,
programs that act for somebody in `tokens`, what people are called in `naming`; `Users` is all of it. Hashing
passwords is left to `passwords`.

A user who learns has a row among the learners, by default of the name that is their e-mail address: so the
command line and the web mean the same person by it. Whoever has proven no address is not given the row of a
learner who is there already; that takes an operator's word (`adopt`).

Whatever changes what an account may do signs it out: nobody goes on under what they had before.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from assessor.errors import AccountRefused, NotFound
from assessor.rows import accounts, audit, learnerrows, naming, schema, sessions
from assessor.rows.audit import Act
from assessor.rows.learnerrows import Seed
from assessor.rows.naming import Naming
from assessor.rows.sessions import Session, Sessions
from assessor.rows.tokens import Scope, Token, Tokens

__all__ = ["Role", "Scope", "Session", "Token", "User", "Users"]

_U = accounts.users.c
_I = accounts.identities.c
_L = schema.learners.c


class Role(StrEnum):
    """What somebody is let do."""

    LEARNER = "learner"  #: hand in, and see what came of it
    REVIEWER = "reviewer"  #: give marks
    INSTRUCTOR = "instructor"  #: see the results of a cohort
    AUTHOR = "author"  #: see all of a task
    ISSUER = "issuer"  #: award and revoke
    ADMIN = "admin"  #: users, cohorts, assignments, webhooks


@dataclass(frozen=True, kw_only=True)
class User:
    """An account.

    Attributes:
        email: as it was written; no two accounts differ in its case alone.
        name: what to call them.
        roles: at least one.
        learner_id: their row among the learners, or None.
        active: whether they are let in.
        signed_in_at: when they signed in last, or None.
    """

    id: str
    email: str
    name: str
    roles: frozenset[Role]
    learner_id: str | None
    active: bool
    created_at: datetime
    signed_in_at: datetime | None


class Users(Sessions, Tokens, Naming):
    """The part of the store that is about accounts."""

    def add_user(
        self,
        *,
        id: str,
        email: str,
        name: str,
        roles: Iterable[Role],
        password: str | None,
        seed: Seed,
        act: Act,
        adopt: bool = False,
    ) -> User:
        """Make an account, and the row of a learner where they are one.

        Args:
            id: fresh.
            email: what they sign in with.
            name: what to call them.
            roles: what they are let do.
            password: its hash, or None: by a link, or by an OpenID provider.
            seed: what the row of a learner is made from.
            act: who makes it; of whoever signs up by themselves, that user.
            adopt: take over the row of a learner who is called by this address already.

        Raises:
            AccountRefused: the address is none, or has an account, or is a learner's and `adopt` is not set;
                or there is no role, or no name.
        """
        email, name, asked = email.strip(), naming.checked(name), _roles(roles)
        if not learnerrows.is_address(email):
            raise AccountRefused(f"expected an e-mail address, got {email!r}")
        with self.writing() as connection:
            learner_id = _learner(connection, email, seed, adopt=adopt) if Role.LEARNER in asked else None
            new = accounts.users.insert().values(
                id=id,
                email=email,
                email_key=email_key(email),
                name=name,
                roles=sorted(asked),
                password=password,
                learner_id=learner_id,
                active=True,
                created_at=act.now,
            )
            if _by_email(connection, email) is not None:
                raise _taken(email)
            try:
                with connection.begin_nested():
                    connection.execute(new)
            except sa.exc.IntegrityError as error:
                # Another process was first (PostgreSQL only), or the learner has an account by now.
                raise _taken(email) from error
            audit.note(connection, act, "user.add", id, roles=sorted(asked))
            return read_user(connection, id)

    def user(self, id: str) -> User:
        """The user of this id.

        Raises:
            NotFound: there is none.
        """
        with self.reading() as connection:
            return read_user(connection, id)

    def signed_in(self, secret: str, *, now: datetime) -> tuple[Session, User] | None:
        """The session that this secret opens, and whose it is; None where there is none, or none any more."""
        with self.reading() as connection:
            found = sessions.opened(connection, secret, now=now, idle=sessions.IDLE)
            user = None if found is None else read_user(connection, found.user_id)
        if found is None or user is None:
            return None
        self.see(found, now=now)
        return found, user

    def user_by_email(self, email: str) -> User | None:
        """The user of this address, however its case is written, or None."""
        with self.reading() as connection:
            return _by_email(connection, email)

    def user_by_identity(self, issuer: str, subject: str) -> User | None:
        """Who is known by this subject at this OpenID provider, or None."""
        query = sa.select(accounts.users).join(accounts.identities)
        with self.reading() as connection:
            row = connection.execute(query.where(_I.issuer == issuer, _I.subject == subject)).first()
        return None if row is None else as_user(row)

    def user_of_learner(self, learner_id: str) -> User | None:
        """The account of a learner, or None."""
        query = sa.select(accounts.users).where(_U.learner_id == learner_id)
        with self.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else as_user(row)

    def users(self, after: str | None = None, limit: int = 100) -> tuple[User, ...]:
        """Accounts, the oldest first.

        Args:
            after: id of the last user that was seen: those that are newer follow.
            limit: how many at most.
        """
        query = sa.select(accounts.users).order_by(_U.seq).limit(limit)
        if after is not None:
            query = query.where(_U.seq > sa.select(_U.seq).where(_U.id == after).scalar_subquery())
        with self.reading() as connection:
            return tuple(map(as_user, connection.execute(query)))

    def set_roles(self, id: str, roles: Iterable[Role], *, seed: Seed, act: Act, adopt: bool = False) -> User:
        """Change what somebody is let do; they are signed out, and what their tokens allow shrinks with it.

        Args:
            id: whose.
            roles: all that they have from here on.
            seed: what the row of a learner is made from, where they become one.
            act: who changes it.
            adopt: take over the row of a learner who is called by their address already.

        Raises:
            NotFound: no such user.
            AccountRefused: there is no role; or a learner of their address is there and `adopt` is not set.
        """
        asked = _roles(roles)
        with self.writing() as connection:
            sessions.lock_active(connection, id)
            before = read_user(connection, id)
            learner_id = before.learner_id
            if Role.LEARNER in asked and learner_id is None:
                learner_id = _learner(connection, before.email, seed, adopt=adopt)
            values = {"roles": sorted(asked), "learner_id": learner_id}
            connection.execute(accounts.users.update().where(_U.id == id).values(**values))
            if asked != before.roles:
                sessions.end(connection, id)
            audit.note(connection, act, "user.roles", id, before=sorted(before.roles), after=sorted(asked))
            return read_user(connection, id)

    def set_active(self, id: str, active: bool, *, act: Act) -> User:
        """Switch an account on or off; off ends its sessions, links and tokens for good.

        Raises:
            NotFound: no such user.
        """
        with self.writing() as connection:
            sessions.lock_active(connection, id)
            connection.execute(accounts.users.update().where(_U.id == id).values(active=active))
            if not active:
                sessions.end(connection, id)
                connection.execute(accounts.tokens.delete().where(accounts.tokens.c.user_id == id))
            audit.note(connection, act, "user.enable" if active else "user.disable", id)
            return read_user(connection, id)

    def set_password(self, id: str, password: str, *, act: Act, keep: str | None = None) -> None:
        """Keep another password's hash; whoever is signed in by the old one is signed out.

        Args:
            id: whose.
            password: the hash.
            act: who changes it.
            keep: id of the session that it is changed in, which goes on, or None.

        Raises:
            NotFound: no such user.
        """
        with self.writing() as connection:
            sessions.lock_active(connection, id)
            connection.execute(accounts.users.update().where(_U.id == id).values(password=password))
            sessions.end(connection, id, keep=keep)
            audit.note(connection, act, "user.password", id)

    def rehash_password(self, id: str, *, before: str, password: str) -> None:
        """Keep a stronger hash of the same password, unless it was changed meanwhile."""
        same = sa.and_(_U.id == id, _U.password == before)
        with self.writing() as connection:
            connection.execute(accounts.users.update().where(same).values(password=password))

    def password_of(self, id: str) -> str | None:
        """The hash of somebody's password, or None where there is no such user, or they have none."""
        with self.reading() as connection:
            found: str | None = connection.execute(sa.select(_U.password).where(_U.id == id)).scalar()
        return found

    def link_learner(self, id: str, learner_id: str, *, act: Act) -> User:
        """Let an account be that of a learner who is there already.

        Raises:
            NotFound: no such user, or no such learner, or they were erased.
            AccountRefused: the learner has another account.
        """
        with self.writing() as connection:
            sessions.lock_active(connection, id)
            present = sa.select(_L.name).where(_L.id == learner_id).with_for_update()
            if connection.execute(present).scalar() is None:
                raise NotFound(
                    f"expected the id of a learner, got {learner_id!r}: the store has none, or erased"
                )
            try:
                with connection.begin_nested():
                    connection.execute(
                        accounts.users.update().where(_U.id == id).values(learner_id=learner_id)
                    )
            except sa.exc.IntegrityError as error:
                raise AccountRefused(
                    f"user {id}: expected a learner without an account, {learner_id} has one"
                ) from error
            audit.note(connection, act, "user.link-learner", id, learner=learner_id)
            return read_user(connection, id)

    def link_identity(self, id: str, issuer: str, subject: str, *, act: Act) -> None:
        """Know somebody again by what an OpenID provider calls them.

        Raises:
            NotFound: no such user.
            AccountRefused: the account is not active, or the subject is known as somebody else.
        """
        with self.writing() as connection:
            sessions.require_active(connection, id)
            known = sa.select(_I.user_id).where(_I.issuer == issuer, _I.subject == subject)
            owner: str | None = connection.execute(known).scalar()
            if owner == id:
                return
            new = accounts.identities.insert().values(issuer=issuer, subject=subject, user_id=id)
            try:
                with connection.begin_nested():
                    connection.execute(new)
            except sa.exc.IntegrityError as error:
                raise AccountRefused(
                    f"user {id}: expected a subject of {issuer} that nobody is known by, it is another user's"
                ) from error
            audit.note(connection, act, "user.link-identity", id, issuer=issuer)


def email_key(email: str) -> str:
    """An address as it is compared. Source: Unicode 16, D145 (canonical caseless matching, with NFKC)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", email.strip()).casefold())


def read_user(connection: sa.Connection, id: str) -> User:
    """The user of this id.

    Raises:
        NotFound: there is none.
    """
    row = connection.execute(sa.select(accounts.users).where(_U.id == id)).first()
    if row is None:
        raise NotFound(f"expected the id of a user, got {id!r}: the store has none of that id")
    return as_user(row)


def as_user(row: sa.Row[Any]) -> User:
    """The user in a row of all columns of `users`."""
    values = {name: getattr(row, name) for name in User.__dataclass_fields__}
    return User(**{**values, "roles": frozenset(map(Role, row.roles))})


def _roles(roles: Iterable[Role]) -> frozenset[Role]:
    asked = frozenset(roles)
    if not asked:
        raise AccountRefused("expected at least one role, got none")
    return asked


def _by_email(connection: sa.Connection, email: str) -> User | None:
    row = connection.execute(sa.select(accounts.users).where(_U.email_key == email_key(email))).first()
    return None if row is None else as_user(row)


def _taken(email: str) -> AccountRefused:
    return AccountRefused(f"expected an address without an account, {email} has one")


def _learner(connection: sa.Connection, email: str, seed: Seed, *, adopt: bool) -> str:
    """The id of the learner who is called by this address; made where there is none."""
    if not adopt and learnerrows.look(connection, email) is not None:
        # Their work would be shown to whoever types their address.
        raise AccountRefused(
            f"user {email}: expected an address that no learner is called by, there is one; "
            "whoever runs the system makes the account"
        )
    found = learnerrows.find_or_make(connection, email, seed)
    if not adopt and found.id != seed.id:
        raise _taken(email)
    return found.id
