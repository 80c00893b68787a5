"""Likelihoods on the trainer's copy of the model, as it was trained. Called by the trainer's child process."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import torch

from web4_agent.backends.engines.base import ScoreRequest
from web4_agent.backends.trainers.head_loss import log_probabilities
from web4_agent.backends.trainers.lora_model import LoraModel, load_for_scoring
from web4_agent.backends.trainers.packed_attention import Row
from web4_agent.backends.trainers.placement import ON_CPU, Placement
from web4_agent.backends.trainers.render import Renderer
from web4_agent.backends.trainers.worker_protocol import ScoreJob
from web4_agent.domain.speech import TextScore, TokenScore


def score(job: ScoreJob, placement: Placement = ON_CPU) -> tuple[TextScore, ...]:
    """One score per request, in order. The end token is not scored: it is not of the text.

    Requests in a row with the same messages are read together: their prompt goes through the model once.
    """
    renderer = Renderer.load(job.base)
    model = load_for_scoring(job.base, job.adapter, placement)
    groups = [_Group.of(renderer, tuple(some)) for _, some in groupby(job.requests, key=lambda one: one.messages)]
    scores: list[TextScore] = []
    for first, last in _batches([group.row.length for group in groups], placement.pack_tokens):
        scores += _score_together(model, groups[first:last])
    return tuple(scores)


@dataclass(frozen=True, slots=True)
class _Group:
    """Requests that begin alike, and the tokens of their prompt and of their texts."""

    requests: tuple[ScoreRequest, ...]
    prefix: list[int]
    texts: list[list[int]]

    @classmethod
    def of(cls, renderer: Renderer, requests: tuple[ScoreRequest, ...]) -> "_Group":
        texts = [renderer.text(request.text) for request in requests]
        return cls(requests, renderer.prefix(requests[0].messages), texts)

    @property
    def row(self) -> Row:
        return Row(len(self.prefix), tuple(len(text) for text in self.texts))

    def places(self, offset: int) -> tuple[list[int], list[int]]:
        """Positions in a pack in which this group begins at `offset` whose next token is one of a text, and these
        tokens. A text without a prefix (the model has no begin-of-text token) is scored from its second token on."""
        positions: list[int] = []
        targets: list[int] = []
        start = offset + len(self.prefix)
        for text in self.texts:
            before = [offset + len(self.prefix) - 1] if self.prefix and text else []
            positions += [*before, *range(start, start + len(text) - 1)]
            targets += text if self.prefix else text[1:]
            start += len(text)
        return positions, targets

    def pieces(self) -> list[tuple[list[int], Row]]:
        """As samples of a pack: one that branches, or, where there is no beginning to share, one a text."""
        if self.prefix:
            return [([*self.prefix, *(token for text in self.texts for token in text)], self.row)]
        return [(text, Row(len(text))) for text in self.texts if text]

    def counts(self) -> list[int]:
        return [len(text) if self.prefix else max(0, len(text) - 1) for text in self.texts]


def _batches(lengths: Sequence[int], pack_tokens: int) -> list[tuple[int, int]]:
    """Consecutive ranges of groups of about `pack_tokens` tokens, one group at least."""
    ranges: list[tuple[int, int]] = []
    first = tokens = 0
    for index, length in enumerate(lengths):
        if index > first and tokens + length > pack_tokens:
            ranges.append((first, index))
            first, tokens = index, 0
        tokens += length
    return [*ranges, (first, len(lengths))] if lengths else []


def _score_together(model: LoraModel, groups: Sequence[_Group]) -> list[TextScore]:
    positions: list[int] = []
    targets: list[int] = []
    samples, rows, offset = [], [], 0
    for group in groups:
        some_positions, some_targets = group.places(offset)
        positions += some_positions
        targets += some_targets
        for sample, row in group.pieces():
            samples.append(sample)
            rows.append(row)
            offset += row.length
    with torch.no_grad():
        hidden = model.stack.hidden(samples, torch.tensor(positions, dtype=torch.long), rows=rows)
    requests = [request for group in groups for request in group.requests]
    top = max(request.top for request in requests)
    logprobs, best = log_probabilities(hidden, model.head_vd, torch.tensor(targets, dtype=torch.long), top)
    scores: list[TextScore] = []
    first = 0
    for request, count in zip(requests, [count for group in groups for count in group.counts()], strict=True):
        tokens = tuple(
            TokenScore(targets[i], logprobs[i], tuple(best[i][: request.top])) for i in range(first, first + count)
        )
        scores.append(TextScore(tokens, len(request.text.encode())))
        first += count
    return scores
