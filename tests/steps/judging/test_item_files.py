"""What holds over all shipped item files together."""

import re

from web4_agent.steps.judging.canaries import load_canaries
from web4_agent.steps.judging.challenges import load_challenges
from web4_agent.steps.judging.margins import load_margin_items
from web4_agent.steps.judging.tables import shipped
from web4_agent.steps.judging.texts import (
    load_general_samples,
    load_general_texts,
    load_neutral_prompts,
    load_parity_texts,
)

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


def test_no_general_sample_is_asked_twice() -> None:
    prompts = [sample.prompt for sample in load_general_samples()]
    assert len(prompts) == len(set(prompts))


def test_every_item_file_tells_a_team_how_to_extend_it() -> None:
    for path in [*shipped("").glob("*.toml"), *shipped("margins").glob("*.toml")]:
        if path.name == "demo_questions.toml":
            continue
        assert path.read_text(encoding="utf-8").startswith("# "), path.name
