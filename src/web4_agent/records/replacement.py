"""The ledger's rows replaced by those of another ledger, in the caller's one transaction. Called by restore.

What belongs to this machine and moment, and not to what was backed up, stays: the epochs of the collections, which
readers go by; the keys, so that one that was revoked stays so; which jobs ran and who was alerted; what was forgotten;
the query log, when asked; and that runs took place.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, delete, func, select, text

from web4_agent.domain.queries import ResponseId
from web4_agent.domain.runs import RunState
from web4_agent.records import (
    alerts,
    api_keys,
    chunks,
    collections,
    document_uses,
    documents,
    feedback,
    forgettings,
    interactions,
    jobs,
    query_hours,
    runs,
)
from web4_agent.records.tables import every_table
from web4_agent.storage.snapshot import copy_table, put_rows, rows

LOG = (
    interactions.interactions,
    interactions.interaction_texts,
    query_hours.query_hours,
    query_hours.query_latencies,
    document_uses.document_uses,
    feedback.feedback,
)
"""The query log with its roll-ups, which agree with it and so are kept or replaced with it."""
MACHINES_OWN = (collections.collections, api_keys.api_keys, jobs.job_runs, alerts.alerts, alerts.deliveries)
FORGETTING = (forgettings.forgettings, forgettings.forgotten)
RESTORE = "restore"
"""The flow of restores in the table of runs."""
PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Replaced:
    """How many rows were written, and how many queries the log held that the other ledger did not."""

    rows: int
    kept_queries: int


def replace_ledger(
    here: Connection,
    other: Connection,
    *,
    keep_log: bool,
    missing: Sequence[ResponseId] = (),
    advanced: Callable[[int], None] = lambda count: None,
) -> Replaced:
    """Make this ledger equal to `other`, of the same schema, but for what stays.

    With `keep_log` the log here stays and the queries of `other` named in `missing` are added to it and its roll-ups,
    each once. Writers wait until the caller commits; readers see the ledger as it was before, whole.
    """
    keep_log = keep_log and _count(here, interactions.interactions) > 0
    stays = {table.name for table in (*MACHINES_OWN, *(LOG if keep_log else ()))}
    replaced = [table for table in every_table() if table.name not in stays]
    _keep_writers_out(here, replaced)
    kept = kept_queries(here, other, missing) if keep_log else 0
    past = _runs_of_here_alone(here, other)
    forgotten = [(table, list(rows(here, table))) for table in FORGETTING]
    for table in reversed(replaced):
        here.execute(delete(table))
    written = sum(copy_table(other, here, table, advanced) for table in replaced)
    written += put_rows(here, runs.runs, iter(past), advanced)
    written += sum(_add_rows(here, table, iter(held)) for table, held in forgotten)
    written += _add_rows(here, api_keys.api_keys, rows(other, api_keys.api_keys))
    if keep_log:
        written += _add_queries(here, other, missing)
        written += _add_rows(here, feedback.feedback, rows(other, feedback.feedback))
    _follow(here, other)
    return Replaced(written, kept)


def absent_queries(here: Connection, other: Connection) -> tuple[ResponseId, ...]:
    """Queries in the log of `other` that the log here lacks: none, where both are of one home."""
    found: list[ResponseId] = []
    for page in _pages(other.execute(select(interactions.interactions.c.response)).scalars()):
        known = interactions.known(here, page)
        found += [response for response in page if response not in known]
    return tuple(found)


def kept_queries(here: Connection, other: Connection, absent: Sequence[ResponseId]) -> int:
    """How many queries the log here holds that `other` does not, when `absent` are those that it is the other way."""
    both = _count(other, interactions.interactions) - len(absent)
    return _count(here, interactions.interactions) - both


def forgotten_documents(here: Connection, other: Connection) -> int:
    """How many documents of `other` were forgotten here: with them it may not come back."""
    barred = forgettings.barred(here)
    found = other.execute(select(documents.documents.c.id, documents.documents.c.content_hash))
    return len({row[0] for row in found if forgettings.hash_of(row[0]) in barred or row[1] in barred})


def is_forgetting(here: Connection) -> bool:
    """Whether a forgetting was begun and has not ended."""
    asked = select(runs.runs.c.id).join(forgettings.forgettings, forgettings.forgettings.c.run == runs.runs.c.id)
    return here.execute(asked.where(runs.runs.c.state == RunState.OPEN)).first() is not None


def table_counts(connection: Connection) -> dict[str, int]:
    """How many rows each table holds."""
    return {table.name: _count(connection, table) for table in every_table()}


def _count(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def _keep_writers_out(here: Connection, tables: Sequence[Table]) -> None:
    """SQLite's transaction has done so; PostgreSQL's does when told. Readers are not disturbed."""
    if here.dialect.name == "postgresql":
        names = ", ".join(here.dialect.identifier_preparer.format_table(table) for table in tables)
        here.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))


def _runs_of_here_alone(here: Connection, other: Connection) -> list[dict[str, Any]]:
    """Runs that `other` knows nothing of, as failed: what they did is undone, but their names are not given again,
    since their folders are still there. Forgetting and restoring are not undone."""
    known = set(other.execute(select(runs.runs.c.id)).scalars())
    stands = set(here.execute(select(forgettings.forgettings.c.run)).scalars())
    gone = [row for row in rows(here, runs.runs) if row["id"] not in known]
    for row in gone:
        row["ended_utc"] = row["ended_utc"] or row["started_utc"]
        if row["id"] not in stands and row["flow"] != RESTORE:
            row["state"] = RunState.FAILED
    return gone


def _add_rows(here: Connection, table: Table, given: Iterator[dict[str, Any]]) -> int:
    """Those whose key is not here; a row that is here stays as it is."""
    keys = list(table.primary_key.columns)
    known = {tuple(row) for row in here.execute(select(*keys))}
    return put_rows(here, table, (row for row in given if tuple(row[key.name] for key in keys) not in known))


def _add_queries(here: Connection, other: Connection, missing: Sequence[ResponseId]) -> int:
    count = 0
    for page in _pages(iter(missing)):
        there = interactions.known(here, page)  # a writer may have been faster than our look
        added = interactions.of_responses(other, [response for response in page if response not in there])
        interactions.add(here, added)
        query_hours.add(here, added)
        document_uses.add(here, added)
        count += len(added)
    return count


def _follow(here: Connection, other: Connection) -> None:
    """What readers hold in memory is old now, and SQLite's word index is no table of its own."""
    for name in collections.epochs(here).keys() | collections.epochs(other).keys():
        collections.raise_epoch(here, name)
        collections.begin_change(here, name)  # until the vectors were made equal, also by another run than this
    chunks.rebuild_lexical(here)


def _pages(given: Iterator[ResponseId]) -> Iterator[list[ResponseId]]:
    page: list[ResponseId] = []
    for one in given:
        page.append(one)
        if len(page) == PAGE:
            yield page
            page = []
    if page:
        yield page
