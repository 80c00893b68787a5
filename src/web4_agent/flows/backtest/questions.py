"""Everything a model is asked after each night of a backtest, as requests to score, and the scores taken apart again.

All on the trainer's copy of the model: hundreds of texts a night, of adapters that will never serve.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from web4_agent.backends.engines.base import ScoreRequest
from web4_agent.domain.errors import TrainingError
from web4_agent.domain.samples import HeldOut, Probe
from web4_agent.domain.speech import Message, TextScore
from web4_agent.flows.backtest.parts import Day, Scored
from web4_agent.steps.judging.margins import margin_requests, margins_from_scores
from web4_agent.steps.judging.measure import NEUTRAL_TOP, GateItems
from web4_agent.steps.judging.texts import neutral_requests


@dataclass(frozen=True, slots=True)
class Questions:
    held_out: tuple[HeldOut, ...]
    probes: tuple[Probe, ...]
    items: GateItems

    @classmethod
    def of(cls, days: Sequence[Day], items: GateItems) -> "Questions":
        held_out = tuple(item for day in days for item in day.held_out)
        return cls(held_out, tuple(probe for day in days for probe in day.probes), items)

    def requests(self) -> list[ScoreRequest]:
        return [part for parts in self._parts() for part in parts]

    def scored(self, scores: Sequence[TextScore]) -> Scored:
        """Raises TrainingError when the trainer did not score every request."""
        sizes = [len(part) for part in self._parts()]
        if len(scores) != sum(sizes):
            raise TrainingError(f"{len(scores)} scores for {sum(sizes)} texts", "type the same command again")
        parts, start = [], 0
        for size in sizes:
            parts.append(scores[start : start + size])
            start += size
        texts, general, answers, margins, neutral = parts
        return Scored(
            tuple((str(item.id), one.bits_per_byte) for item, one in zip(self.held_out, texts, strict=True)),
            tuple(
                (str(item.id), one.bits_per_byte) for item, one in zip(self.items.general_texts, general, strict=True)
            ),
            tuple(self._leads(answers)),
            margins_from_scores(self.items.margins, margins),
            tuple(neutral),
        )

    def _leads(self, answers: Sequence[TextScore]) -> list[tuple[str, float]]:
        leads, start = [], 0
        for probe in self.probes:
            right, *wrong = answers[start : start + 1 + len(probe.wrong)]
            start += 1 + len(probe.wrong)
            leads.append((str(probe.id), right.mean - max(one.mean for one in wrong)))
        return leads

    def _parts(self) -> tuple[list[ScoreRequest], ...]:
        return (
            [ScoreRequest((), item.text) for item in self.held_out],
            [ScoreRequest((), item.text) for item in self.items.general_texts],
            [
                ScoreRequest((Message("user", probe.prompt),), answer)
                for probe in self.probes
                for answer in (probe.answer, *probe.wrong)
            ],
            margin_requests(self.items.margins),
            neutral_requests(self.items.neutral, NEUTRAL_TOP),
        )
