"""Quarantine: what people decided, from which document a text comes, and how often a night put a sample through."""

import sqlalchemy as sa
from alembic import op

from web4_agent.storage.columns import UtcDateTime

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "rulings",
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("at_utc", UtcDateTime, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("ruling", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_rulings"),
    )
    op.create_index("ix_rulings_content_hash", "rulings", ["content_hash"])
    op.add_column("documents", sa.Column("origin", sa.Text))
    op.add_column("samples", sa.Column("other", sa.Text))
    op.add_column("samples", sa.Column("times", sa.Integer, nullable=False, server_default="1"))
    op.execute(
        "UPDATE documents SET ok_to_retrieve = false WHERE state = 'quarantined' AND reason LIKE '%speaks to a model%'"
    )
