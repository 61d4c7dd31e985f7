"""The application: routers, doors and errors put together. Nothing of it is global.

Comes in: a `Context`. Goes out: an ASGI application. Who adds pages lists their router in `ROUTERS`.

    Secured   headers on whatever is answered, ids of requests, HEAD
    Caught    the last errors
    Named     names of hosts
    FastAPI   routes, each `Guarded` (see `access`)
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from assessor import __version__, site
from assessor.errors import NotFound, SettingInvalid
from assessor.rows.users import Role
from assessor.web import access, problems, rendering, signin, uploads
from assessor.web.api import description
from assessor.web.context import Context
from assessor.web.headers import Named, Secured
from assessor.web.pages import (
    account,
    admin,
    attempts,
    authoring,
    awards,
    badges,
    catalogue,
    cohorts,
    home,
    public,
    reviews,
    tasks,
    tokens,
    verify,
    webhooks,
)
from assessor.web.problems import Caught
from assessor.web.visitor import Visitor

#: Every router, in the order in which paths are looked for.
ROUTERS: tuple[APIRouter, ...] = (
    home.pages,
    signin.pages,
    catalogue.pages,
    tasks.pages,
    attempts.pages,
    badges.pages,
    account.pages,
    tokens.pages,
    cohorts.pages,
    reviews.pages,
    awards.pages,
    authoring.pages,
    admin.pages,
    webhooks.pages,
    verify.pages,
    public.pages,
    *description.ROUTERS,
)

#: Handlers that run at once: as many as connections to a database are kept (SQLAlchemy's pool: 5 and 10).
THREADS = 15

#: What script/vendor makes, as far as pages need it.
VENDORED = ("htmx.min.js", "sse.min.js", "editor.min.js")


@dataclass(frozen=True, kw_only=True)
class Link:
    """A line of the menu.

    Attributes:
        words: what it says.
        path: where it leads.
        roles: who sees it; none means everybody.
    """

    words: str
    path: str
    roles: frozenset[Role] = frozenset()

    def shown_to(self, visitor: Visitor | None) -> bool:
        """Whether this visitor sees it."""
        return not self.roles or (visitor is not None and bool(self.roles & visitor.roles))


#: The menu; what no router answers is left out.
MENU = (
    Link(words="Tasks", path="/tasks"),
    Link(words="My work", path="/attempts", roles=frozenset({Role.LEARNER})),
    Link(words="Badges", path="/badges", roles=frozenset({Role.LEARNER})),
    Link(words="Cohorts", path="/cohorts", roles=frozenset({Role.INSTRUCTOR, Role.ADMIN})),
    Link(words="Reviews", path="/reviews", roles=frozenset({Role.REVIEWER})),
    Link(words="Awards", path="/awards", roles=frozenset({Role.ISSUER})),
    Link(words="Authoring", path="/authoring", roles=frozenset({Role.AUTHOR})),
    Link(words="Administration", path="/admin", roles=frozenset({Role.ADMIN})),
    Link(words="Verify", path="/verify"),
)


def make(here: Context, routers: Sequence[APIRouter] = ROUTERS) -> FastAPI:
    """The application.

    Args:
        here: what its handlers need.
        routers: its pages and API.

    Raises:
        SettingInvalid: the front-end files of others are not there.
        TypeError: a route does not say who is allowed.
    """
    missing = [name for name in VENDORED if not (rendering.VENDOR / name).is_file()]
    if missing:
        raise SettingInvalid(
            f"web: expected the front-end files of others in {rendering.VENDOR}, got no "
            f"{', '.join(missing)}: run script/vendor"
        )
    app = FastAPI(
        title="Assessor",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        middleware=[
            Middleware(Secured, site=here.site),
            Middleware(Caught),
            Middleware(Named, site=here.site),
        ],
    )
    app.state.context = here
    problems.install(app)
    below = site.prefix(here.parts.issuer)
    for one in (*routers, *((public.published(below),) if below else ())):
        # Taken as they are, not included: a route that was made `Guarded` stays what it is.
        app.router.routes.extend(one.routes)
    app.mount("/static", Files(directory=rendering.STATIC), name="static")
    app.mount("/vendor", Files(directory=rendering.VENDOR), name="vendor")
    nothing = access.router()
    nothing.add_api_route(problems.NOWHERE, _nothing, include_in_schema=False)
    app.router.routes.extend(nothing.routes)
    check(app.routes)
    paths = {route.path for route in app.routes if isinstance(route, APIRoute)}
    here.renderer.menu(tuple(link for link in MENU if link.path in paths), paths)
    return app


def check(routes: Sequence[BaseRoute]) -> None:
    """Raise TypeError for a route that does not say who is allowed, or streams past the checks."""
    for route in routes:
        if isinstance(route, Mount) and isinstance(route.app, Files):
            continue
        if not isinstance(route, access.Guarded):
            raise TypeError(
                f"{getattr(route, 'path', route)}: expected a route of access.router(), got another"
            )
        # A body that nobody reads would come in unchecked: the token of its form is in it.
        if access.of(route).streams and uploads.receive not in access.calls(route):
            raise TypeError(f"{route.path}: expected a parameter of uploads.Upload, since its body streams")


class Files(StaticFiles):
    """Files for everybody, kept by browsers for as long as their address holds their digest."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, compressed where it lies there so, and the browser takes it."""
        # First, though it may not be what is sent: it refuses what is no path.
        response = await super().get_response(path, scope)
        packed = path + ".gz"
        if self.lookup_path(packed)[1] is not None:
            if "gzip" in Headers(scope=scope).get("accept-encoding", ""):
                response = await super().get_response(packed, scope)
                response.headers["Content-Encoding"] = "gzip"
            response.headers["Vary"] = "Accept-Encoding"
        if response.status_code in (200, 304):
            known = scope["query_string"].startswith(b"v=")
            response.headers["Cache-Control"] = (
                "public, max-age=31536000, immutable" if known else "public, max-age=300"
            )
        return response


def _nothing(
    request: Request, path: str, visitor: Annotated[Visitor, access.allow(access.PUBLIC)]
) -> Response:
    """Who looks for what is not there is counted and greeted like everybody else."""
    if problems.methods(request):
        raise HTTPException(405)
    raise NotFound("There is no page at this address.")


@asynccontextmanager
async def _lifespan(_app: FastAPI) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    yield
