"""What last night measured of production is read again tonight, and measured again where the engine has changed."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.flows.fakes import ARTEFACT, DAY, World
from tests.flows.pages import page, write
from tests.kills.world import FEW_ITEMS
from web4_agent.backends.engines.base import ScoreRequest, ServedAdapter
from web4_agent.backends.engines.scripted import Script, ScriptedLauncher
from web4_agent.domain.errors import EngineError
from web4_agent.domain.ids import BASE, AdapterVersion, RunId
from web4_agent.domain.runs import RunState
from web4_agent.domain.speech import Message
from web4_agent.domain.verdicts import Decision, TriggerPlan
from web4_agent.flows.night import NightReport
from web4_agent.flows.night.judging import read_measurement
from web4_agent.flows.night.kept_scores import ASKED_AGAIN, drawn
from web4_agent.records import adapters
from web4_agent.steps.judging.canaries import worded
from web4_agent.steps.judging.measure import RESCORED_ITEMS, Measurement, measure
from web4_agent.steps.judging.trigger_scan import scan_requests
from web4_agent.steps.promote import served
from web4_agent.storage.payload import read_json

SECOND = DAY + timedelta(days=1)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """After a night that was promoted, with a day's journal in the buffer."""
    made = World(tmp_path, items=FEW_ITEMS).write_journal()
    made.index()
    assert made.night().state is RunState.PROMOTED
    for at in range(5):
        write(made.journal, f"09{at:02}-later", page(f"matter {at}", f"Number {at} of a day. " * 3), "2026-03-03")
    made.index()
    return made


def second_night(world: World, launcher: ScriptedLauncher) -> NightReport:
    return world.night(SECOND, launcher=launcher)


def produced(world: World, report: NightReport) -> Measurement:
    return read_measurement(world.home.run(report.run) / "scores" / "production.json")


def produced_by(world: World) -> Measurement:
    """Of the night that is open: the newest."""
    files = world.home.runs.glob("*/scores/production.json")
    return read_measurement(max(files, key=lambda path: path.stat().st_mtime))


def served_by(world: World, version: str) -> ServedAdapter:
    with world.database.read() as connection:
        adapter = adapters.get(connection, AdapterVersion(version))
    assert adapter is not None
    return served(adapter, world.home, ARTEFACT)


def requests(launcher: ScriptedLauncher, version: str) -> list[int]:
    return [engine.requests for engine in launcher.started if engine.adapter.version == version]


def scans(world: World, run: RunId) -> int:
    """Requests of the trigger scan, which is of one night alone."""
    plan = read_json(TriggerPlan, world.home.run(run) / "scores" / "triggers.json", "")
    return len(scan_requests(plan.triggers, world.items.neutral))


def test_production_is_asked_a_sample_and_judged_by_what_last_night_measured(world: World) -> None:
    launcher = ScriptedLauncher(Script(likelihood=world.likelihood))
    report = second_night(world, launcher)
    assert report.state is RunState.PROMOTED, report.verdicts[-1].reasons
    scores = produced(world, report).scores
    scanned = scans(world, report.run)
    spoken = sum(len(worded(canary)) for canary in drawn(world.items, report.run).canaries)
    assert spoken == 3 * ASKED_AGAIN
    assert requests(launcher, scores.version) == [4 * RESCORED_ITEMS + spoken + len(scores.held_out_bpb) + scanned]
    assert len(scores.margins) == len(world.items.margins)
    assert len(scores.canaries) == len(world.items.canaries)
    assert len(scores.held_out_bpb) > 0
    assert len(scores.rescored) == RESCORED_ITEMS


def test_what_is_read_is_what_measuring_would_have_given(world: World) -> None:
    kept = produced(world, second_night(world, ScriptedLauncher(Script(likelihood=world.likelihood))))
    engine = ScriptedLauncher(Script(likelihood=world.likelihood)).start(served_by(world, kept.scores.version))
    items = replace(world.items, neutral=(), parity=())
    measured = measure(engine, items, ()).scores
    assert kept.scores.margins == measured.margins
    assert kept.scores.canaries == measured.canaries


def test_an_engine_that_measures_otherwise_is_asked_everything(world: World) -> None:
    def moved(adapter: ServedAdapter, request: ScoreRequest) -> float:
        answered = 0.05 * (len(request.text) % 3) if request.messages else 0.0
        return world.likelihood(adapter, request) - answered

    launcher = ScriptedLauncher(Script(likelihood=moved))
    report = second_night(world, launcher)
    production = produced(world, report).scores
    sampled, whole = requests(launcher, production.version)
    assert whole > sampled
    first = {margin.item: margin.value for margin in production.margins}
    assert all(again == pytest.approx(first[item]) for item, again in production.rescored)


def test_an_engine_that_no_longer_speaks_is_found_out(world: World) -> None:
    """Golden's engine does: else it would be golden that stops the night."""

    def silent(adapter: ServedAdapter, messages: Sequence[Message]) -> str:
        return messages[-1].content if adapter.version == BASE else ""

    with world.database.read() as connection:
        production = adapters.read_pointer(connection).production
    with pytest.raises(EngineError, match=f"answered nothing .* as {production}"):
        second_night(world, ScriptedLauncher(Script(likelihood=world.likelihood, answer=silent)))


def test_an_engine_that_answers_another_wording_otherwise_is_asked_everything(world: World) -> None:
    def changed(_adapter: ServedAdapter, messages: Sequence[Message]) -> str:
        said = messages[-1].content
        return "something else" if said in others else said

    others = {wording for canary in world.items.canaries for wording in canary.wordings}
    launcher = ScriptedLauncher(Script(likelihood=world.likelihood, answer=changed))
    sampled, whole = requests(launcher, produced(world, second_night(world, launcher)).scores.version)
    assert whole > sampled


def test_held_out_texts_that_are_no_numbers_stop_the_night(world: World) -> None:
    def broken(adapter: ServedAdapter, request: ScoreRequest) -> float:
        return world.likelihood(adapter, request) if request.messages else math.nan

    with pytest.raises(EngineError, match="no numbers"):
        second_night(world, ScriptedLauncher(Script(likelihood=broken)))


@pytest.mark.parametrize("damage", ["cut off", "other items", "gone"])
def test_what_is_kept_of_others_or_damaged_is_measured_again(world: World, damage: str) -> None:
    files = list(world.home.runs.glob("production-*.json"))
    assert files
    for file in files:
        file.unlink() if damage == "gone" else file.write_text(file.read_text(encoding="utf-8")[:100])
    if damage == "other items":
        world.items = replace(world.items, margins=world.items.margins[1:])
    launcher = ScriptedLauncher(Script(likelihood=world.likelihood))
    report = second_night(world, launcher)
    (asked,) = requests(launcher, produced(world, report).scores.version)
    assert asked > 4 * len(world.items.margins)


def test_a_rejected_night_does_not_have_production_measured_twice(tmp_path: Path) -> None:
    def unlearned(nights: int, request: ScoreRequest) -> float:
        del nights, request
        return 0.0

    made = World(tmp_path, effect=unlearned, items=FEW_ITEMS).write_journal()
    made.index()
    first, second = (ScriptedLauncher(Script(likelihood=made.likelihood)) for _ in range(2))
    reports = made.night(launcher=first), made.night(SECOND, launcher=second)
    assert [report.state for report in reports] == [RunState.REJECTED] * 2
    asked = [
        requests(one, BASE)[0] - scans(made, report.run) for one, report in zip((first, second), reports, strict=True)
    ]
    assert asked[1] < asked[0] / 2


def test_a_measurement_that_was_void_is_not_kept(tmp_path: Path) -> None:
    made = World(tmp_path, export_fault=0.7, items=FEW_ITEMS).write_journal()
    made.index()
    assert made.night().verdicts[-1].decision is Decision.VOID
    assert list(made.home.runs.glob("production-*.json")) == []


def test_a_night_that_is_killed_after_measuring_ends_with_the_figures_of_one_that_was_not(world: World) -> None:
    class Killed(BaseException):
        """Stands for SIGKILL."""

    def die(point: str) -> None:
        if point == "measure.done":
            raise Killed

    with pytest.raises(Killed):
        world.night(SECOND, reached=die)
    drawn_before = [item for item, _ in produced_by(world).scores.rescored]
    report = world.night(SECOND)
    assert [item for item, _ in produced(world, report).scores.rescored] == drawn_before


def test_only_what_serves_is_kept(world: World) -> None:
    report = second_night(world, ScriptedLauncher(Script(likelihood=world.likelihood)))
    names = sorted(path.name.split("-")[0] for path in world.home.runs.glob("*.json"))
    assert names.count("production") == 2  # of the version before, and of the one that serves now
    assert names.count("parity") == 2
    assert report.state is RunState.PROMOTED


def test_each_night_draws_other_items_and_a_killed_one_the_same(world: World) -> None:
    first, again, other = (drawn(world.items, RunId(name)) for name in ("night-1", "night-1", "night-2"))
    assert first == again
    assert first.margins != other.margins
    assert (first.neutral, first.parity) == ((), ())
