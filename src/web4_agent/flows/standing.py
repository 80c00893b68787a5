"""How things stand: what serves, what waits, what ran last; the versions with their lineage. Never writes."""

from dataclasses import dataclass
from datetime import datetime

from web4_agent.domain.adapters import Adapter, Pointer
from web4_agent.domain.documents import DocumentState
from web4_agent.domain.maintenance import Due
from web4_agent.domain.runs import Run
from web4_agent.domain.verdicts import Verdict
from web4_agent.records import adapters, collections, documents, links, rejections, runs, timeline, upkeep, verdicts
from web4_agent.storage.database import Database

RECENT = 5


@dataclass(frozen=True, slots=True)
class Standing:
    pointer: Pointer
    documents: dict[DocumentState, int]
    rejected: int
    links: int
    links_resolved: int
    timeline: int
    epochs: dict[str, int]
    open_night: Run | None
    nights: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Version:
    adapter: Adapter
    verdict: Verdict | None
    serves: bool
    golden: bool
    in_lineage: bool


def standing(database: Database) -> Standing:
    """Raises DatabaseError when the home was never initialised."""
    with database.begin() as connection:
        total, resolved = links.counts(connection)
        return Standing(
            pointer=adapters.read_pointer(connection),
            documents=documents.states(connection),
            rejected=len(rejections.every(connection)),
            links=total,
            links_resolved=resolved,
            timeline=timeline.count(connection),
            epochs=collections.epochs(connection),
            open_night=runs.open_run(connection, "night"),
            nights=tuple(runs.recent(connection, "night", RECENT)),
        )


def maintenance(database: Database, now: datetime) -> tuple[Due, ...]:
    """When each rhythm of maintenance was last done, and when it is due. Raises DatabaseError."""
    with database.read() as connection:
        return upkeep.standing(connection, now)


def versions(database: Database) -> tuple[Version, ...]:
    """Every adapter, oldest first, with its latest verdict."""
    with database.begin() as connection:
        pointer = adapters.read_pointer(connection)
        lineage = {one.version for one in adapters.lineage(connection, pointer.production)}
        return tuple(
            Version(
                adapter,
                verdicts.of_adapter(connection, adapter.version),
                adapter.version == pointer.production,
                adapter.version == pointer.golden,
                adapter.version in lineage,
            )
            for adapter in adapters.every(connection)
        )


def moves(database: Database) -> list[tuple[datetime, str | None, str, str]]:
    with database.begin() as connection:
        return [(at, source, target, reason) for at, source, target, reason in adapters.moves(connection)]
