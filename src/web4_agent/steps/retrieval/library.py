"""The day's retrieval: what the journal says about a question, by meaning and words, by links and by time.

Called by the gateway from several threads at once, one instance for the process. Knows no wire format and no prompt.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from web4_agent.backends.embedders.base import Embedder
from web4_agent.backends.lexical.base import WordIndex
from web4_agent.backends.vectors.base import VectorStore
from web4_agent.domain.documents import SectionKind
from web4_agent.domain.ids import ContentHash, DocumentId
from web4_agent.domain.queries import Route, RouteDecision, Tier
from web4_agent.domain.retrieval import RetrievalPolicy
from web4_agent.records import passages, timeline
from web4_agent.steps.retrieval.filters import EVERYTHING, Filters
from web4_agent.steps.retrieval.fuse import fuse
from web4_agent.steps.retrieval.graph import anchored, neighbours
from web4_agent.steps.retrieval.hot import HotDocument, HotDocuments
from web4_agent.steps.retrieval.in_force import PolicyInForce
from web4_agent.steps.retrieval.ranking import Question, Ranked, by_meaning_and_words, passage
from web4_agent.steps.retrieval.search import Retrieved
from web4_agent.steps.retrieval.shelf import Shelf
from web4_agent.steps.retrieval.stock import BUFFER, HISTORY, LOOK_EVERY_S, Stock
from web4_agent.storage.database import Database

TOOL_EXAMPLES = "tool_examples"
ASIDE = (HISTORY, BUFFER, "process_docs", "components")
"""Looked into for a question about history, today's work included."""
QUESTIONS_KEPT = 256
"""Vectors of the last questions: an assistant asks the same again while it works. 400 kB."""


@dataclass(frozen=True, slots=True)
class LibraryPolicy:
    """`search`: how history is chosen where no version of the policy is in force; `tool_results`: examples for tools;
    `context_tokens`: what the prompt may spend on them, for those who write it; `hot_documents`: how many stay in
    memory whole.

    `tool_similarity`: an example is wanted for its form, so that a weak likeness is enough.
    """

    search: RetrievalPolicy = field(default_factory=RetrievalPolicy)
    tool_results: int = 3
    context_tokens: int = 1200
    hot_documents: int = 100
    tool_similarity: float = 0.0
    look_every_s: float = LOOK_EVERY_S


@dataclass(frozen=True, slots=True)
class Found:
    """`passages` best first, one a document; `collections` those looked into; `tiers` those that gave a passage."""

    passages: tuple[Retrieved, ...] = ()
    collections: tuple[str, ...] = ()
    hot_hits: int = 0
    hot_misses: int = 0
    tiers: tuple[Tier, ...] = ()


@dataclass(frozen=True, slots=True)
class LibraryParts:
    """`open_store` is called for every change and closed again; `make_index` four times, once for
    sections and once for documents of the journal and of the tool examples."""

    database: Database
    open_store: Callable[[], VectorStore]
    embedder: Callable[[], Embedder]
    make_index: Callable[[], WordIndex]
    policy: LibraryPolicy = field(default_factory=LibraryPolicy)


class Library:
    """Holds shelf, words and hot documents in memory, made at the first look-up (seconds for 100,000 chunks)."""

    def __init__(self, parts: LibraryParts) -> None:
        self._parts = parts
        self._policy = parts.policy
        self._stock = _stock(parts, lambda collection: collection != TOOL_EXAMPLES)
        self._examples = _stock(parts, lambda collection: collection == TOOL_EXAMPLES)
        self._in_force = PolicyInForce(parts.database, parts.policy.search, parts.policy.look_every_s)
        self.hot = HotDocuments(parts.policy.hot_documents)
        self._vectors = _Vectors(parts.embedder)

    def look_up(self, question: str, decision: RouteDecision, filters: Filters = EVERYTHING) -> Found:
        """What the decision's tiers find, fused, its main one first. Raises VectorStoreError, DatabaseError."""
        collections = filters.collections or ((BUFFER,) if decision.route is Route.BUFFER else ASIDE)
        if not question.strip():
            return Found(collections=collections)
        policy = self._in_force.now()
        asked = Question(question, self._vectors.of(question), filters, collections, policy.left_out)
        shelf = self._stock.shelf()
        tiers = decision.tiers or (Tier.SEMANTIC,)
        by_tier = {tier: self._tier(tier, shelf, asked, decision, policy) for tier in tiers}
        if not any(by_tier.values()) and Tier.SEMANTIC not in by_tier:
            by_tier[Tier.SEMANTIC] = self._tier(Tier.SEMANTIC, shelf, asked, decision, policy)
        return self._shown(shelf, asked, by_tier, policy.results)

    def tool_examples(self, question: str, ecosystem: str) -> Found:
        """The examples of this ecosystem that are nearest to the question, best first."""
        if not question.strip():
            return Found(collections=(TOOL_EXAMPLES,))
        filters = Filters(ecosystem=ecosystem)
        asked = Question(question, self._vectors.of(question), filters, (TOOL_EXAMPLES,))
        shelf = self._examples.shelf()
        policy = RetrievalPolicy(similarity=self._policy.tool_similarity)
        ranked = by_meaning_and_words(shelf, self._examples.lexicon, asked, 2 * self._policy.tool_results, policy)
        return self._shown(shelf, asked, {Tier.SEMANTIC: ranked}, self._policy.tool_results)

    def show(self, document: DocumentId) -> str:
        """A document's whole text in the order of its sections, from memory where it is hot; empty where there is none
        that may be shown. It is held against the ledger first: under a millisecond when hot."""
        with self._parts.database.read() as connection:
            content_hash = passages.hashes_of(connection, [document]).get(document)
            if content_hash is None:
                return ""
            hot, _ = self.hot.get(document, content_hash, lambda: _read_hot(connection, document, content_hash))
        return "\n\n".join(hot.texts.values())

    def refresh(self) -> bool:
        """Bring in now what changed; whether anything had. Look-ups do so by themselves."""
        stock, examples = self._stock.refresh(), self._examples.refresh()
        return stock or examples

    def drop_stale(self) -> int:
        """Forget hot documents that the ledger no longer shows, or shows otherwise; returns how many. One short query:
        whoever runs for long calls it now and then, so that a text does not stay until others displace it."""
        versions = self.hot.versions()
        if not versions:
            return 0
        with self._parts.database.read() as connection:
            present = passages.hashes_of(connection, list(versions))
        stale = [document for document, content_hash in versions.items() if present.get(document) != content_hash]
        for document in stale:
            self.hot.drop(document)
        return len(stale)

    def close(self) -> None:
        self._stock.close()
        self._examples.close()

    def _tier(
        self, tier: Tier, shelf: Shelf, asked: Question, decision: RouteDecision, policy: RetrievalPolicy
    ) -> list[Ranked]:
        if tier is Tier.GRAPH:
            return self._graph(shelf, asked, decision, policy)
        if tier is Tier.TIMELINE:
            return self._timeline(shelf, asked, decision, policy)
        return by_meaning_and_words(shelf, self._stock.lexicon, asked, 2 * policy.results, policy)

    def _graph(self, shelf: Shelf, asked: Question, decision: RouteDecision, policy: RetrievalPolicy) -> list[Ranked]:
        """The neighbours of the document that is named, nearest first, and that document after them."""
        place = anchored(shelf, self._stock.lexicon, decision.anchor, asked) if decision.anchor else None
        if place is None:
            return []
        anchor = shelf.documents[place].id
        with self._parts.database.read() as connection:
            names = neighbours(connection, anchor, asked.text, policy.results)
        kept = shelf.kept(asked.filters, asked.collections)
        places = [shelf.place[name] for name in (*names, anchor) if name in shelf.place]
        return _by_rank(shelf, asked, [place for place in places if kept[place]][: 2 * policy.results], policy)

    def _timeline(
        self, shelf: Shelf, asked: Question, decision: RouteDecision, policy: RetrievalPolicy
    ) -> list[Ranked]:
        """Those of the days and the author asked about, the ones that speak of the question first. A document is of a
        day by its header or by its file's name."""
        if decision.start is None and decision.end is None and not decision.agent:
            return self._sprint(shelf, asked, decision.anchor, policy) if decision.anchor else []
        start = datetime.combine(decision.start, time(), UTC) if decision.start else None
        end = datetime.combine(decision.end, time(), UTC) + timedelta(days=1) if decision.end else None
        with self._parts.database.read() as connection:
            told = timeline.find(connection, start, end, decision.agent)
            authored = timeline.find(connection, agent=decision.agent) if decision.agent else None
        among = shelf.kept(replace(asked.filters, start=decision.start, end=decision.end), asked.collections)
        if authored is not None:
            among &= _mask(shelf, authored)
        among |= _mask(shelf, told)
        return self._among(shelf, asked, among, policy)

    def _sprint(self, shelf: Shelf, asked: Question, sprint: str, policy: RetrievalPolicy) -> list[Ranked]:
        kept = shelf.kept(replace(asked.filters, sprint=sprint), asked.collections)
        return self._among(shelf, asked, kept, policy)

    def _among(self, shelf: Shelf, asked: Question, among: NDArray[np.bool_], policy: RetrievalPolicy) -> list[Ranked]:
        """All of them speak of what is asked by their days or their sprint, however little their words do."""
        every = replace(policy, similarity=-1.0, share=0.0)
        return by_meaning_and_words(shelf, self._stock.lexicon, asked, 2 * policy.results, every, among=among)

    def _shown(self, shelf: Shelf, asked: Question, by_tier: dict[Tier, list[Ranked]], count: int) -> Found:
        """The best `count` that the ledger still lets be shown, with their texts."""
        ranked = {one.place: one for found in reversed(by_tier.values()) for one in found}
        scores = fuse([[one.place for one in found] for found in by_tier.values()])
        names = [shelf.documents[place].id for place in scores]
        shown: list[Retrieved] = []
        hits = misses = 0
        with self._parts.database.read() as connection:
            hashes = passages.hashes_of(connection, names) if names else {}
            for place, name in zip(scores, names, strict=True):
                text, hot = self._text(connection, shelf, ranked[place], hashes.get(name))
                hits, misses = hits + (hot is True), misses + (hot is False)
                if text is not None:
                    shown.append(_retrieved(shelf, ranked[place], scores[place], text))
                if len(shown) == count:
                    break
        places = {shelf.place[one.document] for one in shown}
        tiers = tuple(tier for tier, found in by_tier.items() if places & {one.place for one in found})
        return Found(tuple(shown), asked.collections, hits, misses, tiers)

    def _text(
        self, connection: Connection, shelf: Shelf, one: Ranked, content_hash: ContentHash | None
    ) -> tuple[str | None, bool | None]:
        """The passage's text and whether its document was hot; none of either where it changed since it was shelved."""
        document = shelf.documents[one.place]
        if content_hash != document.content_hash or content_hash is None:
            return None, None
        hot, was_hot = self.hot.get(
            document.id, content_hash, lambda: _read_hot(connection, document.id, document.content_hash)
        )
        return hot.texts.get(shelf.chunks[one.row]), was_hot


def _by_rank(shelf: Shelf, asked: Question, places: Sequence[int], policy: RetrievalPolicy) -> list[Ranked]:
    """In the order given; a document that says nothing near the question shows its summary."""
    found = []
    for at, place in enumerate(places, start=1):
        one = passage(shelf, asked, place)
        if one is not None and one.similarity < policy.similarity and not asked.filters.kind:
            one = passage(shelf, asked, place, _summary(shelf, place))
        if one is not None:
            found.append(replace(one, score=1.0 / at))
    return found


def _stock(parts: LibraryParts, holds: Callable[[str], bool]) -> Stock:
    """Examples have a stock of their own: a few hundred are found in a third of the time that all texts take."""
    return Stock(
        parts.database,
        parts.open_store,
        parts.make_index,
        lambda: parts.embedder().dimension,
        parts.policy.look_every_s,
        holds,
    )


class _Vectors:
    """The vectors of the last questions."""

    def __init__(self, embedder: Callable[[], Embedder]) -> None:
        self._embedder = embedder
        self._known: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, question: str) -> NDArray[np.float32]:
        with self._lock:
            if (known := self._known.get(question)) is not None:
                self._known.move_to_end(question)
                return known
        vector: NDArray[np.float32] = self._embedder().embed([question])[0]
        with self._lock:
            self._known[question] = vector
            for oldest in list(islice(self._known, max(0, len(self._known) - QUESTIONS_KEPT))):
                del self._known[oldest]
        return vector


def _read_hot(connection: Connection, document: DocumentId, content_hash: ContentHash) -> HotDocument:
    return HotDocument(content_hash, passages.texts_of(connection, document))


def _retrieved(shelf: Shelf, one: Ranked, score: float, text: str) -> Retrieved:
    document = shelf.documents[one.place]
    metadata: dict[str, str | int | float | bool] = {
        "title": document.title,
        "kind": shelf.kind_names[shelf.kinds[one.row]],
        "agent": document.agent,
        "role": document.role,
        "sprint": document.sprint,
        "ecosystem": document.ecosystem,
    }
    if document.day is not None:
        metadata["date"] = document.day.isoformat()
    return Retrieved(
        document.id,
        shelf.chunks[one.row],
        shelf.collections[one.place],
        text,
        one.similarity,
        score,
        {key: value for key, value in metadata.items() if value},
    )


def _mask(shelf: Shelf, names: Sequence[DocumentId]) -> NDArray[np.bool_]:
    mask = np.zeros(len(shelf.documents), dtype=np.bool_)
    mask[[shelf.place[name] for name in names if name in shelf.place]] = True
    return mask


def _summary(shelf: Shelf, place: int) -> int | None:
    if SectionKind.SUMMARY not in shelf.kind_names:
        return None
    summary = shelf.kind_names.index(SectionKind.SUMMARY)
    rows = shelf.rows_of([place])
    summaries = rows[shelf.kinds[rows] == summary]
    return int(summaries[0]) if len(summaries) else None
