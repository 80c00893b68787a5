"""Likelihoods on the trainer's float32 copy of the model. Called by the trainer's child process."""

from collections.abc import Sequence

import torch

from web4_agent.backends.engines.base import ScoreRequest
from web4_agent.backends.trainers.head_loss import log_probabilities
from web4_agent.backends.trainers.lora_model import LoraModel, load_for_scoring
from web4_agent.backends.trainers.packing import PACK_TOKENS
from web4_agent.backends.trainers.render import Renderer
from web4_agent.backends.trainers.worker_protocol import ScoreJob
from web4_agent.domain.speech import TextScore, TokenScore


def score(job: ScoreJob) -> tuple[TextScore, ...]:
    """One score per request, in order. The end token is not scored: it is not of the text."""
    renderer = Renderer.load(job.base)
    model = load_for_scoring(job.base, job.adapter)
    prefixes = [renderer.prefix(request.messages) for request in job.requests]
    texts = [renderer.text(request.text) for request in job.requests]
    scores: list[TextScore] = []
    for first, last in _batches([len(prefix) + len(text) for prefix, text in zip(prefixes, texts, strict=True)]):
        some = slice(first, last)
        scores += _score_together(model, job.requests[some], prefixes[some], texts[some])
    return tuple(scores)


def _batches(lengths: Sequence[int]) -> list[tuple[int, int]]:
    """Consecutive ranges of requests of about PACK_TOKENS tokens, one request at least."""
    ranges: list[tuple[int, int]] = []
    first = tokens = 0
    for index, length in enumerate(lengths):
        if index > first and tokens + length > PACK_TOKENS:
            ranges.append((first, index))
            first, tokens = index, 0
        tokens += length
    return [*ranges, (first, len(lengths))] if lengths else []


def _score_together(
    model: LoraModel, requests: Sequence[ScoreRequest], prefixes: Sequence[list[int]], texts: Sequence[list[int]]
) -> list[TextScore]:
    """A text without a prefix (the model has no begin-of-text token) is scored from its second token on."""
    positions: list[int] = []
    targets: list[int] = []
    counts: list[int] = []
    offset = 0
    for prefix, text in zip(prefixes, texts, strict=True):
        wanted = text if prefix else text[1:]
        begin = offset + max(1, len(prefix)) - 1
        positions += range(begin, begin + len(wanted))
        targets += wanted
        counts.append(len(wanted))
        offset += len(prefix) + len(text)
    rows = [prefix + text for prefix, text in zip(prefixes, texts, strict=True) if prefix or text]
    with torch.no_grad():
        hidden = model.stack.hidden(rows, torch.tensor(positions, dtype=torch.long))
    top = max(request.top for request in requests)
    logprobs, best = log_probabilities(hidden, model.head_vd, torch.tensor(targets, dtype=torch.long), top)
    scores: list[TextScore] = []
    first = 0
    for request, count in zip(requests, counts, strict=True):
        tokens = tuple(
            TokenScore(targets[i], logprobs[i], tuple(best[i][: request.top])) for i in range(first, first + count)
        )
        scores.append(TextScore(tokens, len(request.text.encode())))
        first += count
    return scores
