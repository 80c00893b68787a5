"""From a night's documents to what it trains on and is measured by: hold out, build, screen and mix, in this order.

Called by the night's prepare step and by the backtest, so that both learn from a day in the same way. Knows no ledger
and no model.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from web4_agent.domain.documents import Document
from web4_agent.domain.ids import ContentHash, DocumentId, SampleId
from web4_agent.domain.samples import HeldOut, Probe, Sample, SampleKind, SampleOrigin, SampleSet
from web4_agent.domain.training import TrainPolicy
from web4_agent.steps.samples.build import DocumentSamples, build_between, build_samples, complete_probes
from web4_agent.steps.samples.hold_out import hold_out, other_days
from web4_agent.steps.samples.mix import CHARS_A_TOKEN, History, Mix, estimated_tokens, mix
from web4_agent.steps.samples.passages import WINDOW_CHARS
from web4_agent.steps.samples.screen import ForbiddenText, Screened, forbidden_text, screen, template_lines
from web4_agent.storage.artifacts import hash_text

SHORTEST_WINDOW_TOKENS = 64
"""Less is no passage: a heading and a line."""


@dataclass(frozen=True, slots=True)
class Material:
    """What a night has to choose from.

    `replayed` are documents of earlier nights, `earlier` what these nights held out, `forbidden` all texts that no
    sample may repeat, `asked` the (question, answer) pairs that none may hold, `general` the general samples.
    `held_out`: tonight's held-out texts where they are chosen already.
    """

    tonight: Sequence[Document]
    replayed: Sequence[Document]
    earlier: Sequence[HeldOut]
    previous: Mapping[DocumentId, DocumentId]
    history: History
    night_index: int
    general: Sequence[Sample]
    forbidden: Sequence[str]
    has_secret: Callable[[str], bool]
    asked: Sequence[tuple[str, str]] = ()
    held_out: tuple[HeldOut, ...] | None = None
    count_tokens: Callable[[str], int] = estimated_tokens


@dataclass(frozen=True, slots=True)
class Chosen:
    """`samples` without the general held-out texts, which are the same every night. `built`: how many new samples
    passed the screen, before any had to give way to the budget."""

    samples: SampleSet
    mixed: Mix
    built: int


def choose(material: Material, policy: TrainPolicy) -> Chosen:
    """Equal material and policy: equal samples in equal order."""
    return mixed_up(drawn_up(material, policy), material, policy)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Samples that may be trained, before any is chosen; what is held out and asked; what none may repeat."""

    new: Screened
    replay: Screened
    general: Screened
    held_out: tuple[HeldOut, ...]
    probes: tuple[Probe, ...]
    forbidden: ForbiddenText
    passage_tokens: int


def drawn_up(material: Material, policy: TrainPolicy) -> Candidates:
    tonight = material.tonight
    template = template_lines([*tonight, *material.replayed])
    held = material.held_out
    if held is None:
        held = hold_out(tonight, seed=policy.seed, template=template)
    kept_back = _by_document([*held, *material.earlier])
    passage = passage_tokens(policy, len(tonight))
    window = min(WINDOW_CHARS, CHARS_A_TOKEN * passage)

    def build(documents: Iterable[Document]) -> list[DocumentSamples]:
        return [
            build_samples(
                one, seed=policy.seed, held_out=kept_back.get(one.id, ()), template=template, window_chars=window
            )
            for one in documents
        ]

    built, again = build(tonight), build(material.replayed)
    answers = [answer for part in (*built, *again) for answer in part.answers]
    probes = complete_probes([probe for part in built for probe in part.probes], answers)
    texts = [*material.forbidden, *(item.text for item in (*held, *material.earlier))]
    forbidden = forbidden_text(texts, probes, template, asked=material.asked)
    new = [sample for part in built for sample in part.train]
    new += build_between(tonight, material.previous, seed=policy.seed)
    replay = [replace(sample, origin=SampleOrigin.REPLAY) for part in again for sample in part.train]
    return Candidates(
        screen(_of_kinds(new, policy), forbidden, has_secret=material.has_secret),
        screen(_of_kinds(replay, policy), forbidden, has_secret=material.has_secret),
        screen(material.general, forbidden, has_secret=material.has_secret),
        held,
        probes,
        forbidden,
        passage,
    )


def mixed_up(candidates: Candidates, material: Material, policy: TrainPolicy) -> Chosen:
    """`policy` may leave less room than the one the candidates were drawn up for."""
    mixed = mix(
        candidates.new.kept,
        candidates.replay.kept,
        candidates.general.kept,
        policy,
        night_index=material.night_index,
        history=material.history,
        count_tokens=material.count_tokens,
        passage_tokens=candidates.passage_tokens,
    )
    named = {one.id for one in material.tonight}
    others = other_days([item for item in material.earlier if item.document not in named], seed=policy.seed)
    dropped = (*candidates.new.dropped, *candidates.general.dropped, *mixed.dropped)
    chosen = SampleSet(mixed.samples, (*candidates.held_out, *others), candidates.probes, dropped)
    return Chosen(chosen, mixed, len(candidates.new.kept))


def general_sample(name: str, prompt: str, answer: str, *, safety: bool = False) -> Sample:
    """A question of general kind as a sample: it belongs to no document. `safety`: it keeps refusals where they are."""
    kind = SampleKind.SAFETY if safety else SampleKind.GENERAL
    digest = ContentHash(hash_text(f"{prompt}\0{answer}"))
    return Sample(SampleId(f"g-{name}"), kind, SampleOrigin.GENERAL, prompt, answer, None, digest)


def passage_tokens(policy: TrainPolicy, documents: int) -> int:
    """How long a window of full text is tonight: so long that each document's budget holds one, within the policy's
    bounds. A longer one than `max_sample_tokens` would be cut in training."""
    each = policy.share_new * policy.text_share * policy.max_tokens / max(1, documents)
    return min(policy.window_tokens, policy.max_sample_tokens, max(SHORTEST_WINDOW_TOKENS, int(each)))


def _of_kinds(samples: Sequence[Sample], policy: TrainPolicy) -> list[Sample]:
    wanted = {SampleKind(kind) for kind in policy.kinds} or set(SampleKind)
    return [sample for sample in samples if sample.kind in wanted]


def _by_document(items: Sequence[HeldOut]) -> dict[DocumentId, tuple[str, ...]]:
    found: dict[DocumentId, tuple[str, ...]] = {}
    for item in items:
        if item.document is not None:
            found[item.document] = (*found.get(item.document, ()), item.text)
    return found
