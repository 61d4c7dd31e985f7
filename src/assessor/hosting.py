"""Hosting: what a web server must be told, so that what is published can be read from anywhere.

Comes in: nothing but the path below which the tree is served. Goes out: files that common servers read
(`_headers` of Netlify and Cloudflare Pages, `.htaccess` of Apache, an example for nginx), and a small server
for trials that keeps to the same table. What is in the tree is left to `site`.

Read by anybody's page: `Access-Control-Allow-Origin: *`. Everything here is public, no cookie is looked at.
No folder is listed: whoever has no link to a credential cannot find it.
"""

from __future__ import annotations

import http.server
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

HEADERS = "_headers"
HTACCESS = ".htaccess"
NGINX = "nginx.conf.example"

#: For every file. Pictures are shown and never run; nothing is taken for another type than it says.
EVERYWHERE = {
    "Access-Control-Allow-Origin": "*",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Files of one kind.

    Attributes:
        pattern: path below the root; `*` stands for any text. No file fits two patterns.
        media: what they are.
        keep: how long a cache may keep them.
    """

    pattern: str
    media: str
    keep: str = "max-age=300"

    @property
    def regex(self) -> str:
        """The same as a regular expression, of the whole path."""
        return "^" + re.escape(self.pattern).replace(r"\*", ".*") + "$"


_TEXT = "text/plain; charset=utf-8"
_FOR_EVER = "max-age=31536000, immutable"

KINDS = (
    Kind(pattern=".well-known/did.json", media="application/did+json"),
    Kind(pattern="did.json", media="application/did+json"),
    Kind(pattern="issuer.json", media="application/ld+json"),
    Kind(pattern="achievements/*.json", media="application/ld+json"),
    Kind(pattern="credentials/*.json", media="application/vc+json"),
    Kind(pattern="status/*.json", media="application/vc+json"),
    Kind(pattern="credentials/*.tlog-proof", media=_TEXT),
    Kind(pattern="evidence/*.tlog-proof", media=_TEXT),
    Kind(pattern="evidence/*/record.json", media="application/vnd.assessor.record+json"),
    Kind(pattern="evidence/*/run.json", media="application/vnd.assessor.run+json"),
    Kind(pattern="evidence/*.dsse", media="application/vnd.dsse.envelope.v1+json"),
    Kind(pattern="evidence/*.pem", media=_TEXT),
    Kind(pattern="keys/*.pem", media=_TEXT),
    Kind(pattern="log.vkey", media=_TEXT),
    Kind(pattern="log/checkpoint", media=_TEXT, keep="no-cache"),
    Kind(pattern="log/tile/*", media="application/octet-stream", keep=_FOR_EVER),
)

#: Of what every server knows by its ending; here for the one that serves trials.
_ENDINGS = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}


def media_type(name: str) -> str:
    """What a file of the tree is, by its path below the root."""
    kind = _kind(name)
    return kind.media if kind else _ENDINGS.get(Path(name).suffix, "application/octet-stream")


def headers(name: str) -> dict[str, str]:
    """What a server sends with a file of the tree."""
    kind = _kind(name)
    keep = kind.keep if kind else "max-age=300"
    return {"Content-Type": media_type(name), "Cache-Control": keep, **EVERYWHERE}


def files(prefix: str = "") -> dict[str, bytes]:
    """The files that tell servers, by name.

    Args:
        prefix: path at which the tree is served, such as `/badges`; empty for the root of a host.
    """
    texts = {HEADERS: _headers(prefix), HTACCESS: _htaccess(prefix), NGINX: _nginx(prefix)}
    return {name: text.encode() for name, text in texts.items()}


def serve(root: Path, *, port: int, prefix: str = "") -> http.server.ThreadingHTTPServer:
    """A server for trials, on this machine's own address only; not yet running.

    Raises:
        OSError: the port is taken.
    """
    handler = partial(_Handler, root=root, prefix=prefix)
    return http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)


class _Handler(http.server.BaseHTTPRequestHandler):
    server_version = "assessor"
    sys_version = ""

    def __init__(self, *arguments: object, root: Path, prefix: str) -> None:
        self._root = root.resolve()
        self._prefix = prefix
        super().__init__(*arguments)  # type: ignore[arg-type]  # the server's own three

    def do_GET(self) -> None:
        """Send the file."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """Send what there is to say of the file."""
        self._answer(body=False)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nobody is told who looked at what."""

    def _answer(self, *, body: bool) -> None:
        name = self._name()
        if name is None:
            self.send_error(404)
            return
        data = (self._root / name).read_bytes()
        self.send_response(200)
        for header, value in headers(name).items():
            self.send_header(header, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(data)

    def _name(self) -> str | None:
        """The file that is asked for, or None: no folder is listed, and nothing is outside."""
        path = unquote(urlsplit(self.path).path)
        if not path.startswith(self._prefix + "/"):
            return None
        name = path.removeprefix(self._prefix + "/")
        if not name or name.endswith("/"):
            name += "index.html"
        try:
            found = (self._root / name).resolve(strict=True)
            shown = found.relative_to(self._root).as_posix()
        except (OSError, ValueError):
            return None
        hidden = any(part.startswith(".") and part != ".well-known" for part in shown.split("/"))
        return shown if found.is_file() and not hidden else None


# Asked several times for each request of a web application: made ready once.
_PATTERNS = tuple((kind.pattern.partition("*")[0], re.compile(kind.regex), kind) for kind in KINDS)


def _kind(name: str) -> Kind | None:
    return next(
        (kind for begins, regex, kind in _PATTERNS if name.startswith(begins) and regex.match(name)), None
    )


def _headers(prefix: str) -> str:
    # Where two rules name one header, servers send both values: so each header has one rule that fits a file.
    lines = [f"{prefix}/*", *(f"  {name}: {value}" for name, value in EVERYWHERE.items())]
    for kind in KINDS:
        lines += [
            f"{prefix}/{kind.pattern}",
            f"  Content-Type: {kind.media}",
            f"  Cache-Control: {kind.keep}",
        ]
    return "\n".join(lines) + "\n"


def _htaccess(prefix: str) -> str:
    lines = ["Options -Indexes", "DirectoryIndex index.html", "<IfModule mod_headers.c>"]
    lines += [f'  Header always set {name} "{value}"' for name, value in EVERYWHERE.items()]
    for kind in KINDS:
        regex = "^" + re.escape(prefix) + "/" + kind.regex.removeprefix("^")
        lines += [
            f'  <If "%{{REQUEST_URI}} =~ m#{regex}#">',
            f'    Header set Content-Type "{kind.media}"',
            f'    Header set Cache-Control "{kind.keep}"',
            "  </If>",
        ]
    lines += ["</IfModule>", '<FilesMatch "^\\.">', "  Require all denied", "</FilesMatch>"]
    return "\n".join(lines) + "\n"


def _nginx(prefix: str) -> str:
    # An `add_header` of a location takes the place of those around it, so each has all of them.
    common = [f'    add_header {name} "{value}" always;' for name, value in EVERYWHERE.items()]
    lines = [
        "# Into the server { } of the site; `root` is the folder above which the paths below are found.",
        f"location {prefix}/ {{",
        "    autoindex off;",
        "    index index.html;",
        *common,
        "}",
        f"location ~ ^{re.escape(prefix)}/(.*/)?\\.(?!well-known) {{ deny all; }}",
    ]
    for kind in KINDS:
        regex = "^" + re.escape(prefix) + "/" + kind.regex.removeprefix("^")
        lines += [
            f'location ~ "{regex}" {{',
            "    types { }",
            f'    default_type "{kind.media}";',
            f'    add_header Cache-Control "{kind.keep}" always;',
            *common,
            "}",
        ]
    return "\n".join(lines) + "\n"
