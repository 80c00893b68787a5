"""One query of the day: how it was routed, what was read for it, what came of it, and what people thought of it."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NewType

from web4_agent.domain.ids import AdapterVersion, ChunkId, DocumentId

ResponseId = NewType("ResponseId", str)
"""`w4-`, eleven hexadecimal digits of the time in milliseconds, ten random ones: sorted by time and unguessable."""


class Route(StrEnum):
    """What a query is answered with besides the trained model."""

    TRAINED = "trained"
    TOOLS = "tools"
    HISTORY = "history"
    BUFFER = "buffer"
    BOTH = "both"
    """Tool examples and history."""


class Tier(StrEnum):
    """A way of looking into the journal."""

    SEMANTIC = "semantic"
    GRAPH = "graph"
    TIMELINE = "timeline"


class Status(StrEnum):
    """How a query ended. `cancelled`: the client left before the answer was whole."""

    OK = "ok"
    ERROR = "error"
    CANCELLED = "cancelled"


class Flaw(StrEnum):
    """What is wrong with an answer as far as the model may be the cause; of several the first in this order.

    `error`: the engine failed or fell silent while it answered. What the model can't cause (a full queue, a client that
    left, an engine that died, a request that was refused) is none.
    """

    NONE = ""
    UNKNOWN = "unknown"
    """Nobody looked: the answer was passed on unread, or logged before flaws were."""
    ERROR = "error"
    EMPTY = "empty"
    LOOPING = "looping"
    FORMAT = "format"


class Thumb(StrEnum):
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class RouteDecision:
    """`tiers` says where to look, the main one first; empty when nothing is to be looked up.

    `start` and `end` are the first and the last day asked about; `agent` a name found in the question; `anchor` the
    words that name a document ("what came after X"); `follows` the earlier question, where this one only follows it
    up: what is looked up is asked in the words of both. `reason` is one short line in ASCII, fit for a response header.
    """

    route: Route
    reason: str
    tiers: tuple[Tier, ...] = ()
    start: date | None = None
    end: date | None = None
    agent: str = ""
    anchor: str = ""
    follows: str = ""

    @property
    def tools(self) -> bool:
        return self.route in {Route.TOOLS, Route.BOTH}

    @property
    def retrieves(self) -> bool:
        return self.route in {Route.HISTORY, Route.BUFFER, Route.BOTH}


@dataclass(frozen=True, slots=True)
class SourceUse:
    """A passage that was put before the model, under which number, and how it scored."""

    number: int
    document: DocumentId
    chunk: ChunkId
    collection: str
    similarity: float
    score: float


@dataclass(frozen=True, slots=True)
class Interaction:
    """One row of the query log. Times in milliseconds; `retrieval_ms` and `first_token_ms` 0 where there was none.

    `client` is the name of an API key, else what the program calls itself. `query` and `answer` are kept as long as
    the settings say and are empty afterwards, or where the settings keep no text.
    """

    response: ResponseId
    at_utc: datetime
    endpoint: str
    client: str
    route: Route
    reason: str
    adapter: AdapterVersion
    status: Status
    latency_ms: float
    retrieval_ms: float = 0.0
    first_token_ms: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    hot_hits: int = 0
    hot_misses: int = 0
    sources: tuple[SourceUse, ...] = ()
    collections: tuple[str, ...] = ()
    ecosystem: str = ""
    stream: bool = False
    error: str = ""
    query: str = ""
    answer: str = ""
    flaw: Flaw = Flaw.UNKNOWN


@dataclass(frozen=True, slots=True)
class Feedback:
    """One person's word on one response; a later one replaces it."""

    response: ResponseId
    client: str
    at_utc: datetime
    thumb: Thumb
    comment: str = ""


@dataclass(frozen=True, slots=True)
class RatedAnswer:
    """A thumb on an answer that passages were shown for, with the question as it was asked."""

    question: str
    thumb: Thumb
    sources: tuple[SourceUse, ...]
