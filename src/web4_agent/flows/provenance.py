"""Where an answer came from: its route and sources, the adapter that gave it and that adapter's lineage, and which
trained documents are nearest to what was said.

Called by the CLI. What is near was not thereby the cause: a weight bears no name. Never writes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from web4_agent.backends.embedders.base import Embedder
from web4_agent.backends.vectors.base import VectorStore
from web4_agent.domain.adapters import Adapter
from web4_agent.domain.documents import DocumentState
from web4_agent.domain.errors import UsageError, VectorStoreError
from web4_agent.domain.ids import BASE, AdapterVersion, DocumentId, RunId
from web4_agent.domain.queries import Feedback, Interaction, ResponseId
from web4_agent.records import adapters, documents, feedback, interactions, runs, samples, verdicts
from web4_agent.steps.projection import HISTORY
from web4_agent.storage.database import Database

NEAREST = 5
CANDIDATES = 60
"""Chunks looked at: enough for five documents where each has a dozen."""


@dataclass(frozen=True, slots=True)
class ProvenanceParts:
    database: Database
    embedder: Callable[[], Embedder]
    open_store: Callable[[], VectorStore]


@dataclass(frozen=True, slots=True)
class Night:
    """One adapter of the lineage and the night that made it; `decision` and `reasons` are of its verdict.

    The base model has neither run nor verdict.
    """

    adapter: AdapterVersion
    run: RunId | None
    day: date | None
    documents: int
    scale: float
    decision: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShownSource:
    """A passage that was put before the model. `trained_into` is the adapter of the lineage that was also taught it."""

    number: int
    document: DocumentId
    title: str
    collection: str
    similarity: float
    score: float
    trained_into: str


@dataclass(frozen=True, slots=True)
class TrainedDocument:
    """A trained document near the answer. `night` taught it first; `samples` counts those of every night by run."""

    document: DocumentId
    title: str
    similarity: float
    passage: str
    adapter: AdapterVersion
    night: RunId | None
    day: date | None
    samples: Mapping[RunId, int]


@dataclass(frozen=True, slots=True)
class Provenance:
    """`trained` counts the documents taught to the lineage, `gone` those of them that can't be compared any more.

    `notes` say what is not known, and why.
    """

    interaction: Interaction
    feedback: tuple[Feedback, ...]
    lineage: tuple[Night, ...]
    sources: tuple[ShownSource, ...]
    trained: int
    gone: int
    nearest: tuple[TrainedDocument, ...]
    notes: tuple[str, ...]


def why(parts: ProvenanceParts, response: str) -> Provenance:
    """Raises UsageError when no response is called so, DatabaseError."""
    with parts.database.read() as connection:
        asked = interactions.get(connection, ResponseId(response))
        if asked is None:
            raise UsageError(
                f"no response is called {response[:40]!r}",
                "take the id from the answer; web4-agent export lists those of the last days",
            )
        lineage = adapters.lineage(connection, asked.adapter)
        nights = tuple(_night(connection, adapter) for adapter in lineage)
        said = feedback.of_responses(connection, [asked.response]).get(asked.response, ())
        taught = _taught(lineage)
        sources = _sources(connection, asked, taught)
    near, notes = _near(parts, asked, taught)
    with parts.database.read() as connection:
        nearest, gone = _described(connection, near, taught, nights)
    return Provenance(asked, said, nights, sources, len(taught), gone, nearest, (*_remarks(asked, lineage), *notes))


def _night(connection: Connection, adapter: Adapter) -> Night:
    run = runs.get(connection, adapter.run) if adapter.run else None
    verdict = verdicts.of_adapter(connection, adapter.version)
    return Night(
        adapter.version,
        adapter.run,
        run.day if run else None,
        len(adapter.documents),
        adapter.scale,
        verdict.decision if verdict else "",
        verdict.reasons if verdict else (),
    )


def _taught(lineage: list[Adapter]) -> dict[DocumentId, AdapterVersion]:
    """Every document of the lineage and the adapter that was taught it first."""
    return {document: adapter.version for adapter in lineage for document in adapter.documents}


def _sources(
    connection: Connection, asked: Interaction, taught: Mapping[DocumentId, AdapterVersion]
) -> tuple[ShownSource, ...]:
    rows = {source.document: documents.present(connection, source.document) for source in asked.sources}
    return tuple(
        ShownSource(
            source.number,
            source.document,
            row.title if (row := rows[source.document]) else "",
            source.collection,
            source.similarity,
            source.score,
            taught.get(source.document, ""),
        )
        for source in asked.sources
    )


def _near(
    parts: ProvenanceParts, asked: Interaction, taught: Mapping[DocumentId, AdapterVersion]
) -> tuple[dict[DocumentId, tuple[float, str]], list[str]]:
    """The taught documents nearest to the answer, best first: likeness and passage; and why there are none."""
    if not taught:
        return {}, []
    if not asked.answer.strip():
        return {}, ["the answer's text is not kept (any more), so nothing can be compared with it"]
    found: dict[DocumentId, tuple[float, str]] = {}
    try:
        store = parts.open_store()
        try:
            for match in store.query(HISTORY, parts.embedder().embed([asked.answer])[0], CANDIDATES):
                if match.entry.document in taught and len(found) < NEAREST:
                    found.setdefault(match.entry.document, (match.similarity, match.entry.text))
        finally:
            store.close()
    except VectorStoreError as error:
        return {}, [f"nothing could be compared with the answer: {error.message}"]
    return found, []


def _described(
    connection: Connection,
    near: Mapping[DocumentId, tuple[float, str]],
    taught: Mapping[DocumentId, AdapterVersion],
    nights: tuple[Night, ...],
) -> tuple[tuple[TrainedDocument, ...], int]:
    """What is near with its nights, and how many taught documents are no longer in history."""
    states = documents.live_states(connection)
    gone = sum(states.get(document) is not DocumentState.HISTORICAL for document in taught)
    of = {night.adapter: night for night in nights}
    counted = samples.by_night(connection, list(near), [night.run for night in nights if night.run])
    described = []
    for document, (similarity, passage) in near.items():
        row, night = documents.present(connection, document), of[taught[document]]
        described.append(
            TrainedDocument(
                document,
                row.title if row else "",
                similarity,
                passage,
                night.adapter,
                night.run,
                night.day,
                counted.get(document, {}),
            )
        )
    return tuple(described), gone


def _remarks(asked: Interaction, lineage: list[Adapter]) -> list[str]:
    if asked.adapter == BASE:
        return ["the base model answered: nothing of the journal was trained into it"]
    if not lineage:
        return [f"the ledger does not know the adapter {asked.adapter} (any more)"]
    return []
