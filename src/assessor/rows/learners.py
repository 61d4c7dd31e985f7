"""Learners: who they are, a copy of all that is kept of one, and the end of it.

Comes in: the name that the operator calls a learner by. Goes out: plain data for an export, and for an
erasure the list of blobs to remove; the files themselves are left to `personal`.

What erasing leaves: the rows of submissions, attempts and evidence with their digests, and the signed record
with a commitment that nobody can open any more, since its salt is gone; the lines of the audit trail with ids
alone. What goes: name, salt, address, their account with all that it opens and belongs to, the messages that
told of them, events (they hold what the learner's work printed), reviewers' comments and remarks, what they
kept to themselves, the private reports, the files, the credentials of their awards. An award's row stays
without them: whoever was given a credential has it still, and its bit can be set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any

import sqlalchemy as sa

from assessor.errors import NotFound
from assessor.rows import audit, awards, belongings, learnerrows, ledger, schema
from assessor.rows.audit import Act
from assessor.rows.database import Database
from assessor.rows.schema import OPEN, AttemptState, Learner

_L = schema.learners.c
_S = schema.submissions.c
_A = schema.attempts.c


class Learners(Database):
    """The part of the store that is about persons."""

    def learner(self, name: str, *, new_id: str, salt: bytes) -> Learner:
        """The learner of this name; made with `new_id` and `salt` where there is none."""
        if not name:
            raise NotFound("expected the name of a learner, got an empty one")
        with self.reading() as connection:
            # Nearly always there: then no writer has to wait for this.
            found = learnerrows.look(connection, name)
        if found is not None:
            return found
        with self.writing() as connection:
            return learnerrows.find_or_make(connection, name, learnerrows.Seed(id=new_id, salt=salt))

    def learner_of(self, submission_id: str) -> Learner:
        """The learner whose submission this is.

        Raises:
            NotFound: no such submission, or the learner was erased.
        """
        query = sa.select(schema.learners).join(schema.submissions).where(_S.id == submission_id)
        with self.reading() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise NotFound(f"expected the id of a submission, got {submission_id!r}: the store has none")
        if row.name is None:
            raise NotFound(f"submission {submission_id}: its learner was erased")
        return learnerrows.as_learner(row)

    def learner_named(self, name: str) -> Learner:
        """The learner of this name.

        Raises:
            NotFound: there is none.
        """
        with self.reading() as connection:
            return learnerrows.find(connection, name)

    def learner_known(self, learner_id: str) -> Learner:
        """The learner of this id.

        Raises:
            NotFound: there is none, or they were erased.
        """
        with self.reading() as connection:
            row = connection.execute(sa.select(schema.learners).where(_L.id == learner_id)).first()
        if row is None or row.name is None:
            raise NotFound(f"expected the id of a learner, got {learner_id!r}: the store has none, or erased")
        return learnerrows.as_learner(row)

    def set_email(self, name: str, address: str | None, *, act: Act) -> None:
        """Keep the address that a learner's awards are bound to from now on, or none.

        Raises:
            NotFound: no learner of this name, or that is no address.
        """
        if address is not None and not learnerrows.is_address(address):
            raise NotFound(f"learner {name!r}: expected an e-mail address, got {address!r}")
        with self.writing() as connection:
            learner = learnerrows.find(connection, name)
            connection.execute(schema.learners.update().where(_L.id == learner.id).values(email=address))
            audit.note(connection, act, "learner.email", learner.id)

    def salt(self, learner_id: str) -> bytes:
        """The salt of the learner of this id.

        Raises:
            NotFound: no such learner, or erased.
        """
        with self.reading() as connection:
            found: bytes | None = connection.execute(sa.select(_L.salt).where(_L.id == learner_id)).scalar()
        if found is None:
            raise NotFound(f"expected the id of a learner, got {learner_id!r}: the store has none, or erased")
        return found

    def export_learner(self, name: str) -> dict[str, Any]:
        """All rows about a learner as plain JSON data: times in ISO 8601, scores as `n/d`, salt in hex.

        Raises:
            NotFound: no learner of this name.
        """
        with self.reading() as connection:
            learner = learnerrows.find(connection, name)
            return {
                "learner": {
                    "id": learner.id,
                    "name": learner.name,
                    "salt": learner.salt.hex(),
                    "email": learner.email,
                },
                **{
                    kind: [_plain(row) for row in rows]
                    for kind, rows in belongings.exported(connection, learner.id).items()
                },
                "turns": [
                    _plain(row)
                    for row in connection.execute(
                        sa.select(schema.turns).where(schema.turns.c.learner_id == learner.id)
                    )
                ],
                "awards": [
                    {**_plain(row), "changes": [_plain(change) for change in row["changes"]]}
                    for row in awards.exported(connection, learner.id)
                ],
                "submissions": [
                    {
                        **_plain(row),
                        "attempts": _attempts(connection, row.id),
                        "remarks": _remarks(connection, row.id),
                        "withheld": _withheld(connection, row.id),
                    }
                    for row in connection.execute(
                        sa.select(schema.submissions).where(_S.learner_id == learner.id).order_by(_S.seq)
                    ).all()
                ],
            }

    def erase_learner(self, name: str, *, now: datetime, act: Act | None = None) -> tuple[str, ...]:
        """Forget a learner; see the module's text for what goes and what stays.

        Attempts that are open, or held by a regrade, end unjudged; a worker that runs one loses its lease.

        Args:
            name: whom.
            now: the time.
            act: by whom it is done; by default at the command line.

        Returns:
            Digests of the blobs to remove, sorted; they stay listed in `doomed` until `bury` removed them.

        Raises:
            NotFound: no learner of this name.
        """
        with self.writing() as connection:
            learner = learnerrows.find(connection, name)
            theirs = sa.select(_A.id).join(schema.submissions).where(_S.learner_id == learner.id)
            reports = connection.execute(sa.select(_A.report).where(_A.id.in_(theirs))).scalars()
            bundles = connection.execute(sa.select(_S.bundle).where(_S.learner_id == learner.id)).scalars()
            personal = {digest for digest in (*reports, *bundles) if digest is not None}
            personal |= awards.erase(connection, learner.id)
            connection.execute(
                schema.attempts.update()
                .where(_A.id.in_(theirs), _A.state.in_((*OPEN, AttemptState.HELD)))
                .values(
                    state=AttemptState.UNJUDGED,
                    epoch=_A.epoch + 1,
                    problem="the learner was erased before it was judged",
                    finished_at=now,
                    worker=None,
                    leased_at=None,
                    lease_until=None,
                )
            )
            connection.execute(schema.events.delete().where(schema.events.c.attempt_id.in_(theirs)))
            connection.execute(
                schema.marks.update().where(schema.marks.c.attempt_id.in_(theirs)).values(comment="")
            )
            handed_in = sa.select(_S.id).where(_S.learner_id == learner.id)
            for table in (schema.remarks, schema.withheld):
                connection.execute(table.delete().where(table.c.submission_id.in_(handed_in)))
            connection.execute(schema.attempts.update().where(_A.id.in_(theirs)).values(report=None))
            connection.execute(
                schema.learners.update().where(_L.id == learner.id).values(name=None, salt=None, email=None)
            )
            connection.execute(schema.turns.delete().where(schema.turns.c.learner_id == learner.id))
            # Before what they did loses its addresses: it may be an act of their own.
            audit.note(connection, act or Act.by_operator(now), "learner.erase", learner.id)
            belongings.erase(connection, learner.id)
            gone = sorted(digest for digest in personal if not needed(connection, digest))
            schema.doom(connection, gone)
        self.scrub()
        return tuple(gone)

    def doom(self, digest: str) -> None:
        """Note that this blob is to be removed, unless a row names it."""
        self.doom_all([digest])

    def doom_all(self, digests: Iterable[str]) -> None:
        """Note that these blobs are to be removed, those apart that a row names."""
        with self.writing() as connection:
            schema.doom(connection, [one for one in digests if not needed(connection, one)])

    def discard(self, digest: str, remove: Callable[[str], None]) -> None:
        """Remove a blob unless something needs it, without a word written: on a full disk too.

        Under the lock of SQLite's one writer, so that no submission of the same bytes comes in between. Where
        there are several writers, `doom` and `bury` are the safe way.

        Args:
            digest: of the blob.
            remove: removes it.
        """
        with self.writing() as connection:
            if not needed(connection, digest):
                remove(digest)

    def doomed(self) -> tuple[str, ...]:
        """The private blobs that nothing names any more and that are still to be removed, sorted."""
        with self.reading() as connection:
            return tuple(
                connection.execute(
                    sa.select(schema.doomed.c.digest).order_by(schema.doomed.c.digest)
                ).scalars()
            )

    def bury(self, remove: Callable[[str], None]) -> int:
        """Remove the doomed blobs, each under the lock that a new submission of the same bytes needs.

        Args:
            remove: removes the blob of a digest; one that is gone already is no error.

        Returns:
            How many were removed.
        """
        table = schema.doomed
        removed = 0
        for digest in self.doomed():
            with self.writing() as connection:
                # Deleted first: the row is locked, or gone because the bytes were submitted anew.
                taken = connection.execute(table.delete().where(table.c.digest == digest)).rowcount == 1
                if taken and not needed(connection, digest):
                    remove(digest)
                    removed += 1
        return removed


def needed(connection: sa.Connection, digest: str) -> bool:
    """Whether a learner who is still here, or public evidence, needs this blob."""
    present = sa.select(_S.id).join(schema.learners).where(_L.name.is_not(None))
    table = schema.evidence.c
    questions = (
        present.where(sa.or_(_S.bundle == digest, _S.snapshot == digest)),
        sa.select(table.attempt_id).where(
            sa.or_(
                table.record == digest,
                table.run == digest,
                table.envelope == digest,
            )
        ),
        sa.select(_A.id).where(sa.or_(_A.report == digest, _A.snapshot == digest)),
        sa.select(ledger.regrades.c.id).where(ledger.regrades.c.snapshot == digest),
    )
    named = any(connection.execute(question).first() is not None for question in questions)
    return named or awards.is_credential(connection, digest)


def _attempts(connection: sa.Connection, submission_id: str) -> list[dict[str, Any]]:
    found = []
    query = sa.select(schema.attempts).where(_A.submission_id == submission_id).order_by(_A.number)
    for row in connection.execute(query).all():
        marks, events, evidence = schema.marks, schema.events, schema.evidence
        given = sa.select(marks).where(marks.c.attempt_id == row.id).order_by(marks.c.seq)
        came = sa.select(events).where(events.c.attempt_id == row.id)
        proof = connection.execute(sa.select(evidence).where(evidence.c.attempt_id == row.id)).first()
        found.append(
            {
                **_plain(row),
                "marks": [_plain(mark) for mark in connection.execute(given)],
                "events": [
                    {"epoch": event.epoch, "body": event.body.decode(errors="replace")}
                    for event in connection.execute(came.order_by(events.c.epoch, events.c.position))
                ],
                "evidence": None if proof is None else _plain(proof),
            }
        )
    return found


def _remarks(connection: sa.Connection, submission_id: str) -> list[dict[str, Any]]:
    table = schema.remarks
    query = sa.select(table).where(table.c.submission_id == submission_id).order_by(table.c.seq)
    return [_plain(row) for row in connection.execute(query)]


def _withheld(connection: sa.Connection, submission_id: str) -> dict[str, Any] | None:
    table = schema.withheld
    row = connection.execute(sa.select(table).where(table.c.submission_id == submission_id)).first()
    return None if row is None else _plain(row)


def _plain(row: sa.Row[Any] | Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for name, value in (row if isinstance(row, Mapping) else row._mapping).items():
        if name == "seq":
            continue
        if isinstance(value, datetime):
            plain[name] = value.isoformat()
        elif isinstance(value, Fraction):
            plain[name] = f"{value.numerator}/{value.denominator}"
        else:
            plain[name] = value
    return plain
