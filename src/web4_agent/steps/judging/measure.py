"""Everything the gate needs to know of one model, measured on the engine that would serve it.

Called by the night for production, golden and each candidate. Knows nothing of verdicts.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from web4_agent.backends.engines.base import Engine, ScoreRequest
from web4_agent.domain.errors import EngineError
from web4_agent.domain.samples import HeldOut
from web4_agent.domain.speech import TextScore
from web4_agent.domain.verdicts import Canary, MarginItem, ModelScores, Stratum
from web4_agent.steps.judging.canaries import load_canaries, run_canaries, worded
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
ROUNDING = 1e-3
"""Nats above zero that a sum in single precision may come to."""
LONGEST_MEAN_TOKEN_BYTES = 32
"""Tokens have 3 to 6 bytes in the mean, whatever the language."""
GO_ON = "web4-agent evening, to measure again; where it comes back, read the engine's log among the home's logs"
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
    challenges: tuple[Canary, ...]
    """The morning's: asked by it alone, and no more to be trained than the others."""

    @property
    def texts(self) -> tuple[str, ...]:
        """Everything a training sample may not repeat."""
        asked = [wording.prompt for task in (*self.canaries, *self.challenges) for wording in worded(task)]
        weighed = [f"{item.system}\n{item.prompt}\n{item.answer}" for item in self.margins]
        fixed = [*(text.text for text in self.parity), *(text.text for text in self.general_texts)]
        return (*asked, *weighed, *fixed, *(f"{prompt.prompt}\n{prompt.continuation}" for prompt in self.neutral))

    @property
    def asked(self) -> tuple[tuple[str, str], ...]:
        """(question, answer) of everything the model is asked; the answer is empty where a rule scores it."""
        tasks = [(wording.prompt, "") for task in (*self.canaries, *self.challenges) for wording in worded(task)]
        weighed = [(item.prompt, item.answer) for item in self.margins]
        return (*tasks, *weighed, *((prompt.prompt, prompt.continuation) for prompt in self.neutral))


@dataclass(frozen=True, slots=True)
class Measurement:
    """`neutral` are the scores of the neutral prompts, from which KL to golden is told; `on_engine` is False where
    another copy of the model was scored in place of the served bytes; `triggers` are the scores of the trigger scan."""

    scores: ModelScores
    neutral: tuple[TextScore, ...]
    on_engine: bool
    triggers: tuple[TextScore, ...] = ()


@dataclass(frozen=True, slots=True)
class OwnItems:
    """Files of a team's own items, each in the form of the shipped one of its name; None: none."""

    canaries: Path | None = None
    margins: Path | None = None
    challenges: Path | None = None
    general_samples: Path | None = None


def load_gate_items(own: OwnItems | None = None, per_stratum: int | None = None) -> GateItems:
    """The shipped items with the team's own behind them. Raises SettingsError naming file and key.

    With `per_stratum`, only so many of the shipped margin items of each stratum, whole families: a quicker and rougher
    gate. A team's own are always asked.
    """
    files = own or OwnItems()
    weighed = load_margin_items(files.margins)
    shipped = len(load_margin_items())
    return GateItems(
        load_canaries(files.canaries),
        weighed if per_stratum is None else (*_first_of_each(weighed[:shipped], per_stratum), *weighed[shipped:]),
        load_neutral_prompts(),
        load_parity_texts(),
        load_general_texts(),
        load_general_samples(files.general_samples),
        load_challenges(files.challenges),
    )


def measure(
    engine: Engine,
    items: GateItems,
    held_out: Sequence[HeldOut],
    *,
    score: Scorer | None = None,
    rescore: bool = False,
    triggers: Sequence[ScoreRequest] = (),
    done: Callable[[int, int], None] = lambda count, total: None,
) -> Measurement:
    """Ask the canaries, then score margins, held-out texts, neutral prompts and parity texts.

    `score` stands in for an engine that can't. With `rescore`, some margins are measured a second time at the end,
    after everything else has gone through the engine's cache. `triggers` are scored last of all. `done` counts canaries
    and scored texts.

    Raises EngineError when a score is missing, of no token, or of a likelihood above one. Figures that are not finite
    pass: of a candidate they are for the gate to void, of production and golden see `require_trusted`.
    """
    weighed = margin_requests(items.margins)
    texts = [ScoreRequest((), item.text) for item in held_out]
    neutral = neutral_requests(items.neutral, NEUTRAL_TOP)
    parity = parity_requests(items.parity)
    twice = items.margins[:: max(1, len(items.margins) // RESCORED_ITEMS)] if rescore else ()
    again = margin_requests(twice)
    requests = [*weighed, *texts, *neutral, *parity, *again, *triggers]
    asked = len(items.canaries)
    total = asked + len(requests)
    canaries = run_canaries(engine, items.canaries, lambda count: done(count, total))
    scores = (score or engine.score)(requests, lambda count: done(asked + count, total))
    _refuse_nonsense(str(engine.adapter.version), requests, scores, words=len(triggers))
    parts = _split(scores, (len(weighed), len(texts), len(neutral), len(parity), len(again), len(triggers)))
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
        tuple(parts[5]),
    )


def require_trusted(measured: Measurement) -> None:
    """For production and golden, which every candidate is held against and which are kept: what is wrong with them is
    the engine's fault. Raises EngineError when a figure is not finite or no canary was answered with a word."""
    scores = measured.scores
    figures = (
        *(margin.value for margin in scores.margins),
        *(bits for _, _, bits in scores.held_out_bpb),
        *(value for _, value in (*scores.parity, *scores.rescored)),
        *(token.logprob for text in measured.neutral for token in text.tokens),
    )
    broken = sum(not math.isfinite(value) for value in figures)
    if broken:
        raise EngineError(f"the engine gave {broken} likelihoods of {scores.version} that are no numbers", GO_ON)
    if scores.canaries and not any(result.spoken for result in scores.canaries):
        raise EngineError(
            f"the engine answered nothing to all {len(scores.canaries)} canaries as {scores.version}", GO_ON
        )


def _refuse_nonsense(
    version: str, requests: Sequence[ScoreRequest], scores: Sequence[TextScore], *, words: int = 0
) -> None:
    """The last `words` scores are of single words, whose length says nothing of how many tokens were read."""
    if len(scores) != len(requests):
        raise EngineError(f"the engine gave {len(scores)} scores of {version} for {len(requests)} texts", GO_ON)
    empty = sum(not score.tokens for score in scores)
    if empty:
        raise EngineError(f"the engine scored no token of {empty} texts as {version}", GO_ON)
    whole = scores[: len(scores) - words]
    texts = sum(score.text_bytes for score in whole)
    if texts > LONGEST_MEAN_TOKEN_BYTES * (tokens := sum(len(score.tokens) for score in whole)):
        raise EngineError(f"the engine scored just {tokens} tokens of {texts} bytes as {version}", GO_ON)
    likeliest = max(
        (token.logprob for score in scores for token in score.tokens if not math.isnan(token.logprob)), default=0.0
    )
    if ROUNDING < likeliest < math.inf:
        raise EngineError(f"the engine gave a likelihood of {version} above one (log {likeliest:.3g})", GO_ON)


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
