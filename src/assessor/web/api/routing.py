"""Routes of the API: where they are, what they take and give, and tags by which an answer is known again.

Comes in: a noun. Goes out: a router below `/api/v1`. Bodies and queries are parsed strictly: an unknown key
or another type is an error that names the field. Errors are `problems`' own.
"""

# No `from __future__ import annotations`: FastAPI reads the aliases here as they are.

import hashlib
from collections.abc import Callable, Coroutine
from fractions import Fraction
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from assessor.web.access import Guarded

#: Where the API is.
ROOT = "/api/v1"

#: An id in a path: nothing in it that a database or a log would stumble over.
Id = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]

#: An id in a body.
IdText = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]

#: Words of a person: no control characters but ends of lines and tabs. No NUL: PostgreSQL keeps none.
Words = Annotated[
    str, StringConstraints(pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$", min_length=1, max_length=2000)
]

#: A name: one line, neither blank at its ends nor with control characters.
Name = Annotated[
    str,
    StringConstraints(
        pattern=r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$",
        min_length=1,
        max_length=200,
    ),
]

#: A score from 0 to 1 as `[numerator, denominator]`: exact, where a float is not.
Score = Annotated[list[int], Field(min_length=2, max_length=2, examples=[[3, 4]])]


def _text(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("expected a time as text (RFC 3339), got something else")  # noqa: TRY004
    return value


#: A time with its offset. A number would be taken for seconds since 1970: it is refused.
Time = Annotated[
    AwareDatetime, BeforeValidator(_text, json_schema_input_type=AwareDatetime), Field(strict=False)
]


class Given(BaseModel):
    """What comes in a body."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Asked(BaseModel):
    """What comes in a query."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Told(BaseModel):
    """What goes out."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answered(Guarded):
    """A route whose answers to GET carry a tag, and are not sent again to who has them."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return tagged(request, await inner(request))

        return handle


def router(noun: str) -> APIRouter:
    """A router of the API.

    Args:
        noun: what it is about, for the description.
    """
    return APIRouter(prefix=ROOT, tags=[noun], route_class=Answered)


def tagged(request: Request, response: Response) -> Response:
    """The answer with its tag, or that nothing changed. Source: RFC 9110, 8.8.3 and 13.1.2."""
    if request.method != "GET" or response.status_code != 200 or isinstance(response, StreamingResponse):
        return response
    tag = f'"{hashlib.sha256(bytes(response.body)).hexdigest()[:32]}"'
    response.headers["ETag"] = tag
    # Kept by the client alone, and asked about each time.
    response.headers.setdefault("Cache-Control", "private, no-cache")
    held = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    if tag not in held and held != ["*"]:
        return response
    kept = {
        name: response.headers[name] for name in ("ETag", "Cache-Control", "Link") if name in response.headers
    }
    return Response(status_code=304, headers=kept)


def score(value: Fraction | None) -> list[int] | None:
    """A score as it is told."""
    return None if value is None else [value.numerator, value.denominator]
