"""Reads one journal file into a Document, or says why it is none.

Called by the indexing flow. `read_document` touches the file system; `parse_document` is pure, takes any bytes, never
raises and is linear in their number. Knows nothing of the database, of links to other documents, or of secrets.
"""

import hashlib
import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from web4_agent.domain.documents import Document, Header, Link, Rejection, RejectionReason, Section, SectionKind, Tron
from web4_agent.domain.ids import ContentHash, DocumentId
from web4_agent.steps.journal.header import badge_of, build_header, collect_fields, front_matter
from web4_agent.steps.journal.markdown import Heading, Outline, headings, outline
from web4_agent.steps.journal.names import folder_day, read_name
from web4_agent.steps.journal.sections import build_sections, find_links, title_of
from web4_agent.steps.journal.tron import find_trons

MAX_BYTES = 2_000_000
"""Some forty times the longest document of a journal kept by hand; beyond it a file is no journal entry."""

UNDECODABLE_SHARE = 0.005
"""Of the bytes. Text in another encoding has more (German in Latin-1 about 0.02); a slip of an editor has fewer."""

_UTF16_OR_32 = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_CONTROLS = re.compile("[\x01-\x08\x0b-\x1f\x7f]")
_CONTROL_SHARE = 0.05
_PDCA = (SectionKind.PLAN, SectionKind.DO, SectionKind.CHECK, SectionKind.ACT)


def read_document(root: Path, path: Path, *, max_bytes: int = MAX_BYTES) -> Document | Rejection:
    """Read and parse one file below `root`. What the file system refuses becomes a rejection, never an error."""
    name = document_id(root, path)
    try:
        real = path.resolve(strict=True)
        if not real.is_relative_to(root.resolve()):
            return Rejection(name, RejectionReason.OUTSIDE_ROOT, "the path leads out of the journal")
        read = _read_steady(real, max_bytes)
    except (OSError, RuntimeError, ValueError) as refusal:  # RuntimeError: a loop of links; ValueError: NUL in the path
        detail = getattr(refusal, "strerror", None) or type(refusal).__name__
        return Rejection(name, RejectionReason.UNREADABLE, str(detail))
    if isinstance(read, RejectionReason):
        limit = f"over {max_bytes} bytes" if read is RejectionReason.TOO_LARGE else "it is read again with the next run"
        return Rejection(name, read, "no regular file" if read is RejectionReason.UNREADABLE else limit)
    data, modified_utc = read
    return parse_document(name, data, modified_utc=modified_utc)


def parse_document(name: DocumentId, data: bytes, *, modified_utc: datetime) -> Document | Rejection:
    """Parse the bytes of a document. `modified_utc` dates it where its name, folder and header do not."""
    decoded = _decode(data)
    if isinstance(decoded[0], RejectionReason):
        return Rejection(name, decoded[0], decoded[1])
    text, repaired = decoded[0], decoded[1]
    parts = _take_apart(name, text)
    if not any(section.kind in _PDCA for section in parts.sections):
        return Rejection(name, RejectionReason.NO_STRUCTURE, "none of the sections Plan, Do, Check and Act was found")
    day, day_source = _dated(name, parts.header, modified_utc)
    warnings = [repaired] if repaired else []
    warnings += parts.warnings
    if day_source in {"file name", "folder"} and parts.header.date_utc and parts.header.date_utc.date() != day:
        warnings.append(f"the header's date {parts.header.date_utc.date()} differs from that of the {day_source}")
    return Document(
        id=name,
        content_hash=ContentHash(hashlib.sha256(data).hexdigest()),
        day=day,
        day_source=day_source,
        title=parts.header.title,
        slug=read_name(Path(name).name).slug,
        header=parts.header,
        sections=parts.sections,
        trons=parts.trons,
        links=parts.links,
        text=text,
        warnings=tuple(warnings),
    )


def with_text(document: Document, text: str) -> Document:
    """The same document with other text (some of it redacted): every part is read anew, identity and day are kept."""
    parts = _take_apart(document.id, text)
    return replace(
        document,
        title=parts.header.title,
        header=replace(parts.header, date_utc=document.header.date_utc),
        sections=parts.sections,
        trons=parts.trons,
        links=parts.links,
        text=text,
    )


def document_id(root: Path, path: Path) -> DocumentId:
    """The path below the root in POSIX form, however both are written. Bytes that are no UTF-8 become escapes."""
    try:
        real = path.parent.resolve() / path.name
        relative = real.relative_to(root.resolve())
    except (OSError, RuntimeError, ValueError):  # no such place below the root, a loop of links, a NUL in the path
        relative = Path(path.name)
    return DocumentId(os.fsencode(relative.as_posix()).decode("utf-8", "backslashreplace"))


@dataclass(frozen=True, slots=True)
class _Parts:
    header: Header
    sections: tuple[Section, ...]
    trons: tuple[Tron, ...]
    links: tuple[Link, ...]
    warnings: tuple[str, ...]


def _read_steady(path: Path, max_bytes: int) -> tuple[bytes, datetime] | RejectionReason:
    """The bytes of a regular file that did not change meanwhile. Never waits on a pipe, never follows a link."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as stream:
        before = os.fstat(stream.fileno())
        if not stat.S_ISREG(before.st_mode):
            return RejectionReason.UNREADABLE
        if before.st_size > max_bytes:
            return RejectionReason.TOO_LARGE
        data = stream.read(max_bytes + 1)
    after = path.stat()
    if (before.st_mtime_ns, before.st_size, before.st_ino) != (after.st_mtime_ns, after.st_size, after.st_ino):
        return RejectionReason.CHANGED_WHILE_READ
    if len(data) != after.st_size:
        return RejectionReason.CHANGED_WHILE_READ
    return data, datetime.fromtimestamp(after.st_mtime, tz=UTC)


def _decode(data: bytes) -> tuple[str | RejectionReason, str]:
    """Text in LF form without a BOM and a warning (or none), or a reason and its detail."""
    if data.startswith(_UTF16_OR_32):
        return RejectionReason.NOT_UTF8, "it begins with the mark of UTF-16 or UTF-32"
    if b"\x00" in data:
        return RejectionReason.BINARY, "it holds NUL bytes"
    body = data.removeprefix(b"\xef\xbb\xbf")
    text = body.decode("utf-8", "replace")
    replaced = text.count("�") - body.count("�".encode())
    if replaced > max(3, UNDECODABLE_SHARE * len(body)):
        return RejectionReason.NOT_UTF8, f"{replaced} of {len(body)} bytes are no UTF-8"
    text = text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
    clean = _CONTROLS.sub("", text)
    removed = len(text) - len(clean)
    if removed > max(8, _CONTROL_SHARE * len(text)):
        return RejectionReason.BINARY, f"{removed} of {len(text)} characters are control characters"
    if not clean.strip():
        return RejectionReason.EMPTY, "it holds no text"
    repairs = [f"{replaced} bytes that are no UTF-8 were replaced"] if replaced else []
    repairs += [f"{removed} control characters were removed"] if removed else []
    return clean, "; ".join(repairs)


def _take_apart(name: DocumentId, text: str) -> _Parts:
    source = outline(text)
    front, first_line, complaint = front_matter(source.lines)
    found = _headings(source, first_line)
    title, title_index = title_of(found)
    sections = build_sections(source, found, title_index, first_line)
    header = _header(name, title, front, _lines_above(source, found, title_index, first_line), sections)
    links = find_links(source, _kinds_by_line(source, found, sections))
    complaints = ([complaint] if complaint else []) + _complaints(source, sections)
    return _Parts(header, sections, find_trons(source, found, sections), links, tuple(complaints))


def _header(
    name: DocumentId, title: str, front: Mapping[str, str], top: Sequence[str], sections: Sequence[Section]
) -> Header:
    """Fields of the front matter, else of the lines above the first section, else of Meta; the objective also of Plan.

    A maturity badge may also stand at the end of the document.
    """
    meta = [line for section in sections[1:] if section.kind is SectionKind.META for line in section.text.split("\n")]
    fields = {**collect_fields(meta), **collect_fields(top), **front}
    if "objective" not in fields:
        plan = next((section.text for section in sections if section.kind is SectionKind.PLAN), "")
        fields["objective"] = collect_fields(plan.split("\n")).get("objective", "")
    named = read_name(Path(name).name)
    ending = sections[-1].text.split("\n") if sections else []
    return build_header(
        title or fields.get("title", "") or named.slug.replace("-", " ").strip(),
        fields,
        cmm=badge_of([*top, *meta, *ending]),
        agent=named.agent,
    )


def _headings(source: Outline, first_line: int) -> tuple[Heading, ...]:
    """Headings below the front matter. Bold lines count too where no heading names Plan, Do, Check or Act."""
    found = tuple(heading for heading in headings(source) if heading.line >= first_line)
    if any(heading.kind in _PDCA for heading in found):
        return found
    return tuple(heading for heading in headings(source, bold=True) if heading.line >= first_line)


def _lines_above(source: Outline, found: Sequence[Heading], title: int, first_line: int) -> Sequence[str]:
    """The lines above the first section: up to the first heading that is not the title."""
    stop = next((heading.line for index, heading in enumerate(found) if index != title), len(source.lines))
    return source.lines[first_line:stop]


def _kinds_by_line(source: Outline, found: Sequence[Heading], sections: Sequence[Section]) -> list[SectionKind]:
    """The section kind of each line; META above the first heading."""
    kinds = [SectionKind.META] * len(source.lines)
    of_headings = sections[len(sections) - len(found) :]
    for index, heading in enumerate(found):
        stop = found[index + 1].line if index + 1 < len(found) else len(source.lines)
        kinds[heading.line : stop] = [of_headings[index].kind] * (stop - heading.line)
    return kinds


def _complaints(source: Outline, sections: Sequence[Section]) -> list[str]:
    present = [section.kind for section in sections if section.kind in _PDCA]
    complaints = [f"no section {kind.name.capitalize()}" for kind in _PDCA if kind not in present]
    first_of_each = list(dict.fromkeys(present))
    if first_of_each != [kind for kind in _PDCA if kind in present]:
        complaints.append("Plan, Do, Check and Act are not in this order")
    if source.unclosed:
        complaints.append(f"the fence opened in line {source.unclosed[0] + 1} is not closed")
    return complaints


def _dated(name: DocumentId, header: Header, modified_utc: datetime) -> tuple[date, str]:
    named = read_name(Path(name).name).at_utc
    if named is not None:
        return named.date(), "file name"
    folder = folder_day(name)
    if folder is not None:
        return folder, "folder"
    if header.date_utc is not None:
        return header.date_utc.date(), "header"
    return modified_utc.astimezone(UTC).date(), "file time"
