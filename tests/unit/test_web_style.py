"""The style sheet and the templates: contrast by the numbers, and nothing inline that the policy forbids."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from assessor.web import rendering

CSS = (rendering.STATIC / "app.css").read_text()
TEMPLATES = sorted((rendering.HERE / "templates").glob("*.html"))
SCRIPTS = [*sorted(rendering.STATIC.glob("*.js")), rendering.HERE / "editor.js"]

#: Text on its ground; 4.5 to 1. Source: WCAG 2.2, 1.4.3.
TEXT = [
    *((ink, ground) for ink in ("text", "soft", "link", "bad") for ground in ("ground", "raised")),
    ("on-button", "button"),
    ("good", "on-good"),
    ("bad", "on-bad"),
    ("wait", "on-wait"),
    ("text", "code"),
    # Code in the editor, and the line that a link leads to.
    ("text", "on-wait"),
    ("soft", "on-wait"),
    ("good", "ground"),
    ("wait", "ground"),
]
#: What shows where a control is, or where the keyboard is; 3 to 1. Source: WCAG 2.2, 1.4.11, 2.4.13.
SHAPES = [
    *((shape, ground) for shape in ("line", "focus", "button") for ground in ("ground", "raised")),
    ("bad", "ground"),
]


def tokens(css: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", css))


LIGHT = tokens(CSS.partition("@media")[0])
#: On screens alone: paper is white.
DARK_CSS = CSS.partition("@media screen and (prefers-color-scheme: dark)")[2].partition("*, *::before")[0]
DARK = LIGHT | tokens(DARK_CSS)


def luminance(colour: str) -> float:
    """Source: WCAG 2.2, relative luminance."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_measured_right() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_dark_has_colours_of_its_own() -> None:
    assert set(tokens(DARK_CSS)) == set(LIGHT)
    assert DARK["ground"] != LIGHT["ground"]


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), TEXT)
def test_text_can_be_read(scheme: dict[str, str], ink: str, ground: str) -> None:
    assert contrast(scheme[ink], scheme[ground]) >= 4.5


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("shape", "ground"), SHAPES)
def test_controls_can_be_seen(scheme: dict[str, str], shape: str, ground: str) -> None:
    assert contrast(scheme[shape], scheme[ground]) >= 3


def test_every_colour_is_a_token() -> None:
    rest = CSS.partition("*, *::before")[2]
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|hsla?\(", rest) == []


def test_style_sheet_fetches_nothing() -> None:
    assert re.findall(r"url\(|@import|@font-face", CSS) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_template_has_nothing_inline(path: Path) -> None:
    text = re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.S)
    assert re.findall(r"<[^>]*\sstyle\s*=", text) == []
    assert re.findall(r"<[^>]*\son[a-z]+\s*=", text) == []
    assert re.findall(r"<style\b", text) == []
    assert re.findall(r"javascript:", text, re.I) == []
    assert [tag for tag in re.findall(r"<script\b[^>]*>", text) if " src=" not in tag] == []
    # Each is code for htmx to evaluate, which the policy forbids.
    assert re.findall(r"\shx-on|\shx-vals='js:|\shx-vars", text) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_nothing_in_a_template_is_left_unescaped(path: Path) -> None:
    assert re.findall(r"\|\s*safe\b|autoescape\s+false|Markup", path.read_text()) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_template_fetches_nothing_from_elsewhere(path: Path) -> None:
    text = path.read_text()
    assert (
        re.findall(r'<(?:script|link|img|iframe|source|video|audio)\b[^>]*(?:src|href)="(?:https?:)?//', text)
        == []
    )


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_form_that_changes_something_has_its_token_first(path: Path) -> None:
    for form in re.findall(r'<form\b[^>]*method="post"[^>]*>(.{0,40})', path.read_text(), re.S):
        assert form.lstrip().startswith("{{ macros.token(csrf) }}")


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_script_makes_no_code_of_text(path: Path) -> None:
    assert (
        re.findall(
            r"\beval\(|new Function|innerHTML|outerHTML|document\.write|insertAdjacentHTML", path.read_text()
        )
        == []
    )
