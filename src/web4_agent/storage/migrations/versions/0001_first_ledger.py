"""The first ledger: documents and their states, what was built from them, runs, adapters, the pointer."""

import sqlalchemy as sa
from alembic import op

from web4_agent.storage.columns import UtcDateTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    _documents()
    _projections()
    _runs()
    _adapters()


def _documents() -> None:
    op.create_table(
        "documents",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("text_hash", sa.String(64), nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("header", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("quality", sa.Float, nullable=False),
        sa.Column("quality_parts", sa.Text, nullable=False),
        sa.Column("ok_to_train", sa.Boolean, nullable=False),
        sa.Column("ok_to_retrieve", sa.Boolean, nullable=False),
        sa.Column("indexed_utc", UtcDateTime, nullable=False),
        sa.Column("run", sa.String(64)),
        sa.Column("adapter", sa.String(32)),
        sa.Column("trained_utc", UtcDateTime),
        sa.PrimaryKeyConstraint("id", "content_hash", name="pk_documents"),
    )
    op.create_index("ix_documents_state", "documents", ["state"])
    op.create_index("ix_documents_day", "documents", ["day"])
    op.create_index("ix_documents_run", "documents", ["run"])
    op.create_table(
        "rejections",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("seen_utc", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_rejections"),
    )


def _projections() -> None:
    op.create_table(
        "chunks",
        sa.Column("id", sa.String(96), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_chunks"),
    )
    op.create_index("ix_chunks_document", "chunks", ["document"])
    if op.get_bind().dialect.name == "sqlite":
        op.execute("CREATE VIRTUAL TABLE chunks_lexical USING fts5(chunk UNINDEXED, text, tokenize='porter unicode61')")
    else:
        op.execute("CREATE INDEX ix_chunks_lexical ON chunks USING gin (to_tsvector('simple', text))")
    op.create_table(
        "links",
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("target_name", sa.Text, nullable=False),
        sa.Column("target", sa.Text),
        sa.Column("url", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("source", "position", name="pk_links"),
    )
    op.create_index("ix_links_target", "links", ["target"])
    op.create_index("ix_links_target_name", "links", ["target_name"])
    op.create_table(
        "timeline",
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("at_utc", UtcDateTime, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("document", name="pk_timeline"),
    )
    op.create_index("ix_timeline_at_utc", "timeline", ["at_utc"])
    op.create_table(
        "collections",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_collections"),
    )


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("flow", sa.String(16), nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("started_utc", UtcDateTime, nullable=False),
        sa.Column("ended_utc", UtcDateTime),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
    )
    op.create_table(
        "steps",
        sa.Column("run", sa.String(64), nullable=False),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("committed_utc", UtcDateTime, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("peak_rss_bytes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("run", "name", name="pk_steps"),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_steps_run"),
    )
    op.create_table(
        "samples",
        sa.Column("run", sa.String(64), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("sample", sa.String(64), nullable=False),
        sa.Column("document", sa.Text),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("run", "position", name="pk_samples"),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_samples_run"),
    )
    op.create_index("ix_samples_document", "samples", ["document"])
    op.create_table(
        "held_out",
        sa.Column("run", sa.String(64), nullable=False),
        sa.Column("item", sa.String(64), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run", "item", name="pk_held_out"),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_held_out_run"),
    )


def _adapters() -> None:
    op.create_table(
        "adapters",
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("parent", sa.String(32)),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("artefact_hash", sa.String(64)),
        sa.Column("weights_hash", sa.String(64)),
        sa.Column("run", sa.String(64)),
        sa.Column("scale", sa.Float, nullable=False),
        sa.Column("created_utc", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_adapters"),
        sa.ForeignKeyConstraint(["parent"], ["adapters.version"], name="fk_adapters_parent"),
    )
    op.create_table(
        "adapter_documents",
        sa.Column("adapter", sa.String(32), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("adapter", "document", "content_hash", name="pk_adapter_documents"),
        sa.ForeignKeyConstraint(["adapter"], ["adapters.version"], name="fk_adapter_documents_adapter"),
    )
    op.create_index("ix_adapter_documents_document", "adapter_documents", ["document"])
    op.create_table(
        "pointer",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("production", sa.String(32), nullable=False),
        sa.Column("golden", sa.String(32), nullable=False),
        sa.Column("previous", sa.String(32)),
        sa.Column("changed_utc", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pointer"),
        sa.CheckConstraint("id = 1", name="ck_pointer_single"),
        sa.ForeignKeyConstraint(["production"], ["adapters.version"], name="fk_pointer_production"),
        sa.ForeignKeyConstraint(["golden"], ["adapters.version"], name="fk_pointer_golden"),
    )
    op.create_table(
        "pointer_moves",
        sa.Column("at_utc", UtcDateTime, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("source", sa.String(32)),
        sa.Column("target", sa.String(32), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_pointer_moves"),
    )
    op.create_table(
        "verdicts",
        sa.Column("run", sa.String(64), nullable=False),
        sa.Column("candidate", sa.String(32), nullable=False),
        sa.Column("scale", sa.Float, nullable=False),
        sa.Column("decision", sa.String(16), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("judged_utc", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("run", "scale", name="pk_verdicts"),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_verdicts_run"),
    )
    op.create_index("ix_verdicts_candidate", "verdicts", ["candidate"])
