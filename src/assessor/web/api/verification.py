"""Verification: a credential in, each numbered check with its answer out; nothing is fetched for it.

What this installation knows by itself (its own keys, status lists, and what it has published) is looked in;
what a credential of somebody else names elsewhere is left open, and said to be.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from assessor import statuses, wiring
from assessor.errors import RequestInvalid, VerificationFailed, VerificationOpen
from assessor.openbadges import checks
from assessor.openbadges.asked import Asked
from assessor.openbadges.asked import Told as Came
from assessor.openbadges.sources import Folder, Sources
from assessor.verify import Check
from assessor.web.access import PUBLIC, Visitor, allow
from assessor.web.api import routing
from assessor.web.api.routing import Told
from assessor.web.context import Context, Here

api = routing.router("verification")

#: The largest credential; an image that one is baked into may be this large.
TAKES = 8 * 1024**2

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "An Open Badges 3.0 credential: a document, a token, or an image it is baked into.",
        # Anything is looked at: what is no credential at all is refused by the first check.
        "content": {
            "application/json": {"schema": {}},
            "application/vc+json": {"schema": {}},
            "application/jwt": _BINARY,
            "image/png": _BINARY,
            "image/svg+xml": _BINARY,
        },
    }
}


class CheckTold(Told):
    """A check that does not refuse."""

    number: int
    name: str
    state: Annotated[str, Field(description="held, not checked, not asked, or nothing to check")]
    sentence: str
    words: str


class Refused(Told):
    """The check that does not hold; `number` is null for what comes before all checks."""

    number: int | None
    check: str
    problem: str


class VerificationTold(Told):
    """What it all comes to."""

    verdict: Annotated[str, Field(description="holds, refused, or cannot tell")]
    holds: bool
    checks: list[CheckTold]
    refused: Refused | None


@api.post("/verification", summary="Check a credential", openapi_extra=_BODY)
async def verify(
    request: Request, here: Here, visitor: Annotated[Visitor, allow(PUBLIC, takes=TAKES)]
) -> VerificationTold:
    """One answer for each check, in their order; of a refused one those that come before it.

    Raises:
        Throttled: too many are checked at once.
    """
    data = await request.body()
    if not data:
        raise RequestInvalid("expected a credential, got nothing")
    with here.checking.taken(visitor.address):
        return await run_in_threadpool(_verified, data, here)


def _verified(data: bytes, here: Context) -> VerificationTold:
    told: list[CheckTold] = []
    refused = None
    verdict = "holds"

    def tell(check: Check, came: Came) -> None:
        told.append(
            CheckTold(
                number=check.number,
                name=check.name,
                state=came.state.value,
                sentence=check.sentence,
                words=came.words,
            )
        )

    try:
        checks.credential(data, _asked(here), name="the credential", on_check=tell)
    except VerificationOpen:
        verdict = "cannot tell"
    except VerificationFailed as error:
        verdict = "refused"
        number = next((one.number for one in checks.CHECKS if one.name == error.check), None)
        refused = Refused(number=number, check=error.check, problem=error.problem)
    return VerificationTold(verdict=verdict, holds=verdict == "holds", checks=told, refused=refused)


def _asked(here: Context) -> Asked:
    lists = {
        statuses.address(here.parts.issuer, one.id): one.body
        for one in here.parts.store.status_lists()
        if one.body is not None
    }
    published: Path | None = here.settings.site
    return Asked(
        now=here.parts.clock(),
        sources=Sources(named=lists, site=None if published is None else Folder(root=published)),
        own=wiring.own_issuer(here.settings),
    )
