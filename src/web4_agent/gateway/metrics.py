"""What Prometheus is told: requests by endpoint, route and end, their times, tokens, the queue, the engine, the log.

Called by the relay for each row of the log and by `/metrics`. Labels are bounded: names of ours, never of a client's.
"""

from collections.abc import Callable, Iterator
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from web4_agent.domain.queries import Interaction
from web4_agent.flows.query_log import LogHealth
from web4_agent.gateway.engine_room import Swap

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 2.5, 5, 10, 30, 60, 120)
_SWAP_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120)
_RETRIEVAL_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3, 1)

disable_created_metrics()  # type: ignore[no-untyped-call] # a time of making beside each counter would double what is scraped and tell nothing


class Metrics:
    """One registry an application, so that two in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        on = self.registry
        self._requests = Counter("web4_requests", "Requests answered.", ("endpoint", "route", "status"), registry=on)
        self._refusals = Counter(
            "web4_refusals", "Requests refused, by the status the client was told.", ("status",), registry=on
        )
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
        built = Gauge("web4_build_info", "The version that runs; always 1.", ("version",), registry=on)
        built.labels(version("web4-agent")).set(1)

    def watch(self, name: str, help_text: str, value: Callable[[], float]) -> None:
        """A gauge that is read when it is asked for."""
        Gauge(name, help_text, registry=self.registry).set_function(value)

    def count(self, name: str, help_text: str, value: Callable[[], float]) -> None:
        """A counter that somebody else keeps, read when it is asked for."""
        self.add(_Counted(lambda: iter([CounterMetricFamily(name, help_text, value=value())])))

    def watch_log(self, health: Callable[[], LogHealth]) -> None:
        """The query log: rows by what became of them, and those that wait."""
        self.add(_Counted(lambda: _log_rows(health())))
        self.watch("web4_query_log_waiting", "Rows that wait to be written.", lambda: health().waiting)

    def add(self, collector: Collector) -> None:
        """More metrics, read when somebody asks for the page."""
        self.registry.register(collector)

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

    def refused(self, status: int) -> None:
        self._refusals.labels(str(status)).inc()

    def swapped(self, swap: Swap) -> None:
        self._swaps.labels("warm" if swap.warm else "started").observe(swap.seconds)

    def thumb(self, thumb: str) -> None:
        self._feedback.labels(thumb).inc()

    def page(self) -> bytes:
        """Reads the ledger now and then: not for the event loop's thread."""
        return generate_latest(self.registry)


class _Counted(Collector):
    """Families that are made when they are read; nothing is read to learn their names."""

    def __init__(self, families: Callable[[], Iterator[Metric]]) -> None:
        self._families = families

    def describe(self) -> Iterator[Metric]:
        return iter(())

    def collect(self) -> Iterator[Metric]:
        return self._families()


def _log_rows(health: LogHealth) -> Iterator[Metric]:
    """A row that is lost was spilled or refused before: outcomes are steps of its way, and do not add up."""
    rows = CounterMetricFamily(
        "web4_query_log_rows", "Rows of the query log, by what became of them.", labels=("outcome",)
    )
    for outcome in ("written", "spilled", "refused", "lost"):
        rows.add_metric((outcome,), float(getattr(health, outcome)))
    yield rows
    yield CounterMetricFamily("web4_query_log_failures", "Commits that failed.", value=float(health.failures))
