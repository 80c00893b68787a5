"""Everything the gate needs to know of one model, measured on the engine that would serve it.

Called by the night for production, golden and each candidate. Knows nothing of verdicts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from web4_agent.backends.engines.base import Engine, ScoreRequest
from web4_agent.domain.samples import HeldOut
from web4_agent.domain.speech import TextScore
from web4_agent.domain.verdicts import Canary, MarginItem, ModelScores, Stratum
from web4_agent.steps.judging.canaries import load_canaries, run_canaries
from web4_agent.steps.judging.challenges import load_challenges
from web4_agent.steps.judging.margins import load_margin_items, margin_requests, margins_from_scores
from web4_agent.steps.judging.texts import (
    FixedText,
    GeneralSample,
    NeutralPrompt,
    load_general_samples,
    load_general_texts,
    load_neutral_prompts,
    load_parity_texts,
    neutral_requests,
    parity_from_scores,
    parity_requests,
)

RESCORED_ITEMS = 10
NEUTRAL_TOP = 20

Scorer = Callable[[Sequence[ScoreRequest], Callable[[int], None]], list[TextScore]]
"""`Engine.score`, or the trainer's in its place."""


@dataclass(frozen=True, slots=True)
class GateItems:
    """What every night asks: loaded once, the same for all three models."""

    canaries: tuple[Canary, ...]
    margins: tuple[MarginItem, ...]
    neutral: tuple[NeutralPrompt, ...]
    parity: tuple[FixedText, ...]
    general_texts: tuple[HeldOut, ...]
    general_samples: tuple[GeneralSample, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """Everything a training sample may not repeat."""
        asked = [task.prompt for task in (*self.canaries, *load_challenges())]
        weighed = [f"{item.system}\n{item.prompt}\n{item.answer}" for item in self.margins]
        fixed = [*(text.text for text in self.parity), *(text.text for text in self.general_texts)]
        return (*asked, *weighed, *fixed, *(f"{prompt.prompt}\n{prompt.continuation}" for prompt in self.neutral))


@dataclass(frozen=True, slots=True)
class Measurement:
    """`neutral` are the scores of the neutral prompts, from which KL to golden is told; `on_engine` is False where
    another copy of the model was scored in place of the served bytes."""

    scores: ModelScores
    neutral: tuple[TextScore, ...]
    on_engine: bool


def load_gate_items(
    canaries: Path | None = None, margins: Path | None = None, per_stratum: int | None = None
) -> GateItems:
    """The shipped items with the team's own behind them. Raises SettingsError naming file and key.

    With `per_stratum`, only so many margin items of each stratum, whole families: a quicker and rougher gate.
    """
    weighed = load_margin_items(margins)
    return GateItems(
        load_canaries(canaries),
        weighed if per_stratum is None else _first_of_each(weighed, per_stratum),
        load_neutral_prompts(),
        load_parity_texts(),
        load_general_texts(),
        load_general_samples(),
    )


def measure(
    engine: Engine,
    items: GateItems,
    held_out: Sequence[HeldOut],
    *,
    score: Scorer | None = None,
    rescore: bool = False,
    done: Callable[[int, int], None] = lambda count, total: None,
) -> Measurement:
    """Ask the canaries, then score margins, held-out texts, neutral prompts and parity texts.

    `score` stands in for an engine that can't. With `rescore`, some margins are measured a second time at the end,
    after everything else has gone through the engine's cache. `done` counts canaries and scored texts.
    """
    weighed = margin_requests(items.margins)
    texts = [ScoreRequest((), item.text) for item in held_out]
    neutral = neutral_requests(items.neutral, NEUTRAL_TOP)
    parity = parity_requests(items.parity)
    twice = items.margins[:: max(1, len(items.margins) // RESCORED_ITEMS)] if rescore else ()
    again = margin_requests(twice)
    requests = [*weighed, *texts, *neutral, *parity, *again]
    asked = len(items.canaries)
    total = asked + len(requests)
    canaries = run_canaries(engine, items.canaries, lambda count: done(count, total))
    scores = (score or engine.score)(requests, lambda count: done(asked + count, total))
    parts = _split(scores, (len(weighed), len(texts), len(neutral), len(parity), len(again)))
    return Measurement(
        ModelScores(
            version=str(engine.adapter.version),
            canaries=canaries,
            margins=margins_from_scores(items.margins, parts[0]),
            held_out_bpb=tuple(
                (str(item.id), item.group, text.bits_per_byte) for item, text in zip(held_out, parts[1], strict=True)
            ),
            parity=parity_from_scores(items.parity, parts[3]),
            rescored=tuple((margin.item, margin.value) for margin in margins_from_scores(twice, parts[4])),
        ),
        tuple(parts[2]),
        score is None,
    )


def _first_of_each(items: Sequence[MarginItem], per_stratum: int) -> tuple[MarginItem, ...]:
    chosen: list[MarginItem] = []
    for stratum in Stratum:
        own = [item for item in items if item.stratum is stratum]
        families = {item.family for item in own[:per_stratum]}
        chosen += [item for item in own if item.family in families]
    return tuple(chosen)


def _split(scores: Sequence[TextScore], sizes: Sequence[int]) -> list[list[TextScore]]:
    parts, start = [], 0
    for size in sizes:
        parts.append(list(scores[start : start + size]))
        start += size
    return parts
