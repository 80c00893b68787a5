"""The documents shown most lately, whole: what it takes to show one without asking the database for its text.

Called by the library from several threads. An entry holds for one content hash; another one's is never shown.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from web4_agent.domain.ids import ChunkId, ContentHash, DocumentId


@dataclass(frozen=True, slots=True)
class HotDocument:
    """`texts`: every chunk of one version of a document, in order."""

    content_hash: ContentHash
    texts: Mapping[ChunkId, str]


class HotDocuments:
    """Keeps the `size` documents asked for last. Counts what it had and what had to be read, since it was made."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[DocumentId, HotDocument] = OrderedDict()
        self._lock = threading.Lock()
        self.hits = 0
        self.misses = 0

    def get(
        self, document: DocumentId, content_hash: ContentHash, read: Callable[[], HotDocument]
    ) -> tuple[HotDocument, bool]:
        """The document's present version, and whether it was here. `read` runs outside the lock: two threads that miss
        the same document may both read it."""
        with self._lock:
            entry = self._entries.get(document)
            if entry is not None and entry.content_hash == content_hash:
                self._entries.move_to_end(document)
                self.hits += 1
                return entry, True
            self.misses += 1
        entry = read()
        with self._lock:
            self._entries[document] = entry
            self._entries.move_to_end(document)
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)
        return entry, False

    def versions(self) -> dict[DocumentId, ContentHash]:
        """Which documents are here, and in which version."""
        with self._lock:
            return {document: entry.content_hash for document, entry in self._entries.items()}

    def drop(self, document: DocumentId) -> None:
        with self._lock:
            self._entries.pop(document, None)

    def __len__(self) -> int:
        return len(self._entries)
