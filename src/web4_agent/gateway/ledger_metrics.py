"""The ledger's vital signs as metrics: what serves, nights, documents, alerts, backups, room on the disk.

Registered by `serve`; read when somebody asks for `/metrics`, from the ledger four times a minute at most. A ledger
that can't be read is a metric, too: `web4_ledger_up` is 0 and the rest is left out, as nothing of it is known.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from threading import Lock
from time import monotonic

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from web4_agent.domain.errors import Web4Error
from web4_agent.domain.ids import AdapterVersion
from web4_agent.domain.runs import RunState
from web4_agent.domain.verdicts import Decision
from web4_agent.flows.vitals import Vitals

FRESH_S = 15.0
"""Prometheus asks as often by default."""
_RESULTS = (RunState.PROMOTED, RunState.REJECTED, RunState.NOTHING_NEW, RunState.DONE, RunState.FAILED)


class LedgerMetrics(Collector):
    """`serving` is the version whose engine answers, None while none does. Safe to read from several threads."""

    def __init__(
        self,
        read: Callable[[], Vitals],
        serving: Callable[[], AdapterVersion | None],
        *,
        fresh_s: float = FRESH_S,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._read = read
        self._serving = serving
        self._fresh_s = fresh_s
        self._clock = clock
        self._lock = Lock()
        self._known: Vitals | None = None
        self._looked: float | None = None

    def describe(self) -> Iterator[Metric]:
        """Nothing: the registry shall not read the ledger to learn the names."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        known = self._vitals()
        yield _gauge("web4_ledger_up", "1 when the ledger could be read.", known is not None)
        if known is None:
            return
        yield from _adapters(known, self._serving())
        yield from _nights(known)
        yield from _rest(known)

    def _vitals(self) -> Vitals | None:
        with self._lock:
            if self._looked is None or self._clock() - self._looked >= self._fresh_s:
                try:
                    self._known = self._read()
                except (Web4Error, OSError):  # told as a metric, and by the refresh that reads the ledger as well
                    self._known = None
                self._looked = self._clock()
            return self._known


def _adapters(known: Vitals, serving: AdapterVersion | None) -> Iterator[Metric]:
    info = GaugeMetricFamily(
        "web4_adapter_info", "The adapter in production, by its version; always 1.", labels=("adapter", "golden")
    )
    info.add_metric((known.pointer.production, known.pointer.golden), 1)
    yield info
    yield _moment(
        "web4_adapter_since_timestamp_seconds", "When production was last changed.", known.pointer.changed_utc
    )
    yield _gauge(
        "web4_adapter_serves", "1 when the engine serves what is in production.", serving == known.pointer.production
    )
    yield _gauge("web4_probation_running", "1 while a promoted version is watched.", known.on_probation)
    yield _gauge("web4_probation_alarmed", "1 while a version that did badly still serves.", known.alarmed)


def _nights(known: Vitals) -> Iterator[Metric]:
    last, judged = known.last_night, known.verdict
    if last is not None and last.ended_utc is not None:
        yield _moment("web4_night_end_timestamp_seconds", "When the last night ended.", last.ended_utc)
    if last is not None:
        yield _one_of("web4_night_result", "How the last night ended.", "result", _RESULTS, last.state)
    if judged is not None:
        yield _one_of(
            "web4_night_verdict", "The last night's last verdict.", "decision", tuple(Decision), judged.decision
        )
    yield _gauge("web4_nights_rejected", "Nights rejected since one was promoted.", known.rejected_in_a_row)
    yield _gauge(
        "web4_night_open", "1 while a night is open: it runs, or waits to go on.", known.open_night is not None
    )
    if known.open_night is not None:
        yield _moment(
            "web4_night_open_since_timestamp_seconds", "When the open night began.", known.open_night.started_utc
        )


def _rest(known: Vitals) -> Iterator[Metric]:
    by_state = GaugeMetricFamily("web4_documents", "Documents of the journal, by state.", labels=("state",))
    for state, count in known.documents.items():
        by_state.add_metric((state.value,), count)
    yield by_state
    undelivered = GaugeMetricFamily(
        "web4_alerts_undelivered", "Alerts that wait after a failure, or were given up in 14 days.", labels=("state",)
    )
    for name, count in known.undelivered.items():
        undelivered.add_metric((name,), count)
    yield undelivered
    if known.last_backup_utc is not None:
        yield _moment("web4_backup_timestamp_seconds", "When the newest backup was made.", known.last_backup_utc)
    yield _gauge("web4_disk_free_bytes", "Free room on the home's disk.", known.free_bytes)


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_text, value=float(value))


def _moment(name: str, help_text: str, at_utc: datetime) -> Metric:
    return GaugeMetricFamily(name, help_text, value=at_utc.timestamp())


def _one_of(
    name: str, help_text: str, label: str, known: tuple[RunState, ...] | tuple[Decision, ...], now: str
) -> Metric:
    """1 for what is, 0 for all else that it could be, so that a change is seen as one."""
    found = GaugeMetricFamily(name, help_text, labels=(label,))
    for one in known:
        found.add_metric((one.value,), float(one == now))
    return found
