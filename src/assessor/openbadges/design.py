"""The design of a badge's picture: shapes, colours and lines of text, before anybody draws them.

Comes in: a name and a level. Goes out: a `Design`, the same for the same. Nothing is random: colours and
flower come from the name. Drawing is left to `artwork`, breaking text into lines to `lettering`.

All that text stands on has a contrast of at least 7 to 1 with it. Source: WCAG 2.2, 1.4.6.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

from assessor.openbadges import lettering
from assessor.openbadges.lettering import LEADING, Width

Point = tuple[float, float]
Colour = tuple[int, int, int]

#: Width and height of the picture, pixels.
SIZE = 512
MIDDLE = SIZE / 2

_SIZES = (54, 50, 46, 42, 38, 34, 30, 27, 24)
_NAME_WIDTH, _NAME_HEIGHT = 348, 156
_LEVEL_SIZES = (30, 26, 22, 19)
_LEVEL_WIDTH, _RIBBON_TOP, _RIBBON_HEIGHT = 252, 376, 56


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of text; `x` is its middle, `y` its baseline."""

    text: str
    size: int
    x: float
    y: float


@dataclass(frozen=True, kw_only=True)
class Design:
    """Everything that is drawn.

    Attributes:
        top, bottom: colours of the seal, which run into each other; white text stands on them.
        accent: of flower and rings.
        ribbon, fold: of the ribbon, and of its ends that lie behind.
        ink: of the text on the ribbon.
        seal: the notches of the seal's edge and, between each two, the point that its curve bends towards.
        centre, reach: where the flower stands, and how far it reaches.
        petals: the turn of each, degrees.
        half_width: of a petal, whose length is the reach.
        band, tails: outlines of the ribbon and of its two ends; empty without a level.
        name: one to several lines, white; may be empty.
        level: one line, or empty.
    """

    top: Colour
    bottom: Colour
    accent: Colour
    ribbon: Colour
    fold: Colour
    ink: Colour
    seal: tuple[tuple[Point, Point], ...]
    centre: Point
    reach: float
    petals: tuple[float, ...]
    half_width: float
    band: tuple[Point, ...]
    tails: tuple[tuple[Point, ...], ...]
    name: tuple[Line, ...]
    level: tuple[Line, ...]


def lay_out(name: str, level: str | None, *, name_width: Width | None, level_width: Width | None) -> Design:
    """What is drawn for a name and a level.

    Args:
        name: something to be seen, in one line.
        level: the same, or None.
        name_width: how wide a text of the name's font is at a size, pixels; None leaves the name out.
        level_width: the same for the level.
    """
    seed = hashlib.sha256(name.encode()).digest()
    # From green over blue to red; what lies between is mud when it is dark enough for white text.
    hue = 150 + int.from_bytes(seed[:2]) / 65536 * 235
    beside, petals = (150, 180, 210, 60, 300)[seed[2] % 5], 6 + seed[3] % 7
    middle_y = 276.0 if level else 312.0
    lines: tuple[Line, ...] = ()
    if name_width is not None:
        texts, size = lettering.fit(name, name_width, _SIZES, _NAME_WIDTH, _NAME_HEIGHT)
        first = middle_y - (len(texts) - 1) * size * LEADING / 2 + size * 0.36
        lines = tuple(
            Line(text=text, size=size, x=MIDDLE, y=round(first + row * size * LEADING, 1))
            for row, text in enumerate(texts)
        )
    centre, reach = (
        ((MIDDLE, 126.0 if level else 146.0), 54.0 if level else 70.0)
        if lines
        else ((MIDDLE, 216.0 if level else MIDDLE), 130.0 if level else 150.0)
    )
    told: tuple[Line, ...] = ()
    if level and level_width is not None:
        (text,), size = lettering.fit(level, level_width, _LEVEL_SIZES, _LEVEL_WIDTH, 1)
        baseline = _RIBBON_TOP + _RIBBON_HEIGHT / 2 + size * 0.36
        told = (Line(text=text, size=size, x=MIDDLE, y=round(baseline, 1)),)
    return Design(
        top=_oklch(0.43, 0.12, hue),
        bottom=_oklch(0.27, 0.09, hue),
        accent=_oklch(0.86, 0.11, hue + beside),
        ribbon=_oklch(0.96, 0.03, hue + beside),
        fold=_oklch(0.72, 0.08, hue + beside),
        ink=_oklch(0.27, 0.09, hue),
        seal=_seal(),
        centre=centre,
        reach=reach,
        petals=tuple(round(turn * 360 / petals - 90, 2) for turn in range(petals)),
        half_width=round(reach * (0.2 + seed[4] / 255 * 0.28), 1),
        band=_band() if told else (),
        tails=_tails() if told else (),
        name=lines,
        level=told,
    )


# Shapes.


def _seal(bumps: int = 22) -> tuple[tuple[Point, Point], ...]:
    """A disc with a scalloped edge."""
    middle, step = (MIDDLE, MIDDLE), 2 * math.pi / bumps
    return tuple((at(middle, 230, one * step), at(middle, 266, (one + 0.5) * step)) for one in range(bumps))


def _band() -> tuple[Point, ...]:
    left, right = 94.0, SIZE - 94.0
    return (
        (left, _RIBBON_TOP),
        (right, _RIBBON_TOP),
        (right, _RIBBON_TOP + _RIBBON_HEIGHT),
        (left, _RIBBON_TOP + _RIBBON_HEIGHT),
    )


def _tails() -> tuple[tuple[Point, ...], ...]:
    top, height = _RIBBON_TOP + 16.0, float(_RIBBON_HEIGHT)
    left = ((124.0, top), (40.0, top), (62.0, top + height / 2), (40.0, top + height), (124.0, top + height))
    return left, tuple((SIZE - x, y) for x, y in left)


def at(centre: Point, distance: float, angle: float) -> Point:
    """The point so far from the centre, at an angle in radians."""
    # One decimal: what the last bits of a machine's sine are must not show.
    return (
        round(centre[0] + distance * math.cos(angle), 1),
        round(centre[1] + distance * math.sin(angle), 1),
    )


# Colours.


def _oklch(lightness: float, chroma: float, hue: float) -> Colour:
    """The sRGB colour of this hue (degrees) and lightness, as strong as sRGB can show it. Source: Ottosson's
    Oklab."""
    while True:
        a, b = (chroma * turn(math.radians(hue)) for turn in (math.cos, math.sin))
        long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
        medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
        short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
        linear = (
            4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
            -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
            -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
        )
        if chroma <= 0 or all(-0.0005 <= one <= 1.0005 for one in linear):
            red, green, blue = (_byte(min(max(one, 0.0), 1.0)) for one in linear)
            return red, green, blue
        chroma -= 0.004


def _byte(linear: float) -> int:
    """Source: IEC 61966-2-1."""
    return round(255 * (12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055))
