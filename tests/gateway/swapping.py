"""Versions exchanged under load: streaming clients that note who answered them, promotions, and real rollbacks.

    drive    clients ask all the time, while versions are promoted in this process and rolled back by the command
    wrongs   what was failed, cut, mixed or told under another adapter than it came from; all of it must be nothing

Called by the swap test and by `benchmarks/swap_gateway.py`. The gateway must be over the scripted engine, which puts
its version in the place of each `[adapter]`.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from time import monotonic, process_time
from typing import Any

import aiohttp

from web4_agent.bootstrap import Runtime
from web4_agent.domain.adapters import Adapter, AdapterState
from web4_agent.domain.ids import AdapterVersion
from web4_agent.domain.queries import ResponseId
from web4_agent.records import adapters, interactions
from web4_agent.steps.promote import converge
from web4_agent.storage.artifacts import hash_file

LONGEST_S = 60.0
"""An answer that takes longer, or a version that serves later, is a failure."""
ROUND = 4
"""Promotions to a rollback, where both are done; the first two of every second round follow each other at once."""
_PARTS = 8
_SLOW = "[slow]"
_PROBE = "probe part0 [adapter]"
_PROBE_S = 0.02


@dataclass(slots=True)
class Answer:
    """`adapter` is what the header says, `said` the versions that the words themselves name. Times in seconds of the
    monotonic clock; `first` when the first word came. `probe`: not a client's, but asked to see who serves."""

    began: float
    stream: bool = False
    probe: bool = False
    first: float = 0.0
    ended: float = 0.0
    adapter: str = ""
    response: str = ""
    said: frozenset[str] = frozenset()
    failed: str = ""
    cut: str = ""


@dataclass(frozen=True, slots=True)
class Moved:
    """One change of what serves. `began`: the commit, or the start of the command's process; `served`: when the first
    answer by `target` was there; `ended`: when the command had ended; `cpu_s`: the processor time it took."""

    target: str
    by_command: bool
    began: float
    served: float
    ended: float
    cpu_s: float = 0.0


@dataclass(slots=True)
class SwapRun:
    answers: list[Answer] = field(default_factory=list)
    moves: list[Moved] = field(default_factory=list)
    began: float = 0.0
    quiet_until: float = 0.0
    ended: float = 0.0
    client_cpu_s: float = 0.0


@dataclass(frozen=True, slots=True)
class SwapLoad:
    """`quiet_s`: how long it is asked before the first swap; `pause_s`: between two swaps."""

    swaps: int
    rollbacks: int
    clients: int
    quiet_s: float = 1.0
    pause_s: float = 0.1


async def drive(
    url: str, runtime: Runtime, load: SwapLoad, tell: Callable[[SwapRun], None] = lambda _: None
) -> SwapRun:
    """Ask from all clients until every swap and rollback is done; `tell` hears of the run after each."""
    run = SwapRun(began=monotonic())
    enough = asyncio.Event()
    cpu_s = process_time()
    timeout = aiohttp.ClientTimeout(total=LONGEST_S)
    async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
        clients = [asyncio.create_task(_client(session, run, enough, number)) for number in range(load.clients)]
        await asyncio.sleep(load.quiet_s)
        run.quiet_until = monotonic()
        try:
            await _exchange(session, runtime, load, run, tell)
        finally:
            enough.set()
            await asyncio.gather(*clients)
    run.ended = monotonic()
    run.client_cpu_s = process_time() - cpu_s
    return run


def promote(runtime: Runtime, name: str) -> AdapterVersion:
    """As a night does it: a folder, a row, the pointer, and what serves follows."""
    version = AdapterVersion(name)
    artefact = runtime.home.adapter(version) / runtime.exporter.artefact_name
    artefact.parent.mkdir(parents=True, exist_ok=True)
    artefact.write_text(name, encoding="utf-8")
    with runtime.database.begin() as connection:
        parent = adapters.read_pointer(connection).production
        made = Adapter(version, parent, AdapterState.PROMOTED, hash_file(artefact), None, None, 1.0, runtime.now())
        adapters.add(connection, made)
        adapters.move_pointer(connection, version, "a swap", runtime.now())
    converge(made, runtime.home, artefact.name)
    return version


def wrongs(run: SwapRun, runtime: Runtime) -> Mapping[str, list[str]]:
    """What is wrong, by kind. Every answer must be whole, of one version, and named by header and log."""
    found: dict[str, list[str]] = {"failed": [], "cut": [], "mixed": [], "wrong adapter": [], "wrong in the log": []}
    with runtime.database.read() as connection:
        for answer in run.answers:
            row = interactions.get(connection, ResponseId(answer.response)) if answer.response else None
            line = f"{answer.response} header {answer.adapter}, said {sorted(answer.said)}"
            if answer.failed:
                found["failed"].append(answer.failed)
            elif answer.cut:
                found["cut"].append(f"{line}: {answer.cut}")
            elif len(answer.said) != 1:
                found["mixed"].append(line)
            elif answer.said != {answer.adapter}:
                found["wrong adapter"].append(line)
            if not answer.failed and (row is None or row.adapter != answer.adapter):
                found["wrong in the log"].append(f"{line}, log {row.adapter if row else 'nothing'}")
    return found


async def _client(session: aiohttp.ClientSession, run: SwapRun, enough: asyncio.Event, number: int) -> None:
    """Three streams, then an answer in one piece."""
    count = number
    while not enough.is_set():
        count += 1
        asks = " ".join(f"part{part} [adapter]" for part in range(_PARTS))  # an answer that does not go in circles
        question = f"w{number}x{count} {_SLOW} {asks}"
        run.answers.append(await _asked(session, question, stream=count % 4 != 0))


async def _asked(session: aiohttp.ClientSession, question: str, *, stream: bool) -> Answer:
    answer = Answer(monotonic(), stream, question == _PROBE)
    body = {"model": "web4-agent", "messages": [{"role": "user", "content": question}], "stream": stream}
    try:
        async with session.post("/v1/chat/completions", json=body) as reply:
            answer.adapter = reply.headers.get("x-web4-adapter", "")
            answer.response = reply.headers.get("x-web4-response-id", "")
            if reply.status != 200:
                answer.failed = f"{reply.status}: {(await reply.text())[:200]}"
            elif stream:
                await _read_stream(reply, answer)
            else:
                _note(answer, (await reply.json())["choices"][0]["message"]["content"])
    except (aiohttp.ClientPayloadError, TimeoutError) as error:
        answer.cut = repr(error)
    except aiohttp.ClientError as error:
        answer.failed = repr(error)
    answer.ended = monotonic()
    return answer


async def _read_stream(reply: aiohttp.ClientResponse, answer: Answer) -> None:
    said, last = [], ""
    async for raw in reply.content:
        line = raw.decode().strip().removeprefix("data: ")
        if not line:
            continue
        last = line
        if line == "[DONE]":
            break
        event: dict[str, Any] = json.loads(line)
        if "error" in event:
            break
        said += [choice["delta"].get("content") or "" for choice in event["choices"]]
        if not answer.first and any(said):
            answer.first = monotonic()
    _note(answer, "".join(said))
    if last != "[DONE]":
        answer.cut = f"it ends in {last[:200]!r}"


def _note(answer: Answer, text: str) -> None:
    """The version that each part of the answer names; all parts must be there."""
    said = [word for word in text.split()[1:] if word != _SLOW][1::2]
    answer.said = frozenset(said)
    answer.first = answer.first or monotonic()
    if len(said) not in {1, _PARTS}:
        answer.cut = f"{len(said)} parts came: {text[:200]!r}"


async def _exchange(
    session: aiohttp.ClientSession, runtime: Runtime, load: SwapLoad, run: SwapRun, tell: Callable[[SwapRun], None]
) -> None:
    lineage = ["base"]
    rollbacks = 0
    for number in range(1, load.swaps + 1):
        began = monotonic()
        version = str(await asyncio.to_thread(promote, runtime, f"a-swap{number}"))
        lineage.append(version)
        at_once = number % (2 * ROUND) == 1 and number < load.swaps
        if not at_once:
            served = await _served(session, run, version)
            run.moves.append(Moved(version, False, began, served, served))
            await asyncio.sleep(load.pause_s)
        if rollbacks < load.rollbacks and (number % ROUND == 0 or load.swaps - number < load.rollbacks - rollbacks):
            rollbacks += 1
            lineage.pop()
            run.moves.append(await _rolled_back(session, runtime.home.root, run, lineage[-1]))
            await asyncio.sleep(load.pause_s)
        tell(run)


async def _rolled_back(session: aiohttp.ClientSession, home: Path, run: SwapRun, target: str) -> Moved:
    """`web4-agent rollback`, as a person types it."""
    began, before_s = monotonic(), _children_cpu_s()
    command = [sys.executable, "-m", "web4_agent.cli.main", "rollback", "--home", str(home)]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    ending = asyncio.create_task(_ended(process, target))
    served = await _served(session, run, target, ending)
    await ending
    return Moved(target, True, began, served, monotonic(), _children_cpu_s() - before_s)


def _children_cpu_s() -> float:
    """Of all child processes that have ended: engines of a gateway in this very process, too."""
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def _ended(process: asyncio.subprocess.Process, target: str) -> None:
    out, err = await process.communicate()
    assert process.returncode == 0, f"rollback ended with {process.returncode}: {err.decode()}"
    assert out.decode().startswith(f"{target} serves, in place of"), out.decode()


async def _served(
    session: aiohttp.ClientSession, run: SwapRun, version: str, by: "asyncio.Task[None] | None" = None
) -> float:
    """When the first answer by `version` was there: asked for as fast as answers come. A command that fails raises."""
    until = monotonic() + LONGEST_S
    while monotonic() < until:
        answer = await _asked(session, _PROBE, stream=False)
        run.answers.append(answer)
        if answer.said == {version}:
            return answer.ended
        if by is not None and by.done():
            by.result()
        await asyncio.sleep(_PROBE_S)
    raise AssertionError(f"{version} never served")
