"""Feedback in training: which votes each night made something of."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "feedback_uses",
        sa.Column("run", sa.String(64), nullable=False),
        sa.Column("response", sa.String(40), nullable=False),
        sa.Column("client", sa.String(120), nullable=False),
        sa.Column("use", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("run", "response", "client", "use", name="pk_feedback_uses"),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_feedback_uses_run"),
    )
    op.create_index("ix_feedback_uses_response", "feedback_uses", ["response"])
