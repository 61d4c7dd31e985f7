"""Lettering: any text made fit to be drawn, in lines of a size that fit their place.

Comes in: text and how wide it comes out at a size. Goes out: lines. Where they stand is left to `design`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence

#: How wide a text is at a size, pixels.
Width = Callable[[str, int], float]
#: From one baseline to the next, in sizes.
LEADING = 1.2


def visible(text: str) -> str:
    """The text in one line, in Unicode's composed form, without what cannot be shown or written in XML."""
    kept = [
        " " if character.isspace() else character
        for character in unicodedata.normalize("NFC", text)
        if character.isspace()
        or character in "\u200c\u200d"
        or not (unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co") or _no_character(character))
    ]
    shown = " ".join("".join(kept).split())
    return shown if any(unicodedata.category(one)[0] not in "CZM" for one in shown) else ""


def _no_character(character: str) -> bool:
    """Source: Unicode, 23.7: codes that no character will ever have."""
    code = ord(character)
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF


def fit(
    text: str, width: Width, sizes: Sequence[int], most: float, height: float
) -> tuple[tuple[str, ...], int]:
    """The lines of a text at the greatest size at which it fits; at the least size it is cut to fit."""
    for size in sizes:
        lines = _wrap(text, width, size, most)
        if len(lines) <= _room(size, height) and all(width(line, size) <= most for line in lines):
            return tuple(lines), size
    size = sizes[-1]
    lines = _broken(text, width, size, most)
    kept = lines[: _room(size, height)]
    if len(kept) < len(lines):
        kept[-1] = _cut(kept[-1], width, size, most)
    return tuple(kept), size


def _room(size: int, height: float) -> int:
    return max(1, int(height / (size * LEADING)))


def _cut(text: str, width: Width, size: int, most: float) -> str:
    clusters = _clusters(text)
    while clusters and width("".join(clusters).rstrip() + "…", size) > most:
        clusters.pop()
    return "".join(clusters).rstrip() + "…"


def _wrap(text: str, width: Width, size: int, most: float) -> list[str]:
    """Lines of whole words, as even as so few lines can be; one word may be too wide."""
    count = len(_greedy(text, width, size, most))
    low, high = 0.0, most
    # The narrowest column that takes no more lines: "A long / name of it" rather than "A long name / of it".
    for _ in range(8):
        middle = (low + high) / 2
        if len(_greedy(text, width, size, middle)) > count:
            low = middle
        else:
            high = middle
    return _greedy(text, width, size, high)


def _greedy(text: str, width: Width, size: int, most: float) -> list[str]:
    first, *rest = text.split(" ")
    lines = [first]
    for word in rest:
        longer = f"{lines[-1]} {word}"
        if width(longer, size) <= most:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _broken(text: str, width: Width, size: int, most: float) -> list[str]:
    """Lines that all fit: words that are too wide are broken."""
    pieces: list[str] = []
    for word in text.split(" "):
        piece = ""
        for cluster in _clusters(word):
            if piece and width(piece + cluster, size) > most:
                pieces.append(piece)
                piece = ""
            piece += cluster
        pieces.append(piece)
    return _greedy(" ".join(pieces), width, size, most)


def _clusters(text: str) -> list[str]:
    """Characters with the marks and joiners that belong to them, near enough. Source: UAX 29."""
    made: list[str] = []
    for character in text:
        joined = bool(made) and (made[-1][-1] == "\u200d" or character in "\u200c\u200d")
        if made and (joined or unicodedata.category(character)[0] == "M"):
            made[-1] += character
        else:
            made.append(character)
    return made


def guess(text: str, size: int) -> float:
    """How wide a text is at most in the usual bold fonts, pixels."""
    total = 0.0
    for character in text:
        if unicodedata.category(character)[0] == "M" or character in "\u200c\u200d":
            continue
        if unicodedata.east_asian_width(character) in "WF" or character in "MW@%mw…":
            total += 1.04
        elif character in "iljftI.,:;'|!()[] -":
            total += 0.44
        else:
            total += 0.8 if character.isupper() else 0.71
    return total * size
