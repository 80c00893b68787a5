"""The day: the query log with its roll-ups, feedback, keys, switches, and documents that are looked up only."""

import sqlalchemy as sa
from alembic import op

from web4_agent.storage.columns import UtcDateTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _query_log()
    _roll_ups()
    _people()
    op.create_table(
        "references",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("collection", sa.String(64), nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("root", sa.Text, nullable=False),
        sa.Column("ecosystem", sa.String(32), nullable=False),
        sa.Column("ok_to_retrieve", sa.Boolean, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("indexed_utc", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_references"),
    )
    op.create_index("ix_references_collection", "references", ["collection"])


def _query_log() -> None:
    op.create_table(
        "interactions",
        sa.Column("response", sa.String(40), nullable=False),
        sa.Column("at_utc", UtcDateTime, nullable=False),
        sa.Column("endpoint", sa.String(32), nullable=False),
        sa.Column("client", sa.String(120), nullable=False),
        sa.Column("route", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("adapter", sa.String(32), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("latency_ms", sa.Float, nullable=False),
        sa.Column("retrieval_ms", sa.Float, nullable=False),
        sa.Column("first_token_ms", sa.Float, nullable=False),
        sa.Column("tokens_in", sa.Integer, nullable=False),
        sa.Column("tokens_out", sa.Integer, nullable=False),
        sa.Column("hot_hits", sa.Integer, nullable=False),
        sa.Column("hot_misses", sa.Integer, nullable=False),
        sa.Column("sources", sa.Text, nullable=False),
        sa.Column("collections", sa.Text, nullable=False),
        sa.Column("ecosystem", sa.String(32), nullable=False),
        sa.Column("stream", sa.Boolean, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("response", name="pk_interactions"),
    )
    op.create_index("ix_interactions_at_utc", "interactions", ["at_utc"])
    op.create_table(
        "interaction_texts",
        sa.Column("response", sa.String(40), nullable=False),
        sa.Column("at_utc", UtcDateTime, nullable=False),
        sa.Column("query", sa.Text, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("response", name="pk_interaction_texts"),
    )
    op.create_index("ix_interaction_texts_at_utc", "interaction_texts", ["at_utc"])


def _roll_ups() -> None:
    op.create_table(
        "query_hours",
        sa.Column("hour_utc", UtcDateTime, nullable=False),
        sa.Column("route", sa.String(16), nullable=False),
        sa.Column("adapter", sa.String(32), nullable=False),
        sa.Column("queries", sa.Integer, nullable=False),
        sa.Column("errors", sa.Integer, nullable=False),
        sa.Column("cancelled", sa.Integer, nullable=False),
        sa.Column("latency_ms", sa.Float, nullable=False),
        sa.Column("retrieval_ms", sa.Float, nullable=False),
        sa.Column("first_token_ms", sa.Float, nullable=False),
        sa.Column("first_tokens", sa.Integer, nullable=False),
        sa.Column("tokens_in", sa.BigInteger, nullable=False),
        sa.Column("tokens_out", sa.BigInteger, nullable=False),
        sa.Column("retrievals", sa.Integer, nullable=False),
        sa.Column("retrieval_hits", sa.Integer, nullable=False),
        sa.Column("hot_hits", sa.Integer, nullable=False),
        sa.Column("hot_misses", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("hour_utc", "route", "adapter", name="pk_query_hours"),
    )
    op.create_table(
        "query_latencies",
        sa.Column("hour_utc", UtcDateTime, nullable=False),
        sa.Column("route", sa.String(16), nullable=False),
        sa.Column("bucket", sa.Integer, nullable=False),
        sa.Column("queries", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("hour_utc", "route", "bucket", name="pk_query_latencies"),
    )
    op.create_table(
        "document_uses",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("uses", sa.Integer, nullable=False),
        sa.Column("last_utc", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("day", "document", name="pk_document_uses"),
    )


def _people() -> None:
    op.create_table(
        "feedback",
        sa.Column("response", sa.String(40), nullable=False),
        sa.Column("client", sa.String(120), nullable=False),
        sa.Column("at_utc", UtcDateTime, nullable=False),
        sa.Column("thumb", sa.String(8), nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("response", "client", name="pk_feedback"),
    )
    op.create_index("ix_feedback_at_utc", "feedback", ["at_utc"])
    op.create_table(
        "api_keys",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("key_hash", sa.String(64), nullable=False),
        sa.Column("created_utc", UtcDateTime, nullable=False),
        sa.Column("revoked_utc", UtcDateTime),
        sa.PrimaryKeyConstraint("name", name="pk_api_keys"),
        sa.UniqueConstraint("key_hash", name="uq_api_keys_key_hash"),
    )
    op.create_table(
        "switches",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_switches"),
    )
