"""A call of a tool that the client insists on: written as JSON under the tool's schema, handed on as a call.

Called by the OpenAI edge (the request) and by the relay (the answer). Chat templates of small models know no tools, and
an engine does nothing about `tool_choice` then; a form for the answer every engine here can enforce. So the tools leave
the request, their description goes before the question, their schema becomes the form, and what comes back is a call.
"""

import re
from collections.abc import Mapping
from secrets import token_hex
from typing import Any

import orjson

from web4_agent.gateway.wire.errors import Refused
from web4_agent.gateway.wire.openai import Body, with_context

_REPLACED = {"tools", "tool_choice", "parallel_tool_calls"}
_HEAD = re.compile(r'\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"arguments"\s*:\s*')
_TAIL = re.compile(r"\s*\}?\s*\Z")
_ONE = "Answer with the arguments for one call of the tool {name}: a JSON object under its schema, and nothing else."
_SEVERAL = (
    'Answer with one call of one of these tools: a JSON object {"name": …, "arguments": …}, the arguments under the '
    "schema of that tool, and nothing else."
)


def forced(body: Body) -> "ForcedCalls | None":
    """What a request forces; None where it leaves the choice to the model.

    Raises Refused (400) for a choice that is none, or names a tool that is not given.
    """
    choice = body.get("tool_choice")
    if choice is None or (isinstance(choice, str) and choice in {"auto", "none"}):
        return None
    given = [tool["function"] for tool in body.get("tools") or ()]
    return ForcedCalls(_chosen(choice, {str(function.get("name", "")): function for function in given}))


class ForcedCalls:
    """One request and its answer: asks for JSON, and turns it into calls, in a stream or whole."""

    def __init__(self, tools: Mapping[str, Body]) -> None:
        self._tools = tools
        self._only = next(iter(tools)) if len(tools) == 1 else ""
        self._calls: dict[int, _Call] = {}

    def asked(self, body: Body) -> Body:
        """The request as the engine gets it: a form and words for it in place of the tools."""
        schema = _parameters(self._tools[self._only]) if self._only else _any_of(self._tools)
        opening = _ONE.format(name=self._only) if self._only else _SEVERAL
        sent = {key: value for key, value in body.items() if key not in _REPLACED}
        sent["messages"] = with_context(body["messages"], "\n".join([opening, *map(_described, self._tools.values())]))
        form = {"name": "call", "strict": True, "schema": schema}
        return {**sent, "response_format": {"type": "json_schema", "json_schema": form}}

    def event(self, event: Body) -> Body:
        """One event of a stream, with parts of a call in place of text. Raises Refused (502) at the end of an answer
        that is no call."""
        for choice in event.get("choices") or ():
            call = self._calls.setdefault(int(choice.get("index") or 0), _Call(self._only))
            delta = choice.get("delta") or {}
            parts = call.feed(delta["content"]) if delta.get("content") else []
            if finish := choice.get("finish_reason"):
                parts += call.end(finish)
                choice["finish_reason"] = "tool_calls" if finish == "stop" else finish
            if "content" in delta:
                delta["content"] = None
            if parts:
                delta["tool_calls"] = parts
            choice["delta"] = delta
        return event

    def whole(self, body: Body) -> Body:
        """The answer in one piece. Raises Refused (502)."""
        for choice in body.get("choices") or ():
            message, call = choice.get("message") or {}, _Call(self._only)
            parts = call.feed(message.get("content") or "") + call.end(choice.get("finish_reason") or "stop")
            if parts:
                function = {"name": call.name, "arguments": call.arguments}
                message["tool_calls"] = [{"id": parts[0]["id"], "type": "function", "function": function}]
            message["content"] = None
            choice["message"] = message
            if choice.get("finish_reason") == "stop":
                choice["finish_reason"] = "tool_calls"
        return body


class _Call:
    """One call on its way; `only`: the tool, empty where the answer names it.

    With a name to come, text waits until it is there; of what follows the last brace waits, which closes the call and
    not its arguments.
    """

    def __init__(self, only: str) -> None:
        self.name = only
        self.arguments = ""
        self._named = not only
        self._opened = False
        self._waiting = ""

    def feed(self, text: str) -> list[Body]:
        """Parts of the call, as OpenAI streams them."""
        self._waiting += text
        if self._named and not self._opened:
            found = _HEAD.match(self._waiting)
            if found is None:
                return []
            self.name, self._waiting = str(orjson.loads(found[1])), self._waiting[found.end() :]
        held = _TAIL.search(self._waiting) if self._named else None
        cut = held.start() if held else len(self._waiting)
        ready, self._waiting = self._waiting[:cut], self._waiting[cut:]
        return self._parts(ready)

    def end(self, finish: str) -> list[Body]:
        """What was held back. An answer that was cut off for its length is handed on as far as it came."""
        if finish == "length":
            return []
        parts = self._late() if self._named and not self._opened else []
        try:
            whole = isinstance(orjson.loads(self.arguments), dict)
        except orjson.JSONDecodeError:
            whole = False
        if not whole:
            raise Refused(502, "the engine did not keep to the form of the call that was asked for", "engine_error")
        return parts

    def _late(self) -> list[Body]:
        """A call whose parts came in another order is told in one piece."""
        try:
            found = orjson.loads(self._waiting)
            self.name, ready = str(found["name"]), orjson.dumps(found["arguments"]).decode()
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return []
        return self._parts(ready)

    def _parts(self, ready: str) -> list[Body]:
        ready = ready if self.arguments else ready.lstrip()
        self.arguments += ready
        if not self._opened:
            self._opened = True
            function = {"name": self.name, "arguments": ready}
            return [{"index": 0, "id": f"call_{token_hex(8)}", "type": "function", "function": function}]
        return [{"index": 0, "function": {"arguments": ready}}] if ready else []


def _chosen(choice: object, known: Mapping[str, Body]) -> Mapping[str, Body]:
    if choice == "required" and known:
        return known
    function = choice.get("function") if isinstance(choice, dict) and choice.get("type") == "function" else None
    name = function.get("name") if isinstance(function, dict) else None
    if isinstance(name, str) and name in known:
        return {name: known[name]}
    if choice == "required" or isinstance(name, str):
        what = (
            f"there is no tool {name[:100]!r}" if isinstance(name, str) else "a call is required and no tool is given"
        )
    else:
        what = 'must be "auto", "none", "required" or {"type": "function", "function": {"name": …}}'
    raise Refused(400, f"tool_choice: {what}", "invalid_request", param="tool_choice")


def _any_of(tools: Mapping[str, Body]) -> Body:
    """The name comes first, so that a stream can be told which tool it is. Definitions that schemas refer to by the
    root move to the root."""
    shared: dict[str, Body] = {}
    calls = []
    for name, tool in tools.items():
        schema = dict(_parameters(tool))
        for key in ("$defs", "definitions"):
            shared.setdefault(key, {}).update(schema.pop(key, None) or {})
        fields = {"name": {"const": name}, "arguments": schema}
        calls.append(
            {"type": "object", "properties": fields, "required": ["name", "arguments"], "additionalProperties": False}
        )
    return {"anyOf": calls, **{key: found for key, found in shared.items() if found}}


def _parameters(tool: Body) -> dict[str, Any]:
    found = tool.get("parameters")
    return {"type": "object", **found} if isinstance(found, dict) else {"type": "object"}


def _described(tool: Body) -> str:
    name, words = str(tool.get("name", "")), " ".join(str(tool.get("description") or "").split())
    return f"{name}: {words or 'no description'}; schema: {orjson.dumps(_parameters(tool)).decode()}"
