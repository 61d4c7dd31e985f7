"""Changes: what differs between two submissions, line by line.

Comes in: two sets of files. Goes out: one `Change` for each file that differs, bounded: a file that is too
large, too different or no text is only said to differ. Finding differences takes the square of the lines at
worst, and the lines are a stranger's.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

#: The largest file whose lines are compared, bytes; how many pairs of lines may be compared of all files
#: together; how many lines are shown of all files together.
FILE_BYTES = 256 * 1024
PAIRS = 600 * 600
SHOWN = 4000
#: The longest line that is shown, characters.
LINE = 2000
#: Equal lines that are shown around each difference.
CONTEXT = 3


class Sign(StrEnum):
    """What a line of a difference is."""

    SAME = " "
    ADDED = "+"
    REMOVED = "-"
    PLACE = "@"  #: says where the lines below are


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a difference."""

    sign: Sign
    text: str


@dataclass(frozen=True, kw_only=True)
class Change:
    """How one file differs.

    Attributes:
        path: its path.
        what: new, removed or changed.
        lines: the difference, or empty.
        untold: why there are no lines, or empty.
    """

    path: str
    what: str
    lines: tuple[Line, ...]
    untold: str


def changes(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> tuple[Change, ...]:
    """The files that differ, by path."""
    found, left, pairs = [], SHOWN, PAIRS
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old == new:
            continue
        what = "new" if old is None else "removed" if new is None else "changed"
        lines, untold, compared = _difference(old or b"", new or b"", pairs)
        pairs -= compared
        if len(lines) > left:
            lines, untold = (), "there is too much to show here"
        left -= len(lines)
        found.append(Change(path=path, what=what, lines=lines, untold=untold))
    return tuple(found)


def _difference(old: bytes, new: bytes, most: int) -> tuple[tuple[Line, ...], str, int]:
    """The lines, or why there are none; and how many pairs were compared, at most `most`."""
    if max(len(old), len(new)) > FILE_BYTES:
        return (), "the file is too large to be compared here", 0
    try:
        a, b = (_lines(data.decode()) for data in (old, new))
    except UnicodeDecodeError:
        return (), "it is no text", 0
    if a == b:
        return (), "only ends of lines differ", 0
    # What is the same at both ends costs nothing; only what lies between is compared.
    head = _common(a, b)
    tail = _common(a[head:][::-1], b[head:][::-1])
    pairs = (len(a) - head - tail) * (len(b) - head - tail)
    if pairs > most:
        return (), "too many lines differ to be compared here", 0
    return tuple(_unified(a, b, head, tail)), "", pairs


def _unified(a: list[str], b: list[str], head: int, tail: int) -> Iterator[Line]:
    keep = max(0, head - CONTEXT)
    stop_a, stop_b = len(a) - max(0, tail - CONTEXT), len(b) - max(0, tail - CONTEXT)
    matcher = difflib.SequenceMatcher(None, a[keep:stop_a], b[keep:stop_b], autojunk=False)
    for group in matcher.get_grouped_opcodes(CONTEXT):
        first, last = group[0], group[-1]
        yield Line(
            sign=Sign.PLACE,
            text=f"lines {_range(first[1] + keep, last[2] + keep)} before, "
            f"{_range(first[3] + keep, last[4] + keep)} now",
        )
        for tag, a_from, a_to, b_from, b_to in group:
            if tag == "equal":
                yield from (_line(Sign.SAME, one) for one in a[keep + a_from : keep + a_to])
                continue
            yield from (_line(Sign.REMOVED, one) for one in a[keep + a_from : keep + a_to])
            yield from (_line(Sign.ADDED, one) for one in b[keep + b_from : keep + b_to])


def _lines(text: str) -> list[str]:
    lines = text.replace("\r\n", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _common(a: list[str], b: list[str]) -> int:
    number = 0
    for one, other in zip(a, b, strict=False):
        if one != other:
            break
        number += 1
    return number


def _range(first: int, last: int) -> str:
    return f"{first + 1} to {last}" if last > first + 1 else f"{first + 1}"


def _line(sign: Sign, text: str) -> Line:
    return Line(sign=sign, text=text if len(text) <= LINE else f"{text[:LINE]} …")
