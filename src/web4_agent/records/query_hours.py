"""The roll-up of the query log: one row an hour and route, and the latencies of each in buckets.

Kept in the transaction that adds the queries, so that it never differs from them and a report over millions of queries
reads a few hundred rows.
"""

from sqlalchemy import Column, Float, Integer, PrimaryKeyConstraint, String, Table

from web4_agent.storage.columns import UtcDateTime
from web4_agent.storage.database import metadata

query_hours = Table(
    "query_hours",
    metadata,
    Column("hour_utc", UtcDateTime, nullable=False),
    Column("route", String(16), nullable=False),
    Column("adapter", String(32), nullable=False),
    Column("queries", Integer, nullable=False),
    Column("errors", Integer, nullable=False),
    Column("cancelled", Integer, nullable=False),
    Column("latency_ms", Float, nullable=False),
    Column("retrieval_ms", Float, nullable=False),
    Column("first_token_ms", Float, nullable=False),
    Column("tokens_in", Integer, nullable=False),
    Column("tokens_out", Integer, nullable=False),
    Column("retrievals", Integer, nullable=False),
    Column("retrieval_hits", Integer, nullable=False),
    Column("hot_hits", Integer, nullable=False),
    Column("hot_misses", Integer, nullable=False),
    PrimaryKeyConstraint("hour_utc", "route", "adapter"),
)

query_latencies = Table(
    "query_latencies",
    metadata,
    Column("hour_utc", UtcDateTime, nullable=False),
    Column("route", String(16), nullable=False),
    Column("bucket", Integer, nullable=False),
    Column("queries", Integer, nullable=False),
    PrimaryKeyConstraint("hour_utc", "route", "bucket"),
)
