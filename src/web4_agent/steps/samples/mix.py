"""What one night trains on, and in which order: new, replayed and general samples in proportion, no document too much.

Called by the night's prepare step after screen. Knows no store and no clock: how long ago and how often a document was
trained is handed in. Equal inputs: equal samples in equal order.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from web4_agent.domain.ids import DocumentId, SampleId
from web4_agent.domain.samples import Sample, SampleKind, SampleOrigin
from web4_agent.domain.training import TrainPolicy
from web4_agent.steps.samples.draws import draw

LIFE_EXPOSURES = 60
CHARS_A_TOKEN = 3
"""Of journal prose with the default model's tokenizer."""
SOURCE_SHARE = 0.10
"""Of the loss-bearing tokens, for all documents together that draw on one outside source."""
RELAXED_SHARE = 1.5
"""With too few documents to keep `document_share`, one may have this many times its even part."""

PASSAGE_SLACK = 1.5
"""A window is cut between lines and carries its document's title: it may be longer than asked for."""

FACTS = frozenset({SampleKind.QUESTION, SampleKind.BETWEEN, SampleKind.NOT_RECORDED})
"""Short kinds, of which many fit where one passage does.

How much of a night they may take is `TrainPolicy.facts_share`, of the tokens put through the model: four fifths of a
fact's tokens are its question and bear no loss."""

OVER_SHARE = "its document has its share of the night"
OVER_LIFE = f"its document was shown {LIFE_EXPOSURES} times in its life"
OVER_SOURCE = "its outside source has its share of the night"
OVER_BUDGET = "no room in the night"


@dataclass(frozen=True, slots=True)
class History:
    """How documents fared so far. A document absent from a mapping has none of it.

    `learned_nights` is nights since it was first trained, `seen_nights` since it was last; `exposures` counts samples
    of it put through training, epochs included; `forgetting` is NLL now minus NLL when learned, in nats. `origins`
    names the document that one counts as, where that is another; `sources` the outside source that one draws on.
    """

    learned_nights: Mapping[DocumentId, int] = field(default_factory=dict)
    seen_nights: Mapping[DocumentId, int] = field(default_factory=dict)
    exposures: Mapping[DocumentId, int] = field(default_factory=dict)
    forgetting: Mapping[DocumentId, float] = field(default_factory=dict)
    origins: Mapping[DocumentId, DocumentId] = field(default_factory=dict)
    sources: Mapping[DocumentId, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mix:
    """`samples` in training order. Sizes are loss-bearing tokens by origin; `notes` say what had to give."""

    samples: tuple[Sample, ...]
    counts: Mapping[SampleOrigin, int]
    loss_tokens: Mapping[SampleOrigin, int]
    tokens: int
    largest_document_share: float
    dropped: tuple[tuple[SampleId, str], ...]
    notes: tuple[str, ...] = ()


def estimated_tokens(text: str) -> int:
    """Tokens of journal prose. Hand in the tokenizer's count where one is at hand."""
    return (len(text) + CHARS_A_TOKEN - 1) // CHARS_A_TOKEN


def mix(
    new: Sequence[Sample],
    replay_pool: Sequence[Sample],
    general_pool: Sequence[Sample],
    policy: TrainPolicy,
    *,
    night_index: int,
    history: History | None = None,
    count_tokens: Callable[[str], int] = estimated_tokens,
    passage_tokens: int = 0,
) -> Mix:
    """The night's samples. `night_index` counts a lineage's nights from 1; replay grows to its full share by
    night `policy.replay_ramp_nights`.

    Shares are of loss-bearing tokens (the general one of all, with `policy.general_in_all_tokens`), the budget is of
    all tokens. A pool that runs dry leaves its share unfilled rather than repeating samples; general ones that neither
    hold nor teach take none. Within a part documents take turns, one sample each. `passage_tokens`: the usual length of
    a passage tonight; a document may have one even where its share of the night is less.
    """
    past = history or History()
    night = _Night(policy, night_index, past, count_tokens, passage_tokens)
    tonight = {sample.document for sample in new}
    replayable = [sample for sample in replay_pool if sample.document not in tonight]
    holds = bool(policy.kl_weight or policy.general_loss or policy.safety_loss)
    shares = _shares(policy, night_index, has_replay=bool(replayable), has_general=holds and bool(general_pool))
    chosen = night.fill_new(new, shares.new * policy.max_tokens)
    chosen = night.within_document_share(chosen, shares.new)
    taught = tuple(chosen)
    size = night.cost if policy.general_in_all_tokens else night.loss
    unit, general_unit = (
        sum(map(measure, taught)) / shares.new if taught else policy.max_tokens for measure in (night.loss, size)
    )
    chosen += night.fill(night.due_first(replayable), unit * shares.replay, night.loss, SampleOrigin.REPLAY)
    chosen += night.fill(night.shuffled(general_pool), general_unit * shares.general, size, SampleOrigin.GENERAL)
    chosen = night.within_source_share(night.within_document_share(night.within_budget(chosen)))
    return night.result(chosen, new)


@dataclass(frozen=True, slots=True)
class _Shares:
    new: float
    replay: float
    general: float


def _shares(policy: TrainPolicy, night_index: int, *, has_replay: bool, has_general: bool) -> _Shares:
    """Parts of one night, summing to 1: what has no pool gives its part to the others in their ratio."""
    ramp = min(1.0, max(0, night_index - 1) / max(1, policy.replay_ramp_nights - 1))
    replay = policy.share_replay * ramp if has_replay else 0.0
    general = policy.share_general if has_general else 0.0
    whole = policy.share_new + replay + general
    return _Shares(policy.share_new / whole, replay / whole, general / whole)


class _Night:
    """One mixing: sizes counted once a text, and the reason of each drop as it happens."""

    def __init__(
        self,
        policy: TrainPolicy,
        night_index: int,
        past: History,
        count_tokens: Callable[[str], int],
        passage_tokens: int,
    ) -> None:
        self.passage = passage_tokens
        self.policy = policy
        self.index = night_index
        self.past = past
        self.count = cache(count_tokens)
        self.dropped: dict[SampleId, str] = {}
        self.shown: Counter[DocumentId] = Counter()
        self.used: Counter[DocumentId | None] = Counter()
        self.exposures: Counter[DocumentId] = Counter()
        for document, count in past.exposures.items():
            self.exposures[past.origins.get(document, document)] += count
        self.each = float(policy.max_tokens)

    def loss(self, sample: Sample) -> int:
        """Tokens that bear loss: those of the target."""
        return self.count(sample.target)

    def cost(self, sample: Sample) -> int:
        """Tokens put through the model."""
        return self.count(sample.target) + self.count(sample.prompt) + self.count(sample.system)

    def origin(self, document: DocumentId) -> DocumentId:
        """The document that it counts as: a copy counts as what it was copied from."""
        return self.past.origins.get(document, document)

    def origins_of(self, sample: Sample) -> frozenset[DocumentId]:
        """The documents that are shown with a sample: two for one between two, none for a general one."""
        return frozenset(self.origin(one) for one in (sample.document, sample.other) if one is not None)

    def draw(self, *parts: str) -> int:
        return draw(self.policy.seed, str(self.index), *parts)

    def shuffled(self, samples: Sequence[Sample]) -> list[Sample]:
        return sorted(samples, key=lambda one: (self.draw(one.id), one.id))

    def turns(self, samples: Sequence[Sample]) -> list[Sample]:
        """One sample of each document, then a second of each, in the order they were built."""
        by_document = _by_document(samples)
        return _round_robin([by_document[one] for one in sorted(by_document, key=self.draw)])

    def due_first(self, pool: Sequence[Sample]) -> list[Sample]:
        """Documents whose night of repetition it is, the most forgotten first; then those not seen for longest.

        Which samples of a document come first changes with the night, so that in time all are repeated.
        """
        by_document = {document: self.shuffled(samples) for document, samples in _by_document(pool).items()}
        due = [one for one in by_document if self.past.learned_nights.get(one) in self.policy.replay_nights]
        due.sort(key=lambda one: (-self.past.forgetting.get(one, 0.0), self.draw(one)))
        rest = [one for one in by_document if self.past.learned_nights.get(one) not in self.policy.replay_nights]
        rest.sort(
            key=lambda one: (-self.past.seen_nights.get(one, self.past.learned_nights.get(one, 0)), self.draw(one))
        )
        return _round_robin([by_document[one] for one in due]) + _round_robin([by_document[one] for one in rest])

    def fill_new(self, samples: Sequence[Sample], budget: float) -> list[Sample]:
        """Facts first, then windows of full text, each up to its part of the budget; then sections; then what is left.

        In this order because each kind is far longer than the one before, and would crowd it out.
        """
        documents = len({sample.document for sample in samples})
        self.each = RELAXED_SHARE * budget / max(1, documents)
        facts = self.turns([sample for sample in samples if sample.kind in FACTS])
        texts = self.turns([sample for sample in samples if sample.kind is SampleKind.FULL_TEXT])
        sections = self.turns([sample for sample in samples if sample.kind is SampleKind.SECTION])
        chosen = self.fill(facts, self.policy.facts_share * budget, self.cost, SampleOrigin.NEW)
        chosen += self.fill(texts, self.policy.text_share * budget, self.cost, SampleOrigin.NEW)
        for some in (sections, texts, facts):
            left = [one for one in some if one.id not in {kept.id for kept in chosen}]
            for one in left:
                self.dropped.pop(one.id, None)
            chosen += self.fill(left, budget - sum(map(self.cost, chosen)), self.cost, SampleOrigin.NEW)
        return chosen

    def fill(
        self, samples: Iterable[Sample], budget: float, size: Callable[[Sample], int], origin: SampleOrigin
    ) -> list[Sample]:
        """Samples in their order while they fit `budget`, their document's part of it, and their document's life.

        A document's first one may be longer than its part: else a busy day would teach no passage.
        """
        chosen: list[Sample] = []
        met: set[DocumentId | None] = set()
        for sample in samples:
            if not self._has_life_left(sample):
                self.dropped[sample.id] = OVER_LIFE
            elif (
                origin is SampleOrigin.NEW
                and self.counted_as(sample) in met
                and not self._has_room(sample, size(sample))
            ):
                self.dropped[sample.id] = OVER_SHARE
            elif size(sample) > budget:
                if origin is SampleOrigin.NEW:
                    self.dropped[sample.id] = OVER_BUDGET
            else:
                budget -= size(sample)
                self.used[self.counted_as(sample)] += size(sample)
                self.shown.update(dict.fromkeys(self.origins_of(sample), self.policy.epochs))
                met.add(self.counted_as(sample))
                chosen.append(replace(sample, origin=origin))
        return chosen

    def within_budget(self, samples: list[Sample]) -> list[Sample]:
        """Without as many samples, drawn evenly from all parts, as are too many for `max_tokens`."""
        excess = sum(map(self.cost, samples)) - self.policy.max_tokens
        for sample in self.shuffled(samples):
            if excess <= 0:
                break
            excess -= self.cost(sample)
            self.dropped[sample.id] = OVER_BUDGET
        return [sample for sample in samples if sample.id not in self.dropped]

    def within_document_share(self, samples: list[Sample], part: float = 1.0) -> list[Sample]:
        """Without the last samples of documents above their share of the night, of which `samples` are `part`.

        A document keeps at least one sample. Each round drops one: a drop makes the night smaller, and so each share.
        """
        kept = list(samples)
        while over := self._over_share(kept, part):
            kept.remove(over)
            self.dropped[over.id] = OVER_SHARE
        return kept

    def within_source_share(self, samples: list[Sample]) -> list[Sample]:
        """Without the last samples of outside sources above their share. A source keeps at least one sample."""
        kept = list(samples)
        for source in sorted({self.source(one) for one in samples} - {""}):
            own = [one for one in kept if self.source(one) == source]
            while len(own) > 1 and sum(map(self.loss, own)) > SOURCE_SHARE * sum(map(self.loss, kept)):
                self.dropped[own[-1].id] = OVER_SOURCE
                kept.remove(own.pop())
        return kept

    def counted_as(self, sample: Sample) -> DocumentId | None:
        return None if sample.document is None else self.origin(sample.document)

    def source(self, sample: Sample) -> str:
        return self.past.sources.get(sample.document, "") if sample.document is not None else ""

    def limits(self, samples: Sequence[Sample], part: float = 1.0) -> dict[SampleOrigin, float]:
        """Loss tokens one document may have, by the part of the night it is in."""
        whole = sum(map(self.loss, samples)) / part
        limits = {}
        for origin in SampleOrigin:
            of_part = [sample for sample in samples if sample.origin is origin]
            documents = {self.counted_as(sample) for sample in of_part}
            even = sum(map(self.loss, of_part)) / max(1, len(documents))
            limits[origin] = max(self.policy.document_share * whole, RELAXED_SHARE * even, PASSAGE_SLACK * self.passage)
        return limits

    def result(self, chosen: list[Sample], new: Sequence[Sample]) -> Mix:
        loss = self._loss_by_document(chosen)
        whole = sum(map(self.loss, chosen))
        largest = max(loss.values(), default=0) / whole if whole else 0.0
        notes = []
        if largest > self.policy.document_share:
            notes.append(
                f"one document has {largest:.1%} of the loss-bearing tokens, above {self.policy.document_share:.0%}: "
                f"{len({one.document for one in new})} new documents are too few for less"
            )
        return Mix(
            samples=tuple(self.shuffled(chosen)),
            counts=Counter(sample.origin for sample in chosen),
            loss_tokens={
                origin: sum(self.loss(one) for one in chosen if one.origin is origin) for origin in SampleOrigin
            },
            tokens=sum(map(self.cost, chosen)),
            largest_document_share=largest,
            dropped=tuple(self.dropped.items()),
            notes=tuple(notes),
        )

    def _has_room(self, sample: Sample, size: int) -> bool:
        return self.used[self.counted_as(sample)] + size <= self.each

    def _has_life_left(self, sample: Sample) -> bool:
        return all(
            self.exposures[origin] + self.shown[origin] + self.policy.epochs <= LIFE_EXPOSURES
            for origin in self.origins_of(sample)
        )

    def _over_share(self, samples: list[Sample], part: float) -> Sample | None:
        """The last sample of the document farthest above its limit, or None where all keep to theirs."""
        limits = self.limits(samples, part)
        last = {self.origin(sample.document): sample for sample in samples if sample.document is not None}
        counts = Counter(self.counted_as(sample) for sample in samples)
        excess = {
            document: loss - limits[last[document].origin]
            for document, loss in self._loss_by_document(samples).items()
            if counts[document] > 1
        }
        worst = max(excess, key=lambda document: (excess[document], document), default=None)
        return last[worst] if worst is not None and excess[worst] > 0 else None

    def _loss_by_document(self, samples: Iterable[Sample]) -> dict[DocumentId, int]:
        loss: dict[DocumentId, int] = defaultdict(int)
        for sample in samples:
            if sample.document is not None:
                loss[self.origin(sample.document)] += self.loss(sample)
        return loss


def _by_document(samples: Sequence[Sample]) -> dict[DocumentId, list[Sample]]:
    """Samples without a document count as of one that has no name."""
    groups: dict[DocumentId, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.document or DocumentId("")].append(sample)
    return groups


def _round_robin(groups: Sequence[Sequence[Sample]]) -> list[Sample]:
    longest = max((len(group) for group in groups), default=0)
    return [group[at] for at in range(longest) for group in groups if at < len(group)]
