"""An engine that answers by script, for tests, tutorials and the demo: repeatable, instant, and mortal on request.

Called by bootstrap where the settings choose it. Knows no model: what an adapter does to it is part of the script.
"""

import math
import os
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

from web4_agent.backends.engines.artefact_check import verify_artefact
from web4_agent.backends.engines.base import Endpoint, EngineAbilities, ScoreRequest, ServedAdapter
from web4_agent.backends.engines.child_process import ChildProcess
from web4_agent.domain.errors import EngineError
from web4_agent.domain.ids import AdapterVersion
from web4_agent.domain.speech import Completion, Message, TextScore, TokenScore

Answer = Callable[[ServedAdapter, Sequence[Message]], str]
Likelihood = Callable[[ServedAdapter, ScoreRequest], float]
"""Mean log-probability per token, nats, at most 0."""

_CHILD = "web4_agent.backends.engines.scripted_child"
_START_S = 30.0
_TOP_LOGPROBS = 20
_PIECES = re.compile(r"\s*\S+")


@dataclass(frozen=True, slots=True)
class Script:
    """What engines say. `answer` wins over `answers`, which maps the last message's text to what is said; anything else
    is answered by the question itself. `dies_at` counts the requests of one engine from 1; `starts` says which adapter
    versions fail to come up. Over HTTP (see `scripted_child`) only `answers` counts, and `event_ms`, the pause before
    each event of a stream."""

    answers: Mapping[str, str] = field(default_factory=dict)
    answer: Answer | None = None
    likelihood: Likelihood | None = None
    dies_at: int | None = None
    fails_to_start: frozenset[AdapterVersion] = frozenset()
    can_score: bool = True
    event_ms: float = 0.0


@dataclass(slots=True)
class ScriptedLauncher:
    """Implements EngineLauncher. `started` keeps what was started, in order; `log_dir` is for those that speak HTTP."""

    script: Script = field(default_factory=Script)
    log_dir: Path | None = None
    started: list["ScriptedEngine"] = field(default_factory=list)

    @property
    def name(self) -> str:
        return "scripted"

    def start(self, adapter: ServedAdapter) -> "ScriptedEngine":
        verify_artefact(adapter)
        if adapter.version in self.script.fails_to_start:
            raise EngineError(f"the script lets {adapter.version} fail to start", "change the script")
        log = self.log_dir / f"engine-{adapter.version}.log" if self.log_dir else Path(os.devnull)
        engine = ScriptedEngine(self.script, adapter, log)
        self.started.append(engine)
        return engine


@dataclass(slots=True)
class ScriptedEngine:
    """Implements Engine. `requests` counts generations and scores together. It speaks HTTP, in a child process, from
    the first time it is asked for its endpoint."""

    script: Script
    adapter: ServedAdapter
    log: Path = Path(os.devnull)
    requests: int = 0
    closed: bool = False
    child: ChildProcess | None = None
    _endpoint: Endpoint | None = None

    @property
    def abilities(self) -> EngineAbilities:
        return EngineAbilities(self.script.can_score, _TOP_LOGPROBS if self.script.can_score else 0)

    @property
    def alive(self) -> bool:
        return not self.closed and (self.child is None or self.child.alive)

    @property
    def endpoint(self) -> Endpoint:
        if self._endpoint is None:
            key = secrets.token_urlsafe(24)
            self.child = ChildProcess.start(_CHILD, [], self.log, {})
            order = {"adapter": self.adapter.version, "api_key": key, "answers": dict(self.script.answers)}
            self.child.tell({**order, "event_ms": self.script.event_ms})
            self._endpoint = Endpoint(self.child.answer(_START_S).text("address"), api_key=key)
        return self._endpoint

    def generate(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float = 0.0,  # noqa: ARG002 - part of the contract; a script has no chance in it
        seed: int = 0,  # noqa: ARG002 - as above
    ) -> Completion:
        self._count()
        words = _pieces(self._said(messages))
        text = "".join(words[:max_tokens])
        asked = sum(len(_pieces(message.content)) for message in messages)
        finish = "length" if len(words) > max_tokens else "stop"
        return Completion(text, asked, min(len(words), max_tokens), finish, 0.0)

    def score(
        self, requests: Sequence[ScoreRequest], done: Callable[[int], None] = lambda count: None
    ) -> list[TextScore]:
        if not self.script.can_score:
            raise EngineError("this engine gives no likelihoods", "choose an engine that does: llamacpp")
        scores = []
        for request in requests:
            self._count()
            scores.append(self._scored(request))
            done(len(scores))
        return scores

    def close(self) -> None:
        self.closed = True
        if self.child is not None:
            self.child.close()

    def _said(self, messages: Sequence[Message]) -> str:
        if self.script.answer is not None:
            return self.script.answer(self.adapter, messages)
        asked = messages[-1].content if messages else ""
        return self.script.answers.get(asked, asked)

    def _scored(self, request: ScoreRequest) -> TextScore:
        """One token per word; each is as likely as the script says, or as a hash of the word and the adapter does."""
        tokens = []
        for word in _pieces(request.text):
            if self.script.likelihood is not None:
                logprob = self.script.likelihood(self.adapter, request)
            else:
                logprob = -1.0 - crc32(f"{self.adapter.version}\0{word}".encode()) / 2**32
            token = crc32(word.encode()) % 50_000
            tokens.append(TokenScore(token, logprob, _alternatives(token, logprob, min(request.top, _TOP_LOGPROBS))))
        return TextScore(tuple(tokens), len(request.text.encode()))

    def _count(self) -> None:
        if self.closed:
            raise EngineError("the scripted engine is closed", "start another")
        self.requests += 1
        if self.requests == self.script.dies_at:
            self.closed = True
            raise EngineError(f"the script lets the engine die at request {self.requests}", "change the script")


def _pieces(text: str) -> list[str]:
    """Words with the space before them; nothing of the text but space at its end is lost."""
    return _PIECES.findall(text)


def _alternatives(token: int, logprob: float, count: int) -> tuple[tuple[int, float], ...]:
    """The token itself and `count` - 1 others that share what it leaves, best first; no more than one in total mass."""
    if count == 0:
        return ()
    left = max(1e-12, 1.0 - math.exp(logprob)) / (2 * count)
    others = [(token + step, math.log(left)) for step in range(1, count)]
    return tuple(sorted([(token, logprob), *others], key=lambda pair: (-pair[1], pair[0])))
