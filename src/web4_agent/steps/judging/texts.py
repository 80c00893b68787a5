"""Fixed texts and what is measured on them: drift on neutral prompts, export parity, general bits per byte; and the
general share of a night's training.

Called by the night, the calibration and the backtest. Knows no verdict.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from web4_agent.backends.engines.base import ScoreRequest
from web4_agent.domain.errors import EngineError
from web4_agent.domain.ids import SampleId
from web4_agent.domain.samples import HeldOut
from web4_agent.domain.speech import Message, TextScore, TokenScore
from web4_agent.steps.judging.tables import read_tables, refuse_duplicates, shipped

BEGIN_ANEW = "web4-agent evening --abandon, then web4-agent evening"
"""What was measured before does not go with what is measured now."""
LEAST_PROBABILITY = 1e-9
"""What is left over for the unreported tokens is never taken as less: rounding must not make a logarithm infinite."""


@dataclass(frozen=True, slots=True)
class NeutralPrompt:
    """A prompt on no subject of the journal, and the continuation along which two models are compared."""

    id: str
    prompt: str
    continuation: str


@dataclass(frozen=True, slots=True)
class FixedText:
    id: str
    text: str


@dataclass(frozen=True, slots=True)
class GeneralSample:
    """A question of general kind and its right answer, for the share of training that keeps the model as it was;
    `safety`: one that keeps refusals where they are."""

    id: str
    prompt: str
    answer: str
    safety: bool = False


def load_neutral_prompts(path: Path | None = None) -> tuple[NeutralPrompt, ...]:
    source = path or shipped("neutral_prompts.toml")
    tables = read_tables(source, "neutral", frozenset({"id", "prompt", "continuation"}))
    prompts = tuple(NeutralPrompt(row.text("id"), row.text("prompt"), row.text("continuation")) for row in tables)
    refuse_duplicates(prompts, lambda prompt: prompt.id, str(source))
    return prompts


def load_parity_texts(path: Path | None = None) -> tuple[FixedText, ...]:
    return _fixed_texts(path or shipped("parity_texts.toml"))


def load_general_texts(path: Path | None = None) -> tuple[HeldOut, ...]:
    """Held-out texts of the group `general`: bits per byte on them show what a night costs elsewhere."""
    return tuple(
        HeldOut(SampleId(fixed.id), "general", fixed.text)
        for fixed in _fixed_texts(path or shipped("general_texts.toml"))
    )


def load_general_samples(own: Path | None = None) -> tuple[GeneralSample, ...]:
    """The shipped samples, and behind them those of the team's own file. Raises SettingsError naming file and key."""
    sources = [shipped("general_samples.toml"), *([own] if own else [])]
    samples = tuple(sample for source in sources for sample in _general_samples(source))
    refuse_duplicates(samples, lambda sample: sample.id, str(sources[-1]))
    return samples


def _general_samples(source: Path) -> list[GeneralSample]:
    tables = read_tables(source, "sample", frozenset({"id", "prompt", "answer", "safety"}))
    return [GeneralSample(row.text("id"), row.text("prompt"), row.text("answer"), row.flag("safety")) for row in tables]


def neutral_requests(prompts: Sequence[NeutralPrompt], top: int) -> list[ScoreRequest]:
    """One request a prompt, reporting the `top` likeliest tokens at each place: the more, the tighter the bound."""
    return [ScoreRequest((Message("user", prompt.prompt),), prompt.continuation, top) for prompt in prompts]


def kl_from_scores(candidate: Sequence[TextScore], golden: Sequence[TextScore]) -> float:
    """Mean KL(candidate ‖ golden) per token, nats, along the same texts: a lower bound.

    At each place the tokens that both report (the likeliest, and the one the text has) are told apart and all others
    thrown into one bucket; by the log-sum inequality merging tokens can only lower the divergence. What 20 tokens hold
    is nearly all of it. Raises EngineError when the scores are not of the same tokens, or of none.
    """
    pairs = [(ours, theirs) for a, b in zip(candidate, golden, strict=False) for ours, theirs in _places(a, b)]
    if not pairs or len(candidate) != len(golden):
        raise EngineError("the scores of neutral prompts are empty or of different texts", BEGIN_ANEW)
    return sum(_divergence(ours, theirs) for ours, theirs in pairs) / len(pairs)


def parity_requests(texts: Sequence[FixedText]) -> list[ScoreRequest]:
    return [ScoreRequest((), fixed.text) for fixed in texts]


def parity_from_scores(texts: Sequence[FixedText], scores: Sequence[TextScore]) -> tuple[tuple[str, float], ...]:
    """For `ModelScores.parity`: (`text id#position`, log-probability of the token there), token by token."""
    return tuple(
        (f"{fixed.id}#{position}", token.logprob)
        for fixed, score in zip(texts, scores, strict=True)
        for position, token in enumerate(score.tokens)
    )


def parity_change(
    candidate: Sequence[tuple[str, float]], production: Sequence[tuple[str, float]]
) -> Mapping[str, float]:
    """Candidate minus production of each token, both of the trainer's copies: `judge`'s `trained_parity`."""
    before = dict(production)
    return {entry: value - before[entry] for entry, value in candidate if entry in before}


def _fixed_texts(source: Path) -> tuple[FixedText, ...]:
    tables = read_tables(source, "text", frozenset({"id", "text"}))
    texts = tuple(FixedText(table.text("id"), table.text("text").strip()) for table in tables)
    refuse_duplicates(texts, lambda fixed: fixed.id, str(source))
    return texts


def _places(candidate: TextScore, golden: TextScore) -> list[tuple[TokenScore, TokenScore]]:
    if [token.token for token in candidate.tokens] != [token.token for token in golden.tokens]:
        raise EngineError("candidate and golden read a neutral prompt as different tokens", BEGIN_ANEW)
    return list(zip(candidate.tokens, golden.tokens, strict=True))


def _divergence(candidate: TokenScore, golden: TokenScore) -> float:
    """KL between two coarsened distributions: one bucket for each token known to both, one for the rest.

    What is no number makes no number: a comparison with it would pass for zero.
    """
    if not (math.isfinite(candidate.logprob) and math.isfinite(golden.logprob)):
        return math.nan
    ours, theirs = dict(candidate.top), dict(golden.top)
    ours[candidate.token], theirs[golden.token] = candidate.logprob, golden.logprob
    shared = ours.keys() & theirs.keys()
    told_apart = sum(math.exp(ours[token]) * (ours[token] - theirs[token]) for token in shared)
    rest_ours = max(1.0 - sum(math.exp(ours[token]) for token in shared), LEAST_PROBABILITY)
    rest_theirs = max(1.0 - sum(math.exp(theirs[token]) for token in shared), LEAST_PROBABILITY)
    return max(0.0, told_apart + rest_ours * math.log(rest_ours / rest_theirs))
