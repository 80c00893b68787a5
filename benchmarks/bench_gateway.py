"""What the gateway costs, beside a direct engine and LiteLLM's proxy: an instant engine behind each, in one run.

    CPU a request    of the server's own process, 8 clients at once, everything logged
    added median     of one client that asks again and again, over the direct engine
    CPU a stream     of 35 events
    memory           of the gateway, at 10,000 and at 100,000 requests

LiteLLM is installed into an environment of its own the first time (`--litellm` names one that is there), because it
pins what others need newer. `--requests` bounds the memory run; it takes about four minutes.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from servers import ANSWER, MODEL, Server, gateway, litellm_proxy, make_home, scripted_engine

QUESTION = "Why does a function without a return statement give None, and how do I see that in a debugger?"
CLIENTS = 8
HERE = Path(__file__).resolve().parents[1]


@dataclass(slots=True)
class Figures:
    server: Server
    median_ms: float = 0.0
    p99_ms: float = 0.0
    cpu_ms: float = 0.0
    stream_cpu_ms: float = 0.0
    stream_median_ms: float = 0.0
    seen: list[str] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--litellm", type=Path, help="its program; else it is installed once")
    parser.add_argument("--requests", type=int, default=100_000, help="of the memory run")
    parser.add_argument("--measured", type=int, default=3_000, help="requests and streams a figure")
    asked = parser.parse_args()
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="web4-gateway-")))
        program = asked.litellm or _installed(HERE / ".venv" / "litellm")
        engine = held.enter_context(scripted_engine(QUESTION))
        home = make_home(folder / "home", {"gateway.parallel": 64, "gateway.queue": 1000})
        servers = [
            engine,
            held.enter_context(gateway(home)),
            held.enter_context(litellm_proxy(program, engine, folder)),
        ]
        asyncio.run(_compare([Figures(server) for server in servers], asked.measured))
        asyncio.run(_memory(servers[1], asked.requests))


async def _compare(all_figures: list[Figures], measured: int) -> None:
    for figures in all_figures:
        few = measured if figures.server.name != "LiteLLM" else measured // 3  # it takes twenty times as long
        await _ask(figures.server, 200, CLIENTS)
        _, figures.cpu_ms = await _spent(figures.server, few, CLIENTS, stream=False)
        _, figures.stream_cpu_ms = await _spent(figures.server, few // 3, CLIENTS, stream=True)
    for _ in range(3):  # in turns, so that a slow moment of the machine meets all
        for figures in all_figures:
            times = await _ask(figures.server, 200, 1)
            figures.seen.append(f"{statistics.median(times):.2f}")
            median = statistics.median(times)
            figures.median_ms = min(figures.median_ms or median, median)
            streams = statistics.median(await _ask(figures.server, 60, 1, stream=True))
            figures.stream_median_ms = min(figures.stream_median_ms or streams, streams)
    direct, ours, theirs = all_figures
    print(f"{'':10}{'median ms':>12}{'added ms':>10}{'CPU ms a request':>18}{'CPU ms a stream':>17}{'stream ms':>11}")
    for one in all_figures:
        print(
            f"{one.server.name:10}{one.median_ms:12.2f}{one.median_ms - direct.median_ms:10.2f}{one.cpu_ms:18.2f}"
            f"{one.stream_cpu_ms:17.2f}{one.stream_median_ms:11.2f}"
        )
    print(f"medians in turns: {', '.join(f'{one.server.name} {one.seen}' for one in all_figures)}")
    print(f"LiteLLM's CPU a request: {theirs.cpu_ms / ours.cpu_ms:.1f} times ours")
    events = len(ANSWER.split()) + 2
    print(f"LiteLLM's CPU a stream of {events} events: {theirs.stream_cpu_ms / ours.stream_cpu_ms:.1f} times ours")


async def _memory(server: Server, requests: int) -> None:
    done = 0
    for mark in (requests // 10, requests // 4, requests // 2, requests):
        await _ask(server, mark - done, CLIENTS)
        done = mark
        print(f"gateway after {done:,} requests: {server.rss_mb():.1f} MB", flush=True)


async def _spent(server: Server, count: int, clients: int, *, stream: bool) -> tuple[list[float], float]:
    """Times in ms, and the server's CPU ms a request, what its log writes afterwards included."""
    before = server.cpu_s()
    times = await _ask(server, count, clients, stream=stream)
    await asyncio.sleep(0.5)
    return times, (server.cpu_s() - before) * 1000 / count


async def _ask(server: Server, count: int, clients: int, *, stream: bool = False) -> list[float]:
    """Times in ms of `count` requests by `clients` that ask again as soon as they are answered."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": QUESTION}], "stream": stream}
    headers = {"authorization": f"Bearer {server.key}"}
    times: list[float] = []
    left = iter(range(count))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def client() -> None:
            for _ in left:
                started = time.perf_counter()
                async with session.post(f"{server.url}/v1/chat/completions", json=body, headers=headers) as reply:
                    text = await reply.read()
                    if reply.status != 200 or (stream and not text.endswith(b"data: [DONE]\n\n")):
                        raise RuntimeError(f"{server.name} answered {reply.status}: {text[-200:]!r}")
                times.append((time.perf_counter() - started) * 1000)

        await asyncio.gather(*(client() for _ in range(clients)))
    return times


def _installed(folder: Path) -> Path:
    program = folder / "bin" / "litellm"
    if not program.exists():
        print(f"installing LiteLLM's proxy into {folder} (minutes, once) …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(folder / "bin" / "pip"), "install", "--quiet", "litellm[proxy]"], check=True)
    return program


if __name__ == "__main__":
    main()
