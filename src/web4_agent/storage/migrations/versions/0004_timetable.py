"""The timetable: which job ran for which day."""

import sqlalchemy as sa
from alembic import op

from web4_agent.storage.columns import UtcDateTime

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "job_runs",
        sa.Column("job", sa.String(16), nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("due_utc", UtcDateTime, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("started_utc", UtcDateTime),
        sa.Column("ended_utc", UtcDateTime),
        sa.Column("exit_code", sa.Integer),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("job", "day", name="pk_job_runs"),
    )
