"""Finds the tool call in an answer, in the syntax of the ecosystem: a JSON object, or a tag per tool and argument.

Called by the rule of tool calls. Knows no schema but the types that tags have to be read as.
"""

import json
from collections.abc import Iterator, Mapping, Sequence

from web4_agent.steps.tool_packs import Call, Pack, Syntax, Tool

_BRACES_CAP = 200
"""So many opening braces are tried: each costs one look, and no call is that deep in prose."""
_CALLS_CAP = 10
"""Read of an answer in tags; one with more than one is wrong anyway."""


def calls_in(answer: str, pack: Pack) -> list[Call]:
    """Every call, in order; one that is repeated is there twice, as an editor would carry it out twice."""
    return list(_json_calls(answer) if pack.syntax is Syntax.JSON else _tag_calls(answer, pack.tools))


def _json_calls(answer: str) -> Iterator[Call]:
    decoder = json.JSONDecoder()
    position = 0
    for _ in range(_BRACES_CAP):
        position = answer.find("{", position)
        if position < 0:
            return
        try:
            value, end = decoder.raw_decode(answer, position)
        except (json.JSONDecodeError, RecursionError, ValueError):  # ValueError: a number of thousands of digits
            position += 1
            continue
        call = _as_call(value)
        if call is not None:
            yield call
        position = end if call is not None else position + 1


def _as_call(value: object) -> Call | None:
    """`{"name", "arguments"}`, or the same within `function`, with the arguments as an object or as its JSON text."""
    if not isinstance(value, Mapping):
        return None
    inner = value.get("function")
    held = inner if isinstance(inner, Mapping) else value
    name, arguments = held.get("name"), held.get("arguments", held.get("parameters", {}))
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (json.JSONDecodeError, RecursionError, ValueError):
            return None
    return Call(name, arguments) if isinstance(name, str) and isinstance(arguments, dict) else None


def _tag_calls(answer: str, tools: Sequence[Tool]) -> Iterator[Call]:
    """The tags of known tools, by where they stand; what is within one is not looked into again."""
    position = 0
    for _ in range(_CALLS_CAP):
        begins = [(answer.find(f"<{tool.name}>", position), tool) for tool in tools]
        begun = sorted(((at, tool) for at, tool in begins if at >= 0), key=lambda pair: pair[0])
        if not begun:
            return
        at, tool = begun[0]
        start = at + len(tool.name) + 2
        end = answer.find(f"</{tool.name}>", start)
        if end < 0:
            return
        yield Call(tool.name, _tag_arguments(answer[start:end], tool))
        position = end


def _tag_arguments(body: str, tool: Tool) -> dict[str, object]:
    properties = tool.schema.get("properties")
    arguments: dict[str, object] = {}
    for name, schema in properties.items() if isinstance(properties, Mapping) else ():
        start = body.find(f"<{name}>")
        end = body.rfind(f"</{name}>")
        if 0 <= start < end:
            text = body[start + len(name) + 2 : end]
            text = text.removeprefix("\n").removesuffix("\n")
            arguments[name] = _typed(text, schema)
    return arguments


def _typed(text: str, schema: object) -> object:
    """Text, unless the schema wants another type and the text is one."""
    if not isinstance(schema, Mapping) or schema.get("type") == "string":
        return text
    try:
        value: object = json.loads(text.strip())
    except (json.JSONDecodeError, RecursionError, ValueError):
        return text
    return value
