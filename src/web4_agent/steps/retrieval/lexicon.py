"""The words of what is on the shelf: one index of sections and one of whole documents, kept in step with it.

Called by the stock (to follow a new shelf) and by the ranking. A word may stand in one section and its neighbour in the
next: the whole document is found by both, the section by what stands nearest.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from web4_agent.backends.lexical.base import Within, WordEntry, WordIndex
from web4_agent.domain.documents import Chunk
from web4_agent.domain.ids import ChunkId, DocumentId
from web4_agent.steps.retrieval.filters import Filters
from web4_agent.steps.retrieval.shelf import WRITTEN, Shelf

Name = TypeVar("Name", bound=str)
ReadChunks = Callable[[Sequence[DocumentId]], Sequence[Chunk]]
DOCUMENTS_AT_ONCE = 500
"""Documents whose texts are in memory together while they are put in."""


class Lexicon:
    def __init__(self, make_index: Callable[[], WordIndex]) -> None:
        self._sections, self._wholes = make_index(), make_index()
        self._chunk_numbers = _Numbers[ChunkId]()
        self._document_numbers = _Numbers[DocumentId]()

    def follow(self, old: Shelf | None, new: Shelf, read: ReadChunks) -> int:
        """Put in what is new or changed since `old`, take out what is gone; returns how many documents were put in.

        Not for two threads at once; searches may run beside it and see what was there before.
        """
        before = _descriptions(old) if old else {}
        after = _descriptions(new)
        gone = [name for name, description in before.items() if after.get(name) != description]
        fresh = [name for name, description in after.items() if before.get(name) != description]
        chunks_gone = [chunk for name in gone for chunk in before[name].chunks]
        self._change(self._document_numbers.release(gone), self._chunk_numbers.release(chunks_gone), (), new)
        for start in range(0, len(fresh), DOCUMENTS_AT_ONCE):
            self._change([], [], read(fresh[start : start + DOCUMENTS_AT_ONCE]), new)
        return len(fresh)

    def sections(self, question: str, count: int, within: Within) -> list[tuple[ChunkId, float]]:
        return self._chunk_numbers.named(self._sections.search(question, count, within))

    def wholes(self, question: str, count: int, within: Within) -> list[tuple[DocumentId, float]]:
        return self._document_numbers.named(self._wholes.search(question, count, within))

    def close(self) -> None:
        self._sections.close()
        self._wholes.close()

    def _change(
        self, documents_gone: Sequence[int], chunks_gone: Sequence[int], chunks: Sequence[Chunk], shelf: Shelf
    ) -> None:
        kept = [chunk for chunk in chunks if chunk.id in shelf.row]
        sections, bodies = list[WordEntry](), dict[DocumentId, list[str]]()
        for chunk in kept:
            place = shelf.place[chunk.document]
            labels = (*_labels(shelf, place), label("kind", str(chunk.kind)))
            sections.append(WordEntry(self._chunk_numbers.number(chunk.id), chunk.text, labels, int(shelf.day[place])))
            title = shelf.documents[place].title
            bodies.setdefault(chunk.document, [title]).append(chunk.text.removeprefix(title))
        wholes = [
            WordEntry(
                self._document_numbers.number(name),
                "\n".join(texts),
                _labels(shelf, shelf.place[name]),
                int(shelf.day[shelf.place[name]]),
            )
            for name, texts in bodies.items()
        ]
        if chunks_gone or sections:
            self._sections.change(chunks_gone, sections)
        if documents_gone or wholes:
            self._wholes.change(documents_gone, wholes)


def within(shelf: Shelf, filters: Filters, collections: Sequence[str], *, sections: bool) -> Within:
    """What a filter asks, in the labels of the indexes. Whole documents know no kind of section."""
    groups = []
    if not set(shelf.values["collection"]) <= set(collections):
        groups.append(tuple(label("collection", name) for name in collections))
    if filters.ecosystem:
        groups.append((label("ecosystem", filters.ecosystem),))
    for name in WRITTEN:
        if wanted := getattr(filters, name):
            values = (shelf.values[name][code] for code in shelf.containing(name, wanted))
            groups.append(tuple(label(name, value) for value in values))
    if sections and filters.kind:
        groups.append((label("kind", filters.kind),))
    first = filters.start.toordinal() if filters.start else None
    return Within(tuple(groups), first, filters.end.toordinal() if filters.end else None)


def label(name: str, value: str) -> str:
    """One short word for a field and its value: an index cuts long ones."""
    return f"{name}={hashlib.blake2b(value.encode('utf-8', 'backslashreplace'), digest_size=8).hexdigest()}"


@dataclass(frozen=True, slots=True)
class _Description:
    """What an index holds of a document; equal ones need no change."""

    collection: str
    shown: object
    chunks: tuple[ChunkId, ...]


def _descriptions(shelf: Shelf) -> Mapping[DocumentId, _Description]:
    """Of those that may be retrieved: the others are in no index."""
    return {
        one.id: _Description(shelf.collections[place], one, shelf.chunks[shelf.first[place] : shelf.first[place + 1]])
        for place, one in enumerate(shelf.documents)
        if one.ok_to_retrieve
    }


def _labels(shelf: Shelf, place: int) -> tuple[str, ...]:
    one = shelf.documents[place]
    named = [("collection", shelf.collections[place]), ("ecosystem", one.ecosystem)]
    named += [(name, getattr(one, name)) for name in WRITTEN]
    return tuple(label(name, value) for name, value in named if value)


class _Numbers(Generic[Name]):
    """A number for each name, never given twice, so that a late answer of an index names nothing wrong."""

    def __init__(self) -> None:
        self._number_of: dict[Name, int] = {}
        self._name_of: dict[int, Name] = {}
        self._next = 0

    def number(self, name: Name) -> int:
        number, self._next = self._next, self._next + 1
        self._number_of[name] = number
        self._name_of[number] = name
        return number

    def release(self, names: Iterable[Name]) -> list[int]:
        numbers = [self._number_of.pop(name) for name in names if name in self._number_of]
        for number in numbers:
            del self._name_of[number]
        return numbers

    def named(self, found: Iterable[tuple[int, float]]) -> list[tuple[Name, float]]:
        """What an index found, by name; what has been taken out meanwhile is left out."""
        known = [(self._name_of.get(number), score) for number, score in found]
        return [(name, score) for name, score in known if name is not None]
