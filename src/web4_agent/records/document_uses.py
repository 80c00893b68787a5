"""How often each document was put before the model, per day: the real access log behind the hot ranking."""

from sqlalchemy import Column, Date, Integer, PrimaryKeyConstraint, Table, Text

from web4_agent.storage.database import metadata

document_uses = Table(
    "document_uses",
    metadata,
    Column("day", Date, nullable=False),
    Column("document", Text, nullable=False),
    Column("uses", Integer, nullable=False),
    PrimaryKeyConstraint("day", "document"),
)
