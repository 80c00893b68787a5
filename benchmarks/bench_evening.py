"""Where an evening's time goes: whole real nights with the default model, step by step, against the limits.

    python benchmarks/bench_evening.py [--samples 50] [--nights 1] [--items 40] [--journal FOLDER] [--home FOLDER]

Each night indexes one of the journal's fullest days (`../shared/journal` where it is there, else the demo's), trains on
exactly so many samples, and goes through the gate on the served bytes: `index` is added to the steps of the run's own
records. Processor seconds are of the process and its children; memory is the sum of their proportional shares (PSS),
looked at twice a second. The first night measures the base model in full; the second reads production's scores and
measures golden; from the third on both are read, which is a home's usual evening.

The samples are an even choice of a far larger night's, whose general share is small: read the time off it, not what was
learned.

Limits: 50 samples 5 minutes, 200 samples 15 minutes, 4 GB, on two free cores. Prints the load beside them and never
fails on a figure.
"""

import argparse
import os
import resource
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import psutil

from web4_agent.backends.engines.base import ScoreRequest
from web4_agent.backends.trainers.base import Trainer, TrainJob
from web4_agent.bootstrap import Runtime, found_home
from web4_agent.cli.demo import JOURNAL
from web4_agent.domain.speech import TextScore
from web4_agent.domain.training import TrainedAdapter, TrainProgress
from web4_agent.flows.indexing import IndexRequest, index
from web4_agent.flows.night import NightReport, NightRequest, evening
from web4_agent.records import runs
from web4_agent.steps.journal.discover import find_documents

SHARED = Path(__file__).parents[2] / "shared" / "journal"
LIMITS_S = {50: 300.0, 200: 900.0}
MEMORY_LIMIT = 4e9
TOKENS_A_SAMPLE = 600
"""So large a budget holds more samples than are asked for; the trainer is given an even choice of them."""
LOOKS_EVERY_S = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=50)
    parser.add_argument("--nights", type=int, default=1)
    parser.add_argument("--items", type=int, default=40, help="margin items a stratum")
    parser.add_argument("--journal", type=Path, help="else the shared one, else the demo's")
    parser.add_argument("--home", type=Path, help="where to work; else a temporary folder")
    asked = parser.parse_args()
    journal = (asked.journal or (SHARED if SHARED.is_dir() else JOURNAL)).resolve()
    home = asked.home or Path(tempfile.mkdtemp(prefix="web4-evening-"))
    chosen = {
        "journal.root": str(journal),
        "training.max_tokens": max(40_000, TOKENS_A_SAMPLE * asked.samples),
        "gate.items_per_stratum": asked.items,
    }
    runtime, _ = found_home(home, chosen, lambda _: None)
    try:
        for number, day in enumerate(fullest_days(journal, asked.nights), start=1):
            _night(runtime, IndexRequest(day, day), number, asked.samples)
    finally:
        runtime.close()


@dataclass
class _Clock:
    """Implements Watcher: processor seconds of each step, of this process and of the children that ended."""

    cpu_s: dict[str, float] = field(default_factory=dict)
    _at: float = 0.0

    def started(self, step: str) -> None:
        del step
        self._at = _cpu_s()

    def advanced(self, step: str, done: int, total: int, left_s: float | None = None, note: str = "") -> None:
        """Not told."""

    def finished(self, step: str, seconds: float) -> None:
        del seconds
        self.cpu_s[step] = _cpu_s() - self._at


@dataclass
class _Memory:
    """The most that this process and its descendants held at once, bytes."""

    peak: int = 0
    _end: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> Callable[[], None]:
        thread = threading.Thread(target=self._look, daemon=True)
        thread.start()

        def stop() -> None:
            self._end.set()
            thread.join()

        return stop

    def _look(self) -> None:
        while not self._end.wait(LOOKS_EVERY_S):
            self.peak = max(self.peak, _held_bytes())


@dataclass
class _Bounded:
    """The trainer of the settings, given exactly so many samples, evenly chosen."""

    inner: Trainer
    samples: int
    given: int = 0

    @property
    def name(self) -> str:
        return self.inner.name

    def train(self, job: TrainJob, progress: Callable[[TrainProgress], None]) -> TrainedAdapter:
        there = len(job.samples)
        self.given = min(self.samples, there)
        some = tuple(job.samples[at * there // self.given] for at in range(self.given))
        return self.inner.train(replace(job, samples=some), progress)

    def scale(self, trained: TrainedAdapter, weight: float, out: Path) -> None:
        self.inner.scale(trained, weight, out)

    def score(self, base: Path, adapter: Path | None, requests: Sequence[ScoreRequest]) -> list[TextScore]:
        return self.inner.score(base, adapter, requests)

    def token_counts(self, base: Path, texts: Sequence[str]) -> list[int]:
        return self.inner.token_counts(base, texts)


def _night(runtime: Runtime, days: IndexRequest, number: int, samples: int) -> None:
    clock, memory = _Clock(), _Memory()
    runtime.watcher = clock
    stop, load, began = memory.watch(), os.getloadavg()[0], time.monotonic()
    clock.started("index")
    index(runtime.index_parts(), days)
    indexed = time.monotonic() - began
    clock.finished("index", indexed)
    parts = runtime.night_parts()
    trainer = _Bounded(parts.trainer, samples)
    assert days.until is not None
    report = evening(replace(parts, trainer=trainer), NightRequest(days.until))
    total = time.monotonic() - began
    stop()
    with runtime.database.read() as connection:
        steps = [(record.name, record.seconds) for record in runs.committed(connection, report.run).values()]
    loads = (load, os.getloadavg()[0])
    print(f"\nevening {number}: {trainer.given} samples of {samples} asked; load {loads[0]:.1f} to {loads[1]:.1f}")
    _table([("index", indexed), *steps], clock, total)
    _limits(report, total, memory.peak, samples)


def _table(steps: list[tuple[str, float]], clock: _Clock, total: float) -> None:
    print(f"{'step':<14}{'seconds':>9}{'share':>8}{'cpu-s':>9}")
    for name, seconds in steps:
        print(f"{name:<14}{seconds:>9.1f}{seconds / total:>8.0%}{clock.cpu_s.get(name, 0.0):>9.1f}")
    print(f"{'in all':<14}{total:>9.1f}{'':>8}{sum(clock.cpu_s.values()):>9.1f}")


def _limits(report: NightReport, total: float, peak: int, samples: int) -> None:
    limit = LIMITS_S.get(samples)
    against = f"limit {limit:.0f} s: {'held' if total <= limit else 'passed'}" if limit else "no limit for so many"
    print(f"{report.state}, {len(report.verdicts)} judged; {total:.0f} s ({against})", end="; ")
    print(
        f"peak {peak / 1e9:.2f} GB (limit {MEMORY_LIMIT / 1e9:.0f} GB: {'held' if peak <= MEMORY_LIMIT else 'passed'})"
    )


def fullest_days(journal: Path, nights: int) -> list[date]:
    """So many of the journal's fullest days, in their order."""
    documents = Counter(found.day for found in find_documents(journal).documents if found.day is not None)
    return sorted(day for day, _ in documents.most_common(nights))


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _held_bytes() -> int:
    """Of this process and all that descend from it; what several of them map counts once."""
    own = psutil.Process()
    held = 0
    for process in (own, *own.children(recursive=True)):
        with suppress(psutil.Error):  # it ended meanwhile
            held += process.memory_full_info().pss
    return held


if __name__ == "__main__":
    main()
