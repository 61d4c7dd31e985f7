"""The issuer: who awards, and where what it publishes is found.

Comes in: `issuer.yaml` at the catalog's root, or nothing, for a trial. Goes out: an `Issuer`. Its DID is
left to `keyring`, what it publishes to `site`.

    issuer.yaml
    <image>         its picture, SVG or PNG, beside that file
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from assessor import authored, svg
from assessor.errors import FileInvalid, SettingInvalid

PATH = "issuer.yaml"
#: Where a trial would be published, unless told otherwise.
TRIAL_URL = "http://localhost:8000"
#: The largest picture; it is part of every credential.
IMAGE_BYTES = 64 * 1024
PNG = b"\x89PNG\r\n\x1a\n"

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_URL = re.compile(
    rf"(?P<scheme>https?)://(?P<host>{_LABEL}(\.{_LABEL})*|\[::1\])(?P<port>:[1-9][0-9]{{0,4}})?"
    r"(?P<path>(/[A-Za-z0-9._~-]+)*)"
)
_HERE = frozenset({"localhost", "127.0.0.1", "[::1]"})
_URL_WORDS = (
    "the address that it publishes under, such as https://badges.example.org, without a slash at the end"
)


class Method(StrEnum):
    """How the issuer is named, so that its key can be found."""

    WEB = "web"  #: did:web, by the domain: keys may change, the name stays
    KEY = "key"  #: did:key, by the key itself: nothing need be published, and a new key is a new issuer


#: Gives the DID of an issuer that is published under this URL and named in this way.
Named = Callable[[Method, str], str]


@dataclass(frozen=True, kw_only=True)
class Issuer:
    """Who awards.

    Attributes:
        name: as people know it.
        url: where what it publishes is found, without a slash at the end.
        did: its decentralised identifier.
        description: a few sentences for whoever checks a badge, or None.
        email: where to ask, or None.
        image: its picture, an SVG or a PNG, or None.
        trial: whether nothing of it can be reached by others: it is on this machine alone, or nobody said.
    """

    name: str
    url: str
    did: str
    description: str | None = None
    email: str | None = None
    image: bytes | None = None
    trial: bool = False

    @property
    def method(self) -> Method:
        """How it is named."""
        return Method(self.did.split(":")[1])

    @property
    def place(self) -> str:
        """Host, port and path of its URL, as a name of the log: `badges.example.org/de`."""
        return self.url.partition("://")[2]


def _https(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = _URL.fullmatch(value)
    if found is None:
        raise ValueError(_URL_WORDS)
    if found["scheme"] == "http" and found["host"] not in _HERE:
        raise ValueError("an address that begins with https:// (http:// for a trial on localhost alone)")
    if found["port"] and int(found["port"][1:]) > 65535:
        raise ValueError("a port of at most 65535")
    return str(value)


_Url = Annotated[
    str,
    BeforeValidator(_https),
    Field(
        max_length=300,
        json_schema_extra={
            "pattern": "^https?://[^/?#@]+(/[^/?#]+)*$",
            "patternErrorMessage": f"expected {_URL_WORDS}",
        },
    ),
]
_Email = Annotated[str, *authored.matching(r"[^@\s]{1,64}@[^@\s]{1,255}", "an e-mail address")]
_Image = Annotated[
    str, *authored.matching(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.(svg|png)", "a file beside it, .svg or .png")
]


class IssuerModel(authored.Strict):
    """issuer.yaml."""

    name: Annotated[authored.Text, Field(max_length=200)] = Field(description="As people know it.")
    url: _Url = Field(description="Where what it publishes is found, without a slash at the end.")
    did: Annotated[Literal["web", "key"], authored.one_of("web", "key")] | None = Field(
        default=None,
        description="How it is named: `web` by its domain, where keys may change, `key` by the key itself. "
        "Without it `web`, or `key` for an address on this machine.",
    )
    description: authored.Text | None = Field(
        default=None, description="A few sentences for whoever checks a badge."
    )
    email: _Email | None = Field(default=None, description="Where to ask.")
    image: _Image | None = Field(
        default=None, description="Its picture, a file beside issuer.yaml, at most 64 KiB."
    )


def load(data: bytes, *, named: Named, image: Callable[[str], bytes]) -> Issuer:
    """The issuer in `issuer.yaml`.

    Args:
        data: the file.
        named: gives its DID.
        image: gives the picture of a name beside the file, or raises FileInvalid.

    Raises:
        FileInvalid: the file, or its picture, is wrong.
    """
    document = authored.read(data, PATH)
    model = document.parse(IssuerModel)
    here = model.url.startswith("http://")
    method = Method(model.did) if model.did else Method.KEY if here else Method.WEB
    if method is Method.WEB and here:
        raise document.invalid(
            ("did",), f"expected key for an address on this machine ({model.url}), got web"
        )
    if method is Method.WEB and re.fullmatch(r"https://[0-9.]+(:.*|/.*)?", model.url):
        raise document.invalid(
            ("url",), f"expected a domain, since did:web names no numbers, got {model.url}"
        )
    picture = None
    if model.image is not None:
        picture = image(model.image)
        _check(picture, model.image)
    return Issuer(
        name=model.name,
        url=model.url,
        did=named(method, model.url),
        description=model.description,
        email=model.email,
        image=picture,
        trial=here,
    )


def find(root: Path, *, named: Named) -> Issuer | None:
    """The issuer of the catalog in this folder, or None where it has no `issuer.yaml`.

    Raises:
        FileInvalid: the file, or its picture, is wrong or cannot be read.
    """
    data = _bytes(root, PATH)
    if data is None:
        return None

    def image(name: str) -> bytes:
        picture = _bytes(root, name)
        if picture is None:
            raise FileInvalid(name, f"expected the picture that {PATH} names, got nothing")
        return picture

    return load(data, named=named, image=image)


def trial(url: str | None, *, named: Named) -> Issuer:
    """The issuer where there is no `issuer.yaml`.

    Args:
        url: where it would be published (ASSESSOR_PUBLIC_URL), or None.
        named: gives its DID.

    Raises:
        SettingInvalid: the URL is none.
    """
    try:
        _https(url)
    except ValueError as error:
        raise SettingInvalid(f"ASSESSOR_PUBLIC_URL: expected {error}, got {url!r}") from error
    where = url or TRIAL_URL
    return Issuer(name="Trial issuer", url=where, did=named(Method.KEY, where), trial=True)


def doubt(issuer: Issuer) -> str | None:
    """Why others may not reach what this issuer publishes, in words, or None."""
    if issuer.trial:
        return "a trial: badges name nobody that others can reach"
    found = _URL.fullmatch(issuer.url)
    host = found["host"] if found else ""
    if host in _HERE or "." not in host or re.fullmatch(r"[0-9.]+", host):
        return f"{host or issuer.url} is no domain that others can reach"
    if host.endswith((".local", ".internal", ".lan", ".test", ".invalid", ".localhost", ".home.arpa")):
        return f"{host} is a name for this network alone"
    return None


def schema() -> dict[str, Any]:
    """JSON Schema of issuer.yaml."""
    return authored.schema(IssuerModel, title=PATH)


def _bytes(root: Path, name: str) -> bytes | None:
    path = root / name
    try:
        if path.is_symlink():
            raise FileInvalid(name, "expected a regular file, got a symbolic link")
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileInvalid(name, f"expected a readable file, got: {error.strerror}") from error


def _check(picture: bytes, name: str) -> None:
    if len(picture) > IMAGE_BYTES:
        raise FileInvalid(
            name, f"expected at most {IMAGE_BYTES} bytes, since each badge holds it, got {len(picture)}"
        )
    if PurePosixPath(name).suffix == ".svg":
        svg.check(picture, path=name)
    elif not picture.startswith(PNG):
        raise FileInvalid(name, "expected a PNG, got another kind of file")
