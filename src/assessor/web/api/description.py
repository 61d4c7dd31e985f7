"""The description of the API: OpenAPI 3.1, made of the routes themselves.

Comes in: the routes. Goes out: a document. What each route says of its parameters, bodies and answers is
taken as it is; who is let in (`access`) and which errors can come of that (`problems`) is added here, by the
same values that the doors go by: so that no route can forget one.
"""

# No `from __future__ import annotations`: FastAPI reads the types as they are.

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute

from assessor import __version__
from assessor.web import access, csrf
from assessor.web.access import PUBLIC, Visitor, allow
from assessor.web.api import (
    account,
    attempts,
    awards,
    cohorts,
    live,
    reviews,
    routing,
    submissions,
    tasks,
    users,
    verification,
    webhooks,
    work,
)

api = routing.router("description")

#: All that the API is.
ROUTERS: tuple[APIRouter, ...] = (
    tasks.api,
    submissions.api,
    attempts.api,
    work.api,
    live.api,
    awards.api,
    verification.api,
    account.api,
    users.api,
    cohorts.api,
    reviews.api,
    webhooks.api,
    api,
)

_ABOUT = f"""\
The same as the pages, for programs. Whoever asks shows a token (`Authorization: Bearer asr_...`), which
allows no more than its owner's roles and its own scopes; or the cookie of a browser that is signed in, and
then each request that changes something needs the header `{csrf.HEADER}` and an `Origin` of this site.

Lists come in pages: `next` (and the header `Link`) is where the next one is, or null. Answers to GET carry
an `ETag`; with `If-None-Match` they come as 304. Errors are `application/problem+json` (RFC 9457) with a
`code` for programs. What is not yours to see is told exactly as what there is not.
"""

#: Errors by status: in words, and whether the answer says when to come back.
_ERRORS = {
    "400": ("The request could not be understood.", False),
    "401": ("Nobody is signed in, or the token does not hold.", False),
    "403": ("The role or the token's scope is not enough, or the request came of another site.", False),
    "404": ("There is no such thing, or none that is yours to see.", False),
    "405": ("This address does not take such a request.", False),
    "409": ("It does not go with how things are now.", False),
    "413": ("More bytes, files or fields than are taken.", False),
    "415": ("The body is of a kind that is not taken here.", False),
    "421": ("Asked under a name that this installation does not go by.", False),
    "422": ("Something in the request is missing or wrong, or is refused by a rule.", False),
    "429": ("Too many requests.", True),
    "500": ("Something broke on our side.", False),
    "503": ("Part of the installation is away, or short of something.", True),
}

_PROBLEM: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "An error. Source: RFC 9457.",
    "properties": {
        "type": {"type": "string", "const": "about:blank"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "The error's name, for programs."},
        "request": {"type": "string", "description": "Under which the log of the installation has the rest."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "problem": {"type": "string"}},
                "required": ["field", "problem"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["type", "title", "status", "detail", "code", "request"],
    "additionalProperties": False,
    "examples": [
        {
            "type": "about:blank",
            "title": "Nothing here",
            "status": 404,
            "detail": "expected the id of an attempt that you may see, got another",
            "code": "not-found",
            "request": "5f0c1e7a9b3d2c41",
        }
    ],
}


@api.get(
    "/openapi.json",
    summary="This description",
    response_class=JSONResponse,
    responses={200: {"content": {"application/json": {"schema": {"type": "object"}}}}},
)
def openapi(request: Request, visitor: Annotated[Visitor, allow(PUBLIC)]) -> JSONResponse:
    """OpenAPI 3.1."""
    made: dict[str, Any] | None = getattr(request.app.state, "api_description", None)
    if made is None:
        made = request.app.state.api_description = describe(request.app.routes)
    return JSONResponse(made)


def describe(routes: Sequence[BaseRoute]) -> dict[str, Any]:
    """The description of those routes that are the API's."""
    ours = [one for one in routes if isinstance(one, APIRoute) and one.path.startswith(routing.ROOT)]
    document = get_openapi(
        title="Assessor", version=__version__, openapi_version="3.1.0", description=_ABOUT, routes=ours
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = _PROBLEM
    progress = live.ProgressTold.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= progress.pop("$defs") | {"ProgressTold": progress}
    components["responses"] = {status: _error(*words) for status, words in _ERRORS.items()}
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "A token, `asr_...`, with a scope."},
    }
    for route in ours:
        for method in route.methods or ():
            _link(document["paths"][route.path_format][method.lower()], route.name)
            _complete(document["paths"][route.path_format][method.lower()], route, method)
    return document


def _complete(operation: dict[str, Any], route: APIRoute, method: str) -> None:
    asked = access.of(route)
    operation["security"] = [{"token": [asked.scope]}] if asked.roles and asked.scope else []
    operation["x-roles"] = sorted(asked.roles)
    operation["operationId"] = route.name
    answers: dict[str, Any] = operation["responses"]
    # A bad token is told even where none is needed; names, counts and what is no text are looked at before
    # anything else.
    statuses = {"400", "401", "421", "429", "500", "503"} | (answers.keys() & _ERRORS.keys())
    if asked.roles:
        statuses.add("403")
    if "requestBody" in operation:
        statuses.add("413")
    if asked.streams:
        statuses.add("415")
    if "requestBody" in operation or operation.get("parameters"):
        statuses.add("422")
    if "{" in route.path or any(one["name"] == "cursor" for one in operation.get("parameters", ())):
        statuses.add("404")
    if method != "GET":
        statuses.add("403")
    for status in sorted(statuses):
        answers[status] = {"$ref": f"#/components/responses/{status}"}
    if method == "GET" and "text/event-stream" not in answers["200"].get("content", {}):
        answers["304"] = {"description": "It is as the client has it.", "headers": {"ETag": _ETAG}}
        answers["200"].setdefault("headers", {})["ETag"] = _ETAG
        if any(one["name"] == "cursor" for one in operation.get("parameters", ())):
            answers["200"]["headers"]["Link"] = {
                "schema": {"type": "string"},
                "description": 'Where the next page is, `rel="next"`.',
            }


def _link(operation: dict[str, Any], name: str) -> None:
    for of, status, found, targets in _LINKS:
        if of != name:
            continue
        for target, parameter in targets:
            links = operation["responses"][status].setdefault("links", {})
            links[f"{target}.{parameter}"] = {
                "operationId": target,
                "parameters": {parameter: f"$response.body#{found}"},
            }


#: What an answer leads to: the operation, its status, where in the answer the id is, and where it goes.
_LINKS = (
    (
        "list_tasks",
        "200",
        "/items/0/id",
        (("show_task", "task_id"), ("starter", "task_id"), ("hand_in", "task_id")),
    ),
    ("hand_in", "201", "/id", (("show_submission", "submission_id"),)),
    (
        "hand_in",
        "201",
        "/attempt/id",
        (("show_attempt", "attempt_id"), ("follow", "attempt_id"), ("result", "attempt_id")),
    ),
    (
        "list_submissions",
        "200",
        "/items/0/attempt/id",
        (
            *((name, "attempt_id") for name in ("result", "evidence", "record", "run", "envelope")),
            ("follow", "attempt_id"),
        ),
    ),
    ("list_badges", "200", "/items/0/id", (("show_badge", "badge_id"),)),
    (
        "own_awards",
        "200",
        "/items/0/id",
        (("show_award", "award_id"), ("show_to", "award_id"), ("credential", "award_id")),
    ),
    (
        "list_awards",
        "200",
        "/items/0/id",
        tuple((name, "award_id") for name in ("show_award", "revoke", "renew", "reissue")),
    ),
    ("make_token", "201", "/id", (("revoke_token", "token_id"),)),
    (
        "make_user",
        "201",
        "/id",
        (("show_user", "user_id"), ("change_user", "user_id"), ("make_link", "user_id")),
    ),
    (
        "make_cohort",
        "201",
        "/id",
        tuple(
            (name, "cohort_id")
            for name in ("show_cohort", "list_members", "invite", "list_assignments_of", "make_assignment")
        ),
    ),
    (
        "make_assignment",
        "201",
        "/id",
        tuple((name, "assignment_id") for name in ("show_assignment", "show_gradebook", "gradebook_csv")),
    ),
    (
        "make_webhook",
        "201",
        "/id",
        tuple(
            (name, "webhook_id")
            for name in ("show_webhook", "change_webhook", "remove_webhook", "ping_webhook", "list_messages")
        ),
    ),
    (
        "ping_webhook",
        "202",
        "/id",
        (("show_message", "message_id"), ("replay_message", "message_id")),
    ),
    ("list_reviews", "200", "/items/0/attempt/id", (("mark", "attempt_id"),)),
)

_ETAG = {
    "schema": {"type": "string"},
    "description": "The answer's tag, for If-None-Match.",
    "required": True,
}


def _error(words: str, again: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "description": words,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if again:
        told["headers"] = {
            "Retry-After": {
                "schema": {"type": "string"},
                "description": "Seconds until it may be tried again.",
            }
        }
    return told
