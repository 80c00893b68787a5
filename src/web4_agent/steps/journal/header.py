"""The fields above a document's first section (`**👤 Agent Name:** X → Y`, `- **Objective:** …`) and front matter.

Called by the parser. Knows field names and date forms, not sections. Never raises on any text.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import yaml

from web4_agent.domain.documents import Header

_FIELDS: Mapping[str, str] = {
    "date": "date_utc",
    "created": "date_utc",
    "timestamp": "date_utc",
    "objective": "objective",
    "agent": "agent",
    "agent name": "agent",
    "author": "agent",
    "role": "role",
    "agent role": "role",
    "branch": "branch",
    "sprint": "sprint",
    "task": "task",
    "tasks": "task",
    "issue": "issues",
    "issues": "issues",
    "session": "session",
    "project journal session": "session",
    "cmm": "cmm",
    "cmm level": "cmm",
    "cmm badge": "cmm",
    "cmm compliance": "cmm",
    "maturity": "cmm",
    "maturity level": "cmm",
    "template version": "template_version",
    "previous commit": "previous_commit",
    "ecosystem": "ecosystem",
    "tool ecosystem": "ecosystem",
    "ok to retrieve": "ok_to_retrieve",
    "ok to train": "ok_to_train",
}
_BACK = frozenset({"previous", "previous pdca", "prev", "prev pdca", "follows", "predecessor"})
_AHEAD = frozenset({"next", "next pdca", "precedes", "successor"})
_KEY_CAP, _VALUE_CAP = 60, 2_000
_FRONT_MATTER_LINES, _FRONT_MATTER_CAP = 200, 16_000
_BRACKETS_CAP = 100
_NO = frozenset({"no", "false", "0", "off", "never"})
_CMM = re.compile(r"(?<![A-Za-z])CMMI?[\s_:-]{0,3}(?:level[\s_:-]{0,3})?([1-5])(?!\d)", re.IGNORECASE)
_LEVEL = re.compile(r"(?<![\d.])([1-5])(?![\d.])")
_DATE = re.compile(
    r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)"
    r"(?:[ \tT,_-]{1,3}(?:UTC[ \t:-]{0,2})?(\d{1,2}):?(\d{2})(?!\d)"
    r"(?::\d{2}(?:\.\d{1,6})?)?[ \t]?(?:(Z|UTC)|([+-])(\d{2}):?(\d{2}))?)?",
    re.IGNORECASE,
)
_DAY_FIRST = re.compile(r"(?<!\d)(\d{1,2})\.(\d{1,2})\.(\d{4})(?!\d)")


def field_of(line: str) -> tuple[str, str] | None:
    """A line's field name in lower case and its value, or None: `- **📎 Previous Commit:** x` is previous commit, x."""
    colon = line.find(":", 0, _KEY_CAP)
    if colon < 1:
        return None
    words = "".join(character if character.isalnum() else " " for character in line[:colon]).lower().split()
    while words and words[0].isdigit():
        words.pop(0)
    return (" ".join(words), line[colon + 1 : colon + 1 + _VALUE_CAP].strip(" \t*_")) if words else None


def collect_fields(lines: Sequence[str]) -> dict[str, str]:
    """Known fields by their name in Header. The first of a name wins; one without a value takes the line below."""
    fields: dict[str, str] = {}
    for number, line in enumerate(lines):
        found = field_of(line)
        if found is None or (name := _FIELDS.get(found[0])) is None or name in fields:
            continue
        value = found[1] or _continued(lines, number)
        if value:
            fields[name] = value
    return fields


def neighbour_of(line: str) -> str:
    """`back` for a field that names the document before this one, `ahead` for the one after it, empty for others."""
    found = field_of(line)
    key = found[0] if found else ""
    return "back" if key in _BACK else "ahead" if key in _AHEAD else ""


def front_matter(lines: Sequence[str]) -> tuple[dict[str, str], int, str]:
    """YAML between two `---` lines at the very top: its scalar fields, the number of lines it takes, and a warning.

    Read as plain strings, so that no value is built and no date refused; nested values are left out.
    """
    if not lines or lines[0].rstrip() != "---":
        return {}, 0, ""
    size = 0
    for number in range(1, min(len(lines), _FRONT_MATTER_LINES)):
        if lines[number].rstrip() in {"---", "..."}:
            return _yaml_fields("\n".join(lines[1:number]), number + 1)
        size += len(lines[number])
        if size > _FRONT_MATTER_CAP:
            return {}, 0, "front matter is too long and was not read"
    return {}, 0, ""


def build_header(title: str, fields: Mapping[str, str], *, cmm: str, agent: str) -> Header:
    """The header of these fields. `cmm` (a badge) and `agent` (of the file name) fill in where no field says so."""
    return Header(
        title=title,
        date_utc=read_moment(fields.get("date_utc", "")),
        objective=fields.get("objective", ""),
        agent=fields.get("agent", "") or agent,
        role=fields.get("role", ""),
        branch=fields.get("branch", ""),
        sprint=fields.get("sprint", ""),
        task=fields.get("task", ""),
        issues=fields.get("issues", ""),
        session=fields.get("session", ""),
        cmm=_cmm_level(fields.get("cmm", "")) or cmm,
        template_version=fields.get("template_version", ""),
        previous_commit=fields.get("previous_commit", ""),
        ecosystem=fields.get("ecosystem", "").lower(),
        ok_to_retrieve=_yes(fields.get("ok_to_retrieve", "")),
        ok_to_train=_yes(fields.get("ok_to_train", "")),
    )


def badge_of(lines: Iterable[str]) -> str:
    """The maturity level of a badge (`![CMM3](…/badge/CMM-3-green)`) among these lines, as `CMM3`; else empty."""
    for line in lines:
        if "![" in line or "badge" in line.lower():
            match = _CMM.search(line[:_VALUE_CAP].replace("%20", " "))
            if match:
                return f"CMM{match[1]}"
    return ""


def read_moment(text: str) -> datetime | None:
    """The first date of a text, in UTC; midnight where it gives no time. Year first, or day.month.year."""
    match = _DATE.search(text)
    try:
        if match is None:
            german = _DAY_FIRST.search(text)
            return datetime(int(german[3]), int(german[2]), int(german[1]), tzinfo=UTC) if german else None
        day = datetime(int(match[1]), int(match[2]), int(match[3]), tzinfo=UTC)
        if match[4] is None or int(match[4]) > 23 or int(match[5]) > 59:
            return day
        moment = day.replace(hour=int(match[4]), minute=int(match[5]))
        if match[7]:
            offset = timedelta(hours=int(match[8]), minutes=int(match[9]))
            moment += -offset if match[7] == "+" else offset
    except (ValueError, OverflowError):
        return None
    return moment


def _continued(lines: Sequence[str], number: int) -> str:
    """The first line below a field that has no value of its own, if it is neither blank nor a field or heading."""
    below = lines[number + 1].strip(" \t*_-+>")[:_VALUE_CAP] if number + 1 < len(lines) else ""
    return "" if below.startswith("#") or field_of(lines[number + 1] if below else "") else below


def _yaml_fields(text: str, lines: int) -> tuple[dict[str, str], int, str]:
    try:
        if text.count("[") + text.count("{") > _BRACKETS_CAP:  # nesting costs the reader its square
            return {}, lines, "front matter is nested too deep and was not read"
        loaded = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - builds strings only: less than the safe loader
    except (yaml.YAMLError, RecursionError, ValueError):
        return {}, lines, "front matter is no valid YAML and was not read"
    if not isinstance(loaded, dict):
        return {}, lines, "front matter has no fields and was not read" if loaded else ""
    keyed = ((_FIELDS.get(str(key).replace("_", " ").lower()), value) for key, value in loaded.items())
    known = {name: value[:_VALUE_CAP] for name, value in keyed if name and isinstance(value, str) and value}
    if isinstance(loaded.get("title"), str):
        known["title"] = loaded["title"][:_VALUE_CAP]
    return known, lines, ""


def _cmm_level(value: str) -> str:
    match = _CMM.search(value) or _LEVEL.search(value)
    return f"CMM{match[1]}" if match else value[:40]


def _yes(value: str) -> bool:
    """Allowed unless the field says no."""
    words = value.lower().split()
    return not (words and words[0].strip(".,;") in _NO)
