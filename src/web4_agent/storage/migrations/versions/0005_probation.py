"""Probation: how a newly promoted adapter does among people, and what was wrong with each answer."""

import sqlalchemy as sa
from alembic import op

from web4_agent.storage.columns import UtcDateTime

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("interactions", sa.Column("flaw", sa.String(16), nullable=False, server_default="unknown"))
    op.create_table(
        "probations",
        sa.Column("adapter", sa.String(32), nullable=False),
        sa.Column("previous", sa.String(32), nullable=False),
        sa.Column("started_utc", UtcDateTime, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("baseline", sa.Text, nullable=False),
        sa.Column("settled_utc", UtcDateTime, nullable=False),
        sa.Column("settled", sa.Text, nullable=False),
        sa.Column("warning", sa.Text, nullable=False),
        sa.Column("ended_utc", UtcDateTime),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("adapter", name="pk_probations"),
    )
