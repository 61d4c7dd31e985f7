"""No other site makes a visitor's browser do something here.

Comes in: a request that changes something and came by cookie. Goes out: nothing, or an error. Two checks,
each enough by itself: the browser says that a page of this very site sent it (Origin, which browsers send
with every such request), and the form holds a secret that no other site can read.

Who is signed in has the secret in the session's row. For a form that is filled in before that (sign in,
join), it comes from a cookie of its own, so that nobody can be signed in as somebody else unawares.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from starlette.requests import Request
from starlette.responses import Response

from assessor.errors import FormStale
from assessor.web.address import Site

#: The field of a form, and the header that scripts send in its place.
FIELD = "csrf"
HEADER = "X-CSRF-Token"

#: Content types of forms.
FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})

_STALE = "expected a form that this site made for you, got none: go back, load the page again, and retry"


def cookie_name(site: Site) -> str:
    """The cookie of forms that are filled in before signing in."""
    return "__Host-assessor-form" if site.secure else "assessor-form"


def secret(request: Request, site: Site) -> str:
    """What forms on a page for this visitor hold; `remember` must see the answer afterwards."""
    visitor = getattr(request.state, "visitor", None)
    if visitor is not None and visitor.session is not None:
        held: str = visitor.session.csrf
        return held
    seed = _seed(request, site)
    if seed is None:
        seed = request.state.form_seed = secrets.token_urlsafe(32)
    return _derived(seed)


def remember(request: Request, response: Response, site: Site) -> None:
    """Give the browser the cookie that a form of the answer needs, where it has none."""
    seed = getattr(request.state, "form_seed", None)
    if seed is not None:
        response.set_cookie(
            cookie_name(site), seed, path="/", secure=site.secure, httponly=True, samesite="strict"
        )


def check_origin(request: Request, site: Site) -> None:
    """Raise FormStale unless a page of this site sent the request."""
    origin = request.headers.get("origin")
    fetched = request.headers.get("sec-fetch-site")
    if origin != site.origin(request.headers.get("host", "").lower()) or fetched not in (
        None,
        "same-origin",
    ):
        raise FormStale(_STALE)


def is_form(request: Request) -> bool:
    """Whether the body of a request says that it is a form."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() in FORMS


async def check(request: Request, site: Site) -> None:
    """Raise FormStale unless the secret is there: in the header, or in a form's field."""
    given: object = request.headers.get(HEADER)
    if given is None and is_form(request):
        given = (await request.form()).get(FIELD)
    compare(request, given, site)


def compare(request: Request, given: object, site: Site) -> None:
    """Raise FormStale unless this is the secret of the visitor's forms."""
    visitor = request.state.visitor
    if visitor.session is not None:
        expected: str | None = visitor.session.csrf
    else:
        seed = _seed(request, site)
        expected = None if seed is None else _derived(seed)
    if expected is None or not isinstance(given, str):
        raise FormStale(_STALE)
    if not hmac.compare_digest(expected.encode(), given.encode(errors="surrogatepass")):
        raise FormStale(_STALE)


def _seed(request: Request, site: Site) -> str | None:
    made: str | None = getattr(request.state, "form_seed", None)
    held = request.cookies.get(cookie_name(site), "")
    return made or (held if 40 <= len(held) <= 50 else None)


def _derived(seed: str) -> str:
    return hashlib.sha256(b"form " + seed.encode()).hexdigest()
