"""Alerts: the outbox of what people are to be told."""

import sqlalchemy as sa
from alembic import op

from web4_agent.storage.columns import UtcDateTime

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("key", sa.String(300), nullable=False),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("topic", sa.String(300), nullable=False),
        sa.Column("at_utc", UtcDateTime, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("addressed_utc", UtcDateTime),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
        sa.UniqueConstraint("key", name="uq_alerts_key"),
    )
    op.create_index("ix_alerts_event", "alerts", ["event"])
    op.create_index("ix_alerts_at_utc", "alerts", ["at_utc"])
    op.create_table(
        "alert_deliveries",
        sa.Column("alert", sa.Integer, nullable=False),
        sa.Column("channel", sa.String(120), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("urgent", sa.Boolean, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("since_utc", UtcDateTime, nullable=False),
        sa.Column("due_utc", UtcDateTime, nullable=False),
        sa.Column("leased_until_utc", UtcDateTime),
        sa.Column("lease", sa.String(40), nullable=False),
        sa.Column("trouble", sa.Text, nullable=False),
        sa.Column("ended_utc", UtcDateTime),
        sa.ForeignKeyConstraint(["alert"], ["alerts.id"], name="fk_alert_deliveries_alert"),
        sa.PrimaryKeyConstraint("alert", "channel", name="pk_alert_deliveries"),
    )
    op.create_index("ix_alert_deliveries_state", "alert_deliveries", ["state"])
