"""Days with hardly anything to learn, and a loss that is no number: a clear word, and nothing is lost."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.faults.table import told
from tests.faults.worlds import check_learned, check_untouched, check_whole, production, states
from tests.flows.fakes import DAY, World
from tests.flows.pages import journal, page, write
from tests.kills.world import FEW_ITEMS
from web4_agent.backends.trainers.base import TrainJob
from web4_agent.backends.trainers.scripted import ScriptedTrainer
from web4_agent.domain.documents import Document, DocumentState
from web4_agent.domain.errors import TrainingError
from web4_agent.domain.ids import BASE
from web4_agent.domain.runs import RunState
from web4_agent.domain.training import TrainedAdapter, TrainPolicy, TrainProgress
from web4_agent.steps.samples.build import DocumentSamples, build_samples

ONE_LINE = "# One\n\nThe pump runs.\n"


def small(root: Path, **policy: int) -> World:
    values = {"rank": 2, "alpha": 4, "max_tokens": 20_000, "minimum_samples": 20, **policy}
    return World(root, items=FEW_ITEMS, policy=TrainPolicy(**values))  # type: ignore[arg-type] # figures by name


def grown(world: World) -> None:
    """The next day brings the usual number of documents; they and those that waited are learnt."""
    journal(world.journal)
    world.index()
    report = world.night(DAY + timedelta(days=1))
    assert report.state is RunState.PROMOTED, report.verdicts[-1].reasons
    assert set(states(world)) == {DocumentState.HISTORICAL}
    check_whole(world)


def test_a_journal_of_one_document_waits_and_is_learnt_with_the_next(tmp_path: Path) -> None:
    world = small(tmp_path, minimum_samples=60)
    write(world.journal, "0800-alone", page("lone lamp", "A single lamp burns on the outer pier."))
    world.index()
    report = world.night()
    assert report.state is RunState.DONE
    assert "are fewer than 60; the documents stay in the buffer" in report.sentence
    assert states(world) == {DocumentState.BUFFERED: 1}
    assert production(world) == BASE
    check_whole(world)
    world.policy = small_policy()
    grown(world)


def test_a_journal_of_one_document_is_not_trained_on_before_its_gain_can_be_judged(tmp_path: Path) -> None:
    """It gives one text to hold out, and a gain needs two: no night is spent on what must be rejected."""
    world = small(tmp_path, minimum_samples=1)
    write(world.journal, "0800-alone", page("lone lamp", "A single lamp burns on the outer pier."))
    world.index()
    report = world.night()
    assert (report.state, report.verdicts) == (RunState.DONE, ())
    assert "a gain is judged on 2 held-out texts at least, and these documents give 1" in report.sentence
    assert states(world) == {DocumentState.BUFFERED: 1}
    assert production(world) == BASE
    check_whole(world)
    world.policy = small_policy()
    grown(world)


def test_a_day_of_one_sample_waits_and_says_how_many_there_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one(document: Document, **names: object) -> DocumentSamples:
        built = build_samples(document, **names)  # type: ignore[arg-type] # passed on by name
        return replace(built, train=built.train[:1])

    monkeypatch.setattr("web4_agent.steps.samples.choose.build_samples", one)
    world = small(tmp_path)
    write(world.journal, "0800-alone", page("lone lamp", "A single lamp burns on the outer pier."))
    world.index()
    report = world.night()
    assert report.state is RunState.DONE
    assert report.sentence.startswith("Waiting: 1 new samples are fewer than 20")
    assert states(world) == {DocumentState.BUFFERED: 1}
    check_whole(world)


def test_a_file_of_one_line_is_named_with_its_reason_and_nothing_is_new(tmp_path: Path) -> None:
    world = small(tmp_path)
    write(world.journal, "0800-one-line", ONE_LINE)
    (rejection,) = world.index().rejected
    assert "no PDCA structure" in rejection.reason
    report = world.night()
    assert (report.state, production(world)) == (RunState.NOTHING_NEW, BASE)
    assert "Nothing new" in report.sentence
    check_whole(world)


def small_policy() -> TrainPolicy:
    return TrainPolicy(rank=2, alpha=4, max_tokens=20_000, minimum_samples=5)


class _Diverging(ScriptedTrainer):
    """As the real trainer, which refuses a step whose loss is no number and leaves the parameters as they were."""

    def train(self, job: TrainJob, progress: Callable[[TrainProgress], None]) -> TrainedAdapter:
        raise TrainingError(
            "the loss is not finite (loss nan, gradient norm nan)",
            "lower training.learning_rate, then run the night again",
        )


def test_a_loss_that_is_no_number_stops_the_night_and_the_next_call_goes_on(world: World) -> None:
    with pytest.raises(TrainingError) as caught:
        world.night(trainer=_Diverging())
    told("loss that is no number", caught.value)
    check_untouched(world)
    world.night()
    check_learned(world)
