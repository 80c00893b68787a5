"""What a backtest is made of, what is asked of it, what each of its nights leaves, and what it reports."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from web4_agent.backends.trainers.base import Trainer
from web4_agent.domain.documents import Document
from web4_agent.domain.ids import DocumentId
from web4_agent.domain.progress import Unwatched, Watcher
from web4_agent.domain.samples import HeldOut, Probe
from web4_agent.domain.speech import TextScore
from web4_agent.domain.training import Recipe
from web4_agent.domain.verdicts import GatePolicy, Margin
from web4_agent.steps.judging.measure import GateItems
from web4_agent.steps.transfer import Transfer


@dataclass(frozen=True, slots=True)
class BacktestParts:
    """`folder` holds all that the backtest writes; a cut-off one in the same folder is continued."""

    trainer: Trainer
    base: Path
    base_name: str
    items: GateItems
    gate: GatePolicy
    has_secret: Callable[[str], bool]
    folder: Path
    now: Callable[[], datetime]
    watcher: Watcher = field(default_factory=Unwatched)
    reached: Callable[[str], None] = lambda point: None


@dataclass(frozen=True, slots=True)
class Caps:
    """What bounds a day, the same for every recipe. A night puts `document_tokens` through the model for each of its
    documents, of which there are at most `documents`; `held_out` texts and `probes` of each day are scored after every
    night."""

    documents: int = 12
    document_tokens: int = 512
    held_out: int = 6
    probes: int = 8


@dataclass(frozen=True, slots=True)
class BacktestRequest:
    """`joint`: the recipe whose joint training (all days at once, as many tokens) is the yardstick; None: no yardstick.
    The seed chooses documents, held-out texts and probes."""

    journal: Path
    recipes: tuple[Recipe, ...]
    since: date | None = None
    until: date | None = None
    caps: Caps = Caps()
    joint: Recipe | None = None
    seed: int = 20_260_101


@dataclass(frozen=True, slots=True)
class Day:
    """A day as every recipe meets it. `tokens` are those a night on it puts through the model with gradients."""

    day: date
    documents: tuple[Document, ...]
    held_out: tuple[HeldOut, ...]
    probes: tuple[Probe, ...]
    tokens: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The days, and for each document the one before it by the journal's own links. `found` and `left_out` count the
    documents of each day's files."""

    days: tuple[Day, ...]
    previous: dict[DocumentId, DocumentId]
    found: tuple[int, ...]
    left_out: dict[str, int]

    @property
    def tokens(self) -> int:
        return sum(day.tokens for day in self.days)


@dataclass(frozen=True, slots=True)
class Scored:
    """One model on everything: (id, bits per byte) of held-out and of general texts; (id, lead of the right answer over
    the likeliest wrong one, nats a token) of probes; margins of the gate's items; the neutral prompts' scores."""

    bits: tuple[tuple[str, float], ...]
    general: tuple[tuple[str, float], ...]
    leads: tuple[tuple[str, float], ...]
    margins: tuple[Margin, ...]
    neutral: tuple[TextScore, ...]


@dataclass(frozen=True, slots=True)
class Night:
    """One night of one recipe. `adapter` is the folder's name in the recipe's folder, empty where the base goes on.

    `kept` is False where nothing was trained (too few samples, said in `sentence`) or the gate, in force, refused;
    `promoted` is what the gate said. `kl` is nats a token to the base on neutral prompts.
    """

    number: int
    day: date
    documents: tuple[DocumentId, ...]
    exposures: dict[DocumentId, int]
    adapter: str
    kept: bool
    promoted: bool
    scale: float
    sentence: str
    samples: dict[str, int]
    steps: int
    tokens: int
    loss_tokens: int
    train_s: float
    score_s: float
    kl: float
    scored: Scored


@dataclass(frozen=True, slots=True)
class Summary:
    """A recipe's figures. Matrices are R[night][day]; `bits` in bits per byte, `recall` the share of a day's probes
    that are answered rightly. `general_ratio` is bits per byte of general text after the last night over the base's.
    `strata`: each stratum of the gate's margins with its mean change from the base after each night, in τ."""

    recipe: str
    bits: tuple[tuple[float, ...], ...]
    recall: tuple[tuple[float, ...], ...]
    bits_transfer: Transfer
    recall_transfer: Transfer
    probes_right: float
    general: tuple[float, ...]
    general_ratio: float
    kl: tuple[float, ...]
    strata: tuple[tuple[str, tuple[float, ...]], ...]
    promoted: int
    kept: int
    nights: int
    steps: int
    tokens: int
    train_s: float
    score_s: float


@dataclass(frozen=True, slots=True)
class Yardstick:
    """The base model, and joint training where it was asked for: by day, and over all probes and general texts."""

    name: str
    bits: tuple[float, ...]
    recall: tuple[float, ...]
    probes_right: float
    general: float
    steps: int
    tokens: int
    train_s: float


@dataclass(frozen=True, slots=True)
class BacktestReport:
    days: tuple[date, ...]
    documents: tuple[int, ...]
    found: tuple[int, ...]
    held_out: tuple[int, ...]
    probes: tuple[int, ...]
    left_out: dict[str, int]
    caps: Caps
    base_name: str
    base: Yardstick
    joint: Yardstick | None
    summaries: tuple[Summary, ...]
    recipes: tuple[Recipe, ...]
    places: tuple[tuple[str, str], ...] = ()
