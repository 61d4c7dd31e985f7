"""What every answer carries, whatever made it; and which names this installation goes by.

Comes in: answers. Goes out: the same with the headers that keep browsers from doing what no page here needs:
no script, style or form but this site's own, nothing inline, no frame around it, no guess at types.
An answer that has a header already keeps it, so that a page may be stricter than the rest.
"""

from __future__ import annotations

import secrets

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assessor.errors import HostUnknown
from assessor.web.address import Site

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

#: For pages that show a document as it came, such as evidence: no script, and an origin of its own.
SANDBOX = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox"

FIXED = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: browsers would then send `Origin: null` with this site's own forms.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), "
    "magnetometer=(), microphone=(), midi=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    # Pages are somebody's own unless they say otherwise.
    "Cache-Control": "no-store",
}
#: Half a year; subdomains are not this application's to decide on.
STRICT_TRANSPORT = "max-age=15552000"


class Secured:
    """Adds the headers, gives each request an id, and answers HEAD as GET without its body.

    Args:
        app: what answers.
        site: where browsers reach it.
    """

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app = app
        fixed = FIXED | ({"Strict-Transport-Security": STRICT_TRANSPORT} if site.secure else {})
        self._fixed = [(name.lower().encode(), value.encode()) for name, value in fixed.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        head = scope["method"] == "HEAD"
        scope = {**scope, "state": {**scope.get("state", {}), "request_id": request_id}}
        if head:
            # The server drops the body: it has the method from the scope that it made.
            scope["method"] = "GET"

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(name.lower(), value) for name, value in message.get("headers", ())]
                has = {name for name, _ in own}
                more = [
                    (b"x-request-id", request_id.encode()),
                    *(one for one in self._fixed if one[0] not in has),
                ]
                message = {**message, "headers": [*(one for one in own if one[0] != b"x-request-id"), *more]}
            elif head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app(scope, receive, secured)


class Named:
    """Refuses requests under a name that is not the site's: no page of a stranger's name reaches it by it.

    Args:
        app: what answers.
        site: the names.
    """

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app = app
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or raise HostUnknown."""
        if scope["type"] == "http":
            hosts = Headers(scope=scope).getlist("host")
            if len(hosts) != 1 or hosts[0].lower() not in self._site.hosts:
                raise HostUnknown(
                    f"expected a request for {self._site.url}, got one under another name: whoever runs "
                    "this sets ASSESSOR_WEB_URL to the address that browsers are to use"
                )
        await self._app(scope, receive, send)
