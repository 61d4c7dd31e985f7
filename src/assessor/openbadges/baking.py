"""Baking: a credential carried inside the picture that shows it.

Comes in: a PNG or SVG, and a credential as JSON text or compact JWT. Goes out: the same picture with the
credential in it, once; or the credential that a picture carries. Whether the credential holds is left to the
checks.

    PNG   one iTXt chunk `openbadgecredential`, not compressed, right after IHDR
    SVG   one <openbadges:credential> right after the root's start tag; a JWT in `verify`, JSON as CDATA

Baking again replaces what was there. All other bytes of the picture stay as they are. Reading is for
anybody's pictures: it is bounded, takes a compressed chunk too, and refuses two credentials rather than
choose.

Source: Open Badges 3.0, 5.3 File Format; PNG (Third Edition), 5 and 11.3.3.4 iTXt.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Any, Final
from xml.etree.ElementTree import ParseError
from xml.sax.saxutils import quoteattr

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from assessor.errors import VerificationFailed

#: The largest picture that is read, and the largest credential that is written or taken out of one.
PICTURE_BYTES = 16 * 1024**2
CREDENTIAL_BYTES = 1024**2

PNG: Final = b"\x89PNG\r\n\x1a\n"
KEYWORD = b"openbadgecredential"
NAMESPACE = "https://purl.imsglobal.org/ob/v3p0"

#: What Open Badges 2.0 and before wrote into pictures.
_OLD_KEYWORD = b"openbadges"
_OLD_NAMESPACE = "http://openbadges.org"

#: More than these no picture has; each costs time to look at.
_CHUNKS = 100_000
_ELEMENTS = 200_000

_DECLARED = re.compile(rb"""^(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)""")


def bake(picture: bytes, credential: bytes) -> bytes:
    """The picture, PNG or SVG by its first bytes, with the credential in it, and no other.

    Args:
        picture: PNG or SVG.
        credential: a JSON text, or a compact JWT.

    Raises:
        ValueError: it is neither, or it cannot carry this; the text says what came.
    """
    return bake_png(picture, credential) if picture.startswith(PNG) else bake_svg(picture, credential)


def bake_png(png: bytes, credential: bytes) -> bytes:
    """The PNG with the credential in it, and no other.

    Raises:
        ValueError: it is no whole PNG, or the credential is no text or too large.
    """
    text = _text(credential)
    try:
        chunks = list(_chunks(png))
    except VerificationFailed as error:
        raise ValueError(error.problem) from error
    kept = [png[start:end] for kind, start, end in chunks if not _carries(kind, png[start:end])]
    body = KEYWORD + b"\0" + b"\0\0" + b"\0" + b"\0" + text.encode()
    return PNG + kept[0] + _chunk(b"iTXt", body) + b"".join(kept[1:])


def bake_svg(svg: bytes, credential: bytes) -> bytes:
    """The SVG with the credential in it, and no other.

    Raises:
        ValueError: it is no SVG in UTF-8, it has entities of its own, or the credential is no text, too
            large, or has a character that XML cannot hold.
    """
    text = _text(credential)
    if any(not _fits_xml(char) for char in text):
        raise ValueError("credential: expected characters that XML holds unchanged, got others")
    declared = _DECLARED.match(svg)
    if declared is not None and declared[1].lower() != b"utf-8":
        raise ValueError(f"SVG: expected UTF-8, got {declared[1].decode()}")
    try:
        svg.decode("utf-8")
        found = _parse(svg)
    except UnicodeDecodeError as error:
        raise ValueError(f"SVG: expected UTF-8, got: {error}") from error
    except VerificationFailed as error:
        raise ValueError(error.problem) from error
    root, empty = found.root_end, found.root_empty
    element = _element(text).encode()
    if empty:
        # `<svg/>` has no inside yet.
        head = svg[: root - 2] + b">"
        return head + element + b"</" + found.root_name + b">" + svg[root:]
    rest, at = b"", root
    for start, end in found.credentials:
        rest += svg[at:start]
        at = end
    return svg[:root] + element + rest + svg[at:]


def extract(data: bytes) -> bytes | str:
    """The credential that a picture carries: JSON text as bytes, a compact JWT as str.

    Raises:
        VerificationFailed: `carrier`: it is no PNG or SVG, broken or too large, or carries none or several.
    """
    if len(data) > PICTURE_BYTES:
        raise _refused(f"expected a picture of at most {PICTURE_BYTES} bytes, got {len(data)}")
    text = _from_png(data) if data.startswith(PNG) else _from_svg(data)
    stripped = text.strip()
    if stripped.startswith("{"):
        return stripped.encode()
    if _is_token(stripped):
        return stripped
    raise _refused(f"expected a JSON object or a compact JWT in the picture, got {stripped[:40]!r}")


def _text(credential: bytes) -> str:
    if len(credential) > CREDENTIAL_BYTES:
        raise ValueError(
            f"credential: expected at most {CREDENTIAL_BYTES} bytes to carry, got {len(credential)}"
        )
    try:
        text = credential.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise ValueError(f"credential: expected UTF-8, got: {error}") from error
    if not text.startswith("{") and not _is_token(text):
        raise ValueError(f"credential: expected a JSON object or a compact JWT, got {text[:40]!r}")
    return text


def _is_token(text: str) -> bool:
    parts = text.split(".")
    return len(parts) == 3 and all(
        part and part.isascii() and part.replace("-", "").replace("_", "").isalnum() for part in parts
    )


def _refused(problem: str) -> VerificationFailed:
    return VerificationFailed("carrier", problem)


# PNG


def _chunks(png: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of every chunk, each with its check sum proven; IHDR first and IEND last."""
    if not png.startswith(PNG):
        raise _refused(f"PNG: expected its signature, got {png[:8]!r}")
    at, count, kind = len(PNG), 0, b""
    while at < len(png):
        if kind == b"IEND":
            raise _refused(f"PNG: expected nothing after its end, got {len(png) - at} bytes")
        count += 1
        if count > _CHUNKS:
            raise _refused(f"PNG: expected at most {_CHUNKS} chunks, got more")
        length = int.from_bytes(png[at : at + 4], "big")
        kind, end = png[at + 4 : at + 8], at + 12 + length
        if end > len(png):
            raise _refused(f"PNG: expected a whole chunk at byte {at}, got the end of the file")
        if zlib.crc32(png[at + 4 : end - 4]) != int.from_bytes(png[end - 4 : end], "big"):
            raise _refused(f"PNG: expected the check sum of its chunk at byte {at}, got another")
        if (count == 1) != (kind == b"IHDR"):
            raise _refused(f"PNG: expected IHDR first and once, got {kind!r} at byte {at}")
        yield kind, at, end
        at = end
    if kind != b"IEND":
        raise _refused(f"PNG: expected IEND last, got {kind!r}")


def _chunk(kind: bytes, body: bytes) -> bytes:
    checked = kind + body
    return len(body).to_bytes(4, "big") + checked + zlib.crc32(checked).to_bytes(4, "big")


def _carries(kind: bytes, chunk: bytes) -> bool:
    return kind in (b"iTXt", b"tEXt", b"zTXt") and chunk[8:-4].partition(b"\0")[0] == KEYWORD


def _from_png(png: bytes) -> str:
    bodies, old = [], False
    for kind, start, end in _chunks(png):
        if _carries(kind, png[start:end]):
            if kind != b"iTXt":
                raise _refused(f"PNG: expected the credential in an iTXt chunk, got {kind!r}")
            bodies.append(png[start + 8 : end - 4])
        old = old or (
            kind in (b"iTXt", b"tEXt") and png[start + 8 : end - 4].partition(b"\0")[0] == _OLD_KEYWORD
        )
    _expect_one("PNG", len(bodies), old=old)
    _, _, rest = bodies[0].partition(b"\0")
    flags, rest = rest[:2], rest[2:]
    _, between, rest = rest.partition(b"\0")
    _, end_of_names, text = rest.partition(b"\0")
    if len(flags) != 2 or not between or not end_of_names or flags[0] > 1 or flags[1] != 0:
        raise _refused("PNG: expected an iTXt chunk with its five parts, got another form")
    if flags[0]:
        text = _inflate(text)
    if len(text) > CREDENTIAL_BYTES:
        raise _refused(f"PNG: expected a credential of at most {CREDENTIAL_BYTES} bytes, got {len(text)}")
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refused(f"PNG: expected the credential in UTF-8, got: {error}") from error


def _inflate(data: bytes) -> bytes:
    inflator = zlib.decompressobj()
    try:
        text = inflator.decompress(data, CREDENTIAL_BYTES + 1)
    except zlib.error as error:
        raise _refused(f"PNG: expected a compressed credential, got: {error}") from error
    # What is still to come is not looked at: it may be without end.
    if len(text) <= CREDENTIAL_BYTES and not inflator.eof:
        raise _refused("PNG: expected a compressed credential, got one that is cut off")
    return text


def _expect_one(what: str, count: int, *, old: bool) -> None:
    if count == 1:
        return
    if count > 1:
        raise _refused(f"{what}: expected one credential, got {count}: which one is meant cannot be told")
    if old:
        raise _refused(
            f"{what}: expected an Open Badges 3.0 credential, got an assertion of Open Badges 2.0 or before"
        )
    raise _refused(f"{what}: expected a credential in it, got a picture without one")


# SVG


class _Found:
    """Where things are in an SVG, as byte offsets; the target of a parser.

    Attributes:
        root_end: behind the root's start tag.
        root_empty: whether that tag is the whole root.
        root_name: of the root, as written.
        credentials: start and end of every credential's element.
        texts: its `verify` attribute, or None, and its text.
        old: whether there is an assertion of Open Badges 2.0.
    """

    def __init__(self, svg: bytes) -> None:
        self._svg = svg
        self.parser: Any = None
        self._depth = 0
        self._count = 0
        self._inside: list[str] | None = None
        #: Of the credential at hand: where it starts, and where its start tag ends.
        self._at = (0, 0)
        self.root_end = 0
        self.root_empty = False
        self.root_name = b""
        self.credentials: list[tuple[int, int]] = []
        self.texts: list[tuple[str | None, str]] = []
        self.old = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        at = self.parser.CurrentByteIndex
        self._count += 1
        if self._count > _ELEMENTS:
            raise _refused(f"SVG: expected at most {_ELEMENTS} elements, got more")
        if self._depth == 0:
            if tag not in ("{http://www.w3.org/2000/svg}svg", "svg"):
                raise _refused(f"SVG: expected the root <svg>, got <{tag.rpartition('}')[2]}>")
            self.root_end = self._tag_end(at)
            self.root_empty = self._empty(self.root_end)
            self.root_name = self._svg[at + 1 : self.root_end].split(None, 1)[0].rstrip(b"/>")
        if self._inside is not None:
            raise _refused(f"SVG: expected text in the credential, got <{tag.rpartition('}')[2]}>")
        if tag == f"{{{NAMESPACE}}}credential":
            self._inside = []
            self._at = (at, self._tag_end(at))
            self.texts.append((attributes.get("verify"), ""))
        self.old = self.old or tag.startswith(f"{{{_OLD_NAMESPACE}}}")
        self._depth += 1

    def data(self, text: str) -> None:
        if self._inside is not None:
            self._inside.append(text)

    def end(self, tag: str) -> None:
        self._depth -= 1
        if self._inside is not None and tag == f"{{{NAMESPACE}}}credential":
            at, inside = self._at
            # Of a tag that is start and end in one, the parser tells no place for its end.
            end = inside if self._empty(inside) else self._tag_end(self.parser.CurrentByteIndex)
            self.credentials.append((at, end))
            self.texts[-1] = (self.texts[-1][0], "".join(self._inside))
            self._inside = None

    def close(self) -> _Found:
        return self

    def _empty(self, end: int) -> bool:
        return self._svg[end - 2 : end] == b"/>"

    def _tag_end(self, at: int) -> int:
        """Behind the tag that starts at `at`; a `>` within quotes is none."""
        quote = 0
        for position in range(at, len(self._svg)):
            one = self._svg[position]
            if quote:
                quote = 0 if one == quote else quote
            elif one in b"\"'":
                quote = one
            elif one == 0x3E:
                return position + 1
        raise _refused(f"SVG: expected the end of the tag at byte {at}, got the end of the file")


def _parse(svg: bytes) -> _Found:
    if len(svg) > PICTURE_BYTES:
        raise _refused(f"SVG: expected at most {PICTURE_BYTES} bytes, got {len(svg)}")
    found = _Found(svg)
    parser = DefusedXMLParser(target=found, forbid_dtd=False, forbid_entities=True)
    found.parser = parser.parser
    try:
        parser.feed(svg)
        parser.close()
    except (ParseError, DefusedXmlException) as error:
        raise _refused(f"expected a PNG, or an SVG without entities of its own, got: {error}") from error
    return found


def _from_svg(svg: bytes) -> str:
    found = _parse(svg)
    _expect_one("SVG", len(found.texts), old=found.old)
    [(token, text)] = found.texts
    if token is not None and text.strip():
        raise _refused("SVG: expected the credential in `verify` or as text, got both")
    credential = text if token is None else token
    if len(credential.encode()) > CREDENTIAL_BYTES:
        raise _refused(f"SVG: expected a credential of at most {CREDENTIAL_BYTES} bytes, got more")
    return credential


def _element(text: str) -> str:
    space = f'xmlns:openbadges="{NAMESPACE}"'
    if not text.startswith("{"):
        return f"<openbadges:credential {space} verify={quoteattr(text)}/>"
    # A CDATA section ends at the first `]]>`, so that is cut in two.
    body = text.replace("]]>", "]]]]><![CDATA[>")
    return f"<openbadges:credential {space}><![CDATA[{body}]]></openbadges:credential>"


def _fits_xml(char: str) -> bool:
    """Whether XML holds the character, and gives it back as it was: a carriage return it does not."""
    return char in "\t\n" or " " <= char <= "\ud7ff" or "\ue000" <= char <= "\ufffd" or char > "\uffff"
