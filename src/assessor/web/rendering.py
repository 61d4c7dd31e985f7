"""Pages from templates: everything that is not a template's own text is escaped.

Comes in: a template's name and values. Goes out: HTML. Every page knows its visitor (`visitor`), the token of
its forms (`csrf`), the address of a static file (`static("app.css")`), and whose site it is (`site_name`).

    templates/base.html     the frame of every page
              macros.html   fields, tables, chips, criterion bars, code blocks
    static/                 own style sheet and script, by the digest of their content
    vendor/                 made by script/vendor
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from assessor import report
from assessor.page import moment
from assessor.web import csrf
from assessor.web.address import Site

if TYPE_CHECKING:
    from assessor.web.context import Context

HERE = Path(__file__).parent
STATIC = HERE / "static"
VENDOR = HERE / "vendor"


class Renderer:
    """Makes pages.

    Args:
        site_name: whose site it is.
        provider: what people call the provider that they may sign in with, or None.
    """

    def __init__(self, *, site_name: str, provider: str | None) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            auto_reload=False,
            finalize=_finalize,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(site_name=site_name, provider=provider, static=static, vendor=vendor)
        self._environment.filters.update(when=when, stamp=moment, percent=report.percent, plain=report.shown)
        self.menu((), frozenset())

    def menu(self, links: Sequence[object], paths: Collection[str]) -> None:
        """Say what the menu of every page leads to.

        Args:
            links: its lines: `words`, `path`, `roles`.
            paths: every path that is answered, for links that depend on it.
        """
        self._environment.globals.update(links=links, paths=frozenset(paths))

    def render(self, template: str, /, **values: Any) -> str:
        """The text of a template with these values."""
        return self._environment.get_template(template).render(**values)


def page(
    request: Request,
    template: str,
    /,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """A page for whoever asks.

    Args:
        request: what asked.
        template: its name.
        status: HTTP's.
        headers: of the answer.
        **values: what the template shows.
    """
    here: Context = request.app.state.context
    text = here.renderer.render(
        template,
        visitor=getattr(request.state, "visitor", None),
        path=request.url.path,
        csrf=_Token(request, here.site),
        site_url=here.site.url,
        **values,
    )
    response = HTMLResponse(text, status, headers=None if headers is None else dict(headers))
    csrf.remember(request, response, here.site)
    return response


class _Token:
    """The token of the forms of a page; a page without one brings no cookie."""

    def __init__(self, request: Request, site: Site) -> None:
        self._request = request
        self._site = site

    def __str__(self) -> str:
        return csrf.secret(self._request, self._site)


def when(at: datetime) -> Markup:
    """A time, for people and for scripts that put it into their own zone."""
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(), moment(at))


def static(name: str) -> str:
    """The address of one of our own static files, which changes with its content."""
    return f"/static/{name}?v={_mark(STATIC / name)}"


def vendor(name: str) -> str:
    """The address of a file of others, which changes with its content."""
    return f"/vendor/{name}?v={_mark(VENDOR / name)}"


@cache
def _mark(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()[:16]


def _finalize(value: object) -> object:
    """Every value that meets a page goes through here, before it is escaped."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, Fraction):
        return report.percent(value)
    return report.shown(str(value))
