"""The gate's measured error rates, and what the sealed audit set said week by week."""

import sqlalchemy as sa
from alembic import op

from web4_agent.storage.columns import UtcDateTime

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "calibrations",
        sa.Column("identity", sa.String(64), nullable=False),
        sa.Column("at_utc", UtcDateTime, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("identity", "at_utc", name="pk_calibrations"),
    )
    op.create_table(
        "audits",
        sa.Column("at_utc", UtcDateTime, nullable=False),
        sa.Column("production", sa.String(32), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("at_utc", name="pk_audits"),
    )
