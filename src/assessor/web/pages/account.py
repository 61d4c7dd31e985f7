"""An account, by its owner: name, password, where they are signed in, a copy of it all, and its end."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, BinaryIO

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from assessor import passwords, personal
from assessor.errors import AccountRefused, NotAllowed
from assessor.rows import users
from assessor.rows.users import Role
from assessor.web import own, rendering, sessions, takeaway
from assessor.web.access import PUBLIC, SIGNED_IN, Visitor, allow, router
from assessor.web.context import Context, Here

pages = router()

Somebody = Annotated[Visitor, allow(SIGNED_IN)]
Secret = Annotated[str, Form(max_length=4096)]

#: How fresh a sign-in must be for what cannot be undone, where there is no password to ask for.
FRESH = timedelta(minutes=15)
#: How much of a copy is sent at a time, bytes.
CHUNK = 64 * 1024


@pages.get("/account")
def account(request: Request, here: Here, visitor: Somebody, done: str = "") -> Response:
    """The page."""
    return _page(request, here, visitor, done=done)


@pages.post("/account/name")
def name(
    request: Request, here: Here, visitor: Somebody, name: Annotated[str, Form(max_length=1000)] = ""
) -> Response:
    """Another name."""
    try:
        here.parts.store.rename(visitor.signed_in().id, name, act=visitor.act(here))
    except AccountRefused as refused:
        return _page(request, here, visitor, problems={"name": str(refused)})
    return RedirectResponse("/account?done=name", 303)


@pages.post("/account/password")
def password(
    request: Request, here: Here, visitor: Somebody, current: Secret = "", password: Secret = ""
) -> Response:
    """Another password; whoever is signed in elsewhere is signed out."""
    user = visitor.signed_in()
    problem = _not_them(here, visitor, current)
    if problem is not None:
        return _page(request, here, visitor, problems={"current": problem})
    try:
        chosen = here.hashing(passwords.hashed, password)
    except AccountRefused as refused:
        return _page(request, here, visitor, problems={"password": str(refused)})
    held = None if visitor.session is None else visitor.session.id
    here.parts.store.set_password(user.id, chosen, act=visitor.act(here), keep=held)
    response = RedirectResponse("/account?done=password", 303)
    sessions.rotate(request, response, here)
    return response


@pages.post("/account/sessions/end")
def end_sessions(here: Here, visitor: Somebody) -> Response:
    """Signed out everywhere else."""
    held = None if visitor.session is None else visitor.session.id
    here.parts.store.end_sessions(visitor.signed_in().id, keep=held)
    return RedirectResponse("/account?done=sessions", 303)


@pages.post("/account/export")
def export(here: Here, visitor: Annotated[Visitor, allow(Role.LEARNER)]) -> Response:
    """A copy of all that is kept of the visitor. By a form: making it is work, which no link should cause."""
    learner = own.learner(here, visitor)
    here.uploads.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Without a name: it is gone with this process, or with whoever stops reading.
    file = tempfile.TemporaryFile(dir=here.uploads)  # noqa: SIM115  closed once it is sent
    try:
        takeaway.write(here.parts, learner.name, file)
        size = file.tell()
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return StreamingResponse(
        _chunks(file),
        media_type="application/zip",
        headers={"Content-Disposition": 'attachment; filename="my-data.zip"', "Content-Length": str(size)},
    )


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK):
            yield chunk


@pages.post("/account/erase")
def erase(
    request: Request,
    here: Here,
    visitor: Annotated[Visitor, allow(Role.LEARNER)],
    email: Annotated[str, Form(max_length=254)] = "",
    current: Secret = "",
) -> Response:
    """The end of it all, for ever."""
    user = visitor.signed_in()
    if user.roles != {Role.LEARNER}:
        raise NotAllowed("expected an account of a learner alone: whoever runs this site ends the others")
    learner = own.learner(here, visitor)
    if users.email_key(email) != users.email_key(user.email):
        told = "expected your e-mail address, to be sure that you mean it, got another"
        return _page(request, here, visitor, problems={"erase-email": told})
    problem = _not_them(here, visitor, current)
    if problem is not None:
        return _page(request, here, visitor, problems={"erase-current": problem})
    personal.erase(
        here.parts.store, here.parts.blobs, learner.name, now=here.parts.clock(), act=visitor.act(here)
    )
    response = RedirectResponse("/goodbye", 303)
    sessions.forget(response, here)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@pages.get("/goodbye")
def goodbye(request: Request, visitor: Annotated[Visitor, allow(PUBLIC)]) -> Response:
    """Where somebody comes who is known no more."""
    return rendering.page(request, "goodbye.html")


def _not_them(here: Context, visitor: Visitor, current: str) -> str | None:
    """Why this may be somebody else at the same screen, or None."""
    user = visitor.signed_in()
    kept = here.parts.store.password_of(user.id)
    if kept is None:
        begun = None if visitor.session is None else visitor.session.created_at
        fresh = begun is not None and here.parts.clock() - begun <= FRESH
        return (
            None if fresh else "expected a sign-in of the last 15 minutes: sign out, sign in, and try again"
        )
    here.throttle.guess(visitor.address, user.email.casefold())
    right = here.hashing(passwords.check, kept, current)
    return None if right else "expected the password that you sign in with now, got another"


def _page(
    request: Request,
    here: Context,
    visitor: Visitor,
    *,
    problems: dict[str, str] | None = None,
    done: str = "",
) -> Response:
    user = visitor.signed_in()
    words = {
        "name": "Your name was changed.",
        "password": "Your password was changed, and you are signed out everywhere else.",
        "sessions": "You are signed out everywhere else.",
    }
    held = None if visitor.session is None else visitor.session.id
    return rendering.page(
        request,
        "account.html",
        status=422 if problems else 200,
        user=user,
        has_password=here.parts.store.password_of(user.id) is not None,
        sessions=[
            (one, one.id == held) for one in here.parts.store.sessions(user.id, now=here.parts.clock())
        ],
        learns=user.learner_id is not None and Role.LEARNER in user.roles,
        erasable=user.learner_id is not None and user.roles == {Role.LEARNER},
        problems=problems or {},
        done=words.get(done),
    )
