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
    carry_moments: bool = True
    """Whether the optimiser goes on where the parent's night stopped."""
    full_rate_steps: int = 0
    """A night of fewer steps trains at the rate times the root of its part of them; 0: every night at full rate."""
    clip: float = 1.0
    tokens_per_step: int = 4096
    max_sample_tokens: int = 1024
    kl_weight: float = 5.0
    general_loss: float = 0.0
    """Weight of the answers of general samples as targets; at 0 they only hold the model to the base."""
    safety_loss: float = 0.3
    """The same for those of them that keep refusals where they are (`SampleKind.SAFETY`)."""
    kinds: tuple[str, ...] = ()
    """Kinds of a document's samples (`SampleKind`) that are trained; empty: all."""
    facts_share: float = 0.2
    """Part of the new tokens that short kinds (questions) may take before passages."""
    text_share: float = 0.7
    """Part of the new tokens that windows of full text may take before sections."""
    window_tokens: int = 256
    loss_on_prompts: bool = False
    share_new: float = 0.4
    share_replay: float = 0.4
    share_general: float = 0.2
    general_in_all_tokens: bool = True
    """Whether the general share is counted in all tokens put through the model, not in those that bear loss."""
    replay_ramp_nights: int = 7
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
    preference_rate: float = 5e-5
    preference_beta: float = 0.1


@dataclass(frozen=True, slots=True)
class Compute:
    """What a night is computed on, as the settings say it; the trainer's child process finds out what that means there.

    `device`: auto, cpu, cuda or cuda:N; `precision` of base weights and activations: auto, float32 or bfloat16;
    `base_bits`: 16 leaves the base as the precision says, 4 holds its layers in NF4 (QLoRA). Not part of the policy,
    for it belongs to the machine and not to the recipe; other values than the machine's own give other roundings.
    """

    device: str = "auto"
    precision: str = "auto"
    base_bits: int = 16


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


@dataclass(frozen=True, slots=True)
class Recipe:
    """A way of learning night after night, to be held against others.

    Each night becomes start + `scale` · (trained - start). Every `rebuild_nights` nights (0: never) a fresh adapter is
    trained from the base on all documents so far. With `gated`, a night that the gate rejects is not kept.
    """

    name: str
    policy: TrainPolicy
    scale: float = 1.0
    rebuild_nights: int = 0
    gated: bool = False
