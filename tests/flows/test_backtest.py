"""A backtest finds what a recipe learned, kept and lost; it goes on where it was cut off and mixes nothing up."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import fmean, stdev

import pytest

from tests.flows.pages import TOPICS, page, write
from tests.flows.remembering import RememberingTrainer
from web4_agent.domain.errors import IntegrityError, JournalError, TrainingError, UsageError
from web4_agent.domain.samples import SampleKind, SampleOrigin
from web4_agent.domain.training import Recipe, TrainPolicy
from web4_agent.domain.verdicts import GatePolicy
from web4_agent.flows.backtest import BacktestParts, BacktestReport, BacktestRequest, Caps, backtest
from web4_agent.steps.judging.measure import load_gate_items

ITEMS = load_gate_items(per_stratum=2)
DAYS = ("2026-03-02", "2026-03-03", "2026-03-04")
CAPS = Caps(documents=6, document_tokens=700, held_out=4, probes=6)
POLICY = TrainPolicy(minimum_samples=1, replay_ramp_nights=1, kl_weight=0.0)
FORGETFUL = Recipe("forgetful", replace(POLICY, share_replay=0.0))
REPLAYING = Recipe("replaying", POLICY)


@dataclass
class Past:
    """A journal of three days of six documents, and a place to live through it."""

    root: Path
    trainer: RememberingTrainer = field(default_factory=RememberingTrainer)

    def __post_init__(self) -> None:
        self.journal = self.root / "journal"
        texts, titles = {}, {}
        for day in DAYS:
            for name, topic, words in TOPICS:
                named = f"{topic} of {day[-2:]} March"
                text = page(named, f"{words} Noted on {day}.").replace("2026-03-02-UTC", f"{day}-UTC")
                path = write(self.journal, name, text, day)
                key = path.relative_to(self.journal).as_posix()
                texts[key], titles[key] = text, named
        self.trainer.texts, self.trainer.titles = texts, titles

    def parts(self, **changes: object) -> BacktestParts:
        values: dict[str, object] = {
            "trainer": self.trainer,
            "base": self.root,
            "base_name": "remembering",
            "items": ITEMS,
            "gate": GatePolicy(),
            "has_secret": lambda _: False,
            "folder": self.root / "out",
            "now": lambda: datetime(2026, 3, 5, tzinfo=UTC),
        }
        return BacktestParts(**(values | changes))  # type: ignore[arg-type] # values by name, checked at run time

    def run(self, *recipes: Recipe, joint: Recipe | None = REPLAYING, **changes: object) -> BacktestReport:
        request = BacktestRequest(self.journal, recipes, caps=CAPS, joint=joint)
        return backtest(self.parts(**changes), request)


@pytest.fixture
def past(tmp_path: Path) -> Past:
    return Past(tmp_path)


def test_each_night_improves_its_own_day_most_and_a_recipe_without_replay_forgets_by_halves(past: Past) -> None:
    report = past.run(FORGETFUL)
    (summary,) = report.summaries
    assert report.days == tuple(date.fromisoformat(day) for day in DAYS)
    gains = [[before - after for before, after in zip(report.base.bits, row, strict=True)] for row in summary.bits]
    for night, row in enumerate(gains):
        assert row[night] > 0
        assert row[night + 1 :] == pytest.approx([0.0] * (2 - night))  # not taught yet
    assert gains[2][0] == pytest.approx(gains[0][0] / 4, rel=0.05)
    assert gains[2][1] == pytest.approx(gains[1][1] / 2, rel=0.05)
    told = summary.bits_transfer
    assert told.forgetting is not None
    assert told.forgetting == pytest.approx((gains[0][0] * 3 / 4 + gains[1][1] / 2) / 2, rel=0.05)
    assert told.backward == pytest.approx(-told.forgetting, rel=1e-6)
    assert told.forward == pytest.approx(0.0, abs=1e-9)


def test_replay_forgets_less_and_comes_nearer_to_joint_training(past: Past) -> None:
    report = past.run(FORGETFUL, REPLAYING)
    forgetful, replaying = (summary.bits_transfer for summary in report.summaries)
    assert replaying.forgetting is not None
    assert forgetful.forgetting is not None
    assert replaying.forgetting < forgetful.forgetting
    assert forgetful.joint_ratio is not None
    assert replaying.joint_ratio is not None
    assert 0 < forgetful.joint_ratio < replaying.joint_ratio <= 1.001
    assert report.joint is not None
    assert report.joint.probes_right > report.base.probes_right


def test_recall_counts_questions_whose_right_answer_is_likeliest(past: Past) -> None:
    report = past.run(FORGETFUL)
    (summary,) = report.summaries
    asked = sum(report.probes)
    assert asked >= 9
    for night, row in enumerate(summary.recall):
        assert row[night] > report.base.recall[night]
    assert summary.probes_right * asked == pytest.approx(round(summary.probes_right * asked))


def test_held_out_texts_and_probe_wordings_are_never_trained(past: Past) -> None:
    past.run(FORGETFUL, REPLAYING)
    plan = json.loads((past.root / "out" / "plan.json").read_text())
    assert plan["days"]
    request = BacktestRequest(past.journal, (FORGETFUL,), caps=CAPS)
    from web4_agent.flows.backtest.days import plan_days

    days = plan_days(request).days
    held = {line for day in days for item in day.held_out for line in item.text.splitlines() if len(line) > 40}
    asked = {probe.prompt for day in days for probe in day.probes}
    assert held
    assert asked
    trained = [sample for job in past.trainer.jobs for sample in job.samples]
    assert not asked & {sample.prompt for sample in trained}
    assert not [line for line in held for sample in trained if line in sample.target]


def test_general_samples_that_hold_refusals_are_trained_as_such(past: Past) -> None:
    past.run(FORGETFUL, joint=None)
    general = [one for one in past.trainer.jobs[0].samples if one.origin is SampleOrigin.GENERAL]
    safe = {f"g-{one.id}" for one in ITEMS.general_samples if one.safety}
    assert {one.id for one in general} & safe
    assert all((one.kind is SampleKind.SAFETY) == (one.id in safe) for one in general)


def test_every_recipe_puts_as_many_tokens_through_the_model(past: Past) -> None:
    past.run(FORGETFUL, REPLAYING)
    nights = [job.policy.max_tokens for job in past.trainer.jobs]
    assert nights[:3] == nights[3:6] == [6 * CAPS.document_tokens] * 3
    assert nights[6] == sum(nights[:3])  # joint training


@pytest.mark.parametrize("point", ["forgetful.1", "forgetful.3", "replaying.2"])
def test_one_that_was_cut_off_goes_on_and_ends_the_same(past: Past, tmp_path: Path, point: str) -> None:
    def cut(reached: str) -> None:
        if reached == point:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        past.run(FORGETFUL, REPLAYING, reached=cut)
    before = len(past.trainer.jobs)
    resumed = past.run(FORGETFUL, REPLAYING)
    assert len(past.trainer.jobs) == 7
    assert 0 < before < 7
    whole = Past(tmp_path / "whole").run(FORGETFUL, REPLAYING)
    assert _timeless(resumed) == _timeless(whole)


def test_a_finished_one_is_reported_again_without_training(past: Past) -> None:
    first = past.run(FORGETFUL)
    trained = len(past.trainer.jobs)
    assert past.run(FORGETFUL) == first
    assert len(past.trainer.jobs) == trained


def test_a_recipe_that_changed_is_refused_and_the_change_named(past: Past) -> None:
    past.run(FORGETFUL, joint=None)
    changed = replace(FORGETFUL, policy=replace(FORGETFUL.policy, learning_rate=0.25))
    with pytest.raises(UsageError, match="learning_rate") as told:
        past.run(changed, joint=None)
    assert "--out" in told.value.hint
    assert past.run(FORGETFUL, joint=None).summaries[0].recipe == "forgetful"


def test_other_days_in_the_same_folder_are_refused(past: Past) -> None:
    past.run(FORGETFUL, joint=None)
    request = BacktestRequest(past.journal, (FORGETFUL,), since=date(2026, 3, 3), caps=CAPS)
    with pytest.raises(UsageError, match="holds a backtest of other days"):
        backtest(past.parts(), request)


def test_a_damaged_night_is_named_and_not_guessed(past: Past) -> None:
    past.run(FORGETFUL, joint=None)
    (past.root / "out" / "forgetful" / "night-02.json").write_text("{")
    with pytest.raises(IntegrityError, match=r"night-02\.json"):
        past.run(FORGETFUL, joint=None)


def test_a_loss_that_is_no_number_stops_it_and_what_was_done_is_kept(past: Past) -> None:
    past.trainer.fails_on = next(name for name in past.trainer.texts if DAYS[1] in name)
    with pytest.raises(TrainingError, match="not finite"):
        past.run(FORGETFUL, joint=None)
    past.trainer.fails_on = ""
    assert past.run(FORGETFUL, joint=None).summaries[0].nights == 3
    assert len(past.trainer.jobs) == 4  # the failed night once more, the first not again


def test_a_gate_in_force_keeps_a_harmful_night_out_and_its_documents_wait(past: Past) -> None:
    past.trainer.harm = 2.0
    report = past.run(replace(FORGETFUL, name="gated", gated=True), FORGETFUL, joint=None)
    gated, free = report.summaries
    assert gated.kept == gated.promoted == 0
    assert gated.bits[-1] == pytest.approx(report.base.bits)
    assert free.kept == 3
    nights = [{sample.document for sample in job.samples if sample.document} for job in past.trainer.jobs[:3]]
    assert [job.start for job in past.trainer.jobs[:3]] == [None] * 3
    assert nights[0] < nights[2], "the third night also has the documents of the nights that were refused"


def test_too_few_samples_wait_for_the_next_day(past: Past) -> None:
    report = past.run(Recipe("patient", replace(POLICY, minimum_samples=100_000)), joint=None)
    (summary,) = report.summaries
    assert summary.kept == 0
    assert not past.trainer.jobs
    assert summary.bits[-1] == pytest.approx(report.base.bits)


def test_a_night_that_waits_hands_its_documents_and_its_tokens_on(past: Past) -> None:
    """A day of these pages gives some forty samples, two days twice as many."""
    report = past.run(Recipe("patient", replace(POLICY, minimum_samples=60)), joint=None)
    (job,) = past.trainer.jobs
    assert job.policy.max_tokens == 2 * 6 * CAPS.document_tokens
    assert {str(sample.document)[:10] for sample in job.samples if sample.document} == set(DAYS[:2])
    assert report.summaries[0].kept == 1


def test_a_rebuild_starts_from_the_base_with_all_documents_so_far(past: Past) -> None:
    past.run(Recipe("rebuilt", POLICY, rebuild_nights=2), joint=None)
    starts = [job.start for job in past.trainer.jobs]
    assert starts[0] is None
    assert starts[1] is not None
    assert starts[2] is None
    assert {str(sample.document)[:10] for sample in past.trainer.jobs[2].samples if sample.document} == set(DAYS)


def test_a_journal_of_one_document_gives_one_night_and_no_figure_that_needs_two(tmp_path: Path) -> None:
    past = Past(tmp_path)
    for path in sorted(past.journal.rglob("*.md"))[1:]:
        path.unlink()
    report = past.run(FORGETFUL, joint=None)
    (summary,) = report.summaries
    assert (sum(report.documents), summary.nights) == (1, 1)
    assert summary.bits_transfer.forgetting is None
    assert summary.bits_transfer.backward is None


@pytest.mark.parametrize("fill", [lambda _: None, lambda root: (root / "notes.md").write_text("no PDCA")])
def test_a_journal_without_a_document_is_named(past: Past, tmp_path: Path, fill: Callable[[Path], object]) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    fill(empty)
    with pytest.raises(JournalError, match="can be trained") as told:
        backtest(past.parts(), BacktestRequest(empty, (FORGETFUL,)))
    assert "--dry-run" in told.value.hint


def test_a_skill_that_wears_down_is_told_in_the_gates_own_unit(past: Past) -> None:
    past.trainer.harm = 0.5
    report = past.run(FORGETFUL, joint=None)
    (summary,) = report.summaries
    base = json.loads((past.root / "out" / "base.json").read_text())["margins"]
    unit = stdev(one["value"] for one in base)
    assert {name for name, _ in summary.strata} == {one["stratum"] for one in base}
    for night in range(3):
        file = past.root / "out" / "forgetful" / f"night-{night + 1:02d}.json"
        after = {one["item"]: one["value"] for one in json.loads(file.read_text())["scored"]["margins"]}
        for name, changes in summary.strata:
            moved = [after[one["item"]] - one["value"] for one in base if one["stratum"] == name]
            assert changes[night] == pytest.approx(fmean(moved) / unit)
            assert changes[night] != 0.0
    lowest, changes = min(summary.strata, key=lambda one: one[1][2])
    assert f"{lowest} {changes[2]:+.2f}" in Path(dict(report.places)["tables"]).read_text()


def test_picture_tables_and_figures_are_written(past: Past) -> None:
    report = past.run(FORGETFUL, REPLAYING)
    places = dict(report.places)
    assert Path(places["picture"]).read_bytes().startswith(b"\x89PNG")
    tables = Path(places["tables"]).read_text()
    assert "## forgetful: bits per byte, R[night][day]" in tables
    figures = json.loads(Path(places["figures"]).read_text())
    assert figures["summaries"][0]["bits"] == [list(row) for row in report.summaries[0].bits]


def _timeless(report: BacktestReport) -> tuple[object, ...]:
    return tuple(replace(summary, train_s=0.0, score_s=0.0) for summary in report.summaries), report.base, report.joint
