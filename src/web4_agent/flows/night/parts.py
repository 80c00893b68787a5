"""What a night is made of, what is asked of it, what each of its steps leaves, and what it reports."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from web4_agent.backends.embedders.base import Embedder
from web4_agent.backends.engines.base import EngineLauncher
from web4_agent.backends.exporters.base import Exporter
from web4_agent.backends.trainers.base import Trainer
from web4_agent.backends.vectors.base import VectorStore
from web4_agent.domain.home import Home
from web4_agent.domain.ids import AdapterVersion, ContentHash, DocumentId, RunId
from web4_agent.domain.progress import Unwatched, Watcher
from web4_agent.domain.runs import RunState
from web4_agent.domain.thumbs import ThumbsTold
from web4_agent.domain.traces import Span
from web4_agent.domain.training import TrainedAdapter, TrainPolicy
from web4_agent.domain.verdicts import GatePolicy, Suspects, Verdict
from web4_agent.steps.judging.measure import GateItems
from web4_agent.steps.watch.replay import Pair, ReplayPolicy
from web4_agent.storage.database import Database

BEGIN_ANEW = "web4-agent evening --abandon, then web4-agent evening"
"""For a night that can't go on, because a file of its own is gone: its documents go back to the buffer first."""


@dataclass(frozen=True, slots=True)
class NightParts:
    """Everything a night needs, chosen by bootstrap. `base` is the base model's folder, `base_name` what to call it.

    `settings_text` are the settings without secrets. `open_store` and `embedder` are opened only for the steps that
    need them, so that training has the memory. `sealed` are the audit's questions and answers, which no sample may
    repeat: their texts, and nothing to judge by. `traced` is told of each night that ended or stopped.
    """

    database: Database
    home: Home
    base: Path
    base_name: str
    trainer: Trainer
    exporter: Exporter
    launcher: EngineLauncher
    embedder: Callable[[], Embedder]
    open_store: Callable[[], VectorStore]
    policy: TrainPolicy
    gate: GatePolicy
    items: GateItems
    has_secret: Callable[[str], bool]
    now: Callable[[], datetime]
    versions: tuple[str, ...] = ()
    settings_text: Callable[[], str] = lambda: ""
    keep_backups: int = 5
    keep_runs: int = 14
    shadow: ReplayPolicy = field(default_factory=ReplayPolicy)
    watcher: Watcher = field(default_factory=Unwatched)
    reached: Callable[[str], None] = lambda point: None
    sealed: tuple[tuple[str, str], ...] = ()
    traced: Callable[[Span], None] = lambda span: None


@dataclass(frozen=True, slots=True)
class NightRequest:
    """`day`: documents up to this day are trained. Without `train` the night ends when its samples are prepared.
    `only`: none but these versions, for a night that is lived through again. `trust_clock`: the clock is
    right, and what is dated later than now was dated by one that ran ahead."""

    day: date
    train: bool = True
    only: frozenset[tuple[DocumentId, ContentHash]] | None = None
    trust_clock: bool = False


@dataclass(frozen=True, slots=True)
class Collected:
    documents: tuple[tuple[DocumentId, ContentHash], ...]
    production: AdapterVersion
    golden: AdapterVersion


@dataclass(frozen=True, slots=True)
class BackedUp:
    """The folders of the backup and of the adapter in it; the latter empty when the base model serves."""

    adapter: str
    ledger: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """`samples` counts by origin (new, replay, general, feedback); `file` holds the SampleSet."""

    file: Path
    samples: dict[str, int]
    loss_tokens: dict[str, int]
    estimated_tokens: int
    dropped: dict[str, int]
    held_out: int
    other_days: int
    largest_document_share: float
    notes: tuple[str, ...]
    enough: bool
    thumbs: ThumbsTold = field(default_factory=ThumbsTold)


@dataclass(frozen=True, slots=True)
class Measured:
    """Files with the Measurement of production and of golden."""

    production: Path
    golden: Path


@dataclass(frozen=True, slots=True)
class Trial:
    """All that a candidate is judged and recorded by."""

    collected: Collected
    prepared: Prepared
    trained: TrainedAdapter
    measured: Measured


@dataclass(frozen=True, slots=True)
class Exported:
    folder: Path
    version: AdapterVersion
    weights_hash: ContentHash
    artefact_hash: ContentHash
    scale: float


@dataclass(frozen=True, slots=True)
class Judged:
    """`scores` is the file with the candidate's Measurement; `suspects` are set apart where the night is rejected."""

    scores: Path
    verdict: Verdict
    suspects: tuple[Suspects, ...] = ()


@dataclass(frozen=True, slots=True)
class Shadowed:
    """The replay's pairs, none where nothing was asked, and the verdict with the replay's rule in it."""

    pairs: tuple[Pair, ...]
    judged: Judged


@dataclass(frozen=True, slots=True)
class Ended:
    """What `promote` or `reject` did: the adapter that serves from now on, and how many documents moved."""

    serving: AdapterVersion
    documents: int


@dataclass(frozen=True, slots=True)
class Settled:
    chunks_written: int
    archive: str


@dataclass(frozen=True, slots=True)
class Learned:
    """Bits per byte on one group of held-out texts: production before the night, the candidate after it, the base."""

    group: str
    items: int
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class CanaryPair:
    """One canary side by side: what production and the candidate made of it. `answer` is the candidate's, to the
    wording that tells most. `held_before` and `held_after` of its `wordings` were held; `lost`: it newly fails."""

    id: str
    topic: str
    before: bool
    after: bool
    answer: str
    answer_before: str = ""
    held_before: int = 0
    held_after: int = 0
    wordings: int = 1
    lost: bool = False


@dataclass(frozen=True, slots=True)
class StepTime:
    name: str
    seconds: float
    peak_rss_bytes: int


@dataclass(frozen=True, slots=True)
class NightReport:
    """The last screen of a night, as a value. Figures of parts that were not reached are zero or empty."""

    run: RunId
    day: date
    state: RunState
    sentence: str
    documents: int
    samples: dict[str, int]
    tokens: int
    loss_tokens: int
    steps: int
    first_loss: float
    last_loss: float
    learned: tuple[Learned, ...]
    canaries: tuple[CanaryPair, ...]
    verdicts: tuple[Verdict, ...]
    serving: AdapterVersion
    times: tuple[StepTime, ...]
    places: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()
    error_rates: str = ""
    """How often this gate errs, or that nobody measured it; empty where nothing was judged."""
    thumbs: ThumbsTold = field(default_factory=ThumbsTold)
