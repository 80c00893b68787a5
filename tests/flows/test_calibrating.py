"""The gate's calibration over fakes: measured, resumed, shown beside a verdict, and never another gate's."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import pytest

from tests.flows.fakes import DAY, ITEMS, World
from tests.flows.lineages import production
from tests.runbooks.stage import raise_curtain
from web4_agent.backends.engines.base import ScoreRequest
from web4_agent.backends.engines.scripted import Script, ScriptedLauncher
from web4_agent.backends.trainers.base import TrainJob
from web4_agent.backends.trainers.scripted import ScriptedTrainer
from web4_agent.cli import main
from web4_agent.domain.calibration import HARMLESS, NOT_CALIBRATED
from web4_agent.domain.errors import BusyError, TrainingError, UsageError
from web4_agent.domain.ids import BASE
from web4_agent.domain.runs import RunState
from web4_agent.domain.samples import SampleSet
from web4_agent.domain.training import TrainedAdapter, TrainProgress
from web4_agent.flows.calibrating import CalibrationRequest, calibrate, standing
from web4_agent.flows.calibrating.parts import Weighed
from web4_agent.records import adapters, calibrations
from web4_agent.storage.lock import exclusive
from web4_agent.storage.payload import read_json

SHORT = CalibrationRequest(nights=2, trials=100)


class Killed(BaseException):
    """Stands for the end of the process."""


def unsteady(nights: int, request: ScoreRequest) -> float:
    """A harmless night: texts become likelier, each answer moves a little, up or down as it happens."""
    if not request.messages:
        return 0.1 * nights
    return (crc32(f"{nights} {request.messages} {request.text}".encode()) % 101 - 50) / 2_000 if nights else 0.0


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path, effect=unsteady).write_journal()
    made.index()
    return made


def test_harmless_nights_and_a_damaged_one_are_measured_and_kept_and_nothing_serves_that_did_not(world: World) -> None:
    found = calibrate(world.calibration_parts(), replace(SHORT, damaged=("shuffled",)))
    harmless, shuffled = found.adapters
    assert (harmless.name, harmless.tried, harmless.wrong) == ("harmless nights", 2, 0)
    assert (shuffled.wrong, shuffled.rules[0][0]) == (0, "samples")
    assert all(0 < noise.s < 0.3 for noise in found.noise)
    assert (found.simulated[0].name, found.simulated[0].tried, found.simulated[0].wrong) == (HARMLESS, 100, 0)
    assert "n = 100" in found.sentence
    with world.database.read() as connection:
        assert calibrations.latest(connection, found.identity) == found
        assert adapters.read_pointer(connection).production == BASE
    assert standing(world.calibration_parts()).calibration == found


def test_each_verdict_says_how_often_its_gate_errs_or_that_nobody_knows(world: World) -> None:
    found = calibrate(world.calibration_parts(), SHORT)
    report = world.night()
    assert report.error_rates == found.sentence
    assert found.sentence in (world.home.run(report.run) / "report.md").read_text(encoding="utf-8")
    fewer = replace(world.items, margins=world.items.margins[:-1])
    assert standing(world.calibration_parts(items=fewer)).calibration is None
    other = replace(world.items, canaries=world.items.canaries[:-1])
    assert standing(world.calibration_parts(items=other)).calibration is None
    stricter = replace(world.gate, kl_limit=0.05)
    assert standing(world.calibration_parts(gate=stricter)).calibration is None


def test_a_verdict_of_a_gate_that_was_not_calibrated_says_so(world: World) -> None:
    report = world.night()
    assert report.error_rates == NOT_CALIBRATED
    assert report.state is RunState.PROMOTED


def test_a_night_without_a_verdict_says_nothing_of_the_gate(world: World) -> None:
    assert world.night(train=False).error_rates == ""


def counted(world: World) -> tuple[Callable[..., object], list[str]]:
    """The world's trainer, which writes down what it trains."""
    trained: list[str] = []
    trainer = world.parts().trainer

    class Counting(type(trainer)):  # type: ignore[misc] # the class of this world's trainer
        def train(self, job: TrainJob, progress: Callable[[TrainProgress], None]) -> TrainedAdapter:
            trained.append(job.out.parent.name)
            result: TrainedAdapter = super().train(job, progress)
            return result

    return lambda: Counting(world), trained


@pytest.mark.parametrize(
    "point", ["calibrate.harmless-1.published", "calibrate.harmless-2.published", "calibrate.committing"]
)
def test_cut_off_it_goes_on_with_the_adapter_it_was_at(world: World, point: str) -> None:
    make, trained = counted(world)

    def reached(at: str) -> None:
        if at == point:
            raise Killed

    with pytest.raises(Killed):
        calibrate(world.calibration_parts(trainer=make(), reached=reached), SHORT)
    found = calibrate(world.calibration_parts(trainer=make()), SHORT)
    assert trained == ["harmless-1", "harmless-2"]
    assert found.nights == 2


def test_a_harmless_night_that_can_not_be_trained_is_no_rejection(world: World) -> None:
    with pytest.raises(TrainingError):
        calibrate(world.calibration_parts(trainer=ScriptedTrainer(fail_at_step=1)), SHORT)
    assert calibrate(world.calibration_parts(), SHORT).nights == 2


def test_nights_measured_before_count_with_those_of_now(world: World) -> None:
    calibrate(world.calibration_parts(), SHORT)
    make, trained = counted(world)
    found = calibrate(world.calibration_parts(trainer=make()), replace(SHORT, nights=3, damaged=("shuffled",)))
    assert trained == ["harmless-3", "shuffled"]
    assert [(rate.name, rate.tried) for rate in found.adapters] == [("harmless nights", 3), ("shuffled", 1)]


def test_simulating_alone_trains_nothing_and_needs_what_was_measured(world: World) -> None:
    alone = replace(SHORT, simulate_only=True)
    with pytest.raises(UsageError, match="no A/A night was measured"):
        calibrate(world.calibration_parts(), alone)
    calibrate(world.calibration_parts(), SHORT)
    make, trained = counted(world)
    assert calibrate(world.calibration_parts(trainer=make()), alone).nights == 2
    assert trained == []


def test_after_a_night_the_newest_documents_are_drawn_from(world: World) -> None:
    assert world.night().state is RunState.PROMOTED
    assert calibrate(world.calibration_parts(), SHORT).nights == 2


def test_nights_are_held_against_golden_as_it_is_and_not_against_production_twice(tmp_path: Path) -> None:
    rights = {item.answer for item in ITEMS.margins}

    def wears(nights: int, request: ScoreRequest) -> float:
        """Each night takes as much from every right answer."""
        return (-0.004 * nights if request.text in rights else 0.0) if request.messages else 0.1 * nights

    world = World(tmp_path, effect=wears).write_journal()
    world.index()
    assert world.night().state is RunState.PROMOTED
    calibrate(world.calibration_parts(), SHORT)
    (file,) = world.home.runs.glob("calibration-*/harmless-1.json")
    verdict = read_json(Weighed, file, "").verdict
    assert verdict is not None
    figures = {rule.rule: rule.measured for rule in verdict.rules}
    one_night = figures["margins against production"]
    assert one_night < 0
    assert figures["margins against golden"] == pytest.approx(2 * one_night)
    assert (verdict.production, verdict.golden) == (production(world.database), BASE)


def test_golden_is_measured_once_and_when_cut_off_not_again(world: World) -> None:
    assert world.night().state is RunState.PROMOTED
    launcher = ScriptedLauncher(Script(likelihood=world.likelihood))
    calibrate(world.calibration_parts(launcher=launcher), SHORT)
    started = [engine.adapter.version for engine in launcher.started]
    assert (started.count(BASE), started.count(production(world.database)), len(started)) == (1, 1, 4)
    calibrate(world.calibration_parts(launcher=launcher), replace(SHORT, nights=3))
    assert len(launcher.started) == 5


@pytest.mark.parametrize(
    ("request_", "complaint", "hint"),
    [
        (replace(SHORT, nights=1), "--nights is 1", "--nights 4"),
        (replace(SHORT, nights=1_000), "100 at most", "--nights 4"),
        (replace(SHORT, trials=10), "--trials is 10", "--trials 10000"),
        (replace(SHORT, damaged=("rust",)), "no damage is called 'rust'", "shuffled"),
    ],
)
def test_a_request_that_tells_nothing_is_refused(
    world: World, request_: CalibrationRequest, complaint: str, hint: str
) -> None:
    with pytest.raises(UsageError, match=complaint) as caught:
        calibrate(world.calibration_parts(), request_)
    assert hint in caught.value.hint


def test_without_a_document_no_night_can_be_drawn(world: World) -> None:
    with pytest.raises(UsageError, match="no document can be trained"):
        calibrate(world.calibration_parts(draw=lambda: SampleSet((), (), ())), SHORT)


def test_it_waits_for_no_night_and_no_night_for_it(world: World) -> None:
    with exclusive(world.home.night_lock, doing="a night"), pytest.raises(BusyError):
        calibrate(world.calibration_parts(), SHORT)


def test_the_command_line_measures_shows_and_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = raise_curtain(tmp_path, monkeypatch)
    stage.world.effect = unsteady
    assert main.run(["gate", "show"]) == 0
    assert "web4-agent gate calibrate" in capsys.readouterr().out
    assert main.run(["gate", "calibrate", "--nights", "1"]) == 2
    capsys.readouterr()
    assert main.run(["gate", "calibrate", "--nights", "2", "--trials", "100", "--damaged", "shuffled"]) == 0
    said = capsys.readouterr().out
    assert "rejects a harmless night in 0.0% (0.0% to 3.7%, n = 100)" in said
    assert "harmless nights: 0 of 2 rejected; shuffled: 1 of 1 rejected" in said
    assert main.run(["gate", "show"]) == 0
    assert "Calibrated" in capsys.readouterr().out
    assert main.run(["evening", "--date", DAY.isoformat()]) == 0
    assert "rejects a harmless night in 0.0%" in capsys.readouterr().out
