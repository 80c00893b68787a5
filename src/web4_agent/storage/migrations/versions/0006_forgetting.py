"""Forgetting: what was asked to be forgotten, and how far that is."""

import sqlalchemy as sa
from alembic import op

from web4_agent.storage.columns import UtcDateTime

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "forgettings",
        sa.Column("run", sa.String(64), nullable=False),
        sa.Column("requested_utc", UtcDateTime, nullable=False),
        sa.Column("documents", sa.Integer, nullable=False),
        sa.Column("replay", sa.String(8), nullable=False),
        sa.Column("backups", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("run", name="pk_forgettings"),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_forgettings_run"),
    )
    op.create_table(
        "forgotten",
        sa.Column("document_hash", sa.String(64), nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("run", sa.String(64), nullable=False),
        sa.Column("forgotten_utc", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("document_hash", "content_hash", name="pk_forgotten"),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_forgotten_run"),
    )
    op.create_table(
        "replays",
        sa.Column("run", sa.String(64), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("night", sa.String(64), nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("run", "position", name="pk_replays"),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_replays_run"),
    )
    op.create_table(
        "replay_documents",
        sa.Column("run", sa.String(64), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("run", "position", "document", "content_hash", name="pk_replay_documents"),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_replay_documents_run"),
    )
    op.create_index("ix_replay_documents_document", "replay_documents", ["document"])
