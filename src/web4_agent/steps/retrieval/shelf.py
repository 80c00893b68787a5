"""What can be looked up, resident: which documents there are, what filters ask of them, and their chunks' vectors.

Made by the library whenever a collection changed and never altered afterwards, so that threads read it without a lock.
Holds no texts. Knows no database and no vector store.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from web4_agent.domain.ids import ChunkId, DocumentId
from web4_agent.records.passages import ChunkKey, Shown
from web4_agent.steps.retrieval.dense import Kept, Rows, Vectors
from web4_agent.steps.retrieval.filters import Filters

WRITTEN = ("agent", "role", "sprint")
"""Fields of a header that match anywhere in them."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Documents in order of their ids; `first[place]` to `first[place + 1]` are the rows of a document's chunks.

    `values[name]` are the different values of a field and `codes[name][place]` says which one a document has. `day` is
    a date's ordinal, 0 for none.
    """

    documents: tuple[Shown, ...]
    collections: tuple[str, ...]
    place: Mapping[DocumentId, int]
    chunks: tuple[ChunkId, ...]
    row: Mapping[ChunkId, int]
    owner: NDArray[np.int32]
    first: NDArray[np.int64]
    kinds: NDArray[np.int16]
    kind_names: tuple[str, ...]
    day: NDArray[np.int32]
    ok: Kept
    codes: Mapping[str, NDArray[np.int32]]
    values: Mapping[str, tuple[str, ...]]
    vectors: Vectors
    files: Mapping[str, int] = field(default_factory=dict)
    """Name of a file without its endings, in lower case -> place."""

    def rows_of(self, places: Iterable[int]) -> Rows:
        spans = [np.arange(self.first[place], self.first[place + 1]) for place in places]
        return np.concatenate(spans) if spans else np.zeros(0, dtype=np.intp)

    def kept(self, filters: Filters, collections: Sequence[str]) -> Kept:
        """One truth a document: retrievable, in one of the collections and as the filters ask."""
        kept = self.ok & self._one_of("collection", self.matching("collection", collections))
        if filters.start is not None:
            kept &= self.day >= filters.start.toordinal()
        if filters.end is not None:
            kept &= (self.day > 0) & (self.day <= filters.end.toordinal())
        if filters.ecosystem:
            kept &= self._one_of("ecosystem", self.matching("ecosystem", [filters.ecosystem]))
        for name in WRITTEN:
            if wanted := getattr(filters, name):
                kept &= self._one_of(name, self.containing(name, wanted))
        return kept

    def kept_rows(self, documents: Kept, kinds: Kept | None = None) -> Kept | None:
        """The rows of these documents, of these kinds of section where not all are asked for; None for every row."""
        if documents.all() and kinds is None:
            return None
        rows = documents[self.owner]
        if kinds is not None:
            rows &= kinds[self.kinds]
        return rows

    def kept_kinds(self, kind: str, left_out: Sequence[str]) -> Kept | None:
        """One truth a kind of section: the one named, else all that are not left out; None for every kind."""
        if kind:
            return np.array([name == kind for name in self.kind_names], dtype=np.bool_)
        if not left_out:
            return None
        return np.array([name not in left_out for name in self.kind_names], dtype=np.bool_)

    def matching(self, name: str, wanted: Sequence[str]) -> list[int]:
        return [code for code, value in enumerate(self.values[name]) if value in wanted]

    def containing(self, name: str, wanted: str) -> list[int]:
        return [code for code, value in enumerate(self.values[name]) if wanted.casefold() in value.casefold()]

    def _one_of(self, name: str, wanted: Sequence[int]) -> Kept:
        """By a table of the few codes: six times as fast as looking for each document's."""
        table = np.zeros(len(self.values[name]) + 1, dtype=np.bool_)
        table[list(wanted)] = True
        found: Kept = table[self.codes[name]]
        return found


def make_shelf(
    shown: Mapping[DocumentId, Shown],
    collection_of: Mapping[DocumentId, str],
    keys: Sequence[ChunkKey],
    unit: NDArray[np.float32],
) -> Shelf:
    """`keys` in order of document and position, all of documents in `shown`; `unit[i]` is the vector of `keys[i]`."""
    names = list(dict.fromkeys(key.document for key in keys))
    documents = tuple(shown[name] for name in names)
    place = {name: at for at, name in enumerate(names)}
    owner = np.fromiter((place[key.document] for key in keys), dtype=np.int32, count=len(keys))
    kind_names = tuple(dict.fromkeys(str(key.kind) for key in keys))
    kind_code = {name: code for code, name in enumerate(kind_names)}
    fields = {name: [str(getattr(one, name)) for one in documents] for name in (*WRITTEN, "ecosystem")}
    fields["collection"] = [collection_of[name] for name in names]
    coded = {name: _coded(values) for name, values in fields.items()}
    chunks = tuple(key.id for key in keys)
    return Shelf(
        documents,
        tuple(fields["collection"]),
        place,
        chunks,
        {chunk: at for at, chunk in enumerate(chunks)},
        owner,
        np.searchsorted(owner, np.arange(len(names) + 1)),
        np.fromiter((kind_code[str(key.kind)] for key in keys), dtype=np.int16, count=len(keys)),
        kind_names,
        np.array([one.day.toordinal() if one.day else 0 for one in documents], dtype=np.int32),
        np.array([one.ok_to_retrieve for one in documents], dtype=np.bool_),
        {name: codes for name, (codes, _) in coded.items()},
        {name: values for name, (_, values) in coded.items()},
        Vectors.of(unit),
        {stem(name): at for at, name in enumerate(names)},
    )


def stem(document: str) -> str:
    """A file's name without folders and endings, in lower case: what links and people name a document by."""
    name = document.rsplit("/", 1)[-1].lower()
    for ending in (".md", ".pdca", "-pdca"):
        name = name.removesuffix(ending)
    return name


def _coded(values: Sequence[str]) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    names = tuple(dict.fromkeys(values))
    code = {name: at for at, name in enumerate(names)}
    return np.array([code[value] for value in values], dtype=np.int32), names
