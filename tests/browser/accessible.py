"""What axe-core finds wrong with a page, by the rules of WCAG 2.2 at levels A and AA.

Source: https://github.com/dequelabs/axe-core, MPL-2.0, used by tests alone.
"""

from __future__ import annotations

import functools
from pathlib import Path

from playwright.sync_api import Page

AXE = Path(__file__).parents[1] / "interop/node_modules/axe-core/axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
#: How long it may look at one page, milliseconds.
MOST_MS = 60_000

_RUN = """([tags, most]) => Promise.race([
  axe.run(document, {runOnly: {type: "tag", values: tags}, resultTypes: ["violations"]}).then((found) =>
    found.violations.flatMap((one) => one.nodes.map((node) =>
      `${one.id}: ${node.target.join(" ")}: ${node.failureSummary.replaceAll("\\n", " ")}`))),
  new Promise((_, reject) => setTimeout(() => reject(new Error("axe-core did not come to an end")), most)),
])"""


@functools.cache
def _source() -> str:
    assert AXE.is_file(), f"expected axe-core in {AXE}, got none: run script/setup"
    return AXE.read_text()


def violations(page: Page) -> list[str]:
    """What is wrong: rule, element, and why; empty where nothing is.

    The page must be one of a context that bypasses the policy of pages, which lets no script in.
    """
    if not page.evaluate("() => typeof axe === 'object'"):
        page.evaluate(_source())
    found: list[str] = page.evaluate(_RUN, [TAGS, MOST_MS])
    return found
