"""What a tuning is made of, what is asked of it, and what it tells."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from web4_agent.backends.embedders.base import Embedder
from web4_agent.backends.lexical.base import WordIndex
from web4_agent.backends.vectors.base import VectorStore
from web4_agent.domain.progress import Unwatched, Watcher
from web4_agent.domain.retrieval import RetrievalPolicy
from web4_agent.domain.tuning import Comparison, Measured
from web4_agent.steps.tuning.figures import PRICE
from web4_agent.storage.database import Database

MAY_LOSE = 0.02
"""What the lower end of the change in recall may fall by: fewer tokens are no reason to lose answers. It takes about a
hundred documents to tell that a policy loses no more."""


@dataclass(frozen=True, slots=True)
class TuningParts:
    """`settings` is the policy where no version is in force; `context_tokens` what a prompt may spend on passages;
    `section_tokens` how long sections are in the collections. `clock` tells seconds."""

    database: Database
    embedder: Callable[[], Embedder]
    open_store: Callable[[], VectorStore]
    make_index: Callable[[], WordIndex]
    settings: RetrievalPolicy
    context_tokens: int
    section_tokens: int
    watcher: Watcher = field(default_factory=Unwatched)
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class TuningRequest:
    """At most `queries` known items, besides every rated answer, and about `minutes`.

    `sections`: other lengths of section to try, in tokens. `policy`: a file of one to hold against the one in force, in
    place of a search. `price` is that of 100 tokens of noise; `may_lose` the recall that less noise may cost at worst.
    """

    queries: int = 1000
    minutes: float = 15.0
    sections: tuple[int, ...] = ()
    policy: Path | None = None
    price: float = PRICE
    may_lose: float = MAY_LOSE


@dataclass(frozen=True, slots=True)
class KindFigures:
    """One kind of question on the half to check on."""

    kind: str
    before: Measured
    after: Measured


@dataclass(frozen=True, slots=True)
class SectionTrial:
    """One other length of section: how many sections that makes, its worth on the half to tune on, and for the best one
    the comparison on the half to check on. `skipped` says why it was not tried, else it is empty."""

    tokens: int
    sections: int = 0
    tuned_worth: float = 0.0
    present_worth: float = 0.0
    check: Comparison | None = None
    wins: bool = False
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class TuningReport:
    """`version` was in force, 0 for the settings. `tuned` are both policies on the half that the choice was made on,
    which flatters the chosen one; `check` on the other half, once. `recommended` with the reasons either way."""

    version: int
    before: RetrievalPolicy
    after: RetrievalPolicy
    searched: bool
    tried: int
    whole: bool
    documents: int
    sections: int
    embedded: int
    reused: int
    tuned: tuple[Measured, Measured]
    check: Comparison
    kinds: tuple[KindFigures, ...]
    recommended: bool
    reasons: tuple[str, ...]
    lengths: tuple[SectionTrial, ...]
    price: float
    seconds: float
