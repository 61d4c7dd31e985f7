"""SVG pictures of authors: let through only where showing them can run nothing and fetch nothing.

Comes in: the bytes of a file. Goes out: nothing, or a `FileInvalid` with its place. What is allowed is
listed; whatever else a drawing program leaves in a file is refused by name: its author exports a plain one.
Drawing pictures is left to `openbadges.artwork`, writing into them to `openbadges.baking`.

Source: SVG 2, and its section on secure static mode: no script, no external reference.
"""

from __future__ import annotations

import re
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from assessor.errors import FileInvalid

NAMESPACE = "http://www.w3.org/2000/svg"
#: The largest picture.
LIMIT_BYTES = 256 * 1024
#: How deep elements may nest, and how many there may be.
DEPTH = 64
ELEMENTS = 20_000

_ALLOWED = """
    svg g defs symbol use switch title desc metadata style marker mask clipPath pattern view
    path rect circle ellipse line polyline polygon text tspan textPath
    linearGradient radialGradient meshgradient stop solidcolor
    filter feBlend feColorMatrix feComponentTransfer feComposite feConvolveMatrix feDiffuseLighting
    feDisplacementMap feDistantLight feDropShadow feFlood feFuncA feFuncB feFuncG feFuncR feGaussianBlur
    feMerge feMergeNode feMorphology feOffset fePointLight feSpecularLighting feSpotLight feTile feTurbulence
"""
_DECLARATION = re.compile(rb"<\?xml\s[^>]*?encoding\s*=\s*[\"']([^\"'>]*)[\"']")
_ADDRESS = re.compile(r"url\s*\(\s*[\"']?\s*(.?)", re.IGNORECASE)
#: What CSS can fetch or run with beside url(); a backslash can spell any of it.
_CSS = re.compile(r"@|\\|expression\s*\(|image(-set)?\s*\(|src\s*\(", re.IGNORECASE)
#: Attributes that hold words or drawing commands; any other may be read as CSS.
_WORDS = re.compile(r"(aria-|data-).*|id|class|lang|role|label|d|points")


class _Refused(Exception):
    """What is not allowed, in words; the parser's place is added where it is caught."""


class _Target:
    """What the parser tells of the file, as it goes; nothing is kept of it but where it stands.

    Attributes:
        at: 1-based line and column of what was told last. Once an error is caught, the parser is further on.
    """

    def __init__(self) -> None:
        self.parser: Any = None
        self.at = (1, 1)
        self.open: list[str] = []
        self.count = 0
        self.style: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._stand()
        namespace, _, name = tag.rpartition("}")
        self.count += 1
        if not self.open and tag != f"{{{NAMESPACE}}}svg":
            raise _Refused(f"expected <svg> in the namespace {NAMESPACE}, got <{name}>")
        if namespace != f"{{{NAMESPACE}" or name not in _ALLOWED.split():
            raise _Refused(f"expected a still picture in plain SVG, got the element <{name}>")
        if len(self.open) >= DEPTH or self.count > ELEMENTS:
            raise _Refused(f"expected at most {ELEMENTS} elements, {DEPTH} deep, got more")
        self.open.append(name)
        for attribute, value in attributes.items():
            _check_attribute(attribute.rpartition("}")[2], value)

    def data(self, text: str) -> None:
        if self.open and self.open[-1] == "style":
            self.style.append(text)

    def end(self, tag: str) -> None:
        self._stand()
        if self.open.pop() == "style":
            _check_css("".join(self.style))
            self.style.clear()

    def pi(self, target: str, text: str | None = None) -> None:
        self._stand()
        raise _Refused(f"expected no processing instruction, got <?{target}?>")

    def close(self) -> None:
        return None

    def _stand(self) -> None:
        self.at = (self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1)


def check(data: bytes, *, path: str) -> None:
    """Nothing, for a picture that is safe to show.

    Args:
        data: the file.
        path: how its author knows it, for errors.

    Raises:
        FileInvalid: it is too large, not UTF-8, not XML, no SVG, has a DOCTYPE, or holds anything that could
            run or be fetched.
    """
    if len(data) > LIMIT_BYTES:
        raise FileInvalid(path, f"expected at most {LIMIT_BYTES} bytes, got {len(data)}")
    declared = _DECLARATION.search(data[:200])
    if declared is not None and declared[1].lower() not in (b"utf-8", b"utf8"):
        raise FileInvalid(path, f"expected UTF-8, got {declared[1].decode('ascii', 'replace')}", line=1)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FileInvalid(path, f"expected UTF-8, got byte 0x{data[error.start]:02x}", line=line) from error
    target = _Target()
    parser = DefusedXMLParser(target=target, encoding="utf-8", forbid_dtd=True)
    target.parser = parser.parser
    try:
        parser.feed(data)
        parser.close()
    except _Refused as error:
        line, column = target.at
        raise FileInvalid(path, str(error), line=line, column=column) from error
    except DefusedXmlException as error:
        line = parser.parser.CurrentLineNumber
        raise FileInvalid(path, "expected no DOCTYPE and no entities of its own", line=line) from error
    except ParseError as error:
        line, column = error.position
        raise FileInvalid(path, f"expected XML, got: {error.msg}", line=line, column=column + 1) from error


def _check_attribute(name: str, value: str) -> None:
    lower = name.lower()
    if lower.startswith("on"):
        raise _Refused(f"expected nothing that runs, got the attribute {name}")
    if lower in ("src", "base", "srcdoc"):
        raise _Refused(f"expected no reference to outside, got the attribute {name}")
    if lower == "href" and not re.fullmatch(r"#[^\s\\]+", value):
        raise _Refused(
            f'expected a reference to a part of the picture, such as "#a", got {name} {value[:60]!r}'
        )
    if not _WORDS.fullmatch(lower):
        _check_css(value)


def _check_css(text: str) -> None:
    found = _CSS.search(text)
    if found is not None:
        raise _Refused(f"expected plain properties of a style, got {found[0]!r}")
    for found in _ADDRESS.finditer(text):
        if found[1] != "#":
            raise _Refused(f'expected url() of a part of the picture, such as "url(#a)", got {text[:60]!r}')
