"""Pictures that carry a credential: it comes out as it went in, once, and all else stays as it was."""

from __future__ import annotations

import contextlib
import io
import json
import zlib
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest
from defusedxml import ElementTree
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from assessor.errors import VerificationFailed
from assessor.openbadges import artwork, baking

SAMPLES = Path(__file__).parents[3] / "shared" / "standards" / "samples" / "1edtech-validator"
SPACE = f'xmlns:openbadges="{baking.NAMESPACE}"'
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><title>A &amp; B</title></svg>'
TOKEN = b"eyJhbGciOiJFZERTQSJ9.eyJhIjoxfQ.c2ln"
ODD_SVGS = {
    "declared": b'<?xml version="1.0" encoding="UTF-8"?>\n<!-- > --><svg xmlns="http://www.w3.org/2000/svg"/>',
    "marked": b'\xef\xbb\xbf<svg a=">" xmlns="http://www.w3.org/2000/svg">\xc3\xa9</svg>\n',
    "doctype": b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x.dtd">\n'
    b'<svg  xmlns="http://www.w3.org/2000/svg"\n></svg >',
    "prefixed": b'<s:svg xmlns:s="http://www.w3.org/2000/svg" b=\'"/>\'/>',
    "older badge": b'<svg xmlns="http://www.w3.org/2000/svg" xmlns:openbadges="http://openbadges.org"><g/></svg>',
}


def chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


HEAD = chunk(b"IHDR", b"\0\0\0\1\0\0\0\1\x08\0\0\0\0")
BODY = chunk(b"tEXt", b"Title\0A") + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


def itxt(
    text: bytes, *, keyword: bytes = baking.KEYWORD, flags: bytes = b"\0\0", names: bytes = b"\0\0"
) -> bytes:
    return chunk(b"iTXt", keyword + b"\0" + flags + names + text)


def png(*chunks: bytes) -> bytes:
    return baking.PNG + HEAD + b"".join(chunks) + BODY


def svg(inside: str, root: str = "") -> bytes:
    return f'<svg xmlns="http://www.w3.org/2000/svg" {root}>{inside}</svg>'.encode()


def letters() -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def documents() -> st.SearchStrategy[bytes]:
    """JSON objects, characters as they are or escaped, what ends a CDATA section among them."""
    values = st.dictionaries(letters(), letters() | st.just("]]>") | st.just("<![CDATA["), max_size=4)
    written = st.builds(lambda value, plain: json.dumps(value, ensure_ascii=plain), values, st.booleans())
    # XML gives some characters back as others, so such a text cannot be carried; they are refused below.
    return written.filter(lambda text: not set(text) & set("\r\ufffe\uffff")).map(str.encode)


@given(documents())
def test_credential_comes_out_of_any_picture_as_it_went_in(credential: bytes) -> None:
    for picture in (png(), SVG, *ODD_SVGS.values()):
        baked = baking.bake(picture, credential)
        assert baking.extract(baked) == credential
        assert baking.bake(baked, credential) == baked


@pytest.mark.parametrize("picture", [png(), SVG, *ODD_SVGS.values()], ids=["png", "svg", *ODD_SVGS])
def test_token_comes_out_as_text(picture: bytes) -> None:
    assert baking.extract(baking.bake(picture, TOKEN)) == TOKEN.decode()


@given(documents(), documents())
def test_baking_again_replaces(first: bytes, second: bytes) -> None:
    for picture in (png(), SVG, *ODD_SVGS.values()):
        assert baking.bake(baking.bake(picture, first), second) == baking.bake(picture, second)


def test_png_keeps_every_other_byte() -> None:
    baked = baking.bake_png(png(), b"{}")
    assert baked == png(itxt(b"{}"))


def test_drawn_badge_is_still_a_picture_that_others_read() -> None:
    drawn = artwork.png("Small functions", "With distinction")
    credential = json.dumps({"name": "Größe"}, ensure_ascii=False).encode()
    with Image.open(io.BytesIO(baking.bake_png(drawn, credential))) as picture:
        picture.load()
        assert picture.text == {"openbadgecredential": credential.decode()}
        with Image.open(io.BytesIO(drawn)) as before:
            assert picture.tobytes() == before.tobytes()


def test_svg_keeps_every_other_byte() -> None:
    baked = baking.bake_svg(SVG, b"{}")
    element = f"<openbadges:credential {SPACE}><![CDATA[{{}}]]></openbadges:credential>".encode()
    assert baked.replace(element, b"") == SVG
    assert baked.startswith(b'<svg xmlns="http://www.w3.org/2000/svg">' + element)


@pytest.mark.parametrize("picture", ODD_SVGS.values(), ids=ODD_SVGS)
def test_baked_svg_has_the_credential_first_in_its_root(picture: bytes) -> None:
    root = ElementTree.fromstring(baking.bake_svg(picture, b'{"a": 1}'))
    assert (root[0].tag, root[0].text) == (f"{{{baking.NAMESPACE}}}credential", '{"a": 1}')


def test_png_credential_elsewhere_is_moved_to_the_front() -> None:
    late = baking.PNG + HEAD + BODY[: -len(chunk(b"IEND", b""))] + itxt(b"{}") + chunk(b"IEND", b"")
    assert baking.extract(late) == b"{}"
    assert baking.bake_png(late, b'{"a":1}') == png(itxt(b'{"a":1}'))


def test_compressed_credential_is_read() -> None:
    assert (
        baking.extract(png(itxt(zlib.compress(b'{"a":1}'), flags=b"\1\0", names=b"en\0Abzeichen\0")))
        == b'{"a":1}'
    )


@pytest.mark.parametrize(
    ("picture", "problem"),
    [
        (png(), "PNG: expected a credential in it, got a picture without one"),
        (png(itxt(b"{}"), itxt(b"{}")), "PNG: expected one credential, got 2"),
        (png(itxt(b"x", keyword=b"openbadges")), "got an assertion of Open Badges 2.0 or before"),
        (png(chunk(b"tEXt", b"openbadges\0https://x")), "got an assertion of Open Badges 2.0 or before"),
        (
            png(chunk(b"tEXt", baking.KEYWORD + b"\0{}")),
            r"expected the credential in an iTXt chunk, got b'tEXt'",
        ),
        (png(itxt(b"{}", flags=b"\2\0")), "expected an iTXt chunk with its five parts"),
        (png(itxt(b"{}", flags=b"\0\1")), "expected an iTXt chunk with its five parts"),
        (png(itxt(b"{}", names=b"")), "expected an iTXt chunk with its five parts"),
        (png(itxt(b"hello", flags=b"\1\0")), "expected a compressed credential, got: Error -3"),
        (png(itxt(zlib.compress(b"{}" * 99)[:-6], flags=b"\1\0")), "got one that is cut off"),
        (png(itxt(b"\xff{}")), "expected the credential in UTF-8"),
        (png(itxt(b"hello")), "expected a JSON object or a compact JWT in the picture, got 'hello'"),
        (png(itxt(b"a.b")), "expected a JSON object or a compact JWT"),
        (png(itxt(b"{}"))[:-1] + b"x", "expected the check sum of its chunk"),
        (png(itxt(b"{}")).replace(b"{}", b"[]"), "expected the check sum of its chunk at byte 33"),
        (png(itxt(b"{}"))[:-3], "expected a whole chunk"),
        (png(itxt(b"{}"))[:-12], "expected IEND last, got b'IDAT'"),
        (png(itxt(b"{}")) + png(itxt(b"{}")), "expected nothing after its end, got"),
        (baking.PNG + itxt(b"{}") + HEAD + BODY, "expected IHDR first and once, got b'iTXt'"),
        (baking.PNG, "expected IEND last, got b''"),
        (b"GIF89a", "expected a PNG, or an SVG without entities of its own, got"),
        (b"", "expected a PNG, or an SVG without entities of its own, got"),
        (SVG, "SVG: expected a credential in it, got a picture without one"),
        (
            svg(f"<openbadges:credential {SPACE}>{{}}</openbadges:credential>" * 2),
            "SVG: expected one credential, got 2",
        ),
        (
            svg('<openbadges:assertion xmlns:openbadges="http://openbadges.org" verify="a.b.c"/>'),
            "got an assertion of Open Badges 2.0",
        ),
        (svg(f'<openbadges:credential {SPACE} verify="a.b.c">{{}}</openbadges:credential>'), "got both"),
        (
            svg(f"<openbadges:credential {SPACE}><g/>{{}}</openbadges:credential>"),
            "expected text in the credential, got <g>",
        ),
        (
            svg(f"<openbadges:credential {SPACE}/>"),
            "expected a JSON object or a compact JWT in the picture, got ''",
        ),
        (b"<html/>", "expected the root <svg>, got <html>"),
        (b'<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>', "without entities of its own"),
        (
            b'<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg>&a;</svg>',
            "without entities of its own",
        ),
        (b"<svg><g></svg>", "mismatched tag"),
    ],
)
def test_picture_without_one_whole_credential_is_refused(picture: bytes, problem: str) -> None:
    with pytest.raises(VerificationFailed, match=problem) as caught:
        baking.extract(picture)
    assert caught.value.check == "carrier"


def test_bomb_is_not_inflated() -> None:
    bomb = zlib.compress(bytes(32 * 1024**2), 9)
    with pytest.raises(VerificationFailed, match="expected a credential of at most 1048576 bytes"):
        baking.extract(png(itxt(bomb, flags=b"\1\0")))


def test_too_much_of_anything_is_refused() -> None:
    with pytest.raises(VerificationFailed, match="expected a picture of at most 16777216 bytes"):
        baking.extract(SVG + bytes(16 * 1024**2))
    with pytest.raises(VerificationFailed, match="expected at most 100000 chunks"):
        baking.extract(png(*[chunk(b"tEXt", b"a\0b")] * 100_001))
    with pytest.raises(VerificationFailed, match="expected at most 200000 elements"):
        baking.extract(svg("<g/>" * 200_001))
    large = quoteattr("a" * 1024**2 + ".b.c")
    with pytest.raises(VerificationFailed, match="expected a credential of at most 1048576 bytes"):
        baking.extract(svg(f"<openbadges:credential {SPACE} verify={large}/>"))


@pytest.mark.parametrize(
    ("picture", "credential", "problem"),
    [
        (b"GIF89a", b"{}", "expected a PNG, or an SVG"),
        (png()[:-5], b"{}", "PNG: expected a whole chunk"),
        (SVG, b"hello", "expected a JSON object or a compact JWT, got 'hello'"),
        (SVG, b"\xff", "credential: expected UTF-8"),
        (SVG, b'{"a":\r1}', "expected characters that XML holds unchanged"),
        (SVG, '{"a":"\uffff"}'.encode(), "expected characters that XML holds unchanged"),
        (SVG, b"{" + bytes(1024**2), "expected at most 1048576 bytes to carry"),
        (SVG.decode().encode("utf-16"), b"{}", "SVG: expected UTF-8"),
        (b'<?xml version="1.0" encoding="ISO-8859-1"?>' + SVG, b"{}", "SVG: expected UTF-8, got ISO-8859-1"),
    ],
)
def test_what_cannot_be_carried_is_refused(picture: bytes, credential: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        baking.bake(picture, credential)


@given(st.binary(max_size=200))
def test_reading_raises_nothing_but_its_own_error(data: bytes) -> None:
    for picture in (
        data,
        baking.PNG + data,
        png(chunk(b"iTXt", baking.KEYWORD + b"\0" + data)),
        svg("") + data,
    ):
        with contextlib.suppress(VerificationFailed):
            baking.extract(picture)


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_one_changed_byte_of_a_png_is_found(at: int, by: int) -> None:
    baked = bytearray(baking.bake_png(png(), b'{"a": "b"}'))
    baked[at % len(baked)] ^= by
    with pytest.raises(VerificationFailed):
        baking.extract(bytes(baked))


@pytest.mark.parametrize("name", ["simple-json.png", "simple-json.svg", "simple-jwt.png", "simple-jwt.svg"])
def test_official_sample_is_read_and_baked_again(name: str) -> None:
    path = SAMPLES / name
    if not path.exists():
        pytest.skip(f"the official sample is not here: {name}")
    found = baking.extract(path.read_bytes())
    assert isinstance(found, str) == ("jwt" in name)
    if isinstance(found, bytes):
        assert json.loads(found)["credentialSubject"]["type"] == ["AchievementSubject"]
    carried = found.encode() if isinstance(found, str) else found
    baked = baking.bake(path.read_bytes(), carried)
    assert baking.extract(baked) == found
    assert baking.bake(baked, carried) == baked
