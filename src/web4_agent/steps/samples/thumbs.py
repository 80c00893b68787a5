"""Which thumbs a night may learn from, as what, and how much of the night they may be.

Called by the night's prepare step. Knows no store and no clock: votes are handed in, oldest first, with what the
lineage has made of votes before. Equal inputs: equal choice. A thumb down is never a target.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from web4_agent.domain.ids import AdapterVersion, ContentHash, DocumentId, SampleId
from web4_agent.domain.queries import Thumb
from web4_agent.domain.samples import Preference, Sample, SampleKind, SampleOrigin
from web4_agent.domain.thumbs import Use, Vote, VoteUse
from web4_agent.domain.training import TrainPolicy
from web4_agent.steps.samples.clean import words
from web4_agent.steps.samples.draws import sample_id
from web4_agent.steps.samples.mix import LIFE_EXPOSURES, RELAXED_SHARE, Mix, estimated_tokens
from web4_agent.storage.artifacts import hash_text

NO_TEXT = "the text of the answer is no longer kept"
NOT_WHOLE = "the answer was not a whole one to a question"
OTHER_LINE = "the answer came from a model that today's does not descend from"
DISAGREED = "the answer got thumbs both ways"
REPEATED = "the same person voted on an equal answer before"
OWN_ANSWER = "another answer to the question was voted up by the one who asked"
OVER_DAY = "the person had voted as often as counts that day"
ROLLED_BACK = "a night that was rolled back had learnt from it"
OVER_FEEDBACK = "feedback has its share of the night: it waits"
OVER_DOCUMENT = "a document the answer was taken from has its share of the night"
OVER_LIFE = f"a document the answer was taken from was shown {LIFE_EXPOSURES} times in its life"
OVER_BUDGET = "no room in the night: it waits"


@dataclass(frozen=True, slots=True)
class Voted:
    """One answer to one question, with the votes on it that count, all of one kind, and their sample."""

    sample: Sample
    thumb: Thumb
    votes: tuple[Vote, ...]
    documents: frozenset[DocumentId]

    def uses(self, use: Use) -> tuple[VoteUse, ...]:
        return tuple(VoteUse(vote.response, vote.client, use) for vote in self.votes)


@dataclass(frozen=True, slots=True)
class Past:
    """What was made of votes: by the nights of the lineage, and by promoted nights that no longer are in it."""

    used: Collection[VoteUse] = ()
    rolled_back: Collection[VoteUse] = ()


@dataclass(frozen=True, slots=True)
class Counted:
    """`trainable` are answers voted up that no night of the lineage was taught; `down` votes that none kept out yet;
    `preferable` answers of both kinds that no preference step had."""

    trainable: tuple[Voted, ...]
    down: tuple[Vote, ...]
    preferable: tuple[Voted, ...]
    left_out: tuple[tuple[Vote, str], ...]


@dataclass(frozen=True, slots=True)
class MixedIn:
    mix: Mix
    taken: tuple[Voted, ...]
    left_out: tuple[tuple[Voted, str], ...]


def count_votes(votes: Sequence[Vote], lineage: Collection[AdapterVersion], past: Past, policy: TrainPolicy) -> Counted:
    """Votes that count, as answers. `lineage` is today's model with its ancestors."""
    aside = {(one.response, one.client) for one in past.rolled_back if one.use is not Use.KEPT_OUT}
    free = [vote for vote in votes if (vote.response, vote.client) not in aside]
    counted, left_out = _counting(free, lineage, policy.votes_a_day)
    left_out += [(vote, ROLLED_BACK) for vote in votes if (vote.response, vote.client) in aside]
    made = {use: {(one.response, one.client) for one in past.used if one.use is use} for use in Use}
    answers = _by_answer(counted, policy.feedback_weight)

    def fresh(use: Use, answer: Voted) -> bool:
        return not any((vote.response, vote.client) in made[use] for vote in answer.votes)

    return Counted(
        trainable=tuple(one for one in answers if one.thumb is Thumb.UP and fresh(Use.TRAINED, one)),
        down=tuple(
            vote
            for vote in counted
            if vote.thumb is Thumb.DOWN and (vote.response, vote.client) not in made[Use.KEPT_OUT]
        ),
        preferable=tuple(one for one in answers if fresh(Use.PREFERRED, one)),
        left_out=tuple(left_out),
    )


def room_for(voted: Sequence[Voted], policy: TrainPolicy) -> TrainPolicy:
    """The recipe with a token budget that leaves room for these; without any, the very recipe."""
    wanted = sum(_cost(one.sample, estimated_tokens) for one in voted)
    room = min(wanted, int(policy.feedback_share * policy.max_tokens))
    return replace(policy, max_tokens=policy.max_tokens - room) if room else policy


def mix_in(
    mixed: Mix,
    voted: Sequence[Voted],
    policy: TrainPolicy,
    exposures: Mapping[DocumentId, int],
    count_tokens: Callable[[str], int] = estimated_tokens,
) -> MixedIn:
    """The night's samples and behind them as many answers as `policy.feedback_share` of the loss tokens allows.

    An answer counts in full for each document it was taken from: none may pass its share of the night by it, nor its
    exposures in a life. The oldest vote comes first.
    """
    if not voted:
        return MixedIn(mixed, (), ())
    night = _Shares(mixed, policy, exposures, count_tokens)
    taken: list[Voted] = []
    left_out: list[tuple[Voted, str]] = []
    for one in voted:
        if reason := night.refuses(one):
            left_out.append((one, reason))
        else:
            night.take(one)
            taken.append(one)
    return MixedIn(night.result(taken), tuple(taken), tuple(left_out))


def preferences_of(voted: Sequence[Voted], policy: TrainPolicy) -> tuple[Voted, ...]:
    """The answers of a preference step, both kinds in their ratio: none where there are too few.

    Of each kind the oldest, as many as half the night's token budget holds: the other half is replay. A document may be
    behind one in twenty of them (`policy.document_share`).
    """
    kept = _within_document_share(voted, policy.document_share)
    rarer = min(Counter(one.thumb for one in kept).get(thumb, 0) for thumb in Thumb)
    if len(kept) < policy.preference_votes or rarer < policy.preference_rarer:
        return ()
    budget = policy.max_tokens / 2
    chosen: list[Voted] = []
    for one in _in_ratio(kept):
        budget -= _cost(one.sample, estimated_tokens)
        if budget < 0:
            break
        chosen.append(one)
    return tuple(chosen)


def as_preferences(voted: Iterable[Voted]) -> tuple[Preference, ...]:
    return tuple(Preference(one.sample, one.thumb is Thumb.UP) for one in voted)


def _counting(
    votes: Sequence[Vote], lineage: Collection[AdapterVersion], a_day: int
) -> tuple[list[Vote], list[tuple[Vote, str]]]:
    thumbs: defaultdict[tuple[str, str], set[Thumb]] = defaultdict(set)
    others = set()
    for vote in votes:
        thumbs[_answer(vote)].add(vote.thumb)
        if vote.client != vote.asker:
            others.add(_answer(vote))
    seen: set[tuple[str, str, Thumb]] = set()
    own: dict[str, tuple[str, str]] = {}
    today: Counter[tuple[str, str]] = Counter()
    counted: list[Vote] = []
    left_out: list[tuple[Vote, str]] = []
    for vote in votes:
        question, answer = _answer(vote)
        said, day = (vote.client, answer, vote.thumb), (vote.client, vote.at_utc.date().isoformat())
        by_asker = vote.thumb is Thumb.UP and (question, answer) not in others
        reason = (
            _unusable(vote, lineage)
            or (DISAGREED if len(thumbs[question, answer]) > 1 else "")
            or (REPEATED if said in seen else "")
            or (OWN_ANSWER if by_asker and own.get(question, (question, answer)) != (question, answer) else "")
            or (OVER_DAY if today[day] >= a_day else "")
        )
        if reason:
            left_out.append((vote, reason))
            continue
        seen.add(said)
        today[day] += 1
        if by_asker:
            own[question] = (question, answer)
        counted.append(vote)
    return counted, left_out


def _unusable(vote: Vote, lineage: Collection[AdapterVersion]) -> str:
    if not (vote.question.strip() and vote.answer.strip()):
        return NO_TEXT
    if not vote.whole:
        return NOT_WHOLE
    return "" if vote.adapter in lineage else OTHER_LINE


def _answer(vote: Vote) -> tuple[str, str]:
    """Question and answer as they are compared: by their words, or as they are where they have none."""
    question, answer = (" ".join(words(text)) or text.strip() for text in (vote.question, vote.answer))
    return question, answer


def _by_answer(votes: Iterable[Vote], weight: float) -> list[Voted]:
    groups: dict[tuple[str, str], list[Vote]] = {}
    for vote in votes:
        groups.setdefault(_answer(vote), []).append(vote)
    return [_voted(group, weight) for group in groups.values()]


def _voted(votes: Sequence[Vote], weight: float) -> Voted:
    """As the oldest vote's answer words it."""
    question, answer = votes[0].question.strip(), votes[0].answer.strip()
    sample = Sample(
        id=sample_id("v", question, answer),
        kind=SampleKind.FEEDBACK,
        origin=SampleOrigin.FEEDBACK,
        prompt=question,
        target=answer,
        document=None,
        content_hash=ContentHash(hash_text(f"{question}\0{answer}")),
        weight=weight,
    )
    documents = frozenset(document for vote in votes for document in vote.documents)
    return Voted(sample, votes[0].thumb, tuple(votes), documents)


def _cost(sample: Sample, count: Callable[[str], int]) -> int:
    return count(sample.prompt) + count(sample.target)


def _within_document_share(voted: Sequence[Voted], share: float) -> list[Voted]:
    """A document keeps one answer at least, so that few votes are possible at all."""
    most = max(1, int(share * len(voted)))
    behind: Counter[DocumentId] = Counter()
    kept = []
    for one in voted:
        if all(behind[document] < most for document in one.documents):
            behind.update(one.documents)
            kept.append(one)
    return kept


def _in_ratio(voted: Sequence[Voted]) -> list[Voted]:
    """Both kinds spread evenly, the oldest of each first."""
    placed: list[tuple[float, str, Voted]] = []
    for thumb in Thumb:
        kind = [one for one in voted if one.thumb is thumb]
        placed += [((at + 0.5) / len(kind), thumb.value, one) for at, one in enumerate(kind)]
    return [one for _, _, one in sorted(placed, key=lambda each: each[:2])]


@dataclass(slots=True)
class _Shares:
    """How much of the night each document has, in loss tokens, while answers are taken in."""

    mixed: Mix
    policy: TrainPolicy
    exposures: Mapping[DocumentId, int]
    count: Callable[[str], int]
    own: Counter[DocumentId] = field(default_factory=Counter)
    shown: Counter[DocumentId] = field(default_factory=Counter)
    part: dict[DocumentId, float] = field(default_factory=dict)
    feedback: int = 0
    tokens: int = 0

    def __post_init__(self) -> None:
        by_origin: defaultdict[SampleOrigin, Counter[DocumentId]] = defaultdict(Counter)
        for sample in self.mixed.samples:
            if sample.document is not None:
                by_origin[sample.origin][sample.document] += self.count(sample.target)
                self.shown[sample.document] += self.policy.epochs
        for sizes in by_origin.values():
            self.own.update(sizes)
            self.part |= dict.fromkeys(sizes, RELAXED_SHARE * sizes.total() / len(sizes))
        self.tokens = self.mixed.tokens

    def refuses(self, one: Voted) -> str:
        size = self.count(one.sample.target)
        whole = self.night + self.feedback + size
        if self.tokens + _cost(one.sample, self.count) > self.policy.max_tokens:
            return OVER_BUDGET
        if self.feedback + size > self.policy.feedback_share * whole:
            return OVER_FEEDBACK
        for document in one.documents:
            shown = self.exposures.get(document, 0) + self.shown[document] + self.policy.epochs
            if shown > LIFE_EXPOSURES:
                return OVER_LIFE
            if self.own[document] + size > max(self.policy.document_share * whole, self.part.get(document, 0.0)):
                return OVER_DOCUMENT
        return ""

    def take(self, one: Voted) -> None:
        size = self.count(one.sample.target)
        self.feedback += size
        self.tokens += _cost(one.sample, self.count)
        for document in one.documents:
            self.own[document] += size
            self.shown[document] += self.policy.epochs

    @property
    def night(self) -> int:
        return sum(self.mixed.loss_tokens.values())

    def result(self, taken: Sequence[Voted]) -> Mix:
        whole = self.night + self.feedback
        return replace(
            self.mixed,
            samples=(*self.mixed.samples, *(one.sample for one in taken)),
            counts={**self.mixed.counts, **({SampleOrigin.FEEDBACK: len(taken)} if taken else {})},
            loss_tokens={**self.mixed.loss_tokens, SampleOrigin.FEEDBACK: self.feedback},
            tokens=self.tokens,
            largest_document_share=max(self.own.values(), default=0) / whole if whole else 0.0,
        )


def named(left_out: Iterable[tuple[Voted, str]]) -> tuple[tuple[SampleId, str], ...]:
    return tuple((one.sample.id, reason) for one, reason in left_out)
