"""The day, as far as one question goes: find what was written about it, ask production, name adapter and sources.

Training first: the model answers from what it was taught; retrieved text goes into the prompt only when asked for, and
is named as the nearest written sources otherwise.
"""

from collections.abc import Callable
from dataclasses import dataclass

from web4_agent.backends.embedders.base import Embedder
from web4_agent.backends.engines.base import EngineLauncher
from web4_agent.backends.vectors.base import VectorStore
from web4_agent.domain.errors import ModelError, UsageError
from web4_agent.domain.home import Home
from web4_agent.domain.ids import AdapterVersion, ChunkId, DocumentId
from web4_agent.domain.speech import Completion, Message
from web4_agent.records import adapters, chunks, documents
from web4_agent.steps.projection import BUFFER, HISTORY
from web4_agent.steps.promote import served
from web4_agent.steps.retrieval import Retrieved, context_block, search
from web4_agent.storage.database import Database

SOURCES = 3
CONTEXT_TOKENS = 1200
ANSWER_TOKENS = 160
MAX_QUESTION_CHARS = 8_000


@dataclass(frozen=True, slots=True)
class DayParts:
    database: Database
    home: Home
    artefact: str
    launcher: EngineLauncher
    embedder: Callable[[], Embedder]
    open_store: Callable[[], VectorStore]


@dataclass(frozen=True, slots=True)
class Source:
    """`trained_into` is the adapter that was taught the document, else empty; `in_prompt`: its text was shown."""

    number: int
    document: DocumentId
    title: str
    similarity: float
    trained_into: str
    in_prompt: bool


@dataclass(frozen=True, slots=True)
class Answer:
    completion: Completion
    adapter: AdapterVersion
    engine: str
    sources: tuple[Source, ...]


def ask(parts: DayParts, question: str, *, retrieve: bool = False, version: AdapterVersion | None = None) -> Answer:
    """Answer one question from production, or from `version`.

    Raises UsageError on an empty or overlong question or an unknown version, EngineError, ModelError, IntegrityError.
    """
    if not question.strip():
        raise UsageError("the question is empty", 'web4-agent ask "What was decided about …?"')
    if len(question) > MAX_QUESTION_CHARS:
        raise UsageError(f"the question has more than {MAX_QUESTION_CHARS:,} characters", "ask a shorter one")
    found = _search(parts, question)
    messages, shown = _messages(parts, question, found, retrieve=retrieve)
    with parts.database.begin() as connection:
        wanted = version or adapters.read_pointer(connection).production
        adapter = adapters.get(connection, wanted)
        rows = {one.document: documents.present(connection, one.document) for one in found}
    if adapter is None and version is not None:
        raise UsageError(f"no adapter is called {version}", "web4-agent adapters")
    if adapter is None:
        raise ModelError(f"the ledger does not know the adapter {wanted}", "web4-agent doctor")
    engine = parts.launcher.start(served(adapter, parts.home, parts.artefact))
    try:
        completion = engine.generate(messages, max_tokens=ANSWER_TOKENS)
    finally:
        engine.close()
    sources = tuple(
        Source(number, one.document, row.title, one.similarity, str(row.adapter or ""), one.document in shown)
        for number, one in enumerate(found, start=1)
        if (row := rows[one.document]) is not None
    )
    return Answer(completion, adapter.version, parts.launcher.name, sources)


def _search(parts: DayParts, question: str) -> list[Retrieved]:
    def lexical(text: str, count: int) -> list[tuple[ChunkId, float]]:
        with parts.database.begin() as connection:
            return chunks.lexical(connection, text, count)

    store = parts.open_store()
    try:
        return search(question, parts.embedder(), store, (HISTORY, BUFFER), lexical, count=SOURCES)
    finally:
        store.close()


def _messages(
    parts: DayParts, question: str, found: list[Retrieved], *, retrieve: bool
) -> tuple[list[Message], frozenset[DocumentId]]:
    if not retrieve or not found:
        return [Message("user", question)], frozenset()
    block, sources = context_block(found, parts.embedder().token_counts, CONTEXT_TOKENS)
    return (
        [Message("user", f"{block}\n\n{question}")],
        frozenset(source.document for source in sources),
    )
