"""Finds the files of a folder that are worth looking up: by suffix, never below folders that tools fill.

Called by the referencing flow. Knows names and links, no contents.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from web4_agent.domain.documents import RejectionReason
from web4_agent.domain.errors import UsageError

TEXT_SUFFIXES = frozenset({".md", ".markdown", ".txt", ".rst", ".adoc"})
_CODE = (
    ".ts .tsx .js .jsx .mjs .cjs .vue .svelte .py .pyi .java .kt .kts .scala .groovy .go .rs .rb .php .cs .swift .dart "
    ".c .h .cc .cpp .hpp .m .lua .r .jl .ex .exs .erl .hs .clj .sql .graphql .proto .sh .bash .zsh .ps1 "
    ".json .jsonc .yaml .yml .toml .ini .cfg .xml .html .css .scss .less .puml .tf"
)
SOURCE_SUFFIXES = TEXT_SUFFIXES | frozenset(_CODE.split())
PASSED_FOLDERS = frozenset(
    {"node_modules", "bower_components", "vendor", "dist", "build", "out", "target", "coverage", "htmlcov"}
    | {"__pycache__", "venv", "env", "site-packages", "obj", "tmp", "logs"}
)
"""What tools fill and nobody wrote. Folders whose name begins with a dot are passed over, too."""

GENERATED = (".min.js", ".min.css", ".map", ".bundle.js", ".d.ts", "-lock.json", "-lock.yaml", ".lock", ".pb.go")
MAX_BYTES = 400_000
"""Source that people write stays below it; what is longer is generated, and would drown the rest."""

MAX_FILES = 20_000
"""More than a team's own code has: someone named the wrong folder."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """`name` is the path below the root in POSIX form; bytes of it that are no UTF-8 are escapes."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Discovered:
    """Files by name, what is rejected for where it lies (name, reason, detail), how many others were passed over."""

    root: Path
    files: tuple[FoundFile, ...]
    rejected: tuple[tuple[str, RejectionReason, str], ...]
    passed_over: int


def find_files(root: Path, suffixes: frozenset[str], *, max_files: int = MAX_FILES) -> Discovered:
    """Walk `root` at any depth. Folder links are never entered, and a link to a file within the root only repeats it.

    Raises UsageError: the root is missing, no folder, can't be read, or holds more than `max_files` of such files.
    """
    walk = _Walk(_checked(root), suffixes, max_files)
    walk.visit()
    files = tuple(sorted(walk.found, key=lambda found: found.name))
    return Discovered(walk.base, files, tuple(sorted(walk.rejected)), walk.passed_over)


def _checked(root: Path) -> Path:
    try:
        base = root.expanduser().resolve(strict=True)
        os.scandir(base).close()
    except (OSError, RuntimeError) as refusal:
        reason = getattr(refusal, "strerror", None) or "it is a loop of links"
        raise UsageError(f"the folder {root} can't be read: {reason}", f"ls -ld {root}") from refusal
    return base


@dataclass(slots=True)
class _Walk:
    base: Path
    suffixes: frozenset[str]
    max_files: int
    found: list[FoundFile] = field(default_factory=list)
    rejected: list[tuple[str, RejectionReason, str]] = field(default_factory=list)
    passed_over: int = 0

    def visit(self) -> None:
        waiting = [self.base]
        while waiting:
            for entry in self._entries(waiting.pop()):
                path = Path(entry.path)
                if entry.is_symlink():
                    self._link(path)
                elif entry.is_dir(follow_symlinks=False):
                    if entry.name.lower() not in PASSED_FOLDERS:
                        waiting.append(path)
                elif self._counts(entry.name):
                    self._add(path)
                else:
                    self.passed_over += 1

    def _entries(self, folder: Path) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                yield from (entry for entry in entries if not entry.name.startswith("."))
        except OSError as refusal:
            self._reject(folder, RejectionReason.UNREADABLE, refusal.strerror or "it can't be listed")

    def _add(self, path: Path) -> None:
        if len(self.found) >= self.max_files:
            raise UsageError(
                f"{self.base} holds more than {self.max_files:,} files to look up", "name the folders that matter"
            )
        self.found.append(FoundFile(self._name(path), path))

    def _link(self, path: Path) -> None:
        """A link out of the root or to nowhere is rejected where it would have counted."""
        try:
            target = path.resolve(strict=True)
        except (OSError, RuntimeError):
            if self._counts(path.name):
                self._reject(path, RejectionReason.UNREADABLE, "the link leads nowhere")
            return
        counts = target.is_dir() or self._counts(path.name)
        if counts and not target.is_relative_to(self.base):
            self._reject(path, RejectionReason.OUTSIDE_ROOT, f"the link leads out of {self.base}")

    def _counts(self, name: str) -> bool:
        lower = name.lower()
        return Path(lower).suffix in self.suffixes and not lower.endswith(GENERATED)

    def _reject(self, path: Path, reason: RejectionReason, detail: str) -> None:
        self.rejected.append((self._name(path), reason, detail))

    def _name(self, path: Path) -> str:
        return os.fsencode(path.relative_to(self.base).as_posix()).decode("utf-8", "backslashreplace")
