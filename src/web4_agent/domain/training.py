"""The recipe of a night, what training reports while it runs, and what it leaves."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TrainPolicy:
    """Everything that decides what a night's weights become. Equal policy, samples, seed and parent: equal weights."""

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.05
    learning_rate: float = 5e-4
    epochs: int = 1
    warmup_steps: int = 3
    final_rate_fraction: float = 0.1
    clip: float = 1.0
    tokens_per_step: int = 4096
    max_sample_tokens: int = 1024
    kl_weight: float = 0.1
    share_new: float = 0.4
    share_replay: float = 0.4
    share_general: float = 0.2
    replay_nights: tuple[int, ...] = (1, 3, 7, 14, 30)
    document_share: float = 0.05
    minimum_samples: int = 20
    max_tokens: int = 400_000
    seed: int = 20_260_101
    checkpoint_every_steps: int = 5
    feedback: bool = True
    feedback_weight: float = 2.0
    feedback_share: float = 0.2
    votes_a_day: int = 5
    preference_votes: int = 100
    preference_rarer: int = 20
    preference_batch: int = 8
    preference_rate: float = 5e-6
    preference_beta: float = 0.1


@dataclass(frozen=True, slots=True)
class TrainProgress:
    """One optimiser step done. `loss` is nats per loss-bearing token of this step; times are seconds."""

    step: int
    steps: int
    loss: float
    kl: float
    tokens: int
    elapsed_s: float
    left_s: float


@dataclass(frozen=True, slots=True)
class TrainedAdapter:
    """A PEFT folder, not yet exported or published. `start` holds the LoRA parameters training set out from, so that a
    candidate scaled by w is start + w · (end - start), parameter by parameter.

    `tokens` are real ones (no padding) put through the model with gradients; `loss_tokens` those that bore loss.
    """

    folder: Path
    start: Path
    steps: int
    tokens: int
    loss_tokens: int
    first_loss: float
    last_loss: float
    kl: float
    seconds: float
    resumed_at_step: int = 0
