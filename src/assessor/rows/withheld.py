"""Evidence that learners keep to themselves, while the badges that rest on it are shown.

Comes in: an award, and for attempts that it rests on whether their evidence is shown. Goes out: of which
attempts the evidence is withheld. What is kept is of a submission, not of one attempt: work that is judged
again stays withheld, for every award that rests on it. Work that was handed in later is another piece.

Withheld is what is published: files and pages. A credential that names them was signed, and names them still.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from assessor.errors import NotFound
from assessor.rows import awards, ledger, queued, schema
from assessor.rows.awards import AwardRow, Visibility
from assessor.rows.database import Database

_A = schema.attempts.c
_H = schema.withheld.c
_W = ledger.awards.c

_SINCE = sa.select(_H.since).join(schema.attempts, _A.submission_id == _H.submission_id)
_KEPT = sa.select(
    ledger.awards, _SINCE.where(_A.id == sa.bindparam("attempt")).scalar_subquery().label("withheld_since")
).where(_W.id == sa.bindparam("award"))


class Withheld(Database):
    """The part of the store that is about evidence that learners keep to themselves."""

    def withheld(self, attempts: Collection[str] | None = None) -> frozenset[str]:
        """Of these attempts, or of all where None, those whose evidence its learner keeps to themselves."""
        query = sa.select(_A.id).join(schema.withheld, _H.submission_id == _A.submission_id)
        if attempts is not None:
            query = query.where(_A.id.in_(set(attempts)))
        with self.reading() as connection:
            return frozenset(connection.execute(query).scalars())

    def evidence_as_kept(self, award_id: str, attempt_id: str) -> tuple[Any, ...] | None:
        """What decides whether an award shows an attempt's evidence, to be compared with itself of before.

        None where that cannot be told.
        """
        return self.peek(_KEPT, award=award_id, attempt=attempt_id)

    def show_evidence(
        self,
        award_id: str,
        shown: Mapping[str, bool],
        *,
        visibility: Visibility | None = None,
        now: datetime,
    ) -> AwardRow:
        """Keep which evidence of an award is shown, and with it who may see the award; the award.

        Args:
            award_id: which award.
            shown: by attempt whether its evidence is shown where the award is; others stay as they are.
            visibility: who may see the award, or None: as it is.
            now: the time.

        Raises:
            NotFound: there is no award of this id, it does not rest on one of the attempts, or its learner
                was erased. Nothing was kept.
        """
        with self.writing() as connection:
            row = awards.read_award(connection, award_id)
            # Those to be withheld last: of two attempts at one submission, withheld is what stays.
            for attempt_id, is_shown in sorted(shown.items(), key=lambda one: (not one[1], one[0])):
                if attempt_id not in row.attempts:
                    rests = ", ".join(row.attempts) or "none: it rests on other awards"
                    raise NotFound(
                        f"award {award_id}: expected an attempt that it rests on ({rests}), "
                        f"got {attempt_id!r}"
                    )
                _keep(connection, attempt_id, is_shown, now)
            if visibility is not None:
                seen = ledger.awards.update().where(_W.id == award_id).values(visibility=visibility.value)
                connection.execute(seen)
            return awards.read_award(connection, award_id)


def _keep(connection: sa.Connection, attempt_id: str, is_shown: bool, now: datetime) -> None:
    found = sa.select(_A.submission_id).where(_A.id == attempt_id)
    submission_id: str = connection.execute(found).scalar_one()
    # Locks the learner: of two who say so at once the second finds what the first has kept, and erasing them
    # waits for this, or this finds them erased.
    queued.learner(connection, submission_id)
    own = _H.submission_id == submission_id
    if is_shown:
        connection.execute(schema.withheld.delete().where(own))
    elif connection.execute(sa.select(_H.since).where(own)).first() is None:
        connection.execute(schema.withheld.insert().values(submission_id=submission_id, since=now))
