"""Swaps and rollbacks under load: a real `web4-agent serve` over scripted engines, and streaming clients all the while.

    swaps       a version is promoted as a night does it; its engine comes up beside the old one and takes over
    rollbacks   `web4-agent rollback` as a person types it, timed from its process's start to the first old answer

Prints what failed, was cut, was mixed or named another adapter than it came from, in answers, headers and the query
log; the times in quiet and during swaps; memory. Exit code 1 when anything was wrong.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

import httpx
import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))  # the traffic is the swap test's own

from tests.gateway.swapping import Answer, Moved, SwapLoad, SwapRun, drive, wrongs

from servers import Server, gateway, make_home
from web4_agent.bootstrap import open_home

ENGINE = "web4_agent.backends.engines.scripted_child"
LISTED = 12


@dataclass(slots=True)
class Watch:
    """Prints how far it is, and keeps the most engines that ran at once, and the memory."""

    server: Server
    swaps: int
    started: float = field(default_factory=time.monotonic)
    told: float = 0.0
    engines: int = 0
    engines_mb: float = 0.0
    gateway_mb: list[float] = field(default_factory=list)

    def __call__(self, run: SwapRun) -> None:
        children = [child for child in self.server.process.children() if _is_engine(child)]
        self.engines = max(self.engines, len(children))
        self.engines_mb = max(self.engines_mb, sum(_rss_mb(child) for child in children))
        self.gateway_mb.append(self.server.rss_mb())
        now = time.monotonic()
        if now - self.told > 10:
            self.told = now
            done = sum(not move.by_command for move in run.moves)
            left_s = (now - self.started) / max(1, done) * (self.swaps - done)
            print(f"{done} of {self.swaps} swaps, {len(run.answers):,} answers, about {left_s:.0f} s left", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--swaps", type=int, default=200)
    parser.add_argument("--rollbacks", type=int, default=50)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--quiet", type=float, default=15.0, help="seconds of load before the first swap")
    asked = parser.parse_args()
    logging.disable(logging.INFO)
    load = SwapLoad(asked.swaps, asked.rollbacks, asked.clients, quiet_s=asked.quiet, pause_s=0.3)
    with tempfile.TemporaryDirectory(prefix="web4-swaps-") as folder:
        sys.exit(1 if measure(Path(folder), load) else 0)


def measure(folder: Path, load: SwapLoad) -> bool:
    """Whether anything was wrong."""
    home = make_home(folder / "home", {"gateway.parallel": load.clients + 2})
    with ExitStack() as held:
        runtime = open_home(home)
        held.callback(runtime.close)
        server = held.enter_context(gateway(home))
        watch, before_s = Watch(server, load.swaps), server.cpu_s()
        run = asyncio.run(drive(server.url, runtime, load, watch))
        cpu_ms = (server.cpu_s() - before_s) * 1000 / len(run.answers)
        metrics = _metrics(server)
        time.sleep(1.5)  # the log commits what was answered last
        found = wrongs(run, runtime)
    print(f"{len(run.answers):,} answers in {run.ended - run.began:.0f} s, {cpu_ms:.2f} CPU ms each in the gateway")
    _print_times(run)
    _print_moves(run, metrics)
    print(f"memory: gateway {watch.gateway_mb[0]:.0f} MB at first, {watch.gateway_mb[-1]:.0f} at last;", end=" ")
    print(f"at most {watch.engines} engines at once, {watch.engines_mb:.0f} MB together")
    for kind, lines in found.items():
        print(f"{kind}: {len(lines)}")
        for line in lines[:LISTED]:
            print(f"    {line}")
    return any(found.values())


def _print_times(run: SwapRun) -> None:
    streams = [one for one in run.answers if one.stream and not one.failed]
    during = [one for one in streams if any(_overlap(one, move) for move in run.moves)]
    quiet = [one for one in streams if one.ended < run.quiet_until]
    apart = [one for one in streams if one.began > run.quiet_until and not any(_overlap(one, m) for m in run.moves)]
    print(f"{'streams':10}{'':>9}{'first word p50':>17}{'p99':>8}{'max':>8}{'whole p50':>13}{'p99':>8}{'max':>8}   ms")
    for name, answers in {"quiet": quiet, "between": apart, "swapping": during}.items():
        first = _figures([one.first - one.began for one in answers])
        whole = _figures([one.ended - one.began for one in answers])
        print(f"{name:10}{len(answers):9,}{first[0]:17.0f}{first[1]:8.0f}{first[2]:8.0f}", end="")
        print(f"{whole[0]:13.0f}{whole[1]:8.0f}{whole[2]:8.0f}")


def _print_moves(run: SwapRun, metrics: dict[str, float]) -> None:
    swaps = [move for move in run.moves if not move.by_command]
    back = [move for move in run.moves if move.by_command]
    warm, started = (
        metrics.get(f'web4_engine_swap_seconds_count{{engine="{kind}"}}', 0) for kind in ("warm", "started")
    )
    print(
        f"the gateway saw {metrics['web4_engine_swaps_total']:.0f} swaps: {warm:.0f} warm, {started:.0f} started;",
        end=" ",
    )
    print(f"{metrics['web4_engine_deaths_total']:.0f} deaths")
    for name, seconds in {
        "promotion, commit to serving": [move.served - move.began for move in swaps],
        "rollback, command to serving": [move.served - move.began for move in back],
        "rollback, command to its end": [move.ended - move.began for move in back],
        "rollback, processor time of it": [move.cpu_s for move in back],
    }.items():
        if seconds:
            p50, p99, most = _figures(seconds)
            print(f"{name} ({len(seconds)}): p50 {p50:.0f} ms, p99 {p99:.0f} ms, max {most:.0f} ms")


def _overlap(answer: Answer, move: Moved) -> bool:
    return answer.began < move.served and answer.ended > move.began


def _figures(seconds: Sequence[float]) -> tuple[float, float, float]:
    """p50, p99 and the most, in ms."""
    if len(seconds) < 2:
        return (0.0, 0.0, 0.0) if not seconds else (seconds[0] * 1000,) * 3
    return median(seconds) * 1000, quantiles(seconds, n=100, method="inclusive")[98] * 1000, max(seconds) * 1000


def _metrics(server: Server) -> dict[str, float]:
    text = httpx.get(f"{server.url}/metrics", timeout=30, trust_env=False).text
    pairs = [line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, value in pairs}


def _is_engine(child: psutil.Process) -> bool:
    try:
        return ENGINE in child.cmdline()
    except psutil.Error:
        return False


def _rss_mb(child: psutil.Process) -> float:
    try:
        return float(child.memory_info().rss) / 1e6
    except psutil.Error:
        return 0.0


if __name__ == "__main__":
    main()
