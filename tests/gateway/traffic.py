"""Mixed traffic for a gateway over the scripted engine: what is asked, in which order, and what came of each request.

    plan    a repeatable list of requests of all kinds, some of whose clients leave
    drive   ask them from many clients, while engines are killed and versions exchanged

Called by the soak test and by `benchmarks/soak_gateway.py`; `accounts` judges the outcomes. Every question holds a word
of its own, by which its row is found in the log, and `[adapter]`, in whose place the engine says which version it is.
"""

import asyncio
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from time import monotonic
from typing import Any

import aiohttp

MODEL = "web4-agent"
LONGEST_S = 90.0
"""A request that takes longer hangs."""
_SLOW_SHARE = 0.05
_LEAVING_SHARE = 0.05
"""Of all requests."""
_LAST_RESPONSES = 32
_TOOL = {"type": "function", "function": {"name": "read_file", "parameters": {"type": "object"}}}
_WORK = ("queue limit", "tide table", "paint colour", "boot order", "retry rule", "ledger backup")


class Kind(StrEnum):
    CHAT = "chat"
    OLLAMA_CHAT = "ollama chat"
    GENERATE = "ollama generate"
    RAW = "ollama raw"
    COMPLETION = "completion"
    TOOLS = "tools"
    CALL = "call"
    HISTORY = "history"
    EMBEDDING = "embedding"
    FEEDBACK = "feedback"
    BAD = "bad"


class Ending(StrEnum):
    """`refused`: an error as the whole reply; `broken`: a stream that says so; `cut`: one that just ends."""

    WHOLE = "whole"
    REFUSED = "refused"
    BROKEN = "broken"
    CUT = "cut"
    LEFT = "left"
    HUNG = "hung"
    LOST = "lost"


_SHARES = {
    Kind.CHAT: 36,
    Kind.OLLAMA_CHAT: 14,
    Kind.GENERATE: 6,
    Kind.RAW: 3,
    Kind.COMPLETION: 8,
    Kind.TOOLS: 7,
    Kind.CALL: 3,
    Kind.HISTORY: 9,
    Kind.EMBEDDING: 4,
    Kind.FEEDBACK: 5,
    Kind.BAD: 5,
}
_LEAVE = {Kind.CHAT, Kind.OLLAMA_CHAT, Kind.COMPLETION}
_LEAVE_SHARE = _LEAVING_SHARE * sum(_SHARES.values()) / sum(_SHARES[kind] for kind in _LEAVE)
UNLOGGED = {Kind.EMBEDDING, Kind.FEEDBACK, Kind.BAD}


@dataclass(frozen=True, slots=True)
class Planned:
    """`leaves_after_s`: the client leaves then, before an answer in one piece or in the middle of a stream."""

    word: str
    kind: Kind
    path: str
    body: dict[str, Any] | bytes
    expects: int = 200
    leaves_after_s: float | None = None

    @property
    def logged(self) -> bool:
        return self.kind not in UNLOGGED

    @property
    def streams(self) -> bool:
        default = self.path.startswith("/api/")
        return isinstance(self.body, dict) and self.logged and bool(self.body.get("stream", default))


@dataclass(slots=True)
class Outcome:
    """`adapter` is what the header says, `said` what the answer itself says; both empty where there was none."""

    asked: Planned
    started: float
    ended: float = 0.0
    status: int = 0
    response: str = ""
    adapter: str = ""
    said: str = ""
    ending: Ending = Ending.LOST
    retry_after: bool = False
    detail: str = ""

    @property
    def seconds(self) -> float:
        return self.ended - self.started


@dataclass(frozen=True, slots=True)
class Target:
    """`kill` ends the engine that serves, `swap` lets the version of this name serve."""

    url: str
    kill: Callable[[], None]
    swap: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Load:
    """After every `kill_every` answers the engine is killed, after every `swap_every` another version is wanted."""

    requests: int
    clients: int = 32
    seed: int = 1
    kill_every: int = 1_000
    swap_every: int = 2_500


@dataclass(slots=True)
class Run:
    """`kills` are times of the monotonic clock; `versions` those that served or should have, in order."""

    outcomes: list[Outcome] = field(default_factory=list)
    kills: list[float] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    began_utc: datetime = field(default_factory=lambda: datetime.now(UTC))
    seconds: float = 0.0


def plan(count: int, seed: int) -> list[Planned]:
    """Equal arguments, equal requests."""
    chance = random.Random(seed)
    kinds = chance.choices(list(_SHARES), list(_SHARES.values()), k=count)
    return [_planned(kind, f"w{seed}x{number:06d}", chance) for number, kind in enumerate(kinds)]


async def drive(load: Load, target: Target, tell: Callable[[Run], None] = lambda run: None) -> Run:
    """Ask everything; `tell` hears of the run after each answer."""
    run = Run()
    left = iter(plan(load.requests, load.seed))
    started = monotonic()
    known: list[str] = []
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=2.0)
    async with aiohttp.ClientSession(target.url, connector=connector) as session:
        async with session.get("/readyz") as ready:
            run.versions.append((await ready.json())["adapter"])

        async def client(remaining: Iterator[Planned]) -> None:
            for asked in remaining:
                outcome = await _asked(session, asked, known)
                if outcome.ending is Ending.WHOLE and outcome.response:
                    known.append(outcome.response)
                    del known[:-_LAST_RESPONSES]
                run.outcomes.append(outcome)
                await _trouble(load, target, run)
                tell(run)

        await asyncio.gather(*(client(left) for _ in range(load.clients)))
    run.seconds = monotonic() - started
    return run


async def _trouble(load: Load, target: Target, run: Run) -> None:
    done = len(run.outcomes)
    if done >= load.requests:
        return
    if done % load.swap_every == 0:
        run.versions.append(f"a-soak{load.seed}-{len(run.versions)}")
        await asyncio.to_thread(target.swap, run.versions[-1])
    if done % load.kill_every == 0:
        run.kills.append(monotonic())
        await asyncio.to_thread(target.kill)


def _planned(kind: Kind, word: str, chance: random.Random) -> Planned:
    leaves = kind in _LEAVE and chance.random() < _LEAVE_SHARE
    slow = "[slow] " if leaves or chance.random() < _SLOW_SHARE else ""
    length = chance.randint(25, 45) if slow else chance.randint(3, 40)
    filler = " ".join(f"word{chance.randrange(50)}" for _ in range(length))
    question = f"{word} [adapter] {slow}{filler}"
    stream = chance.random() < 0.5
    path, body = _request(kind, question, chance)
    if kind is Kind.BAD:
        return _bad(word, chance)
    if kind not in UNLOGGED:
        body["stream"] = stream
    return Planned(word, kind, path, body, leaves_after_s=chance.uniform(0.02, 0.5) if leaves else None)


def _request(kind: Kind, question: str, chance: random.Random) -> tuple[str, dict[str, Any]]:
    work = chance.choice(_WORK)
    said = {
        Kind.TOOLS: f"Read the file src/part{chance.randrange(50)}.ts and run its tests: {question}",
        Kind.HISTORY: f"How did we settle the {work}? {question}",
        Kind.CALL: f'call read_file {{"path": "{question}"}}',
    }.get(kind, question)
    messages = [{"role": "user", "content": said}]
    ollama = kind in {Kind.GENERATE, Kind.RAW, Kind.OLLAMA_CHAT} or (kind is Kind.HISTORY and chance.random() < 0.3)
    match kind:
        case Kind.GENERATE | Kind.RAW:
            return "/api/generate", {"model": MODEL, "prompt": said, "raw": kind is Kind.RAW}
        case Kind.COMPLETION:
            return "/v1/completions", {"model": MODEL, "prompt": said}
        case Kind.EMBEDDING:
            path = chance.choice(["/v1/embeddings", "/api/embed"])
            return path, {"model": "all-minilm", "input": [said, f"{work} {said}"]}
        case Kind.FEEDBACK:
            return "/v1/feedback", {"thumb": chance.choice(["up", "down"]), "comment": said}
    more: dict[str, Any] = {"tools": [_TOOL]} if kind in {Kind.TOOLS, Kind.CALL} else {}
    return "/api/chat" if ollama else "/v1/chat/completions", {"model": MODEL, "messages": messages, **more}


def _bad(word: str, chance: random.Random) -> Planned:
    messages = [{"role": "user", "content": word}]
    cases: list[tuple[str, dict[str, Any] | bytes, int]] = [
        ("/v1/chat/completions", {"model": "gpt-none", "messages": messages}, 404),
        ("/v1/chat/completions", {"model": MODEL, "messages": messages, "temperature": 9}, 400),
        ("/v1/chat/completions", {"model": MODEL, "messages": []}, 400),
        ("/api/chat", b'{"model": "web4-agent", "messages": [', 400),
        ("/api/generate", {"model": MODEL, "prompt": word, "suffix": "so"}, 400),
        ("/v1/embeddings", {"model": "all-minilm", "input": [word, ""]}, 400),
        ("/v1/feedback", {"response_id": f"w4-{word}", "thumb": "up"}, 400),
        ("/v1/nowhere", {"model": MODEL}, 404),
    ]
    path, body, status = chance.choice(cases)
    return Planned(word, Kind.BAD, path, body, status)


async def _asked(session: aiohttp.ClientSession, asked: Planned, known: list[str]) -> Outcome:
    body = asked.body
    if asked.kind is Kind.FEEDBACK and isinstance(body, dict):
        if not known:
            body = {"model": "all-minilm", "input": asked.word}
            asked = Planned(asked.word, Kind.EMBEDDING, "/v1/embeddings", body)
        else:
            body = {**body, "response_id": known[-1]}
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    outcome = Outcome(asked, monotonic())
    try:
        async with asyncio.timeout(LONGEST_S if asked.leaves_after_s is None else asked.leaves_after_s):
            async with session.post(asked.path, data=data, headers={"content-type": "application/json"}) as reply:
                outcome.status = reply.status
                outcome.response = reply.headers.get("x-web4-response-id", "")
                outcome.adapter = reply.headers.get("x-web4-adapter", "")
                outcome.retry_after = "retry-after" in reply.headers
                _read(outcome, await reply.text())
    except TimeoutError:
        outcome.ending = Ending.HUNG if asked.leaves_after_s is None else Ending.LEFT
    except aiohttp.ClientPayloadError as error:
        outcome.ending, outcome.detail = Ending.CUT, repr(error)
    except aiohttp.ClientError as error:
        outcome.ending, outcome.detail = Ending.LOST, repr(error)
    outcome.ended = monotonic()
    return outcome


def _read(outcome: Outcome, text: str) -> None:
    asked = outcome.asked
    if outcome.status != 200:
        outcome.ending, outcome.detail = Ending.REFUSED, text[:300]
        return
    found = re.search(rf"{asked.word} (\S+)", _said(asked, text))
    outcome.said = found[1] if found else ""
    outcome.ending = Ending.WHOLE
    if not asked.streams:
        return
    last = text.rstrip().rsplit("\n", 1)[-1]
    if '"error":' in last:
        outcome.ending, outcome.detail = Ending.BROKEN, last[:300]
    elif last != "data: [DONE]" and '"done":true' not in last:
        outcome.ending, outcome.detail = Ending.CUT, last[:300]


def _said(asked: Planned, text: str) -> str:
    """The words of an answer, whatever its shape; empty for calls and for what is no answer."""
    if not asked.logged:
        return ""
    lines = text.splitlines() if asked.streams else [text]
    bodies = [json.loads(line.removeprefix("data: ")) for line in lines if line and line != "data: [DONE]"]
    return "".join(_piece(body) for body in bodies)


def _piece(body: dict[str, Any]) -> str:
    choice: dict[str, Any] = next(iter(body.get("choices") or ()), {})
    message = choice.get("delta") or choice.get("message") or body.get("message") or {}
    return message.get("content") or choice.get("text") or body.get("response") or ""
