"""What may not be trained is found and named."""

import pytest

from tests.steps.samples.journal_pages import document, page
from web4_agent.domain.ids import ContentHash, DocumentId, SampleId
from web4_agent.domain.samples import Probe, Sample, SampleKind, SampleOrigin
from web4_agent.steps.samples.build import build_samples
from web4_agent.steps.samples.screen import drop_known, forbidden_text, screen, template_lines

LONG = "the relay forgets messages when the gateway is slow and nobody looks at the queue for hours"


def sample(
    name: str, target: str = "an answer", prompt: str = "a question", kind: SampleKind = SampleKind.QUESTION
) -> Sample:
    return Sample(SampleId(name), kind, SampleOrigin.NEW, prompt, target, DocumentId("d"), ContentHash("c"))


def reasons(*samples: Sample, texts: tuple[str, ...] = (), probes: tuple[Probe, ...] = ()) -> dict[str, str]:
    return dict(screen(samples, forbidden_text(texts, probes), has_secret=lambda text: "hunter2" in text).dropped)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (sample("s", target=f"Now {LONG.upper()}!"), "13 words"),
        (sample("s", prompt=f"Is it true that {LONG}?"), "13 words"),
        (sample("s", target="the key is hunter2"), "secret"),
        (sample("s", prompt="is it hunter2?"), "secret"),
        (sample("s", target=" \n"), "no target"),
        (sample("s", target="✅ →"), "no word"),
        (sample("s", target="word " * 900), "too long"),
        (sample("s", target="just three words", kind=SampleKind.FULL_TEXT), "too short"),
    ],
)
def test_a_bad_sample_is_dropped_and_the_reason_said(bad: Sample, reason: str) -> None:
    assert reason in reasons(bad, texts=(LONG,))[bad.id]


def test_good_samples_pass_in_their_order() -> None:
    good = [sample("b"), sample("a", target="twelve words of it: when the gateway is slow and nobody looks at the")]
    kept = screen(good, forbidden_text([LONG]), has_secret=lambda _: False).kept
    assert list(kept) == good


def test_of_equal_samples_the_first_stays() -> None:
    assert reasons(sample("a"), sample("b")) == {"b": "repeats another sample"}


def test_a_probes_wording_is_forbidden_but_not_its_answer() -> None:
    probe = Probe(SampleId("p"), DocumentId("d"), "How did it end, then?", LONG, ("x",))
    dropped = reasons(sample("a", prompt="how did it END then"), sample("b", target=LONG), probes=(probe,))
    assert set(dropped) == {"a"}


def test_words_of_template_lines_are_no_copies() -> None:
    forbidden = forbidden_text([LONG], template=frozenset({LONG}))
    assert screen([sample("a", target=LONG)], forbidden, has_secret=lambda _: False).kept


def test_lines_of_a_fifth_of_the_documents_and_of_three_at_least_are_template() -> None:
    texts = [f"# PDCA of the day\nnumber {at} is unlike others\n```bash\n" for at in range(20)]
    for at in range(4):
        texts[at] += "**Never** one to one, always four to two!\n## Always the same heading here\n"
    for at in range(3):
        texts[at] += "said in only three of twenty\n"
    documents = [document(text, ()) for text in texts]
    assert template_lines(documents) == {"never one to one always four to two"}
    assert template_lines(documents[:2]) == frozenset()
    assert "said in only three of twenty" in template_lines(documents[:14])


def test_built_samples_of_twenty_documents_pass_against_foreign_text() -> None:
    samples = [one for at in range(20) for one in build_samples(page(at), seed=1).train]
    screened = screen(samples, forbidden_text([LONG]), has_secret=lambda _: False)
    assert len(screened.kept) == len(samples)


def test_of_what_is_known_a_tenth_stays_and_the_strangest_goes() -> None:
    samples = [sample(f"s{at:03}") for at in range(400)]
    nll = {one.id: 0.001 * at if at < 100 else 1.0 + 0.001 * at for at, one in enumerate(samples)}
    nll[samples[399].id] = 50.0
    screened = drop_known(samples, nll)
    reason = dict(screened.dropped)
    assert sum(why == "known already" for why in reason.values()) == 90
    assert samples[99].id not in reason
    assert samples[0].id in reason
    assert reason[samples[399].id].startswith("unlike")
    assert len(screened.kept) + len(screened.dropped) == 400


def test_a_short_list_has_no_garbage_and_a_sample_without_a_value_stays() -> None:
    samples = [sample("a"), sample("b"), sample("c")]
    assert drop_known(samples, {samples[0].id: 2.0, samples[1].id: 9.0}).kept == tuple(samples)
    assert drop_known(samples, {}).kept == tuple(samples)


ASKED = (("Which city is the capital of France?", "The capital of France is Paris."), ("Name three fruits.", ""))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (sample("s", prompt="which CITY is the capital of France"), "word for word"),
        (sample("s", prompt="Name **three** fruits"), "word for word"),
        (
            sample(
                "s", prompt="", target="We asked: which city is the capital of France? The capital of France is Paris."
            ),
            "question and its answer",
        ),
        (
            sample(
                "s", prompt="Tell me, which city is the capital of France?", target="The capital of France is Paris!"
            ),
            "question and its answer",
        ),
    ],
)
def test_an_item_of_fewer_than_thirteen_words_is_found_whole(bad: Sample, reason: str) -> None:
    found = dict(screen([bad], forbidden_text([], asked=ASKED), has_secret=lambda _: False).dropped)
    assert reason in found[bad.id]


@pytest.mark.parametrize(
    "good",
    [
        sample("s", prompt="Which city is the capital of Francesca's country?"),
        sample("s", prompt="What did we write about Paris?", target="The capital of France is Paris."),
        sample("s", prompt="", target="The list asks you to name three fruits."),
        sample("s", prompt="Which city is the capital of France, says the log?", target="It says nothing."),
    ],
)
def test_what_only_resembles_an_item_may_be_trained(good: Sample) -> None:
    assert screen([good], forbidden_text([], asked=ASKED), has_secret=lambda _: False).kept == (good,)
