"""Users, for admins: accounts, their roles, and links by which somebody signs in once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Query
from pydantic import Field, StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from assessor.errors import AccountRefused
from assessor.rows import sessions
from assessor.rows.audit import AuditRow
from assessor.rows.learnerrows import Seed
from assessor.rows.users import Role, Scope
from assessor.web.access import Visitor, allow
from assessor.web.api import account, paging, routing
from assessor.web.api.account import UserTold
from assessor.web.api.paging import Page, Paged
from assessor.web.api.routing import Given, Id, Name, Told
from assessor.web.context import Context, Here

api = routing.router("users")

_Admin = Annotated[Visitor, allow(Role.ADMIN, scope=Scope.ADMIN)]
_Roles = Annotated[list[Annotated[Role, Field(strict=False)]], Field(min_length=1, max_length=len(Role))]
_Email = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,189}$"),
    Field(examples=["ada@example.org"]),
]

#: How long a link for signing in holds, days.
LINK_DAYS = 7


class UserGiven(Given):
    """An account that is to be made; its owner signs in by a link first."""

    email: _Email
    name: Name
    roles: _Roles
    adopt: Annotated[
        bool, Field(description="Whether a learner who is called by this address already is this person.")
    ] = False


class UserChanged(Given):
    """What is to be changed of an account; what is left out stays."""

    roles: _Roles | None = None
    active: bool | None = None


class LinkTold(Told):
    """A link by which somebody signs in, once."""

    url: str
    expires_at: datetime


class LineTold(Told):
    """A line of the audit trail."""

    seq: int
    at: datetime
    user: Annotated[str | None, Field(description="Whose account; null: at the command line.")]
    act: str
    subject: str
    detail: Annotated[str, Field(description="A JSON object as text.")]
    address: str


@api.get("/users", summary="All accounts")
def list_users(
    here: Here, request: Request, response: Response, visitor: _Admin, asked: Annotated[Paged, Query()]
) -> Page[UserTold]:
    """The oldest first."""
    rows = here.parts.store.users(after=asked.after(), limit=asked.limit + 1)
    return paging.page(request, response, asked, rows, key=lambda one: one.id, told=account.user_told)


@api.post("/users", status_code=201, summary="Make an account")
def make_user(here: Here, response: Response, visitor: _Admin, given: UserGiven) -> UserTold:
    """It has no password: its owner comes in by a link, or by an OpenID provider."""
    made = here.parts.store.add_user(
        id=here.parts.new_id(),
        email=given.email,
        name=given.name,
        roles=given.roles,
        password=None,
        seed=_seed(here),
        act=visitor.act(here),
        adopt=given.adopt,
    )
    response.headers["Location"] = f"{routing.ROOT}/users/{made.id}"
    return account.user_told(made)


@api.get("/users/{user_id}", summary="An account")
def show_user(here: Here, visitor: _Admin, user_id: Id) -> UserTold:
    """Without its password."""
    return account.user_told(here.parts.store.user(user_id))


@api.patch("/users/{user_id}", summary="Change what an account may do")
def change_user(here: Here, visitor: _Admin, user_id: Id, given: UserChanged) -> UserTold:
    """Whoever has it is signed out; switching it off ends its tokens too."""
    store, act = here.parts.store, visitor.act(here)
    found = store.user(user_id)
    gives_up = given.active is False or (given.roles is not None and Role.ADMIN not in given.roles)
    if found.id == visitor.signed_in().id and gives_up:
        # As on the page: nobody who runs this shuts themselves out by a slip.
        raise AccountRefused("expected another admin to take this from you, this is your own account")
    if given.roles is not None:
        found = store.set_roles(found.id, given.roles, seed=_seed(here), act=act)
    if given.active is not None:
        found = store.set_active(found.id, given.active, act=act)
    return account.user_told(found)


@api.post("/users/{user_id}/sign-in-links", status_code=201, summary="Make a link to sign in by, once")
def make_link(here: Here, visitor: _Admin, user_id: Id) -> LinkTold:
    """It is shown here and never again; earlier ones go on."""
    act, secret = visitor.act(here), here.new_secret()
    expires_at = act.now + timedelta(days=LINK_DAYS)
    here.parts.store.add_sign_in_link(secret=secret, user_id=user_id, expires_at=expires_at, act=act)
    return LinkTold(url=here.site.url + sessions.LINK_PATH + secret, expires_at=expires_at)


@api.get("/audit", summary="Who did what")
def audit(
    here: Here, request: Request, response: Response, visitor: _Admin, asked: Annotated[Paged, Query()]
) -> Page[LineTold]:
    """The newest first."""
    after = asked.after()
    if after is not None and not (after.isascii() and after.isdigit() and len(after) < 19):
        after = "0"  # a cursor of another list: nothing is older than the first line
    rows = here.parts.store.audit(after=None if after is None else int(after), limit=asked.limit + 1)
    return paging.page(request, response, asked, rows, key=lambda one: str(one.seq), told=_line)


def _line(row: AuditRow) -> LineTold:
    return LineTold(
        seq=row.seq,
        at=row.at,
        user=row.user_id,
        act=row.act,
        subject=row.subject,
        detail=row.detail,
        address=row.address,
    )


def _seed(here: Context) -> Seed:
    return Seed(id=here.parts.new_id(), salt=here.parts.new_salt())
