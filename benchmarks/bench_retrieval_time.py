"""How long a look-up takes among 100,000 sections: everything included, from the question's words to the passages.

    python benchmarks/bench_retrieval_time.py [--chunks 100000] [--questions 100] [--threads 2]

The library is the gateway's own, over a SQLite ledger and a store of vectors; every question is new, so that none is
served from the cache of question vectors. Vectors lie around those of real texts; texts are drawn by Zipf's law.
The whole takes about three minutes on two cores, most of it to make the ledger, which is kept in the temporary folder.
"""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# isort: split
from cached_vectors import cached_minilm, exported_minilm
from shelved import AT, HISTORY, QUALITY
from web4_agent.backends.embedders.base import Embedder
from web4_agent.backends.embedders.minilm_export import TOKENIZER_FILE
from web4_agent.backends.lexical.tantivy_words import TantivyWords
from web4_agent.backends.vectors.base import VectorEntry
from web4_agent.backends.vectors.memory import MemoryStore
from web4_agent.domain.documents import Chunk, DocumentState, Header, SectionKind
from web4_agent.domain.ids import AdapterVersion, ChunkId, ContentHash, DocumentId
from web4_agent.domain.queries import Route, RouteDecision, Tier
from web4_agent.records import chunks, collections, documents, references
from web4_agent.steps.retrieval.filters import EVERYTHING, Filters
from web4_agent.steps.retrieval.library import TOOL_EXAMPLES, Found, Library, LibraryParts, LibraryPolicy
from web4_agent.storage.database import Database, sqlite_url
from web4_agent.storage.migrations import migrate

CHUNKS_A_DOCUMENT = 25
TOOLS = 300
WORDS = 60_000
DIMENSION = 384
SEEDS = (
    "the build failed because the script looked in the wrong folder",
    "the session was restored from the last commit and the branch was merged",
    "requirements of the component were traced to its tests",
    "the container starts the server and waits for its port",
    "links in a document name the file in the repository and on the web",
    "the agent learned to ask before it changes what works",
)
HISTORY_ASKED = RouteDecision(Route.HISTORY, "benchmark", (Tier.SEMANTIC,))


def main() -> None:
    parser = argparse.ArgumentParser(description="Time of a look-up")
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    embedder = cached_minilm(arguments.threads).plain
    folder = Path(tempfile.gettempdir()) / "web4-agent-bench" / f"time-of-words-{arguments.chunks}"
    database, store, texts = _opened(folder, arguments.chunks, embedder)
    library = Library(LibraryParts(database, lambda: store, lambda: embedder, TantivyWords, LibraryPolicy()))
    started, spent = time.perf_counter(), time.process_time()
    library.refresh()
    print(
        f"{arguments.chunks} sections and {TOOLS} examples: shelved in {time.perf_counter() - started:.1f} s "
        f"({time.process_time() - spent:.1f} s of processor time)\n"
    )
    report(library, embedder, _questions(texts, arguments.questions))


def report(library: Library, embedder: Embedder, questions: Sequence[str]) -> None:
    tenth = Filters(agent="agent 3")
    month = Filters(start=date(2024, 3, 1), end=date(2024, 4, 5))

    def ask(text: str, filters: Filters = EVERYTHING) -> Found:
        return library.look_up(text, HISTORY_ASKED, filters)

    tokens = sum(embedder.token_counts(questions)) / len(questions)
    print(f"{len(questions)} questions of {tokens:.0f} tokens{'':10}{'p50':>8}{'p95':>8}{'processor':>12}  (ms)")
    _timed("embedding of a question", questions, lambda text: embedder.embed([text]))
    _timed("no filter", [f"{text} a" for text in questions], ask)
    _timed("an agent: a tenth", [f"{text} b" for text in questions], lambda text: ask(text, tenth))
    _timed("days: a tenth", [f"{text} c" for text in questions], lambda text: ask(text, month))
    _timed("tool examples", [f"{text} d" for text in questions], lambda text: library.tool_examples(text, "cursor"))
    _hot(library, questions)


def _hot(library: Library, questions: Sequence[str]) -> None:
    """Showing a document from memory, the check that it is still as it was included."""
    found: list[Found] = [library.look_up(f"{text} a", HISTORY_ASKED) for text in questions[:20]]
    names = list(dict.fromkeys(one.document for some in found for one in some.passages))
    _timed("hot document", names * 5, lambda name: library.show(DocumentId(name)))


def _timed(name: str, asked: Sequence[str], call: Callable[[str], object]) -> None:
    call(asked[0])
    taken, spent = [], time.process_time()
    for text in asked:
        started = time.perf_counter()
        call(text)
        taken.append((time.perf_counter() - started) * 1e3)
    processor = (time.process_time() - spent) * 1e3 / len(asked)
    print(f"{name:36}{np.percentile(taken, 50):8.2f}{np.percentile(taken, 95):8.2f}{processor:12.2f}")


def _questions(texts: Sequence[str], count: int) -> list[str]:
    """Five words of a section and a sentence, as people mix what is rare with what is common."""
    rng = np.random.default_rng(7)
    made = []
    for number in range(count):
        words = texts[int(rng.integers(len(texts)))].split()
        picked = " ".join(words[place] for place in rng.integers(len(words), size=5))
        made.append(f"how did we {picked} when {SEEDS[number % len(SEEDS)]}?")
    return made


def _opened(folder: Path, count: int, embedder: Embedder) -> tuple[Database, MemoryStore, list[str]]:
    """The ledger of an earlier run where there is one; vectors and texts are drawn anew, always the same."""
    rng = np.random.default_rng(3)
    texts, vectors = _texts(rng, count + TOOLS), _vectors(rng, count + TOOLS, embedder)
    whole = folder / "whole"
    if not whole.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    database = Database(sqlite_url(folder / "ledger.db"))
    pieces = _chunks(texts, count)
    if not whole.exists():
        migrate(database)
        _write(database, pieces)
        whole.touch()
    store = MemoryStore()
    entries = [VectorEntry(one.id, one.document, "", {}) for one in pieces]
    store.upsert(HISTORY, entries[:count], vectors[:count])
    store.upsert(TOOL_EXAMPLES, entries[count:], vectors[count:])
    return database, store, texts[:count]


def _write(database: Database, pieces: Sequence[Chunk]) -> None:
    by_document: dict[DocumentId, list[Chunk]] = {}
    for piece in pieces:
        by_document.setdefault(piece.document, []).append(piece)
    with database.begin() as connection:
        for number, (name, some) in enumerate(by_document.items()):
            if name.startswith(TOOL_EXAMPLES):
                references.put(connection, _example(name, number))
            else:
                documents.add(connection, _row(name, number))
            chunks.replace(connection, name, ContentHash("0" * 64), some)
        collections.raise_epoch(connection, HISTORY)


def _row(name: DocumentId, number: int) -> documents.DocumentRow:
    header = replace(Header(), agent=f"agent {number % 10}", role="Developer", sprint=f"Sprint {number % 20}")
    same = ContentHash("0" * 64)
    return documents.DocumentRow(
        name, same, same, date(2024, 1, 1) + timedelta(days=number % 365), DocumentState.HISTORICAL, "",
        f"document {number}", header, "", QUALITY, ok_to_train=True, ok_to_retrieve=True, indexed_utc=AT,
        adapter=AdapterVersion("a-bench"),
    )  # fmt: skip


def _example(name: DocumentId, number: int) -> references.Reference:
    ecosystem = ("continue", "cline", "cursor")[number % 3]
    return references.Reference(
        name, TOOL_EXAMPLES, ContentHash("0" * 64), f"example {number}", "", ecosystem, True, "", AT  # noqa: FBT003 - by place, as the table has it
    )  # fmt: skip


def _chunks(texts: Sequence[str], count: int) -> list[Chunk]:
    kinds = (SectionKind.PLAN, SectionKind.DO, SectionKind.CHECK, SectionKind.ACT, SectionKind.SUMMARY)
    made = []
    for at, text in enumerate(texts):
        tool = at >= count
        name = f"{TOOL_EXAMPLES}:pack/{at:06d}" if tool else f"2024/document-{at // CHUNKS_A_DOCUMENT:06d}.pdca.md"
        prefix = f"{TOOL_EXAMPLES}:" if tool else ""
        made.append(Chunk(ChunkId(f"{prefix}{at:040d}"), DocumentId(name), kinds[at % 5], (), text, at))
    return made


def _texts(rng: np.random.Generator, count: int) -> list[str]:
    share = 1 / np.arange(1, WORDS + 1) ** 1.05
    lengths = rng.integers(40, 220, count)
    drawn = rng.choice(WORDS, size=int(lengths.sum()), p=share / share.sum())
    words = _spelled()
    ends = np.cumsum(lengths)
    return [
        " ".join(words[word] for word in drawn[end - length : end]) for end, length in zip(ends, lengths, strict=True)
    ]


def _spelled() -> list[str]:
    """The embedder's own whole words, then pairs of them: a question of them has as many tokens as people's have."""
    vocabulary = json.loads((exported_minilm() / TOKENIZER_FILE).read_text(encoding="utf-8"))["model"]["vocab"]
    whole = [word for word in vocabulary if word.isascii() and word.isalpha() and len(word) > 2]
    pairs = (first + second for first, second in zip(whole * 3, (*whole[1:], *whole[7:], *whole[11:]), strict=False))
    return list(dict.fromkeys([*whole, *pairs]))[:WORDS]


def _vectors(rng: np.random.Generator, count: int, embedder: Embedder) -> NDArray[np.float32]:
    """Around real ones: those of an earlier run of bench_retrieval where there are some, else of a few sentences."""
    known = cached_minilm().known
    real = known if len(known) >= 1_000 else embedder.embed(SEEDS)
    noise = rng.standard_normal((count, DIMENSION), dtype=np.float32) * np.float32(0.6 / np.sqrt(DIMENSION))
    vectors = real[rng.integers(len(real), size=count)] + noise
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


if __name__ == "__main__":
    main()
