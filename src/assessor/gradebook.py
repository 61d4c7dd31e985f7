"""A gradebook as others read it: CSV for spreadsheets, plain values for programs.

Comes in: an assignment and the grades of `grades`. Goes out: text, or JSON values.

Names are what people call themselves, and a spreadsheet takes a cell that begins with `=` for a formula. So
a cell that a spreadsheet might reckon with gets an apostrophe before it, which they take for *this is text*.
Source: OWASP, CSV Injection.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from assessor.rows.cohorts import Assignment
from assessor.rows.grades import Grade

COLUMNS = ("name", "email", "verdict", "score_percent", "submitted_at", "late", "tries", "waiting", "attempt")

#: What a formula can begin with, in every width that spreadsheets know.
_RECKONED = frozenset("=+-@\N{MINUS SIGN}")


def values(assignment: Assignment, grades: Iterable[Grade]) -> dict[str, Any]:
    """A gradebook as JSON values: scores as `[numerator, denominator]`, times in ISO 8601."""
    return {
        "assignment": assignment.id,
        "cohort": assignment.cohort_id,
        "task": assignment.task_id,
        "title": assignment.title,
        "opens_at": None if assignment.opens_at is None else assignment.opens_at.isoformat(),
        "due_at": None if assignment.due_at is None else assignment.due_at.isoformat(),
        "counts": assignment.counts.value,
        "grades": [
            {
                "user": one.user.id,
                "name": one.user.name,
                "email": one.user.email,
                "attempt": one.attempt_id,
                "verdict": one.verdict,
                "score": None if one.score is None else [one.score.numerator, one.score.denominator],
                "submitted_at": None if one.submitted_at is None else one.submitted_at.isoformat(),
                "late": one.late,
                "tries": one.tries,
                "waiting": one.waiting,
            }
            for one in grades
        ],
    }


def as_csv(grades: Iterable[Grade]) -> str:
    """A gradebook as CSV: a header, then one line a learner, each cell in quotes. Source: RFC 4180.

    Scores are percent to two places, rounded down: nobody is shown more than they have.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for one in grades:
        row = (
            one.user.name,
            one.user.email,
            one.verdict or "",
            "" if one.score is None else percent(one.score),
            "" if one.submitted_at is None else one.submitted_at.isoformat(timespec="seconds"),
            "late" if one.late else "",
            str(one.tries),
            str(one.waiting),
            one.attempt_id or "",
        )
        writer.writerow([cell(value) for value in row])
    return text.getvalue()


def cell(value: str) -> str:
    """A cell's text that no spreadsheet reckons with: an apostrophe goes before what might begin a formula.

    What hides in front of it is looked through: spreadsheets trim blanks, and read full-width forms as plain
    ones. NUL characters go, since readers of CSV end a cell there.
    """
    value = value.replace("\0", "")
    first = next((one for one in value if one.isprintable() and not one.isspace()), "")
    if value[:1] in ("\t", "\r", "\n") or (first and unicodedata.normalize("NFKC", first)[0] in _RECKONED):
        return "'" + value
    return value


def percent(score: Fraction) -> str:
    """A score from 0 to 1 in percent, rounded down to two places."""
    hundredths = int(score * 10_000)
    return f"{hundredths // 100}.{hundredths % 100:02d}"
