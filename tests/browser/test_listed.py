"""The list of pages is whole: no route is in no list, and each page has its picture in the documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser import pages
from tests.browser.pages import PAGES

PICTURES = Path(__file__).parents[2] / "docs" / "screenshots"
#: All of them, and one, bytes: they are kept with the code.
ALL_BYTES, ONE_BYTES = 2_500_000, 60_000


def blank(path: str) -> str:
    """A page's path with its names filled in by something."""
    for name in ("link", "join"):
        path = path.replace(f"{{{name}}}", {"link": "/sign-in/link/x", "join": "/join/x"}[name])
    return path.replace("{", "").replace("}", "")


def test_every_page_that_a_route_answers_is_looked_at() -> None:
    looked_at = {pages.route_of(blank(one.path)) for one in PAGES}
    there = {one.path for one in pages.routes()}
    assert there - looked_at - set(pages.NO_PAGES) == set()
    assert set(pages.NO_PAGES) & looked_at == set()
    assert set(pages.NO_PAGES) <= there


def test_names_are_each_for_one_page() -> None:
    assert len({one.name for one in PAGES}) == len(PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_has_its_picture(page: pages.Page) -> None:
    for name in pages.pictures(page):
        picture = PICTURES / name
        assert picture.is_file(), "ASSESSOR_SCREENSHOTS=docs/screenshots script/test tests/browser makes it"
        assert picture.stat().st_size <= ONE_BYTES


def test_every_picture_is_in_the_documentation() -> None:
    text = (PICTURES.parent / "pages.md").read_text()
    for page in PAGES:
        for name in pages.pictures(page):
            assert f"(screenshots/{name})" in text, name


def test_pictures_are_of_pages_and_small_together() -> None:
    found = {one.name: one.stat().st_size for one in PICTURES.iterdir()}
    assert set(found) == {name for page in PAGES for name in pages.pictures(page)} | set(pages.OTHER_PICTURES)
    assert sum(found.values()) <= ALL_BYTES
