"""Reads one file to look up, or says why it is none: strict UTF-8 text of a regular file of bounded size.

Called by the referencing flow. Knows nothing of what the text means.
"""

import hashlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from web4_agent.domain.documents import RejectionReason
from web4_agent.domain.ids import ContentHash

_CONTROLS = re.compile("[\x01-\x08\x0b\x0e-\x1f\x7f]")
_CONTROL_SHARE = 0.01
_TITLE = re.compile(r"^(?:#[ \t]+(.+?)[ \t#]*|(.+)\n={3,}[ \t]*)$", re.MULTILINE)
_TITLE_CHARS = 160


@dataclass(frozen=True, slots=True)
class ReadFile:
    """`content_hash` is that of the bytes; `text` has LF ends and no BOM; `title` is the first heading, else empty."""

    content_hash: ContentHash
    text: str
    title: str


def read_file(path: Path, max_bytes: int) -> ReadFile | tuple[RejectionReason, str]:
    """The file's text, or (reason, detail). Never raises for what a file is, never waits on a pipe or a device."""
    try:
        data = _bytes(path, max_bytes)
    except OSError as refusal:
        return RejectionReason.UNREADABLE, refusal.strerror or type(refusal).__name__
    if isinstance(data, tuple):
        return data
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return RejectionReason.NOT_UTF8, "it begins with the mark of UTF-16 or UTF-32"
    if b"\x00" in data:
        return RejectionReason.BINARY, "it holds NUL bytes"
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        return RejectionReason.NOT_UTF8, f"byte {wrong.start} is no UTF-8"
    if len(_CONTROLS.findall(text)) > _CONTROL_SHARE * len(text):
        return RejectionReason.BINARY, "it holds control characters"
    if not text.strip():
        return RejectionReason.EMPTY, "it holds no text"
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return ReadFile(ContentHash(hashlib.sha256(data).hexdigest()), text, _title(path, text))


def _bytes(path: Path, max_bytes: int) -> bytes | tuple[RejectionReason, str]:
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as stream:
        before = os.fstat(stream.fileno())
        if not stat.S_ISREG(before.st_mode):
            return RejectionReason.UNREADABLE, "no regular file"
        if before.st_size > max_bytes:
            return RejectionReason.TOO_LARGE, f"{before.st_size:,} bytes, more than {max_bytes:,}"
        data = stream.read(max_bytes + 1)
        after = os.fstat(stream.fileno())
    if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size) or len(data) != after.st_size:
        return RejectionReason.CHANGED_WHILE_READ, "it is read again with the next run"
    return data


def _title(path: Path, text: str) -> str:
    if path.suffix.lower() not in {".md", ".markdown", ".txt", ".rst", ".adoc"}:
        return ""
    found = _TITLE.search(text[:4000])
    return (found[1] or found[2] or "").strip()[:_TITLE_CHARS] if found else ""
