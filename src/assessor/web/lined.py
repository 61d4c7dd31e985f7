"""Work line by line, with what reviewers say of lines beside them.

Comes in: files as they were handed in, and remarks. Goes out: what pages show, bounded in files and bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assessor.rows import remarks
from assessor.rows.remarks import Remark

#: How many files are shown.
FILES = 50
#: How many lines before the one that a remark is on are shown with it alone.
BEFORE = 2


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Lines that follow one another, and what is said of the last one.

    Attributes:
        lines: number, from 1, and text.
        remarks: on the last line; empty in the last stretch of a file alone.
    """

    lines: tuple[tuple[int, str], ...]
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, kw_only=True)
class File:
    """A file of the work.

    Attributes:
        path: its path.
        size: bytes.
        count: how many lines it has; 0 where it is not shown.
        stretches: its lines; None where it is no text, or too long to show.
    """

    path: str
    size: int
    count: int
    stretches: tuple[Stretch, ...] | None


@dataclass(frozen=True, kw_only=True)
class Place:
    """A line that something is said of, with those before it, for a page that does not show the file.

    Attributes:
        path, line: where.
        number: of the file among those that are shown, from 1.
        stretch: the lines, and what is said.
    """

    path: str
    line: int
    number: int
    stretch: Stretch


def files(content: Mapping[str, bytes], said: Sequence[Remark]) -> tuple[File, ...]:
    """The files by path, `FILES` at most."""
    return tuple(_file(path, content[path], said) for path in sorted(content)[:FILES])


def places(content: Mapping[str, bytes], said: Sequence[Remark]) -> tuple[Place, ...]:
    """The lines that something is said of, by path and line."""
    found = []
    for number, file in enumerate(files(content, said), 1):
        for stretch in file.stretches or ():
            if stretch.remarks:
                short = Stretch(lines=stretch.lines[-1 - BEFORE :], remarks=stretch.remarks)
                found.append(Place(path=file.path, line=stretch.lines[-1][0], number=number, stretch=short))
    return tuple(found)


def _file(path: str, data: bytes, said: Sequence[Remark]) -> File:
    of = remarks.lines(data)
    if of is None:
        return File(path=path, size=len(data), count=0, stretches=None)
    by_line: dict[int, list[Remark]] = {}
    for one in said:
        if one.path == path:
            by_line.setdefault(one.line, []).append(one)
    stretches, lines = [], []
    for number, text in enumerate(of, 1):
        lines.append((number, text))
        if number in by_line:
            stretches.append(Stretch(lines=tuple(lines), remarks=tuple(by_line[number])))
            lines = []
    if lines:
        stretches.append(Stretch(lines=tuple(lines), remarks=()))
    return File(path=path, size=len(data), count=len(of), stretches=tuple(stretches))
