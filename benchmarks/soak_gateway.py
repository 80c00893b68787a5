"""A soak of the gateway: hours of mixed traffic in minutes, against a real `web4-agent serve` over a scripted engine.

    asked       chats, streams, tools, history, embeddings, feedback and bad requests in both dialects; 5 % leave early
    meanwhile   the engine is killed, versions are promoted, documents are written and indexed by another process

At the end every outcome is held against the query log. Exit code 1 when anything was hung, unexpected, answered under
another adapter than it says, or is not in the log exactly once. `--home` keeps the prepared home for the next time:
exporting its embedder takes half a minute.
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles

import httpx
import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))  # the traffic is the soak test's own

from tests.flows.pages import page, write
from tests.gateway.accounts import Problems, problems
from tests.gateway.traffic import Ending, Load, Run, Target, drive

from servers import Server, gateway, make_home
from web4_agent.bootstrap import Runtime, open_home
from web4_agent.domain.adapters import Adapter, AdapterState
from web4_agent.domain.ids import BASE, AdapterVersion
from web4_agent.records import adapters
from web4_agent.steps.promote import converge
from web4_agent.storage.artifacts import hash_file

ENGINE = "web4_agent.backends.engines.scripted_child"
LISTED = 12
_MEASURED_AT = (0.05, 0.25, 0.5, 0.75, 1.0)
SETTLED_S = 30.0
_TOPICS = ("queue limit", "tide table", "paint colour", "boot order", "retry rule", "ledger backup")


@dataclass(slots=True)
class Watch:
    """Prints how far it is, and notes the gateway's memory at each of `_MEASURED_AT`."""

    server: Server
    requests: int
    started: float = field(default_factory=time.monotonic)
    told: float = 0.0
    rss_mb: list[float] = field(default_factory=list)
    before_cpu_s: float = 0.0

    def __post_init__(self) -> None:
        self.before_cpu_s = self.server.cpu_s()

    def __call__(self, run: Run) -> None:
        done, now = len(run.outcomes), time.monotonic()
        if done >= _MEASURED_AT[min(len(self.rss_mb), len(_MEASURED_AT) - 1)] * self.requests:
            self.rss_mb.append(self.server.rss_mb())
        if now - self.told < 5:
            return
        self.told = now
        left_s = (now - self.started) / done * (self.requests - done)
        print(f"{done:,} of {self.requests:,}, {len(run.kills)} kills, about {left_s:.0f} s left", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000, help="repeat a run by its seed")
    parser.add_argument("--kill-every", type=int, default=1_000, help="requests")
    parser.add_argument("--swap-every", type=int, default=2_500, help="requests")
    parser.add_argument("--home", type=Path, help="a home to make here and keep; else a temporary one")
    asked = parser.parse_args()
    load = Load(asked.requests, asked.clients, asked.seed, asked.kill_every, asked.swap_every)
    print(f"seed {load.seed}", flush=True)
    with ExitStack() as held:
        home = asked.home or Path(held.enter_context(tempfile.TemporaryDirectory(prefix="web4-soak-")))
        sys.exit(1 if soak(_prepared(home), load) else 0)


def soak(home: Path, load: Load) -> bool:
    """Whether anything was wrong."""
    runtime = open_home(home)
    with ExitStack() as held:
        held.callback(runtime.close)
        indexing = held.enter_context(_indexing(runtime, load.seed))
        server = held.enter_context(gateway(home))
        target = Target(server.url, lambda: _kill(server), lambda version: _promote(runtime, version))
        watch = Watch(server, load.requests)
        run = asyncio.run(drive(load, target, watch))
        metrics, trouble = _settled(server)
        _print_figures(run, watch, metrics, indexing)
        # the gateway is still up: what it has answered must be in the log without a stop that hurries it there
        found = problems(run, runtime.database)
        found["gateway"] = trouble
    _print_problems(found)
    return any(found.values())


def _prepared(home: Path) -> Path:
    """A home with an embedder, whose journal has something to find."""
    make_home(home, {"gateway.parallel": 8, "gateway.queue": 64})
    runtime = open_home(home)
    runtime.prepare_embedder(print)
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    for number, topic in enumerate(_TOPICS):
        write(runtime.journal, f"{900 + number:04d}-{topic.replace(' ', '-')}", page(topic), day)
    runtime.close()
    _index(home)
    return home


@contextmanager
def _indexing(runtime: Runtime, seed: int) -> Iterator[Counter[str]]:
    """New and edited documents, and `web4-agent index` over them, again and again, until the end of the body."""
    counts: Counter[str] = Counter()
    enough = threading.Event()

    def work() -> None:
        chance = random.Random(seed)
        day = datetime.now(UTC).strftime("%Y-%m-%d")
        while not enough.is_set():
            for _ in range(5):
                topic, number = chance.choice(_TOPICS), chance.randint(1000, 2359)
                write(runtime.journal, f"{number}-{topic.replace(' ', '-')}", page(topic, f"draft {number}"), day)
            summary = _index(runtime.home.root)
            counts.update(runs=1, failed=not summary, documents=summary.get("new", 0) + summary.get("edited", 0))
            enough.wait(1.0)

    thread = threading.Thread(target=work, name="indexing")
    thread.start()
    try:
        yield counts
    finally:
        enough.set()
        thread.join()


def _index(home: Path) -> dict[str, int]:
    """The counts that the command prints; empty when it failed."""
    command = [sys.executable, "-m", "web4_agent.cli.main", "index", "--all", "--json", "--home", str(home)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        print(f"index ended with {done.returncode}: {(done.stderr or done.stdout)[-400:]}", flush=True)
        return {}
    found: dict[str, int] = json.loads(done.stdout)
    return found


def _kill(server: Server) -> None:
    """SIGKILL to the newest engine, which may be one that is still coming up."""
    engines = []
    for child in server.process.children():
        try:
            if ENGINE in child.cmdline():
                engines.append((child.create_time(), child))
        except psutil.NoSuchProcess:
            continue
    if engines:
        max(engines, key=lambda pair: pair[0])[1].kill()


def _promote(runtime: Runtime, version: str) -> None:
    """As a night does: a folder, a row, the pointer, and what serves follows. Else the next index would put it back."""
    name = AdapterVersion(version)
    artefact = runtime.home.adapter(name) / runtime.exporter.artefact_name
    artefact.parent.mkdir(parents=True, exist_ok=True)
    artefact.write_text(version, encoding="utf-8")
    made = Adapter(name, BASE, AdapterState.PROMOTED, hash_file(artefact), None, None, 1.0, runtime.now())
    with runtime.database.begin() as connection:
        adapters.add(connection, made)
        adapters.move_pointer(connection, name, "a soak", runtime.now())
    converge(made, runtime.home, artefact.name)


def _settled(server: Server) -> tuple[dict[str, float], list[str]]:
    """The gateway's figures once it is at rest, and what is not as it was before: places held, a log in trouble."""
    until = time.monotonic() + SETTLED_S
    while True:
        metrics = _metrics(server)
        busy = [f"{name} = {metrics[name]:g}" for name in _AT_REST if metrics[name]]
        trouble = httpx.get(f"{server.url}/healthz", timeout=30, trust_env=False).json()["trouble"]
        if (not busy and not trouble) or time.monotonic() > until:
            time.sleep(1)  # the log commits what was answered last
            return metrics, [*busy, *([trouble] if trouble else [])]
        time.sleep(0.2)


_AT_REST = ("web4_requests_running", "web4_requests_waiting")


def _metrics(server: Server) -> dict[str, float]:
    text = httpx.get(f"{server.url}/metrics", timeout=30, trust_env=False).text
    pairs = [line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, value in pairs}


def _print_figures(run: Run, watch: Watch, metrics: dict[str, float], indexing: Counter[str]) -> None:
    whole_ms = [one.seconds * 1000 for one in run.outcomes if one.ending is Ending.WHOLE]
    endings = Counter(f"{one.ending} {one.status or ''}".strip() for one in run.outcomes)
    times = {name: f"{metrics[f'web4_engine_{name}_total']:g}" for name in ("starts", "deaths", "swaps")}
    cpu_ms = (watch.server.cpu_s() - watch.before_cpu_s) * 1000 / len(run.outcomes)
    print(f"{len(run.outcomes):,} requests in {run.seconds:.1f} s: {len(run.outcomes) / run.seconds:.1f} a second")
    print(f"whole answers: p50 {median(whole_ms):.0f} ms, p99 {quantiles(whole_ms, n=100)[98]:.0f} ms")
    print(f"gateway: {cpu_ms:.2f} CPU ms a request; memory in MB {', '.join(f'{mb:.0f}' for mb in watch.rss_mb)}")
    print(f"ended: {', '.join(f'{name} {count}' for name, count in endings.most_common())}")
    print(f"kinds: {', '.join(f'{name} {n}' for name, n in Counter(one.asked.kind for one in run.outcomes).items())}")
    print(f"engine: {len(run.kills)} kills; gateway saw {times}; versions {', '.join(run.versions)}")
    print(f"index: {indexing['runs']} runs, {indexing['failed']} failed, {indexing['documents']} documents")


def _print_problems(found: Problems) -> None:
    for heading, lines in found.items():
        print(f"{heading}: {len(lines)}")
        for line in lines[:LISTED]:
            print(f"    {line}")
        if len(lines) > LISTED:
            print(f"    and {len(lines) - LISTED} more")


if __name__ == "__main__":
    main()
