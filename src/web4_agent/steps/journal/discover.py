"""Finds the journal's documents below a root: names and days, no contents.

Called by the indexing flow. Knows file names and folders; what is in a file is the parser's business.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from web4_agent.domain.documents import Rejection, RejectionReason
from web4_agent.domain.errors import JournalError
from web4_agent.domain.ids import DocumentId
from web4_agent.steps.journal.names import folder_day, is_document_name, read_name
from web4_agent.steps.journal.parse import document_id


@dataclass(frozen=True, slots=True)
class FoundDocument:
    """A file that is named like a PDCA. `day` is that of its name or folder; None where only its contents can tell."""

    id: DocumentId
    path: Path
    day: date | None


@dataclass(frozen=True, slots=True)
class Discovery:
    """Documents by id, files that can't be read and why, and how many other Markdown files were passed over."""

    documents: tuple[FoundDocument, ...]
    rejections: tuple[Rejection, ...]
    other_markdown: int


def find_documents(root: Path, *, since: date | None = None, until: date | None = None) -> Discovery:
    """Walk `root` at any depth and list its PDCA files from `since` to `until`, both included.

    Hidden folders are passed over. Links within the root are too, unless only they are named like a PDCA; links out of
    it are never followed. A document whose day its name does not tell is listed whatever the window: hold its parsed
    `day` against `in_window`.

    Raises:
        JournalError: the root is missing, no folder, or can't be read.

    """
    base = _checked(root)
    walk = _Walk(base)
    walk.visit(base)
    seen = {found.path for found in walk.found}
    for link in walk.links:
        target = link.path.resolve()
        if target not in seen:
            seen.add(target)
            walk.found.append(link)
    wanted = [found for found in walk.found if found.day is None or in_window(found.day, since, until)]
    return Discovery(
        tuple(sorted(wanted, key=lambda found: found.id)),
        tuple(sorted(walk.rejections, key=lambda rejection: rejection.id)),
        walk.other_markdown,
    )


def in_window(day: date, since: date | None, until: date | None) -> bool:
    return (since is None or day >= since) and (until is None or day <= until)


def _checked(root: Path) -> Path:
    hint = "set journal.root in web4.toml, or: web4-agent index --journal FOLDER"
    try:
        base = root.expanduser().resolve(strict=True)
        if not base.is_dir():
            raise JournalError(f"the journal root {root} is not a folder", hint)
        os.scandir(base).close()
    except FileNotFoundError as missing:
        raise JournalError(f"the journal root {root} does not exist", hint) from missing
    except (OSError, RuntimeError) as refusal:
        reason = getattr(refusal, "strerror", None) or "it is a loop of links"
        raise JournalError(f"the journal root {root} can't be read: {reason}", f"ls -ld {root}") from refusal
    return base


@dataclass(slots=True)
class _Walk:
    """What a walk has met so far. Directory links are never entered, so no loop of links can hold it."""

    base: Path
    found: list[FoundDocument] = field(default_factory=list)
    links: list[FoundDocument] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    other_markdown: int = 0

    def visit(self, top: Path) -> None:
        waiting = [top]
        while waiting:
            folder = waiting.pop()
            for entry in self._entries(folder):
                if entry.is_symlink():
                    self._link(Path(entry.path))
                elif entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                else:
                    self._file(Path(entry.path))

    def _entries(self, folder: Path) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                yield from (entry for entry in entries if not entry.name.startswith("."))
        except OSError as refusal:
            self._reject(folder, RejectionReason.UNREADABLE, refusal.strerror or "it can't be listed")

    def _file(self, path: Path) -> None:
        if not path.name.lower().endswith(".md"):
            return
        if not is_document_name(path.name):
            self.other_markdown += 1
        elif not os.access(path, os.R_OK):
            self._reject(path, RejectionReason.UNREADABLE, "no permission to read it")
        else:
            self.found.append(self._document(path))

    def _link(self, path: Path) -> None:
        """A link out of the root or to nowhere is rejected where it would have counted: a folder, or a PDCA's name."""
        counts = is_document_name(path.name)
        try:
            target = path.resolve(strict=True)
        except (OSError, RuntimeError):
            if counts:
                self._reject(path, RejectionReason.UNREADABLE, "the link leads nowhere")
            return
        if not target.is_relative_to(self.base):
            if counts or target.is_dir():
                self._reject(path, RejectionReason.OUTSIDE_ROOT, "the link leads out of the journal")
        elif counts and target.is_file():
            self.links.append(self._document(path))

    def _document(self, path: Path) -> FoundDocument:
        named = read_name(path.name).at_utc
        name = document_id(self.base, path)
        return FoundDocument(name, path, named.date() if named else folder_day(name))

    def _reject(self, path: Path, reason: RejectionReason, detail: str) -> None:
        self.rejections.append(Rejection(document_id(self.base, path), reason, detail))
