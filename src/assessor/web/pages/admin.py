"""Pages for admins: accounts with their roles, links and tokens, and the trail of who did what.

Nobody takes the role of an admin from themselves, or switches themselves off: whoever did so alone would
leave an installation without one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

from fastapi import Form, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from assessor.errors import AccountRefused, LearnerError
from assessor.rows import sessions
from assessor.rows.audit import Act
from assessor.rows.learnerrows import Seed
from assessor.rows.users import Role
from assessor.web import rendering
from assessor.web.access import Visitor, allow, router
from assessor.web.context import Context, Here

pages = router("/admin")

Admin = Annotated[Visitor, allow(Role.ADMIN)]
Roles = Annotated[list[Role], Form()]

#: How many rows a list shows at once.
ROWS = 100
#: How long a link for signing in holds, days.
LINK_DAYS = 7


@pages.get("")
def overview(request: Request, here: Here, visitor: Admin) -> Response:
    """What there is to administer, and how many attempts are where."""
    return rendering.page(request, "admin.html", counts=here.parts.store.counts())


@pages.get("/users")
def list_users(request: Request, here: Here, visitor: Admin, after: str | None = None) -> Response:
    """All accounts, the oldest first."""
    return _list(request, here, after=after)


@pages.post("/users")
def make_user(
    request: Request,
    here: Here,
    visitor: Admin,
    email: Annotated[str, Form(max_length=254)] = "",
    name: Annotated[str, Form()] = "",
    roles: Roles = [],  # noqa: B006  # FastAPI copies it
) -> Response:
    """An account, with a link by which its owner signs in; a learner of that address is this person."""
    act, store = visitor.act(here), here.parts.store
    try:
        made = store.add_user(
            id=here.parts.new_id(),
            email=email,
            name=name.strip() or email,
            roles=roles,
            password=None,
            seed=_seed(here),
            act=act,
            adopt=True,
        )
    except LearnerError as refused:
        return _list(request, here, problem=str(refused), email=email, name=name)
    return _show(request, here, made.id, link=_link(here, made.id, act))


@pages.get("/users/{user_id}")
def show_user(request: Request, here: Here, visitor: Admin, user_id: str) -> Response:
    """An account."""
    return _show(request, here, user_id)


@pages.post("/users/{user_id}/roles")
def set_roles(
    request: Request,
    here: Here,
    visitor: Admin,
    user_id: str,
    roles: Roles = [],  # noqa: B006  # FastAPI copies it
) -> Response:
    """All that somebody may do from here on; they are signed out."""

    def change() -> None:
        if user_id == visitor.signed_in().id and Role.ADMIN not in roles:
            raise AccountRefused("expected another admin to take this role from you, this is you")
        here.parts.store.set_roles(user_id, roles, seed=_seed(here), act=visitor.act(here), adopt=True)

    return _changed(request, here, user_id, change)


@pages.post("/users/{user_id}/active")
def set_active(
    request: Request, here: Here, visitor: Admin, user_id: str, active: Annotated[bool, Form()]
) -> Response:
    """An account on or off; off ends its sessions, links and tokens for good."""

    def change() -> None:
        if user_id == visitor.signed_in().id and not active:
            raise AccountRefused("expected another admin to switch this account off, it is yours")
        here.parts.store.set_active(user_id, active, act=visitor.act(here))

    return _changed(request, here, user_id, change)


@pages.post("/users/{user_id}/link")
def make_link(request: Request, here: Here, visitor: Admin, user_id: str) -> Response:
    """A link by which somebody signs in once; it is shown on this page, and never again."""
    try:
        link = _link(here, user_id, visitor.act(here))
    except LearnerError as refused:
        return _show(request, here, user_id, problem=str(refused))
    return _show(request, here, user_id, link=link)


@pages.post("/users/{user_id}/tokens/{token_id}/revoke")
def revoke_token(here: Here, visitor: Admin, user_id: str, token_id: str) -> Response:
    """A token that opens nothing any more."""
    here.parts.store.revoke_token(token_id, act=visitor.act(here))
    return RedirectResponse(f"/admin/users/{user_id}", 303)


@pages.get("/audit")
def trail(
    request: Request,
    here: Here,
    visitor: Admin,
    after: Annotated[int | None, Query(ge=0, le=2**62)] = None,
) -> Response:
    """Who did what that not everybody may, the newest first."""
    rows = here.parts.store.audit(after=after, limit=ROWS + 1)
    return rendering.page(
        request,
        "audit.html",
        rows=rows[:ROWS],
        more=f"/admin/audit?after={rows[ROWS - 1].seq}" if len(rows) > ROWS else None,
    )


def _changed(request: Request, here: Context, user_id: str, change: Callable[[], None]) -> Response:
    try:
        change()
    except LearnerError as refused:
        return _show(request, here, user_id, problem=str(refused))
    return RedirectResponse(f"/admin/users/{user_id}", 303)


def _list(
    request: Request,
    here: Context,
    *,
    after: str | None = None,
    problem: str | None = None,
    email: str = "",
    name: str = "",
) -> Response:
    rows = here.parts.store.users(after=after, limit=ROWS + 1)
    return rendering.page(
        request,
        "users.html",
        status=200 if problem is None else 422,
        users=rows[:ROWS],
        more=f"/admin/users?after={rows[ROWS - 1].id}" if len(rows) > ROWS else None,
        roles=tuple(Role),
        problem=problem,
        email=email,
        name=name,
    )


def _show(
    request: Request, here: Context, user_id: str, *, problem: str | None = None, link: str | None = None
) -> Response:
    return rendering.page(
        request,
        "user.html",
        status=200 if problem is None else 422,
        user=here.parts.store.user(user_id),
        tokens=here.parts.store.tokens(user_id),
        roles=tuple(Role),
        days=LINK_DAYS,
        problem=problem,
        link=link,
    )


def _link(here: Context, user_id: str, act: Act) -> str:
    secret = here.new_secret()
    until = act.now + timedelta(days=LINK_DAYS)
    here.parts.store.add_sign_in_link(secret=secret, user_id=user_id, expires_at=until, act=act)
    return here.site.url + sessions.LINK_PATH + secret


def _seed(here: Context) -> Seed:
    return Seed(id=here.parts.new_id(), salt=here.parts.new_salt())
