"""Remarks: what reviewers say of single lines of the work, for the learner.

Comes in: plain values, who says it and when. Goes out: frozen rows in the order of files and lines. A remark
belongs to a submission: its files stay the same however often they are judged. It is help, not evidence:
nothing that is signed holds it, and it can be taken back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from assessor.errors import NotFound, RemarkInvalid
from assessor.rows import audit, queued, schema
from assessor.rows.audit import Act
from assessor.rows.database import Database

#: The longest remark, characters.
LONGEST = 10_000
#: The largest file that has lines to speak of, bytes.
FILE_BYTES = 100_000
#: How many paths are named where none of them is meant.
NAMED = 10

_R = schema.remarks.c


@dataclass(frozen=True, kw_only=True)
class Remark:
    """What a reviewer says of a line.

    Attributes:
        submission_id: of which work.
        path: the file.
        line: from 1.
        text: for the learner.
        reviewer: user id of who says it.
        made_at: when.
    """

    id: str
    submission_id: str
    path: str
    line: int
    text: str
    reviewer: str
    made_at: datetime


class Remarks(Database):
    """The part of the store that is about remarks."""

    def remarks(self, submission_id: str) -> tuple[Remark, ...]:
        """The remarks on a submission by path and line, those on one line as they came."""
        query = sa.select(schema.remarks).where(_R.submission_id == submission_id)
        with self.reading() as connection:
            rows = connection.execute(query.order_by(_R.path, _R.line, _R.seq))
            return tuple(_as_remark(row) for row in rows)

    def add_remark(self, *, id: str, submission_id: str, path: str, line: int, text: str, act: Act) -> Remark:
        """Keep a remark; `check` has looked whether there is such a line.

        Raises:
            NotFound: no such submission, or its learner was erased.
            RemarkInvalid: nobody with an account says it, or it has no words, or too many.
        """
        if act.user_id is None:
            raise RemarkInvalid("remark: expected one by somebody with an account, got one by the operator")
        if not text.strip() or len(text) > LONGEST:
            raise RemarkInvalid(f"{path}:{line}: expected 1 to {LONGEST} characters, got {len(text.strip())}")
        remark = Remark(
            id=id,
            submission_id=submission_id,
            path=path,
            line=line,
            text=text,
            reviewer=act.user_id,
            made_at=act.now,
        )
        values = {name: getattr(remark, name) for name in Remark.__dataclass_fields__}
        with self.writing() as connection:
            # Locks the learner: erasing them waits for this, or this finds them erased.
            queued.learner(connection, submission_id)
            connection.execute(schema.remarks.insert().values(**values))
            # Without the path: learners name their files as they like, after themselves too.
            audit.note(connection, act, "review.remark", submission_id, remark=id, line=line)
        return remark

    def withdraw_remark(self, id: str, *, submission_id: str, act: Act) -> None:
        """Take back a remark of one's own.

        Raises:
            NotFound: there is none of this id on the submission by who acts.
        """
        mine = sa.and_(_R.id == id, _R.submission_id == submission_id, _R.reviewer == act.user_id)
        with self.writing() as connection:
            if connection.execute(schema.remarks.delete().where(mine)).rowcount != 1:
                raise NotFound("expected the id of a remark of yours on this work, got another")
            audit.note(connection, act, "review.withdraw-remark", submission_id, remark=id)


def lines(data: bytes) -> tuple[str, ...] | None:
    """The lines of a file, by the numbers that editors give them; None where it is no text or too long.

    Only ends of lines end one: Python's `splitlines` would count form feeds too.
    """
    if len(data) > FILE_BYTES or b"\0" in data:
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None  # told as a file that is no text
    found = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return tuple(found[:-1] if len(found) > 1 and not found[-1] else found)


def check(files: Mapping[str, bytes], path: str, line: int) -> None:
    """Raise RemarkInvalid unless the work has this line."""
    if path not in files:
        names = ", ".join(sorted(files)[:NAMED]) + (", ..." if len(files) > NAMED else "")
        raise RemarkInvalid(f"expected a file of the work ({names}), got {path!r}")
    of = lines(files[path])
    if of is None:
        raise RemarkInvalid(f"{path}: expected a file with lines to read, got no text or one too long")
    if not 1 <= line <= len(of):
        raise RemarkInvalid(f"{path}: expected a line from 1 to {len(of)}, got {line}")


def _as_remark(row: sa.Row[Any]) -> Remark:
    return Remark(**{name: getattr(row, name) for name in Remark.__dataclass_fields__})
