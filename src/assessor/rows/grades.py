"""Grades: the result of each learner of a cohort for an assignment.

Comes in: an assignment's id. Goes out: frozen rows. How they are written down is left to `gradebook`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

import sqlalchemy as sa

from assessor.rows import accounts, cohorts, schema, users
from assessor.rows.cohorts import Assignment, Counts
from assessor.rows.database import Database
from assessor.rows.schema import UNUSED, AttemptState
from assessor.rows.users import Role, User
from assessor.scoring import Verdict

_M = accounts.memberships.c
_U = accounts.users.c
_S = schema.submissions.c
_A = schema.attempts.c


@dataclass(frozen=True, kw_only=True)
class Grade:
    """A learner's result for an assignment.

    Attributes:
        user: who.
        attempt_id: the attempt that counts, or None where none is judged.
        verdict: its verdict's word, or None.
        score: 0 to 1, or None.
        submitted_at: when its submission came, or None.
        late: whether that was after it was due.
        tries: how many submissions use a try, judged or not.
        waiting: how many of these are not judged yet.
    """

    user: User
    attempt_id: str | None
    verdict: str | None
    score: Fraction | None
    submitted_at: datetime | None
    late: bool
    tries: int
    waiting: int


class Grades(Database):
    """The part of the store that is about results of cohorts."""

    def gradebook(self, assignment_id: str) -> tuple[Grade, ...]:
        """The result of each learner of the cohort, by name; those without one among them.

        Of a submission its newest judged attempt counts, of a learner's submissions the best or the last that
        is judged, as the assignment says. What was handed in before it opened is left out.

        Raises:
            NotFound: no such assignment.
        """
        with self.reading() as connection:
            assignment = cohorts.read_assignment(connection, assignment_id)
            learners = sa.select(accounts.users).join(accounts.memberships)
            learners = learners.where(_M.cohort_id == assignment.cohort_id, _M.role == Role.LEARNER)
            people = [users.as_user(row) for row in connection.execute(learners)]
            work = (
                sa.select(
                    _S.learner_id,
                    _S.id.label("submission_id"),
                    _S.received_at,
                    _A.id,
                    _A.state,
                    _A.verdict,
                    _A.score,
                )
                .select_from(schema.submissions)
                .join(schema.attempts, _A.submission_id == _S.id)
                .join(accounts.users, _U.learner_id == _S.learner_id)
                .join(accounts.memberships, _M.user_id == _U.id)
                .where(
                    _M.cohort_id == assignment.cohort_id,
                    _S.task_id == assignment.task_id,
                    _A.state.not_in(UNUSED),
                )
                .order_by(_S.seq, _A.number)
            )
            if assignment.opens_at is not None:
                work = work.where(_S.received_at >= assignment.opens_at)
            theirs: dict[str, list[Any]] = {}
            for row in connection.execute(work):
                theirs.setdefault(row.learner_id, []).append(row)
        people.sort(key=lambda one: (one.name.casefold(), one.email.casefold(), one.id))
        return tuple(_grade(one, theirs.get(one.learner_id or "", []), assignment) for one in people)


def _grade(user: User, rows: Iterable[Any], assignment: Assignment) -> Grade:
    """The result of one learner, of their attempts in the order of their submissions and numbers."""
    judged: dict[str, Any] = {}
    tries = set()
    for row in rows:
        tries.add(row.submission_id)
        if row.state == AttemptState.JUDGED:
            judged[row.submission_id] = row
    results = list(judged.values())
    chosen = None
    if results and assignment.counts is Counts.LAST:
        chosen = results[-1]
    elif results:
        # Of equals the first that `max` meets: the earliest.
        chosen = max(results, key=lambda one: (one.verdict == Verdict.PASSED, one.score))
    late = assignment.due_at is not None and chosen is not None and chosen.received_at >= assignment.due_at
    return Grade(
        user=user,
        attempt_id=None if chosen is None else chosen.id,
        verdict=None if chosen is None else chosen.verdict,
        score=None if chosen is None else chosen.score,
        submitted_at=None if chosen is None else chosen.received_at,
        late=late,
        tries=len(tries),
        waiting=len(tries - set(judged)),
    )
