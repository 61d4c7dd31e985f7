"""Signing in and out: by password, by a link that holds once, by an invitation, by an OpenID provider.

Comes in: forms. Goes out: sessions. Nothing that is told tells whether an address has an account: a wrong
address costs the same work as a wrong password and gets the same answer.

An account that somebody made by an invitation has an address that nobody has verified. So a provider's word
alone never opens an account that has a password: somebody else may have chosen it.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

import structlog
from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from assessor import passwords
from assessor.errors import AccountRefused, SignInRefused
from assessor.rows import cohorts
from assessor.rows import sessions as held
from assessor.rows.audit import Act
from assessor.rows.learnerrows import Seed
from assessor.rows.users import Role, User
from assessor.web import rendering, sessions
from assessor.web.access import PUBLIC, SIGNED_IN, Visitor, allow, router
from assessor.web.context import Context, Here
from assessor.web.oidc import Leaving, Person

log = structlog.get_logger(__name__)

pages = router()

Anybody = Annotated[Visitor, allow(PUBLIC)]
Email = Annotated[str, Form(max_length=254)]
Secret = Annotated[str, Form(max_length=4096)]

#: How long somebody may be at the provider's, seconds.
AWAY_S = 600
PROVIDER_PATH = "/sign-in/provider"
BACK_PATH = "/sign-in/provider/back"

_WRONG = "E-mail address or password is not right."
_USED = "This link was used already, or is over. Ask whoever gave it to you for a new one."


@pages.get("/sign-in")
def sign_in_page(request: Request, visitor: Anybody, next: str = "/") -> Response:
    """The form."""
    if visitor.user is not None:
        return RedirectResponse(inside(next), 303)
    return rendering.page(request, "sign_in.html", next=inside(next), email="", problem=None)


@pages.post("/sign-in")
def sign_in(
    request: Request,
    here: Here,
    visitor: Anybody,
    email: Email,
    password: Secret,
    next: Annotated[str, Form()] = "/",
) -> Response:
    """By password."""
    here.throttle.guess(visitor.address, email.strip().casefold())
    user = here.parts.store.user_by_email(email)
    # Nobody's is asked for too, and compared with: the time that it takes must not tell.
    stored = here.parts.store.password_of("" if user is None else user.id)
    right = here.hashing(passwords.check, stored, password)
    if not right or user is None or stored is None or not user.active:
        log.info("somebody was not signed in", address=visitor.address)
        return rendering.page(
            request, "sign_in.html", status=403, next=inside(next), email=email, problem=_WRONG
        )
    if passwords.needs_rehash(stored):
        here.parts.store.rehash_password(user.id, before=stored, password=_hashed(here, password))
    return _welcome(request, here, user, next)


@pages.post("/sign-out")
def sign_out(request: Request, here: Here, visitor: Anybody) -> Response:
    """The end of this session."""
    sessions.end(request, here)
    response = RedirectResponse("/", 303)
    sessions.forget(response, here)
    # What this browser keeps of pages that were somebody's own.
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@pages.get(held.LINK_PATH + "{secret}")
def link_page(request: Request, here: Here, visitor: Anybody, secret: str) -> Response:
    """Where a one-time link leads. It is used by the form alone: what previews links must not use it up."""
    user_id = here.parts.store.sign_in_link(secret, now=here.parts.clock())
    if user_id is None:
        here.throttle.stray(visitor.address)
        raise SignInRefused(_USED)
    return _link_form(request, here, secret, user_id)


@pages.post(held.LINK_PATH + "{secret}")
def link(request: Request, here: Here, visitor: Anybody, secret: str, password: Secret = "") -> Response:
    """By a one-time link, with a password from then on where one was chosen."""
    here.throttle.guess(visitor.address)
    now = here.parts.clock()
    user_id = here.parts.store.sign_in_link(secret, now=now)
    if user_id is None:
        raise SignInRefused(_USED)
    try:
        chosen = _hashed(here, password) if password else None
    except AccountRefused as refused:
        return _link_form(request, here, secret, user_id, problem=str(refused))
    sessions.end(request, here)
    cookie = here.new_secret()
    opened = here.parts.store.sign_in_by_link(secret, session_secret=cookie, csrf=here.new_secret(), now=now)
    if opened is None:
        raise SignInRefused(_USED)
    if chosen is not None:
        act = Act(user_id=opened.user_id, address=visitor.address, now=now)
        here.parts.store.set_password(opened.user_id, chosen, act=act, keep=opened.id)
    response = RedirectResponse("/", 303)
    sessions.give(response, here, cookie)
    return response


def _link_form(
    request: Request, here: Context, secret: str, user_id: str, *, problem: str | None = None
) -> Response:
    return rendering.page(
        request,
        "link.html",
        status=200 if problem is None else 422,
        secret=secret,
        user=here.parts.store.user(user_id),
        has_password=here.parts.store.password_of(user_id) is not None,
        problem=problem,
    )


@pages.get(cohorts.JOIN_PATH + "{secret}")
def join_page(request: Request, here: Here, visitor: Anybody, secret: str) -> Response:
    """Where an invitation leads. Who has one guesses at nothing: a whole class may come from one address."""
    if here.parts.store.invitation(secret, now=here.parts.clock()) is None:
        here.throttle.stray(visitor.address)
    return _join_form(request, here, secret)


@pages.post(cohorts.JOIN_PATH + "{secret}")
def join(
    request: Request,
    here: Here,
    visitor: Anybody,
    secret: str,
    name: Annotated[str, Form(max_length=200)] = "",
    email: Email = "",
    password: Secret = "",
) -> Response:
    """Into a cohort, with a new account where nobody is signed in."""
    here.throttle.guess(visitor.address)
    now = here.parts.clock()
    if visitor.user is not None:
        here.parts.store.join(secret, visitor.user.id, act=visitor.act(here))
        return RedirectResponse("/", 303)
    invitation = here.parts.store.invitation(secret, now=now)
    if invitation is None:
        raise SignInRefused(_USED)
    if invitation.role is not Role.LEARNER:
        raise SignInRefused(
            "expected somebody who is signed in, got nobody: sign in, then open the link again"
        )
    new = here.parts.new_id()
    act = Act(user_id=new, address=visitor.address, now=now)
    try:
        user = here.parts.store.add_user(
            id=new,
            email=email,
            name=name,
            roles={Role.LEARNER},
            password=_hashed(here, password),
            seed=Seed(id=here.parts.new_id(), salt=here.parts.new_salt()),
            act=act,
        )
    except AccountRefused as refused:
        return _join_form(request, here, secret, name=name, email=email, problem=str(refused))
    here.parts.store.join(secret, user.id, act=act)
    return _welcome(request, here, user, "/")


def _join_form(
    request: Request,
    here: Context,
    secret: str,
    *,
    name: str = "",
    email: str = "",
    problem: str | None = None,
) -> Response:
    invitation = here.parts.store.invitation(secret, now=here.parts.clock())
    if invitation is None:
        raise SignInRefused(_USED)
    return rendering.page(
        request,
        "join.html",
        status=200 if problem is None else 422,
        secret=secret,
        cohort=here.parts.store.cohort(invitation.cohort_id),
        role=invitation.role,
        name=name,
        email=email,
        problem=problem,
    )


@pages.get(PROVIDER_PATH)
def leave(here: Here, visitor: Anybody, next: str = "/") -> Response:
    """To the provider, for somebody who wants to be signed in."""
    return _leave(here, next, link="")


@pages.get(PROVIDER_PATH + "/link")
def leave_to_link(here: Here, visitor: Annotated[Visitor, allow(SIGNED_IN)], next: str = "/") -> Response:
    """To the provider, for somebody who is signed in and wants to be known by it too."""
    return _leave(here, next, link=visitor.signed_in().id)


def _leave(here: Context, next: str, *, link: str) -> Response:
    provider = here.provider
    if provider is None:
        raise SignInRefused("expected a provider to sign in with, this installation has none")
    # 43 characters: RFC 7636, 4.1 has that for the least of a verifier.
    leaving = Leaving(
        state=here.new_secret(),
        nonce=here.new_secret(),
        verifier=here.new_secret(),
        next=inside(next),
        link=link,
    )
    response = RedirectResponse(provider.leave(leaving), 303)
    response.set_cookie(
        _away(here),
        leaving.dump(),
        max_age=AWAY_S,
        path="/",
        secure=here.site.secure,
        httponly=True,
        samesite="lax",
    )
    return response


@pages.get(BACK_PATH)
def back(request: Request, here: Here, visitor: Anybody) -> Response:
    """Back from the provider."""
    provider = here.provider
    if provider is None:
        raise SignInRefused("expected a provider to sign in with, this installation has none")
    leaving = Leaving.load(request.cookies.get(_away(here), ""))
    person = provider.arrive(leaving, dict(request.query_params))
    user = _known(here, visitor, person, leaving.link)
    if not user.active:
        raise SignInRefused("expected an account that is in use, yours is switched off")
    response = _welcome(request, here, user, leaving.next)
    response.delete_cookie(_away(here), path="/", secure=here.site.secure, httponly=True, samesite="lax")
    return response


def _known(here: Context, visitor: Visitor, person: Person, link: str) -> User:
    """Whose account a person's is."""
    store, now = here.parts.store, here.parts.clock()
    found = store.user_by_identity(person.issuer, person.subject)
    if link:
        if visitor.user is None or visitor.user.id != link:
            raise SignInRefused("expected whoever began this to be signed in still, got somebody else")
        if found is None or found.id == link:
            store.link_identity(link, person.issuer, person.subject, act=visitor.act(here))
            return visitor.user
        raise SignInRefused("expected a person of the provider who has no other account, got one who has")
    if found is not None:
        return found
    found = store.user_by_email(person.email)
    if found is None:
        domain = person.email.rpartition("@")[2].casefold()
        wanted = () if here.settings.oidc is None else here.settings.oidc.domains
        if domain not in wanted and "*" not in wanted:
            raise SignInRefused("expected an address that has an account here, yours has none")
        new = here.parts.new_id()
        found = store.add_user(
            id=new,
            email=person.email,
            name=person.name,
            roles={Role.LEARNER},
            password=None,
            seed=Seed(id=here.parts.new_id(), salt=here.parts.new_salt()),
            act=Act(user_id=new, address=visitor.address, now=now),
        )
    elif store.password_of(found.id) is not None:
        raise SignInRefused(
            "expected an account that goes with the provider, yours has a password: sign in with that, then "
            "connect the two on the page of your account"
        )
    act = Act(user_id=found.id, address=visitor.address, now=now)
    store.link_identity(found.id, person.issuer, person.subject, act=act)
    return found


def _hashed(here: Context, password: str) -> str:
    return here.hashing(passwords.hashed, password)


def inside(path: str) -> str:
    """The path to go to afterwards, or the first page where it leads anywhere else.

    Browsers take a backslash for a slash and drop tabs and line feeds: with those it may be another site.
    """
    plain = path.startswith("/") and not path.startswith("//") and path.isprintable() and "\\" not in path
    if not plain:
        return "/"
    parts = urlsplit(path)
    return path if not parts.scheme and not parts.netloc else "/"


def _welcome(request: Request, here: Context, user: User, next: str) -> Response:
    response = RedirectResponse(inside(next), 303)
    sessions.begin(request, response, here, user)
    return response


def _away(here: Context) -> str:
    return "__Host-assessor-away" if here.site.secure else "assessor-away"
