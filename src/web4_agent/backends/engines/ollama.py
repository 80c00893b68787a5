"""Ollama as the engine: each adapter version becomes a model of its own, made from the base model and the GGUF adapter.

Called by bootstrap where the settings choose it. Ollama gives log-probabilities of what it writes, none of a given
text: this engine can't score, and the trainer's copy does.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from web4_agent.backends.engines.artefact_check import verify_artefact
from web4_agent.backends.engines.base import Endpoint, EngineAbilities, ScoreRequest, ServedAdapter
from web4_agent.backends.engines.http_json import JsonHttp
from web4_agent.domain.errors import EngineError
from web4_agent.domain.speech import Completion, Message, TextScore

_NANOSECONDS = 1e9
_WARM_UP = (Message("user", "Hello"),)


@dataclass(frozen=True, slots=True)
class OllamaLauncher:
    """`base` is a model that Ollama has (`qwen2.5-coder:7b-instruct`); `model` names what is made of it:
    `web4-agent:<adapter version>`. No name is ever given to other weights, so no cached state is another adapter's."""

    base: str
    url: str = "http://127.0.0.1:11434"
    model: str = "web4-agent"
    context_tokens: int = 4096
    timeout_s: float = 600.0

    @property
    def name(self) -> str:
        return f"Ollama at {self.url} ({self.base})"

    def start(self, adapter: ServedAdapter) -> "OllamaEngine":
        verify_artefact(adapter)
        http = JsonHttp(self.url, f"is Ollama running at {self.url}? ollama ps", timeout_s=self.timeout_s)
        model = self.base
        if adapter.artefact is not None:
            model = f"{self.model}:{adapter.version}"
            self._create(http, model, adapter)
        engine = OllamaEngine(adapter, model, http, self.context_tokens)
        engine.generate(_WARM_UP, max_tokens=1)
        return engine

    def modelfile(self, adapter: ServedAdapter) -> str:
        """The same model for `ollama create` by hand."""
        lines = [f"FROM {self.base}", *([f"ADAPTER {adapter.artefact}"] if adapter.artefact else [])]
        return "\n".join([*lines, f"PARAMETER num_ctx {self.context_tokens}", ""])

    def _create(self, http: JsonHttp, model: str, adapter: ServedAdapter) -> None:
        """Upload the adapter under its hash, then make the model of it; both are no work when done before."""
        if adapter.artefact is None:
            return
        content = adapter.artefact.read_bytes()
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if not http.exists(f"/api/blobs/{digest}"):
            http.send("POST", f"/api/blobs/{digest}", content, "application/octet-stream")
        made = http.post(
            "/api/create",
            {
                "model": model,
                "from": self.base,
                "adapters": {adapter.artefact.name: digest},
                "parameters": {"num_ctx": self.context_tokens},
                "stream": False,
            },
        )
        if made.text("status") != "success":
            raise EngineError(f"Ollama could not make {model}: {made.text('status')}", http.hint)


@dataclass(slots=True)
class OllamaEngine:
    """Implements Engine."""

    adapter: ServedAdapter
    model: str
    http: JsonHttp
    context_tokens: int
    closed: bool = False

    @property
    def abilities(self) -> EngineAbilities:
        return EngineAbilities(can_score=False)

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.http.address, self.model)

    @property
    def alive(self) -> bool:
        return not self.closed

    def generate(
        self, messages: Sequence[Message], *, max_tokens: int, temperature: float = 0.0, seed: int = 0
    ) -> Completion:
        if self.closed:
            raise EngineError(f"the engine for {self.model} is closed", "start another")
        started = monotonic()
        reply = self.http.post(
            "/api/chat",
            {
                "model": self.model,
                "messages": [{"role": message.role, "content": message.content} for message in messages],
                "stream": False,
                "options": {
                    "num_predict": max_tokens,
                    "temperature": temperature,
                    "seed": seed,
                    "num_ctx": self.context_tokens,
                    "repeat_penalty": 1.0,  # Ollama's own default bends greedy answers away from the model's
                },
            },
        )
        before = sum(reply.number(key) for key in ("load_duration", "prompt_eval_duration") if reply.has(key))
        return Completion(
            text=reply.text("message", "content"),
            tokens_in=int(reply.number("prompt_eval_count")) if reply.has("prompt_eval_count") else 0,
            tokens_out=int(reply.number("eval_count")),
            finish="length" if reply.has("done_reason") and reply.text("done_reason") == "length" else "stop",
            seconds=monotonic() - started,
            first_token_s=before / _NANOSECONDS,
        )

    def score(
        self,
        requests: Sequence[ScoreRequest],  # noqa: ARG002 - part of the contract
        done: Callable[[int], None] = lambda count: None,  # noqa: ARG002 - as above
    ) -> list[TextScore]:
        raise EngineError("Ollama gives no likelihoods of a given text", "the trainer's copy scores instead")

    def close(self) -> None:
        """Let Ollama free the memory now, not after five idle minutes. The model stays, ready for a rollback."""
        if self.closed:
            return
        self.closed = True
        try:
            self.http.post("/api/generate", {"model": self.model, "keep_alive": 0, "stream": False})
        except EngineError:
            return  # a server that is gone holds no memory
