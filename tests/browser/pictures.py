"""Pictures of pages, for the documentation: small enough to be kept with the code."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

#: What a reader of the documentation sees at once, pixels of the page; the rest is cut off.
HEIGHT = 1300
#: A page has few colours; badges have more, and still look well in so many.
COLOURS = 64


def take(page: Page, path: Path, *, part: str = "") -> None:
    """A picture into this file: of a part of the page, by its selector, or of the page from its top."""
    if part:
        _keep(page.locator(part).screenshot(animations="disabled"), path)
        return
    size = page.viewport_size
    assert size is not None
    whole = page.evaluate("() => document.documentElement.scrollHeight")
    shown = {"x": 0, "y": 0, "width": size["width"], "height": min(whole, HEIGHT)}
    _keep(page.screenshot(full_page=True, animations="disabled", clip=shown), path)  # type: ignore[arg-type]


def _keep(data: bytes, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(io.BytesIO(data)) as picture:
        # Without dithering, which makes noise of flat colours and files of it.
        few = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        few.convert("RGB").save(path, "WEBP", lossless=True, method=6)
