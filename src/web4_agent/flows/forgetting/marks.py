"""What a document is known by: its paths and names, the hashes of its contents, and passages that only it has.

Written to one file while a forgetting runs, since the ledger knows them no longer after its first transaction; passages
are kept as hashes of 13 words. Knows no table.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from web4_agent.domain.ids import ContentHash, DocumentId
from web4_agent.records.documents import DocumentRow
from web4_agent.steps.samples.clean import GRAM_WORDS, title_of, words
from web4_agent.storage.atomic import publish_text
from web4_agent.storage.payload import from_json, to_json

FILE = "marks.json"
TELLING_TITLE_WORDS = 3
TELLING_TITLE_CHARS = 15
"""A shorter title ("Boot order") is a phrase that others use, too."""


@dataclass(frozen=True)
class Marks:
    """`passages` are hashes of runs of 13 words that no other document has. `since_utc`: nothing is older."""

    documents: tuple[DocumentId, ...]
    hashes: tuple[ContentHash, ...]
    titles: tuple[str, ...]
    passages: tuple[str, ...]
    since_utc: datetime

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Paths, file names, and file names without their suffix, the longest first."""
        found = {str(document) for document in self.documents}
        found |= {Path(document).name for document in self.documents}
        found |= {Path(document).name.removesuffix(".md").removesuffix(".pdca") for document in self.documents}
        return tuple(sorted(found, key=lambda name: (-len(name), name)))

    @cached_property
    def known_by(self) -> tuple[str, ...]:
        """Strings that stand for the document and for nothing else."""
        return (*self.names, *self.titles, *self.hashes)

    @cached_property
    def _passages(self) -> frozenset[str]:
        return frozenset(self.passages)

    def found_in(self, text: str) -> bool:
        """Whether a text names the document or repeats 13 of its words that no other document has in a row."""
        if any(mark in text for mark in self.known_by):
            return True
        return bool(self.passages) and not self._passages.isdisjoint(passages_of(text))


def mark(rows: Sequence[DocumentRow], documents: Sequence[DocumentId], others: Iterable[str], now: datetime) -> Marks:
    """`rows` are all versions of the `documents`, `others` the texts of all other documents."""
    own: set[str] = set()
    for row in rows:
        own |= passages_of(row.text)
    for text in others:
        if not own:
            break
        own -= passages_of(text)
    titles = {title_of(row.title) for row in rows} | {row.title for row in rows}
    telling = [one for one in titles if len(one) >= TELLING_TITLE_CHARS and len(words(one)) >= TELLING_TITLE_WORDS]
    return Marks(
        tuple(sorted(documents)),
        tuple(sorted({row.content_hash for row in rows})),
        tuple(sorted(telling)),
        tuple(sorted(own)),
        min((row.indexed_utc for row in rows), default=now),
    )


def passages_of(text: str) -> set[str]:
    """Hashes of all runs of 13 words; they hold between processes, unlike those of `clean.grams`."""
    run = words(text)
    return {_hash(" ".join(run[at : at + GRAM_WORDS])) for at in range(len(run) - GRAM_WORDS + 1)}


def keep(marks: Marks, folder: Path) -> Path:
    publish_text(to_json(marks), folder / FILE)
    (folder / FILE).chmod(0o600)
    return folder / FILE


def read(file: Path) -> Marks:
    return from_json(Marks, file.read_text(encoding="utf-8"))


def _hash(passage: str) -> str:
    return hashlib.blake2b(passage.encode(), digest_size=8).hexdigest()
