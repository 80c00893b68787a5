"""Versions of the retrieval policy: what tuning applied, why, on which figures, and what was taken back."""

import sqlalchemy as sa
from alembic import op

from web4_agent.storage.columns import UtcDateTime

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "policies",
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("parent", sa.Integer, nullable=False),
        sa.Column("at_utc", UtcDateTime, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("figures", sa.Text, nullable=False),
        sa.Column("reverted_utc", UtcDateTime),
        sa.PrimaryKeyConstraint("number", name="pk_policies"),
    )
