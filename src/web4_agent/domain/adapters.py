"""An adapter version: an immutable folder named by its content, and the record of where it came from."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from web4_agent.domain.ids import AdapterVersion, ContentHash, DocumentId, RunId
from web4_agent.domain.training import TrainPolicy
from web4_agent.domain.verdicts import Verdict


class AdapterState(StrEnum):
    CANDIDATE = "candidate"
    PROMOTED = "promoted"
    REJECTED = "rejected"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Adapter:
    """The ledger's row. `artefact_hash` is the SHA-256 of the GGUF that serves; empty for the base model."""

    version: AdapterVersion
    parent: AdapterVersion | None
    state: AdapterState
    artefact_hash: ContentHash | None
    weights_hash: ContentHash | None
    run: RunId | None
    scale: float
    created_utc: datetime
    documents: tuple[DocumentId, ...] = ()


@dataclass(frozen=True, slots=True)
class Pointer:
    """Which adapter serves (production), which is the fixed baseline (golden), and which served before."""

    production: AdapterVersion
    golden: AdapterVersion
    previous: AdapterVersion | None
    changed_utc: datetime


@dataclass(frozen=True, slots=True)
class Manifest:
    """`MANIFEST.json` beside an adapter's weights: all that is needed to say where it came from and to make it again.

    `documents` are (id, content hash) of what this night added; `samples` the sample ids in the order they were mixed;
    `preferences` those of the step after training; `versions` the libraries; `metrics` its figures by name.
    """

    version: AdapterVersion
    parent: AdapterVersion
    base_model: str
    run: RunId
    scale: float
    weights_hash: ContentHash
    artefact_hash: ContentHash
    created_utc: datetime
    documents: tuple[tuple[DocumentId, ContentHash], ...]
    samples: tuple[str, ...]
    settings: TrainPolicy
    versions: tuple[str, ...]
    metrics: dict[str, float]
    verdict: Verdict
    preferences: tuple[str, ...] = ()
