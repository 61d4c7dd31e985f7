"""Who asks: a person with a browser, a program with a token, or anybody."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from assessor.errors import SignInNeeded
from assessor.rows.audit import Act
from assessor.rows.users import Role, Session, Token, User
from assessor.web.context import Context


class Via(StrEnum):
    """How a visitor showed who they are."""

    NONE = "none"  #: not at all
    SESSION = "session"  #: by the cookie of a browser that signed in
    TOKEN = "token"  # noqa: S105  #: by a token that a program sent


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """Who asks.

    Attributes:
        user: their account, or None.
        via: how they showed it.
        session, token: what they showed.
        address: the network address that they ask from.
    """

    user: User | None = None
    via: Via = Via.NONE
    session: Session | None = None
    token: Token | None = None
    address: str = ""

    @property
    def roles(self) -> frozenset[Role]:
        """Their roles; none where nobody is signed in."""
        return frozenset() if self.user is None else self.user.roles

    @property
    def key(self) -> str:
        """Whom their requests are counted for."""
        return f"user:{self.user.id}" if self.user is not None else f"address:{self.address}"

    def signed_in(self) -> User:
        """Their account.

        Raises:
            SignInNeeded: nobody is signed in.
        """
        if self.user is None:
            raise SignInNeeded("expected somebody who is signed in, got nobody")
        return self.user

    def act(self, here: Context) -> Act:
        """What they do now, for the audit trail."""
        return Act(
            user_id=None if self.user is None else self.user.id,
            address=self.address,
            now=here.parts.clock(),
        )
