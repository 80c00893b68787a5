"""The day, as far as one question goes: route it, put before it what the gateway would, ask, name adapter and sources.

Called by the commands `ask` and `demo`. Starts an engine of its own for the one answer and writes no row of the log.
"""

from collections.abc import Callable
from dataclasses import dataclass

from web4_agent.backends.engines.base import EngineLauncher
from web4_agent.domain.context import Prepared
from web4_agent.domain.errors import UsageError
from web4_agent.domain.home import Home
from web4_agent.domain.ids import AdapterVersion, DocumentId
from web4_agent.domain.queries import RouteDecision
from web4_agent.domain.speech import Completion, Message
from web4_agent.records import adapters, documents
from web4_agent.steps.promote import served
from web4_agent.steps.retrieval.filters import EVERYTHING, Filters
from web4_agent.steps.route import Wish
from web4_agent.storage.database import Database

ANSWER_TOKENS = 160
MAX_QUESTION_CHARS = 8_000


@dataclass(frozen=True, slots=True)
class DayParts:
    """`route` and `prepare` are the gateway's own, so that both put the same sources before a question. `offer_tools`
    is called before tool examples are looked up: they are there after it."""

    database: Database
    home: Home
    artefact: str
    launcher: EngineLauncher
    route: Callable[[str, Wish], RouteDecision]
    prepare: Callable[[str, RouteDecision, Filters], Prepared]
    offer_tools: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Source:
    """A document whose text was put before the question. `trained_into` is the adapter that was taught it, else
    empty."""

    number: int
    document: DocumentId
    title: str
    similarity: float
    trained_into: str


@dataclass(frozen=True, slots=True)
class Answer:
    """`missed` says what could not be looked up, else empty."""

    completion: Completion
    adapter: AdapterVersion
    engine: str
    decision: RouteDecision
    sources: tuple[Source, ...]
    missed: str = ""


def ask(
    parts: DayParts,
    question: str,
    *,
    wish: Wish = Wish.AUTO,
    filters: Filters = EVERYTHING,
    version: AdapterVersion | None = None,
) -> Answer:
    """Answer one question from production, or from `version`.

    Raises UsageError on an empty or overlong question or an unknown version, EngineError, ModelError, IntegrityError.
    """
    if not question.strip():
        raise UsageError("the question is empty", 'web4-agent ask "What was decided about …?"')
    if len(question) > MAX_QUESTION_CHARS:
        raise UsageError(f"the question has more than {MAX_QUESTION_CHARS:,} characters", "ask a shorter one")
    with parts.database.read() as connection:
        adapter = adapters.asked_for(connection, version)
    decision = parts.route(question, wish)
    if decision.tools:
        parts.offer_tools()
    prepared = parts.prepare(question, decision, filters)
    engine = parts.launcher.start(served(adapter, parts.home, parts.artefact))
    try:
        completion = engine.generate([Message("user", prepared.before(question))], max_tokens=ANSWER_TOKENS)
    finally:
        engine.close()
    return Answer(
        completion, adapter.version, parts.launcher.name, decision, _sources(parts, prepared), prepared.missed
    )


def _sources(parts: DayParts, prepared: Prepared) -> tuple[Source, ...]:
    with parts.database.read() as connection:
        rows = {one.document: documents.present(connection, one.document) for one in prepared.sources}
    return tuple(
        Source(one.number, one.document, one.title, one.similarity, str(row.adapter or "") if row else "")
        for one in prepared.sources
        for row in (rows[one.document],)
    )
