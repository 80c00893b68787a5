"""What Prometheus is told: requests by endpoint, route and end, their times, tokens, the queue, the engine, the log.

Called by the relay for each row of the log and by `/metrics`. Labels are bounded: names of ours, never of a client's.
"""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from web4_agent.domain.queries import Interaction
from web4_agent.gateway.engine_room import Swap

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 2.5, 5, 10, 30, 60, 120)
_SWAP_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120)
_RETRIEVAL_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3, 1)


class Metrics:
    """One registry an application, so that two in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        on = self.registry
        self._requests = Counter("web4_requests", "Requests answered.", ("endpoint", "route", "status"), registry=on)
        self._seconds = Histogram(
            "web4_request_seconds", "From question to last byte.", ("route",), buckets=_SECONDS, registry=on
        )
        self._first = Histogram("web4_first_token_seconds", "Until the first word.", buckets=_SECONDS, registry=on)
        self._retrieval = Histogram(
            "web4_retrieval_seconds", "Looking things up.", buckets=_RETRIEVAL_SECONDS, registry=on
        )
        self._tokens = Counter("web4_tokens", "Tokens read and written.", ("direction",), registry=on)
        self._hot = Counter("web4_hot_documents", "Documents shown, from the cache or not.", ("outcome",), registry=on)
        self._swaps = Histogram(
            "web4_engine_swap_seconds",
            "From another version being wanted until it takes requests.",
            ("engine",),
            buckets=_SWAP_SECONDS,
            registry=on,
        )
        self._feedback = Counter("web4_feedback", "Thumbs.", ("thumb",), registry=on)

    def watch(self, name: str, help_text: str, value: Callable[[], float]) -> None:
        """A gauge that is read when it is asked for."""
        Gauge(name, help_text, registry=self.registry).set_function(value)

    def answered(self, row: Interaction) -> None:
        self._requests.labels(row.endpoint, row.route, row.status).inc()
        self._seconds.labels(row.route).observe(row.latency_ms / 1000)
        if row.first_token_ms:
            self._first.observe(row.first_token_ms / 1000)
        if row.retrieval_ms:
            self._retrieval.observe(row.retrieval_ms / 1000)
        self._tokens.labels("in").inc(row.tokens_in)
        self._tokens.labels("out").inc(row.tokens_out)
        if row.hot_hits:
            self._hot.labels("hit").inc(row.hot_hits)
        if row.hot_misses:
            self._hot.labels("miss").inc(row.hot_misses)

    def swapped(self, swap: Swap) -> None:
        self._swaps.labels("warm" if swap.warm else "started").observe(swap.seconds)

    def thumb(self, thumb: str) -> None:
        self._feedback.labels(thumb).inc()

    def page(self) -> bytes:
        return generate_latest(self.registry)
