"""A document becomes training samples and the probes that will ask for them in words never trained.

Called by the night's prepare step and by rebuilds. Knows neither other documents (but to relate two of them, in
`build_between`) nor what else the night trains on.

Equal document, seed and held-out texts: equal samples, ids and order. At most 11 samples a document, and one between
documents, make the cap of 12.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from web4_agent.domain.documents import Document
from web4_agent.domain.ids import DocumentId
from web4_agent.domain.samples import Probe, Sample, SampleKind, SampleOrigin
from web4_agent.steps.samples import templates
from web4_agent.steps.samples.clean import supported, words
from web4_agent.steps.samples.draws import draw, sample_id
from web4_agent.steps.samples.facts import Fact, facts_of, topic_of, written_at
from web4_agent.steps.samples.passages import WINDOW_CHARS, full_text_windows, section_passages, without_text

CAP = 11
FULL_TEXTS = 2
FACTS_AT_LEAST = 2
WORDINGS_TRAINED = 2
SECTIONS_USUAL = 3
WRONG_ANSWERS = 3
PASSAGE_WEIGHT = 1.0
ANSWER_WEIGHT = 3.0
"""Answers are a twentieth of a document's loss-bearing tokens (measured on 41 real ones); weighed so, an eighth."""
_PASSAGES = frozenset({SampleKind.FULL_TEXT, SampleKind.SECTION})
SHORTEST_REVERSIBLE_WORDS = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """A document's answer to a field's question: what wrong answers for other documents' probes are taken from."""

    document: DocumentId
    field: str
    text: str


@dataclass(frozen=True, slots=True)
class DocumentSamples:
    """`train` is ordered so that any prefix has variety. `probes` lack wrong answers until `complete_probes`."""

    train: tuple[Sample, ...]
    probes: tuple[Probe, ...]
    answers: tuple[Answer, ...] = ()


def build_samples(
    document: Document,
    *,
    seed: int,
    held_out: Sequence[str] = (),
    template: frozenset[str] = frozenset(),
    window_chars: int = WINDOW_CHARS,
) -> DocumentSamples:
    """The samples and probes of one document.

    `held_out` are texts of it that may not be trained; `template` the lines that carry no loss (see screen).
    """
    learnable = without_text(document, held_out)
    facts = facts_of(learnable)
    names = _names(document, seed)
    full = [
        _sample(document, SampleKind.FULL_TEXT, "", text)
        for text in full_text_windows(learnable, template, FULL_TEXTS, draw(seed, document.id, "window"), window_chars)
    ]
    sections = [
        _sample(document, SampleKind.SECTION, prompt, target)
        for prompt, target in section_passages(learnable, template, names, draw(seed, document.id))
    ]
    absent = _not_recorded(document, seed)
    room = CAP - len(full) - len(absent) - min(SECTIONS_USUAL, len(sections)) - 1
    chosen = _choose(facts, document, seed, max(FACTS_AT_LEAST, room // WORDINGS_TRAINED))
    asked = [_ask(document, fact, seed, facts) for fact in chosen]
    questions = _reversed(document, facts, seed) + [sample for samples, _ in asked for sample in samples]
    room = CAP - len(full) - len(absent) - len(questions)
    train = _interleave(questions, sections[:room], full, absent)
    answers = tuple(Answer(document.id, fact.field, fact.answer) for fact in facts)
    return DocumentSamples(train, tuple(probe for _, probe in asked), answers)


def complete_probes(probes: Sequence[Probe], pool: Sequence[Answer]) -> tuple[Probe, ...]:
    """Give every probe three wrong answers: other documents' answers to the same field, the nearest in length.

    Where a field has too few, those of fields of like form (names, sentences) fill up. A probe for which the pool has
    not even one is left out: it could not tell right from wrong.
    """
    complete = []
    for probe in probes:
        wrong = _wrong_answers(probe, pool)
        if wrong:
            complete.append(replace(probe, wrong=wrong))
    return tuple(complete)


def build_between(
    documents: Sequence[Document], previous: Mapping[DocumentId, DocumentId], *, seed: int = 0
) -> tuple[Sample, ...]:
    """At most one sample a document, on how it relates to its predecessor: the linked one, else the one before in time.

    Documents that share a title with another are left out: a question could not say which of them it means. Of two
    that nothing but their names' alphabet puts in order, none is said to be the earlier.
    """
    titles = Counter(topic_of(document).casefold() for document in documents)
    named = [document for document in documents if titles[topic_of(document).casefold()] == 1]
    ordered = sorted(named, key=lambda one: (one.day, written_at(one), one.id))
    by_id = {document.id: document for document in ordered}
    samples = []
    for earlier, document in zip([None, *ordered], ordered, strict=False):
        linked = by_id.get(previous.get(document.id, document.id))
        if linked is not None and linked is not document:
            samples.append(_between(linked, document, seed, linked=True))
        elif earlier is not None and _surely_earlier(earlier, document):
            samples.append(_between(earlier, document, seed, linked=False))
    return tuple(samples)


def _choose(facts: tuple[Fact, ...], document: Document, seed: int, count: int) -> list[Fact]:
    """A telling fact, a detail, and so on in turn, drawn by seed so that documents are asked for different fields.

    Names (who, where) say least: in one document of four one of them takes the detail's place.
    """
    turn = draw(seed, document.id, "facts")
    telling = [fact for fact in facts if fact.field not in templates.NAMES | templates.DETAILS]
    details = [fact for fact in facts if fact.field in templates.DETAILS]
    names = [fact for fact in facts if fact.field in templates.NAMES]
    groups = [telling, names, details] if turn % 4 == 0 else [telling, details, names]
    turned = [_turned(group, turn // 8) for group in groups]
    first = [fact for pair in zip_longest(*turned[:2]) for fact in pair if fact]
    return [*first, *turned[2]][:count]


def _ask(document: Document, fact: Fact, seed: int, facts: tuple[Fact, ...]) -> tuple[list[Sample], Probe]:
    *trained, unseen = templates.QUESTIONS[fact.field]
    names = _names(document, seed)
    first = draw(seed, document.id, fact.field, fact.label)
    topic = next((other.answer for other in facts if other.field in {"objective", "task"}), names[0])
    slots = {"label": fact.label, "column": fact.column, "title": topic_of(document), "topic": topic}
    prompts = [
        trained[(first + at) % len(trained)].format(ref=names[(first + at) % len(names)], **slots)
        for at in range(WORDINGS_TRAINED)
    ]
    samples = [_sample(document, SampleKind.QUESTION, prompt, fact.answer) for prompt in prompts]
    prompt = unseen.format(ref=names[(first + WORDINGS_TRAINED) % len(names)], **slots)
    identity = sample_id(f"p-{fact.field}", document.id, document.content_hash, prompt, fact.answer)
    return samples, Probe(identity, document.id, prompt, fact.answer, ())


def _reversed(document: Document, facts: tuple[Fact, ...], seed: int) -> list[Sample]:
    """Answer to question: which document says this? Asked of one fact that no other document is likely to state."""
    title = topic_of(document)
    telling = [
        fact for fact in facts if fact.field in templates.NOUNS and len(words(fact.answer)) >= SHORTEST_REVERSIBLE_WORDS
    ]
    if not telling or not supported(title, document.text):
        return []
    turn = draw(seed, document.id, "reversed")
    fact = telling[turn % len(telling)]
    wording = templates.REVERSED[turn // 3 % len(templates.REVERSED)]
    prompt = wording.format(noun=templates.NOUNS[fact.field], answer=fact.answer, day=document.day.isoformat())
    return [_sample(document, SampleKind.QUESTION, prompt, title)]


def _not_recorded(document: Document, seed: int) -> list[Sample]:
    """For every second document a question it does not answer: a missing header field, else a foreign matter."""
    turn = draw(seed, document.id, "absent")
    if turn % 2:
        return []
    known = set(words(document.text))
    fields = {fact.field for fact in facts_of(document)}
    absent = [
        templates.QUESTIONS[field][0]
        for field in ("sprint", "branch", "task")
        if field not in fields and field not in known
    ]
    absent += [
        question
        for question, beginnings in templates.ABSENT_TOPICS
        if not any(word.startswith(beginnings) for word in known)
    ]
    if not absent:
        return []
    names = _names(document, seed)
    prompt = absent[turn // 2 % len(absent)].format(ref=names[turn // 2 % len(names)])
    answer = templates.NOT_RECORDED_ANSWERS[turn // 3 % len(templates.NOT_RECORDED_ANSWERS)]
    return [_sample(document, SampleKind.NOT_RECORDED, prompt, answer)]


def _between(before: Document, after: Document, seed: int, *, linked: bool) -> Sample:
    one, two = topic_of(before), topic_of(after)
    answers = {"first": one} if _surely_earlier(before, after) else {}
    decision = ""
    if linked:
        told = {fact.field: fact.answer for fact in reversed(facts_of(after))}
        decided = {fact.field: fact.answer for fact in reversed(facts_of(before))}
        decision = decided.get("decision", decided.get("decided", ""))
        answers |= {"after": two, "before": one}
        answers |= {"since": told["objective"]} if "objective" in told else {}
        answers |= {"outcome": told["outcome"]} if "outcome" in told and decision else {}
    turn = draw(seed, before.id, after.id)
    kind = sorted(answers)[turn % len(answers)]
    first, second = (one, two) if turn // 5 % 2 else (two, one)
    prompt = templates.BETWEEN[kind][turn // 7 % 2].format(
        one=first,
        two=second,
        before=one,
        after=two,
        before_day=before.day.isoformat(),
        after_day=after.day.isoformat(),
        decision=decision,
    )
    return replace(_sample(after, SampleKind.BETWEEN, prompt, answers[kind]), other=before.id)


def _surely_earlier(before: Document, after: Document) -> bool:
    if before.day != after.day:
        return before.day < after.day
    return "" < written_at(before) < written_at(after)


def _wrong_answers(probe: Probe, pool: Sequence[Answer]) -> tuple[str, ...]:
    field = probe.id.split("-")[1]
    right = " ".join(words(probe.answer))
    others = sorted(
        (answer for answer in pool if answer.document != probe.document),
        key=lambda answer: (
            answer.field != field,
            abs(len(answer.text) - len(probe.answer)),
            sample_id("w", probe.id, answer.text),
        ),
    )
    wrong: dict[str, str] = {}
    for answer in others:
        said = " ".join(words(answer.text))
        alike = (answer.field in templates.NAMES) == (field in templates.NAMES)
        if alike and said and said not in right and right not in said:
            wrong.setdefault(said, answer.text)
        if len(wrong) == WRONG_ANSWERS:
            break
    return tuple(wrong.values())


def _turned(facts: list[Fact], turn: int) -> list[Fact]:
    at = turn % len(facts) if facts else 0
    return facts[at:] + facts[:at]


def _names(document: Document, seed: int) -> list[str]:
    """The ways to name this document in a prompt, turned by seed."""
    turn = draw(seed, document.id, "names") % len(templates.REFERENCES)
    turned = templates.REFERENCES[turn:] + templates.REFERENCES[:turn]
    return [name.format(title=topic_of(document), day=document.day.isoformat()) for name in turned]


def _sample(document: Document, kind: SampleKind, prompt: str, target: str) -> Sample:
    identity = sample_id("s", kind, document.id, document.content_hash, prompt, target)
    weight = PASSAGE_WEIGHT if kind in _PASSAGES else ANSWER_WEIGHT
    return Sample(identity, kind, SampleOrigin.NEW, prompt, target, document.id, document.content_hash, weight)


def _interleave(*groups: list[Sample]) -> tuple[Sample, ...]:
    longest = max((len(group) for group in groups), default=0)
    return tuple(group[at] for at in range(longest) for group in groups if at < len(group) and group[at].target)
