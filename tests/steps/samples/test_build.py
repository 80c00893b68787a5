"""A document becomes at most eleven samples, each true to its text, and probes in words that are never trained."""

import re
from collections import Counter
from dataclasses import replace

import pytest

from tests.steps.samples.journal_pages import document, page
from web4_agent.domain.documents import Section, SectionKind
from web4_agent.domain.ids import DocumentId
from web4_agent.domain.samples import Sample, SampleKind
from web4_agent.steps.samples import templates
from web4_agent.steps.samples.build import ANSWER_WEIGHT, CAP, build_between, build_samples, complete_probes
from web4_agent.steps.samples.clean import grams, supported
from web4_agent.steps.samples.facts import topic_of
from web4_agent.steps.samples.passages import SECTION_CHARS, WINDOW_CHARS

PAGES = [page(number) for number in range(24)]
BUILT = {made.id: build_samples(made, seed=7) for made in PAGES}


def all_of(*kinds: SampleKind) -> list[Sample]:
    return [sample for built in BUILT.values() for sample in built.train if sample.kind in kinds]


def test_a_document_gives_six_to_eleven_samples_of_all_kinds() -> None:
    assert all(6 <= len(built.train) <= CAP for built in BUILT.values())
    for built in BUILT.values():
        assert {SampleKind.FULL_TEXT, SampleKind.SECTION, SampleKind.QUESTION} <= {one.kind for one in built.train}
    assert all_of(SampleKind.NOT_RECORDED)


def test_equal_inputs_give_equal_samples_and_ids() -> None:
    for made in PAGES:
        assert build_samples(made, seed=7) == BUILT[made.id]
    assert len({sample.id for sample in all_of(*SampleKind)}) == len(all_of(*SampleKind))


def test_another_seed_asks_otherwise() -> None:
    assert any(build_samples(made, seed=8).train != BUILT[made.id].train for made in PAGES)


def test_every_answer_is_a_span_of_its_document() -> None:
    texts = {made.id: made.text for made in PAGES}
    for sample in all_of(SampleKind.QUESTION):
        assert sample.document is not None
        assert supported(sample.target, texts[sample.document]), sample
    for built in BUILT.values():
        for probe in built.probes:
            assert supported(probe.answer, texts[probe.document]), probe


def test_every_line_of_a_long_target_stands_in_the_document() -> None:
    texts = {made.id: made.text for made in PAGES}
    for sample in all_of(SampleKind.FULL_TEXT):
        assert sample.document is not None
        assert sample.prompt == ""
        assert all(supported(line, texts[sample.document]) for line in sample.target.splitlines() if line.strip("` "))


def test_each_asked_fact_has_two_wordings_in_training_and_a_third_in_its_probe() -> None:
    for built in BUILT.values():
        prompts = {sample.prompt for sample in built.train}
        for probe in built.probes:
            asked = [one for one in built.train if one.kind is SampleKind.QUESTION and one.target == probe.answer]
            assert len({sample.prompt for sample in asked}) >= 2
            assert probe.prompt not in prompts


def test_the_last_wording_of_a_field_is_trained_for_no_document() -> None:
    unseen = [re.sub(r"\\{\w+\\}", ".+", re.escape(wordings[3])) for wordings in templates.QUESTIONS.values()]
    probes = [probe.prompt for built in BUILT.values() for probe in built.probes]
    assert all(any(re.fullmatch(wording, prompt) for wording in unseen) for prompt in probes)
    for sample in all_of(SampleKind.QUESTION, SampleKind.NOT_RECORDED):
        assert not any(re.fullmatch(wording, sample.prompt) for wording in unseen), sample.prompt


def test_every_prompt_names_its_document_by_title_or_is_reversed() -> None:
    for sample in all_of(SampleKind.QUESTION, SampleKind.SECTION, SampleKind.NOT_RECORDED):
        made = next(one for one in PAGES if one.id == sample.document)
        assert topic_of(made) in sample.prompt or sample.target == topic_of(made)


def test_one_answer_is_asked_backwards() -> None:
    for made in PAGES:
        backwards = [one for one in BUILT[made.id].train if one.target == topic_of(made)]
        assert len(backwards) == 1
        assert backwards[0].kind is SampleKind.QUESTION


def test_answers_weigh_more_than_passages_and_belong_to_their_version_of_the_document() -> None:
    assert {sample.weight for sample in all_of(SampleKind.FULL_TEXT, SampleKind.SECTION)} == {1.0}
    assert {sample.weight for sample in all_of(SampleKind.QUESTION, SampleKind.NOT_RECORDED)} == {ANSWER_WEIGHT}
    hashes = {made.id: made.content_hash for made in PAGES}
    assert all(one.document and one.content_hash == hashes[one.document] for one in all_of(*SampleKind))


def test_an_edited_document_gives_other_ids() -> None:
    edited = replace(PAGES[0], content_hash=PAGES[1].content_hash)
    assert {one.id for one in build_samples(edited, seed=7).train}.isdisjoint(
        {one.id for one in BUILT[PAGES[0].id].train}
    )


def test_held_out_text_is_in_no_target_and_in_no_prompt() -> None:
    made = page(3, padding=12)
    held = "\n".join(made.sections[3].text.splitlines()[2:8])
    built = build_samples(made, seed=7, held_out=[held])
    assert built.train
    for sample in built.train:
        assert grams(held).isdisjoint(grams(f"{sample.prompt}\n{sample.target}"))
        assert "Step 4 of case 3" not in sample.target
    assert "Step 9 of case 3" in "".join(sample.target for sample in built.train)


def test_template_lines_are_in_no_target() -> None:
    line = "probe 1 of case 5 was answered for pier 5 in 4 milliseconds"
    built = build_samples(page(5), seed=7, template=frozenset({line}))
    assert any("Probe 0 of case 5" in sample.target for sample in built.train)
    assert not any("Probe 1 of case 5" in sample.target for sample in built.train if len(sample.target) > 200)


def test_long_documents_give_bounded_windows_that_say_what_they_are_part_of() -> None:
    made = page(2, padding=200)
    full = [one for one in build_samples(made, seed=7).train if one.kind is SampleKind.FULL_TEXT]
    assert len(full) == 2
    assert all(len(sample.target) <= WINDOW_CHARS + 200 for sample in full)
    assert all(topic_of(made) in sample.target.splitlines()[0] for sample in full)
    sections = [one for one in build_samples(made, seed=7).train if one.kind is SampleKind.SECTION]
    assert all(len(sample.target) <= SECTION_CHARS + 4 for sample in sections)


def test_the_ticked_decisions_are_one_section_and_the_open_ones_are_not_in_it() -> None:
    lines = (
        "- [x] **Decision 1: Pool** - The pool of connections gets sixteen places from now on",
        "- [ ] **Decision 2: Relay** - Either the relay waits or the gateway does",
        "- [x] All clear, no decisions to make",
    )
    section = Section(SectionKind.DECISIONS, "QA Decisions", ("QA Decisions",), 2, "\n".join(lines))
    made = document("# Pool\n\n## QA Decisions\n" + section.text, (section,))
    targets = [one.target for one in build_samples(made, seed=7).train if one.kind is SampleKind.SECTION]
    assert lines[0] in targets
    assert not any("Either the relay" in target or "All clear" in target for target in targets)


def test_a_window_that_starts_within_code_opens_its_fence_again() -> None:
    code = "\n".join(f"# step {at}\nonce start --case {at} --and-wait-for-the-relay-of-pier {at}" for at in range(120))
    made = document(f"# Case\n\n## DO\n```bash\n{code}\n```\n", ())
    full = [one for one in build_samples(made, seed=7).train if one.kind is SampleKind.FULL_TEXT]
    assert len(full) == 2
    assert full[1].target.startswith("# Case\n\n```bash\n")
    assert all(sample.target.count("```") == 2 for sample in full)


@pytest.mark.parametrize("text", ["", "\n", "# Title\n", "words without any form at all\n" * 3])
def test_a_document_of_nothing_gives_no_empty_target(text: str) -> None:
    built = build_samples(replace(document(text, ()), trons=()), seed=7)
    assert all(sample.target.strip() for sample in built.train)


def test_what_is_not_recorded_is_asked_only_where_its_words_do_not_occur() -> None:
    for made in PAGES:
        said = replace(
            made, text=made.text + "\nbudget customer deadline review coverage licence memory supplier vote\n"
        )
        for sample in build_samples(said, seed=7).train:
            if sample.kind is SampleKind.NOT_RECORDED:
                assert not any(word in sample.prompt for word in ("budget", "customer", "reviewed", "supplier"))


def test_a_probe_gets_three_other_documents_answers_of_its_field() -> None:
    pool = [answer for built in BUILT.values() for answer in built.answers]
    probes = complete_probes([probe for built in BUILT.values() for probe in built.probes], pool)
    assert len(probes) == sum(len(built.probes) for built in BUILT.values())
    for probe in probes:
        assert len(set(probe.wrong)) == 3
        assert probe.answer not in probe.wrong
        field = probe.id.split("-")[1]
        same = {answer.text for answer in pool if answer.field == field and answer.document != probe.document}
        assert len(same) < 3 or set(probe.wrong) <= same


def test_a_probe_without_any_wrong_answer_is_left_out() -> None:
    alone = BUILT[PAGES[0].id]
    assert alone.probes
    assert complete_probes(alone.probes, alone.answers) == ()


def test_between_documents_there_is_one_sample_each_with_an_answer_from_one_of_the_two() -> None:
    previous = {PAGES[at].id: PAGES[at - 1].id for at in range(1, 20)}
    samples = build_between(PAGES, previous, seed=7)
    assert max(Counter(sample.document for sample in samples).values()) == 1
    assert {sample.document for sample in samples} >= set(previous)
    for sample in samples:
        assert sample.kind is SampleKind.BETWEEN
        assert any(supported(sample.target, made.text) for made in PAGES)
    assert build_between(list(reversed(PAGES)), previous, seed=7) == samples


def test_a_link_to_a_later_document_never_makes_it_the_first() -> None:
    early, late = page(1), page(9)
    for seed in range(40):
        for sample in build_between([early, late], {early.id: late.id}, seed=seed):
            if "first" in sample.prompt or "earlier" in sample.prompt:
                assert sample.target == topic_of(early)


def test_documents_of_unknown_order_and_documents_of_one_title_are_not_compared() -> None:
    one, two = page(1), page(2, day=page(1).day)
    unnamed = [
        replace(made, id=DocumentId(f"{at}.pdca.md"), header=replace(made.header, date_utc=None))
        for at, made in enumerate((one, two))
    ]
    assert build_between(unnamed, {}) == ()
    twins = [one, replace(page(9), title=one.title)]
    assert build_between(twins, {twins[1].id: one.id}) == ()
