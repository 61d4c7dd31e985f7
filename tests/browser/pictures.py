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


def take(page: Page, path: Path) -> None:
    """A picture of the page from its top, into this file."""
    size = page.viewport_size
    assert size is not None
    whole = page.evaluate("() => document.documentElement.scrollHeight")
    data = page.screenshot(
        full_page=True,
        animations="disabled",
        clip={"x": 0, "y": 0, "width": size["width"], "height": min(whole, HEIGHT)},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(io.BytesIO(data)) as picture:
        # Without dithering, which makes noise of flat colours and files of it.
        few = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        few.convert("RGB").save(path, "WEBP", lossless=True, method=6)
