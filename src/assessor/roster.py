"""Rosters: the learners of one order, as a CSV file names them.

Comes in: the file's bytes. Goes out: one `Entry` for each line, with what is wrong where a line cannot be
used; the others can. What is done for them is left to `awarding`.

    learner,email
    ada,ada@example.org
    ben,
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from assessor.errors import FileInvalid
from assessor.rows import learnerrows

#: The largest file, and the most lines of it.
LIMIT_BYTES = 4 * 1024**2
LIMIT_LINES = 50_000

_HEADERS = (["learner"], ["learner", "email"])


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line.

    Attributes:
        line: its number in the file, from 1.
        learner: the learner's name; empty where the line has none.
        email: their address, or None.
        problem: why the line cannot be used, or None.
    """

    line: int
    learner: str
    email: str | None = None
    problem: str | None = None


def read(data: bytes, *, path: str) -> tuple[Entry, ...]:
    """The lines of a roster, in order; empty lines are passed over.

    Args:
        data: the file, UTF-8 with or without a byte order mark.
        path: its name, for errors.

    Raises:
        FileInvalid: it is no CSV, is too long, names nobody, or its first line is not
            `learner` or `learner,email`.
    """
    if len(data) > LIMIT_BYTES:
        raise FileInvalid(path, f"expected at most {LIMIT_BYTES} bytes, got {len(data)}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileInvalid(path, f"expected text in UTF-8, got: {error}") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    found = tuple(_entries(reader, path))
    if not found:
        raise FileInvalid(path, "expected a line for each learner, got none")
    return found


def _entries(reader: csv.Reader, path: str) -> Iterator[Entry]:  # type: ignore[name-defined]
    header: list[str] | None = None
    seen: dict[str, int] = {}
    try:
        for row in reader:
            line = reader.line_num
            if line > LIMIT_LINES:
                raise FileInvalid(path, f"expected at most {LIMIT_LINES} lines, got more", line=line)
            if not any(cell.strip() for cell in row):
                continue
            cells = [cell.strip() for cell in row]
            if header is None:
                if cells not in _HEADERS:
                    came = ",".join(cells)[:80]
                    raise FileInvalid(path, f"expected learner or learner,email, got {came!r}", line=line)
                header = cells
                continue
            yield _entry(line, cells, header, seen)
    except csv.Error as error:
        raise FileInvalid(path, f"expected CSV, got: {error}", line=reader.line_num) from error


def _entry(line: int, cells: list[str], header: list[str], seen: dict[str, int]) -> Entry:
    if len(cells) > len(header):
        return Entry(line=line, learner=cells[0], problem=f"expected {len(header)} values, got {len(cells)}")
    learner, email = cells[0], cells[1] if len(cells) > 1 else ""
    if not learner:
        return Entry(line=line, learner="", problem="expected the name of a learner, got none")
    if learner in seen:
        return Entry(
            line=line,
            learner=learner,
            problem=f"expected each learner once, got the one of line {seen[learner]}",
        )
    seen[learner] = line
    if email and not learnerrows.is_address(email):
        return Entry(line=line, learner=learner, problem=f"expected an e-mail address, got {email!r}")
    return Entry(line=line, learner=learner, email=email or None)
