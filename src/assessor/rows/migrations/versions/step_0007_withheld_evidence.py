"""Evidence that learners keep to themselves, while the badges that rest on it are shown."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "withheld",
        sa.Column("submission_id", sa.String(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submissions.id"], name=op.f("fk_withheld_submission_id")
        ),
        sa.PrimaryKeyConstraint("submission_id", name=op.f("pk_withheld")),
    )
