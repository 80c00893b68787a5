"""One request on its way: what is known of it so far, as headers for its client and as a row for the log.

Called by the relay. Knows neither engine nor wire.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from secrets import token_hex
from time import monotonic, time

from web4_agent.domain.context import NOTHING, Prepared
from web4_agent.domain.ids import BASE, AdapterVersion
from web4_agent.domain.queries import Flaw, Interaction, ResponseId, RouteDecision, Status
from web4_agent.gateway.wire.errors import Refused
from web4_agent.gateway.wire.openai import Body
from web4_agent.gateway.wire.stream import Label, Tally
from web4_agent.steps.prompt import source_lines
from web4_agent.steps.watch.flaws import flaw_of

MAX_QUESTION_CHARS = 20_000
"""Of a question no more is kept for the log; the model gets all of it."""
_SOURCE_HEADER_CHARS = 400
_FEWEST_TOKENS = 8
"""A client that wants fewer tries whether somebody answers."""
_BLAMED = {"engine_error", "engine_timeout"}
"""Refusals that the model may be the cause of; an engine that died or was busy is not its doing."""


def new_response_id() -> ResponseId:
    return ResponseId(f"w4-{int(time() * 1000):011x}{token_hex(5)}")


@dataclass(slots=True)
class Exchange:
    """`version` is the adapter of the engine that was asked; `first_token_ms` 0 until something was said,
    `asked_ms` 0 until the engine was asked.

    `wants_json`: the request asked for an answer that is JSON. `path` is the client's, `traceparent` its header of that
    name, for who traces across both.
    """

    endpoint: str
    client: str
    question: str
    decision: RouteDecision
    stream: bool = False
    wants_json: bool = False
    path: str = ""
    traceparent: str = ""
    response: ResponseId = field(default_factory=new_response_id)
    at_utc: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: float = field(default_factory=monotonic)
    prepared: Prepared = NOTHING
    version: AdapterVersion = BASE
    tally: Tally = field(default_factory=Tally)
    asked_ms: float = 0.0
    first_token_ms: float = 0.0
    status: Status = Status.OK
    error: str = ""
    error_code: str = ""
    blamed: bool = False

    @property
    def headers(self) -> dict[str, str]:
        found = {
            "x-web4-response-id": self.response,
            "x-web4-route": str(self.decision.route),
            "x-web4-reason": _ascii(self.reason),
            "x-web4-adapter": self.version,
        }
        if self.prepared.sources:
            found["x-web4-sources"] = _ascii(", ".join(one.document for one in self.prepared.sources))
        return found

    @property
    def reason(self) -> str:
        return (
            f"{self.decision.reason}; missed: {self.prepared.missed}" if self.prepared.missed else self.decision.reason
        )

    @property
    def elapsed_ms(self) -> float:
        return (monotonic() - self.started) * 1000

    def label(self, model: str, *, shows_sources: bool) -> Label:
        web4: Body = {
            "response_id": self.response,
            "route": str(self.decision.route),
            "reason": self.reason,
            "adapter": self.version,
            "sources": [
                {"number": one.number, "document": one.document, "title": one.title, "similarity": one.similarity}
                for one in self.prepared.sources
            ],
        }
        names = [(one.number, one.document) for one in self.prepared.sources] if shows_sources else []
        return Label(self.response, model, web4, source_lines(names))

    def note(self, event: Body) -> None:
        """One event of the engine's stream, or its whole answer."""
        self.tally.note(event)
        if self.tally.started and not self.first_token_ms:
            self.first_token_ms = self.elapsed_ms

    def fail(self, refused: Refused) -> None:
        """The client is told `refused` in place of an answer, or of the rest of one."""
        self.status, self.error, self.blamed = Status.ERROR, refused.message, refused.code in _BLAMED
        self.error_code = refused.code or str(refused.status)

    @property
    def flaw(self) -> Flaw:
        """An answer that was not seen to end, was passed on unread, or was to have a few tokens only is not judged."""
        if self.status is Status.ERROR:
            return Flaw.ERROR if self.blamed else Flaw.NONE
        tally = self.tally
        cut_at_once = tally.finish == "length" and tally.tokens_out < _FEWEST_TOKENS
        if self.status is not Status.OK or not tally.finish or cut_at_once:
            return Flaw.UNKNOWN
        return flaw_of(tally.answer, tally.finish, called=tally.called, wants_json=self.wants_json)

    def interaction(self) -> Interaction:
        prepared, tally = self.prepared, self.tally
        return Interaction(
            response=self.response,
            at_utc=self.at_utc,
            endpoint=self.endpoint,
            client=self.client,
            route=self.decision.route,
            reason=self.reason,
            adapter=self.version,
            status=self.status,
            latency_ms=self.elapsed_ms,
            retrieval_ms=prepared.retrieval_ms,
            first_token_ms=self.first_token_ms,
            tokens_in=tally.tokens_in,
            tokens_out=tally.tokens_out,
            hot_hits=prepared.hot_hits,
            hot_misses=prepared.hot_misses,
            sources=prepared.uses,
            collections=prepared.collections,
            ecosystem=prepared.ecosystem,
            stream=self.stream,
            error=self.error,
            query=self.question[:MAX_QUESTION_CHARS],
            answer=tally.answer,
            flaw=self.flaw,
        )


def _ascii(text: str) -> str:
    """Fit for a header: one line, ASCII, not longer than a proxy takes."""
    return " ".join(text.encode("ascii", "replace").decode().split())[:_SOURCE_HEADER_CHARS]
