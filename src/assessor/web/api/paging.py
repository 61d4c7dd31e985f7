"""Pages of long lists: each names where the next one begins.

Comes in: rows in their order, one more than a page has. Goes out: a `Page`. A cursor holds the id of the last
row that was seen, so that whatever is added meanwhile is neither shown twice nor passed over.
"""

# No `from __future__ import annotations`: pydantic reads the types as they are.

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar
from urllib.parse import urlencode

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from assessor.errors import NotFound
from assessor.web.api.routing import Asked, Told

Item = TypeVar("Item")
Row = TypeVar("Row")

#: The most rows of a page.
MOST = 200


class Paged(Asked):
    """What is asked of a list."""

    limit: Annotated[int, Field(ge=1, le=MOST, description="How many at most.")] = 50
    cursor: Annotated[
        str | None,
        Field(pattern=r"^[A-Za-z0-9_-]+$", max_length=300, description="From the `next` of a page; opaque."),
    ] = None

    def after(self) -> str | None:
        """The id of the last row that was seen, or None for the first page.

        Raises:
            NotFound: the cursor is none that was given out.
        """
        if self.cursor is None:
            return None
        try:
            found = base64.urlsafe_b64decode(self.cursor + "=" * (-len(self.cursor) % 4)).decode("ascii")
        except (binascii.Error, ValueError):
            found = ""
        if not found.startswith("after:") or not found.isprintable():
            raise NotFound("cursor: expected the one of a page's `next`, got another")
        return found.removeprefix("after:")


class Page(Told, Generic[Item]):
    """A part of a list."""

    items: list[Item]
    next: Annotated[str | None, Field(description="Where the next page is, or null: there is none.")]


def page(
    request: Request,
    response: Response,
    asked: Paged,
    rows: Sequence[Row],
    *,
    key: Callable[[Row], str],
    told: Callable[[Row], Item],
) -> Page[Item]:
    """A page; its `next` is in the header Link too. Source: RFC 8288.

    Args:
        request: what was asked.
        response: whose headers are set.
        asked: its limit.
        rows: what follows the cursor, up to one more than the limit.
        key: gives a row's id.
        told: gives a row as it is told.
    """
    shown = rows[: asked.limit]
    following = None
    if len(rows) > asked.limit:
        cursor = base64.urlsafe_b64encode(f"after:{key(shown[-1])}".encode()).decode().rstrip("=")
        others = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
        following = f"{request.url.path}?{urlencode([*others, ('cursor', cursor)])}"
        response.headers["Link"] = f'<{following}>; rel="next"'
    return Page(items=[told(one) for one in shown], next=following)


def cut(rows: Sequence[Row], asked: Paged, *, key: Callable[[Row], str]) -> Sequence[Row]:
    """What follows the cursor, of a list that is at hand as a whole.

    Raises:
        NotFound: the cursor is none, or its row is gone.
    """
    after = asked.after()
    if after is None:
        return rows
    for place, one in enumerate(rows):
        if key(one) == after:
            return rows[place + 1 :]
    raise NotFound("cursor: expected a row that is in the list, it is gone: begin anew")
