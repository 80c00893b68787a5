"""How many documents are indexed in a second, in batches against chunk by chunk.

    python benchmarks/bench_indexing.py [--journal FOLDER] [--seconds 60] [--threads 2]

Both ways embed and store the same chunks of the same documents in the same run, group by group in turn, so that a busy
machine slows both. Parsing and chunking are timed apart: they are the same for both. Takes `--seconds`, and up to one
group longer.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from web4_agent.backends.embedders.base import Embedder
from web4_agent.backends.embedders.minilm_export import export_minilm, packaged_minilm
from web4_agent.backends.embedders.minilm_onnx import MiniLmOnnx
from web4_agent.backends.vectors.base import VectorEntry, VectorStore
from web4_agent.backends.vectors.chroma import ChromaStore
from web4_agent.domain.documents import Chunk, Document
from web4_agent.steps.journal.chunk import chunk_document
from web4_agent.steps.journal.discover import find_documents
from web4_agent.steps.journal.parse import parse_document

ROOT = Path(__file__).parents[1]
JOURNALS = (ROOT.parent / "shared" / "journal", ROOT / "src" / "web4_agent" / "data" / "demo_journal")
COLLECTION = "pdca_historical"
GROUP_CHUNKS = 64
QUESTION = "How was the start of the container repaired, and who decided it?"


@dataclass
class Clock:
    """Seconds by what they were spent on."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description="Documents indexed per second, batched against one by one")
    parser.add_argument(
        "--journal", type=Path, default=next((path for path in JOURNALS if path.is_dir()), JOURNALS[-1])
    )
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        embedder = started(Path(folder) / "embedder", arguments.threads)
        batched, single = ChromaStore(Path(folder) / "batched"), ChromaStore(Path(folder) / "single")
        clock, documents, chunks = measured(arguments.journal, embedder, batched, single, arguments.seconds)
        print(f"\n{documents} documents, {len(chunks)} chunks of {arguments.journal}")
        print(f"{sum(embedder.token_counts([chunk.text for chunk in chunks])) / len(chunks):.0f} tokens a chunk\n")
        report(clock, documents, len(chunks))
        report_questions(embedder, batched)
        batched.close()
        single.close()


def started(folder: Path, threads: int) -> MiniLmOnnx:
    clock = Clock()
    with clock.timed("export"):
        export_minilm(packaged_minilm(), folder)
    with clock.timed("cold start"):
        embedder = MiniLmOnnx(folder, threads)
        embedder.embed([QUESTION])
    print(f"embedder: export {clock.seconds['export']:.2f} s, cold start {clock.seconds['cold start']:.2f} s")
    return embedder


def measured(
    journal: Path, embedder: Embedder, batched: VectorStore, single: VectorStore, seconds: float
) -> tuple[Clock, int, list[Chunk]]:
    clock, documents, chunks = Clock(), 0, list[Chunk]()
    for store in (batched, single):
        store.ids(COLLECTION)  # opening is not part of the comparison
    end = time.perf_counter() + seconds
    for group_documents, group in groups(journal, embedder, clock):
        index_batched(group, embedder, batched, clock)
        index_singly(group, embedder, single, clock)
        documents += group_documents
        chunks += group
        if time.perf_counter() > end:
            break
    return clock, documents, chunks


def groups(journal: Path, embedder: Embedder, clock: Clock) -> Iterator[tuple[int, list[Chunk]]]:
    """Documents in a fixed random order, together until they have `GROUP_CHUNKS` chunks."""
    found = list(find_documents(journal).documents)
    random.Random(1).shuffle(found)
    documents, group = 0, list[Chunk]()
    for one in found:
        modified_utc = datetime.fromtimestamp(one.path.stat().st_mtime, tz=UTC)
        with clock.timed("parse"):
            document = parse_document(one.id, one.path.read_bytes(), modified_utc=modified_utc)
        if not isinstance(document, Document):
            continue
        with clock.timed("chunk"):
            group += chunk_document(document, embedder.token_counts)
        documents += 1
        if len(group) >= GROUP_CHUNKS:
            yield documents, group
            documents, group = 0, []
    if group:
        yield documents, group


def index_batched(group: Sequence[Chunk], embedder: Embedder, store: VectorStore, clock: Clock) -> None:
    with clock.timed("batched embed"):
        vectors = embedder.embed([chunk.text for chunk in group])
    with clock.timed("batched store"):
        store.upsert(COLLECTION, [entry(chunk) for chunk in group], vectors)


def index_singly(group: Sequence[Chunk], embedder: Embedder, store: VectorStore, clock: Clock) -> None:
    for chunk in group:
        with clock.timed("single embed"):
            vectors = embedder.embed([chunk.text])
        with clock.timed("single store"):
            store.upsert(COLLECTION, [entry(chunk)], vectors)


def entry(chunk: Chunk) -> VectorEntry:
    return VectorEntry(chunk.id, chunk.document, chunk.text, {"kind": chunk.kind, "position": chunk.position})


def report(clock: Clock, documents: int, chunks: int) -> None:
    spent = clock.seconds
    read = spent["parse"] + spent["chunk"]
    rates = {}
    print(f"{'':12}{'embed':>12}{'store':>12}{'documents/s':>14}{'with reading':>14}")
    for way in ("batched", "single"):
        embed, store = spent[f"{way} embed"], spent[f"{way} store"]
        rates[way] = documents / (embed + store)
        print(
            f"{way:12}{embed / chunks * 1e3:9.1f} ms{store / chunks * 1e3:9.1f} ms"
            f"{rates[way]:14.2f}{documents / (embed + store + read):14.2f}"
        )
    per = {name: spent[name] / documents * 1e3 for name in ("parse", "chunk")}
    print(f"reading a document: {per['parse']:.1f} ms, chunking it: {per['chunk']:.1f} ms")
    print(f"batched against single: {rates['batched'] / rates['single']:.2f} times the documents per second")


def report_questions(embedder: Embedder, store: VectorStore, rounds: int = 30) -> None:
    embed_ms, query_ms = [], []
    for _ in range(rounds):
        clock = Clock()
        with clock.timed("embed"):
            vector = embedder.embed([QUESTION])[0]
        with clock.timed("query"):
            store.query(COLLECTION, vector, 40)
        embed_ms.append(clock.seconds["embed"] * 1e3)
        query_ms.append(clock.seconds["query"] * 1e3)
    embed, query = statistics.median(embed_ms), statistics.median(query_ms)
    print(f"a question: {embed:.1f} ms to embed, {query:.1f} ms to query (medians)")


if __name__ == "__main__":
    main()
