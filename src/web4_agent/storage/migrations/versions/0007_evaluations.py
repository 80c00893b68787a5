"""Evaluations: what the harnesses measured of a version, and why a person let a quality gate pass."""

import sqlalchemy as sa
from alembic import op

from web4_agent.storage.columns import UtcDateTime

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "evaluations",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("at_utc", UtcDateTime, nullable=False),
        sa.Column("complete", sa.Boolean, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_evaluations"),
    )
    op.create_index("ix_evaluations_version", "evaluations", ["version"])
    op.create_table(
        "acceptances",
        sa.Column("evaluation", sa.String(64), nullable=False),
        sa.Column("harness", sa.String(32), nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("at_utc", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("evaluation", "harness", name="pk_acceptances"),
        sa.ForeignKeyConstraint(["evaluation"], ["evaluations.id"], name="fk_acceptances_evaluation"),
    )
