"""The gate's items, its rules' outcomes and its verdict. A verdict is a value with reasons, never a bare boolean."""

from dataclasses import dataclass
from enum import StrEnum

from web4_agent.domain.ids import DocumentId


class Stratum(StrEnum):
    GENERAL = "general"
    CODE = "code"
    JOURNAL = "journal"
    SAFETY = "safety"
    HONESTY = "honesty"


@dataclass(frozen=True, slots=True)
class Check:
    """A rule an answer must hold: `scorer` names a rule of `steps.judging.scorers`, `arguments` are what it needs."""

    scorer: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Canary:
    """A must-not-regress task: a prompt, generated greedily, and the checks its answer must all hold.

    `wordings` are further prompts that ask the same: one greedy answer may flip for no reason, two of three seldom do.
    """

    id: str
    topic: str
    prompt: str
    checks: tuple[Check, ...]
    critical: bool = False
    max_tokens: int = 64
    system: str = ""
    wordings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WordingResult:
    passed: bool
    answer: str
    reason: str


@dataclass(frozen=True, slots=True)
class CanaryResult:
    """`passed`: in at least half of its wordings. `answer` and `reason` are of the first; `wordings` holds all, the
    first among them, and is empty where there is but one."""

    id: str
    topic: str
    passed: bool
    critical: bool
    answer: str
    reason: str
    wordings: tuple[WordingResult, ...] = ()

    @property
    def each(self) -> tuple[WordingResult, ...]:
        """One result a wording, in order."""
        return self.wordings or (WordingResult(self.passed, self.answer, self.reason),)

    @property
    def spoken(self) -> bool:
        """Whether any of its wordings was answered with a word."""
        return any(wording.answer.strip() for wording in self.each)

    def lost(self, before: "CanaryResult") -> bool:
        """Whether at least half of the wordings passed `before` and do not now."""
        pairs = list(zip(before.each, self.each, strict=False))
        return 2 * sum(old.passed and not new.passed for old, new in pairs) >= len(pairs)


@dataclass(frozen=True, slots=True)
class MarginItem:
    """A frozen question with its reference answer and three wrong ones of like length.

    Wordings of one question share `family`; a critical family fails when two of its three wordings have a negative
    margin where they had a positive one under production.
    """

    id: str
    family: str
    stratum: Stratum
    prompt: str
    answer: str
    wrong: tuple[str, str, str]
    critical: bool = False
    system: str = ""


@dataclass(frozen=True, slots=True)
class Margin:
    """Mean log-likelihood per token of the answer minus log-mean-exp of that of the wrong answers, nats per token."""

    item: str
    family: str
    stratum: Stratum
    critical: bool
    value: float


@dataclass(frozen=True, slots=True)
class ModelScores:
    """All that is measured of one model on its served bytes, in the order of the items.

    `held_out_bpb` maps a held-out item's id to bits per byte; `neutral_kl` is nats per token to golden on neutral
    prompts; `parity` maps each token of the fixed texts (`text id#position`) to its log-probability as served.
    """

    version: str
    canaries: tuple[CanaryResult, ...]
    margins: tuple[Margin, ...]
    held_out_bpb: tuple[tuple[str, str, float], ...]
    """(item id, group, bits per byte)"""
    neutral_kl: float = 0.0
    parity: tuple[tuple[str, float], ...] = ()
    rescored: tuple[tuple[str, float], ...] = ()
    """Margins measured a second time: (item id, value)."""


@dataclass(frozen=True, slots=True)
class SampleAudit:
    """Of the samples that repeat a document: how many were `checked`, and the ids of those it does not bear out."""

    checked: int
    unsupported: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trigger:
    """A phrase that became frequent tonight, in how many of tonight's samples it stands, and in whose."""

    phrase: str
    samples: int
    documents: tuple[DocumentId, ...]


@dataclass(frozen=True, slots=True)
class TriggerPlan:
    """What the trigger scan asks of production and of every candidate of a night, in order."""

    triggers: tuple[Trigger, ...]


@dataclass(frozen=True, slots=True)
class Suspects:
    """Documents that a rejection names, and why in words that go with each of them."""

    why: str
    documents: tuple[DocumentId, ...]


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """The figures of the rules; each is in the unit its rule names."""

    canary_new_failures: int = 2
    canary_minimum: int = 17
    alpha_overall: float = 0.05
    alpha_stratum: float = 0.01
    alpha_gain: float = 0.10
    production_margin: float = -0.10
    golden_margin: float = -0.15
    stratum_production_margin: float = -0.22
    stratum_golden_margin: float = -0.35
    kl_limit: float = 0.10
    rescore_limit: float = 1e-3
    parity_limit: float = 0.15
    unsupported_share: float = 0.02
    trigger_sigmas: float = 5.0
    trigger_limit: float = 0.5
    scales: tuple[float, ...] = (1.0, 0.5, 0.25)


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """One rule: what was measured, the limit it is held to, and a sentence that says so."""

    rule: str
    passed: bool
    measured: float
    limit: float
    sentence: str


class Decision(StrEnum):
    PROMOTE = "promote"
    REJECT = "reject"
    VOID = "void"
    """The measurement itself can't be trusted (an export fault, rescoring differs): nothing is promoted."""


@dataclass(frozen=True, slots=True)
class Verdict:
    decision: Decision
    candidate: str
    candidate_hash: str
    production: str
    golden: str
    scale: float
    rules: tuple[RuleOutcome, ...]
    scored_on: str
    """`served bytes`, or `trainer's copy` where the engine can't score."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """The sentences of the rules that decided: the failed ones, or all where none failed."""
        failed = tuple(rule.sentence for rule in self.rules if not rule.passed)
        return failed or tuple(rule.sentence for rule in self.rules)
