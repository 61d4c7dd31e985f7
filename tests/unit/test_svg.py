"""Pictures of authors: what draws is let through, what runs or fetches is refused with its place."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assessor import svg
from assessor.errors import FileInvalid

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
GOOD = f"""<?xml version="1.0" encoding="UTF-8"?>
<!-- made by hand: a@b, url(http://x) -->
{HEAD}
  <title>a@b</title>
  <style>/* plain */ .a {{ fill: url(#g); stroke: #fff }}</style>
  <defs><linearGradient id="g"><stop stop-color="red"/></linearGradient></defs>
  <g id="a\\b" aria-label="a@b" class="a" style="fill: url('#g')"><path d="M0 0L1 1Z" fill="url( #g )"/></g>
  <use href="#g"/><use xlink:href="#g"/><text x="1">url(http://x) &amp; &lt;script&gt; @import</text>
</svg>
"""


def refused(text: str | bytes) -> str:
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(FileInvalid) as caught:
        svg.check(data, path="badges/b.svg")
    return str(caught.value)


def test_plain_picture_is_let_through() -> None:
    svg.check(GOOD.encode(), path="badges/b.svg")
    svg.check(b"\xef\xbb\xbf" + f"{HEAD}</svg>".encode(), path="badges/b.svg")


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("<script>x</script>", "got the element <script>"),
        ('<g><script href="x.js"/></g>', "got the element <script>"),
        ("<foreignObject><p/></foreignObject>", "got the element <foreignObject>"),
        ('<iframe xmlns="http://www.w3.org/1999/xhtml"/>', "got the element <iframe>"),
        ('<rect xmlns="http://www.w3.org/1999/xhtml"/>', "got the element <rect>"),
        ('<rect xmlns=""/>', "got the element <rect>"),
        ('<image href="data:image/png;base64,AAAA"/>', "got the element <image>"),
        ('<a href="#g"><path/></a>', "got the element <a>"),
        ('<set attributeName="href" to="javascript:x"/>', "got the element <set>"),
        ('<animate attributeName="href" values="javascript:x"/>', "got the element <animate>"),
        ('<openbadges:credential xmlns:openbadges="https://purl.imsglobal.org/ob/v3p0"/>', "<credential>"),
        ('<g onload="x"/>', "expected nothing that runs, got the attribute onload"),
        ('<g OnClick="x"/>', "expected nothing that runs, got the attribute OnClick"),
        ('<use href="https://x/y.svg#g"/>', "got href 'https://x/y.svg#g'"),
        ('<use xlink:href="y.svg#g"/>', "got href 'y.svg#g'"),
        ('<use href="javascript:x"/>', "got href 'javascript:x'"),
        ('<use href=" #g"/>', "got href ' #g'"),
        ('<use href="#"/>', "got href '#'"),
        ('<g xml:base="https://x/"/>', "got the attribute base"),
        ('<path fill="url(https://x)"/>', "such as \"url(#a)\", got 'url(https://x)'"),
        ("<path fill=\"URL ( '//x' )\"/>", "expected url() of a part of the picture"),
        ('<path filter="url()"/>', "expected url() of a part of the picture"),
        ('<path fill="u\\72l(https://x)"/>', "expected plain properties of a style, got '\\\\'"),
        ('<g style="background: url(data:x)"/>', "expected url() of a part of the picture"),
        ("<g style=\"fill: image-set('x')\"/>", "expected plain properties of a style, got 'image-set('"),
        ("<style>@import 'x.css';</style>", "expected plain properties of a style, got '@'"),
        ("<style>@font-face { src: x }</style>", "expected plain properties of a style, got '@'"),
        ("<style>.a { fill: u<![CDATA[rl(https://x)]]> }</style>", "expected url() of a part of the picture"),
        ("<?xml-stylesheet href='x.css'?>", "expected no processing instruction, got <?xml-stylesheet?>"),
    ],
)
def test_what_runs_or_fetches_is_refused(inside: str, expected: str) -> None:
    told = refused(f"{HEAD}\n  {inside}\n</svg>")
    assert told.startswith("badges/b.svg:2:")
    assert expected in told


def test_place_is_where_the_element_starts() -> None:
    assert refused(f"{HEAD}\n  <g/><g\n onload='x'/>\n</svg>") == (
        "badges/b.svg:2:7: expected nothing that runs, got the attribute onload"
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("", "badges/b.svg:1:1: expected XML, got: no element found"),
        ("<svg/>", f"badges/b.svg:1:1: expected <svg> in the namespace {svg.NAMESPACE}, got <svg>"),
        ('<g xmlns="http://www.w3.org/2000/svg"/>', "got <g>"),
        (f"{HEAD}\n<g></svg>", "badges/b.svg:2:6: expected XML, got: mismatched tag"),
        (f"{HEAD}</svg><svg/>", "expected XML, got: junk after document element"),
        (f"<!DOCTYPE svg>\n{HEAD}</svg>", "badges/b.svg:1: expected no DOCTYPE and no entities"),
        (
            f'<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>{HEAD}&a;</svg>',
            "expected no DOCTYPE and no entities",
        ),
        (f"{HEAD}&nbsp;</svg>", "expected XML, got: undefined entity"),
        (f"<?xml version='1.0' encoding='ISO-8859-1'?>{HEAD}</svg>", "expected UTF-8, got ISO-8859-1"),
        (f"{HEAD}\n".encode() + b"\xff</svg>", "badges/b.svg:2: expected UTF-8, got byte 0xff"),
        (f"{HEAD}</svg>".encode("utf-16"), "expected UTF-8, got byte 0xff"),
        (HEAD + "<g>" * 70 + "</g>" * 70 + "</svg>", "expected at most 20000 elements, 64 deep, got more"),
        (HEAD + "<g/>" * 20_000 + "</svg>", "expected at most 20000 elements, 64 deep, got more"),
        (b" " * (256 * 1024 + 1), "expected at most 262144 bytes, got 262145"),
    ],
)
def test_what_is_no_plain_file_is_refused(data: str | bytes, expected: str) -> None:
    assert expected in refused(data)


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: f"{HEAD}{text}</svg>".encode()))
def test_any_bytes_are_let_through_or_refused(data: bytes) -> None:
    with contextlib.suppress(FileInvalid):
        svg.check(data, path="p")
