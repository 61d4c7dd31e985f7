"""Every page for everybody: axe-core finds nothing on any of them, light or dark."""

from __future__ import annotations

import pytest

from tests.browser import accessible
from tests.browser.conftest import Opening
from tests.browser.pages import PAGES, SCREEN, Page
from tests.browser.world import World


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_breaks_no_rule_of_accessibility(page: Page, site: World, open_window: Opening) -> None:
    window = open_window(cookies=page.cookies(site), viewport=SCREEN, bypass_csp=True)
    shown = window.go(page.at(site), page.status)
    window.unfold()
    assert accessible.violations(shown) == []
    shown.emulate_media(color_scheme="dark")
    assert accessible.violations(shown) == []


@pytest.mark.parametrize("path", ["/tasks", "/credentials/{award}"])
def test_what_breaks_a_rule_is_found(path: str, site: World, open_window: Opening) -> None:
    window = open_window(bypass_csp=True)
    shown = window.go(path.format_map(site.ids))
    shown.evaluate("() => { document.documentElement.lang = ''; document.title = ''; }")
    rules = {one.partition(":")[0] for one in accessible.violations(shown)}
    assert {"html-has-lang", "document-title"} <= rules
