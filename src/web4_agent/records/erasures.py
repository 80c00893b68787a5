"""Finding and deleting what the ledger holds of documents that are to be forgotten, in whichever table.

Called by the flow of forgetting alone, inside its transactions. Knows no file and no vector.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime

from sqlalchemy import Column, ColumnElement, Connection, String, Table, Text, delete, func, or_, select, text, update

from web4_agent.domain.adapters import AdapterState
from web4_agent.domain.documents import DocumentState, Header, QualityScore
from web4_agent.domain.ids import AdapterVersion, ContentHash, DocumentId, RunId
from web4_agent.domain.runs import RunState
from web4_agent.records import chunks, forgettings, timeline
from web4_agent.records.adapters import adapter_documents, adapters, pointer
from web4_agent.records.documents import DocumentRow, documents, find
from web4_agent.records.erased_queries import PAGE, REPLACEMENT
from web4_agent.records.links import links
from web4_agent.records.rejections import rejections
from web4_agent.records.runs import runs, steps
from web4_agent.records.samples import held_out, samples
from web4_agent.records.verdicts import verdicts
from web4_agent.storage.database import metadata
from web4_agent.storage.payload import to_json

NESTED = 10
"""Names in one expression: SQLite's parser overflows at some dozens."""
REPLAYED = "its night is replayed without a forgotten document"
_OTHERS_OWN = frozenset(
    {"documents", "chunks", "references", "timeline", "links", "held_out", "samples", "adapter_documents"}
    | {"replay_documents", "forgotten", "interaction_texts"}
)
"""Tables that are erased by rows, or that hold other people's text, which stays as they wrote it."""


def versions_of(connection: Connection, names: Sequence[DocumentId]) -> list[tuple[DocumentId, ContentHash]]:
    """Every version of these documents, in whatever state."""
    query = select(documents.c.id, documents.c.content_hash).where(documents.c.id.in_(names))
    return [
        (DocumentId(row[0]), ContentHash(row[1]))
        for row in connection.execute(query.order_by(documents.c.id, documents.c.content_hash))
    ]


def rows_of(connection: Connection, names: Sequence[DocumentId]) -> list[DocumentRow]:
    """Every version of these documents, whole, oldest first."""
    found = [find(connection, *row) for row in versions_of(connection, names)]
    return sorted((row for row in found if row is not None), key=lambda row: row.indexed_utc)


def named_like(connection: Connection, name: str) -> list[DocumentId]:
    """Documents and rejected files whose path ends with `name`, for one who gives a file name alone."""
    found: set[str] = set()
    for table in (documents, rejections):
        column = table.c.id
        query = select(column).where(or_(column == name, column.endswith(f"/{name}", autoescape=True)))
        found |= set(connection.execute(query.distinct()).scalars())
    return [DocumentId(one) for one in sorted(found)]


def texts_but(connection: Connection, names: Sequence[DocumentId]) -> Iterator[str]:
    """The texts of all other documents, of every version."""
    query = select(documents.c.text).where(documents.c.id.not_in(names))
    yield from connection.execute(query.execution_options(yield_per=100)).scalars()


def near_copies(connection: Connection, names: Sequence[DocumentId]) -> list[DocumentId]:
    """Files that are not in the buffer because they repeat one of these."""
    found: set[str] = set()
    for name in names:
        repeats = rejections.c.detail.contains(name, autoescape=True)
        query = select(rejections.c.id).where(repeats, rejections.c.id.not_in(names))
        found |= set(connection.execute(query).scalars())
    return [DocumentId(one) for one in sorted(found)]


def first_trained(connection: Connection, rows: Sequence[tuple[DocumentId, ContentHash]]) -> set[AdapterVersion]:
    """Adapters whose own night trained one of these documents, as new or as replayed."""
    names = sorted({row[0] for row in rows})
    found: set[str] = set()
    told = select(adapter_documents.c.adapter).where(adapter_documents.c.document.in_(names))
    found |= set(connection.execute(told).scalars())
    trained = select(samples.c.run).where(or_(samples.c.document.in_(names), samples.c.other.in_(names)))
    found |= set(connection.execute(select(adapters.c.version).where(adapters.c.run.in_(trained))).scalars())
    marked = select(documents.c.adapter).where(documents.c.id.in_(names), documents.c.adapter.is_not(None))
    found |= set(connection.execute(marked).scalars())
    return {AdapterVersion(one) for one in found}


def trained_into(connection: Connection, version: AdapterVersion) -> list[tuple[DocumentId, ContentHash]]:
    """The versions that an adapter's own night added."""
    query = select(adapter_documents.c.document, adapter_documents.c.content_hash)
    return [(row[0], row[1]) for row in connection.execute(query.where(adapter_documents.c.adapter == version))]


def touched_runs(connection: Connection, marks: Sequence[str], tainted: Iterable[AdapterVersion]) -> list[RunId]:
    """Runs that handled what any of `marks` (names, content hashes) stands for, or any of these adapters."""
    sought = [json.dumps(mark, ensure_ascii=False)[1:-1] for mark in (*marks, *sorted(tainted))]
    found: set[str] = set()
    for run, payload in connection.execute(select(steps.c.run, steps.c.payload)):
        if any(one in payload for one in sought):
            found.add(run)
    shown = or_(samples.c.document.in_(marks), samples.c.other.in_(marks))
    found |= set(connection.execute(select(samples.c.run).where(shown)).scalars())
    found |= set(connection.execute(select(held_out.c.run).where(held_out.c.document.in_(marks))).scalars())
    claims = select(documents.c.run).where(documents.c.id.in_(marks), documents.c.run.is_not(None))
    found |= set(connection.execute(claims).scalars())
    made = select(adapters.c.run).where(adapters.c.version.in_(sorted(tainted)), adapters.c.run.is_not(None))
    return [RunId(one) for one in sorted(found | set(connection.execute(made).scalars()))]


def payloads(connection: Connection, step: str) -> dict[RunId, str]:
    """What every run committed at this step, as JSON text, by run in the order of their beginning."""
    query = select(steps.c.run, steps.c.payload).join(runs, runs.c.id == steps.c.run).where(steps.c.name == step)
    return {RunId(row[0]): row[1] for row in connection.execute(query.order_by(runs.c.started_utc, runs.c.id))}


def seconds_of(connection: Connection, run: RunId) -> float:
    """How long the run's committed steps took together."""
    return float(connection.execute(select(func.sum(steps.c.seconds)).where(steps.c.run == run)).scalar() or 0.0)


def erase_documents(
    connection: Connection, rows: Sequence[tuple[DocumentId, ContentHash]], run: RunId, day: date, now: datetime
) -> None:
    """Empty every version of these documents, keep their name as a hash, and take them out of chunks and graph."""
    names = sorted({row[0] for row in rows})
    chunks.remove_all(connection, names)
    for name in names:
        timeline.remove(connection, name)
        file_name = name.rpartition("/")[2]
        pointing = or_(links.c.source == name, links.c.target == name, links.c.target_name == file_name)
        connection.execute(delete(links).where(pointing))
        connection.execute(
            delete(rejections).where(or_(rejections.c.id == name, rejections.c.detail.contains(name, autoescape=True)))
        )
        hidden = DocumentId(f"forgotten:{forgettings.hash_of(name)}")
        connection.execute(delete(documents).where(documents.c.id == hidden))
        connection.execute(update(documents).where(documents.c.id == name).values(**_emptied(hidden, run, day, now)))
    connection.execute(update(documents).where(documents.c.origin.in_(names)).values(origin=None))
    forgettings.drop_from_nights(connection, rows)


def erase_nights(
    connection: Connection, touched: Sequence[RunId], trained: Sequence[RunId], names: Sequence[DocumentId]
) -> None:
    """The samples and held-out texts of the runs in `trained`, what other runs had of these documents, and the steps
    and verdicts of every touched run. That the runs were stays."""
    for start in range(0, len(trained), PAGE):
        page = trained[start : start + PAGE]
        connection.execute(delete(samples).where(samples.c.run.in_(page)))
        connection.execute(delete(held_out).where(held_out.c.run.in_(page)))
    connection.execute(delete(samples).where(or_(samples.c.document.in_(names), samples.c.other.in_(names))))
    connection.execute(delete(held_out).where(held_out.c.document.in_(names)))
    for start in range(0, len(touched), PAGE):
        page = touched[start : start + PAGE]
        connection.execute(delete(steps).where(steps.c.run.in_(page)))
        connection.execute(delete(verdicts).where(verdicts.c.run.in_(page)))


def remove_adapters(
    connection: Connection, gone: Sequence[AdapterVersion], left: Sequence[AdapterVersion], touched: Sequence[RunId]
) -> int:
    """Mark adapters removed, and free the other documents of those and of the ones `left` behind for training anew.

    Returns how many documents went back into the buffer.
    """
    connection.execute(update(adapters).where(adapters.c.version.in_(gone)).values(state=AdapterState.REMOVED))
    rejected = (adapters.c.run.in_(touched), adapters.c.state == AdapterState.REJECTED)
    connection.execute(update(adapters).where(*rejected).values(state=AdapterState.REMOVED))
    unbound = sorted({*gone, *left})
    connection.execute(delete(adapter_documents).where(adapter_documents.c.adapter.in_(gone)))
    of_these = documents.c.adapter.in_(unbound)
    freed = {"adapter": None, "run": None, "trained_utc": None}
    back = connection.execute(
        update(documents)
        .where(of_these, documents.c.state == DocumentState.HISTORICAL)
        .values(**freed, state=DocumentState.BUFFERED, reason=REPLAYED)
    ).rowcount
    connection.execute(update(documents).where(of_these).values(**freed))
    return back


def unpoint(connection: Connection, gone: Sequence[AdapterVersion], golden: AdapterVersion) -> None:
    """Golden becomes `golden` where it was one of these, and what served before is not one of them."""
    connection.execute(update(pointer).where(pointer.c.golden.in_(gone)).values(golden=golden))
    connection.execute(update(pointer).where(pointer.c.previous.in_(gone)).values(previous=None))


def give_up_open_night(connection: Connection, flow: str, now: datetime) -> RunId | None:
    """End an open run of this flow as failed and give its documents back to the buffer."""
    query = select(runs.c.id).where(runs.c.flow == flow, runs.c.state == RunState.OPEN)
    found = connection.execute(query).scalar_one_or_none()
    if found is None:
        return None
    connection.execute(
        update(documents)
        .where(documents.c.run == found, documents.c.state == DocumentState.CLAIMED)
        .values(state=DocumentState.BUFFERED, run=None, reason="its night was given up to forget a document")
    )
    connection.execute(update(runs).where(runs.c.id == found).values(state=RunState.FAILED, ended_utc=now))
    return RunId(found)


def scrub(connection: Connection, marks: Sequence[str]) -> int:
    """Write `[forgotten]` in place of these names wherever else the ledger mentions them; returns in how many rows.

    One pass a table for a few names each: the query log may have millions of rows, and a database refuses expressions
    nested deeper.
    """
    scrubbed = [table for table in metadata.sorted_tables if table.name not in _OTHERS_OWN and _texts(table)]
    pages = [marks[start : start + NESTED] for start in range(0, len(marks), NESTED)]
    return sum(_scrub(connection, table, page) for table in scrubbed for page in pages)


def merge_words(connection: Connection) -> None:
    """Let the word index forget the words of deleted chunks: until its parts are merged they lie in the old ones."""
    if connection.dialect.name == "sqlite":
        connection.execute(text("INSERT INTO chunks_lexical (chunks_lexical) VALUES ('optimize')"))


def _emptied(hidden: DocumentId, run: RunId, day: date, now: datetime) -> dict[str, object]:
    return {
        "id": hidden,
        "text_hash": "",
        "day": day,
        "state": DocumentState.FORGOTTEN,
        "reason": f"forgotten by {run}",
        "title": "",
        "header": to_json(replace(Header(), ok_to_retrieve=False, ok_to_train=False)),
        "text": "",
        "quality": 0.0,
        "quality_parts": to_json(QualityScore(0.0, 0.0, 0.0, 0.0, 0.0)),
        "ok_to_train": False,
        "ok_to_retrieve": False,
        "indexed_utc": now,
        "run": None,
        "adapter": None,
        "trained_utc": None,
        "origin": None,
    }


def _texts(table: Table) -> list[Column[str]]:
    keys = set(table.primary_key.columns)
    return [one for one in table.columns if isinstance(one.type, String | Text) and one not in keys]


def _scrub(connection: Connection, table: Table, marks: Sequence[str]) -> int:
    columns = _texts(table)
    values: dict[str, object] = {}
    for column in columns:
        changed: ColumnElement[str] = column
        for mark in marks:
            changed = func.replace(changed, mark, REPLACEMENT)
        values[column.name] = changed
    mentioned = or_(*(column.contains(mark, autoescape=True) for column in columns for mark in marks))
    return connection.execute(update(table).where(mentioned).values(values)).rowcount
