"""A call that the client insists on: asked for as JSON under the tool's schema, answered as a call."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.gateway.running import Running, running
from web4_agent.backends.engines.scripted import Script
from web4_agent.gateway.wire.errors import Refused
from web4_agent.gateway.wire.forced_calls import ForcedCalls, forced
from web4_agent.gateway.wire.openai import Body

READ = {"name": "read_file", "description": "Reads a file.", "parameters": {"properties": {"path": {"type": "string"}}}}
LIST: Body = {"name": "list_files"}
TOOLS = [{"type": "function", "function": READ}, {"type": "function", "function": LIST}]
ONLY = {"type": "function", "function": {"name": "read_file"}}
ARGUMENTS = '{"path": "a}b.ts", "deep": {"of": {}}}'
NAMED = f'{{"name": "read_file", "arguments": {ARGUMENTS}}}'


def asked_as(choice: object) -> str:
    """What the engine is asked: its script answers the words of the question alone."""
    calls = forced({"tools": TOOLS, "tool_choice": choice})
    assert calls is not None
    content: str = calls.asked({"messages": [{"role": "user", "content": "go"}]})["messages"][0]["content"]
    return content


@pytest.fixture(scope="module")
def insisting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    answers = {asked_as(ONLY): ARGUMENTS, asked_as("required"): NAMED}
    with running(tmp_path_factory.mktemp("forced"), Script(answers=answers)) as one:
        yield one


def streamed(reply: httpx.Response) -> tuple[dict[str, str], str, list[Body]]:
    """Name and arguments of the call as its client puts them together, how it ended, and all events."""
    lines = [line.removeprefix("data: ") for line in reply.text.splitlines() if line and line != "data: [DONE]"]
    events = [json.loads(line) for line in lines]
    call, finish = {"id": "", "name": "", "arguments": ""}, ""
    for choice in (choice for event in events for choice in event["choices"]):
        assert not choice["delta"].get("content")
        finish = choice["finish_reason"] or finish
        for part in choice["delta"].get("tool_calls", ()):
            call["id"] += part.get("id", "")
            call["name"] += part["function"].get("name", "")
            call["arguments"] += part["function"].get("arguments", "")
    return call, finish, events


@pytest.mark.parametrize("choice", [ONLY, "required"])
def test_a_forced_call_comes_back_as_a_call(insisting: Running, choice: object) -> None:
    reply = insisting.chat("go", tools=TOOLS, tool_choice=choice).json()["choices"][0]
    (call,) = reply["message"]["tool_calls"]
    assert reply["message"]["content"] is None
    assert (reply["finish_reason"], call["type"]) == ("tool_calls", "function")
    assert call["function"] == {"name": "read_file", "arguments": ARGUMENTS}
    assert call["id"].startswith("call_")


@pytest.mark.parametrize("choice", [ONLY, "required"])
def test_and_in_a_stream_in_parts(insisting: Running, choice: object) -> None:
    reply = insisting.chat("go", tools=TOOLS, tool_choice=choice, stream=True)
    call, finish, events = streamed(reply)
    assert (call["name"], call["arguments"], finish) == ("read_file", ARGUMENTS, "tool_calls")
    assert call["id"].count("call_") == 1
    assert sum("tool_calls" in event["choices"][0]["delta"] for event in events) > 2
    assert reply.text.endswith("data: [DONE]\n\n")
    assert insisting.logged(reply.headers["x-web4-response-id"]).query == "go"


def test_what_is_no_call_is_an_error_whole_and_in_a_stream(insisting: Running) -> None:
    reply = insisting.chat("something else", tools=TOOLS, tool_choice=ONLY)
    assert (reply.status_code, reply.json()["error"]["code"]) == (502, "engine_error")
    text = insisting.chat("something else", tools=TOOLS, tool_choice=ONLY, stream=True).text
    assert "did not keep to the form" in text
    assert "[DONE]" not in text


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"tool_choice": "required"}, "no tool is given"),
        ({"tool_choice": ONLY}, "no tool 'read_file'"),
        ({"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "rm"}}}, "no tool 'rm'"),
        ({"tools": TOOLS, "tool_choice": "always"}, "must be"),
        ({"tools": TOOLS, "tool_choice": {"type": "allowed_tools"}}, "must be"),
    ],
)
def test_a_choice_that_can_t_be_met_is_refused_by_name(insisting: Running, more: dict[str, Any], said: str) -> None:
    reply = insisting.chat("go", **more)
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "tool_choice"
    assert said in reply.json()["error"]["message"]


@pytest.mark.parametrize("choice", ["auto", "none", None])
def test_a_choice_that_is_the_model_s_is_left_to_the_engine(choice: str | None) -> None:
    assert forced({"tools": TOOLS, "tool_choice": choice}) is None


def test_the_engine_is_asked_for_the_tool_s_schema_and_told_no_tools() -> None:
    calls = forced({"tools": TOOLS, "tool_choice": ONLY})
    assert calls is not None
    body = {"messages": [{"role": "user", "content": "go"}], "tools": TOOLS, "tool_choice": ONLY, "seed": 1}
    sent = calls.asked(body)
    assert sent.keys() == {"messages", "seed", "response_format"}
    assert sent["response_format"]["json_schema"]["schema"] == {"type": "object", **READ["parameters"]}  # type: ignore[dict-item] # a schema
    assert "Reads a file." in sent["messages"][0]["content"]
    assert sent["messages"][0]["content"].endswith("go")


def test_of_several_tools_each_has_its_form_and_definitions_move_to_the_root() -> None:
    fancy = {
        "name": "fancy",
        "parameters": {"$defs": {"x": {"type": "null"}}, "properties": {"a": {"$ref": "#/$defs/x"}}},
    }
    calls = forced({"tools": [*TOOLS, {"type": "function", "function": fancy}], "tool_choice": "required"})
    assert calls is not None
    schema = calls.asked({"messages": []})["response_format"]["json_schema"]["schema"]
    assert schema["$defs"] == {"x": {"type": "null"}}
    assert [one["properties"]["name"]["const"] for one in schema["anyOf"]] == ["read_file", "list_files", "fancy"]
    assert "$defs" not in schema["anyOf"][2]["properties"]["arguments"]
    assert list(schema["anyOf"][0]["properties"]) == ["name", "arguments"]


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("text", [NAMED, f"  {NAMED} \n", f'{{"arguments": {ARGUMENTS}, "name": "read_file"}}'])
def test_a_call_is_whole_however_its_text_is_cut(text: str, size: int) -> None:
    calls = ForcedCalls({"read_file": READ, "list_files": LIST})
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    events: list[Body] = [{"choices": [{"delta": {"content": piece}, "finish_reason": None}]} for piece in pieces]
    events.append({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    parts = [part for event in map(calls.event, events) for part in event["choices"][0]["delta"].get("tool_calls", ())]
    assert [part["function"]["name"] for part in parts if "name" in part["function"]] == ["read_file"]
    assert json.loads("".join(part["function"]["arguments"] for part in parts)) == json.loads(ARGUMENTS)


def test_an_answer_cut_for_its_length_is_handed_on_as_far_as_it_came() -> None:
    body = {"choices": [{"message": {"content": '{"path": "a'}, "finish_reason": "length"}]}
    choice = ForcedCalls({"read_file": READ}).whole(body)["choices"][0]
    assert choice["finish_reason"] == "length"
    assert choice["message"]["tool_calls"][0]["function"]["arguments"] == '{"path": "a'
    with pytest.raises(Refused, match="form of the call"):
        ForcedCalls({"read_file": READ}).whole({"choices": [{"message": {"content": "[1]"}, "finish_reason": "stop"}]})
