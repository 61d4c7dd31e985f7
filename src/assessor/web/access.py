"""Who may ask for what: every route says so, and one that does not cannot be made.

Comes in: a request. Goes out: the `Visitor`, before a byte of the body was parsed. A router is made by
`router`, a route says its roles:

    here = access.router("/tasks")

    @here.get("/{task_id}")
    def show(task_id: str, visitor: Annotated[Visitor, allow(Role.LEARNER)]) -> Response: ...

In this order, for each request: 1. who it is, by cookie or token; 2. whether they ask too often; 3. whether
they may; 4. the body, read up to what the route takes; 5. whether a form that came by cookie is one that this
site made (`csrf`). Then the handler.
"""

# No `from __future__ import annotations`: FastAPI reads the types of `_Access.__call__` as they are.

import functools
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Depends
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Message, Receive
from starlette.types import Scope as Asked

from assessor.errors import NotAllowed, NotFound, RequestInvalid, RequestTooLarge, SignInNeeded
from assessor.rows.users import Role, Scope
from assessor.web import context, csrf, sessions
from assessor.web.context import Context
from assessor.web.visitor import Via, Visitor

__all__ = ["PUBLIC", "SIGNED_IN", "Access", "Guarded", "Via", "Visitor", "allow", "of", "router"]

#: How many bytes the body of a request may have where the route says nothing else.
FORM_BYTES = 256 * 1024

#: Below it are no pages, and no forms.
API = "/api/"

#: Methods that change nothing.
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

#: For anybody, signed in or not.
PUBLIC: frozenset[Role] = frozenset()
#: For anybody who is signed in.
SIGNED_IN = frozenset(Role)


@dataclass(frozen=True, kw_only=True)
class Access:
    """What a route asks of its visitors, as a dependency that gives the visitor.

    Attributes:
        roles: any of them is enough; none means anybody.
        scope: what a token must carry, or None: no token gets in.
        takes: how many bytes of a body, or None: as many as the installation lets an upload have.
        streams: whether the handler reads the body itself (`uploads`), with the token of its form in it.
    """

    roles: frozenset[Role]
    scope: Scope | None
    takes: int | None
    streams: bool

    async def __call__(self, request: Request) -> Visitor:
        """The visitor, who was let in already."""
        found: Visitor = request.state.visitor
        return found

    def check(self, visitor: Visitor) -> None:
        """Let them in.

        Raises:
            SignInNeeded: nobody is signed in.
            NotAllowed: their role, or their token's scope, is not enough.
        """
        if visitor.token is not None and self.roles:
            if self.scope is None:
                raise NotAllowed("expected a browser that is signed in: tokens are for the API alone")
            if self.scope not in visitor.token.scopes:
                held = ", ".join(sorted(visitor.token.scopes)) or "none"
                raise NotAllowed(f"expected a token with the scope {self.scope}, got one with {held}")
        if not self.roles:
            return
        if visitor.user is None:
            raise SignInNeeded("expected somebody who is signed in, got nobody")
        if not self.roles & visitor.roles:
            held = ", ".join(sorted(visitor.roles)) or "none"
            wanted = " or ".join(sorted(self.roles))
            raise NotAllowed(f"expected the role {wanted}, got {held}")


def allow(
    *roles: Role | frozenset[Role],
    scope: Scope | None = None,
    takes: int | None = None,
    streams: bool = False,
) -> Any:
    """The dependency that each route carries.

    Args:
        roles: roles, any of which is enough, or `PUBLIC`, or `SIGNED_IN`.
        scope: what a token must carry, or None: no token gets in.
        takes: how many bytes of a body, or None: `FORM_BYTES`, or where it streams, what uploads may have.
        streams: whether the handler reads the body itself, by `uploads.receive`.
    """
    if not roles:
        raise TypeError("allow: expected at least one role, PUBLIC or SIGNED_IN, got nothing")
    wanted = frozenset().union(*(one if isinstance(one, frozenset) else {one} for one in roles))
    if takes is None and not streams:
        takes = FORM_BYTES
    return Depends(Access(roles=wanted, scope=scope, takes=takes, streams=streams), use_cache=False)


def of(route: APIRoute) -> Access:
    """What a route asks of its visitors.

    Raises:
        TypeError: it does not say so, or more than once.
    """
    found = [one for one in calls(route) if isinstance(one, Access)]
    if len(found) != 1:
        methods = ",".join(sorted(route.methods or ()))
        raise TypeError(f"{methods} {route.path}: expected allow(...) once, got it {len(found)} times")
    return found[0]


def calls(route: APIRoute) -> Iterator[object]:
    """What a route's handler depends on, with what that depends on."""
    return _calls(route.dependant)


def _calls(dependant: Dependant) -> Iterator[object]:
    for one in dependant.dependencies:
        yield one.call
        yield from _calls(one)


class Guarded(APIRoute):
    """A route that lets nobody in whom it does not allow."""

    def matches(self, scope: Asked) -> tuple[Match, Asked]:
        """Whether it answers this path."""
        # Of all routes nearly each is another's: seen by how its path begins, without the pattern of it.
        if not scope.get("root_path") and not scope["path"].startswith(self._begins):
            return Match.NONE, {}
        return super().matches(scope)

    @functools.cached_property
    def _begins(self) -> str:
        return self.path.partition("{")[0]

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with the door in front of it."""
        inner = super().get_route_handler()
        access = of(self)

        async def handle(request: Request) -> Response:
            here = context.of(request)
            if _asks_nothing(request, here):
                visitor = _admit(access, request, here)
            else:
                visitor = await run_in_threadpool(_admit, access, request, here)
            most = here.settings.upload_mib * 1024**2 if access.takes is None else access.takes
            limited = Request(request.scope, _bounded(request, most))
            if not access.streams:
                # In memory and at once: what parses it later finds it there.
                await limited.body()
            try:
                await _check_text(limited, form=not access.streams)
                # By a token, or by nobody where no page is, nothing is done in a browser's name.
                named = visitor.via is Via.SESSION or not self.path.startswith(API)
                if request.method not in SAFE and visitor.via is not Via.TOKEN and named:
                    csrf.check_origin(request, here.site)
                    if not access.streams:
                        await csrf.check(limited, here.site)
                return await inner(limited)
            finally:
                # A form has been parsed, perhaps, though the handler takes none: its files are closed.
                await limited.close()

        return handle


def router(prefix: str = "", **more: Any) -> APIRouter:
    """A router whose routes are `Guarded`.

    Args:
        prefix: of its paths.
        **more: as FastAPI's own has it.
    """
    return APIRouter(prefix=prefix, route_class=Guarded, **more)


def _asks_nothing(request: Request, here: Context) -> bool:
    """Whether it takes neither the store nor a server to let them in: then no other thread is waited for."""
    shows = "authorization" in request.headers or sessions.cookie_name(here.site) in request.cookies
    return not shows and here.throttle.own


def _admit(access: Access, request: Request, here: Context) -> Visitor:
    address = request.client.host if request.client is not None else ""
    visitor = sessions.visitor(request, here, address)
    request.state.visitor = visitor
    here.throttle.request(visitor.key, safe=request.method in SAFE)
    access.check(visitor)
    return visitor


async def _check_text(request: Request, *, form: bool) -> None:
    """Raise unless path, query and form are text that can be kept: PostgreSQL keeps no NUL character.

    Bodies of the API are checked by their types.
    """
    if "\0" in request.scope["path"]:
        raise NotFound("There is no page at this address.")
    values: list[object] = list(request.query_params.values())
    if form and csrf.is_form(request):
        values += (await request.form()).values()
    if any(isinstance(one, str) and "\0" in one for one in values):
        raise RequestInvalid("expected text, got some with NUL characters in it")


def _bounded(request: Request, most: int) -> Receive:
    told = request.headers.get("content-length", "")
    if told.isascii() and told.isdigit() and int(told[:20]) > most:
        # The rest of one that says so is let pass, unkept, so that its browser gets to the answer.
        raise _too_large(most, hang_up=int(told[:20]) > 16 * most)
    taken = 0

    async def receive() -> Message:
        nonlocal taken
        message = await request.receive()
        taken += len(message.get("body", b""))
        if taken > most:
            raise _too_large(most, hang_up=True)
        return message

    return receive


def _too_large(most: int, *, hang_up: bool) -> RequestTooLarge:
    shown = f"{most // 1024**2} MiB" if most >= 1024**2 else f"{most // 1024} KiB"
    return RequestTooLarge(f"expected a request of at most {shown}, got more", hang_up=hang_up)
