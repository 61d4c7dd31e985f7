"""Who is next: classes, turns, and attempts that a newer submission took the place of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("attempts", sa.Column("queue_class", sa.SmallInteger(), nullable=False, server_default="1"))
    op.add_column("attempts", sa.Column("turn", sa.BigInteger(), nullable=False, server_default="0"))
    # As text: SQLite takes a check with a new column only, and Alembic knows no way to say so.
    op.execute(
        "ALTER TABLE attempts ADD COLUMN superseded_by VARCHAR "
        "CONSTRAINT ck_attempts_superseded CHECK (state <> 'superseded' OR superseded_by IS NOT NULL)"
    )
    op.create_index(
        op.f("ix_attempts_state_queue_class_turn_seq"),
        "attempts",
        ["state", "queue_class", "turn", "seq"],
        unique=False,
    )
    op.create_index(op.f("ix_attempts_state_queued_at"), "attempts", ["state", "queued_at"], unique=False)
    op.create_index(
        op.f("ix_submissions_learner_id_received_at"),
        "submissions",
        ["learner_id", "received_at"],
        unique=False,
    )
    op.create_table(
        "turns",
        sa.Column("learner_id", sa.String(), nullable=False),
        sa.Column("queue_class", sa.SmallInteger(), nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["learner_id"], ["learners.id"], name=op.f("fk_turns_learner_id")),
        sa.PrimaryKeyConstraint("learner_id", "queue_class", name=op.f("pk_turns")),
    )
    counters = op.create_table(
        "counters",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
    )
    # What waits already is of one turn, and so keeps its order before all that comes later.
    op.execute("UPDATE attempts SET queue_class = 3 WHERE kind = 'regrade'")
    names = ("exam", "normal", "practice", "regrade", "overdue")
    op.bulk_insert(counters, [{"name": name, "value": 0} for name in names])
