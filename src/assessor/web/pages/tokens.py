"""Tokens, by their owner: those there are, making one, revoking one.

A token's text is on the page that answers its making, and nowhere else. In the API the same is in
`api.account`; no token gets into these pages, so that none makes another here.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from assessor.errors import AccountRefused
from assessor.rows import naming, tokens
from assessor.rows.users import Role, Scope
from assessor.web import own, rendering
from assessor.web.access import SIGNED_IN, Visitor, allow, router
from assessor.web.context import Context, Here

pages = router("/account/tokens")

Somebody = Annotated[Visitor, allow(SIGNED_IN)]

#: What each scope is for, in words, and who has any use of it; none means everybody.
SCOPES: Mapping[Scope, tuple[str, frozenset[Role]]] = {
    Scope.READ: ("look at what you may look at", frozenset()),
    Scope.SUBMIT: ("hand in work", frozenset({Role.LEARNER})),
    Scope.REVIEW: ("give marks and remarks", frozenset({Role.REVIEWER})),
    Scope.AUTHOR: ("change tasks", frozenset({Role.AUTHOR})),
    Scope.AWARD: ("award and revoke", frozenset({Role.ISSUER})),
    Scope.ADMIN: ("manage what your account manages, and your tokens", frozenset()),
}
#: How long a token may hold, in days; 0 for ever.
DAYS = (7, 30, 90, 365, 0)


@pages.get("")
def list_(request: Request, here: Here, visitor: Somebody) -> Response:
    """Those there are."""
    return _page(request, here, visitor)


@pages.post("")
def make(
    request: Request,
    here: Here,
    visitor: Somebody,
    scopes: Annotated[list[Scope], Form(max_length=len(Scope), default_factory=list)],
    name: Annotated[str, Form(max_length=1000)] = "",
    days: Annotated[int, Form()] = 30,
) -> Response:
    """One more; its text is shown now and never again."""
    act = visitor.act(here)
    chosen = frozenset(scopes)
    try:
        kept = naming.checked(name)
        _check(visitor, chosen, days)
        secret = tokens.written(secrets.token_bytes(32))
        here.parts.store.add_token(
            id=here.parts.new_id(),
            secret=secret,
            user_id=visitor.signed_in().id,
            name=kept,
            scopes=chosen,
            expires_at=act.now + timedelta(days=days) if days else None,
            act=act,
        )
    except AccountRefused as refused:
        return _page(request, here, visitor, problem=str(refused), typed=(name, chosen, days))
    return _page(request, here, visitor, secret=secret)


@pages.post("/{token_id}/revoke")
def revoke(here: Here, visitor: Somebody, token_id: str) -> Response:
    """Nothing is let in by it from here on."""
    here.parts.store.revoke_token(own.token(here, visitor, token_id).id, act=visitor.act(here))
    return RedirectResponse("/account/tokens", 303)


def _check(visitor: Visitor, scopes: frozenset[Scope], days: int) -> None:
    if days not in DAYS:
        raise AccountRefused(f"token: expected one of {', '.join(map(str, DAYS))} days, got {days}")
    if not scopes <= _scopes(visitor).keys():
        raise AccountRefused("token: expected scopes that your account has a use for, got others")


def _scopes(visitor: Visitor) -> Mapping[Scope, str]:
    return {scope: words for scope, (words, roles) in SCOPES.items() if not roles or roles & visitor.roles}


def _page(
    request: Request,
    here: Context,
    visitor: Visitor,
    *,
    secret: str | None = None,
    problem: str | None = None,
    typed: tuple[str, frozenset[Scope], int] = ("", frozenset({Scope.READ}), 30),
) -> Response:
    now = here.parts.clock()
    return rendering.page(
        request,
        "tokens.html",
        status=200 if problem is None else 422,
        tokens=[
            (one, one.expires_at is not None and one.expires_at <= now)
            for one in here.parts.store.tokens(visitor.signed_in().id)
        ],
        scopes=_scopes(visitor),
        days=[(str(one), f"{one} days" if one else "until you revoke it") for one in DAYS],
        secret=secret,
        problem=problem,
        typed=typed,
    )
