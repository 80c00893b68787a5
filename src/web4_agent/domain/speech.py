"""What is said to an engine and what it says back: messages, completions, and the likelihood of a given answer."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Completion:
    """`finish` is `stop` or `length`; `seconds` is wall time, `first_token_s` up to the first token (0 if unknown)."""

    text: str
    tokens_in: int
    tokens_out: int
    finish: str
    seconds: float
    first_token_s: float = 0.0


@dataclass(frozen=True, slots=True)
class TokenScore:
    """Raw (before sampling) log-probability of the token that the text has, in nats, and the most likely others.

    `top` holds (token id, log-probability) of the most likely tokens, best first; empty where none were asked for.
    """

    token: int
    logprob: float
    top: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class TextScore:
    """The likelihood of one text given what came before it."""

    tokens: tuple[TokenScore, ...]
    text_bytes: int

    @property
    def total(self) -> float:
        """Sum of log-probabilities, nats (≤ 0)."""
        return sum(token.logprob for token in self.tokens)

    @property
    def mean(self) -> float:
        """Mean log-probability per token, nats (≤ 0)."""
        return self.total / len(self.tokens) if self.tokens else 0.0

    @property
    def bits_per_byte(self) -> float:
        return -self.total / (0.6931471805599453 * self.text_bytes) if self.text_bytes else 0.0
