"""Regrades: stored submissions judged again on another version of their task."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("snapshot", "task_version", "task_digest", "regrade_id", "base"):
        op.add_column("attempts", sa.Column(name, sa.String(), nullable=True))
    op.create_index(op.f("ix_attempts_regrade_id"), "attempts", ["regrade_id"], unique=False)
    op.create_index(
        op.f("ix_submissions_task_id_task_version_snapshot"),
        "submissions",
        ["task_id", "task_version", "snapshot"],
        unique=False,
    )
    op.create_table(
        "regrades",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("task_id", sa.String(), nullable=False),
        sa.Column("task_version", sa.String(), nullable=False),
        sa.Column("task_digest", sa.String(), nullable=False),
        sa.Column("snapshot", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_by", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("revoked", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "state = 'open' OR (closed_at IS NOT NULL AND closed_by IS NOT NULL)",
            name=op.f("ck_regrades_closed"),
        ),
        sa.CheckConstraint("state <> 'applied' OR reason IS NOT NULL", name=op.f("ck_regrades_reason")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_regrades")),
    )
    # Two processes that start one at once: the database lets one through.
    op.create_index(
        "uq_regrades_open",
        "regrades",
        ["task_id"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        op.f("ix_regrades_task_id_task_version"), "regrades", ["task_id", "task_version"], unique=False
    )
