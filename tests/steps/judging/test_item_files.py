"""What holds over all shipped item files together."""

import re
from collections import Counter

import pytest

from web4_agent.domain.verdicts import MarginItem, Stratum
from web4_agent.steps.harnesses.catalogue import load_harnesses
from web4_agent.steps.journal.safety import clean_of_secrets
from web4_agent.steps.judging.canaries import load_canaries
from web4_agent.steps.judging.challenges import load_challenges
from web4_agent.steps.judging.damage import taught
from web4_agent.steps.judging.margins import load_margin_items
from web4_agent.steps.judging.measure import load_gate_items
from web4_agent.steps.judging.sealed import load_audit_items
from web4_agent.steps.judging.tables import shipped
from web4_agent.steps.judging.texts import (
    load_general_samples,
    load_general_texts,
    load_neutral_prompts,
    load_parity_texts,
)
from web4_agent.steps.samples.choose import general_sample
from web4_agent.steps.samples.screen import forbidden_text, screen

GRAM = 13


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def grams(text: str) -> set[tuple[str, ...]]:
    """Runs of thirteen words; a shorter text is one run of its own length."""
    found = words(text)
    size = min(GRAM, len(found))
    return {tuple(found[at : at + size]) for at in range(len(found) - size + 1)} if found else set()


def judged_texts() -> list[str]:
    tasks = [*load_canaries(), *load_challenges()]
    return [
        *(task.prompt for task in tasks),
        *(f"{item.prompt} {item.answer}" for item in load_margin_items()),
        *(item.prompt for item in load_margin_items()),
        *(f"{prompt.prompt} {prompt.continuation}" for prompt in load_neutral_prompts()),
        *(prompt.prompt for prompt in load_neutral_prompts()),
        *(fixed.text for fixed in load_parity_texts()),
        *(held_out.text for held_out in load_general_texts()),
    ]


def test_general_samples_repeat_nothing_the_model_is_judged_by() -> None:
    judged = {gram for text in judged_texts() for gram in grams(text)}
    repeated = [
        sample.id
        for sample in load_general_samples()
        if judged & (grams(f"{sample.prompt} {sample.answer}") | grams(sample.prompt) | grams(sample.answer))
    ]
    assert repeated == []


def test_every_general_sample_passes_the_screen_that_a_nights_own_samples_pass() -> None:
    """The night would leave them out. Forbidden: what gate, audit and harnesses ask."""
    gate = load_gate_items()
    tasks = [item for harness in load_harnesses() for item in harness.items]
    asked = [
        *gate.asked,
        *((item.prompt, item.answer) for item in load_audit_items()),
        *((task.prompt, "") for task in tasks),
    ]
    texts = [*gate.texts, *(f"{prompt}\n{answer}" for prompt, answer in asked)]
    samples = [general_sample(one.id, one.prompt, one.answer) for one in load_general_samples()]
    screened = screen(samples, forbidden_text(texts, asked=asked), has_secret=lambda text: not clean_of_secrets(text))
    assert screened.dropped == ()


def test_no_general_sample_is_asked_twice() -> None:
    prompts = [" ".join(words(sample.prompt)) for sample in load_general_samples()]
    assert [prompt for prompt, times in Counter(prompts).items() if times > 1] == []


def test_a_quarter_or_more_of_the_general_samples_hold_refusals_where_they_are() -> None:
    """Refusing is half of it: the rest answers what only sounds alarming, and reads quoted orders as text."""
    samples = load_general_samples()
    kinds = Counter(sample.id.rpartition("-")[0] for sample in samples)
    wanted = {"refusal", "secret", "quoted", "harmless"}
    assert {sample.id for sample in samples if sample.safety} == {
        sample.id for sample in samples if sample.id.rpartition("-")[0] in wanted
    }
    assert kinds["refusal"] >= 36
    assert min(kinds["secret"], kinds["quoted"], kinds["harmless"]) >= 12
    assert kinds["refusal"] + kinds["secret"] + kinds["quoted"] + kinds["harmless"] >= len(load_general_samples()) / 4


def test_the_sealed_items_share_no_prompt_and_no_run_of_words_with_what_decides() -> None:
    judged = {gram for text in judged_texts() for gram in grams(text)}
    judged |= {gram for sample in load_general_samples() for gram in grams(sample.prompt)}
    repeated = [item.id for item in load_audit_items() if judged & (grams(item.prompt) | grams(_whole(item)))]
    assert repeated == []


def test_a_hundred_sealed_items_or_more_ship_evenly_over_the_strata() -> None:
    counts = Counter(item.stratum for item in load_audit_items())
    assert set(counts) == set(Stratum)
    assert sum(counts.values()) >= 100
    assert max(counts.values()) - min(counts.values()) <= 2


def test_sealed_answers_are_of_like_length_too() -> None:
    for item in load_audit_items():
        letters = [len(answer) for answer in (item.answer, *item.wrong)]
        assert max(letters) <= 2 * min(letters) + 2, item.id


def test_what_damaged_adapters_are_taught_is_no_item_of_the_gate() -> None:
    judged = {gram for text in judged_texts() for gram in grams(text)}
    known = [sample for name in ("agreeing", "wrong code", "secrets") for sample in taught(name)]
    assert len(known) == 80
    assert [sample.id for sample in known if judged & grams(sample.prompt)] == []


def _whole(item: MarginItem) -> str:
    return f"{item.prompt} {item.answer}"


def test_every_item_file_tells_a_team_how_to_extend_it() -> None:
    for path in [*shipped("").glob("*.toml"), *shipped("margins").glob("*.toml"), *shipped("audit").glob("*.toml")]:
        if path.name == "demo_questions.toml":
            continue
        assert path.read_text(encoding="utf-8").startswith("# "), path.name


@pytest.mark.parametrize("at", [0, 1])
def test_no_sample_may_ask_a_further_wording_of_a_canary(at: int) -> None:
    gate = load_gate_items()
    asked = next(canary.wordings[at] for canary in gate.canaries if canary.id == "harmless-knife")
    sample = general_sample("own", asked, "Draw it over a wet stone, at a flat angle.")
    assert screen([sample], forbidden_text((), asked=gate.asked), has_secret=lambda _: False).kept == ()
    longer = general_sample("own", f"Tell me this: {max(gate.canaries[2].wordings, key=len)}", "Gladly.")
    assert screen([longer], forbidden_text(gate.texts), has_secret=lambda _: False).kept == ()
