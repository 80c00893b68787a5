"""Tokenised samples -> optimiser steps -> packs without padding. Pure: the same input gives the same plan.

Called by the training loop. A pack is one row of tokens in which each sample keeps its own positions and its own
attention; how that is computed is the model's business, not this file's.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import cycle

from web4_agent.domain.ids import SampleId
from web4_agent.domain.training import TrainPolicy

PACK_TOKENS = 1024
"""Tokens a pack holds: one layer's activations stay in the processor's last cache, and those that a 135 M model keeps
for its backward pass under 1 GB."""


@dataclass(frozen=True, slots=True)
class TokenSample:
    """`tokens[loss_start:]` bear loss, each weighing `weight`; `loss_start` ≥ 1, for nothing predicts the first token.

    `general` samples are also held to the base model by the KL term, and, weighing 0, by that alone.
    """

    id: SampleId
    tokens: tuple[int, ...]
    loss_start: int
    weight: float = 1.0
    general: bool = False

    @property
    def loss_tokens(self) -> int:
        return max(0, len(self.tokens) - self.loss_start)


@dataclass(frozen=True, slots=True)
class Pack:
    """Samples that go through the model together; all of them general, or none."""

    samples: tuple[TokenSample, ...]

    @property
    def general(self) -> bool:
        return self.samples[0].general

    @property
    def lengths(self) -> tuple[int, ...]:
        return tuple(len(sample.tokens) for sample in self.samples)

    @property
    def tokens(self) -> int:
        return sum(self.lengths)


@dataclass(frozen=True, slots=True)
class TokenPreference:
    """A tokenised answer that people were for or against; `reference` is its log-likelihood, in nats, when the step
    began."""

    sample: TokenSample
    desirable: bool
    reference: float = 0.0


@dataclass(frozen=True, slots=True)
class PreferencePack:
    """Preferences that go through the model together."""

    preferences: tuple[TokenPreference, ...]

    @property
    def samples(self) -> tuple[TokenSample, ...]:
        return tuple(each.sample for each in self.preferences)

    @property
    def tokens(self) -> int:
        return sum(len(sample.tokens) for sample in self.samples)


@dataclass(frozen=True, slots=True)
class Step:
    """What one optimiser step learns from. `loss_weight` is the sum of the weights of its loss-bearing tokens, those of
    `preferences` not among them: these have a loss of their own."""

    packs: tuple[Pack, ...]
    preferences: tuple[PreferencePack, ...] = ()

    @property
    def tokens(self) -> int:
        return sum(pack.tokens for pack in self.packs) + sum(pack.tokens for pack in self.preferences)

    @property
    def loss_tokens(self) -> int:
        own = sum(sample.loss_tokens for pack in self.packs for sample in pack.samples)
        return own + sum(sample.loss_tokens for pack in self.preferences for sample in pack.samples)

    @property
    def loss_weight(self) -> float:
        return sum(sample.loss_tokens * sample.weight for pack in self.packs for sample in pack.samples)

    @property
    def general_loss_tokens(self) -> int:
        return sum(sample.loss_tokens for pack in self.packs for sample in pack.samples if sample.general)


def plan_steps(samples: Sequence[TokenSample], policy: TrainPolicy, pack_tokens: int = PACK_TOKENS) -> tuple[Step, ...]:
    """The steps of a night: `policy.epochs` passes in an order shuffled by seed and epoch.

    A step takes whole samples until it holds `policy.tokens_per_step` tokens. Samples without a token that bears loss
    are left out. The night ends before the first sample that would pass `policy.max_tokens`, but learns one at least.
    """
    steps: list[Step] = []
    current: list[TokenSample] = []
    for sample in _in_training_order(samples, policy):
        current.append(sample)
        if sum(len(each.tokens) for each in current) >= policy.tokens_per_step:
            steps.append(_step(current, pack_tokens))
            current = []
    if current:
        steps.append(_step(current, pack_tokens))
    return tuple(steps)


def plan_preference_steps(
    preferences: Sequence[TokenPreference],
    samples: Sequence[TokenSample],
    policy: TrainPolicy,
    pack_tokens: int = PACK_TOKENS,
) -> tuple[Step, ...]:
    """Each preference once, both kinds spread evenly, at most `policy.preference_batch` a step.

    Beside them so many of `samples` that at least half of a step's loss tokens are theirs, in a shuffled order that
    begins again where it ends. The rarer kind weighs more, so that both weigh the same together.
    """
    useful = [sample for sample in samples if sample.loss_tokens and sample.weight > 0]
    ordered = _in_preference_order([each for each in preferences if each.sample.loss_tokens], policy)
    if not useful or not ordered:
        return ()
    random.Random(f"{policy.seed}:replay").shuffle(useful)  # noqa: S311 - an order, not a secret
    replay = cycle(useful)
    count = -(-len(ordered) // policy.preference_batch)
    steps = []
    for at in range(count):
        batch = ordered[at * len(ordered) // count : (at + 1) * len(ordered) // count]
        wanted = sum(each.sample.loss_tokens for each in batch)
        chosen: list[TokenSample] = []
        while sum(each.loss_tokens for each in chosen) < wanted:
            chosen.append(next(replay))
        steps.append(replace(_step(chosen, pack_tokens), preferences=_packed(batch, pack_tokens)))
    return tuple(steps)


def rate_factor(step: int, steps: int, policy: TrainPolicy) -> float:
    """The learning rate of step `step` (from 0) of `steps`, as a share of `policy.learning_rate`.

    Linear warm-up over at most `policy.warmup_steps` steps and a quarter of the night, then linear decay that reaches
    `policy.final_rate_fraction` at the last step. All of it times sqrt(steps / `policy.full_rate_steps`) in a shorter
    night: Adam's first steps are as long as the rate whatever the gradient is, so that few of them are mostly noise.
    """
    warmup = min(policy.warmup_steps, steps // 4)
    height = min(1.0, math.sqrt(steps / policy.full_rate_steps)) if policy.full_rate_steps else 1.0
    if step < warmup:
        return height * (step + 1) / (warmup + 1)
    decay_steps = max(1, steps - 1 - warmup)
    return height * (1.0 - (1.0 - policy.final_rate_fraction) * (step - warmup) / decay_steps)


def pack(samples: Sequence[TokenSample], pack_tokens: int = PACK_TOKENS) -> tuple[Pack, ...]:
    """Spread samples evenly over few packs of at most `pack_tokens`; a longer sample gets a pack that is as long.

    No pack is empty; inside a pack the given order is kept.
    """
    longest = max((len(sample.tokens) for sample in samples), default=0)
    limit = max(pack_tokens, longest)
    count = -(-sum(len(sample.tokens) for sample in samples) // limit)
    bins = _spread(samples, count)
    while any(sum(len(samples[index].tokens) for index in chosen) > limit for chosen in bins):
        count += 1
        bins = _spread(samples, count)
    return tuple(Pack(tuple(samples[index] for index in sorted(chosen))) for chosen in bins)


def _spread(samples: Sequence[TokenSample], count: int) -> list[list[int]]:
    """Indices of samples in `count` bins: the longest first, each into the emptiest bin."""
    bins: list[list[int]] = [[] for _ in range(count)]
    filled = [0] * count
    for index in sorted(range(len(samples)), key=lambda each: -len(samples[each].tokens)):
        emptiest = filled.index(min(filled))
        bins[emptiest].append(index)
        filled[emptiest] += len(samples[index].tokens)
    return bins


def _in_training_order(samples: Sequence[TokenSample], policy: TrainPolicy) -> list[TokenSample]:
    useful = [sample for sample in samples if sample.loss_tokens and (sample.weight > 0 or sample.general)]
    chosen: list[TokenSample] = []
    tokens = 0
    for epoch in range(policy.epochs):
        order = list(useful)
        random.Random(f"{policy.seed}:{epoch}").shuffle(order)  # noqa: S311 - an order, not a secret
        for sample in order:
            tokens += len(sample.tokens)
            if chosen and tokens > policy.max_tokens:
                return chosen
            chosen.append(sample)
    return chosen


def _in_preference_order(preferences: Sequence[TokenPreference], policy: TrainPolicy) -> list[TokenPreference]:
    placed: list[tuple[float, bool, TokenPreference]] = []
    for desirable in (True, False):
        kind = [each for each in preferences if each.desirable is desirable]
        random.Random(f"{policy.seed}:{desirable}").shuffle(kind)  # noqa: S311 - an order, not a secret
        for at, each in enumerate(kind):
            weight = len(preferences) / (2 * len(kind))
            weighed = replace(each, sample=replace(each.sample, weight=weight))
            placed.append(((at + 0.5) / len(kind), desirable, weighed))
    return [each for _, _, each in sorted(placed, key=lambda one: one[:2])]


def _packed(preferences: Sequence[TokenPreference], pack_tokens: int) -> tuple[PreferencePack, ...]:
    by_id = {each.sample.id: each for each in preferences}
    packs = pack([each.sample for each in preferences], pack_tokens)
    return tuple(PreferencePack(tuple(by_id[sample.id] for sample in one.samples)) for one in packs)


def _step(samples: Sequence[TokenSample], pack_tokens: int) -> Step:
    general = [sample for sample in samples if sample.general]
    own = [sample for sample in samples if not sample.general]
    return Step(pack(own, pack_tokens) + pack(general, pack_tokens))
