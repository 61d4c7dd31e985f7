"""Coursework: what one learner has handed in, and what is still possible for them; reading alone.

Comes in: the id of a learner. Goes out: the frozen rows of `schema`. Whoever asks for somebody else's attempt
is told the same as whoever asks for one that there is not; so is who asks for one of a regrade that is not
applied, which counts for nothing and may never.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from assessor.errors import NotFound
from assessor.rows import admission, schema
from assessor.rows.database import Database
from assessor.rows.schema import Attempt, AttemptState, Submission
from assessor.waiting import Rate

_A = schema.attempts.c
_S = schema.submissions.c

#: What its learner may know of: `Attempt.on_trial` as the database asks for it.
_TOLD = sa.or_(_A.regrade_id.is_(None), _A.state == AttemptState.JUDGED)


@dataclass(frozen=True, kw_only=True)
class Tries:
    """What a learner has used of a task's tries.

    Attributes:
        used: submissions that use one, judged or not yet.
        again_at: before when no further one is taken, or None: one is taken now, as far as time goes.
    """

    used: int
    again_at: datetime | None


class Coursework(Database):
    """The part of the store that a learner sees of themselves."""

    def own_attempt(self, learner_id: str, attempt_id: str) -> tuple[Submission, Attempt]:
        """An attempt of this learner, and its submission.

        Raises:
            NotFound: there is none of this id, or it is somebody else's.
        """
        query = sa.select(schema.attempts).join(schema.submissions, _S.id == _A.submission_id)
        query = query.where(_A.id == attempt_id, _S.learner_id == learner_id, _TOLD)
        with self.reading() as connection:
            row = connection.execute(query).first()
            if row is None:
                raise NotFound("expected the id of an attempt of yours, got another")
            mine = sa.select(schema.submissions).where(_S.id == row.submission_id)
            return schema.as_submission(connection.execute(mine).one()), schema.as_attempt(row)

    def coursework(
        self,
        learner_id: str,
        *,
        task_id: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> tuple[tuple[Submission, Attempt], ...]:
        """What a learner handed in, each with its newest attempt, the newest first.

        Args:
            learner_id: whose.
            task_id: for which task, or None: any.
            before: id of the last submission that was seen: those that are older follow.
            limit: how many at most.
        """
        query = sa.select(schema.submissions).where(_S.learner_id == learner_id)
        if task_id is not None:
            query = query.where(_S.task_id == task_id)
        if before is not None:
            query = query.where(_S.seq < sa.select(_S.seq).where(_S.id == before).scalar_subquery())
        with self.reading() as connection:
            rows = connection.execute(query.order_by(_S.seq.desc()).limit(limit)).all()
            names = [row.id for row in rows]
            found = sa.select(schema.attempts).where(_A.submission_id.in_(names), _TOLD).order_by(_A.number)
            newest = {row.submission_id: schema.as_attempt(row) for row in connection.execute(found)}
        return tuple((schema.as_submission(row), newest[row.id]) for row in rows)

    def judgings(self, submission_id: str) -> tuple[Attempt, ...]:
        """The attempts of a submission that its learner may know of, by number."""
        query = sa.select(schema.attempts).where(_A.submission_id == submission_id, _TOLD)
        with self.reading() as connection:
            return tuple(map(schema.as_attempt, connection.execute(query.order_by(_A.number))))

    def tries(
        self, learner_id: str, task_id: str, *, cooldown_s: int, rate: Rate | None, now: datetime
    ) -> Tries:
        """What a learner has used of a task's tries, and when the next one is possible.

        Args:
            learner_id: whose.
            task_id: which task.
            cooldown_s: seconds from one try to the next.
            rate: how often they may hand in whatever the task, or None.
            now: the time.
        """
        with self.reading() as connection:
            times = [admission.cooled_at(connection, learner_id, task_id, cooldown_s, now)]
            if rate is not None:
                times.append(admission.free_at(connection, learner_id, rate, now))
            return Tries(
                used=admission.used(connection, learner_id, task_id),
                again_at=max((at for at in times if at is not None), default=None),
            )

    def glance(self, attempt_ids: Collection[str]) -> Mapping[str, tuple[Attempt, int]]:
        """Attempts by id, each with how many events its present epoch has, all by one question.

        Those that there are not are left out.
        """
        query = sa.select(schema.attempts).where(_A.id.in_(list(attempt_ids)))
        with self.reading() as connection:
            return {row.id: (schema.as_attempt(row), row.events) for row in connection.execute(query)}
