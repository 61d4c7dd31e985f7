"""What everybody may see: issuer, achievements, credentials, evidence, keys, status lists and the log.

Comes in: requests without a login, for the paths of the published tree (`site` draws it). Goes out: the same
bytes as a web server would send for the tree, with the same headers. Where a path is a page, whoever asks
chooses its form: JSON, a picture, or the page itself.

    /credentials/<award>, /credentials/<award>.html     page, or the credential, or a picture of it
    /achievements/<id>, /achievements/<id>.html         page, or the achievement, or its picture
    /evidence/<attempt>/                                page, or the record
    /index.html, /issuer                                page, or the issuer's profile
    any other name                                      that file

An issuer whose address has a path is answered below that path as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from assessor import hosting, page
from assessor.errors import NotAcceptable
from assessor.web import negotiation
from assessor.web.access import PUBLIC, Visitor, allow, router
from assessor.web.context import Context, Here

HTML = "text/html"
JSON = "application/json"
LINKED = "application/ld+json"


@dataclass(frozen=True, kw_only=True)
class Stem:
    """A page and the files that hold the same in another form.

    Attributes:
        page: name of the page.
        forms: names of files by media type, the page's own first.
    """

    page: str
    forms: Mapping[str, str]


def stem(name: str) -> Stem | None:
    """What a path stands for that is a page; None where it is a file like any other."""
    if name in ("issuer", "index.html"):
        return Stem(page="index.html", forms={HTML: "index.html", LINKED: "issuer.json", JSON: "issuer.json"})
    folder, _, rest = name.partition("/")
    base = name.removesuffix(".html")
    if folder in ("credentials", "achievements") and rest and "." not in base and base != f"{folder}/index":
        own = "application/vc+json" if folder == "credentials" else LINKED
        forms = {HTML: f"{base}.html", own: f"{base}.json", LINKED: f"{base}.json", JSON: f"{base}.json"}
        return Stem(
            page=f"{base}.html",
            forms=forms | {"image/png": f"{base}.png", "image/svg+xml": f"{base}.svg"},
        )
    if folder == "evidence" and rest.count("/") == 1 and rest.endswith(("/", "/index.html")):
        base = name.removesuffix("index.html")
        record = "application/vnd.assessor.record+json"
        return Stem(
            page=f"{base}index.html",
            forms={HTML: f"{base}index.html", record: f"{base}record.json", JSON: f"{base}record.json"},
        )
    return None


async def answer(request: Request, here: Context, name: str, prefix: str = "") -> Response:
    """The file of this name below a path, or the form of it that is asked for.

    Raises:
        NotAcceptable: there is no such form.
        NotFound, Withdrawn: as for `Exhibit.file`.
    """
    shape = stem(name)
    media, varies = hosting.media_type(name), shape is not None
    if shape is not None:
        accept = ",".join(request.headers.getlist("accept"))
        chosen = negotiation.choose(accept, tuple(shape.forms))
        if chosen is None:
            raise NotAcceptable(f"expected one of {', '.join(shape.forms)}, got a request for none of these")
        name = shape.forms[chosen]
        media = hosting.media_type(name) if chosen == HTML else chosen
    # Most of what is asked for stands as it was: then no thread is waited for.
    piece = here.exhibit.ready(name)
    if piece is None:
        piece = await run_in_threadpool(here.exhibit.file, name)
    headers = hosting.headers(name) | _headers(name)
    # Two media types are two forms, whatever their bytes.
    headers |= {"Content-Type": media, "ETag": f'"{piece.mark}-{media.partition(";")[0].rpartition("/")[2]}"'}
    headers["Cache-Control"] = f"public, {headers['Cache-Control']}"
    if varies:
        headers["Vary"] = "Accept"
        headers["Content-Location"] = f"{prefix}/{name}"
    if _known(request, headers["ETag"]):
        del headers["Content-Type"]
        return Response(status_code=304, headers=headers)
    return Response(piece.data, headers=headers)


def _headers(name: str) -> dict[str, str]:
    """What is sent with a file beside what every server of a tree sends."""
    found = {
        # Read by anybody's page: nothing here depends on who asks.
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Content-Security-Policy": page.policy(),
        # A browser shows nothing that has both an opener policy and an origin of its own.
        # Source: HTML Standard, 7.5.5 (navigation, "finalSandboxFlags").
        "Cross-Origin-Opener-Policy": "unsafe-none",
    }
    if name.endswith(".zip"):
        # Its proofs are of the log's newest tree, so it is another one soon.
        found |= {"Content-Disposition": f'attachment; filename="{_download(name)}"'}
        found |= {"Cache-Control": "no-cache"}
    return found


def _download(name: str) -> str:
    return "-".join(name.removesuffix("/pack.zip").removesuffix(".zip").split("/")) + ".zip"


def _known(request: Request, mark: str) -> bool:
    """Whether who asks has these bytes. Source: RFC 9110, clause 13.1.2."""
    given = request.headers.get("if-none-match", "")
    return given.strip() == "*" or mark in {one.strip().removeprefix("W/") for one in given.split(",")}


def published(prefix: str = "") -> APIRouter:
    """The router of all that is published, below a path.

    Args:
        prefix: the path, such as `/badges`; empty for the root.
    """
    pages = router(prefix, include_in_schema=False)

    async def file(request: Request, here: Here, visitor: Annotated[Visitor, allow(PUBLIC)]) -> Response:
        return await answer(request, here, request.url.path.removeprefix(f"{prefix}/"), prefix)

    async def named(
        request: Request, here: Here, visitor: Annotated[Visitor, allow(PUBLIC)], name: str
    ) -> Response:
        return await answer(request, here, request.url.path.removeprefix(f"{prefix}/"), prefix)

    async def folder(request: Request, here: Here, visitor: Annotated[Visitor, allow(PUBLIC)]) -> Response:
        name = f"{request.url.path.removeprefix(f'{prefix}/')}index.html"
        return await answer(request, here, name, prefix)

    async def evidence(
        request: Request, here: Here, visitor: Annotated[Visitor, allow(PUBLIC)], name: str
    ) -> Response:
        if name == "index.html":
            return await answer(request, here, "evidence/index.html", prefix)
        # Links on the page are to files beside it.
        return RedirectResponse(f"{prefix}/evidence/{quote(name, safe='')}/", 308)

    for path in (
        *("/index.html", "/issuer", "/issuer.json", "/keys.json", "/log.vkey"),
        *("/did.json", "/.well-known/did.json"),
    ):
        pages.add_api_route(path, file)
    for path in ("/credentials/", "/evidence/", *(("/",) if prefix else ())):
        pages.add_api_route(path, folder)
    pages.add_api_route("/evidence/{name}", evidence)
    for path in (
        *("/keys/{name}", "/status/{name}", "/log/{name:path}"),
        *("/achievements/{name}", "/credentials/{name}", "/evidence/{name:path}"),
    ):
        pages.add_api_route(path, named)
    return pages


pages = published()
