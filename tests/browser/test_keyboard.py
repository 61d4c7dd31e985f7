"""Everything by keyboard alone: Tab, Enter, Space and letters, and where one is can always be seen."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests import webbed
from tests.browser.conftest import Opening
from tests.browser.pages import PAGES, SCREEN
from tests.browser.world import ADA, ALAN, World

#: More than any page has of what can be reached by Tab.
STOPS = 250
#: Pages with most of what can be reached.
WALKED = ("sign-in", "tasks", "task-hand-in", "attempt-failed", "badges", "account", "cohort-admin", "user")

#: What has the keyboard: of an editor, the element inside its shadow tree.
_FOCUSED = """() => {
  let one = document.activeElement;
  while (one?.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
  return one === document.body || one === document.documentElement ? null : one;
}"""
#: Where the keyboard is, and whether that can be seen. Each element is counted once, by a mark of its own.
_HERE = f"""() => {{
  const one = ({_FOCUSED})();
  if (!one) return null;
  window.__stops ??= new Map();
  if (!window.__stops.has(one)) window.__stops.set(one, window.__stops.size);
  const editor = one.closest(".cm-editor"), box = one.getBoundingClientRect();
  const outlined = (it) => {{
    const style = getComputedStyle(it);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  }};
  return {{
    number: window.__stops.get(one),
    name: one.getAttribute("aria-label") || one.labels?.[0]?.innerText || one.innerText || "",
    shown: one.outerHTML.slice(0, 140),
    editor: editor !== null,
    outlined: outlined(one) || (editor !== null && outlined(editor)),
    seen: box.width > 0 && box.height > 0
      && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
  }};
}}"""
#: Elements that Tab must come by, one of each group of radio buttons.
_REACHABLE = """() => [...document.querySelectorAll(
    "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']")]
  .filter((one) => one.tabIndex >= 0 && !one.disabled && one.getClientRects().length)
  .filter((one) => one.checkVisibility())
  .filter((one) => one.type !== "radio" || one.checked)
  .length"""


def step(page: Page) -> dict[str, Any] | None:
    """One Tab further; where it led, which can be seen; None where the page is through."""
    before = page.evaluate(_HERE)
    if before is not None and before["editor"]:
        # In an editor Tab is a letter: Escape says that it is none.
        page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    found: dict[str, Any] | None = page.evaluate(_HERE)
    if found is not None and found["editor"] and not found["outlined"]:
        # An editor looks a moment later whether it has the keyboard.
        page.wait_for_timeout(200)
        found = page.evaluate(_HERE)
    if found is not None:
        assert found["outlined"], f"nothing shows that the keyboard is here: {found['shown']}"
        assert found["seen"], f"the keyboard is where nobody sees it: {found['shown']}"
    return found


def go_to(page: Page, words: str) -> dict[str, Any]:
    """Tab until the keyboard is at what is called this."""
    for _ in range(STOPS):
        found = step(page)
        if found is not None and found["name"].strip().startswith(words):
            return found
    raise AssertionError(f"Tab never comes to {words!r}")


def test_a_learners_way_by_keyboard(site: World, open_window: Opening) -> None:
    window = open_window(viewport=SCREEN, reduced_motion="reduce")
    page, key = window.go("/"), window.page.keyboard
    go_to(page, "Sign in")
    key.press("Enter")
    page.wait_for_url("**/sign-in*")
    go_to(page, "E-mail address")
    key.type(ALAN)
    go_to(page, "Password")
    key.type(webbed.PASSWORD)
    key.press("Enter")
    page.get_by_role("button", name="Sign out").wait_for()
    go_to(page, "Tasks")
    key.press("Enter")
    page.wait_for_url("**/tasks")
    go_to(page, "Count")
    key.press("Enter")
    page.wait_for_url("**/tasks/word-count")
    go_to(page, "Write it here")
    key.press("Space")
    page.locator(".cm-content").wait_for()
    assert go_to(page, "main.py")["editor"]
    # In an editor Tab is a letter, and there is a way out of it all the same.
    key.press("Tab")
    here = page.evaluate(_HERE)
    assert here is not None
    assert here["editor"]
    key.type("print(1)")
    go_to(page, "Hand in what is written here")
    key.press("Enter")
    page.wait_for_url("**/attempts/*")
    expect(page.get_by_text("In the queue")).to_be_visible()
    go_to(page, "My work")
    key.press("Enter")
    page.wait_for_url("**/attempts")
    title = site.web.bench.tasks.task("inventory").title
    go_to(page, title)
    key.press("Enter")
    expect(page.get_by_role("heading", name="Result")).to_be_visible()
    go_to(page, "Sign out")
    key.press("Enter")
    page.get_by_role("heading", name="Show what you can do").wait_for()
    assert "__Host-assessor" not in {one["name"] for one in window.context.cookies()}


def test_first_stop_skips_the_menu(site: World, open_window: Opening) -> None:
    page = open_window(viewport=SCREEN).go("/tasks")
    found = step(page)
    assert found is not None
    assert "Skip to the page" in found["shown"]
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == "main"
    step(page)
    assert page.evaluate("() => document.activeElement.closest('main') !== null")


@pytest.mark.parametrize("name", WALKED)
def test_keyboard_comes_by_everything_and_is_held_nowhere(
    name: str, site: World, open_window: Opening
) -> None:
    (found,) = [one for one in PAGES if one.name == name]
    window = open_window(cookies=found.cookies(site), viewport=SCREEN, reduced_motion="reduce")
    page = window.go(found.at(site))
    window.unfold()
    page.evaluate("() => { document.activeElement.blur(); }")
    stops: list[int] = []
    for _ in range(STOPS):
        here = step(page)
        if here is None or here["number"] in stops[:-1]:
            break
        # A field for a date has a stop for each of its parts.
        if stops[-1:] != [here["number"]]:
            stops.append(here["number"])
    else:
        raise AssertionError("the keyboard is held somewhere")
    assert len(stops) >= page.evaluate(_REACHABLE)


def test_text_is_typed_over_what_was_selected(site: World, open_window: Opening) -> None:
    window = open_window(cookies=site.cookies(ADA), viewport=SCREEN)
    page = window.go("/tasks/median-stats")
    page.get_by_text("Write it here").click()
    page.locator(".cm-content").click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("x = 1")
    field = page.locator("textarea[data-editor]")
    assert field.evaluate("(field) => field.value") == "x = 1"
    # That no style was refused, the window itself has watched.
