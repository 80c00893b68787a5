"""The doctor: holds every projection against the truth, and repairs with `--fix` what can be made again.

The ledger is never changed to fit a projection; an adapter whose bytes are wrong is taken from its backup.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from web4_agent.backends.embedders.base import Embedder
from web4_agent.backends.vectors.base import VectorStore
from web4_agent.domain.adapters import Adapter, AdapterState
from web4_agent.domain.errors import VectorStoreError, Web4Error
from web4_agent.domain.home import Home
from web4_agent.domain.ids import BASE, RunId
from web4_agent.domain.runs import RunState
from web4_agent.records import adapters, alerts, calibrations, collections, documents, runs
from web4_agent.steps.backup import ADAPTERS, listed, opened, verify
from web4_agent.steps.foreign_vectors import Foreign, foreign
from web4_agent.steps.projection import COLLECTIONS, differences, rebuild, synchronise
from web4_agent.steps.promote import converge, served
from web4_agent.storage.artifacts import hash_file
from web4_agent.storage.atomic import leftovers, publish_folder, remove_folder
from web4_agent.storage.database import Database
from web4_agent.storage.lock import exclusive

TOLD_FOR = timedelta(days=14)
CHANNEL_DOWN_AFTER = timedelta(hours=1)
MOST_SEARCHED = 1000
"""Neighbours asked for to see that an index is whole: more would take seconds on a large one."""


@dataclass(frozen=True, slots=True)
class DoctorParts:
    """`verify_models` raises what is wrong with the base model or the embedder."""

    database: Database
    home: Home
    artefact: str
    embedder: Callable[[], Embedder]
    open_store: Callable[[], VectorStore]
    verify_models: Callable[[], None]
    reached: Callable[[str], None] = lambda point: None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Finding:
    """`fixed` is None where nothing was wrong or nothing was tried; `hint` is what to type where a person is needed."""

    check: str
    healthy: bool
    detail: str
    fixed: bool | None = None
    hint: str = ""


def examine(parts: DoctorParts, *, fix: bool) -> tuple[Finding, ...]:
    """Every check, in order. Raises BusyError when a night or a backup runs; findings never raise."""
    doing = "the doctor"
    with exclusive(parts.home.backup_lock, doing=doing), exclusive(parts.home.night_lock, doing=doing):
        return tuple(
            finding
            for check in (_leftovers, _models, _adapters, _documents, _serving, _vectors, _backups, _alerts, _items)
            for finding in _guarded(check, parts, fix=fix)
        )


def _guarded(check: Callable[..., Iterator[Finding]], parts: DoctorParts, *, fix: bool) -> Iterator[Finding]:
    try:
        yield from check(parts, fix=fix)
        parts.reached(f"doctor.{check.__name__.strip('_')}.done")
    except Web4Error as error:
        yield Finding(check.__name__.strip("_"), healthy=False, detail=error.message, hint=error.hint)


def _leftovers(parts: DoctorParts, *, fix: bool) -> Iterator[Finding]:
    """What killed publishes left behind, adapter folders that the ledger does not know, and what only a run needed that
    has ended."""
    within_runs = [path for path in parts.home.runs.glob("[!.]*/**") if path.is_dir()]
    found = [path for folder in (*parts.home.folders, parts.home.root, *within_runs) for path in leftovers(folder)]
    found = [path for path in found if not any(outer in path.parents for outer in found)]
    with parts.database.begin() as connection:
        known = {str(adapter.version) for adapter in adapters.every(connection)}
        works = [path for path in parts.home.runs.glob("*/work") if not _open(connection, path.parent.name)]
    if parts.home.adapters.is_dir():
        found += [path for path in parts.home.adapters.iterdir() if path.name not in known and path not in found]
    found += works
    if fix:
        for path in found:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    detail = f"{len(found)} left by killed runs: {', '.join(path.name for path in found[:5])}" if found else "none"
    yield Finding("leftovers", not found, detail, fixed=bool(fix) if found else None)


def _open(connection: Connection, run: str) -> bool:
    known = runs.get(connection, RunId(run))
    return known is not None and known.state is RunState.OPEN


def _models(parts: DoctorParts, *, fix: bool) -> Iterator[Finding]:
    del fix  # a person decides to convert a model anew: it may be gigabytes
    parts.verify_models()
    yield Finding("models", healthy=True, detail="base model and embedder are whole")


def _adapters(parts: DoctorParts, *, fix: bool) -> Iterator[Finding]:
    """Every promoted adapter's file has the hash that was judged; else its backup takes its place."""
    with parts.database.begin() as connection:
        promoted = [one for one in adapters.every(connection) if one.state is AdapterState.PROMOTED]
    for adapter in promoted:
        if adapter.version == BASE:
            continue
        try:
            served(adapter, parts.home, parts.artefact)
        except Web4Error as error:
            fixed = _restore(parts, adapter) if fix else None
            yield Finding(
                f"adapter {adapter.version}",
                healthy=False,
                detail=error.message,
                fixed=fixed,
                hint="web4-agent rollback",
            )
        else:
            yield Finding(f"adapter {adapter.version}", healthy=True, detail="whole")


def _documents(parts: DoctorParts, *, fix: bool) -> Iterator[Finding]:
    """What is marked trained names an adapter that was taught it."""
    del fix  # the ledger is the truth: a contradiction in it is for a person
    with parts.database.begin() as connection:
        wrong = documents.contradictions(connection)
    detail = f"{len(wrong)} contradict their state: {', '.join(wrong[:5])}" if wrong else "every one in one state"
    yield Finding("documents", not wrong, detail, hint="web4-agent adapters" if wrong else "")


def _serving(parts: DoctorParts, *, fix: bool) -> Iterator[Finding]:
    with parts.database.begin() as connection:
        production = adapters.get(connection, adapters.read_pointer(connection).production)
    assert production is not None, "the pointer's foreign key"
    before = parts.home.serving.read_bytes() if parts.home.serving.is_file() else b""
    healthy = str(production.version).encode() in before
    if fix:
        converge(production, parts.home, parts.artefact)
    detail = f"{production.version} serves" if healthy else f"serving.json does not name {production.version}"
    yield Finding("serving", healthy, detail, fixed=bool(fix) if not healthy else None)


def _vectors(parts: DoctorParts, *, fix: bool) -> Iterator[Finding]:
    store = parts.open_store()
    others: dict[str, Foreign] = {}
    try:
        with parts.database.read() as connection:
            unfinished = collections.unfinished(connection)
        try:
            _read_through(store)
        except VectorStoreError as error:
            if not (fix and error.damaged):
                raise
            store.close()
            remove_folder(parts.home.vectors)  # a projection: the ledger has all that was in it
            yield Finding("vectors", healthy=False, detail=f"{error.message}; made anew", fixed=True)
        others = {one.collection: one for one in foreign(parts.database, store, parts.embedder)}
        if fix:
            _embed_anew(parts, store, others.values())
        found = differences(parts.database, store)
        if fix and (unfinished or any(not one.empty for one in found)):
            synchronise(parts.database, store, parts.embedder(), reached=lambda point: parts.reached(f"doctor.{point}"))
            still = differences(parts.database, store)
        else:
            still = found
    finally:
        store.close()
    for before, after in zip(found, still, strict=True):
        detail = "equal to the ledger"
        if not before.empty:
            detail = f"{len(before.missing)} documents missing, {len(before.surplus)} too many"
        elif before.collection in unfinished:
            detail = "a change of it was not ended: readers don't know of it"
        other = others.get(before.collection)
        if other is not None:
            detail = _of_another_embedder(other)
        healthy = before.empty and before.collection not in unfinished and other is None
        yield Finding(f"collection {before.collection}", healthy, detail, after.empty if fix and not healthy else None)


def _embed_anew(parts: DoctorParts, store: VectorStore, others: Iterable[Foreign]) -> None:
    """In place, so that readers find the collection whole meanwhile; or from nothing, where lengths differ."""
    if any(one.likeness is None for one in others):
        store.close()
        remove_folder(parts.home.vectors)  # a collection takes vectors of one length
        return
    for one in others:
        rebuild(parts.database, store, parts.embedder(), one.collection)


def _of_another_embedder(found: Foreign) -> str:
    """The ledger says which documents, the embedder which numbers."""
    likeness = "" if found.likeness is None else f", {found.likeness:.2f} alike"
    return f"vectors of another embedder ({found.length} numbers each{likeness})"


def _read_through(store: VectorStore) -> None:
    """Raises VectorStoreError when a collection can't be listed or searched: an index is another file than its rows."""
    for name in COLLECTIONS:
        ids = list(store.ids(name))
        if ids:
            vector = store.vectors(name, ids[:1])[ids[0]]
            store.query(name, vector, min(len(ids), MOST_SEARCHED))


def _alerts(parts: DoctorParts, *, fix: bool) -> Iterator[Finding]:
    """Alerts reach people: none failed for longer than an hour, none was given up in the last two weeks."""
    del fix  # what is wrong is a channel, or its address
    now = parts.now()
    with parts.database.read() as connection:
        found = alerts.undelivered(connection, now - TOLD_FOR)
    gave_up = [one for one in found if one.state is alerts.DeliveryState.GAVE_UP]
    waiting = [one for one in found if one not in gave_up and one.since_utc < now - CHANNEL_DOWN_AFTER]
    worst = ", ".join(sorted({f"{one.channel} ({one.trouble})" for one in (*gave_up, *waiting)}))
    detail = f"{len(gave_up)} given up, {len(waiting)} wait: {worst}" if worst else "every one reached its channels"
    yield Finding("alerts", not worst, detail, hint="web4-agent alerts list" if worst else "")


def _items(parts: DoctorParts, *, fix: bool) -> Iterator[Finding]:
    """The items that decide still say what the sealed ones say."""
    del fix  # new items are for a person to write
    with parts.database.read() as connection:
        found = calibrations.latest_audit(connection)
    detail = found.sentence if found else "not audited yet"
    worn = found is not None and found.apart
    yield Finding("gate items", not worn, detail, hint="web4-agent gate audit" if worn else "")


def _backups(parts: DoctorParts, *, fix: bool) -> Iterator[Finding]:
    """Every backup in the home reads back as it was written."""
    del fix  # what a damaged one still holds may be all there is of it
    found = listed(parts.home.backups)
    if not found:
        yield Finding("backups", healthy=True, detail="none yet")
    for path in found:
        try:
            with opened(path, parts.home.backups) as folder:
                verify(folder)
        except Web4Error as error:
            yield Finding(
                f"backup {path.name}",
                healthy=False,
                detail=error.message,
                hint=f"web4-agent backup, then remove {path}",
            )
        else:
            yield Finding(f"backup {path.name}", healthy=True, detail="whole")


def _restore(parts: DoctorParts, adapter: Adapter) -> bool:
    """Put an adapter back from the newest backup that holds it whole."""
    places = [path / ADAPTERS / adapter.version for path in reversed(listed(parts.home.backups))]
    for backup in places:
        whole = backup / parts.artefact
        if whole.is_file() and hash_file(whole) == adapter.artefact_hash:
            remove_folder(parts.home.adapter(adapter.version))
            parts.reached("doctor.restore.removed")
            publish_folder(partial(_copy, backup), parts.home.adapter(adapter.version))
            return True
    return False


def _copy(source: Path, folder: Path) -> None:
    shutil.copytree(source, folder, dirs_exist_ok=True)
