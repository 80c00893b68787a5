"""What every trainer keeps to, whatever trains behind it. Inherited by the tests of each implementation."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.backends.trainers.sentences import night, preferences, sample
from web4_agent.backends.engines.base import ScoreRequest
from web4_agent.backends.trainers.base import Trainer, TrainJob
from web4_agent.backends.trainers.peft_folder import read_config, read_parameters
from web4_agent.domain.errors import ModelError, TrainingError
from web4_agent.domain.samples import Sample
from web4_agent.domain.speech import Message
from web4_agent.domain.training import TrainedAdapter, TrainPolicy, TrainProgress

POLICY = TrainPolicy(rank=4, alpha=8, tokens_per_step=200, max_sample_tokens=128, checkpoint_every_steps=2)


def job(base: Path, folder: Path, *, samples: tuple[Sample, ...] | None = None, start: Path | None = None) -> TrainJob:
    chosen = night() if samples is None else samples
    return TrainJob(base=base, start=start, samples=chosen, policy=POLICY, out=folder / "out", work=folder / "work")


class TrainerContract:
    """Subclasses give the fixtures `trainer` (of class scope, as training costs) and inherit `base`."""

    @pytest.fixture(scope="class")
    @classmethod
    def heard(cls) -> list[TrainProgress]:
        return []

    @pytest.fixture(scope="class")
    @classmethod
    def trained(
        cls, trainer: Trainer, base: Path, tmp_path_factory: pytest.TempPathFactory, heard: list[TrainProgress]
    ) -> TrainedAdapter:
        return trainer.train(job(base, tmp_path_factory.mktemp("night")), heard.append)

    def test_it_leaves_two_peft_folders_of_equal_shape(self, trained: TrainedAdapter) -> None:
        start, end = read_parameters(trained.start), read_parameters(trained.folder)
        assert {name: array.shape for name, array in start.items()} == {name: a.shape for name, a in end.items()}
        assert any((start[name] != end[name]).any() for name in end)
        assert (read_config(trained.folder)["r"], read_config(trained.folder)["lora_alpha"]) == (4, 8)

    def test_a_fresh_adapter_starts_without_effect(self, trained: TrainedAdapter) -> None:
        start = read_parameters(trained.start)
        assert all(not array.any() for name, array in start.items() if "lora_B" in name)
        assert all(array.any() for name, array in start.items() if "lora_A" in name)

    def test_no_path_of_this_machine_is_in_the_adapter(self, trained: TrainedAdapter, base: Path) -> None:
        said = (trained.folder / "adapter_config.json").read_text(encoding="utf-8")
        assert str(base) not in said
        assert str(base.parent) not in said

    def test_every_step_is_reported_in_order_with_the_time_left(
        self, trained: TrainedAdapter, heard: list[TrainProgress]
    ) -> None:
        assert [each.step for each in heard] == list(range(1, trained.steps + 1))
        assert {each.steps for each in heard} == {trained.steps}
        assert heard[-1].left_s == 0.0
        assert all(each.left_s > 0.0 for each in heard[:-1])
        assert (heard[0].loss, heard[-1].loss) == (trained.first_loss, trained.last_loss)

    def test_tokens_are_counted(self, trained: TrainedAdapter) -> None:
        assert 0 < trained.loss_tokens < trained.tokens
        assert trained.resumed_at_step == 0

    def test_training_the_same_job_again_gives_the_same_bytes(
        self, trainer: Trainer, base: Path, trained: TrainedAdapter, tmp_path: Path
    ) -> None:
        again = trainer.train(job(base, tmp_path), lambda _: None)
        for name in ("adapter_model.safetensors", "adapter_config.json"):
            assert (again.folder / name).read_bytes() == (trained.folder / name).read_bytes()
            assert (again.start / name).read_bytes() == (trained.start / name).read_bytes()

    def test_it_continues_from_a_given_adapter(
        self, trainer: Trainer, base: Path, trained: TrainedAdapter, tmp_path: Path
    ) -> None:
        second = trainer.train(job(base, tmp_path, start=trained.folder), lambda _: None)
        start, parent = read_parameters(second.start), read_parameters(trained.folder)
        assert all(np.array_equal(start[name], parent[name]) for name in parent)
        assert any((read_parameters(second.folder)[name] != parent[name]).any() for name in parent)

    def test_preferences_are_taught_on_top_of_the_adapter_they_are_held_against(
        self, trainer: Trainer, base: Path, trained: TrainedAdapter, tmp_path: Path
    ) -> None:
        asked, heard = preferences(), list[TrainProgress]()
        jobs = [replace(job(base, tmp_path / name, start=trained.folder), preferences=asked) for name in ("a", "b")]
        once = trainer.train(jobs[0], heard.append)
        again = trainer.train(jobs[1], lambda _: None)
        plain = trainer.train(replace(job(base, tmp_path / "c", start=trained.folder)), lambda _: None)
        weights = "adapter_model.safetensors"
        start, parent = read_parameters(once.start), read_parameters(trained.folder)
        assert all(np.array_equal(start[name], parent[name]) for name in parent)
        assert [each.step for each in heard] == list(range(1, once.steps + 1))
        assert (once.folder / weights).read_bytes() == (again.folder / weights).read_bytes()
        assert (once.folder / weights).read_bytes() != (plain.folder / weights).read_bytes()

    @pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
    def test_scaling_goes_from_start_to_end(
        self, trainer: Trainer, trained: TrainedAdapter, tmp_path: Path, weight: float
    ) -> None:
        trainer.scale(trained, weight, tmp_path / "scaled")
        scaled, start, end = map(read_parameters, (tmp_path / "scaled", trained.start, trained.folder))
        for name, array in scaled.items():
            np.testing.assert_allclose(array, (1 - weight) * start[name] + weight * end[name], rtol=1e-6, atol=1e-9)
        if weight in {0.0, 1.0}:
            whole = trained.folder if weight else trained.start
            weights = "adapter_model.safetensors"
            assert (tmp_path / "scaled" / weights).read_bytes() == (whole / weights).read_bytes()

    def test_a_night_without_samples_is_an_error(self, trainer: Trainer, base: Path, tmp_path: Path) -> None:
        with pytest.raises(TrainingError, match="no sample"):
            trainer.train(job(base, tmp_path, samples=()), lambda _: None)
        assert not (tmp_path / "out").exists()

    def test_a_pickled_start_is_refused(self, trainer: Trainer, base: Path, tmp_path: Path) -> None:
        start = tmp_path / "pickled"
        start.mkdir()
        (start / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 4, "lora_alpha": 8}', encoding="utf-8")
        (start / "adapter_model.bin").write_bytes(b"\x80\x04.")
        with pytest.raises(ModelError, match="pickled"):
            trainer.train(job(base, tmp_path, start=start), lambda _: None)

    def test_scores_come_in_order_with_the_alternatives_asked_for(
        self, trainer: Trainer, base: Path, trained: TrainedAdapter
    ) -> None:
        requests = [
            ScoreRequest((), "The server was restarted."),
            ScoreRequest((Message("user", "What is a dual link?"),), "A dual link names the page.", top=3),
        ]
        plain, asked, again = trainer.score(base, trained.folder, [*requests, requests[0]])
        assert [score.text_bytes for score in (plain, asked)] == [25, 27]
        assert all(token.logprob < 0.0 and not token.top for token in plain.tokens)
        assert all(len(token.top) == 3 for token in asked.tokens)
        assert again.mean == pytest.approx(plain.mean, abs=1e-5) != asked.mean

    def test_scoring_nothing_gives_nothing(self, trainer: Trainer, base: Path) -> None:
        assert trainer.score(base, None, []) == []

    def test_tokens_of_texts_are_counted_in_order(self, trainer: Trainer, base: Path) -> None:
        short, long, empty = trainer.token_counts(base, ["one", sample(0).target, ""])
        assert long > short > empty == 0

    def test_its_name_says_what_it_is(self, trainer: Trainer) -> None:
        assert trainer.name
