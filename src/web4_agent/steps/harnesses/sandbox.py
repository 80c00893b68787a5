"""A temporary folder in which a tool call is carried out: files are read, written, listed and searched there alone.

Called by the rule of tool calls. No command is ever run, no address fetched, no link followed out of the folder.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from web4_agent.steps.tool_packs import Call

MAX_FILE_BYTES = 1_000_000
_PATTERN_CAP = 200
_LINE_CAP = 1_000
_REPEATS_CAP, _CHOICES_CAP = 2, 4
"""Of a search: with two quantifiers, none of a group, its time grows with the square of a line's length at most; with
four alternatives, sixteen times that."""

_REPEAT = re.compile(r"(?<!\\)[*+?{]")
_NESTED = re.compile(r"\)[*+?{]")
_SEARCH, _MIDDLE, _REPLACE = (re.compile(form) for form in (r"-{3,9} SEARCH>?", r"={3,9}", r"\+{3,9} REPLACE>?"))


class Refused(Exception):
    """The sandbox does not carry a call out; its text says why. Caught by the rule of tool calls."""


class Sandbox:
    """Carries out calls below `root`, which must be there."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve(strict=True)

    def fill(self, files: Mapping[str, str]) -> None:
        """Lay these files there. Raises Refused for a path that leads out."""
        for name, text in files.items():
            self._write(name, text)

    def run(self, call: Call, commands: Sequence[str]) -> str:
        """What the tool would answer. A command is only looked up among `commands`. Raises Refused."""
        if call.tool in _COMMANDS:
            return _command(_text(call, "command"), commands)
        tool = _TOOLS.get(call.tool)
        return tool(self, call) if tool else ""

    def read(self, name: str) -> str:
        """The text of a file. Raises Refused where there is none within the folder."""
        path = self._inside(name)
        try:
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
            with os.fdopen(descriptor, "rb") as stream:
                return stream.read(MAX_FILE_BYTES).decode("utf-8", "replace")
        except OSError as refusal:
            raise Refused(f"{name} can't be read: {refusal.strerror}") from refusal

    def read_file(self, call: Call) -> str:
        lines = self.read(_path(call)).split("\n")
        first, last = call.arguments.get("startLine"), call.arguments.get("endLine")
        if isinstance(first, int) and isinstance(last, int):
            if not 1 <= first <= last:
                raise Refused(f"there are no lines {first} to {last}")
            lines = lines[first - 1 : last]
        return "\n".join(lines)

    def create_file(self, call: Call) -> str:
        """Continue's tool makes new files only; Cline's writes over."""
        name = _path(call)
        if call.tool == "create_new_file" and self._inside(name).exists():
            raise Refused(f"{name} exists already")
        self._write(name, _text(call, "contents" if "contents" in call.arguments else "content"))
        return f"wrote {name}"

    def replace(self, call: Call) -> str:
        """All edits of a call or none."""
        name = _path(call)
        text = self.read(name)
        for old, new, every in _edits(call):
            if old not in text or (not every and text.count(old) > 1):
                raise Refused(f"the text to replace stands {text.count(old)} times in {name}")
            text = text.replace(old, new)
            if len(text) > MAX_FILE_BYTES:
                raise Refused(f"{name} would grow beyond {MAX_FILE_BYTES:,} bytes")
        self._write(name, text)
        return f"changed {name}"

    def list_folder(self, call: Call) -> str:
        folder = self._inside(_path(call) or ".")
        if not folder.is_dir():
            raise Refused(f"there is no folder {_path(call)}")
        if not call.arguments.get("recursive"):
            return "\n".join(entry.name for entry in sorted(folder.iterdir()))
        return "\n".join(name for name in self._files() if (self._root / name).is_relative_to(folder))

    def find_files(self, call: Call) -> str:
        pattern = _text(call, "pattern")
        if len(pattern) > _PATTERN_CAP or pattern.count("*") > 4 * _REPEATS_CAP:
            raise Refused("the pattern is too intricate")
        short = pattern.replace("**/", "")
        return "\n".join(name for name in self._files() if fnmatchcase(name, pattern) or fnmatchcase(name, short))

    def search(self, call: Call) -> str:
        """Lines that match, as `path:line`."""
        pattern = _search_pattern(_text(call, "query" if "query" in call.arguments else "regex"))
        under = _path(call)
        folder = self._inside(under or ".")
        wanted = str(call.arguments.get("file_pattern") or "*")[:_PATTERN_CAP]
        return "\n".join(
            f"{name}:{line}"
            for name in self._files()
            if (self._root / name).is_relative_to(folder) and fnmatchcase(Path(name).name, wanted)
            for line in self.read(name).split("\n")
            if pattern.search(line[:_LINE_CAP])
        )

    def _files(self) -> list[str]:
        """Regular files, by their paths; links are no files."""
        return sorted(
            (Path(parent) / name).relative_to(self._root).as_posix()
            for parent, _, names in os.walk(self._root)
            for name in names
            if not (Path(parent) / name).is_symlink()
        )

    def _write(self, name: str, text: str) -> None:
        path = self._inside(name)
        data = text.encode("utf-8", "replace")
        if len(data) > MAX_FILE_BYTES:
            raise Refused(f"{name} would have more than {MAX_FILE_BYTES:,} bytes")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, flags, 0o600), "wb") as stream:
                stream.write(data)
        except OSError as refusal:
            raise Refused(f"{name} can't be written: {refusal.strerror}") from refusal

    def _inside(self, name: str) -> Path:
        """The place that a path means, all links resolved. Raises Refused where it lies outside of the folder."""
        if "\x00" in name or "\\" in name or len(name) > _LINE_CAP:
            raise Refused("that is no path")
        try:
            path = (self._root / name).resolve()
        except (OSError, RuntimeError, ValueError) as refusal:  # a loop of links; half a character
            raise Refused(f"{name} leads nowhere") from refusal
        if name.startswith(("/", "~")) or ".." in Path(name).parts or not path.is_relative_to(self._root):
            raise Refused(f"{name} leads out of the folder")
        return path


_COMMANDS = frozenset({"run_terminal_command", "execute_command"})
_TOOLS: Mapping[str, Callable[[Sandbox, Call], str]] = {
    "read_file": Sandbox.read_file,
    "read_file_range": Sandbox.read_file,
    "create_new_file": Sandbox.create_file,
    "write_to_file": Sandbox.create_file,
    "single_find_and_replace": Sandbox.replace,
    "multi_edit": Sandbox.replace,
    "replace_in_file": Sandbox.replace,
    "ls": Sandbox.list_folder,
    "list_files": Sandbox.list_folder,
    "file_glob_search": Sandbox.find_files,
    "grep_search": Sandbox.search,
    "search_files": Sandbox.search,
}
CARRIED_OUT = frozenset(_TOOLS) | _COMMANDS
"""Tools that the sandbox knows."""


def _command(command: str, allowed: Sequence[str]) -> str:
    """Nothing is run: a command is right when it is one of the allowed, blanks apart."""
    if " ".join(command.split()) not in {" ".join(one.split()) for one in allowed} or "\n" in command.strip():
        raise Refused(f"the command is not one of: {', '.join(allowed)}")
    return f"would run {command}"


def _search_pattern(text: str) -> re.Pattern[str]:
    many = len(_REPEAT.findall(text)) > _REPEATS_CAP or text.count("|") > _CHOICES_CAP
    if many or len(text) > _PATTERN_CAP or _NESTED.search(text):
        raise Refused("the pattern is too intricate")
    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError) as refusal:
        raise Refused(f"that is no pattern: {refusal}") from refusal


def _edits(call: Call) -> list[tuple[str, str, bool]]:
    """(old, new, every one) of the three ways to write a replacement."""
    if "diff" in call.arguments:
        return [(old, new, False) for old, new in _blocks(_text(call, "diff"))]
    edits = call.arguments.get("edits")
    rows = edits if isinstance(edits, list) else [call.arguments]
    made = [Call(call.tool, row) for row in rows if isinstance(row, dict)]
    return [
        (_text(one, "old_string"), _text(one, "new_string"), bool(one.arguments.get("replace_all"))) for one in made
    ]


def _blocks(diff: str) -> list[tuple[str, str]]:
    """What each SEARCH holds and each REPLACE puts in its place."""
    found: list[tuple[str, str]] = []
    old: list[str] = []
    into: list[str] | None = None
    for line in diff.split("\n"):
        mark = line.strip()
        if _SEARCH.fullmatch(mark):
            old, into = [], []
        elif into is not None and not old and _MIDDLE.fullmatch(mark):
            old, into = into or [""], []
        elif into is not None and old and _REPLACE.fullmatch(mark):
            found.append(("\n".join(old), "\n".join(into)))
            old, into = [], None
        elif into is not None:
            into.append(line)
    if not found or not all(searched for searched, _ in found):
        raise Refused("the diff has no SEARCH and REPLACE")
    return found


def _path(call: Call) -> str:
    for key in ("filepath", "path", "dirPath"):
        if key in call.arguments:
            return _text(call, key)
    return ""


def _text(call: Call, key: str) -> str:
    value = call.arguments.get(key)
    if not isinstance(value, str):
        raise Refused(f"{key} is no text")
    return value
