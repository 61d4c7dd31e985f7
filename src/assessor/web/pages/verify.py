"""The page on which anybody checks a badge: a file, a text, or a link in, one answer for each check out.

Nothing of what is sent is kept. The same as JSON for who asks for it (`Accept: application/json`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import unquote

from fastapi import Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from assessor.errors import NotFound, RemoteFault
from assessor.openbadges import reading
from assessor.openbadges.remote import Bounds
from assessor.web import checking, negotiation, rendering, shelf
from assessor.web.access import PUBLIC, Visitor, allow, router
from assessor.web.answer import Answer, Verdict
from assessor.web.context import Context, Here
from assessor.web.uploads import Received, Upload

PATH = "/verify"
#: The most that fetching may take for one of them.
BOUNDS = Bounds(seconds=8.0, total_seconds=20.0, size_bytes=4 * 1024**2, total_bytes=16 * 1024**2)
#: A file, and the form around it.
TAKES = reading.FILE_BYTES + 2 * 1024**2

LINK_CHARS = 2000

_CREDENTIAL = re.compile(r"/credentials/([A-Za-z0-9_-]{1,100})(\.(html|json|png|svg|zip))?")
_EVIDENCE = re.compile(r"/evidence/([A-Za-z0-9_-]{1,100})(?:/|/index\.html|/pack\.zip)?")

pages = router(PATH, include_in_schema=False)


@pages.get("")
def form(
    request: Request,
    visitor: Annotated[Visitor, allow(PUBLIC)],
    link: Annotated[str, Query(max_length=LINK_CHARS)] = "",
) -> Response:
    """What to check, filled in as far as a link to this page says it."""
    return rendering.page(request, "verify.html", link=link, email="", problem="", answer=None)


@pages.post("")
def check(
    request: Request,
    here: Here,
    visitor: Annotated[Visitor, allow(PUBLIC, takes=TAKES, streams=True)],
    received: Upload,
) -> Response:
    """The answer.

    Raises:
        Throttled: too many are checked at once.
    """
    link = received.fields.get("link", "").strip()
    email = received.fields.get("email", "").strip()
    as_json = (
        negotiation.choose(request.headers.get("accept"), ("text/html", "application/json"))
        == "application/json"
    )
    try:
        with here.checking.taken(visitor.address):
            data = _given(received, link, here)
            answer = checking.check(data, email=email or None, parts=here.parts, remote=here.remote())
    except _NotGiven as error:
        if as_json:
            return JSONResponse({"problem": str(error)}, 422)
        return rendering.page(
            request, "verify.html", status=422, link=link, email=email, problem=str(error), answer=None
        )
    if as_json:
        return JSONResponse(answer.dump())
    return rendering.page(
        request,
        "verify.html",
        link=link,
        email=email,
        problem="",
        answer=answer,
        headline=_headline(answer),
        shown=[(one, shelf.title(here.catalog(), one.task)) for one in answer.shown],
        asked=bool(email),
    )


@dataclass(frozen=True, kw_only=True)
class Headline:
    """What an answer means, for somebody who is about to rely on it.

    Attributes:
        mark, kind: how it looks; `kind` as the macro `chip` has it.
        words: the answer.
        sentence: what it means.
    """

    mark: str
    kind: str
    words: str
    sentence: str


def _headline(answer: Answer) -> Headline:
    if answer.verdict is Verdict.REFUSED:
        sentence = "A check does not hold."
        if answer.said is None and answer.failed is not None and answer.failed.name == "bytes":
            sentence = "It cannot be read as a badge: give the picture or the file just as you were given it."
        return Headline(mark="✗", kind="bad", words="Do not rely on it", sentence=sentence)
    if answer.verdict is Verdict.OPEN:
        return Headline(
            mark="?",
            kind="wait",
            words="It cannot be told",
            sentence="Nothing speaks against it, but something could not be checked. Ask whoever showed it "
            "to you, or its issuer.",
        )
    if not answer.known:
        # Anybody can make a key, and a badge that calls its issuer by any name.
        return Headline(
            mark="?",
            kind="wait",
            words="It is whole, but by somebody unknown here",
            sentence="It holds, and nobody changed it. But this site does not know its issuer, and anybody "
            "can take any name: whether you trust them is for you to say.",
        )
    return Headline(
        mark="✓",
        kind="good",
        words="It holds",
        sentence="Every check that could be asked was made, and each of them holds.",
    )


class _NotGiven(Exception):
    """Nothing that could be checked was given; the text says so to whoever filled the form in."""


def _given(received: Received, link: str, here: Context) -> bytes:
    """What is to be checked."""
    text = received.fields.get("text", "").strip()
    given = len(received.files) + bool(text) + bool(link)
    if given != 1:
        raise _NotGiven(
            "Choose a file, paste a text, or name a link."
            if not given
            else "Choose one of the three: a file, a text, or a link."
        )
    if received.files:
        file = received.files[0]
        if file.size > reading.FILE_BYTES:
            raise _NotGiven(f"A file of at most {reading.FILE_BYTES // 1024**2} MiB can be checked.")
        return file.path.read_bytes()
    if text:
        return text.encode(errors="replace")
    return _linked(link, here)


def _linked(link: str, here: Context) -> bytes:
    if len(link) > LINK_CHARS:
        raise _NotGiven("That link is longer than any that can be followed.")
    for base in (here.parts.issuer.url, here.site.url):
        if link.startswith(f"{base}/"):
            path = unquote(link.removeprefix(base).partition("?")[0].partition("#")[0])
            return _ours(path, here)
    try:
        return checking.fetch(link, here.remote())
    except (RemoteFault, ValueError) as error:
        raise _NotGiven(
            "That link gave nothing that can be checked. It must begin with https://, be open to everybody, "
            "and lead to the badge itself."
        ) from error


def _ours(path: str, here: Context) -> bytes:
    """A credential of our own, or the pack of a piece of evidence, without a request to ourselves."""
    badge, work = _CREDENTIAL.fullmatch(path), _EVIDENCE.fullmatch(path)
    if badge is not None:
        name = f"credentials/{badge[1]}.json"
    elif work is not None:
        name = f"evidence/{work[1]}/pack.zip"
    else:
        raise _NotGiven("There is no badge at that link.")
    try:
        return here.exhibit.file(name).data
    except NotFound as error:
        raise _NotGiven(str(error)) from error
