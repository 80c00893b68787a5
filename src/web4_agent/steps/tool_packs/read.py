"""Reads a pack's folder and checks all of it: `pack.toml`, `tools.json`, `examples.toml`.

Called by the tooling flow. Every problem is named with pack, file, place and fix; a pack with one is not used.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from web4_agent.domain.errors import SettingsError
from web4_agent.steps.tool_packs.check import example_problems, tool_problems
from web4_agent.steps.tool_packs.pack import Call, Example, Fault, Pack, Problem, Syntax, Tool

PACK, TOOLS, EXAMPLES = "pack.toml", "tools.json", "examples.toml"
MAX_FILE_BYTES = 1_000_000
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,31}")
_TOOL_KEYS = frozenset({"name", "description", "parameters"})
_POSITIVE_KEYS = frozenset({"id", "question", "tool", "arguments", "why"})
_NEGATIVE_KEYS = _POSITIVE_KEYS | {"answer", "wrong", "fault"}


@dataclass(frozen=True, slots=True)
class PackSource:
    """`shipped`: it is part of the package; else it lies in the home, and stands in for a shipped one of its name."""

    name: str
    folder: Path
    shipped: bool


def find_packs(own: Path | None = None) -> dict[str, PackSource]:
    """Every pack there is, by name: those that ship, and over them the folders of `own`. Reads no file."""
    shipped = Path(str(files("web4_agent.data"))) / "tools"
    found: dict[str, PackSource] = {}
    for folder, ships in ((shipped, True), (own, False)):
        if folder is not None and folder.is_dir():
            for path in sorted(folder.iterdir()):
                if path.is_dir() and not path.name.startswith((".", "_")):
                    found[path.name] = PackSource(path.name, path, ships)
    return dict(sorted(found.items()))


def load_pack(folder: Path) -> Pack:
    """A pack without a problem. Raises SettingsError with the first problem and how many more there are."""
    pack, problems = read_pack(folder)
    if pack is not None and not problems:
        return pack
    first, more = problems[0], len(problems) - 1
    rest = f" (and {more} more: web4-agent tools check {folder})" if more else ""
    raise SettingsError(f"{first.sentence}{rest}", first.fix)


def read_pack(folder: Path) -> tuple[Pack | None, tuple[Problem, ...]]:
    """What could be read of a pack, None where its files can't be, and everything that is wrong with it."""
    reading = _Reading(folder.name, folder)
    head = reading.toml(PACK)
    rows = reading.json(TOOLS)
    tables = reading.toml(EXAMPLES)
    if reading.problems or head is None or tables is None:
        return None, tuple(reading.problems)
    tools = tuple(reading.tools(rows))
    examples = tuple(reading.examples(tables))
    syntax = reading.head(head)
    if reading.problems:
        return None, tuple(reading.problems)
    pack = Pack(folder.name, str(head["description"]), syntax, folder, tools, examples)
    return pack, (*tool_problems(pack), *example_problems(pack))


class _Reading:
    """Collects what is wrong with the form of a pack's files while they are taken apart."""

    def __init__(self, name: str, folder: Path) -> None:
        self.problems: list[Problem] = []
        self._name = name
        self._folder = folder

    def toml(self, file: str) -> Mapping[str, object] | None:
        text = self._text(file)
        try:
            return tomllib.loads(text) if text is not None else None
        except tomllib.TOMLDecodeError as wrong:
            self._wrong(file, "the file", f"is no TOML: {wrong}", f"correct {self._folder / file}")
            return None

    def json(self, file: str) -> object:
        text = self._text(file)
        try:
            return json.loads(text) if text is not None else None
        except (json.JSONDecodeError, RecursionError) as wrong:
            self._wrong(file, "the file", f"is no JSON: {wrong}", f"correct {self._folder / file}")
            return None

    def head(self, values: Mapping[str, object]) -> Syntax:
        if not _NAME.fullmatch(self._name):
            self._wrong(PACK, "the folder", f"{self._name!r} is no name for a pack", "use 2 to 32 of a-z, 0-9 and -")
        if values.get("name") != self._name:
            self._wrong(PACK, "name", f"{values.get('name')!r} is not the folder's name", f'name = "{self._name}"')
        if not _is_text(values.get("description")):
            self._wrong(PACK, "description", "is missing", 'description = "whose tools these are"')
        for key in sorted(values.keys() - {"name", "description", "syntax"}):
            self._wrong(PACK, key, "is unknown", "remove it; known are name, description and syntax")
        try:
            return Syntax(str(values.get("syntax")))
        except ValueError:
            known = ", ".join(f'"{one}"' for one in Syntax)
            self._wrong(PACK, "syntax", f"{values.get('syntax')!r} is no way to write a call", f"choose one of {known}")
            return Syntax.JSON

    def tools(self, rows: object) -> Iterator[Tool]:
        if not isinstance(rows, list) or not rows:
            self._wrong(TOOLS, "the file", "is no list of tools", "[{name, description, parameters}, …]")
            return
        for at, row in enumerate(rows, start=1):
            place = f"tool {row.get('name', at)}" if isinstance(row, dict) else f"tool {at}"
            if not isinstance(row, dict) or row.keys() != _TOOL_KEYS:
                self._wrong(TOOLS, place, "has not just name, description and parameters", "write these three keys")
            elif not (_is_text(row["name"]) and _is_text(row["description"]) and isinstance(row["parameters"], dict)):
                self._wrong(TOOLS, place, "has a key of the wrong kind", "name and description: text; parameters: {…}")
            else:
                yield Tool(row["name"], row["description"], row["parameters"])

    def examples(self, tables: Mapping[str, object]) -> Iterator[Example]:
        for key in sorted(tables.keys() - {"example", "negative"}):
            self._wrong(EXAMPLES, key, "is unknown", "write [[example]] and [[negative]]")
        for kind, keys in (("example", _POSITIVE_KEYS), ("negative", _NEGATIVE_KEYS)):
            rows = tables.get(kind, [])
            for at, row in enumerate(rows if isinstance(rows, list) else [rows], start=1):
                place = f"{kind} {row.get('id', at)}" if isinstance(row, dict) else f"{kind} {at}"
                if not isinstance(row, dict):
                    self._wrong(EXAMPLES, place, "is no table", f"write [[{kind}]]")
                elif unknown := sorted(row.keys() - keys):
                    self._wrong(
                        EXAMPLES, place, f"key {unknown[0]!r} is unknown", f"known are {', '.join(sorted(keys))}"
                    )
                elif example := self._example(kind, place, row):
                    yield example

    def _example(self, kind: str, place: str, row: Mapping[str, object]) -> Example | None:
        for key in ("id", "question", "why"):
            if not _is_text(row.get(key)):
                self._wrong(EXAMPLES, place, f"key {key!r} is missing or no text", f'{key} = "…"')
                return None
        call = _call(row) if "tool" in row else None
        wrong = _call(row.get("wrong")) if kind == "negative" else None
        answer = row.get("answer", "")
        if (call is None) == (not answer) or not isinstance(answer, str):
            fix = 'tool = "…" and arguments = {…}' + (', or answer = "…"' if kind == "negative" else "")
            self._wrong(EXAMPLES, place, "does not say what is right", fix)
            return None
        if kind == "example":
            return Example(str(row["id"]), str(row["question"]), str(row["why"]), call)
        fault = next((one for one in Fault if one == row.get("fault")), None)
        if wrong is None or fault is None:
            kinds = ", ".join(f'"{one}"' for one in Fault)
            fix = f'wrong = {{ tool = "…", arguments = {{…}} }} and fault = one of {kinds}'
            self._wrong(EXAMPLES, place, "does not say what is wrong and why", fix)
            return None
        return Example(str(row["id"]), str(row["question"]), str(row["why"]), call, answer, wrong, fault)

    def _text(self, file: str) -> str | None:
        path = self._folder / file
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                self._wrong(file, "the file", f"has more than {MAX_FILE_BYTES:,} bytes", "keep fewer examples")
                return None
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as refusal:
            reason = getattr(refusal, "strerror", None) or "it is no UTF-8"
            self._wrong(file, "the file", f"can't be read: {reason}", f"write {path}")
            return None

    def _wrong(self, file: str, place: str, complaint: str, fix: str) -> None:
        self.problems.append(Problem(self._name, file, place, complaint, fix))


def _call(row: object) -> Call | None:
    """A call as written in a table, or None where the table holds none."""
    if not isinstance(row, Mapping):
        return None
    tool, arguments = row.get("tool"), row.get("arguments", {})
    return Call(tool, arguments) if isinstance(tool, str) and tool and isinstance(arguments, dict) else None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
