"""The gateway in Ollama's dialect, translated from OpenAI's and back."""

import json
from typing import Any

import pytest

from tests.gateway.running import Running

QUESTION = "Where is the gate?"
ANSWER = "Between the night and the people."


def lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def chat(gateway: Running, question: str, **more: Any) -> Any:
    body = {"model": "web4-agent", "messages": [{"role": "user", "content": question}], **more}
    return gateway.post("/api/chat", body)


def test_chat_streams_lines_unless_told_not_to(gateway: Running) -> None:
    reply = chat(gateway, QUESTION)
    parts = lines(reply.text)
    assert reply.headers["content-type"].startswith("application/x-ndjson")
    assert "".join(part["message"]["content"] for part in parts) == ANSWER
    assert [part["done"] for part in parts[-2:]] == [False, True]
    assert parts[-1]["done_reason"] == "stop"
    assert parts[-1]["eval_count"] >= len(ANSWER.split())
    assert parts[-1]["total_duration"] >= parts[-1]["eval_duration"] > 0


def test_chat_in_one_piece(gateway: Running) -> None:
    body = chat(gateway, QUESTION, stream=False).json()
    assert body["message"] == {"role": "assistant", "content": ANSWER}
    assert (body["model"], body["done"]) == ("web4-agent:latest", True)
    assert body["web4"]["adapter"] == "base"


def test_generate_in_both_ways(gateway: Running) -> None:
    asked = {"model": "web4-agent", "prompt": QUESTION}
    assert gateway.post("/api/generate", {**asked, "stream": False}).json()["response"] == ANSWER
    assert "".join(part["response"] for part in lines(gateway.post("/api/generate", asked).text)) == ANSWER


def test_raw_prompts_go_to_the_plain_completion(gateway: Running) -> None:
    reply = gateway.post("/api/generate", {"model": "web4-agent", "prompt": "one two", "raw": True, "stream": False})
    assert reply.json()["response"] == "one two"
    assert gateway.logged(reply.headers["x-web4-response-id"]).reason.startswith("a plain completion")


def test_options_are_understood(gateway: Running) -> None:
    reply = chat(gateway, QUESTION, stream=False, options={"num_predict": 2, "temperature": 0, "num_ctx": 8192})
    assert reply.json()["message"]["content"] == "Between the"


@pytest.mark.parametrize("stream", [True, False])
def test_tool_calls_come_whole_with_arguments_as_an_object(gateway: Running, *, stream: bool) -> None:
    tools = [{"type": "function", "function": {"name": "ls", "parameters": {"type": "object"}}}]
    reply = chat(gateway, 'call ls {"path": "src"}', tools=tools, stream=stream)
    calls = [call for part in lines(reply.text) for call in part["message"].get("tool_calls", [])]
    assert calls == [{"function": {"name": "ls", "arguments": {"path": "src"}}}]


def test_a_conversation_with_calls_and_results_is_translated(gateway: Running) -> None:
    messages = [
        {"role": "user", "content": "list"},
        {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "ls", "arguments": {"path": "."}}}]},
        {"role": "tool", "content": "a.py", "tool_name": "ls"},
        {"role": "user", "content": QUESTION},
    ]
    reply = gateway.post("/api/chat", {"model": "web4-agent", "messages": messages, "stream": False})
    assert reply.json()["message"]["content"] == ANSWER


@pytest.mark.parametrize("key", ["name", "model"])
def test_show_takes_name_and_model(gateway: Running, key: str) -> None:
    body = gateway.post("/api/show", {key: "web4-agent:latest"}).json()
    architecture = body["model_info"]["general.architecture"]
    assert body["model_info"][f"{architecture}.context_length"] == 4096
    assert body["capabilities"] == ["completion", "tools"]


def test_tags_version_and_what_is_loaded(gateway: Running) -> None:
    assert gateway.get("/api/tags").json()["models"][0]["model"] == "web4-agent:latest"
    assert tuple(map(int, gateway.get("/api/version").json()["version"].split("."))) >= (0, 6, 4)
    assert gateway.get("/api/ps").json()["models"][0]["name"] == "web4-agent:latest"


def test_embeddings_new_and_old(gateway: Running) -> None:
    new = gateway.post("/api/embed", {"model": "all-minilm", "input": ["one", "two"]}).json()
    old = gateway.post("/api/embeddings", {"model": "all-minilm", "prompt": "one"}).json()
    assert len(new["embeddings"]) == 2
    assert old["embedding"] == pytest.approx(new["embeddings"][0], abs=1e-6)


@pytest.mark.parametrize(("path", "body"), [("/api/chat", {"messages": []}), ("/api/generate", {"prompt": ""})])
def test_asking_nothing_loads_the_model(gateway: Running, path: str, body: dict[str, object]) -> None:
    reply = gateway.post(path, {"model": "web4-agent", **body}).json()
    assert (reply["done"], reply["done_reason"]) == (True, "load")


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"model": "other", "messages": [{"role": "user", "content": "x"}]}, 404, "not found"),
        ({"messages": [{"role": "user", "content": "x"}]}, 400, "model"),
        ({"model": "web4-agent", "messages": [{"role": "user", "content": "x", "images": ["aa"]}]}, 400, "images"),
        ({"model": "web4-agent", "messages": [{"role": "user", "content": "fail"}]}, 502, "as scripted"),
    ],
)
def test_errors_are_one_sentence(gateway: Running, body: object, status: int, says: str) -> None:
    reply = gateway.post("/api/chat", body)
    assert reply.status_code == status
    assert says in reply.json()["error"]


def test_insertion_is_refused_as_ollama_refuses_it(gateway: Running) -> None:
    reply = gateway.post("/api/generate", {"model": "web4-agent", "prompt": "def", "suffix": "end"})
    assert reply.status_code == 400
    assert "does not support insert" in reply.json()["error"]
