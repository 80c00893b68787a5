"""The doctor: holds every projection against the truth, and repairs with `--fix` what can be made again.

The ledger is never changed to fit a projection; an adapter whose bytes are wrong is taken from its backup.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from web4_agent.backends.embedders.base import Embedder
from web4_agent.backends.vectors.base import VectorStore
from web4_agent.domain.adapters import Adapter, AdapterState
from web4_agent.domain.errors import Web4Error
from web4_agent.domain.home import Home
from web4_agent.domain.ids import BASE
from web4_agent.records import adapters, documents
from web4_agent.steps.projection import differences, synchronise
from web4_agent.steps.promote import converge, served
from web4_agent.storage.artifacts import hash_file
from web4_agent.storage.atomic import leftovers, publish_folder, remove_folder
from web4_agent.storage.database import Database
from web4_agent.storage.lock import exclusive


@dataclass(frozen=True, slots=True)
class DoctorParts:
    """`verify_models` raises what is wrong with the base model or the embedder."""

    database: Database
    home: Home
    artefact: str
    embedder: Callable[[], Embedder]
    open_store: Callable[[], VectorStore]
    verify_models: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Finding:
    """`fixed` is None where nothing was wrong or nothing was tried; `hint` is what to type where a person is needed."""

    check: str
    healthy: bool
    detail: str
    fixed: bool | None = None
    hint: str = ""


def examine(parts: DoctorParts, *, fix: bool) -> tuple[Finding, ...]:
    """Every check, in order. Raises BusyError when a night runs; findings never raise."""
    with exclusive(parts.home.night_lock, doing="the doctor"):
        return tuple(
            finding
            for check in (_leftovers, _models, _adapters, _documents, _serving, _vectors)
            for finding in _guarded(check, parts, fix=fix)
        )


def _guarded(check: Callable[..., Iterator[Finding]], parts: DoctorParts, *, fix: bool) -> Iterator[Finding]:
    try:
        yield from check(parts, fix=fix)
    except Web4Error as error:
        yield Finding(check.__name__.strip("_"), healthy=False, detail=error.message, hint=error.hint)


def _leftovers(parts: DoctorParts, *, fix: bool) -> Iterator[Finding]:
    """What killed publishes left behind, and adapter folders that the ledger does not know."""
    found = [path for folder in (*parts.home.folders, parts.home.root) for path in leftovers(folder)]
    with parts.database.begin() as connection:
        known = {str(adapter.version) for adapter in adapters.every(connection)}
    if parts.home.adapters.is_dir():
        found += [path for path in parts.home.adapters.iterdir() if path.name not in known and path not in found]
    if fix:
        for path in found:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    detail = f"{len(found)} left by killed runs: {', '.join(path.name for path in found[:5])}" if found else "none"
    yield Finding("leftovers", not found, detail, fixed=bool(fix) if found else None)


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
    try:
        found = differences(parts.database, store)
        if fix and any(not one.empty for one in found):
            synchronise(parts.database, store, parts.embedder())
            still = differences(parts.database, store)
        else:
            still = found
    finally:
        store.close()
    for before, after in zip(found, still, strict=True):
        detail = "equal to the ledger"
        if not before.empty:
            detail = f"{len(before.missing)} documents missing, {len(before.surplus)} too many"
        yield Finding(
            f"collection {before.collection}", before.empty, detail, after.empty if fix and not before.empty else None
        )


def _restore(parts: DoctorParts, adapter: Adapter) -> bool:
    backup = parts.home.backups / adapter.version
    whole = backup / parts.artefact
    if not whole.is_file() or hash_file(whole) != adapter.artefact_hash:
        return False
    remove_folder(parts.home.adapter(adapter.version))
    publish_folder(lambda folder: _copy(backup, folder), parts.home.adapter(adapter.version))
    return True


def _copy(source: Path, folder: Path) -> None:
    shutil.copytree(source, folder, dirs_exist_ok=True)
