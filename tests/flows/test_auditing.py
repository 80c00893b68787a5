"""The sealed set: scored week by week, never deciding, and heard when it disagrees with the set that does."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.flows.fakes import World, learns
from tests.runbooks.stage import raise_curtain
from web4_agent.backends.engines.base import ScoreRequest, ServedAdapter
from web4_agent.backends.engines.scripted import ScriptedEngine, ScriptedLauncher
from web4_agent.cli import main
from web4_agent.domain.alerts import AlertEvent
from web4_agent.domain.errors import EngineError
from web4_agent.domain.runs import RunState
from web4_agent.flows.auditing import AuditParts, audit, audit_when_due
from web4_agent.flows.doctor import examine
from web4_agent.flows.night.learning import draw
from web4_agent.records import adapters, alerts, calibrations
from web4_agent.steps.judging.sealed import load_audit_items

SEALED = {item.prompt: item.answer for item in load_audit_items()}


def overfit(nights: int, request: ScoreRequest) -> float:
    """The right answers of the sealed questions fall, and nothing else does."""
    if not request.messages:
        return 0.1 * nights
    asked = request.messages[-1].content
    return -1.0 * nights if SEALED.get(asked) == request.text else 0.0


class Counting(ScriptedLauncher):
    """Counts the engines that start."""

    count = 0

    def start(self, adapter: ServedAdapter) -> ScriptedEngine:
        type(self).count += 1
        return super().start(adapter)


class Broken(ScriptedLauncher):
    def start(self, adapter: ServedAdapter) -> ScriptedEngine:
        raise EngineError(f"no engine for {adapter.version}", "web4-agent doctor")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A night was promoted, so that production is no longer golden."""
    made = World(tmp_path).write_journal()
    made.index()
    assert made.night().state is RunState.PROMOTED
    return made


def due(world: World, **changes: object) -> AuditParts:
    return world.audit_parts(**changes)


def worn(world: World) -> list[str]:
    with world.database.read() as connection:
        return [row.alert.key for row, _ in alerts.listed(connection, 50) if row.alert.event is AlertEvent.ITEMS_WORN]


def test_sets_that_agree_are_kept_and_nobody_is_told(world: World) -> None:
    found = audit(world.audit_parts())
    assert not found.apart
    assert (found.sealed.items, found.deciding.items) == (len(SEALED), 200)
    with world.database.read() as connection:
        assert calibrations.latest_audit(connection) == found
    assert worn(world) == []
    (finding,) = [one for one in examine(world.doctor_parts(), fix=False) if one.check == "gate items"]
    assert finding.healthy


def test_a_model_that_only_looks_good_to_the_deciding_set_is_told_of(world: World) -> None:
    world.effect = overfit
    found = audit(world.audit_parts())
    assert found.apart
    assert found.gap_errors > 2
    assert "retire the deciding set" in found.sentence
    assert len(worn(world)) == 1
    (finding,) = [one for one in examine(world.doctor_parts(), fix=True) if one.check == "gate items"]
    assert not finding.healthy
    assert finding.hint == "web4-agent gate audit"


def test_it_is_due_once_a_week(world: World) -> None:
    assert audit_when_due(lambda: due(world)) is not None
    assert audit_when_due(lambda: due(world)) is None
    world.clock.at += timedelta(days=6)
    assert audit_when_due(lambda: due(world)) is None
    world.clock.at += timedelta(days=1, hours=1)
    assert audit_when_due(lambda: due(world)) is not None


def test_golden_is_scored_once_and_never_again(world: World) -> None:
    Counting.count = 0
    launcher = Counting(world.parts().launcher.script)  # type: ignore[attr-defined] # a scripted one
    audit(world.audit_parts(launcher=launcher))
    assert Counting.count == 2
    audit(world.audit_parts(launcher=launcher))
    assert Counting.count == 3


def test_where_production_is_golden_no_engine_starts(tmp_path: Path) -> None:
    fresh = World(tmp_path)
    parts = fresh.audit_parts(launcher=Broken())
    assert not audit(parts).apart
    assert audit_when_due(lambda: parts) is None


def test_an_audit_that_fails_fails_no_night(world: World) -> None:
    assert audit_when_due(lambda: due(world, launcher=Broken())) is None
    with world.database.read() as connection:
        assert calibrations.latest_audit(connection) is None
        assert adapters.read_pointer(connection).production != adapters.read_pointer(connection).golden


def test_an_audit_that_is_killed_leaves_nothing_and_begins_anew(world: World) -> None:
    class Killed(BaseException):
        pass

    def reached(point: str) -> None:
        if point == "audit.committing":
            raise Killed

    with pytest.raises(Killed):
        audit(world.audit_parts(reached=reached))
    assert audit_when_due(lambda: due(world)) is not None


def test_nothing_that_decides_holds_a_sealed_item(tmp_path: Path) -> None:
    sealed = {item.id for item in load_audit_items()}
    (tmp_path / "another").mkdir()
    parts = World(tmp_path).parts()
    assert sealed.isdisjoint({item.id for item in parts.items.margins})
    assert set(SEALED).isdisjoint(prompt for prompt, _ in parts.items.asked)
    asked: set[str] = set()

    def listening(nights: int, request: ScoreRequest) -> float:
        asked.update(message.content for message in request.messages)
        return learns(nights, request)

    fresh = World(tmp_path / "another", effect=listening).write_journal()
    fresh.index()
    assert fresh.night().state is RunState.PROMOTED
    assert len(asked) >= 200
    assert asked.isdisjoint(SEALED)


def test_a_sample_that_asks_a_sealed_question_is_not_trained(tmp_path: Path) -> None:
    world = World(tmp_path).write_journal()
    world.index()
    free = draw(world.parts(), world.clock().date())
    taken = min((one for one in free.train if one.document and one.prompt), key=lambda one: len(one.prompt))
    held = draw(world.parts(sealed=((taken.prompt, "another answer"),)), world.clock().date())
    assert taken.prompt not in {sample.prompt for sample in held.train}
    assert taken.id in {dropped for dropped, _ in held.dropped}


def test_the_night_on_the_command_line_audits_when_it_is_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = raise_curtain(tmp_path, monkeypatch)
    assert main.run(["evening"]) == 0
    assert "audit: Production" in capsys.readouterr().out
    stage.world.effect = overfit
    assert main.run(["gate", "audit"]) == 1
    assert "retire the deciding set" in capsys.readouterr().out
