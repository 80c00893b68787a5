"""The gateway in OpenAI's dialect: answers, streams, labels, errors."""

import base64
import json
from typing import Any

import numpy as np
import pytest

from tests.gateway.running import Running
from web4_agent.domain.queries import Route, Status

QUESTION = "Where is the gate?"
ANSWER = "Between the night and the people."


def events(text: str) -> list[Any]:
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]


def test_an_answer_comes_under_our_name_with_route_adapter_and_response_id(gateway: Running) -> None:
    reply = gateway.chat(QUESTION)
    body = reply.json()
    assert reply.status_code == 200
    assert body["choices"][0]["message"]["content"] == ANSWER
    assert (body["model"], body["object"]) == ("web4-agent:latest", "chat.completion")
    assert body["id"] == reply.headers["x-web4-response-id"] == body["web4"]["response_id"]
    assert reply.headers["x-web4-route"] == body["web4"]["route"] == "trained"
    assert reply.headers["x-web4-adapter"] == "base"
    assert body["usage"]["completion_tokens"] == len(ANSWER.split())


def test_a_stream_says_the_same_in_parts_and_ends_with_done(gateway: Running) -> None:
    reply = gateway.chat(QUESTION, stream=True)
    parts = events(reply.text)
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert "".join(part["choices"][0]["delta"].get("content") or "" for part in parts) == ANSWER
    assert {part["id"] for part in parts} == {reply.headers["x-web4-response-id"]}
    assert parts[-1]["web4"]["adapter"] == "base"
    assert reply.text.endswith("data: [DONE]\n\n")


def test_usage_is_streamed_to_those_who_ask_for_it_alone(gateway: Running) -> None:
    silent = events(gateway.chat(QUESTION, stream=True).text)
    told = events(gateway.chat(QUESTION, stream=True, stream_options={"include_usage": True}).text)
    assert all(part["choices"] for part in silent)
    assert told[-1]["choices"] == []
    assert told[-1]["usage"]["completion_tokens"] > 0


def test_every_query_is_in_the_log_with_what_it_cost(gateway: Running) -> None:
    for stream in (False, True):
        reply = gateway.chat(QUESTION, stream=stream)
        row = gateway.logged(reply.headers["x-web4-response-id"])
        assert (row.query, row.answer, row.status, row.stream) == (QUESTION, ANSWER, Status.OK, stream)
        assert (row.route, row.adapter, row.endpoint) == (Route.TRAINED, "base", "chat")
        assert row.client.startswith("python-httpx")
        assert row.tokens_out >= len(ANSWER.split())
        assert 0 < row.first_token_ms <= row.latency_ms


def test_a_tool_call_passes_whole_and_in_parts(gateway: Running) -> None:
    tools = [{"type": "function", "function": {"name": "ls", "parameters": {"type": "object"}}}]
    asked = 'call ls {"path": "src"}'
    whole = gateway.chat(asked, tools=tools).json()["choices"][0]
    assert whole["finish_reason"] == "tool_calls"
    assert whole["message"]["tool_calls"][0]["function"] == {"name": "ls", "arguments": '{"path": "src"}'}
    parts = events(gateway.chat(asked, tools=tools, stream=True).text)
    deltas = [part["choices"][0]["delta"].get("tool_calls") for part in parts]
    said = "".join(delta[0]["function"]["arguments"] for delta in deltas if delta)
    assert json.loads(said) == {"path": "src"}


def test_sampling_options_and_limits_reach_the_engine(gateway: Running) -> None:
    reply = gateway.chat(QUESTION, max_completion_tokens=2, temperature=0.3, seed=7, top_k=5, stop=["."])
    assert reply.json()["choices"][0]["message"]["content"] == "Between the"


def test_content_in_parts_is_read_as_text(gateway: Running) -> None:
    parts = [{"type": "text", "text": QUESTION}]
    body = {"model": "web4-agent", "messages": [{"role": "user", "content": parts}]}
    reply = gateway.post("/v1/chat/completions", body)
    assert gateway.logged(reply.headers["x-web4-response-id"]).query == QUESTION


def test_plain_completions_are_the_model_s_alone(gateway: Running) -> None:
    body = {"model": "web4-agent:latest", "prompt": "show me the PDCA of", "max_tokens": 2}
    reply = gateway.post("/v1/completions", body)
    assert reply.json()["choices"][0]["text"] == "show me"
    assert reply.headers["x-web4-route"] == "trained"
    streamed = gateway.post("/v1/completions", {**body, "stream": True})
    assert "".join(part["choices"][0]["text"] for part in events(streamed.text)) == "show me"


def test_embeddings_come_as_numbers_and_as_bytes(gateway: Running) -> None:
    body = {"model": "all-minilm", "input": ["one", "two"]}
    plain = gateway.post("/v1/embeddings", body).json()
    packed = gateway.post("/v1/embeddings", {**body, "encoding_format": "base64"}).json()
    vectors = np.array([each["embedding"] for each in plain["data"]], np.float32)
    unpacked = [np.frombuffer(base64.b64decode(each["embedding"]), "<f4") for each in packed["data"]]
    assert np.allclose(vectors, unpacked)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1], abs=1e-4)
    assert plain["usage"]["prompt_tokens"] > 0


def test_models_are_listed_and_found_one_by_one(gateway: Running) -> None:
    names = [each["id"] for each in gateway.get("/v1/models").json()["data"]]
    assert names == ["web4-agent:latest", "base", "all-minilm:latest"]
    assert gateway.get("/v1/models/web4-agent:latest").json()["id"] == "web4-agent:latest"
    assert gateway.get("/v1/models/gpt-9").status_code == 404


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"model": "web4-agent"}, "messages"),
        ({"model": "web4-agent", "messages": []}, "messages"),
        ({"model": "web4-agent", "messages": [{"role": "wizard", "content": "x"}]}, "messages.0.role"),
        ({"model": "web4-agent", "messages": [{"role": "user", "content": "x"}], "temperature": 9}, "temperature"),
        ({"model": "web4-agent", "messages": [{"role": "user", "content": "x"}], "stream": "yes"}, "stream"),
        ({"model": "gpt-9", "messages": [{"role": "user", "content": "x"}]}, "model"),
        ({"model": "web4-agent", "messages": [{"role": "user", "content": "x"}], "web4": {"retrieval": "no"}}, "web4"),
    ],
)
def test_a_wrong_request_is_refused_with_the_field_named(gateway: Running, body: object, param: str) -> None:
    reply = gateway.post("/v1/chat/completions", body)
    error = reply.json()["error"]
    assert reply.status_code == (404 if param == "model" else 400)
    assert error["type"] == "invalid_request_error"
    assert error["param"].startswith(param)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff\xfe", b'"text"', b'{"model": NaN}', b"[" * 100_000])
def test_what_is_no_json_object_is_refused(gateway: Running, raw: bytes) -> None:
    import httpx

    reply = httpx.post(gateway.url + "/v1/chat/completions", content=raw, timeout=20, trust_env=False)
    assert reply.status_code == 400
    assert reply.json()["error"]["code"] == "invalid_json"


def test_the_engine_s_failure_is_told_and_logged(gateway: Running) -> None:
    reply = gateway.chat("fail")
    assert reply.status_code == 502
    assert "as scripted" in reply.json()["error"]["message"]


def test_unknown_paths_and_methods_answer_in_the_dialect_of_the_path(gateway: Running) -> None:
    assert gateway.get("/v1/nothing").json()["error"]["code"] == "not_found"
    assert isinstance(gateway.get("/api/nothing").json()["error"], str)
    wrong = gateway.get("/v1/chat/completions")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")


def test_protocols_that_the_engine_lacks_are_not_found(gateway: Running) -> None:
    body = {"model": "web4-agent", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}
    reply = gateway.post("/v1/messages", body)
    assert reply.status_code == 404
    assert reply.json()["error"]["type"] == "not_found_error"
    assert gateway.post("/v1/responses", {"model": "web4-agent", "input": "x"}).status_code == 404
    assert gateway.post("/v1/messages", {"model": "web4-agent", "messages": ["x"]}).status_code == 404
    assert gateway.post("/v1/messages", {"model": "web4-agent", "messages": 7}).status_code == 404
