"""Any server that speaks OpenAI's protocol as the engine: vLLM, llama.cpp's server on another machine, others.

Called by bootstrap where the settings choose it. Generation works on all of them. Likelihoods need vLLM's
`prompt_logprobs`, which is asked for once at the start; adapters need vLLM's run-time loading, which the settings
switch on. vLLM reads the adapter's PEFT folder at the same path as we do, so both must see one file system.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from web4_agent.backends.engines.artefact_check import verify_artefact
from web4_agent.backends.engines.base import Endpoint, EngineAbilities, ScoreRequest, ServedAdapter
from web4_agent.backends.engines.http_json import JsonHttp, Reply
from web4_agent.domain.errors import EngineError, ModelError
from web4_agent.domain.speech import Completion, Message, TextScore, TokenScore

_TOP_LOGPROBS = 20
_WARM_UP = (Message("user", "Hello"),)


@dataclass(frozen=True, slots=True)
class OpenAiLauncher:
    """`url` ends before `/v1`. `model` is the server's name of the base model. `loads_adapters`: the server is vLLM
    with VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 and --enable-lora; each version gets a name of its own, because a name that
    is given to other weights keeps the old ones' prefix cache."""

    url: str
    model: str
    api_key: str = ""
    loads_adapters: bool = False
    timeout_s: float = 600.0

    @property
    def name(self) -> str:
        return f"OpenAI-compatible server at {self.url} ({self.model})"

    def start(self, adapter: ServedAdapter) -> "OpenAiEngine":
        verify_artefact(adapter)
        http = JsonHttp(self.url, f"is the server running? curl {self.url}/v1/models", self.api_key, self.timeout_s)
        model = self.model
        if adapter.artefact is not None:
            model = f"{self.model}-{adapter.version}"
            self._load(http, model, adapter)
        engine = OpenAiEngine(adapter, model, http, can_score=_gives_prompt_logprobs(http, model))
        engine.generate(_WARM_UP, max_tokens=1)
        return engine

    def _load(self, http: JsonHttp, model: str, adapter: ServedAdapter) -> None:
        if not self.loads_adapters:
            raise ModelError(
                f"the server at {self.url} takes no adapters", 'set engine.kind to "llama.cpp" in web4.toml'
            )
        if adapter.artefact is None or adapter.artefact.suffix != ".safetensors":
            raise ModelError(
                f"vLLM serves PEFT folders, not {adapter.artefact}", 'set engine.kind to "openai" in web4.toml'
            )
        served = {each.text("id") for each in http.get("/v1/models").items("data")}
        if model not in served:
            body = {"lora_name": model, "lora_path": str(adapter.artefact.parent.resolve())}
            http.send("POST", "/v1/load_lora_adapter", json.dumps(body).encode())  # answers in plain text


@dataclass(slots=True)
class OpenAiEngine:
    """Implements Engine."""

    adapter: ServedAdapter
    model: str
    http: JsonHttp
    can_score: bool
    closed: bool = False

    @property
    def abilities(self) -> EngineAbilities:
        return EngineAbilities(self.can_score, _TOP_LOGPROBS if self.can_score else 0)

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.http.address, self.model, self.http.api_key)

    @property
    def alive(self) -> bool:
        return not self.closed

    def generate(
        self, messages: Sequence[Message], *, max_tokens: int, temperature: float = 0.0, seed: int = 0
    ) -> Completion:
        self._check_open()
        started = monotonic()
        reply = self.http.post(
            "/v1/chat/completions",
            {
                "model": self.model,
                "messages": _wire(messages),
                "max_tokens": max_tokens,
                "temperature": temperature,
                "seed": seed,
            },
        )
        choice = reply.at("choices", 0)
        return Completion(
            text=choice.text("message", "content") if choice.at("message").has("content") else "",
            tokens_in=int(reply.number("usage", "prompt_tokens")),
            tokens_out=int(reply.number("usage", "completion_tokens")),
            finish="length" if choice.text("finish_reason") == "length" else "stop",
            seconds=monotonic() - started,
        )

    def score(
        self, requests: Sequence[ScoreRequest], done: Callable[[int], None] = lambda count: None
    ) -> list[TextScore]:
        self._check_open()
        if not self.can_score:
            raise EngineError("this server gives no likelihoods of a given text", "the trainer's copy scores instead")
        scores = []
        for request in requests:
            scores.append(self._score(request))
            done(len(scores))
        return scores

    def close(self) -> None:
        """Let the server forget the adapter. Its name is never used for another."""
        if self.closed:
            return
        self.closed = True
        if self.adapter.artefact is not None:
            try:
                self.http.send("POST", "/v1/unload_lora_adapter", json.dumps({"lora_name": self.model}).encode())
            except EngineError:
                return  # a server that is gone, or has been restarted, holds no adapter

    def _score(self, request: ScoreRequest) -> TextScore:
        before = self._before(request.messages)
        text = self._tokens({"prompt": request.text, "add_special_tokens": False})
        first = max(1, len(before))
        tokens = before + text
        top = min(request.top, _TOP_LOGPROBS)
        reply = self.http.post(
            "/v1/completions",
            {"model": self.model, "prompt": tokens, "max_tokens": 1, "temperature": 0.0, "prompt_logprobs": top},
        )
        steps = reply.items("choices", 0, "prompt_logprobs")
        if len(steps) != len(tokens):
            raise EngineError(f"the server scored {len(steps)} tokens of {len(tokens)}", self.http.hint)
        scored = tuple(_scored(step, token, top) for step, token in zip(steps[first:], tokens[first:], strict=True))
        return TextScore(scored, len(request.text.encode()))

    def _before(self, messages: Sequence[Message]) -> list[int]:
        """The rendered conversation; with no messages, what the tokenizer puts before an empty text."""
        if messages:
            return self._tokens({"messages": _wire(messages), "add_generation_prompt": True})
        return self._tokens({"prompt": "", "add_special_tokens": True})

    def _tokens(self, what: dict[str, object]) -> list[int]:
        reply = self.http.post("/tokenize", {"model": self.model, **what})
        return [int(each.number()) for each in reply.items("tokens")]

    def _check_open(self) -> None:
        if self.closed:
            raise EngineError(f"the engine for {self.model} is closed", "start another")


def _gives_prompt_logprobs(http: JsonHttp, model: str) -> bool:
    """Whether the server answers with `prompt_logprobs` when asked for them: vLLM does, others ignore or refuse it."""
    asked = {"model": model, "prompt": "a b", "max_tokens": 1, "prompt_logprobs": 1}
    try:
        return http.post("/v1/completions", asked).at("choices", 0).has("prompt_logprobs")
    except EngineError:
        return False


def _scored(step: Reply, token: int, top: int) -> TokenScore:
    """The server maps token ids, as text, to log-probabilities: the text's own token and the most likely ones."""
    logprob = step.number(str(token), "logprob")
    found = sorted(
        ((int(key), step.number(key, "logprob")) for key in step.value), key=lambda pair: (-pair[1], pair[0])
    )
    return TokenScore(token, logprob, tuple(found[:top]))


def _wire(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.content} for message in messages]
