"""What a journal file's name says: whether it is a PDCA at all, its day and time, its agent and its topic.

Called by discover, parse and links. Knows no file system: a name is text.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import PurePosixPath

_SUFFIX = re.compile(r"[.-]pdca\.md$", re.IGNORECASE)
_DASHED = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:-UTC)?(?:-(\d{4})(?!\d))?(?:[-.](.*))?$", re.IGNORECASE | re.DOTALL)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})-(\d{4})(?:-([^.]*)(?:\.(.*))?)?$", re.DOTALL)
_FOLDER_DAY = re.compile(r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)")


@dataclass(frozen=True, slots=True)
class DocumentName:
    """`at_utc` is midnight where the name gives a day and no time; None where it gives no day. Absent text is empty."""

    at_utc: datetime | None
    agent: str
    slug: str


def is_document_name(name: str) -> bool:
    """Whether a file of this name is a PDCA: `….pdca.md` or `…-pdca.md`, dated or not."""
    match = _SUFFIX.search(name)
    return match is not None and match.start() > 0


def read_name(name: str) -> DocumentName:
    """Read `2025-09-22-UTC-1910-topic.pdca.md`, `20250922-1910-Agent.Topic.pdca.md` or an undated name."""
    stem = _SUFFIX.sub("", name)
    if dashed := _DASHED.match(stem):
        at_utc = _moment(dashed[1], dashed[2], dashed[3], dashed[4])
        return DocumentName(at_utc, "", dashed[5] or "")
    if compact := _COMPACT.match(stem):
        at_utc = _moment(compact[1], compact[2], compact[3], compact[4])
        agent, topic = compact[5] or "", compact[6] or ""
        return DocumentName(at_utc, agent if topic else "", topic or agent)
    return DocumentName(None, "", stem)


def folder_day(path: str) -> date | None:
    """The day in the nearest folder that has one: `sprint/2025-09-05-UTC-1300-session/x.pdca.md` is 2025-09-05."""
    for folder in reversed(PurePosixPath(path).parts[:-1]):
        if match := _FOLDER_DAY.search(folder):
            moment = _moment(match[1], match[2], match[3], None)
            if moment is not None:
                return moment.date()
    return None


def _moment(year: str, month: str, day: str, clock: str | None) -> datetime | None:
    """None for a day that no calendar has; an impossible time of day counts as midnight."""
    try:
        midnight = datetime(int(year), int(month), int(day), tzinfo=UTC)
    except ValueError:
        return None
    hour, minute = (int(clock[:2]), int(clock[2:])) if clock else (0, 0)
    return midnight.replace(hour=hour, minute=minute) if hour < 24 and minute < 60 else midnight
