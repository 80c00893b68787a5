"""The feedback table: one thumb a person and response; a later one replaces it."""

from sqlalchemy import Column, PrimaryKeyConstraint, String, Table, Text

from web4_agent.storage.columns import UtcDateTime
from web4_agent.storage.database import metadata

feedback = Table(
    "feedback",
    metadata,
    Column("response", String(40), nullable=False),
    Column("client", String(120), nullable=False),
    Column("at_utc", UtcDateTime, nullable=False, index=True),
    Column("thumb", String(8), nullable=False),
    Column("comment", Text, nullable=False),
    PrimaryKeyConstraint("response", "client"),
)
