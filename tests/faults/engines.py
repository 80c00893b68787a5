"""Engines that answer garbage: a scripted one whose answers are spoilt on the way."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from web4_agent.backends.engines.base import (
    Endpoint,
    Engine,
    EngineAbilities,
    EngineLauncher,
    ScoreRequest,
    ServedAdapter,
)
from web4_agent.domain.speech import Completion, Message, TextScore

Spoil = Callable[[Sequence[ScoreRequest], list[TextScore]], list[TextScore]]


def every(logprob: float) -> Spoil:
    return lambda _, scores: [_with(score, logprob) for score in scores]


def neutral_alone(requests: Sequence[ScoreRequest], scores: list[TextScore]) -> list[TextScore]:
    """No numbers where the alternatives are asked for, and nowhere else."""
    return [_with(score, math.nan) if asked.top else score for asked, score in zip(requests, scores, strict=True)]


def no_tokens(_: Sequence[ScoreRequest], scores: list[TextScore]) -> list[TextScore]:
    return [replace(score, tokens=()) for score in scores]


def first_token_alone(_: Sequence[ScoreRequest], scores: list[TextScore]) -> list[TextScore]:
    return [replace(score, tokens=score.tokens[:1]) for score in scores]


def three_too_few(_: Sequence[ScoreRequest], scores: list[TextScore]) -> list[TextScore]:
    return scores[:-3]


def _with(score: TextScore, logprob: float) -> TextScore:
    return replace(score, tokens=tuple(replace(token, logprob=logprob) for token in score.tokens))


@dataclass
class SpoiltLauncher:
    """`candidate`: whether the candidate's engine is the spoilt one, or production's."""

    inner: EngineLauncher
    candidate: bool
    spoil: Spoil | None = None
    silent: bool = False
    name: str = "scripted"

    def start(self, adapter: ServedAdapter) -> Engine:
        engine = self.inner.start(adapter)
        spoilt = (adapter.artefact is not None) == self.candidate
        return _SpoiltEngine(engine, self.spoil, self.silent) if spoilt else engine


@dataclass
class _SpoiltEngine:
    inner: Engine
    spoil: Spoil | None
    silent: bool

    @property
    def abilities(self) -> EngineAbilities:
        return self.inner.abilities

    @property
    def adapter(self) -> ServedAdapter:
        return self.inner.adapter

    @property
    def alive(self) -> bool:
        return self.inner.alive

    @property
    def endpoint(self) -> Endpoint:
        return self.inner.endpoint

    def generate(
        self, messages: Sequence[Message], *, max_tokens: int, temperature: float = 0.0, seed: int = 0
    ) -> Completion:
        said = self.inner.generate(messages, max_tokens=max_tokens, temperature=temperature, seed=seed)
        return replace(said, text="", tokens_out=0) if self.silent else said

    def score(
        self, requests: Sequence[ScoreRequest], done: Callable[[int], None] = lambda count: None
    ) -> list[TextScore]:
        scores = self.inner.score(requests, done)
        return self.spoil(requests, scores) if self.spoil else scores

    def close(self) -> None:
        self.inner.close()
