"""The night over fakes: promoted, rejected, void, waiting, cut short; and what the ledger says."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.flows.fakes import DAY, World, forgets
from tests.flows.pages import page, write
from tests.kills.invariants import check_invariants
from web4_agent.backends.engines.base import ServedAdapter
from web4_agent.backends.engines.scripted import Script, ScriptedLauncher
from web4_agent.backends.trainers.scripted import ScriptedTrainer
from web4_agent.domain.documents import DocumentState
from web4_agent.domain.errors import ClockError, EngineError, TrainingError, UsageError
from web4_agent.domain.ids import BASE
from web4_agent.domain.runs import RunState
from web4_agent.domain.speech import Message
from web4_agent.domain.verdicts import Canary, Check, Decision
from web4_agent.flows.night import NightRequest, abandon, evening, rehearse
from web4_agent.records import adapters, documents, runs, verdicts
from web4_agent.steps.projection import BUFFER, HISTORY


class Killed(BaseException):
    """Stands for SIGKILL: no handler of the project catches it."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path).write_journal()
    made.index()
    return made


def states(world: World) -> dict[DocumentState, int]:
    with world.database.begin() as connection:
        return documents.states(connection)


def test_a_good_night_is_promoted_and_its_documents_become_history(world: World) -> None:
    report = world.night()
    assert report.state is RunState.PROMOTED, report.verdicts[-1].reasons
    assert report.serving.startswith("a-")
    assert states(world) == {DocumentState.HISTORICAL: 6}
    assert world.store.ids(BUFFER) == {}
    assert len(set(world.store.ids(HISTORY).values())) == 6
    check_invariants(world)


@pytest.mark.parametrize(
    ("wrong", "turned", "row"),
    [
        ((), (2,), ("Paris.", "Rome, 2", True, True, 3, 2, False)),
        ((), (1, 2), ("Paris.", "Rome, 1", True, False, 3, 1, True)),
        ((0,), (0, 1), ("Paris.", "Rome, 1", True, False, 2, 1, False)),
        ((1,), (), ("Rome, 1", "Paris.", True, True, 2, 3, False)),
        ((), (), ("Paris.", "Paris.", True, True, 3, 3, False)),
    ],
)
def test_the_report_shows_the_wording_of_a_canary_that_was_lost(
    world: World, wrong: tuple[int, ...], turned: tuple[int, ...], row: tuple[object, ...]
) -> None:
    """`wrong`: the wordings that production answers wrongly, `turned` those that the candidate does."""
    prompts = tuple(f"Capital of France, said {at}?" for at in range(3))
    asked = Canary("capital", "facts", prompts[0], (Check("contains_any", ("Paris",)),), wordings=prompts[1:])

    def answered(adapter: ServedAdapter, messages: Sequence[Message]) -> str:
        at = prompts.index(messages[-1].content) if messages[-1].content in prompts else 0
        return f"Rome, {at}" if at in (wrong if adapter.version == BASE else turned) else "Paris."

    world.items = replace(world.items, canaries=(asked,))
    report = world.night(launcher=ScriptedLauncher(Script(likelihood=world.likelihood, answer=answered)))
    (pair,) = report.canaries
    told = (pair.answer_before, pair.answer, pair.before, pair.after, pair.held_before, pair.held_after, pair.lost)
    assert told == row
    text = (world.home.run(report.run) / "report.md").read_text(encoding="utf-8")
    assert f"{pair.held_after}/3" in text


def test_a_night_that_goes_on_with_other_wordings_of_a_canary_promotes_nothing(world: World) -> None:
    """As after an upgrade: production was asked by the version before."""

    def kill(point: str) -> None:
        if point == "export-1.started":
            raise Killed(point)

    asked = world.items.canaries[0]
    world.items = replace(world.items, canaries=(replace(asked, wordings=()),))
    with pytest.raises(Killed):
        world.night(reached=kill)
    world.items = replace(world.items, canaries=(asked,))
    report = world.night()
    assert (report.state, report.serving) == (RunState.REJECTED, BASE)
    assert {verdict.decision for verdict in report.verdicts} == {Decision.VOID}
    assert report.verdicts[0].reasons == ("Canaries differ between the models.",)


def test_the_report_says_what_was_learned_and_where_everything_is(world: World) -> None:
    report = world.night()
    learned = {one.group: one for one in report.learned}
    assert learned["tonight"].after < learned["tonight"].before
    assert len(report.canaries) == 20
    assert report.documents == 6
    assert report.steps > 0
    assert all(Path(place).exists() for _, place in report.places)
    text = (world.home.run(report.run) / "report.md").read_text()
    assert report.serving in text
    assert "gain on tonight" in text
    assert f"night.step_committed run={report.run} step=promote" in world.home.log(report.run).read_text()
    archive = json.loads((world.home.archive / f"{report.run}.json").read_text())
    assert {one["trained_in_adapter"] for one in archive} == {report.serving}


def test_a_second_night_continues_the_lineage_with_replay(world: World) -> None:
    first = world.night()
    for at in range(5):
        write(
            world.journal,
            f"09{at:02}-later",
            page(f"later matter {at}", f"Number {at} of a new day. " * 3),
            "2026-03-03",
        )
    world.index()
    second = world.night(DAY + timedelta(days=1))
    assert second.state is RunState.PROMOTED, second.verdicts[-1].reasons
    assert second.samples["replay"] > 0
    with world.database.begin() as connection:
        chain = [one.version for one in adapters.lineage(connection, second.serving)]
    assert chain == [second.serving, first.serving, BASE]
    assert "other days" in {one.group for one in second.learned}
    check_invariants(world)


def test_a_bad_night_is_rejected_at_every_scale_and_changes_nothing(world: World) -> None:
    world.effect = forgets
    report = world.night()
    assert report.state is RunState.REJECTED
    assert [verdict.scale for verdict in report.verdicts] == [1.0, 0.5, 0.25]
    assert report.serving == BASE
    assert states(world) == {DocumentState.BUFFERED: 6}
    with world.database.begin() as connection:
        assert len(verdicts.of_run(connection, report.run)) == 3
        assert "was rejected" in documents.in_state(connection, DocumentState.BUFFERED)[0].reason
    check_invariants(world)


def test_rejected_documents_are_trained_the_next_night(world: World) -> None:
    world.effect = forgets
    world.night()
    world.effect = lambda nights, request: 0.0 if request.messages else 0.1 * nights
    assert world.night(DAY + timedelta(days=1)).state is RunState.PROMOTED
    assert states(world) == {DocumentState.HISTORICAL: 6}
    check_invariants(world)


def test_an_export_fault_is_named_and_no_smaller_scale_is_tried(world: World) -> None:
    world.export_fault = 0.6
    report = world.night()
    assert report.state is RunState.REJECTED
    assert [verdict.decision for verdict in report.verdicts] == [Decision.VOID]
    assert "export fault" in report.verdicts[0].reasons[0]
    check_invariants(world)


def test_an_engine_that_can_not_score_leaves_it_to_the_trainers_copy_and_says_so(world: World) -> None:
    report = world.night(launcher=ScriptedLauncher(Script(can_score=False)), gate=world.gate)
    assert report.verdicts[0].scored_on == "trainer's copy"


def test_nothing_new_is_a_normal_end(world: World) -> None:
    world.night()
    report = world.night(DAY + timedelta(days=1))
    assert report.state is RunState.NOTHING_NEW
    assert "Nothing new" in report.sentence
    check_invariants(world)


def test_too_few_samples_wait_for_the_next_night(world: World) -> None:
    report = world.night(policy=world.policy.__class__(minimum_samples=10_000))
    assert report.state is RunState.DONE
    assert "fewer than 10000" in report.sentence
    assert states(world) == {DocumentState.BUFFERED: 6}


def test_without_training_the_samples_are_prepared_and_the_documents_wait(world: World) -> None:
    report = world.night(train=False)
    assert report.state is RunState.DONE
    assert sum(report.samples.values()) > 0
    assert (world.home.run(report.run) / "samples.json").is_file()
    assert states(world) == {DocumentState.BUFFERED: 6}
    check_invariants(world)


def test_general_samples_that_hold_refusals_are_trained_as_such(world: World) -> None:
    report = world.night(train=False)
    train = json.loads((world.home.run(report.run) / "samples.json").read_text())["train"]
    general = {one["id"]: one["kind"] for one in train if one["origin"] == "general"}
    safe = {f"g-{one.id}" for one in world.items.general_samples if one.safety}
    assert general.keys() & safe
    assert all((kind == "safety") == (name in safe) for name, kind in general.items())


def test_a_rehearsal_leaves_no_trace(world: World) -> None:
    before = sorted(path for path in world.home.root.rglob("*"))
    prepared = rehearse(world.parts(), NightRequest(DAY))
    assert prepared is not None
    assert prepared.samples["new"] > 0
    assert sorted(path for path in world.home.root.rglob("*")) == before
    with world.database.begin() as connection:
        assert runs.recent(connection, "night", 5) == []


def test_documents_of_later_days_and_ones_that_may_not_be_trained_stay(world: World) -> None:
    write(world.journal, "0900-tomorrow", page("tomorrow's matter", "It is written on the third."), "2026-03-03")
    write(world.journal, "1500-visitor", page("visitor berth", "Call Ms Tern on +44 20 7946 0958 about it."))
    world.index()
    assert world.night().documents == 6
    assert states(world) == {DocumentState.HISTORICAL: 6, DocumentState.BUFFERED: 2}


def test_a_document_edited_during_the_night_is_trained_as_it_was_and_waits_as_it_is(world: World) -> None:
    def edit(point: str) -> None:
        if point == "train.done":
            write(world.journal, "0900-queue-limit", page("queue limit", "It is 128 now, after the second pump came."))
            world.index()

    world.night(reached=edit)
    assert states(world) == {DocumentState.HISTORICAL: 5, DocumentState.SUPERSEDED: 1, DocumentState.BUFFERED: 1}
    check_invariants(world)


def test_a_trainer_that_fails_leaves_the_run_open_and_production_untouched(world: World) -> None:
    with pytest.raises(TrainingError, match="step 1"):
        world.night(trainer=ScriptedTrainer(fail_at_step=1))
    assert states(world) == {DocumentState.CLAIMED: 6}
    assert world.night().state is RunState.PROMOTED
    check_invariants(world)


def test_an_engine_that_dies_while_judging_leaves_the_run_open(world: World) -> None:
    with pytest.raises(EngineError, match="request 300"):
        world.night(launcher=ScriptedLauncher(Script(likelihood=world.likelihood, dies_at=300)))
    report = world.night()
    assert report.state is RunState.PROMOTED
    with world.database.begin() as connection:
        assert len(runs.recent(connection, "night", 5)) == 1


def test_an_open_night_can_be_given_up(world: World) -> None:
    with pytest.raises(UsageError, match="no night is open"):
        abandon(world.parts())
    with pytest.raises(TrainingError):
        world.night(trainer=ScriptedTrainer(fail_at_step=1))
    abandon(world.parts())
    assert states(world) == {DocumentState.BUFFERED: 6}
    assert world.night().run.endswith("-2")
    check_invariants(world)


def test_a_clock_set_back_stops_the_night_before_it_starts(world: World) -> None:
    world.night()
    world.clock.at -= timedelta(days=2)
    with pytest.raises(ClockError):
        evening(world.parts(), NightRequest(DAY))


STEPS = (
    "collect",
    "backup",
    "prepare",
    "train",
    "measure",
    "export-1",
    "judge-1",
    "shadow",
    "promote",
    "settle",
    "report",
)


@pytest.mark.parametrize("point", ["train.done", "promote.committing", "promote.committed", "report.committed"])
def test_a_night_cut_short_is_finished_by_the_next_call(world: World, point: str) -> None:
    """Here by an exception, in this process; tests/kills kills one at every commit point."""

    def kill(reached: str) -> None:
        if reached == point:
            raise Killed(point)

    with pytest.raises(Killed):
        world.night(reached=kill)
    report = world.night()
    expected = RunState.NOTHING_NEW if point == "report.committed" else RunState.PROMOTED
    assert report.state is expected
    assert states(world) == {DocumentState.HISTORICAL: 6}
    with world.database.begin() as connection:
        promoted = [run for run in runs.recent(connection, "night", 5) if run.state is RunState.PROMOTED]
        assert len(promoted) == 1
        assert list(runs.committed(connection, promoted[0].id)) == list(STEPS)
        assert len(adapters.moves(connection)) == 2
    check_invariants(world)


@pytest.mark.parametrize(
    "point", ["judge-0.5.done", "reject.started", "reject.committing", "reject.committed", "settle.done"]
)
def test_a_rejected_night_killed_half_way_still_gives_its_documents_back(world: World, point: str) -> None:
    world.effect = forgets

    def kill(reached: str) -> None:
        if reached == point:
            raise Killed(point)

    with pytest.raises(Killed):
        world.night(reached=kill)
    assert world.night().state is RunState.REJECTED
    assert states(world) == {DocumentState.BUFFERED: 6}
    check_invariants(world)


def test_the_same_home_and_journal_give_the_same_adapter(tmp_path: Path) -> None:
    versions = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        made = World(tmp_path / name).write_journal()
        made.index()
        versions.append(made.night().serving)
    assert versions[0] == versions[1]


def test_backups_keep_the_last_few(world: World) -> None:
    for night in range(4):
        for at in range(3):
            words = f"Night {night}, matter {at}: " + " ".join(f"w{night}{at}{n}" for n in range(60))
            write(world.journal, f"1{at}00-n{night}", page(f"matter {night} {at}", words), f"2026-03-{10 + night}")
        world.index()
        assert world.night(DAY + timedelta(days=8 + night), keep_backups=2).state is RunState.PROMOTED
    kept = [path for path in world.home.backups.iterdir() if path.is_dir()]
    assert len(kept) == 2
    assert len(list(world.home.backups.glob("*/ledger.db"))) == 2
