"""Quarantine: what was set apart, why, and what a person decides on it.

Called by the command line. A decision moves the state, writes the ruling and raises the collection's epoch in one
transaction: readers look again, and the vectors need not move, since what waits and what is buffered lie in one
collection. Equal decisions may be repeated.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection

from web4_agent.domain.documents import DocumentState, RejectionReason, Ruling
from web4_agent.domain.errors import BusyError, UsageError
from web4_agent.domain.ids import ContentHash, DocumentId
from web4_agent.domain.tidings import clean
from web4_agent.records import collections, document_lists, documents, rejections, rulings
from web4_agent.records.documents import DocumentRow
from web4_agent.records.rejections import RejectionRow
from web4_agent.records.rulings import RulingRow
from web4_agent.steps.journal.instructions import find_instructions
from web4_agent.steps.journal.secrets import find_secrets
from web4_agent.steps.projection import BUFFER
from web4_agent.storage.database import Database

LIST = "web4-agent quarantine"
REDACT = "write [redacted] in place of the secret in the journal's file, then: web4-agent index --all"
EXCERPT_CHARS = 160
EXCERPTS = 20


@dataclass(frozen=True, slots=True)
class QuarantineParts:
    database: Database
    now: Callable[[], datetime]
    reached: Callable[[str], None] = lambda point: None


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A line that was flagged, by which rule, with what a reader does not see written out."""

    line: int
    rule: str
    text: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """One document that is set apart. `content_hash` is empty for a file that is not stored, because it holds a secret.
    `ruling` is a person's, where there is one on this text."""

    document: DocumentId
    content_hash: ContentHash
    day: date | None
    since_utc: datetime
    why: str
    excerpts: tuple[Excerpt, ...]
    ruling: Ruling | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """`text` is the whole document, with what a reader does not see written out; `rulings` are all on it in order."""

    waiting: Waiting
    text: str
    rulings: tuple[RulingRow, ...]


@dataclass(frozen=True, slots=True)
class Ruled:
    """`changed` is False where it had been decided so before; then `ruling` is the decision made then."""

    ruling: RulingRow
    changed: bool


def waiting(parts: QuarantineParts, *, everything: bool = False) -> tuple[Waiting, ...]:
    """What waits for a person, oldest day first; with `everything`, what was rejected as well."""
    with parts.database.read() as connection:
        rows = documents.in_state(connection, DocumentState.QUARANTINED)
        secrets = [row for row in rejections.every(connection) if row.reason is RejectionReason.SECRET]
        ruled = rulings.latest(connection)
    found = [*(_waiting(row, ruled.get(row.content_hash)) for row in rows), *map(_unstored, secrets)]
    return tuple(one for one in found if everything or one.ruling is not Ruling.REJECTED)


def waiting_page(parts: QuarantineParts, skip: int, most: int) -> tuple[tuple[Waiting, ...], int]:
    """Some of what waits for a person, oldest day first and files with a secret last, and how many there are in all:
    only the texts of those that are shown are read."""
    with parts.database.read() as connection:
        secrets = [row for row in rejections.every(connection) if row.reason is RejectionReason.SECRET]
        ruled = rulings.latest(connection)
        keys = [
            key
            for key in document_lists.keys(connection, DocumentState.QUARANTINED)
            if key[1] not in ruled or ruled[key[1]].ruling is not Ruling.REJECTED
        ]
        rows = document_lists.read(connection, keys[skip : skip + most])
    stored = [_waiting(row, ruled.get(row.content_hash)) for row in rows]
    first = max(0, skip - len(keys))
    unstored = [_unstored(row) for row in secrets[first : first + most - len(stored)]] if len(stored) < most else []
    return (*stored, *unstored), len(keys) + len(secrets)


def show(parts: QuarantineParts, name: str) -> Shown:
    """Raises UsageError when no such document is set apart."""
    with parts.database.read() as connection:
        row = _find(connection, name)
        if isinstance(row, RejectionRow):
            return Shown(_unstored(row), "", ())
        ruled = [one for one in rulings.every(connection) if one.content_hash == row.content_hash]
        if row.state is not DocumentState.QUARANTINED and not ruled:
            raise UsageError(f"{row.id} is {row.state}, not quarantined", LIST)
    return Shown(_waiting(row, ruled[-1] if ruled else None), visible(row.text), tuple(ruled))


def approve(parts: QuarantineParts, name: str, reason: str) -> Ruled:
    """Into the buffer, to be trained and shown as its header allows.

    Raises UsageError when there is no such document, no reason, nothing to approve, or a secret in its text.
    """
    why = _reason(reason)
    with parts.database.begin() as connection:
        row = _stored(connection, name)
        before = rulings.latest(connection).get(row.content_hash)
        if row.state is not DocumentState.QUARANTINED:
            if before is not None and before.ruling is Ruling.APPROVED:
                return Ruled(before, changed=False)
            raise UsageError(f"{row.id} is {row.state}: there is nothing to approve", LIST)
        if hits := find_secrets(row.text):
            where = ", ".join(f"line {hit.line}" for hit in hits)
            raise UsageError(f"{row.id} holds what looks like a secret ({where}): it can't be approved", REDACT)
        documents.admit(connection, row, f"approved by a person: {why}")
        return _rule(parts, connection, RulingRow(parts.now(), row.id, row.content_hash, Ruling.APPROVED, why))


def reject(parts: QuarantineParts, name: str, reason: str) -> Ruled:
    """Out for good: neither trained nor shown, under this name or another, until somebody approves it.

    Raises UsageError when there is no such document or no reason, or it was trained already; BusyError while a night
    holds it.
    """
    why = _reason(reason)
    with parts.database.begin() as connection:
        row = _stored(connection, name)
        before = rulings.latest(connection).get(row.content_hash)
        if row.state is DocumentState.QUARANTINED and before is not None and before.ruling is Ruling.REJECTED:
            return Ruled(before, changed=False)
        if row.state is DocumentState.CLAIMED:
            raise BusyError(f"{row.id} is in the night {row.run}", "reject it when that has ended: web4-agent status")
        if not documents.shut_out(connection, row, f"rejected by a person: {why}"):
            trained = f"{row.id} was trained into {row.adapter}: rejecting it would not take it out"
            raise UsageError(trained, f"web4-agent forget {row.id}")
        return _rule(parts, connection, RulingRow(parts.now(), row.id, row.content_hash, Ruling.REJECTED, why))


def visible(text: str) -> str:
    """The text with control, format and other unseen characters as `<U+200B>`; line ends and tabs stay."""
    return "".join(letter if _seen(letter) else f"<U+{ord(letter):04X}>" for letter in text)


def _rule(parts: QuarantineParts, connection: Connection, row: RulingRow) -> Ruled:
    rulings.put(connection, row)
    collections.raise_epoch(connection, BUFFER)
    parts.reached("quarantine.ruling.committing")
    return Ruled(row, changed=True)


def _waiting(row: DocumentRow, ruled: RulingRow | None) -> Waiting:
    lines = row.text.split("\n")
    hits = find_instructions(row.text)[:EXCERPTS]
    excerpts = tuple(Excerpt(hit.line, hit.rule, _excerpt(lines[hit.line - 1])) for hit in hits)
    ruling = ruled.ruling if ruled else None
    return Waiting(row.id, row.content_hash, row.day, row.indexed_utc, row.reason, excerpts, ruling)


def _unstored(row: RejectionRow) -> Waiting:
    why = f"holds a secret, so it is not stored: {row.detail}"
    return Waiting(row.id, ContentHash(""), None, row.seen_utc, why, ())


def _stored(connection: Connection, name: str) -> DocumentRow:
    found = _find(connection, name)
    if isinstance(found, RejectionRow):
        raise UsageError(f"{found.id} holds a secret and is not stored ({found.detail})", REDACT)
    return found


def _find(connection: Connection, name: str) -> DocumentRow | RejectionRow:
    """By path or file name. A file that is refused for its secret comes before the version of it that was fine."""
    refused = [
        row
        for row in rejections.every(connection)
        if row.reason is RejectionReason.SECRET and (row.id == name or row.id.endswith(f"/{name}"))
    ]
    ids = sorted({*documents.named_like(connection, name), *(row.id for row in refused)})
    if len(ids) > 1 and name not in ids:
        raise UsageError(f"{name} may be any of: {', '.join(ids[:5])}", "give the path as the list has it")
    wanted = DocumentId(name) if name in ids else ids[0] if ids else None
    secret = next((row for row in refused if row.id == wanted), None)
    found = secret or (documents.present(connection, wanted) if wanted is not None else None)
    if found is None:
        raise UsageError(f"no document is called {name}", LIST)
    return found


def _reason(reason: str) -> str:
    """One clean line; what is put on record is read by others."""
    said = clean(reason)
    if not said:
        raise UsageError("a decision needs a reason", 'add --reason "why"')
    return said


def _excerpt(line: str) -> str:
    shown = visible(line.strip())
    return shown if len(shown) <= EXCERPT_CHARS else f"{shown[: EXCERPT_CHARS - 1]}…"


def _seen(letter: str) -> bool:
    return letter in "\n\t" or unicodedata.category(letter) not in {"Cc", "Cf", "Cn", "Co", "Cs"}
