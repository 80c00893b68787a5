"""The engine seam: generate greedily, score a given text, stop. Steps and flows know only this file.

An engine serves one base model with at most one adapter, fixed when it starts; another adapter is another engine.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from web4_agent.domain.ids import AdapterVersion, ContentHash
from web4_agent.domain.speech import Completion, Message, TextScore


@dataclass(frozen=True, slots=True)
class EngineAbilities:
    """`can_score`: gives raw log-probabilities of a given text; `top_logprobs`: most alternatives a token."""

    can_score: bool
    top_logprobs: int = 0


@dataclass(frozen=True, slots=True)
class ServedAdapter:
    """What an engine is started with. `artefact` is the adapter file; None (with no hash) for the bare base model."""

    version: AdapterVersion
    artefact: Path | None = None
    artefact_hash: ContentHash | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an engine speaks OpenAI's protocol, for those who stream. `url` ends before `/v1`; `model` is its name
    there, empty where the server has just one."""

    url: str
    model: str = ""
    api_key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """The likelihood of `text` after `messages`, rendered with the model's chat template, the assistant's turn opened.

    With no messages, the text stands alone after the model's begin-of-text token, if it has one.
    `top`: how many alternatives to report for each token; at most the engine's `top_logprobs`.
    """

    messages: tuple[Message, ...]
    text: str
    top: int = 0


class Engine(Protocol):
    """A running engine. Close it; closing twice is no error. Every call raises EngineError when the engine died, did
    not answer in time or answered nonsense, and names the engine's log in the hint."""

    @property
    def abilities(self) -> EngineAbilities: ...

    @property
    def adapter(self) -> ServedAdapter: ...

    @property
    def alive(self) -> bool:
        """False once the engine is closed or known to be dead; asking costs no request."""

    @property
    def endpoint(self) -> Endpoint: ...

    def generate(
        self, messages: Sequence[Message], *, max_tokens: int, temperature: float = 0.0, seed: int = 0
    ) -> Completion:
        """One completion; temperature 0 is greedy and repeatable on the same engine."""

    def score(
        self, requests: Sequence[ScoreRequest], done: Callable[[int], None] = lambda count: None
    ) -> list[TextScore]:
        """One score per request, in order. `done` is told after each request how many are finished.

        Raises EngineError if the engine can't score (see `abilities`).
        """

    def close(self) -> None: ...


class EngineLauncher(Protocol):
    """Starts engines. `start` returns when the engine is healthy and has answered a warm-up request; it verifies that
    the artefact has the hash it should have, and raises IntegrityError naming both if not, ModelError if a file is
    missing, EngineError if the engine does not come up."""

    @property
    def name(self) -> str:
        """Implementation and version, for the report: `llama.cpp (xllamacpp 2026.10.11549)`."""

    def start(self, adapter: ServedAdapter) -> Engine: ...
