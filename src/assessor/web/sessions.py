"""Sessions and tokens on the wire: cookies and the Authorization header, to and from the rows of `users`.

Comes in: a request. Goes out: its `Visitor`; and cookies on answers. A session's secret is only ever in the
cookie, its digest in the store. Each sign-in makes a new one, whatever the browser brought along.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from assessor.errors import SignInNeeded
from assessor.rows.users import User
from assessor.web.address import Site
from assessor.web.context import Context
from assessor.web.visitor import Via, Visitor


def cookie_name(site: Site) -> str:
    """The cookie of a session; `__Host-` binds it to this host, its root and TLS."""
    return "__Host-assessor" if site.secure else "assessor"


def visitor(request: Request, here: Context, address: str) -> Visitor:
    """Who asks.

    Raises:
        SignInNeeded: a token was shown that does not hold.
    """
    now = here.parts.clock()
    shown = request.headers.get("authorization")
    if shown is not None:
        scheme, _, secret = shown.partition(" ")
        token = here.parts.store.token(secret.strip(), now=now) if scheme.lower() == "bearer" else None
        if token is None:
            here.throttle.stray(address)
            raise SignInNeeded("expected a token that is in use (Authorization: Bearer asr_...), got none")
        user = here.parts.store.user(token.user_id)
        return Visitor(user=user, via=Via.TOKEN, token=token, address=address)
    secret = request.cookies.get(cookie_name(here.site), "")
    found = here.parts.store.signed_in(secret, now=now) if secret else None
    if found is None:
        return Visitor(address=address)
    session, user = found
    return Visitor(user=user, via=Via.SESSION, session=session, address=address)


def begin(request: Request, response: Response, here: Context, user: User) -> None:
    """Sign somebody in: a session of its own, and the end of the one that the browser had."""
    end(request, here)
    secret = here.new_secret()
    here.parts.store.open_session(
        secret=secret, user_id=user.id, csrf=here.new_secret(), now=here.parts.clock()
    )
    give(response, here, secret)


def rotate(request: Request, response: Response, here: Context) -> None:
    """A new secret for the session at hand, after its rights changed; the old one ends."""
    secret = here.new_secret()
    here.parts.store.rotate_session(
        request.cookies.get(cookie_name(here.site), ""),
        new_secret=secret,
        csrf=here.new_secret(),
        now=here.parts.clock(),
    )
    give(response, here, secret)


def end(request: Request, here: Context) -> None:
    """End the session that the browser has, if any."""
    secret = request.cookies.get(cookie_name(here.site), "")
    if secret:
        here.parts.store.end_session(secret)


def forget(response: Response, here: Context) -> None:
    """Take the cookie away."""
    response.delete_cookie(
        cookie_name(here.site), path="/", secure=here.site.secure, httponly=True, samesite="lax"
    )


def give(response: Response, here: Context, secret: str) -> None:
    """Give the browser the cookie of a session."""
    # No Max-Age: it goes when the browser is closed; the row has limits of its own.
    response.set_cookie(
        cookie_name(here.site), secret, path="/", secure=here.site.secure, httponly=True, samesite="lax"
    )
