"""An engine that answers from a table; enough for what judging asks of one."""

from collections.abc import Callable, Mapping, Sequence

from web4_agent.backends.engines.base import Endpoint, EngineAbilities, ScoreRequest, ServedAdapter
from web4_agent.domain.ids import BASE
from web4_agent.domain.speech import Completion, Message, TextScore, TokenScore


class AnsweringEngine:
    """Answers the last message from `answers`, else with `otherwise`; remembers what it was asked."""

    def __init__(self, answers: Mapping[str, str], otherwise: str = "I don't know.") -> None:
        self._answers, self._otherwise = answers, otherwise
        self.asked: list[tuple[tuple[Message, ...], int, float]] = []

    @property
    def abilities(self) -> EngineAbilities:
        return EngineAbilities(can_score=False)

    @property
    def adapter(self) -> ServedAdapter:
        return ServedAdapter(BASE)

    @property
    def alive(self) -> bool:
        return True

    @property
    def endpoint(self) -> Endpoint:
        raise NotImplementedError

    def generate(
        self, messages: Sequence[Message], *, max_tokens: int, temperature: float = 0.0, seed: int = 0
    ) -> Completion:
        self.asked.append((tuple(messages), max_tokens, temperature))
        return Completion(self._answers.get(messages[-1].content, self._otherwise), 1, 1, "stop", 0.0)

    def score(
        self, requests: Sequence[ScoreRequest], done: Callable[[int], None] = lambda _count: None
    ) -> list[TextScore]:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing to close."""


def text_score(*logprobs: float, top: Sequence[Mapping[int, float]] = ()) -> TextScore:
    """Scores of tokens 0, 1, 2 …; `top` gives each place's alternatives."""
    tops = [tuple(place.items()) for place in top] or [()] * len(logprobs)
    return TextScore(
        tuple(TokenScore(at, logprob, tops[at]) for at, logprob in enumerate(logprobs)), text_bytes=4 * len(logprobs)
    )
