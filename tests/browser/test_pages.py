"""Every page in a browser: it loads without a complaint, and fits a phone."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page as Shown

from tests.browser import pages, pictures
from tests.browser.conftest import Opening
from tests.browser.pages import NARROWEST, PAGES, PHONE, SCREEN, Page
from tests.browser.world import World

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)

#: Elements that are used by pointer and are smaller than 24 by 24 pixels. Links within a line of text are as
#: high as the text is. Source: WCAG 2.2, 2.5.8, exceptions "inline" and "user agent control".
_SMALL = """() => [...document.querySelectorAll(
    "a[href], button, input:not([type=hidden]), select, textarea, summary")]
  .filter((one) => !one.closest(".unseen, .skip") && one.getClientRects().length)
  .filter((one) => {
    if (getComputedStyle(one).display === "inline" && one.tagName === "A") return false;
    const box = one.getBoundingClientRect();
    return box.width < 24 || box.height < 24;
  })
  .map((one) => one.outerHTML.slice(0, 120))"""
#: Elements that reach beyond the right edge, those within what scrolls by itself left out.
_WIDE = """(width) => [...document.body.querySelectorAll("*")]
  .filter((one) => !one.closest(".scroll, pre, .unseen, .skip"))
  .filter((one) => one.getBoundingClientRect().right > width + 0.5)
  .map((one) => one.outerHTML.slice(0, 120))"""


@every_page
def test_page_loads_without_a_complaint(
    page: Page, site: World, open_window: Opening, pictures_at: Path | None
) -> None:
    window = open_window(cookies=page.cookies(site), viewport=SCREEN, locale="en-GB", timezone_id="UTC")
    shown = window.go(page.at(site), page.status)
    assert shown.locator("h1").count() == 1
    assert shown.title() != ""
    if pictures_at is not None:
        if page.part:
            window.unfold()
        take_pictures(page, shown, pictures_at)
    window.unfold()


def take_pictures(page: Page, shown: Shown, folder: Path) -> None:
    """All those of a page."""
    for name in pages.pictures(page):
        phone = name.endswith("-phone.webp")
        shown.emulate_media(color_scheme="dark" if name.endswith("-dark.webp") else "light")
        shown.set_viewport_size(PHONE if phone else SCREEN)
        pictures.take(shown, folder / name, part=page.part)


@every_page
def test_page_fits_a_phone(page: Page, site: World, open_window: Opening) -> None:
    window = open_window(cookies=page.cookies(site), viewport=PHONE, is_mobile=True, has_touch=True)
    shown = window.go(page.at(site), page.status)
    window.unfold()
    for size in (PHONE, NARROWEST):
        shown.set_viewport_size(size)
        # A phone shrinks a page that is too wide until it fits: its own width is then another.
        widths = shown.evaluate("() => [document.scrollingElement.scrollWidth, innerWidth]")
        assert max(widths) == size["width"], shown.evaluate(_WIDE, size["width"])
    assert shown.evaluate(_SMALL) == []
