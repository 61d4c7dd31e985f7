"""The picture of a badge: the same for the same name, readable, and safe whatever the name."""

from __future__ import annotations

import io
import unicodedata
from pathlib import Path

import pytest
from defusedxml import ElementTree
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from assessor import svg
from assessor.openbadges import artwork, design, lettering

NAMESPACE = "{http://www.w3.org/2000/svg}"
WHITE = (255, 255, 255)

#: Any text at all: control characters, surrogates, marks, every script.
anything = st.text(st.characters(exclude_categories=()), max_size=60)


def texts(picture: bytes) -> list[str]:
    return [one.text or "" for one in ElementTree.fromstring(picture).iter(f"{NAMESPACE}text")]


def pixels(picture: bytes) -> Image.Image:
    found = Image.open(io.BytesIO(picture))
    found.load()
    return found


def white(picture: bytes) -> int:
    """How many pixels are white."""
    data = pixels(picture).convert("RGB").tobytes()
    return sum(data[at : at + 3] == b"\xff\xff\xff" for at in range(0, len(data), 3))


def contrast(one: design.Colour, other: design.Colour) -> float:
    """From 1 (the same) to 21 (black and white). Source: WCAG 2.2, contrast ratio."""

    def luminance(colour: design.Colour) -> float:
        parts = [part / 255 for part in colour]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def laid_out(name: str, level: str | None = None) -> design.Design:
    return design.lay_out(name, level, name_width=lettering.guess, level_width=lettering.guess)


@given(anything, st.none() | anything)
@example("\ud800\x00\ufffe\u202e", "\u200d")
@example("]]>&<script>'\"", "&amp;")
@example("e\u0301" * 100, "👩\u200d👩\u200d👧" * 30)
def test_any_name_gives_a_safe_picture_that_says_it(name: str, level: str | None) -> None:
    made = artwork.svg(name, level)
    svg.check(made, path="p")
    root = ElementTree.fromstring(made)
    told = lettering.visible(name) or "Badge"
    assert root.findtext(f"{NAMESPACE}title") == told
    assert (root.findtext(f"{NAMESPACE}desc") or "").startswith(f"Badge: {told}")
    named = root.get("aria-labelledby")
    assert named is not None
    assert named.split() == [one.get("id") for one in root if one.get("id")]
    assert len(made) < 8 * 1024


def test_name_and_level_are_drawn() -> None:
    assert texts(artwork.svg("Web <Services> & \u202emore", "Merit")) == [
        "Web",
        "<Services>",
        "& more",
        "Merit",
    ]
    assert texts(artwork.svg("Web", None)) == ["Web"]


def test_same_name_gives_the_same_bytes_and_another_another() -> None:
    assert artwork.svg("Web", "Merit") == artwork.svg("Web", "Merit")
    assert artwork.svg("e\u0301", None) == artwork.svg("\u00e9", None)
    assert artwork.png("Web", "Merit", fonts=()) == artwork.png("Web", "Merit", fonts=())
    colours = {laid_out(f"name {at}").top for at in range(50)}
    flowers = {(laid_out(f"name {at}").petals, laid_out(f"name {at}").half_width) for at in range(50)}
    assert len(colours) > 25
    assert len(flowers) > 25


def test_level_changes_no_colour_and_no_petal() -> None:
    one, other = laid_out("Web"), laid_out("Web", "Merit")
    assert (one.top, one.accent, one.petals) == (other.top, other.accent, other.petals)


def test_two_pictures_share_no_id() -> None:
    def ids(picture: bytes) -> set[str]:
        return {found for one in ElementTree.fromstring(picture).iter() if (found := one.get("id"))}

    assert len(ids(artwork.svg("Web", None))) == 3
    assert not ids(artwork.svg("Web", None)) & ids(artwork.svg("Web", "Merit"))


@given(st.text(min_size=1))
def test_text_stands_out_from_what_it_stands_on(name: str) -> None:
    made = laid_out(lettering.visible(name) or "x", "Merit")
    assert contrast(WHITE, made.top) >= 7
    assert contrast(WHITE, made.bottom) >= 7
    assert contrast(made.ink, made.ribbon) >= 7
    assert contrast(made.accent, made.top) >= 3


@given(st.text(st.characters(codec="utf-8"), max_size=400))
def test_lines_stay_inside_the_seal(name: str) -> None:
    made = laid_out(lettering.visible(name) or "x", lettering.visible(name) or "x")
    for lines, most in ((made.name, 348), (made.level, 252)):
        for one in lines:
            assert one.text
            assert lettering.guess(one.text, one.size) <= most
    assert made.centre[1] + made.reach < made.name[0].y - made.name[0].size
    assert made.name[-1].y < 376


@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_what_fits_is_kept_and_what_does_not_is_cut_with_a_sign(name: str) -> None:
    shown = lettering.visible(name) or "x"
    lines, _ = lettering.fit(shown, lettering.guess, (20, 10), 200, 60)
    kept = "".join(lines).replace(" ", "")
    if kept == shown.replace(" ", ""):
        return
    assert kept.endswith("…")
    assert shown.replace(" ", "").startswith(kept[:-1])


def test_lines_are_even_and_never_more_than_needed() -> None:
    lines, size = lettering.fit("A long name of it", lambda text, size: len(text) * size, (10,), 150, 60)
    assert (lines, size) == (("A long", "name of it"), 10)


def test_character_is_never_parted_from_its_marks() -> None:
    family = "👩\u200d👩\u200d👧\ufe0f"
    lines, _ = lettering.fit(family * 40, lettering.guess, (10,), 60, 48)
    for line in lines:
        assert line.rstrip("…").count(family) * len(family) == len(line.rstrip("…"))
    lines, _ = lettering.fit("x\u0323\u0301" * 40, lambda text, size: len(text) * size, (10,), 70, 48)
    assert all(line[0] == "x" for line in lines)


@pytest.mark.parametrize("text", ["", " \n", "\u200d\u200b", "\u0301", "\ue000", "\ufffe"])
def test_what_cannot_be_seen_is_nothing(text: str) -> None:
    assert lettering.visible(text) == ""


@given(anything)
def test_visible_text_is_one_line_that_xml_can_hold(text: str) -> None:
    shown = lettering.visible(text)
    assert lettering.visible(shown) == shown
    assert shown == unicodedata.normalize("NFC", shown).strip()
    assert not {unicodedata.category(one) for one in shown} & {"Cc", "Cs", "Co", "Zl", "Zp"}


# The PNG


def test_png_is_of_the_size_and_clear_outside_the_seal() -> None:
    found = pixels(artwork.png("Web Services", "Merit", fonts=()))
    assert (found.format, found.size, found.mode) == ("PNG", (512, 512), "RGBA")
    assert found.getpixel((0, 0))[3] == 0
    assert found.getpixel((256, 340))[3] == 255


def test_png_shows_the_ribbon_of_a_level() -> None:
    ribbon = design.lay_out("Web", "Merit", name_width=None, level_width=lettering.guess).ribbon
    assert pixels(artwork.png("Web", "Merit", fonts=())).getpixel((110, 400))[:3] == ribbon
    assert pixels(artwork.png("Web", None, fonts=())).getpixel((110, 400))[:3] != ribbon


def test_png_shows_the_name() -> None:
    assert white(artwork.png("WWW", None, fonts=())) > white(artwork.png("i", None, fonts=())) > 0


def test_text_that_no_font_has_is_left_out_whole() -> None:
    assert white(artwork.png("a\u7edf", None, fonts=())) == 0
    plain, lacking = (artwork.png("Web", level, fonts=()) for level in (None, "\u7edf"))
    assert pixels(plain).tobytes() == pixels(lacking).tobytes()


def test_fonts_that_are_missing_are_passed_over(tmp_path: Path) -> None:
    assert artwork.png("Web", None, fonts=(tmp_path / "no.ttf",)) == artwork.png("Web", None, fonts=())


def test_font_that_has_the_letters_draws_them() -> None:
    held = [path for path in artwork.FONTS if path.is_file()]
    if not held:
        pytest.skip("none of the fonts in artwork.FONTS is installed here")
    one, other = artwork.png("\u00c4", None, fonts=held), artwork.png("\u00c4", None, fonts=())
    assert pixels(one).tobytes() != pixels(other).tobytes()


@settings(max_examples=15, deadline=None)
@given(anything, st.none() | anything)
@example("\ud800", "e\u0301")
def test_any_name_gives_a_png(name: str, level: str | None) -> None:
    assert pixels(artwork.png(name, level)).size == (512, 512)
