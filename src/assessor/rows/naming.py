"""Naming: what an account is called, and that it may change.

Comes in: what a person typed. Goes out: the name as it is kept. Everything else of an account is in `users`.
"""

from __future__ import annotations

import unicodedata

from assessor.errors import AccountRefused, NotFound
from assessor.rows import accounts, audit
from assessor.rows.audit import Act
from assessor.rows.database import Database

#: The longest name of a person, characters.
NAME = 200

_U = accounts.users.c


class Naming(Database):
    """The part of the store that is about what people are called."""

    def rename(self, id: str, name: str, *, act: Act) -> None:
        """Call somebody by another name.

        Raises:
            NotFound: no such user.
            AccountRefused: the name is empty, too long, or has control characters.
        """
        kept = checked(name)
        with self.writing() as connection:
            changed = connection.execute(accounts.users.update().where(_U.id == id).values(name=kept))
            if changed.rowcount != 1:
                raise NotFound(f"expected the id of a user, got {id!r}: the store has none of that id")
            audit.note(connection, act, "user.rename", id)


def checked(name: str) -> str:
    """The name as it is kept.

    Raises:
        AccountRefused: it is empty, too long, or has control characters.
    """
    name = name.strip()
    if not 1 <= len(name) <= NAME:
        raise AccountRefused(f"expected a name of 1 to {NAME} characters, got {len(name)}")
    if any(unicodedata.category(one) == "Cc" for one in name):
        raise AccountRefused(f"expected a name without control characters, got {name!r}")
    return name
