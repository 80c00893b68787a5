"""What may not be trained is taken out: copies of what the gate asks, secrets, template lines, scraps and repeats.

Called by the night's prepare step between build and mix. Knows no store: texts, token strings' secrets and likelihoods
are handed in.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from web4_agent.domain.documents import Document
from web4_agent.domain.ids import SampleId
from web4_agent.domain.samples import Probe, Sample, SampleKind
from web4_agent.steps.samples.clean import grams, line_key, span, words

TEMPLATE_SHARE = 0.2
TEMPLATE_DOCUMENTS = 3
TEMPLATE_WORDS = 3
LONGEST_CHARS = 4000
"""About 1,300 tokens of journal: beyond it the trainer's `max_sample_tokens` would cut in mid-sentence."""


@dataclass(frozen=True, slots=True)
class ForbiddenText:
    """Texts that no sample may hold a run of 13 words of, and prompts that no sample may ask word for word.

    Built once a night: a look-up in a set for each word of a sample, whatever the number of texts. `asked` are the
    questions that the model is judged by, with their answers, as words between single spaces: most are shorter than 13
    words, so that they are looked for whole.
    """

    grams: frozenset[int]
    prompts: frozenset[str]
    asked: tuple[tuple[str, str], ...] = ()

    def found_in(self, sample: Sample) -> str:
        """Why the sample may not be trained, or an empty string."""
        if " ".join(words(sample.prompt)) in self.prompts:
            return "asks a probe's question word for word"
        for text in (sample.prompt, sample.target):
            if not self.grams.isdisjoint(grams(text)):
                return "shares 13 words in a row with a gate item or a held-out text"
        return self._asked_in(sample)

    def _asked_in(self, sample: Sample) -> str:
        prompt, whole = span(sample.prompt), span(f"{sample.prompt} {sample.target}")
        for question, answer in self.asked:
            if question == prompt:
                return "asks a gate item's question word for word"
            if answer and question in whole and answer in whole:
                return "holds a gate item's question and its answer"
        return ""


@dataclass(frozen=True, slots=True)
class Screened:
    """`dropped` holds (sample, reason) in the order met."""

    kept: tuple[Sample, ...]
    dropped: tuple[tuple[SampleId, str], ...]


def forbidden_text(
    texts: Iterable[str],
    probes: Iterable[Probe] = (),
    template: frozenset[str] = frozenset(),
    *,
    asked: Iterable[tuple[str, str]] = (),
) -> ForbiddenText:
    """`texts` are the gate's items (prompt and answer) and all held-out texts, tonight's and other days'; `asked` the
    items as (prompt, answer), the answer empty where a rule scores it.

    Of a probe the wording alone is forbidden: its answer is what the night is to learn, and the title it names is in
    the trained wordings too. Runs of words within template lines are no copies.
    """
    harmless = frozenset(gram for line in template for gram in grams(line))
    forbidden = frozenset(gram for text in texts for gram in grams(text)) - harmless
    return ForbiddenText(
        forbidden,
        frozenset(" ".join(words(probe.prompt)) for probe in probes),
        tuple((span(prompt), span(answer) if answer else "") for prompt, answer in asked),
    )


def screen(
    samples: Sequence[Sample],
    forbidden: ForbiddenText,
    *,
    has_secret: Callable[[str], bool],
    longest_chars: int = LONGEST_CHARS,
) -> Screened:
    """The samples that may be trained, in their order, and why the others may not. The first of equals is kept."""
    kept: list[Sample] = []
    dropped: list[tuple[SampleId, str]] = []
    seen: set[tuple[str, str]] = set()
    for sample in samples:
        reason = _scrap(sample, longest_chars) or forbidden.found_in(sample)
        if not reason and (sample.prompt, sample.target) in seen:
            reason = "repeats another sample"
        if not reason and has_secret(f"{sample.system}\n{sample.prompt}\n{sample.target}"):
            reason = "holds what looks like a secret"
        if reason:
            dropped.append((sample.id, reason))
        else:
            seen.add((sample.prompt, sample.target))
            kept.append(sample)
    return Screened(tuple(kept), tuple(dropped))


def template_lines(documents: Sequence[Document]) -> frozenset[str]:
    """Keys of the lines (`clean.line_key`) in at least a fifth of the documents, and in three at least.

    Headings are not among them: the order of a PDCA's sections is what the template canaries ask for. Lines of fewer
    than three words (fences, one-word labels) are not either: without them the rest would lose its form.
    """
    counts = Counter(
        key
        for document in documents
        for key in {line_key(line) for line in document.text.splitlines() if not line.lstrip().startswith("#")}
        if len(key.split()) >= TEMPLATE_WORDS
    )
    least = max(TEMPLATE_DOCUMENTS, TEMPLATE_SHARE * len(documents))
    return frozenset(key for key, count in counts.items() if count >= least)


def drop_known(
    samples: Sequence[Sample],
    nll: Mapping[SampleId, float],
    *,
    low: float = 0.3,
    keep: float = 0.1,
    high_percentile: float = 99.5,
) -> Screened:
    """Without what the model knows (mean NLL of the target below `low` nats per token) and without garbage.

    Of the known, the share `keep` stays, those nearest to `low`. Garbage is above the `high_percentile` of the night's
    values (LEARNING's figures). A sample without a value stays.
    """
    known = sorted((one for one in samples if nll.get(one.id, low) < low), key=lambda one: (-nll[one.id], one.id))
    drop = {sample.id: "known already" for sample in known[round(keep * len(known)) :]}
    ceiling = _percentile([nll[one.id] for one in samples if one.id in nll], high_percentile)
    drop |= {one.id: "unlike anything else of the night" for one in samples if nll.get(one.id, ceiling) > ceiling}
    return Screened(
        tuple(sample for sample in samples if sample.id not in drop),
        tuple((sample.id, drop[sample.id]) for sample in samples if sample.id in drop),
    )


def _scrap(sample: Sample, longest_chars: int) -> str:
    if not sample.target.strip():
        return "has no target"
    if sample.kind is SampleKind.FULL_TEXT and len(words(sample.target)) < 8:
        return "too short"
    if not words(sample.target):
        return "has no word in its target"
    if len(sample.prompt) + len(sample.target) > longest_chars:
        return "too long"
    return ""


def _percentile(values: Sequence[float], percent: float) -> float:
    """Nearest rank from above, so that no value of a short list counts as beyond it; infinite for no values."""
    if not values:
        return float("inf")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
