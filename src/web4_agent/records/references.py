"""The references table: what is looked up and never trained on: process documents, source files, tool examples.

Their chunks stand beside the journal's in the chunks table, under ids that begin with the collection's name.
"""

from sqlalchemy import Boolean, Column, PrimaryKeyConstraint, String, Table, Text

from web4_agent.storage.columns import UtcDateTime
from web4_agent.storage.database import metadata

references = Table(
    "references",
    metadata,
    Column("id", Text, nullable=False),
    Column("collection", String(64), nullable=False, index=True),
    Column("content_hash", String(64), nullable=False),
    Column("title", Text, nullable=False),
    Column("root", Text, nullable=False),
    Column("ecosystem", String(32), nullable=False),
    Column("ok_to_retrieve", Boolean, nullable=False),
    Column("text", Text, nullable=False),
    Column("indexed_utc", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("id"),
)
