"""What issuing takes: keys by purpose, learners' addresses, awards with their status lists, and the log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("keys", sa.Column("purpose", sa.String(), nullable=False, server_default="engine"))
    op.add_column("keys", sa.Column("pem", sa.LargeBinary(), nullable=True))
    op.add_column("keys", sa.Column("since", sa.BigInteger(), nullable=True))
    op.add_column("keys", sa.Column("until", sa.BigInteger(), nullable=True))
    op.add_column("learners", sa.Column("email", sa.String(), nullable=True))
    op.create_table(
        "leaves",
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("index", name=op.f("pk_leaves")),
        sa.UniqueConstraint("kind", "subject", "digest", name=op.f("uq_leaves_kind_subject_digest")),
    )
    op.create_table(
        "checkpoints",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("signed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_checkpoints")),
    )
    op.create_table(
        "status_lists",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("bits", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("valid_until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_status_lists")),
    )
    op.create_table(
        "awards",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("learner_id", sa.String(), nullable=True),
        sa.Column("achievement_id", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("status_list", sa.String(), nullable=False),
        sa.Column("status_index", sa.Integer(), nullable=False),
        sa.Column("credential", sa.String(), nullable=True),
        sa.Column("attempts", sa.JSON(), nullable=False),
        sa.Column("level", sa.String(), nullable=True),
        sa.Column("awarded_at", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_until", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("visibility", sa.String(), server_default="link", nullable=False),
        sa.ForeignKeyConstraint(["learner_id"], ["learners.id"], name=op.f("fk_awards_learner_id")),
        sa.ForeignKeyConstraint(["status_list"], ["status_lists.id"], name=op.f("fk_awards_status_list")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_awards")),
        sa.UniqueConstraint("learner_id", "achievement_id", name=op.f("uq_awards_learner_id_achievement_id")),
        sa.UniqueConstraint("status_list", "status_index", name=op.f("uq_awards_status_list_status_index")),
    )
    op.create_table(
        "award_changes",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("award_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("credential", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["award_id"], ["awards.id"], name=op.f("fk_award_changes_award_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_award_changes")),
    )
    op.create_index(op.f("ix_award_changes_award_id"), "award_changes", ["award_id"], unique=False)
    op.create_table(
        "due",
        sa.Column("attempt_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempts.id"], name=op.f("fk_due_attempt_id")),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_due")),
    )
    # Where the log is: the index that the next leaf gets. The row is what writers wait for each other at.
    op.execute("INSERT INTO counters (name, value) VALUES ('leaves', 0)")
