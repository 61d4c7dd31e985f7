"""Who asks: their account, their tokens, and what they are assigned.

A token makes no other one that may do more than itself, or holds longer.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from assessor.errors import AccountRefused
from assessor.rows import tokens
from assessor.rows.tokens import Token
from assessor.rows.users import Role, Scope, User
from assessor.web import own
from assessor.web.access import SIGNED_IN, Visitor, allow
from assessor.web.api import paging, routing
from assessor.web.api.paging import Page, Paged
from assessor.web.api.routing import Given, Id, Name, Time, Told
from assessor.web.context import Here

api = routing.router("account")


class UserTold(Told):
    """An account."""

    id: str
    email: str
    name: str
    roles: list[Role]
    active: bool
    created_at: datetime
    signed_in_at: datetime | None


class Me(UserTold):
    """The account of who asks; `scopes` are those of their token, or null in a browser."""

    scopes: list[Scope] | None


class TokenTold(Told):
    """A token, without its text."""

    id: str
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None


class TokenMade(TokenTold):
    """A token as it is shown once."""

    secret: Annotated[str, Field(description="Its text; it is shown here and never again.")]


class TokenGiven(Given):
    """A token that is to be made."""

    name: Name
    scopes: Annotated[list[Annotated[Scope, Field(strict=False)]], Field(min_length=1, max_length=len(Scope))]
    expires_at: Time | None = None


@api.get("/me", summary="Who you are")
def me(visitor: Annotated[Visitor, allow(SIGNED_IN, scope=Scope.READ)]) -> Me:
    """The account, and what the token at hand is for."""
    held = None if visitor.token is None else sorted(visitor.token.scopes)
    return Me(**user_told(visitor.signed_in()).model_dump(), scopes=held)


@api.get("/tokens", summary="Your tokens")
def list_tokens(
    here: Here,
    request: Request,
    response: Response,
    visitor: Annotated[Visitor, allow(SIGNED_IN, scope=Scope.READ)],
    asked: Annotated[Paged, Query()],
) -> Page[TokenTold]:
    """The oldest first, those that ran out among them."""
    rows = paging.cut(here.parts.store.tokens(visitor.signed_in().id), asked, key=lambda one: one.id)
    return paging.page(request, response, asked, rows, key=lambda one: one.id, told=_told)


@api.post("/tokens", status_code=201, summary="Make a token")
def make_token(
    here: Here, visitor: Annotated[Visitor, allow(SIGNED_IN, scope=Scope.ADMIN)], given: TokenGiven
) -> TokenMade:
    """Its text is in this answer and in no other."""
    act = visitor.act(here)
    scopes, until = frozenset(given.scopes), given.expires_at
    if until is not None and until <= act.now:
        raise AccountRefused("token: expected an end that is still to come, got one that is past")
    if visitor.token is not None:
        if not scopes <= visitor.token.scopes:
            raise AccountRefused("token: expected scopes that the token at hand has itself, got more")
        ends = visitor.token.expires_at
        if ends is not None:
            until = ends if until is None else min(until, ends)
    secret = tokens.written(secrets.token_bytes(32))
    made = here.parts.store.add_token(
        id=here.parts.new_id(),
        secret=secret,
        user_id=visitor.signed_in().id,
        name=given.name,
        scopes=scopes,
        expires_at=until,
        act=act,
    )
    return TokenMade(**_told(made).model_dump(), secret=secret)


@api.delete("/tokens/{token_id}", status_code=204, summary="Revoke a token")
def revoke_token(
    here: Here, visitor: Annotated[Visitor, allow(SIGNED_IN, scope=Scope.ADMIN)], token_id: Id
) -> None:
    """Nothing is let in by it from here on."""
    here.parts.store.revoke_token(own.token(here, visitor, token_id).id, act=visitor.act(here))


def user_told(one: User) -> UserTold:
    """An account as it is told."""
    return UserTold(
        id=one.id,
        email=one.email,
        name=one.name,
        roles=sorted(one.roles),
        active=one.active,
        created_at=one.created_at,
        signed_in_at=one.signed_in_at,
    )


def _told(one: Token) -> TokenTold:
    return TokenTold(
        id=one.id,
        name=one.name,
        scopes=sorted(one.scopes),
        created_at=one.created_at,
        expires_at=one.expires_at,
        used_at=one.used_at,
    )
