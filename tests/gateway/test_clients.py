"""The programs people have, unchanged, against a gateway that listens: only their base URL is ours."""

import asyncio
import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.gateway.running import Running

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # these programs leave sockets to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # as above
]

QUESTION = "Where is the gate?"
ANSWER = "Between the night and the people."
TOOL = {
    "type": "function",
    "function": {
        "name": "ls",
        "description": "Lists a folder.",
        "parameters": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
    },
}
CALL = 'call ls {"path": "src"}'


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """What a program leaves behind is collected here and not in another's test."""
    yield
    gc.collect()


class TestOpenAi:
    @pytest.fixture
    def client(self, gateway: Running) -> Any:
        from openai import OpenAI

        with OpenAI(base_url=gateway.url + "/v1", api_key="unused") as client:
            yield client

    def test_chat(self, client: Any) -> None:
        reply = client.chat.completions.create(model="web4-agent", messages=[{"role": "user", "content": QUESTION}])
        assert reply.choices[0].message.content == ANSWER
        assert reply.usage.total_tokens > 0
        assert reply.id.startswith("w4-")

    def test_stream_with_usage(self, client: Any) -> None:
        stream = client.chat.completions.create(
            model="web4-agent",
            messages=[{"role": "user", "content": QUESTION}],
            stream=True,
            stream_options={"include_usage": True},
        )
        parts = list(stream)
        assert "".join(part.choices[0].delta.content or "" for part in parts if part.choices) == ANSWER
        assert parts[-1].usage.completion_tokens > 0

    def test_tools_completions_embeddings_and_models(self, client: Any) -> None:
        asked = [{"role": "user", "content": CALL}]
        reply = client.chat.completions.create(model="web4-agent", messages=asked, tools=[TOOL])
        call = reply.choices[0].message.tool_calls[0].function
        assert (call.name, json.loads(call.arguments)) == ("ls", {"path": "src"})
        assert client.completions.create(model="web4-agent", prompt="one two", max_tokens=1).choices[0].text == "one"
        assert len(client.embeddings.create(model="all-minilm", input="one").data[0].embedding) > 10
        assert "web4-agent:latest" in [model.id for model in client.models.list()]

    def test_errors_are_its_own(self, client: Any) -> None:
        import openai

        with pytest.raises(openai.NotFoundError, match="gpt-9"):
            client.chat.completions.create(model="gpt-9", messages=[{"role": "user", "content": "x"}])
        with pytest.raises(openai.BadRequestError, match="temperature"):
            client.chat.completions.create(
                model="web4-agent", messages=[{"role": "user", "content": "x"}], temperature=3
            )


class TestOllama:
    @pytest.fixture
    def client(self, gateway: Running) -> Any:
        from ollama import Client

        return Client(host=gateway.url)

    def test_chat_and_stream(self, client: Any) -> None:
        asked = [{"role": "user", "content": QUESTION}]
        assert client.chat(model="web4-agent", messages=asked).message.content == ANSWER
        parts = list(client.chat(model="web4-agent", messages=asked, stream=True))
        assert "".join(part.message.content or "" for part in parts) == ANSWER
        assert parts[-1].done

    def test_generate_tools_and_embeddings(self, client: Any) -> None:
        assert client.generate(model="web4-agent", prompt=QUESTION).response == ANSWER
        reply = client.chat(model="web4-agent", messages=[{"role": "user", "content": CALL}], tools=[TOOL])
        assert reply.message.tool_calls[0].function.arguments == {"path": "src"}
        assert len(client.embed(model="all-minilm", input=["one", "two"]).embeddings) == 2

    def test_lists_and_shows(self, client: Any) -> None:
        assert "web4-agent:latest" in [model.model for model in client.list().models]
        assert "tools" in client.show("web4-agent").capabilities
        assert client.ps().models[0].model == "web4-agent:latest"

    def test_errors_are_its_own(self, client: Any) -> None:
        import ollama

        with pytest.raises(ollama.ResponseError, match="not found") as caught:
            client.chat(model="other", messages=[{"role": "user", "content": "x"}])
        assert caught.value.status_code == 404


def test_langchain_over_openai(gateway: Running) -> None:
    from langchain_openai import ChatOpenAI, OpenAIEmbeddings
    from pydantic import SecretStr

    url, key = gateway.url + "/v1", SecretStr("unused")
    model = ChatOpenAI(model="web4-agent", base_url=url, api_key=key)
    assert model.invoke(QUESTION).content == ANSWER
    assert "".join(str(part.content) for part in model.stream(QUESTION)) == ANSWER
    assert model.bind_tools([TOOL]).invoke(CALL).tool_calls[0]["args"] == {"path": "src"}
    embedder = OpenAIEmbeddings(
        model="all-minilm", openai_api_base=url, openai_api_key=key, check_embedding_ctx_length=False
    )
    assert len(embedder.embed_query("one")) > 10


def test_langchain_over_ollama(gateway: Running) -> None:
    from langchain_ollama import ChatOllama, OllamaEmbeddings

    model = ChatOllama(model="web4-agent", base_url=gateway.url)
    assert model.invoke(QUESTION).content == ANSWER
    assert asyncio.run(_streamed(model)) == ANSWER
    assert model.bind_tools([TOOL]).invoke(CALL).tool_calls[0]["args"] == {"path": "src"}
    assert len(OllamaEmbeddings(model="all-minilm", base_url=gateway.url).embed_query("one")) > 10


async def _streamed(model: Any) -> str:
    return "".join([str(part.content) async for part in model.astream(QUESTION)])


LITELLM = """
import json, sys, litellm
url, question, call, tool = sys.argv[1:3] + [sys.argv[3], json.loads(sys.argv[4])]
def ask(model, base, content, **more):
    return litellm.completion(model=model, api_base=base, api_key="unused",
                              messages=[{"role": "user", "content": content}], **more)
out = {}
for name, model, base in (("openai", "openai/web4-agent", url + "/v1"), ("ollama", "ollama_chat/web4-agent", url)):
    whole = ask(model, base, question)
    parts = list(ask(model, base, question, stream=True))
    called = ask(model, base, call, tools=[tool]).choices[0].message.tool_calls[0].function
    out[name] = {"whole": whole.choices[0].message.content, "id": whole.id,
                 "parts": "".join(part.choices[0].delta.content or "" for part in parts),
                 "call": [called.name, json.loads(called.arguments)]}
print(json.dumps(out))
"""


def test_litellm_over_both(gateway: Running) -> None:
    """In a process of its own: it patches what it imports."""
    asked = [sys.executable, "-c", LITELLM, gateway.url, QUESTION, CALL, json.dumps(TOOL)]
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_PROXY": "*"}
    done = subprocess.run(asked, capture_output=True, text=True, timeout=120, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    for name in ("openai", "ollama"):
        assert found[name]["whole"] == found[name]["parts"] == ANSWER
        assert found[name]["call"] == ["ls", {"path": "src"}]
    assert found["openai"]["id"].startswith("w4-")


def test_llm(gateway: Running, tmp_path: Any) -> None:
    """The command-line program, told of the model in its own file of extra models."""
    (tmp_path / "extra-openai-models.yaml").write_text(
        f"- model_id: web4\n  model_name: web4-agent\n  api_base: {gateway.url}/v1\n", encoding="utf-8"
    )
    environment = {**os.environ, "LLM_USER_PATH": str(tmp_path), "LLM_LOAD_PLUGINS": "", "OPENAI_API_KEY": "unused"}
    for extra in ([], ["--no-stream"]):
        asked = [sys.executable, "-m", "llm", "-m", "web4", *extra, QUESTION]
        done = subprocess.run(asked, capture_output=True, text=True, timeout=120, env=environment, check=False)
        assert (done.returncode, done.stdout.strip()) == (0, ANSWER), done.stderr[-2000:]
