import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from web4_agent.domain.errors import ClockError
from web4_agent.domain.ids import RunId
from web4_agent.pipeline.runner import Runner, Step, require_forward_clock
from web4_agent.records import collections, runs
from web4_agent.storage.database import Database, sqlite_url

NOW = datetime(2026, 3, 2, 22, tzinfo=UTC)


@dataclass(frozen=True)
class Counted:
    number: int


def start(database: Database) -> RunId:
    with database.begin() as connection:
        return runs.start(connection, "night", date(2026, 3, 2), NOW).id


def raising(connection: Connection, _: Counted) -> None:
    collections.raise_epoch(connection, "touched")


def runner(database: Database, run: RunId) -> Runner:
    return Runner(database, run, lambda: NOW)


def test_a_committed_step_is_not_run_again(database: Database) -> None:
    run, calls = start(database), []

    def do() -> Counted:
        calls.append(1)
        return Counted(len(calls))

    first = runner(database, run)
    assert first.step(Step("count", Counted, do, raising)) == Counted(1)
    assert first.step(Step("count", Counted, do, raising)) == Counted(1)
    assert runner(database, run).step(Step("count", Counted, do, raising)) == Counted(1)
    with database.begin() as connection:
        assert collections.epochs(connection) == {"touched": 1}


def test_a_commit_that_fails_leaves_no_row_of_either_kind(database: Database) -> None:
    run = start(database)

    def fails(connection: Connection, it: Counted) -> None:
        raising(connection, it)
        raise ValueError("half-way")

    with pytest.raises(ValueError, match="half-way"):
        runner(database, run).step(Step("count", Counted, lambda: Counted(1), fails))
    with database.begin() as connection:
        assert collections.epochs(connection) == {}
        assert runs.committed(connection, run) == {}


def test_a_step_records_its_time_and_memory(database: Database) -> None:
    made = runner(database, start(database))
    made.step(Step("count", Counted, lambda: Counted(len(bytearray(50_000_000)))))
    assert made.records[0].seconds > 0
    assert made.records[0].peak_rss_bytes > 10_000_000


def test_a_clock_set_back_is_refused(database: Database) -> None:
    runner(database, start(database)).step(Step("count", Counted, lambda: Counted(1)))
    require_forward_clock(database, NOW + timedelta(seconds=1))
    require_forward_clock(database, NOW - timedelta(seconds=30))
    with pytest.raises(ClockError, match="2026-03-02 22:00"):
        require_forward_clock(database, NOW - timedelta(hours=1))


KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from tests.pipeline.test_runner import Counted, raising
from web4_agent.pipeline.runner import Runner, Step
from web4_agent.storage.database import Database
url, run, point = sys.argv[1:]
def reached(name):
    if name == point: os.kill(os.getpid(), signal.SIGKILL)
runner = Runner(Database(url), run, lambda: datetime.now(UTC), reached=reached)
for name in ("one", "two"):
    runner.step(Step(name, Counted, lambda: Counted(1), raising))
"""


@pytest.mark.parametrize(
    "point", [f"{step}.{at}" for step in ("one", "two") for at in ("started", "done", "committing", "committed")]
)
def test_a_process_killed_at_any_point_goes_on_and_commits_each_step_once(
    tmp_path: Path, database: Database, point: str
) -> None:
    run = start(database)
    url = sqlite_url(tmp_path / "ledger.db")
    root = Path(__file__).parents[2]
    killed = subprocess.run([sys.executable, "-c", KILLED, url, run, point], cwd=root, check=False)
    assert killed.returncode == -signal.SIGKILL
    subprocess.run([sys.executable, "-c", KILLED, url, run, "never"], cwd=root, check=True)
    with database.begin() as connection:
        assert list(runs.committed(connection, run)) == ["one", "two"]
        assert collections.epochs(connection) == {"touched": 2}
