"""The harness of tool calls: the right tool of the ecosystem's pack, arguments that its schema takes, carried out in a
sandbox with the effect that was asked for.

Called by the catalogue. Knows no engine; the temporary folder of a call lives as long as its judging.
"""

import posixpath
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jsonschema import Draft202012Validator

from web4_agent.steps.harnesses.calls import calls_in
from web4_agent.steps.harnesses.harness import Given, Reading
from web4_agent.steps.harnesses.sandbox import CARRIED_OUT, Refused, Sandbox
from web4_agent.steps.judging.tables import Table
from web4_agent.steps.tool_packs import Call, Pack, Syntax, Tool, find_packs, load_pack

KEYS = frozenset({"ecosystem", "tool", "arguments", "files", "allowed", "result", "changed"})
_PATHS = frozenset({"filepath", "path", "dirPath"})


def read_tool_call(table: Table) -> Reading:
    """`ecosystem` and `tool`; `arguments` that the call must have, more are free; `files` that are there before;
    `allowed` commands; `result`: text that the tool must come back with; `changed`: text that each of these files must
    hold afterwards."""
    pack = _pack(table)
    tool = table.text("tool")
    if tool not in {one.name for one in pack.tools} & CARRIED_OUT:
        raise table.wrong("tool", f"'{tool}' is no tool of {pack.name} that the sandbox knows")
    files, changed = _texts(table, "files"), _texts(table, "changed")
    _refuse_paths(table, files)
    arguments = table.mapping("arguments")
    allowed = table.texts("allowed") if "allowed" in table.values else ()
    result = table.text("result", "")
    task = _Task(pack, tool, arguments, files, allowed, result, changed)
    return Reading(task.complaint, instructions(pack))


def instructions(pack: Pack) -> str:
    """What the model is told: the tools, one a line, and how a call is written."""
    listed = [f"- {tool.name}({', '.join(_parameters(tool))}): {tool.description}" for tool in _offered(pack)]
    form = (
        'Answer with one JSON object and nothing else: {"name": "TOOL", "arguments": {"ARGUMENT": "value"}}'
        if pack.syntax is Syntax.JSON
        else "Answer with tags and nothing else: <TOOL>\n<ARGUMENT>value</ARGUMENT>\n</TOOL>"
    )
    return "\n".join(["You call one tool for each request. The tools:", *listed, form])


@dataclass(frozen=True, slots=True)
class _Task:
    """One item's call, as its keys say it must be."""

    pack: Pack
    tool: str
    arguments: Mapping[str, object]
    files: Mapping[str, str]
    allowed: tuple[str, ...]
    result: str
    changed: Mapping[str, str]

    def complaint(self, given: Given) -> str | None:
        calls = calls_in(given.answer, self.pack)
        if len(calls) != 1:
            return f"holds {len(calls)} calls, not one"
        call = calls[0]
        return self._form_complaint(call) or self._effect_complaint(call)

    def _form_complaint(self, call: Call) -> str | None:
        schema = next((one.schema for one in self.pack.tools if one.name == call.tool), None)
        if schema is None:
            return f"there is no tool {call.tool[:60]}"
        errors = sorted(Draft202012Validator(schema).iter_errors(dict(call.arguments)), key=lambda one: list(one.path))
        if errors:
            return f"{call.tool} with arguments that its schema refuses: {errors[0].message[:120]}"
        if call.tool != self.tool:
            return f"calls {call.tool}, not {self.tool}"
        wrong = [name for name, value in self.arguments.items() if not _same(name, call.arguments.get(name), value)]
        return f"{call.tool} with another {', '.join(wrong)}" if wrong else None

    def _effect_complaint(self, call: Call) -> str | None:
        with tempfile.TemporaryDirectory(prefix="web4-tool-") as folder:
            sandbox = Sandbox(Path(folder))
            try:
                sandbox.fill(self.files)
                output = sandbox.run(call, self.allowed)
                if self.result and self.result not in output:
                    return f"{call.tool} does not come back with: {self.result}"
                missing = [name for name, text in self.changed.items() if text not in sandbox.read(name)]
            except Refused as refusal:
                return f"{call.tool}: {refusal}"
        return f"{', '.join(missing)} is not as it was asked for" if missing else None


@lru_cache(maxsize=8)
def _shipped_pack(name: str) -> Pack | None:
    source = find_packs().get(name)
    return load_pack(source.folder) if source else None


def _pack(table: Table) -> Pack:
    pack = _shipped_pack(table.text("ecosystem"))
    if pack is None:
        raise table.wrong("ecosystem", f"must be one of {', '.join(find_packs())}")
    return pack


def _texts(table: Table, key: str) -> dict[str, str]:
    values = table.mapping(key)
    if not all(isinstance(value, str) for value in values.values()):
        raise table.wrong(key, 'must be a table of texts: { "path" = "text" }')
    return {name: str(value) for name, value in values.items()}


def _refuse_paths(table: Table, files: Mapping[str, str]) -> None:
    """What the sandbox can't lay there is a mistake of the item, not of a model."""
    with tempfile.TemporaryDirectory(prefix="web4-tool-") as folder:
        try:
            Sandbox(Path(folder)).fill(files)
        except Refused as refusal:
            raise table.wrong("files", f"can't be used: {refusal}") from refusal


def _offered(pack: Pack) -> tuple[Tool, ...]:
    return tuple(tool for tool in pack.tools if tool.name in CARRIED_OUT)


def _parameters(tool: Tool) -> list[str]:
    properties, required = tool.schema.get("properties"), tool.schema.get("required", [])
    names = list(properties) if isinstance(properties, Mapping) else []
    return [name if isinstance(required, list) and name in required else f"{name}?" for name in names]


def _same(name: str, found: object, wanted: object) -> bool:
    """Equal; of paths `./src/` and `src` are the same, of texts blanks around don't count."""
    if isinstance(found, str) and isinstance(wanted, str):
        if name in _PATHS:
            return posixpath.normpath(found) == posixpath.normpath(wanted)
        return found.strip() == wanted.strip()
    return type(found) is type(wanted) and found == wanted
