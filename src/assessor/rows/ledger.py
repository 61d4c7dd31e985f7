"""The tables of awards, of the transparency log and of regrades, beside those of `schema`.

Nothing comes in, nothing is opened. The same tables in migrations are `migrations/versions/`; a test holds
that the two agree. Reading and writing is left to `awards` and `log`.

    learners ──< awards ──< award_changes
                   │  └── due: attempts that passed and were not looked at for awards yet
                   └── status_lists (the bit that an award may be revoked by)
    regrades: a task's stored submissions, judged again on another version of it; their attempts name it
    leaves, checkpoints: the log; every leaf is written in the transaction of what it commits to
"""

from __future__ import annotations

import sqlalchemy as sa

from assessor.rows import schema
from assessor.rows.schema import Moment

#: Of every table, those of `schema` among them.
metadata = schema.metadata

#: One row for each leaf of the log, `index` from 0 without a gap. `entry` is what is hashed: a salted
#: commitment, never personal data. `subject` is the id of what it commits to (an attempt, an award), so
#: that a proof can be found again; it is not part of the leaf.
leaves = sa.Table(
    "leaves",
    metadata,
    sa.Column("index", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("subject", sa.String, nullable=False),
    sa.Column("salt", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.String, nullable=False),
    sa.Column("entry", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("kind", "subject", "digest"),
)

#: Every tree that was signed. A row is written before its note is shown to anybody, and never changed: so no
#: two trees of one size can be signed.
checkpoints = sa.Table(
    "checkpoints",
    metadata,
    sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("root", sa.LargeBinary, nullable=False),
    sa.Column("note", sa.LargeBinary, nullable=False),
    sa.Column("signed_at", Moment, nullable=False),
)

#: A list of bits, each of which says whether one award is revoked. `body` is the signed credential, written
#: anew by each change and before it runs out.
status_lists = sa.Table(
    "status_lists",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("bits", sa.Integer, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=True),
    sa.Column("valid_until", Moment, nullable=True),
)

#: One achievement awarded to one learner: once. `credential` is the digest of the signed credential's blob;
#: null once the learner is erased, as `learner_id` is. `attempts` is JSON: ids of the attempts it rests on.
awards = sa.Table(
    "awards",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("learner_id", sa.ForeignKey("learners.id"), nullable=True),
    sa.Column("achievement_id", sa.String, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("status_list", sa.ForeignKey("status_lists.id"), nullable=False),
    sa.Column("status_index", sa.Integer, nullable=False),
    sa.Column("credential", sa.String, nullable=True),
    sa.Column("attempts", sa.JSON, nullable=False),
    sa.Column("level", sa.String, nullable=True),
    sa.Column("awarded_at", Moment, nullable=False),
    sa.Column("valid_from", Moment, nullable=False),
    sa.Column("valid_until", Moment, nullable=True),
    sa.Column("revoked_at", Moment, nullable=True),
    sa.Column("reason", sa.String, nullable=True),
    sa.Column("visibility", sa.String, nullable=False, server_default="link"),
    sa.UniqueConstraint("learner_id", "achievement_id"),
    sa.UniqueConstraint("status_list", "status_index"),
)

#: What was done with an award, oldest first: `award`, `reissue`, `renew`, `revoke`.
award_changes = sa.Table(
    "award_changes",
    metadata,
    sa.Column(
        "seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    sa.Column("award_id", sa.ForeignKey("awards.id"), nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("credential", sa.String, nullable=True),
    sa.Column("reason", sa.String, nullable=True),
    sa.Column("changed_at", Moment, nullable=False),
    sa.Index(None, "award_id"),
)

#: Attempts that were judged and not yet looked at for awards: written in the transaction of the verdict,
#: taken away in the one of the awards that follow from it.
due = sa.Table(
    "due",
    metadata,
    sa.Column("attempt_id", sa.ForeignKey("attempts.id"), primary_key=True),
)

#: Stored submissions of a task judged again on today's version of it. `state` is `open` while nothing of it
#: counts, then `applied` or `dropped`, once; `closed_by` and `reason` say who did that, and why; `revoked` is
#: how many awards went with it. Of one task one regrade is open at a time.
regrades = sa.Table(
    "regrades",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("task_id", sa.String, nullable=False),
    sa.Column("task_version", sa.String, nullable=False),
    sa.Column("task_digest", sa.String, nullable=False),
    sa.Column("snapshot", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("started_at", Moment, nullable=False),
    sa.Column("closed_at", Moment, nullable=True),
    sa.Column("closed_by", sa.String, nullable=True),
    sa.Column("reason", sa.String, nullable=True),
    sa.Column("revoked", sa.Integer, nullable=True),
    sa.CheckConstraint("state = 'open' OR (closed_at IS NOT NULL AND closed_by IS NOT NULL)", name="closed"),
    sa.CheckConstraint("state <> 'applied' OR reason IS NOT NULL", name="reason"),
    sa.Index(
        "uq_regrades_open",
        "task_id",
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    ),
    sa.Index(None, "task_id", "task_version"),
)
