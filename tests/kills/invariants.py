"""What must hold of a home, at every instant and after a run that was not killed: one module for every test that kills.

A breach is a value with its kind, so that a thousand kills can be counted; `check_invariants` raises on any.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from sqlalchemy import Connection, select

from web4_agent.backends.exporters.scripted import ScriptedExporter
from web4_agent.backends.vectors.base import VectorStore
from web4_agent.domain.adapters import Adapter, AdapterState
from web4_agent.domain.documents import DocumentState
from web4_agent.domain.home import Home
from web4_agent.domain.ids import BASE, RunId
from web4_agent.domain.runs import RunState
from web4_agent.domain.verdicts import Decision
from web4_agent.records import adapters, chunks, collections, documents, runs, verdicts
from web4_agent.records.adapters import adapter_documents
from web4_agent.steps.projection import differences
from web4_agent.steps.promote import MANIFEST, WEIGHTS
from web4_agent.storage.artifacts import hash_file
from web4_agent.storage.atomic import TEMPORARY_PREFIX
from web4_agent.storage.database import Database

ARTEFACT = ScriptedExporter().artefact_name


IN_USE = (DocumentState.BUFFERED, DocumentState.HISTORICAL, DocumentState.QUARANTINED)
"""Of these a document has one; a version that is claimed may have a newer one beside it."""
WAITS = (DocumentState.BUFFERED, DocumentState.CLAIMED)


class Kind(StrEnum):
    LOST = "lost"
    """A document is in no state, in two, or in one that its run or adapter contradicts."""
    TWICE = "trained twice"
    POINTER = "broken pointer"
    VECTORS = "vectors differ"
    ORPHAN = "orphan"
    REPORT = "no report"


@dataclass(frozen=True, slots=True)
class Breach:
    kind: Kind
    what: str


class Held(Protocol):
    """A home with its ledger and its vectors, open or not."""

    @property
    def home(self) -> Home: ...

    @property
    def database(self) -> Database: ...

    @property
    def store(self) -> VectorStore: ...


def check_invariants(world: Held) -> None:
    """What must hold after any flow that ended, however it went."""
    found = [*at_every_instant(world), *after_a_run(world)]
    assert found == [], found


def at_every_instant(world: Held) -> list[Breach]:
    """What must hold of the ledger and of the adapters' files, also in the moment after a kill."""
    with world.database.begin() as connection:
        return [*_documents(connection), *_trained_once(connection), *_pointer(connection, world)]


def after_a_run(world: Held, *, resting: bool = True) -> list[Breach]:
    """What must hold, besides, when a flow has ended: every projection follows, and nothing is left over.

    Not `resting`, another flow may have been killed before and wait to be run again.
    """
    with world.database.begin() as connection:
        found = [*_reports(connection, world), *_folders(connection, world)]
        found += _at_rest(connection) if resting else []
    return [*found, *_serving(world), *_vectors(world), *_leftovers(world)]


def _documents(connection: Connection) -> Iterator[Breach]:
    """Every version is there once and in a state that its run and its adapter bear out."""
    for name in documents.contradictions(connection):
        yield Breach(Kind.LOST, f"{name} contradicts its state")
    lineage = {one.version for one in adapters.lineage(connection, adapters.read_pointer(connection).production)}
    taught = _taught(connection)
    rows = documents.in_state(connection, *DocumentState)
    for row in rows:
        in_lineage = {version for version, *key in taught if version in lineage and key == [row.id, row.content_hash]}
        if row.state is DocumentState.HISTORICAL and row.adapter not in in_lineage:
            yield Breach(Kind.LOST, f"{row.id} is history, but {row.adapter} does not serve, or was not taught it")
        if row.state in WAITS and in_lineage:
            yield Breach(Kind.TWICE, f"{row.id} is {row.state}, but {in_lineage}, which serves, was taught it")
        if row.state is DocumentState.CLAIMED and not _open(connection, row.run):
            yield Breach(Kind.LOST, f"{row.id} is claimed by {row.run}, which is not open")
    for name, count in Counter(row.id for row in rows if row.state in IN_USE).items():
        if count > 1:
            yield Breach(Kind.LOST, f"{name} is in {count} states")


def _open(connection: Connection, run: RunId | None) -> bool:
    found = runs.get(connection, run) if run else None
    return found is not None and found.state is RunState.OPEN


def _trained_once(connection: Connection) -> Iterator[Breach]:
    taught = _taught(connection)
    for adapter in adapters.every(connection):
        lineage = {one.version for one in adapters.lineage(connection, adapter.version)}
        counts = Counter((document, digest) for version, document, digest in taught if version in lineage)
        for (document, _), count in counts.items():
            if count > 1:
                yield Breach(Kind.TWICE, f"{document} was trained {count} times into the lineage of {adapter.version}")


def _pointer(connection: Connection, world: Held) -> Iterator[Breach]:
    """The pointer names a promoted adapter that is whole, was judged fit, and whose night committed its promotion."""
    pointer = adapters.read_pointer(connection)
    if adapters.moves(connection)[-1][2] != pointer.production:
        yield Breach(Kind.POINTER, f"the moves of the pointer do not lead to {pointer.production}")
    for adapter in adapters.every(connection):
        if adapter.version == BASE or adapter.state is not AdapterState.PROMOTED:
            continue
        steps = runs.committed(connection, adapter.run) if adapter.run else {}
        if steps:  # else its night was told by a test, not lived
            yield from _judged(connection, adapter, steps)
        yield from _whole(adapter, world)


def _judged(connection: Connection, adapter: Adapter, steps: Collection[str]) -> Iterator[Breach]:
    verdict = verdicts.of_adapter(connection, adapter.version)
    passed = verdict.candidate_hash if verdict is not None and verdict.decision is Decision.PROMOTE else None
    if passed is None or passed != adapter.artefact_hash:
        yield Breach(Kind.POINTER, f"{adapter.version} never passed its gate")
    if "promote" not in steps:
        yield Breach(Kind.POINTER, f"{adapter.version} is promoted, but its night has not committed that")


def _whole(adapter: Adapter, world: Held) -> Iterator[Breach]:
    folder = world.home.adapter(adapter.version)
    for name, expected in ((ARTEFACT, adapter.artefact_hash), (WEIGHTS, adapter.weights_hash)):
        if not (folder / name).is_file() or hash_file(folder / name) != expected:
            yield Breach(Kind.POINTER, f"{adapter.version} has no whole {name}")
    if not (folder / MANIFEST).is_file():
        yield Breach(Kind.POINTER, f"{adapter.version} has no manifest")
        return
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    if (manifest["verdict"]["decision"], manifest["verdict"]["candidate_hash"]) != ("promote", adapter.artefact_hash):
        yield Breach(Kind.POINTER, f"the manifest of {adapter.version} tells of another verdict")
    named = {document for document, _ in manifest.get("documents", [])}
    if named and named != set(adapter.documents):
        yield Breach(Kind.POINTER, f"the manifest of {adapter.version} names other documents than the ledger")


def _at_rest(connection: Connection) -> Iterator[Breach]:
    """Neither a night nor a rollback is open, and nothing is claimed. Forgetting may wait for its nights."""
    for run in filter(None, (runs.open_run(connection, flow) for flow in ("night", "rollback"))):
        yield Breach(Kind.REPORT, f"{run.id} is still open")
    for row in documents.in_state(connection, DocumentState.CLAIMED):
        yield Breach(Kind.LOST, f"{row.id} is still claimed")


def _reports(connection: Connection, world: Held) -> Iterator[Breach]:
    """Every night that ended says how, in both forms, and a promoted one has filed away what it was taught."""
    told = (RunState.PROMOTED, RunState.REJECTED, RunState.NOTHING_NEW, RunState.DONE)
    for run in runs.recent(connection, "night", 14):
        if run.state not in told:
            continue
        folder = world.home.run(run.id)
        if not folder.exists():  # old ones go, and those of which something was forgotten
            continue
        if not (folder / "report.json").is_file() or not (folder / "report.md").is_file():
            yield Breach(Kind.REPORT, f"{run.id} left no report")
            continue
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        steps = list(runs.committed(connection, run.id))
        if report["state"] != run.state or [one["name"] for one in report["times"]] != steps[:-1]:
            yield Breach(Kind.REPORT, f"the report of {run.id} tells another story than the ledger")
        if run.state is RunState.PROMOTED:
            yield from _archived(connection, world, run.id)


def _archived(connection: Connection, world: Held, run: str) -> Iterator[Breach]:
    file = world.home.archive / f"{run}.json"
    archived = {one["pdca_id"] for one in json.loads(file.read_text(encoding="utf-8"))} if file.is_file() else set()
    made = [one for one in adapters.every(connection) if one.run == run]
    if made and archived != set(made[0].documents):  # none: a later night made the same adapter again
        yield Breach(Kind.REPORT, f"the archive of {run} names other documents than it was taught")


def _folders(connection: Connection, world: Held) -> Iterator[Breach]:
    known = {one.version for one in adapters.every(connection) if one.state is AdapterState.PROMOTED}
    for path in world.home.adapters.iterdir():
        if path.name not in known:
            yield Breach(Kind.ORPHAN, f"adapters/{path.name} is no adapter of the ledger")
    for path in world.home.runs.iterdir():
        if path.is_dir() and runs.get(connection, RunId(path.name)) is None:
            yield Breach(Kind.ORPHAN, f"runs/{path.name} is no run of the ledger")
        if (path / "work").exists() and not _open(connection, RunId(path.name)):
            yield Breach(Kind.ORPHAN, f"runs/{path.name} kept its work folder")


def _serving(world: Held) -> Iterator[Breach]:
    with world.database.begin() as connection:
        production = adapters.get(connection, adapters.read_pointer(connection).production)
    assert production is not None
    said = json.loads(world.home.serving.read_text(encoding="utf-8"))
    if (said["version"], said["artefact_hash"]) != (production.version, production.artefact_hash):
        yield Breach(Kind.POINTER, f"serving.json names {said['version']}, the ledger {production.version}")


def _vectors(world: Held) -> Iterator[Breach]:
    """Each collection holds the ledger's chunks, no other, and its readers were told of the last change."""
    with world.database.begin() as connection:
        unfinished = collections.unfinished(connection)
        texts = {
            chunk.id: chunk.text
            for chunk in chunks.of_documents(connection, list(set(chunks.ids(connection).values())))
        }
    for one in differences(world.database, world.store):
        if not one.empty:
            yield Breach(Kind.VECTORS, f"{one.collection} differs in {(*one.missing, *one.surplus)}")
        if one.collection in unfinished:
            yield Breach(Kind.VECTORS, f"the readers of {one.collection} were not told of its last change")
        for entry, _ in getattr(world.store, "entries", lambda name: [])(one.collection):
            if texts.get(entry.id) != entry.text:
                yield Breach(Kind.VECTORS, f"{one.collection} holds another text for {entry.id} than the ledger")


def _leftovers(world: Held) -> Iterator[Breach]:
    for path in world.home.root.rglob(f"{TEMPORARY_PREFIX}*"):
        yield Breach(Kind.ORPHAN, str(path.relative_to(world.home.root)))


def _taught(connection: Connection) -> set[tuple[str, str, str]]:
    rows = connection.execute(select(adapter_documents))
    return {(row.adapter, row.document, row.content_hash) for row in rows}
