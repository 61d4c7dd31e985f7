"""Errors as answers: a page for people, problem+json (RFC 9457) for programs.

Comes in: an error. Goes out: a status by the one table below, and what the visitor may know. The text of an
error that they can mend is shown; of any other only that it was not their doing, with the id under which the
log has the rest. No path, no trace and no setting is ever in an answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assessor import errors
from assessor.report import line
from assessor.web import negotiation, rendering

log = structlog.get_logger(__name__)

#: The route for all that is not there.
NOWHERE = "/{path:path}"

#: Programs are answered below this path.
API = "/api/"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How an error is told.

    Attributes:
        status: HTTP's.
        title: for people, the same for each error of the kind.
        told: whether its own text is told too.
        instead: what is told in its place; None: that it is our fault.
        retry_s: when to come back, seconds from now, where the error does not say; None: that helps nothing.
    """

    status: HTTPStatus
    title: str
    told: bool = True
    instead: str | None = None
    retry_s: int | None = None

    @property
    def ours(self) -> bool:
        """Whether no more is told than that it is our fault."""
        return not self.told and self.instead is None


_OURS = "It was not your doing. Please try again in a while."
_BROKEN = Kind(status=HTTPStatus.INTERNAL_SERVER_ERROR, title="Something broke on our side", told=False)
_AWAY = Kind(status=HTTPStatus.SERVICE_UNAVAILABLE, title="Part of this site is away", told=False, retry_s=30)
_AGAIN = Kind(
    status=HTTPStatus.SERVICE_UNAVAILABLE, title="That did not work just now", told=False, retry_s=30
)
#: Not the learner's to mend, and nothing is broken: the author changes it, and is not done.
_CHANGING = Kind(
    status=HTTPStatus.SERVICE_UNAVAILABLE,
    title="This task is being changed",
    told=False,
    instead="It takes no work until that is done; whoever runs this site has been told. Nothing was handed "
    "in, and no try is used. Keep your work, and please try again later.",
    retry_s=600,
)

#: The one table; the nearest class of an error's own counts.
TABLE: dict[type[BaseException], Kind] = {
    errors.UploadRefused: Kind(status=HTTPStatus.UNPROCESSABLE_ENTITY, title="These files cannot be taken"),
    errors.TryRefused: Kind(status=HTTPStatus.CONFLICT, title="No further try now"),
    errors.RateLimited: Kind(status=HTTPStatus.TOO_MANY_REQUESTS, title="Too often"),
    errors.LearnerError: Kind(status=HTTPStatus.UNPROCESSABLE_ENTITY, title="That cannot be taken"),
    errors.SignInNeeded: Kind(status=HTTPStatus.UNAUTHORIZED, title="Please sign in"),
    errors.SignInRefused: Kind(status=HTTPStatus.FORBIDDEN, title="You could not be signed in"),
    errors.NotAllowed: Kind(status=HTTPStatus.FORBIDDEN, title="This is not for you"),
    errors.FormStale: Kind(status=HTTPStatus.FORBIDDEN, title="This form is too old"),
    errors.RequestInvalid: Kind(status=HTTPStatus.BAD_REQUEST, title="That could not be understood"),
    errors.MediaUnsupported: Kind(status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE, title="Not in that form, please"),
    errors.RequestTooLarge: Kind(status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE, title="Too large"),
    errors.NotAcceptable: Kind(status=HTTPStatus.NOT_ACCEPTABLE, title="Not in that form"),
    errors.HostUnknown: Kind(status=HTTPStatus.MISDIRECTED_REQUEST, title="Not under this name"),
    errors.Throttled: Kind(status=HTTPStatus.TOO_MANY_REQUESTS, title="Too many requests"),
    errors.VisitorError: Kind(status=HTTPStatus.BAD_REQUEST, title="That could not be done"),
    errors.Withdrawn: Kind(status=HTTPStatus.GONE, title="This is not shown any more"),
    errors.NotFound: Kind(status=HTTPStatus.NOT_FOUND, title="Nothing here"),
    errors.MarkInvalid: Kind(status=HTTPStatus.UNPROCESSABLE_ENTITY, title="These marks cannot be taken"),
    errors.RemarkInvalid: Kind(status=HTTPStatus.UNPROCESSABLE_ENTITY, title="This remark cannot be taken"),
    errors.AwardRefused: Kind(status=HTTPStatus.CONFLICT, title="This cannot be awarded"),
    errors.RegradeRefused: Kind(status=HTTPStatus.CONFLICT, title="This cannot be judged again now"),
    errors.AwardOvertaken: Kind(status=HTTPStatus.CONFLICT, title="Somebody else was first"),
    errors.VerificationFailed: Kind(status=HTTPStatus.UNPROCESSABLE_ENTITY, title="This does not hold"),
    errors.VerificationOpen: Kind(status=HTTPStatus.UNPROCESSABLE_ENTITY, title="This cannot be told"),
    errors.RemoteFault: Kind(status=HTTPStatus.BAD_GATEWAY, title="That address did not answer", told=False),
    errors.Pressed: _AGAIN,
    errors.Fault: _AGAIN,
    errors.VersionStale: _CHANGING,
    errors.AuthorError: _BROKEN,
    errors.OperatorError: _AWAY,
    errors.AssessorError: _BROKEN,
}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """An error as it is told.

    Attributes:
        status: HTTP's.
        title, detail: for people.
        code: the error's name, for programs: lower case, with hyphens.
        fields: what is wrong with which field of the request, as place and words.
        headers: of the answer.
    """

    status: int
    title: str
    detail: str
    code: str
    fields: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str] | None = None


def problem(error: BaseException) -> Problem:
    """How an error is told; what is not for the visitor is left out."""
    if isinstance(error, RequestValidationError):
        found = tuple((".".join(str(part) for part in one["loc"]), str(one["msg"])) for one in error.errors())
        return Problem(
            status=422,
            title="Something is missing or wrong",
            detail="; ".join(f"{line(place)}: {line(words)}" for place, words in found)[:2000],
            code="request-invalid",
            fields=found[:50],
        )
    if isinstance(error, HTTPException):
        return _by_status(error)
    kind = next((TABLE[one] for one in type(error).__mro__ if one in TABLE), _BROKEN)
    headers: dict[str, str] = {}
    retry_s = kind.retry_s
    if isinstance(error, errors.Throttled | errors.RateLimited | errors.TryRefused):
        retry_s = error.retry_s
    if retry_s is not None:
        headers["Retry-After"] = str(retry_s)
    if isinstance(error, errors.RequestTooLarge) and error.hang_up:
        headers["Connection"] = "close"
    if isinstance(error, errors.SignInNeeded):
        headers["WWW-Authenticate"] = "Bearer"
    detail = line(str(error))[:2000] if kind.told else kind.instead or _OURS
    return Problem(
        status=kind.status, title=kind.title, detail=detail, code=_code(error, kind), headers=headers
    )


def _by_status(error: HTTPException) -> Problem:
    # Raised by the framework alone: unknown paths, methods that a path has not, bodies that do not parse.
    status = HTTPStatus(error.status_code)
    words = {
        HTTPStatus.NOT_FOUND: ("Nothing here", "There is no page at this address."),
        HTTPStatus.METHOD_NOT_ALLOWED: ("Not like this", "This address does not take such a request."),
        HTTPStatus.BAD_REQUEST: ("That could not be understood", "The request could not be read."),
    }
    title, detail = words.get(status, (status.phrase, status.description or status.phrase))
    return Problem(
        status=status,
        title=title,
        detail=detail,
        code=status.phrase.lower().replace(" ", "-"),
        headers=dict(error.headers or {}),
    )


def methods(request: Request) -> tuple[str, ...]:
    """What the address of a request takes, whichever route does; empty: there is nothing at it."""
    found: set[str] = set()
    for route in request.app.routes:
        if isinstance(route, APIRoute) and route.path_regex.match(request.url.path):
            # The route for all that is not there fits every address.
            found |= set() if route.path == NOWHERE else route.methods or set()
    return tuple(sorted(found | ({"HEAD"} if "GET" in found else set())))


def _code(error: BaseException, kind: Kind) -> str:
    if kind.ours:
        return "our-fault"
    name = type(error).__name__
    return "".join(
        f"-{one.lower()}" if one.isupper() and place else one.lower() for place, one in enumerate(name)
    )


def told(request: Request, error: BaseException) -> Problem:
    """How an error is told to whoever asked; what is ours to mend is in the log too, with its text."""
    found = problem(error)
    if found.status >= 500:
        log.error(
            "a request was not answered",
            request=getattr(request.state, "request_id", ""),
            method=request.method,
            # Not the path itself: links that let somebody in are paths.
            route=getattr(request.scope.get("route"), "path", None),
            problem=type(error).__name__,
            exc_info=error,
        )
    return found


def answer(request: Request, error: BaseException) -> Response:
    """The answer to a request that met this error."""
    found = told(request, error)
    if found.status == HTTPStatus.METHOD_NOT_ALLOWED:
        # A route knows its own methods alone, another one at the same address may take the rest; and the one
        # for all that is not there takes none.
        taken = ", ".join(methods(request))
        found = replace(found, headers={"Allow": taken}) if taken else problem(HTTPException(404))
    request_id: str = getattr(request.state, "request_id", "")
    if request.url.path.startswith(API) or _is_program(request):
        values: dict[str, Any] = {
            "type": "about:blank",
            "title": found.title,
            "status": found.status,
            "detail": found.detail,
            "code": found.code,
            "request": request_id,
        }
        if found.fields:
            values["errors"] = [{"field": place, "problem": words} for place, words in found.fields]
        headers = {"Vary": "Accept"} | (found.headers or {})
        return JSONResponse(values, found.status, headers=headers, media_type="application/problem+json")
    if isinstance(error, errors.SignInNeeded) and request.method == "GET":
        where = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        there = f"/sign-in?next={quote(where, safe='')}"
        if request.headers.get("hx-request") == "true":
            return Response(status_code=204, headers={"HX-Redirect": there})
        return RedirectResponse(there, 303)
    return rendering.page(
        request,
        "problem.html",
        status=found.status,
        headers={"Vary": "Accept"} | (found.headers or {}),
        problem=found,
        request_id=request_id,
    )


def _is_program(request: Request) -> bool:
    """Whether who asks for a page would rather read JSON: browsers and whoever takes anything would not."""
    accept = ",".join(request.headers.getlist("accept"))
    return negotiation.choose(accept, ("text/html", "application/problem+json", "application/json")) not in (
        None,
        "text/html",
    )


class Caught:
    """The last door: whatever is not caught further in becomes an answer, and the log has the rest.

    Args:
        app: what answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. An answer that has begun cannot be taken back: its connection ends."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except ClientDisconnect:
            return  # nobody is left to be answered
        except Exception as error:
            if begun:
                raise
            try:
                told = answer(Request(scope, receive), error)
            except Exception as second:
                log.exception("an error page was not made", problem=type(second).__name__)
                told = PlainTextResponse("Something broke on our side. Please try again in a while.\n", 500)
            await told(scope, receive, send)


def install(app: FastAPI) -> None:
    """Have the application answer every error of ours and of the framework's like this."""

    async def tell(request: Request, error: Exception) -> Response:
        return answer(request, error)

    for kind in (errors.AssessorError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, tell)
