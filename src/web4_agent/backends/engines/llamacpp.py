"""The embedded engine: llama.cpp's server in a child process, one process per adapter.

Called by bootstrap through the engine seam. An adapter never changes inside a process: the server's prompt cache would
answer with another adapter's state. Likelihoods are read by a second child on the same files (`llamacpp_api`), which
must agree with the server before its first answer counts; where it can't, tokens are forced one by one over HTTP.
"""

import logging
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from queue import SimpleQueue
from time import monotonic

from web4_agent.backends.engines.artefact_check import verify_artefact
from web4_agent.backends.engines.base import Endpoint, EngineAbilities, ScoreRequest, ServedAdapter
from web4_agent.backends.engines.child_process import ChildProcess
from web4_agent.backends.engines.forced_decoding import forced_score
from web4_agent.backends.engines.http_json import JsonHttp, Reply
from web4_agent.domain.errors import EngineError, ModelError
from web4_agent.domain.speech import Completion, Message, TextScore, TokenScore

_log = logging.getLogger(__name__)
_CHILD = "web4_agent.backends.engines.llamacpp_child"
_GROUP = 4
_CHILD_ENVIRONMENT = {"GOMP_SPINCOUNT": "5000"}
"""Threads that spin while they wait bring a shared machine to a halt: 2 tokens/s against 30 on two busy cores."""
_TOP_LOGPROBS = 20
_WARM_UP = (Message("user", "Hello"),)
_PROBE = ScoreRequest(_WARM_UP, "Hello! How can I help you today?")
_PROBE_LIMIT_NATS = 0.05
"""Server and scorer are 0.0002 nat per token apart on this text, also on a 4-bit base; a misread adapter is not."""


@dataclass(frozen=True, slots=True)
class LlamaCppLauncher:
    """`parallel` requests are served at once, each with `context_tokens`. `gpu_layers` -1: all, where there is a GPU.
    `reuse_prefix` keeps the longest common prompt prefix between requests: right where people wait, wrong where an
    answer must be the same twice."""

    base_gguf: Path
    log_dir: Path
    context_tokens: int = 4096
    threads: int = 2
    parallel: int = 1
    gpu_layers: int = -1
    reuse_prefix: bool = False
    start_timeout_s: float = 120.0
    request_timeout_s: float = 300.0

    @property
    def name(self) -> str:
        return f"llama.cpp (xllamacpp {version('xllamacpp')})"

    def start(self, adapter: ServedAdapter) -> "LlamaCppEngine":
        if not self.base_gguf.is_file():
            raise ModelError(f"the model file {self.base_gguf} is missing", "web4-agent init")
        verify_artefact(adapter)
        key = secrets.token_urlsafe(24)
        log = self.log_dir / f"engine-{adapter.version}.log"
        child = ChildProcess.start(_CHILD, ["serve"], log, _CHILD_ENVIRONMENT)
        try:
            child.tell({**self.order(adapter), "api_key": key})
            address = child.answer(self.start_timeout_s).text("address")
            http = JsonHttp(address, child.hint, key, self.request_timeout_s)
            engine = LlamaCppEngine(self, adapter, child, http)
            engine.warm_up()
        except EngineError:
            child.close()
            raise
        return engine

    def order(self, adapter: ServedAdapter) -> dict[str, object]:
        """What both children are told."""
        return {
            "model": str(self.base_gguf),
            "adapter": str(adapter.artefact) if adapter.artefact else None,
            "context_tokens": self.context_tokens,
            "parallel": self.parallel,
            "threads": self.threads,
            "gpu_layers": self.gpu_layers,
        }


@dataclass(slots=True)
class LlamaCppEngine:
    """`address` and `api_key` are for those who stream: the server speaks OpenAI's protocol.

    `generate` may be called by several threads at once, `score` by one.
    """

    launcher: LlamaCppLauncher
    adapter: ServedAdapter
    child: ChildProcess
    http: JsonHttp = field(repr=False)
    scorers: tuple[ChildProcess, ...] = ()
    """One for each thread: two processes of one thread score twice what one of two does on so small a model."""
    scored_by: str = ""
    """`batch` or `forced` once something has been scored."""

    @property
    def abilities(self) -> EngineAbilities:
        return EngineAbilities(can_score=True, top_logprobs=_TOP_LOGPROBS)

    @property
    def address(self) -> str:
        return self.http.address

    @property
    def api_key(self) -> str:
        return self.http.api_key

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.http.address, api_key=self.http.api_key)

    @property
    def alive(self) -> bool:
        return self.child.alive

    def warm_up(self) -> None:
        """Answer once, so that the first person does not wait for pages to be read in. Raises EngineError."""
        if self.http.get("/health").text("status") != "ok":
            raise EngineError("the engine does not report itself healthy", self.http.hint)
        self.generate(_WARM_UP, max_tokens=1)

    def generate(
        self, messages: Sequence[Message], *, max_tokens: int, temperature: float = 0.0, seed: int = 0
    ) -> Completion:
        started = monotonic()
        reply = self._post(
            "/v1/chat/completions",
            {
                "messages": _wire(messages),
                "max_tokens": max_tokens,
                "temperature": temperature,
                "seed": seed,
                "cache_prompt": self.launcher.reuse_prefix,
            },
        )
        finish = reply.text("choices", 0, "finish_reason")
        return Completion(
            text=reply.text("choices", 0, "message", "content"),
            tokens_in=int(reply.number("usage", "prompt_tokens")),
            tokens_out=int(reply.number("usage", "completion_tokens")),
            finish="length" if finish == "length" else "stop",
            seconds=monotonic() - started,
            first_token_s=reply.number("timings", "prompt_ms") / 1000,
        )

    def score(
        self, requests: Sequence[ScoreRequest], done: Callable[[int], None] = lambda count: None
    ) -> list[TextScore]:
        """Neighbours with the same messages read them once: give the answers to a question one after the other."""
        if not self.scored_by:
            self._choose_scorer()
        groups = _groups(requests)
        free: SimpleQueue[ChildProcess | None] = SimpleQueue()
        for scorer in self.scorers or (None,):
            free.put(scorer)

        def score_group(group: list[ScoreRequest]) -> list[TextScore]:
            scorer = free.get()
            try:
                texts = [request.text for request in group]
                return self._score(scorer, group[0].messages, texts, min(group[0].top, _TOP_LOGPROBS))
            finally:
                free.put(scorer)

        scores: list[TextScore] = []
        with ThreadPoolExecutor(max(1, len(self.scorers)), "scorer") as pool:
            for part in pool.map(score_group, groups):
                scores += part
                done(len(scores))
        return scores

    def close(self) -> None:
        for child in (self.child, *self.scorers):
            child.close()

    def _score(
        self, scorer: ChildProcess | None, messages: tuple[Message, ...], texts: Sequence[str], top: int
    ) -> list[TextScore]:
        prompt = self._post("/apply-template", {"messages": _wire(messages)}).text("prompt") if messages else None
        if scorer is None:
            return [forced_score(self.http, prompt, text, top) for text in texts]
        scorer.tell({"prompt": prompt, "texts": list(texts), "top": top})
        answers = scorer.answer(self.launcher.request_timeout_s).items("scores")
        return [_score_of(answer, text) for answer, text in zip(answers, texts, strict=True)]

    def _choose_scorer(self) -> None:
        """Start the scoring children and hold each against the server on one short text; do without them if they differ
        or do not come up."""
        served = self._score(None, _PROBE.messages, [_PROBE.text], 0)[0]
        self.scored_by = "forced"
        log = self.launcher.log_dir / f"scorer-{self.adapter.version}.log"
        scorers = tuple(
            ChildProcess.start(_CHILD, ["score"], log, _CHILD_ENVIRONMENT) for _ in range(self.launcher.threads)
        )
        try:
            for scorer in scorers:
                scorer.tell({**self.launcher.order(self.adapter), "threads": 1})
            for scorer in scorers:
                scorer.answer(self.launcher.start_timeout_s)
                _agree(served, self._score(scorer, _PROBE.messages, [_PROBE.text], 0)[0])
            self.scorers = scorers
            self.scored_by = "batch"
        except EngineError as error:
            for scorer in scorers:
                scorer.close()
            _log.warning("engine.batch_scorer_unavailable adapter=%s reason=%s", self.adapter.version, error.message)

    def _post(self, path: str, body: dict[str, object]) -> Reply:
        try:
            return self.http.post(path, body)
        except EngineError as error:
            if not self.child.alive:
                raise self.child.died() from error
            raise


def _groups(requests: Sequence[ScoreRequest]) -> list[list[ScoreRequest]]:
    """Neighbours that share their messages, a few at a time, so that every scorer has work."""
    groups = []
    for _, same in groupby(requests, key=lambda request: (request.messages, request.top)):
        shared = list(same)
        groups += [shared[at : at + _GROUP] for at in range(0, len(shared), _GROUP)]
    return groups


def _agree(served: TextScore, batch: TextScore) -> None:
    """Raises EngineError if the scorer reads other tokens than the server, or other likelihoods."""
    if [each.token for each in batch.tokens] != [each.token for each in served.tokens]:
        raise EngineError("scorer and server tokenise differently")
    if abs(batch.mean - served.mean) > _PROBE_LIMIT_NATS:
        raise EngineError(f"scorer and server differ by {abs(batch.mean - served.mean):.3f} nat per token")


def _wire(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.content} for message in messages]


def _score_of(answer: Reply, text: str) -> TextScore:
    tops = [tuple((int(pair.number(0)), pair.number(1)) for pair in each.items()) for each in answer.items("top")]
    tokens = [int(each.number()) for each in answer.items("tokens")]
    logprobs = [each.number() for each in answer.items("logprobs")]
    return TextScore(tuple(TokenScore(*each) for each in zip(tokens, logprobs, tops, strict=True)), len(text.encode()))
