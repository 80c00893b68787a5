"""A night learns, repeats bit for bit, survives being stopped at any step, and stops at a loss that is no number."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.backends.trainers.contract import job
from tests.backends.trainers.sentences import night, sample
from web4_agent.backends.trainers import training_loop
from web4_agent.backends.trainers.base import TrainJob
from web4_agent.backends.trainers.lora_model import load_for_training
from web4_agent.backends.trainers.peft_folder import interpolate
from web4_agent.backends.trainers.training_loop import train
from web4_agent.domain.errors import ModelError, TrainingError
from web4_agent.domain.samples import SampleKind, SampleOrigin
from web4_agent.domain.training import TrainedAdapter, TrainPolicy, TrainProgress

Make = Callable[..., TrainJob]


@pytest.fixture(autouse=True)
def _deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(mode=True)
    yield
    torch.use_deterministic_algorithms(mode=False)


@pytest.fixture
def make(base: Path, tmp_path: Path) -> Make:
    def made(name: str = "night", **policy: float) -> TrainJob:
        plain = job(base, tmp_path / name)
        return replace(plain, policy=replace(plain.policy, **policy))  # type: ignore[arg-type] # fields by name

    return made


def _weights(trained: TrainedAdapter) -> bytes:
    return (trained.folder / "adapter_model.safetensors").read_bytes()


def _ignore(_: TrainProgress) -> None:
    return


class Stopped(Exception):
    """Stands for a process that dies: whatever was not on disk by then is gone."""


def _stop_at(step: int) -> Callable[[TrainProgress], None]:
    def heard(progress: TrainProgress) -> None:
        if progress.step == step:
            raise Stopped

    return heard


def test_learning_lowers_the_loss(make: Make) -> None:
    trained = train(make(epochs=8, learning_rate=5e-3, kl_weight=0.0), _ignore)
    assert trained.last_loss < trained.first_loss - 0.5


@pytest.mark.parametrize("step", [1, 2, 3, 5, 6])
def test_a_night_stopped_at_any_step_ends_in_the_bytes_of_one_that_was_not(make: Make, step: int) -> None:
    whole = train(make("whole", epochs=2), _ignore)
    assert whole.steps > 6
    with pytest.raises(Stopped):
        train(make("stopped", epochs=2), _stop_at(step))
    assert not make("stopped").out.exists()
    continued = train(make("stopped", epochs=2), _ignore)
    assert continued.resumed_at_step == (step - 1) // 2 * 2
    assert _weights(continued) == _weights(whole)
    facts = ("steps", "tokens", "loss_tokens", "first_loss", "last_loss", "kl")
    assert all(getattr(continued, fact) == getattr(whole, fact) for fact in facts)
    assert (continued.start / "adapter_model.safetensors").read_bytes() == (
        whole.start / "adapter_model.safetensors"
    ).read_bytes()


def test_checkpoints_of_another_job_are_not_continued(make: Make) -> None:
    with pytest.raises(Stopped):
        train(make(), _stop_at(3))
    other = train(make(learning_rate=1e-3), _ignore)
    assert other.resumed_at_step == 0
    assert _weights(other) == _weights(train(make("fresh", learning_rate=1e-3), _ignore))


def test_a_broken_checkpoint_starts_the_night_anew(make: Make) -> None:
    with pytest.raises(Stopped):
        train(make(), _stop_at(3))
    (torn,) = make().work.glob("checkpoint-*/optimizer.safetensors")
    torn.write_bytes(b"torn")
    assert train(make(), _ignore).resumed_at_step == 0


def test_a_complete_night_is_reported_again_without_training(make: Make) -> None:
    first = train(make(), _ignore)
    heard: list[TrainProgress] = []
    assert train(make(), heard.append) == first
    assert heard == []


def test_an_out_folder_of_another_night_is_refused(make: Make) -> None:
    train(make(), _ignore)
    with pytest.raises(TrainingError, match="holds another training"):
        train(make(learning_rate=1e-3), _ignore)


def test_a_finished_night_leaves_no_checkpoint(make: Make) -> None:
    trained = train(make(), _ignore)
    assert sorted(path.name for path in trained.start.parent.iterdir()) == ["result.json", "start"]


def test_kl_to_base_is_zero_before_the_first_step_of_a_fresh_adapter(make: Make) -> None:
    heard: list[TrainProgress] = []
    train(make(tokens_per_step=100_000, dropout=0.0), heard.append)
    assert len(heard) == 1
    assert abs(heard[0].kl) < 1e-6


def test_kl_to_base_is_measured_and_its_weight_holds_the_model_back(make: Make) -> None:
    free, held = (
        train(make(str(weight), epochs=6, learning_rate=5e-3, kl_weight=weight), _ignore) for weight in (1e-9, 5.0)
    )
    assert 0.0 < held.kl < 0.5 * free.kl


def test_a_rate_far_too_high_is_a_training_error_and_publishes_nothing(make: Make) -> None:
    with pytest.raises(TrainingError, match="not finite"):
        train(make(learning_rate=1e20, epochs=4), _ignore)
    assert not make().out.exists()


def test_a_heavier_sample_is_learnt_better(base: Path, tmp_path: Path) -> None:
    def loss_of_first(weight: float) -> float:
        samples = (sample(0, weight=weight), *(sample(number) for number in range(1, 8)))
        plain = job(base, tmp_path / str(weight), samples=samples)
        policy = replace(plain.policy, learning_rate=5e-3, epochs=4)
        trained = train(replace(plain, policy=policy), _ignore)
        heard: list[TrainProgress] = []
        check = job(base, tmp_path / f"check {weight}", samples=(sample(0),), start=trained.folder)
        train(replace(check, policy=replace(check.policy, dropout=0.0)), heard.append)
        return heard[0].loss

    assert loss_of_first(20.0) < loss_of_first(1.0) - 0.05


def test_the_night_stops_at_its_token_budget(make: Make) -> None:
    trained = train(make(epochs=50, max_tokens=700), _ignore)
    assert 500 < trained.tokens <= 700


def test_only_general_samples_cost_a_base_pass(base: Path, tmp_path: Path) -> None:
    plain = tuple(each for each in night() if each.origin is not SampleOrigin.GENERAL)
    assert train(job(base, tmp_path, samples=plain), _ignore).kl == 0.0


def test_an_adapter_of_another_rank_is_refused(make: Make) -> None:
    parent = train(make("parent", rank=2), _ignore)
    with pytest.raises(ModelError, match="rank 2"):
        train(replace(make("child"), start=parent.folder), _ignore)


def test_an_adapter_of_another_model_is_refused(make: Make, qwen_base: Path) -> None:
    parent = train(make("parent"), _ignore)
    config = (parent.folder / "adapter_config.json").read_text(encoding="utf-8")
    other = parent.folder.parent / "other"
    other.mkdir()
    (other / "adapter_config.json").write_text(config, encoding="utf-8")
    from safetensors.torch import load_file, save_file

    weights = load_file(parent.folder / "adapter_model.safetensors")
    weights.popitem()
    save_file(weights, other / "adapter_model.safetensors")
    with pytest.raises(ModelError, match="another model"):
        train(replace(make("child"), start=other), _ignore)


def test_a_folder_that_is_no_model_is_a_model_error(make: Make, tmp_path: Path, base: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "config.json"):
        (tmp_path / "empty" / name).write_bytes((base / name).read_bytes())
    with pytest.raises(ModelError, match="no model folder"):
        train(replace(make(), base=tmp_path / "empty"), _ignore)


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # PEFT asks by the old name
def test_what_is_saved_loads_in_peft_and_says_the_same(make: Make, base: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    trained = train(make(epochs=4, learning_rate=5e-3), _ignore)
    plain = AutoModelForCausalLM.from_pretrained(str(base), dtype=torch.float32)
    theirs = PeftModel.from_pretrained(plain, str(trained.folder)).eval()
    ours = load_for_training(base, trained.folder, TrainPolicy(rank=4, alpha=8, dropout=0.0))
    tokens = list(range(3, 40))
    with torch.no_grad():
        expected = theirs(torch.tensor([tokens])).logits[0]
        found = ours.stack.hidden([tokens], torch.arange(len(tokens))) @ ours.head_vd.T
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_the_reference_trains_to_the_same_weights_but_for_rounding(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from safetensors.torch import load_file

    fast = train(make("fast", dropout=0.0), _ignore)
    slow_load = lambda *job: load_for_training(*job, fast=False)  # noqa: E731 - one expression, named for the reader
    monkeypatch.setattr(training_loop, "load_for_training", slow_load)
    slow = train(make("slow", dropout=0.0), _ignore)
    assert slow.last_loss == pytest.approx(fast.last_loss, abs=1e-4)
    theirs = load_file(slow.folder / "adapter_model.safetensors")
    for name, tensor in load_file(fast.folder / "adapter_model.safetensors").items():
        torch.testing.assert_close(tensor, theirs[name], rtol=1e-3, atol=2e-4)


def test_general_samples_that_only_hold_stay_at_the_base_and_as_targets_they_leave_it(make: Make) -> None:
    asked = make("held", general_loss=0.0, kl_weight=1.0, dropout=0.0, epochs=4, learning_rate=5e-3)
    general = tuple(replace(one, origin=SampleOrigin.GENERAL) for one in asked.samples)
    held = train(replace(asked, samples=general), _ignore)
    taught = train(replace(make("taught"), policy=replace(asked.policy, general_loss=1.0), samples=general), _ignore)
    assert held.first_loss == held.last_loss == 0.0
    assert taught.last_loss < taught.first_loss
    assert held.kl < taught.kl / 20


@pytest.mark.parametrize(
    ("kind", "taught"), [(SampleKind.SAFETY, {"safety_loss": 1.0}), (SampleKind.GENERAL, {"general_loss": 1.0})]
)
def test_refusals_and_other_general_samples_are_taught_each_by_its_own_weight(
    make: Make, kind: SampleKind, taught: dict[str, float]
) -> None:
    shared = {"kl_weight": 0.0, "dropout": 0.0, "epochs": 4, "learning_rate": 5e-3}
    for of in (SampleKind.SAFETY, SampleKind.GENERAL):
        asked = make(str(of), **shared | {"safety_loss": 0.0, "general_loss": 0.0} | taught)
        samples = tuple(replace(one, origin=SampleOrigin.GENERAL, kind=of) for one in asked.samples)
        trained = train(replace(asked, samples=samples), _ignore)
        assert (trained.last_loss < trained.first_loss) == (of is kind)
        assert (trained.first_loss == trained.last_loss == 0.0) == (of is not kind)


def test_loss_on_prompts_takes_more_tokens_into_the_loss(make: Make) -> None:
    asked = make("answers")
    prompted = tuple(replace(one, prompt="What was done about the cache?") for one in asked.samples)
    on_answers = train(replace(asked, samples=prompted), _ignore)
    on_all = train(replace(make("all", loss_on_prompts=True), samples=prompted), _ignore)
    assert on_all.loss_tokens > on_answers.loss_tokens + 5 * len(prompted)
    assert on_all.tokens == on_answers.tokens


def _second(make: Make, first: TrainedAdapter, name: str) -> TrainJob:
    return replace(make(name, epochs=2), start=first.folder)


def test_a_night_goes_on_with_the_moments_of_the_one_before(make: Make) -> None:
    first = train(make("first", epochs=2), _ignore)
    moments = load_file(first.folder / "optimizer.safetensors")
    steps = {int(value) for name, value in moments.items() if name.endswith(".step")}
    assert steps == {first.steps}
    second = train(_second(make, first, "second"), _ignore)
    told = load_file(second.folder / "optimizer.safetensors")
    assert {int(value) for name, value in told.items() if name.endswith(".step")} == {first.steps + second.steps}
    (first.folder / "optimizer.safetensors").unlink()
    assert _weights(train(_second(make, first, "anew"), _ignore)) != _weights(second)


def test_a_night_that_went_on_with_moments_and_was_stopped_ends_in_the_same_bytes(make: Make) -> None:
    first = train(make("first"), _ignore)
    whole = train(_second(make, first, "whole"), _ignore)
    for step in (1, 3):
        with pytest.raises(Stopped):
            train(_second(make, first, f"stopped{step}"), _stop_at(step))
        continued = train(_second(make, first, f"stopped{step}"), _ignore)
        assert _weights(continued) == _weights(whole)
        assert (continued.folder / "optimizer.safetensors").read_bytes() == (
            whole.folder / "optimizer.safetensors"
        ).read_bytes()


@pytest.mark.parametrize("content", [b"torn", None])
def test_moments_that_do_not_fit_leave_the_optimiser_as_new(make: Make, content: bytes | None) -> None:
    first = train(make("first"), _ignore)
    file = first.folder / "optimizer.safetensors"
    file.unlink()
    anew = train(_second(make, first, "anew"), _ignore)
    if content is None:
        save_file({"of.another.exp_avg": torch.zeros(2)}, file)
    else:
        file.write_bytes(content)
    assert _weights(train(_second(make, first, "unfit"), _ignore)) == _weights(anew)


def test_a_recipe_can_begin_each_night_with_a_new_optimiser(make: Make) -> None:
    first = train(make("first", carry_moments=False), _ignore)
    assert not (first.folder / "optimizer.safetensors").exists()


def test_a_scaled_candidate_keeps_the_moments_of_its_night(make: Make, tmp_path: Path) -> None:
    first = train(make("first"), _ignore)
    interpolate(first.start, first.folder, 0.5, tmp_path / "half")
    assert (tmp_path / "half" / "optimizer.safetensors").read_bytes() == (
        first.folder / "optimizer.safetensors"
    ).read_bytes()
