"""The Ollama engine against a scripted Ollama: the contract, uploads, names, unloading."""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.backends.engines.contract import QUESTION, EngineContract
from tests.backends.engines.fake_http import FakeServer, fake_server
from web4_agent.backends.engines.base import Engine, ServedAdapter
from web4_agent.backends.engines.http_json import JsonHttp
from web4_agent.backends.engines.ollama import OllamaLauncher
from web4_agent.domain.errors import EngineError
from web4_agent.domain.ids import BASE, AdapterVersion, ContentHash


def chat(body: Any) -> tuple[int, object]:
    words = ["It", "keeps", "worse", "models", "out"][: body["options"]["num_predict"]]
    return 200, {
        "message": {"role": "assistant", "content": " ".join(words)},
        "done": True,
        "done_reason": "length" if len(words) == body["options"]["num_predict"] else "stop",
        "prompt_eval_count": 12,
        "eval_count": len(words),
        "load_duration": 500_000_000,
        "prompt_eval_duration": 250_000_000,
    }


@pytest.fixture
def server() -> Iterator[FakeServer]:
    blobs: list[bytes] = []

    def keep(body: Any) -> tuple[int, object]:
        blobs.append(body)
        return 201, b""

    routes = {
        "POST /api/chat": chat,
        "POST /v1/chat/completions": lambda body: (200, {"choices": [{"message": {"content": "as OpenAI says it"}}]}),
        "POST /api/generate": lambda body: (200, {"done": True, "done_reason": "unload"}),
        "POST /api/create": lambda body: (200, {"status": "success"}),
        "POST /api/blobs/": keep,
        "HEAD /api/blobs/": lambda body: (200 if blobs else 404, b""),
    }
    with fake_server(routes) as server:
        yield server


@pytest.fixture
def launcher(server: FakeServer) -> OllamaLauncher:
    return OllamaLauncher("qwen2.5-coder:7b", server.url, timeout_s=10)


@pytest.fixture
def adapter(tmp_path: Path) -> ServedAdapter:
    artefact = tmp_path / "adapter.gguf"
    artefact.write_bytes(b"GGUF adapter")
    digest = ContentHash(hashlib.sha256(b"GGUF adapter").hexdigest())
    return ServedAdapter(AdapterVersion("a-0123456789ab"), artefact, digest)


@pytest.fixture
def engine(launcher: OllamaLauncher, adapter: ServedAdapter) -> Iterator[Engine]:
    engine = launcher.start(adapter)
    yield engine
    engine.close()


class TestOllamaEngine(EngineContract):
    pass


def test_an_adapter_becomes_a_model_of_its_own(
    launcher: OllamaLauncher, adapter: ServedAdapter, server: FakeServer
) -> None:
    engine = launcher.start(adapter)
    digest = f"sha256:{adapter.artefact_hash}"
    upload = server.of("/api/blobs/")[-1]
    assert (upload.method, upload.path, upload.body) == ("POST", f"/api/blobs/{digest}", b"GGUF adapter")
    made = server.of("/api/create")[0].body
    assert (made["model"], made["from"]) == ("web4-agent:a-0123456789ab", "qwen2.5-coder:7b")
    assert made["adapters"] == {"adapter.gguf": digest}
    engine.generate(QUESTION, max_tokens=3)
    assert server.of("/api/chat")[-1].body["model"] == "web4-agent:a-0123456789ab"


def test_an_adapter_that_is_there_is_not_uploaded_again(
    launcher: OllamaLauncher, adapter: ServedAdapter, server: FakeServer
) -> None:
    launcher.start(adapter)
    launcher.start(adapter)
    assert [asked.method for asked in server.of("/api/blobs/")] == ["HEAD", "POST", "HEAD"]


def test_the_base_model_is_served_under_its_own_name(launcher: OllamaLauncher, server: FakeServer) -> None:
    launcher.start(ServedAdapter(BASE))
    assert not server.of("/api/create")
    assert server.of("/api/chat")[-1].body["model"] == "qwen2.5-coder:7b"


def test_greedy_means_no_penalty_on_repetition(launcher: OllamaLauncher, server: FakeServer) -> None:
    launcher.start(ServedAdapter(BASE)).generate(QUESTION, max_tokens=3)
    options = server.of("/api/chat")[-1].body["options"]
    assert (options["temperature"], options["repeat_penalty"], options["num_predict"]) == (0.0, 1.0, 3)


def test_the_time_to_the_first_token_is_loading_plus_reading(launcher: OllamaLauncher) -> None:
    assert launcher.start(ServedAdapter(BASE)).generate(QUESTION, max_tokens=3).first_token_s == 0.75


def test_closing_frees_the_memory_once(launcher: OllamaLauncher, server: FakeServer) -> None:
    engine = launcher.start(ServedAdapter(BASE))
    engine.close()
    engine.close()
    assert not engine.alive
    assert [asked.body["keep_alive"] for asked in server.of("/api/generate")] == [0]


def test_a_model_that_could_not_be_made_is_an_error(
    launcher: OllamaLauncher, adapter: ServedAdapter, server: FakeServer
) -> None:
    server.routes["POST /api/create"] = lambda body: (200, {"status": "converting failed"})
    with pytest.raises(EngineError, match="converting failed"):
        launcher.start(adapter)


def test_a_server_that_is_not_there_is_named(adapter: ServedAdapter) -> None:
    with pytest.raises(EngineError, match="did not answer") as caught:
        OllamaLauncher("qwen2.5-coder:7b", "http://127.0.0.1:9", timeout_s=2).start(adapter)
    assert "http://127.0.0.1:9" in caught.value.hint


def test_one_that_is_too_slow_is_told_from_one_that_is_not_there(server: FakeServer) -> None:
    def slow(body: Any) -> tuple[int, object]:
        time.sleep(0.5)
        return 200, {"asked": body}

    server.routes["POST /api/slow"] = slow
    with pytest.raises(EngineError, match=r"did not answer POST /api/slow in 0\.1 s") as caught:
        JsonHttp(server.url, "read its log", timeout_s=0.1).post("/api/slow", {})
    assert "again" in caught.value.hint
    assert "read its log" in caught.value.hint


def test_nonsense_is_an_error(launcher: OllamaLauncher, server: FakeServer) -> None:
    server.routes["POST /api/chat"] = lambda body: (200, b"<html>")
    with pytest.raises(EngineError, match="no JSON"):
        launcher.start(ServedAdapter(BASE))


def test_the_modelfile_says_the_same(launcher: OllamaLauncher, adapter: ServedAdapter) -> None:
    assert launcher.modelfile(adapter).splitlines() == [
        "FROM qwen2.5-coder:7b",
        f"ADAPTER {adapter.artefact}",
        "PARAMETER num_ctx 4096",
    ]
