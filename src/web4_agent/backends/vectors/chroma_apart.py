"""A new Chroma store, written by a process that never saw anything but what goes into it.

Chroma's graph files are dumps of memory that was not cleared first: what a process handled before may lie in the gaps,
a text that is being forgotten among it. So entries are collected here, and on `close` a fresh process writes them.
Chosen by bootstrap for forgetting; `python -m` of this file is that process.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from web4_agent.backends.vectors.base import VectorEntry
from web4_agent.backends.vectors.chroma import ChromaStore
from web4_agent.backends.vectors.memory import MemoryStore
from web4_agent.domain.errors import VectorStoreError
from web4_agent.domain.ids import ChunkId, DocumentId

BATCH = 1000


class ChromaApart(MemoryStore):
    """A memory store until it is closed; then a Chroma store at `place`. Close it once."""

    def __init__(self, place: Path) -> None:
        super().__init__()
        self._place = place

    def close(self) -> None:
        """Raises VectorStoreError with the last words of the process that could not write."""
        spool = self._place.with_name(f"{self._place.name}-spool")
        shutil.rmtree(spool, ignore_errors=True)
        spool.mkdir(parents=True)
        try:
            self._spool(spool)
            done = subprocess.run(
                [sys.executable, "-m", __name__, str(self._place), str(spool)],
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            shutil.rmtree(spool, ignore_errors=True)
        if done.returncode:
            raise VectorStoreError(f"{self._place} was not written: {done.stderr[-300:]}", "web4-agent doctor --fix")
        super().close()

    def _spool(self, spool: Path) -> None:
        for name, flat in self._collections.items():
            rows = [[entry.id, entry.document, entry.text, dict(entry.metadata)] for entry in flat.entries]
            (spool / f"{name}.json").write_text(json.dumps(rows), encoding="utf-8")
            np.save(spool / f"{name}.npy", flat.unit)


def write(place: Path, spool: Path) -> None:
    """Put what was spooled into a store at `place`."""
    store = ChromaStore(place)
    for file in sorted(spool.glob("*.json")):
        rows = json.loads(file.read_text(encoding="utf-8"))
        entries = [VectorEntry(ChunkId(row[0]), DocumentId(row[1]), row[2], row[3]) for row in rows]
        vectors = np.load(file.with_suffix(".npy"))
        for start in range(0, len(entries), BATCH):
            store.upsert(file.stem, entries[start : start + BATCH], vectors[start : start + BATCH])
    store.close()


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
