"""OpenAI-compatible servers: llama.cpp's own generates; a scripted vLLM loads adapters and scores."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.backends.engines.contract import QUESTION, EngineContract
from tests.backends.engines.fake_http import FakeServer, fake_server
from tests.backends.exporters.tiny import make_tiny_base
from web4_agent.backends.engines.base import Engine, EngineLauncher, ScoreRequest, ServedAdapter
from web4_agent.backends.engines.llamacpp import LlamaCppLauncher
from web4_agent.backends.engines.openai_compatible import OpenAiLauncher
from web4_agent.backends.exporters.base_gguf import write_base_gguf
from web4_agent.backends.exporters.peft_copy import PeftCopy
from web4_agent.domain.errors import EngineError, ModelError
from web4_agent.domain.ids import BASE, AdapterVersion, ContentHash


class TestAgainstLlamaCppsServer(EngineContract):
    """It generates and takes no adapters; it ignores `prompt_logprobs`, so it can't score."""

    @pytest.fixture(scope="class")
    @classmethod
    def launcher(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineLauncher]:
        folder = make_tiny_base(tmp_path_factory.mktemp("openai") / "base", "llama")
        write_base_gguf(folder, folder / "serving.gguf")
        server = LlamaCppLauncher(folder / "serving.gguf", folder, context_tokens=512, threads=1).start(
            ServedAdapter(BASE)
        )
        yield OpenAiLauncher(server.address, "tiny", server.api_key, timeout_s=30)
        server.close()

    @pytest.fixture
    def adapter(self) -> ServedAdapter:
        return ServedAdapter(BASE)

    @pytest.fixture
    def engine(self, launcher: EngineLauncher, adapter: ServedAdapter) -> Iterator[Engine]:
        engine = launcher.start(adapter)
        yield engine
        engine.close()

    def test_it_declares_that_it_cannot_score(self, engine: Engine) -> None:
        assert not engine.abilities.can_score


def tokenize(body: Any) -> tuple[int, object]:
    """One token a character; a conversation ends with token 7."""
    if "messages" in body:
        return 200, {"tokens": [*(ord(each) for each in body["messages"][-1]["content"]), 7]}
    return 200, {"tokens": ([1] if body["add_special_tokens"] else []) + [ord(each) for each in body["prompt"]]}


def complete(body: Any) -> tuple[int, object]:
    """The text's own token at -0.01 times its id, and a better one if `prompt_logprobs` asks for others."""
    prompt = [ord(each) for each in body["prompt"]] if isinstance(body["prompt"], str) else body["prompt"]
    steps: list[object] = [None]
    for token in prompt[1:]:
        found = {str(token): {"logprob": -0.01 * token, "rank": 2}}
        found |= {
            str(token + 1000 + at): {"logprob": -0.001 * (at + 1), "rank": 1} for at in range(body["prompt_logprobs"])
        }
        steps.append(found)
    return 200, {"choices": [{"text": "x", "prompt_logprobs": steps}]}


def chat(body: Any) -> tuple[int, object]:
    count = min(3, body["max_tokens"])
    finish = "length" if count == body["max_tokens"] else "stop"
    choice = {"message": {"content": "It keeps out"[: 3 * count]}, "finish_reason": finish}
    return 200, {"choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": count}}


@pytest.fixture
def server() -> Iterator[FakeServer]:
    routes = {
        "POST /v1/chat/completions": chat,
        "POST /v1/completions": complete,
        "POST /tokenize": tokenize,
        "GET /v1/models": lambda body: (200, {"data": [{"id": "base"}]}),
        "POST /v1/load_lora_adapter": lambda body: (200, b"Success: LoRA adapter added"),
        "POST /v1/unload_lora_adapter": lambda body: (200, b"Success: LoRA adapter removed"),
    }
    with fake_server(routes) as server:
        yield server


@pytest.fixture
def launcher(server: FakeServer) -> EngineLauncher:
    return OpenAiLauncher(server.url, "base", loads_adapters=True, timeout_s=10)


@pytest.fixture
def adapter(tmp_path: Path) -> ServedAdapter:
    source = tmp_path / "peft"
    source.mkdir()
    (source / "adapter_config.json").write_text("{}")
    (source / "adapter_model.safetensors").write_bytes(b"weights")
    artefact = tmp_path / "published" / PeftCopy().artefact_name
    PeftCopy().export(tmp_path, source, artefact)
    return ServedAdapter(AdapterVersion("a-1"), artefact, ContentHash(hashlib.sha256(b"weights").hexdigest()))


@pytest.fixture
def engine(launcher: EngineLauncher, adapter: ServedAdapter) -> Iterator[Engine]:
    engine = launcher.start(adapter)
    yield engine
    engine.close()


class TestAgainstAScriptedVllm(EngineContract):
    pass


def test_each_adapter_is_loaded_under_a_name_of_its_own(
    engine: Engine, adapter: ServedAdapter, server: FakeServer
) -> None:
    assert adapter.artefact
    loaded = server.of("/v1/load_lora_adapter")[0].body
    assert loaded == {"lora_name": "base-a-1", "lora_path": str(adapter.artefact.parent)}
    assert (adapter.artefact.parent / "adapter_config.json").is_file()
    assert server.of("/v1/chat/completions")[-1].body["model"] == "base-a-1"


def test_an_adapter_the_server_has_is_not_loaded_again(
    launcher: EngineLauncher, adapter: ServedAdapter, server: FakeServer
) -> None:
    server.routes["GET /v1/models"] = lambda body: (200, {"data": [{"id": "base"}, {"id": "base-a-1"}]})
    launcher.start(adapter)
    assert not server.of("/v1/load_lora_adapter")


def test_only_the_texts_own_tokens_are_scored(engine: Engine) -> None:
    score = engine.score([ScoreRequest(QUESTION, "ab", top=2)])[0]
    assert [(token.token, token.logprob) for token in score.tokens] == [(97, -0.97), (98, -0.98)]
    assert [token for token, _ in score.tokens[0].top] == [1097, 1098]


def test_a_text_alone_starts_after_what_the_tokenizer_puts_first(engine: Engine) -> None:
    assert [token.token for token in engine.score([ScoreRequest((), "ab")])[0].tokens] == [97, 98]


def test_closing_unloads_the_adapter(launcher: EngineLauncher, adapter: ServedAdapter, server: FakeServer) -> None:
    launcher.start(adapter).close()
    assert [asked.body["lora_name"] for asked in server.of("/v1/unload_lora_adapter")] == ["base-a-1"]


def test_a_server_that_takes_no_adapters_refuses_one(server: FakeServer, adapter: ServedAdapter) -> None:
    with pytest.raises(ModelError, match="takes no adapters"):
        OpenAiLauncher(server.url, "base", timeout_s=10).start(adapter)


def test_a_gguf_adapter_is_refused(launcher: EngineLauncher, tmp_path: Path) -> None:
    (tmp_path / "adapter.gguf").write_bytes(b"GGUF")
    digest = ContentHash(hashlib.sha256(b"GGUF").hexdigest())
    with pytest.raises(ModelError, match=r"adapter\.gguf"):
        launcher.start(ServedAdapter(AdapterVersion("a-2"), tmp_path / "adapter.gguf", digest))


def test_a_score_of_the_wrong_length_is_an_error(engine: Engine, server: FakeServer) -> None:
    server.routes["POST /v1/completions"] = lambda body: (200, {"choices": [{"prompt_logprobs": [None]}]})
    with pytest.raises(EngineError, match="scored 1 tokens of"):
        engine.score([ScoreRequest(QUESTION, "ab")])
