"""The journal cut into sections of another length: ledger and collections agree, also after a kill."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.flows.fakes import World
from tests.flows.tuned import fill
from web4_agent.backends.embedders.scripted import ScriptedEmbedder
from web4_agent.domain.errors import BusyError
from web4_agent.flows.recutting import RecutParts, recut
from web4_agent.records import chunks, collections
from web4_agent.steps.projection import follows, synchronise
from web4_agent.storage.lock import exclusive


@pytest.fixture
def world(tmp_path: Path) -> World:
    return fill(World(tmp_path), 6)


def parts(world: World, tokens: int = 32) -> RecutParts:
    return RecutParts(world.database, world.home, ScriptedEmbedder(), lambda: world.store, world.clock, tokens)


def lengths(world: World) -> list[int]:
    with world.database.read() as connection:
        names = sorted(set(chunks.ids(connection).values()))
        return ScriptedEmbedder().token_counts([one.text for one in chunks.of_documents(connection, names)])


def test_sections_are_cut_embedded_and_told_to_readers(world: World) -> None:
    before = max(lengths(world))
    with world.database.read() as connection:
        epochs = collections.epochs(connection)
    done = recut(parts(world))
    assert before > 32 >= max(lengths(world))
    assert (done.documents, done.changed, done.tokens) == (6, 6, 32)
    assert done.embedded == len(world.store.ids("daily_buffer")) == len(lengths(world))
    assert follows(world.database, world.store)
    with world.database.read() as connection:
        assert collections.epochs(connection)["daily_buffer"] > epochs["daily_buffer"]


def test_cutting_again_changes_nothing_and_the_usual_length_brings_back_what_was(world: World) -> None:
    before = world.store.ids("daily_buffer")
    recut(parts(world))
    again = recut(parts(world))
    assert (again.changed, again.embedded) == (0, 0)
    assert world.store.ids("daily_buffer").keys().isdisjoint(before)
    recut(parts(world, 256))
    assert world.store.ids("daily_buffer") == before


@pytest.mark.parametrize("point", ["recut.ledger.committing", "recut.ledger.committed", "recut.vectors.written"])
def test_a_kill_is_made_good_by_whatever_comes_next(world: World, point: str) -> None:
    def killed(at: str) -> None:
        if at == point:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recut(replace(parts(world), reached=killed))
    synchronise(world.database, world.store, ScriptedEmbedder())
    assert follows(world.database, world.store)
    recut(parts(world))
    assert follows(world.database, world.store)
    assert max(lengths(world)) <= 32


def test_a_night_that_runs_is_not_disturbed(world: World) -> None:
    with exclusive(world.home.night_lock, doing="a night"), pytest.raises(BusyError):
        recut(parts(world))
