"""Every command of the runbook on production, on a home (and a gateway) in the state that its part speaks of."""

import gc
import shutil
import socket
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.flows.interactions import asked
from tests.runbooks.stage import Scene, Stage, play, scenes
from web4_agent.domain import tidings
from web4_agent.domain.ids import AdapterVersion
from web4_agent.domain.queries import Feedback, Flaw, Interaction, Route, Status, Thumb
from web4_agent.flows.backing_up import back_up
from web4_agent.flows.keys import give_key
from web4_agent.flows.query_log import QueryLog
from web4_agent.records import alerts, documents, feedback, interactions
from web4_agent.storage.database import Database, sqlite_url
from web4_agent.storage.spill import SpillFile

PAGE = Path(__file__).resolve().parents[2] / "docs" / "runbooks" / "production_monitoring.md"
SCENES = {scene.title: scene for scene in scenes(PAGE)}
MINUTE_AGO = timedelta(minutes=1)
State = Callable[[Stage, pytest.MonkeyPatch], None]


def answers(stage: Stage, numbers: range, **changes: object) -> list[Interaction]:
    """Of the version that serves, a minute ago."""
    values = {"at_utc": datetime.now(UTC) - MINUTE_AGO, "adapter": stage.words["VERSION"], "flaw": Flaw.NONE}
    return [asked(number, **{**values, **changes}) for number in numbers]


def as_it_should_be(stage: Stage, _: pytest.MonkeyPatch) -> None:
    """Shares as aimed at, no error, a gateway that answers."""
    stage.log(
        [
            *answers(stage, range(22)),
            *answers(stage, range(100, 112), route=Route.TOOLS),
            *answers(stage, range(200, 206), route=Route.HISTORY, retrieval_ms=30.0),
        ]
    )
    stage.serve()


def no_gateway(stage: Stage, _: pytest.MonkeyPatch) -> None:
    taken = stage.leaves.enter_context(closing(socket.create_server(("127.0.0.1", 0))))
    stage.words["TAKEN"] = str(taken.getsockname()[1])
    stage.acts["the gateway is started"] = stage.serve


def uncalled(stage: Stage, _: pytest.MonkeyPatch) -> None:
    """Nothing is due for two hours: a job would be a child process over real models."""
    now = datetime.now(UTC)
    hours = {"index_at": 2, "evening_at": 3, "morning_at": 5, "morning_until": 6}
    times = {f"schedule.{key}": f"{now + timedelta(hours=hour):%H:%M}" for key, hour in hours.items()}
    stage.choose({**times, "schedule.window_h": 1.0, "schedule.zone": "UTC"})


def no_engine(stage: Stage, patched: pytest.MonkeyPatch) -> None:
    """The version that serves does not come up any more, for longer than people should wait."""
    running = stage.serve()
    broken = frozenset({AdapterVersion(stage.words["VERSION"])})
    running.launcher.script = replace(running.launcher.script, fails_to_start=broken)
    running.engine.close()
    _wait(lambda: running.get("/readyz").status_code == 503)
    deaths = running.gateway._deaths
    assert deaths is not None
    deaths.look()
    patched.setattr(deaths, "_now", lambda: datetime.now(UTC) + timedelta(minutes=6))
    assert deaths.look()
    stage.acts["its engine comes up"] = lambda: _wait(lambda: running.get("/readyz").status_code == 200)


def slow(stage: Stage, _: pytest.MonkeyPatch) -> None:
    """Usual answers of the version before take half a second, those of the new one four."""
    earlier = datetime.now(UTC) - timedelta(days=2)
    usual = {"at_utc": earlier, "adapter": stage.words["OLDER"], "latency_ms": 500.0, "tokens_out": 50}
    stage.log(
        [*answers(stage, range(120), **usual), *answers(stage, range(500, 540), latency_ms=4_000.0, tokens_out=50)]
    )
    stage.serve()


def errors(stage: Stage, _: pytest.MonkeyPatch) -> None:
    failed = {"status": Status.ERROR, "error": "the engine said nothing for 120 s", "flaw": Flaw.ERROR}
    stage.log([*answers(stage, range(80)), *answers(stage, range(100, 120), **failed)])
    stage.serve()


def drifted(stage: Stage, _: pytest.MonkeyPatch) -> None:
    looked_up = {"route": Route.HISTORY, "reason": "asks what the team did", "retrieval_ms": 30.0}
    stage.log([*answers(stage, range(20)), *answers(stage, range(100, 180), **looked_up)])


def disliked(stage: Stage, _: pytest.MonkeyPatch) -> None:
    """54 of 60 thumbs were up a week ago, 30 of 60 are today."""
    now = datetime.now(UTC)
    before = answers(stage, range(60), adapter=stage.words["OLDER"], at_utc=now - timedelta(days=9))
    since = answers(stage, range(1000, 1060))
    stage.log([*before, *since])
    with stage.world.database.begin() as connection:
        for rows, liked in ((before, 54), (since, 30)):
            for at, row in enumerate(rows):
                thumb = Thumb.UP if at < liked else Thumb.DOWN
                feedback.put(connection, Feedback(row.response, f"person {at}", row.at_utc + MINUTE_AGO / 2, thumb))
    stage.words["RESPONSE_ID"] = since[-1].response


def loops(stage: Stage, _: pytest.MonkeyPatch) -> None:
    stage.choose({"probation.rolls_back": False})
    earlier = datetime.now(UTC) - timedelta(days=1)
    good = answers(stage, range(300), adapter=stage.words["OLDER"], at_utc=earlier, tokens_out=50)
    bad = [
        replace(row, flaw=Flaw.LOOPING if number % 2 else Flaw.NONE, at_utc=datetime.now(UTC), tokens_out=50)
        for number, row in enumerate(answers(stage, range(1000, 1100)))
    ]
    with stage.world.database.begin() as connection:
        interactions.add(connection, [*good, *bad])


def little_room(stage: Stage, _: pytest.MonkeyPatch) -> None:
    """Wanted is more than any disk has; and a third version, with more backups than are kept."""
    stage.choose({"alerts.disk_gb": 10_000_000.0, "retention.backups": 1})
    stage.words["HOME"] = str(stage.world.home.root)


def nobody_told(stage: Stage, patched: pytest.MonkeyPatch) -> None:
    """A channel that has refused for two hours: nobody listens on its port."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    patched.setenv("WEB4_ALERTS__URLS", f"ops=json://127.0.0.1:{port}")
    stage.words["CHANNEL"] = "ops"
    then = datetime.now(UTC) - timedelta(hours=2)
    with stage.world.database.begin() as connection:
        alerts.put(connection, tidings.disk_low(1, 2, then))
    runtime = stage.runtime()
    runtime.now = lambda: then
    runtime.deliver_alerts(20.0)


def behind(stage: Stage, _: pytest.MonkeyPatch) -> None:
    """Twelve answers that a database which was not there could not take."""
    home = stage.world.home
    nowhere = Database(sqlite_url(home.root / "not there" / "ledger.db"), lazy=True)
    spill = SpillFile(home.logs / "query-log.jsonl")
    with closing(QueryLog(nowhere, lambda: datetime.now(UTC), spill, SpillFile(home.logs / "refused.jsonl"))) as log:
        for row in answers(stage, range(12)):
            log.add(row)
    nowhere.close()
    assert len(spill.path.read_text().splitlines()) == 12

    def start() -> None:
        stage.serve()
        _wait(lambda: not spill.path.exists() and _logged(stage) == 12)

    stage.acts["the gateway is started"] = start


def backup_damaged(stage: Stage, _: pytest.MonkeyPatch) -> None:
    made = back_up(stage.world.backup_parts())
    stage.words["BACKUP"] = made.path.name
    ledger = made.path / "ledger.db"
    ledger.write_bytes(ledger.read_bytes()[:-512] + b"\x55" * 512)
    stage.acts["the damaged backup is removed"] = lambda: shutil.rmtree(made.path)


def key_given(stage: Stage, _: pytest.MonkeyPatch) -> None:
    give_key(stage.world.database, "anna", datetime.now(UTC))


def _wait(until: Callable[[], bool]) -> None:
    for _ in range(600):
        if until():
            return
        threading.Event().wait(0.05)
    raise AssertionError("it never came to that")


def _logged(stage: Stage) -> int:
    from web4_agent.flows.reporting import report

    return report(stage.runtime().reporting_parts(), 1).whole.queries


STATES: dict[str, State] = {
    "A look each morning": as_it_should_be,
    "The gateway is down": no_gateway,
    "The engine is down": no_engine,
    "Answers are slow": slow,
    "Answers end in errors": errors,
    "Routing has drifted": drifted,
    "Satisfaction falls": disliked,
    "A version alarms on probation": loops,
    "The disk is nearly full": little_room,
    "Alerts are not delivered": nobody_told,
    "Nobody calls the timetable": uncalled,
    "The query log is behind": behind,
    "A backup is damaged": backup_damaged,
    "Somebody should not ask": key_given,
}


def test_every_part_of_the_page_has_a_state() -> None:
    assert set(SCENES) == set(STATES)


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # uvicorn drops the one that it can't bind
@pytest.mark.parametrize("scene", SCENES.values(), ids=lambda scene: scene.title)
def test_the_commands_do_what_the_page_says(
    scene: Scene, after_two_nights: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = after_two_nights
    with stage.leaves:
        STATES[scene.title](stage, monkeypatch)
        play(stage, scene)
    gc.collect()
    with stage.world.database.read() as connection:
        assert documents.contradictions(connection) == []
