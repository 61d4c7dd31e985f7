"""Passes: what learners have passed, and whose passes nobody has looked at for awards yet.

Comes in: attempts that `leases` has concluded. Goes out: rows. What they are worth is left to `deserving`; an
attempt is taken from those to be looked at in the transaction of the awards that follow, by `awards`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from assessor.rows import ledger, schema
from assessor.rows.database import Database
from assessor.rows.schema import Attempt, AttemptState, EvidenceRow, Submission

_D = ledger.due.c
_A = schema.attempts.c
_S = schema.submissions.c

#: The verdict's word.
_PASSED = "passed"


@dataclass(frozen=True, kw_only=True)
class Pass:
    """The newest judged attempt of a submission, which passed, with its evidence."""

    attempt: Attempt
    submission: Submission
    evidence: EvidenceRow


class Passes(Database):
    """The part of the store that is about what was passed."""

    def unsettled(
        self, *, before: datetime | None = None, limit: int = 1000
    ) -> Mapping[str, tuple[str, ...]]:
        """Attempts that passed and were not looked at for awards, by the id of their learner; oldest first.

        Args:
            before: only those judged before this time.
            limit: so many attempts at most.
        """
        query = (
            sa.select(_D.attempt_id, _S.learner_id)
            .join(schema.attempts, _A.id == _D.attempt_id)
            .join(schema.submissions, _S.id == _A.submission_id)
            .order_by(_A.seq)
            .limit(limit)
        )
        if before is not None:
            query = query.where(_A.finished_at < before)
        found: dict[str, list[str]] = {}
        with self.reading() as connection:
            for attempt_id, learner_id in connection.execute(query):
                found.setdefault(learner_id, []).append(attempt_id)
        return {learner_id: tuple(attempts) for learner_id, attempts in found.items()}

    def unsettled_of(self, learner_id: str) -> tuple[str, ...]:
        """The attempts of this learner that passed and were not looked at for awards, oldest first."""
        query = (
            sa.select(_D.attempt_id)
            .join(schema.attempts, _A.id == _D.attempt_id)
            .join(schema.submissions, _S.id == _A.submission_id)
            .where(_S.learner_id == learner_id)
            .order_by(_A.seq)
        )
        with self.reading() as connection:
            return tuple(connection.execute(query).scalars())

    def is_unsettled(self, attempt_id: str) -> bool:
        """Whether this attempt passed and was not looked at for awards."""
        with self.reading() as connection:
            query = sa.select(_D.attempt_id).where(_D.attempt_id == attempt_id)
            return connection.execute(query).first() is not None

    def passes(self, learner_id: str) -> tuple[Pass, ...]:
        """What a learner has passed, oldest first: a submission whose newest judged attempt failed is none.

        A regrade takes the place of what was judged before it, for better or worse.
        """
        query = (
            sa.select(schema.attempts, schema.evidence)
            .join(schema.submissions, _S.id == _A.submission_id)
            .join(schema.evidence, schema.evidence.c.attempt_id == _A.id)
            .where(_S.learner_id == learner_id, _A.state == AttemptState.JUDGED)
            .order_by(_A.number)
        )
        theirs = sa.select(schema.submissions).where(_S.learner_id == learner_id)
        with self.reading() as connection:
            newest = {row.submission_id: row for row in connection.execute(query)}
            submissions = {row.id: schema.as_submission(row) for row in connection.execute(theirs)}
        names = EvidenceRow.__dataclass_fields__
        found = [
            Pass(
                attempt=schema.as_attempt(row),
                submission=submissions[row.submission_id],
                evidence=EvidenceRow(**{name: getattr(row, name) for name in names}),
            )
            for row in newest.values()
            if row.verdict == _PASSED
        ]
        order = {row.id: row.seq for row in newest.values()}
        return tuple(sorted(found, key=lambda one: order[one.attempt.id]))

    def worse_since(self, of: Collection[str] | None = None) -> Mapping[str, str]:
        """Attempts that passed, and the newest judged one of the same submission where that came to less.

        Args:
            of: ids of the attempts that are asked about, or None for all.
        """
        a, b = schema.attempts.alias(), schema.attempts.alias()
        query = (
            sa.select(a.c.id, a.c.score, b.c.id.label("newer"), b.c.score.label("then"), b.c.verdict)
            .join(b, sa.and_(b.c.submission_id == a.c.submission_id, b.c.number > a.c.number))
            .where(
                a.c.state == AttemptState.JUDGED,
                a.c.verdict == _PASSED,
                b.c.state == AttemptState.JUDGED,
                # A regrade or a rescore: nearly all submissions have one attempt.
                b.c.number > 1,
            )
            .order_by(b.c.number)
        )
        if of is not None:
            query = query.where(a.c.id.in_(of))
        with self.reading() as connection:
            newest = {row.id: row for row in connection.execute(query)}
        return {
            name: row.newer for name, row in newest.items() if row.verdict != _PASSED or row.then < row.score
        }
