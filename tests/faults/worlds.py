"""Homes to break: a small world in its buffer's state, and flows that are driven through a fault at every point."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from tests.flows.fakes import World
from tests.kills.invariants import after_a_run, at_every_instant
from tests.kills.world import FEW_ITEMS
from web4_agent.domain.documents import DocumentState
from web4_agent.domain.ids import BASE, AdapterVersion
from web4_agent.domain.runs import RunState
from web4_agent.records import adapters, documents, runs

T = TypeVar("T")
PAGES = 6
MOST_FAULTS = 200
"""A flow has fewer points than that: one that is never through is caught."""


def world_in(root: Path, migrated: Path, **values: object) -> World:
    """A world whose journal is indexed and waits in the buffer."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "home").mkdir()
    if "url" not in values:
        shutil.copy(migrated, root / "home" / "ledger.db")
    made = World(root, items=FEW_ITEMS, **values).write_journal()  # type: ignore[arg-type] # values by name
    made.index()
    return made


def again(world: World) -> World:
    """The same home, opened by a process that starts now."""
    world.database.close()
    return replace(world, root=world.root)


def production(world: World) -> AdapterVersion:
    with world.database.read() as connection:
        return adapters.read_pointer(connection).production


def states(world: World) -> dict[DocumentState, int]:
    with world.database.read() as connection:
        return documents.states(connection)


def check_untouched(world: World, serving: AdapterVersion = BASE) -> None:
    """After a fault: who served still serves, and every document is where it was or claimed by the open night."""
    assert production(world) == serving
    assert f'"version": "{serving}"' in world.home.serving.read_text(encoding="utf-8")
    assert at_every_instant(world) == []
    assert sum(states(world).values()) == PAGES


def check_whole(world: World) -> None:
    """What must hold after any flow that ended."""
    breaches = [*at_every_instant(world), *after_a_run(world)]
    assert not breaches, breaches


def check_learned(world: World) -> None:
    """The cause is gone and the same command was typed again: the night ended as if nothing had happened."""
    with world.database.read() as connection:
        ended = [run.state for run in runs.recent(connection, "night", 9)]
    assert ended.count(RunState.PROMOTED) == 1
    assert RunState.OPEN not in ended
    assert states(world) == {DocumentState.HISTORICAL: PAGES}
    check_whole(world)


def until_through(flow: Callable[[], T], failed: Callable[[], None]) -> tuple[T, int]:
    """Call a flow until no fault stops it; returns its result and how many did. `failed` is called in an except."""
    for count in range(MOST_FAULTS):
        try:
            return flow(), count
        except Exception:  # noqa: BLE001 - what it was is for `failed` to judge
            failed()
    raise AssertionError(f"the flow was stopped {MOST_FAULTS} times")
