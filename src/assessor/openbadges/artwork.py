"""The picture of a badge that has none of its own: a seal with its name, its level and a flower of its own.

Comes in: a name and a level, any text. Goes out: one SVG file that needs nothing else (no script, no font, no
address), or a PNG of the same design. What is drawn is left to `design`; pictures that authors draw are
checked by `svg`; writing a credential into a picture is left to `baking`.
"""

from __future__ import annotations

import functools
import hashlib
import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from assessor.openbadges import design, lettering
from assessor.openbadges.design import MIDDLE, SIZE, Colour, Design, Point

if TYPE_CHECKING:
    from PIL import ImageDraw, ImageFont

#: What stands where there is no name that could be seen.
NAMELESS = "Badge"
#: Where Debian's DejaVu and Noto lie: first bold, then what has more letters. Where there are none, the small
#: font that comes with the library draws.
FONTS = tuple(
    Path("/usr/share/fonts") / name
    for name in (
        "truetype/dejavu/DejaVuSans-Bold.ttf",
        "truetype/noto/NotoSans-Bold.ttf",
        "truetype/dejavu/DejaVuSans.ttf",
        "opentype/noto/NotoSansCJK-Bold.ttc",
    )
)

_WHITE: Colour = (255, 255, 255)
#: Each pixel of the PNG is the mean of so many by so many.
_FINER = 3
#: Gives a font at a size.
_Font = Callable[[int], "ImageFont.FreeTypeFont | ImageFont.ImageFont"]


def svg(name: str, level: str | None) -> bytes:
    """The picture as SVG, UTF-8.

    Args:
        name: the achievement's; what cannot be seen of it is left out, what is too long is cut short.
        level: the title of the level reached, or None.
    """
    name, level = lettering.visible(name) or NAMELESS, lettering.visible(level or "") or None
    made = design.lay_out(name, level, name_width=lettering.guess, level_width=lettering.guess)
    # Two pictures on one page must not answer to each other's ids.
    key = "b" + hashlib.sha256(f"{name}\n{level or ''}".encode()).hexdigest()[:10]
    told = f"Badge: {name}" + (f", level {level}" if level else "")
    (x, y), half = made.centre, made.reach / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{SIZE}" height="{SIZE}" viewBox="0 0 {SIZE} {SIZE}"'
        f' role="img" aria-labelledby="{key}t {key}d">',
        f'<title id="{key}t">{escape(name)}</title><desc id="{key}d">{escape(told)}</desc>',
        f'<defs><linearGradient id="{key}g" x1="0" y1="0" x2="0" y2="1"><stop stop-color="{_hex(made.top)}"/>'
        f'<stop offset="1" stop-color="{_hex(made.bottom)}"/></linearGradient></defs>',
        f'<path d="{_curved(made.seal)}" fill="url(#{key}g)"/>',
        f'<g fill="none" stroke="{_hex(made.accent)}">',
        f'<circle cx="{MIDDLE:g}" cy="{MIDDLE:g}" r="212" stroke-width="4"/>',
        f'<circle cx="{MIDDLE:g}" cy="{MIDDLE:g}" r="203" stroke-width="1.5"/>',
        f'<circle cx="{x:g}" cy="{y:g}" r="{made.reach + 8:g}" stroke-width="1.5"/>',
        *(
            f'<ellipse cx="{x + half:g}" cy="{y:g}" rx="{half:g}" ry="{made.half_width:g}"'
            f' stroke-width="2" transform="rotate({turn:g} {x:g} {y:g})"/>'
            for turn in made.petals
        ),
        "</g>",
        f'<circle cx="{x:g}" cy="{y:g}" r="7" fill="{_hex(made.accent)}"/>',
    ]
    if made.band:
        parts.append(f'<path d="{"".join(map(_path, made.tails))}" fill="{_hex(made.fold)}"/>')
        parts.append(f'<path d="{_path(made.band)}" fill="{_hex(made.ribbon)}"/>')
    for lines, colour in ((made.name, _WHITE), (made.level, made.ink)):
        if lines:
            parts.append(
                f"<g fill=\"{_hex(colour)}\" font-family=\"'DejaVu Sans',Verdana,'Noto Sans',sans-serif\""
                f' font-weight="bold" font-size="{lines[0].size}" text-anchor="middle">'
            )
            parts += [f'<text x="{one.x:g}" y="{one.y:g}">{escape(one.text)}</text>' for one in lines]
            parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""]).encode()


def png(name: str, level: str | None, *, fonts: Sequence[Path] = FONTS) -> bytes:
    """The same picture as PNG, the seal on nothing.

    The same bytes come out for the same fonts and the same release of the library that draws. A text with
    letters that no font has is left out of the picture whole, rather than drawn as boxes.

    Args:
        name: as for `svg`.
        level: as for `svg`.
        fonts: files to look for, the best first; missing ones are passed over.
    """
    from PIL import Image, ImageDraw  # not for those who only want an SVG

    name, level = lettering.visible(name) or NAMELESS, lettering.visible(level or "") or None
    name_font, level_font = _font_for(name, fonts), _font_for(level or "", fonts)
    made = design.lay_out(
        name,
        level if level_font else None,
        name_width=_measured(name_font) if name_font else None,
        level_width=_measured(level_font) if level_font else None,
    )
    whole = SIZE * _FINER
    shape = Image.new("L", (whole, whole), 0)
    ImageDraw.Draw(shape).polygon(_finer(_sampled(made.seal)), fill=255)
    ramp = Image.linear_gradient("L").resize((whole, whole), Image.Resampling.BICUBIC)
    seal = Image.composite(
        Image.new("RGB", (whole, whole), made.bottom), Image.new("RGB", (whole, whole), made.top), ramp
    )
    picture = Image.new("RGBA", (whole, whole), (*made.bottom, 0))
    picture.paste(seal, (0, 0), shape)
    pen = ImageDraw.Draw(picture)
    _circle(pen, (MIDDLE, MIDDLE), 212, made.accent, 4)
    _circle(pen, (MIDDLE, MIDDLE), 203, made.accent, 1.5)
    for turn in made.petals:
        petal = _petal(made, turn)
        pen.line(_finer((*petal, *petal[:2])), fill=made.accent, width=2 * _FINER, joint="curve")
    _circle(pen, made.centre, made.reach + 8, made.accent, 1.5)
    _circle(pen, made.centre, 7, made.accent, 7)
    for tail in made.tails:
        pen.polygon(_finer(tail), fill=made.fold)
    if made.band:
        pen.polygon(_finer(made.band), fill=made.ribbon)
    for lines, colour, font in ((made.name, _WHITE, name_font), (made.level, made.ink, level_font)):
        for one in lines:
            assert font is not None, "a text was laid out for which no font was found"
            place = (one.x * _FINER, one.y * _FINER)
            pen.text(place, one.text, fill=colour, font=font(one.size * _FINER), anchor="ms")
    out = io.BytesIO()
    picture.resize((SIZE, SIZE), Image.Resampling.BOX).save(out, format="PNG")
    return out.getvalue()


# SVG.


def _curved(curve: Sequence[tuple[Point, Point]]) -> str:
    """An outline of quadratic curves as SVG writes it."""
    ends = [*(start for start, _ in curve[1:]), curve[0][0]]
    (x, y), _ = curve[0]
    arcs = (f"Q{a:g} {b:g} {c:g} {d:g}" for (_, (a, b)), (c, d) in zip(curve, ends, strict=True))
    return f"M{x:g} {y:g}{''.join(arcs)}Z"


def _path(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points) + "Z"


def _hex(colour: Colour) -> str:
    return "#" + bytes(colour).hex()


# PNG.


def _sampled(curve: Sequence[tuple[Point, Point]], steps: int = 12) -> list[Point]:
    """Points of an outline of quadratic curves."""
    ends = [*(start for start, _ in curve[1:]), curve[0][0]]
    made: list[Point] = []
    for (start, bend), end in zip(curve, ends, strict=True):
        for t in (step / steps for step in range(steps)):
            weights = ((1 - t) ** 2, 2 * t * (1 - t), t**2)
            x, y = (
                sum(weight * point[axis] for weight, point in zip(weights, (start, bend, end), strict=True))
                for axis in (0, 1)
            )
            made.append((x, y))
    return made


def _petal(made: Design, turn: float, steps: int = 48) -> list[Point]:
    """The outline of an ellipse from the flower's centre outwards."""
    points = []
    for angle in (step * 2 * math.pi / steps for step in range(steps)):
        along = made.reach / 2 * (1 + math.cos(angle))
        across = made.half_width * math.sin(angle)
        bearing = math.radians(turn) + math.atan2(across, along)
        points.append(design.at(made.centre, math.hypot(along, across), bearing))
    return points


def _finer(points: Sequence[Point]) -> list[Point]:
    return [(x * _FINER, y * _FINER) for x, y in points]


def _circle(pen: ImageDraw.ImageDraw, centre: Point, radius: float, colour: Colour, width: float) -> None:
    """A ring of this width about the radius, as SVG strokes it; one as wide as its radius is a disc."""
    outer = radius if width == radius else radius + width / 2
    box = [(one + sign * outer) * _FINER for sign in (-1, 1) for one in centre]
    pen.ellipse(box, outline=colour, width=round(width * _FINER))


def _font_for(text: str, fonts: Sequence[Path]) -> _Font | None:
    """Gives, at a size, the first font that has all letters of a text; None where none has."""
    from PIL import ImageFont

    def of(path: Path) -> _Font:
        return functools.cache(lambda size: ImageFont.truetype(path, size))

    found = [of(path) for path in fonts if path.is_file()]
    found.append(functools.cache(lambda size: ImageFont.load_default(size)))
    for font in found:
        drawn = font(20)
        lacking = _drawn(drawn, "\ufffe")
        if all(character == " " or _drawn(drawn, character) != lacking for character in text):
            return font
    return None


def _drawn(font: ImageFont.FreeTypeFont | ImageFont.ImageFont, character: str) -> bytes:
    mask = font.getmask(character)
    return bytes(mask) + repr(mask.size).encode()


def _measured(font: _Font) -> lettering.Width:
    return lambda text, size: font(size).getlength(text)
