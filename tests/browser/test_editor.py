"""The editor on a task's page: for the field, by keyboard, light and dark; without scripts, a field."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Opening
from tests.browser.world import ALAN, World

TASK = "/tasks/median-stats"
FIELD = "textarea[data-editor='stats.py']"


def opened(page: Page) -> Page:
    """The page with the editor there."""
    page.get_by_text("Write it here", exact=True).click()
    page.locator(".cm-content").first.wait_for()
    return page


def test_work_is_written_in_the_editor_and_handed_in(site: World, open_window: Opening) -> None:
    # The window fails the test where the policy of pages refused anything: styles above all.
    window = open_window(cookies=site.cookies(ALAN))
    asked: list[str] = []
    window.page.on("request", lambda request: asked.append(request.url))
    page = window.go(TASK)
    assert not any("editor.min.js" in one for one in asked)
    opened(page)
    assert any("editor.min.js" in one for one in asked)
    editor = page.get_by_role("textbox", name="stats.py")
    starter = page.locator(FIELD).input_value()
    assert "def " in starter
    editor.press("Control+Home")
    page.keyboard.type("# written in the editor\n")
    assert page.locator(FIELD).input_value() == "# written in the editor\n" + starter
    page.get_by_role("button", name="Hand in what is written here").click()
    page.wait_for_url("**/attempts/*")
    page.get_by_role("link", name="Read them").click()
    page.get_by_text("# written in the editor").wait_for()


def test_tab_indents_and_escape_then_tab_leaves(site: World, open_window: Opening) -> None:
    page = opened(open_window(cookies=site.cookies(ALAN)).go(TASK))
    page.get_by_text("To leave the editor by keyboard, press Escape, then Tab.").first.wait_for()
    page.locator("label", has_text="stats.py").first.click()
    inside = (
        "() => document.activeElement.shadowRoot?.activeElement?.classList.contains('cm-content') ?? false"
    )
    assert page.evaluate(inside)
    page.keyboard.press("Control+Home")
    page.keyboard.press("Tab")
    assert page.evaluate(inside)
    assert page.locator(FIELD).input_value().startswith("    ")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    assert not page.evaluate(inside)


def test_lines_stand_beside_their_numbers(site: World, open_window: Opening) -> None:
    page = opened(open_window(cookies=site.cookies(ALAN)).go(TASK))
    page.locator(".cm-line span").first.wait_for()
    numbers, lines = page.evaluate(
        """() => {
          const root = document.querySelector(".editor").shadowRoot;
          const top = (one) => one.getBoundingClientRect().top;
          const tops = (named) => [...root.querySelectorAll(named)].map(top);
          // The first number is not seen: it is as wide as the widest.
          return [tops(".cm-lineNumbers .cm-gutterElement").slice(1), tops(".cm-line")];
        }"""
    )
    assert len(lines) > 10
    assert numbers == pytest.approx(lines, abs=1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_are_those_of_the_page(site: World, open_window: Opening, scheme: str) -> None:
    page = opened(open_window(cookies=site.cookies(ALAN), color_scheme=scheme).go(TASK))
    page.locator(".cm-line span").first.wait_for()
    look = """() => {
      const root = document.querySelector(".editor").shadowRoot;
      const colour = (one) => getComputedStyle(one).color;
      const ground = (one) => getComputedStyle(one).backgroundColor;
      const inks = new Set([...root.querySelectorAll(".cm-line span")].map(colour));
      return [ground(root.querySelector(".cm-editor")), ground(document.body), [...inks]];
    }"""
    ground, body, inks = page.evaluate(look)
    # What is further down is parsed, and coloured, when there is time.
    for _ in range(200):
        if len(inks) > 1:
            break
        page.wait_for_timeout(50)
        ground, body, inks = page.evaluate(look)
    assert ground == body
    assert len(inks) > 1


def test_field_is_a_plain_one_without_javascript(site: World, open_window: Opening) -> None:
    page = open_window(cookies=site.cookies(ALAN), java_script_enabled=False).go(TASK)
    page.get_by_text("Write it here", exact=True).click()
    page.locator(FIELD).fill("plain = True\n")
    page.get_by_role("button", name="Hand in what is written here").click()
    page.wait_for_url("**/attempts/*")
    page.get_by_role("link", name="Read them").click()
    page.get_by_text("plain = True").wait_for()
