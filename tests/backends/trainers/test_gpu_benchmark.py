"""The benchmark for GPUs runs through on a tiny shape, and counts what it says it counts."""

import runpy
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def _torch_as_it_was() -> Iterator[None]:
    yield
    torch.use_deterministic_algorithms(mode=False)
    torch.utils.deterministic.fill_uninitialized_memory = True  # type: ignore[attr-defined] # set through a module class
    torch.set_flush_denormal(False)


@pytest.mark.usefixtures("_torch_as_it_was")
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore::FutureWarning")  # PEFT and the recipe that is compared use transformers' old names
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_tiny_shape_runs_both_recipes_on_the_processor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    command = ["bench_gpu_training.py", "--tiny", "--device", "cpu", "--steps", "1"]
    monkeypatch.setattr(sys, "argv", command)
    runpy.run_path(str(BENCHMARKS / "bench_gpu_training.py"), run_name="__main__")
    said = capsys.readouterr().out
    rows = {
        words[0]: words for words in map(str.split, said.splitlines()) if words and words[0] in {"shipped", "trainer"}
    }
    assert rows.keys() == {"shipped", "trainer"}, said
    for words in rows.values():
        figures = [float(word) for word in words[1:]]
        assert len(figures) == 6
        assert all(figure >= 0.0 for figure in figures)
        assert figures[-1] > figures[-2] > 0.0
    assert said.count("cpu, float32; matrix rate") == 2


def test_without_a_gpu_it_says_so_and_takes_the_tiny_shape(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["bench_gpu_training.py", "--recipes", "none-of-these", "--recipe", ""])
    benchmark = runpy.run_path(str(BENCHMARKS / "bench_gpu_training.py"))
    measured: list[tuple[str, bool]] = []
    benchmark["main"].__globals__["_measure"] = lambda recipe, asked: measured.append((recipe, asked.tiny))
    benchmark["main"].__globals__["_print"] = lambda _: None
    benchmark["main"]()
    assert "sees no GPU here" in capsys.readouterr().out
    assert measured == [("none-of-these", True)]
