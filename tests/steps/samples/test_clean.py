"""Answers come out clean, whole and still as spans of their text."""

import pytest

from web4_agent.steps.samples.clean import answer_of, body, grams, shorten, supported, title_of


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("✅ **Done** by the crew 🎉", "Done by the crew"),
        ("→ Operations", "Operations"),
        ("`/etc/lampd.toml` is read once", "/etc/lampd.toml is read once"),
        ("- [x] **Owner** keeps the list.", "Owner keeps the list"),
        ('"start over"', "start over"),
        ("./scripts/once start", "./scripts/once start"),
    ],
)
def test_an_answer_loses_marks_and_emoji_only(raw: str, clean: str) -> None:
    assert answer_of(raw) == clean


@pytest.mark.parametrize(
    "raw",
    ["N/A", "n/a → session", "→", "✅", "None", "TBD", "[GitHub](https://x.example/a)", "see https://x.example"],
)
def test_links_placeholders_and_empty_arrows_are_no_answers(raw: str) -> None:
    assert answer_of(raw) == ""


@pytest.mark.parametrize("raw", ["a | b", "", "(open bracket", "§/path/in/repo"])
def test_cells_open_brackets_and_paths_of_links_are_no_answers(raw: str) -> None:
    assert answer_of(raw) == ""


def test_a_long_answer_ends_at_the_end_of_a_sentence() -> None:
    text = "The relay forgets messages when the gateway is slow. " + "It was seen on Monday and again on Tuesday " * 5
    assert answer_of(text) == "The relay forgets messages when the gateway is slow"


def test_a_long_answer_without_a_clause_end_is_none_rather_than_cut() -> None:
    assert shorten("word " * 60, 100) == ""


@pytest.mark.parametrize(
    "raw", ["📋 **PDCA Cycle: Tide Tables**", "PDCA Entry: Tide Tables", "PDCA: Tide Tables 🎯", "Tide Tables"]
)
def test_a_title_loses_what_all_titles_have(raw: str) -> None:
    assert title_of(raw) == "Tide Tables"


def test_a_title_that_starts_with_its_own_words_keeps_them() -> None:
    assert title_of("Cycle Time of the Crane") == "Cycle Time of the Crane"


def test_support_ignores_marks_but_not_words_or_order() -> None:
    text = "**Branch:** `dev/case-1` was [merged](https://x.example/pull/1) today"
    assert supported("dev/case-1 was merged today", text)
    assert not supported("merged was", text)
    assert not supported("dev/case-1 today", text)
    assert not supported("bran", text)
    assert not supported("", text)


def test_twelve_words_have_no_gram_and_fourteen_have_two() -> None:
    assert grams(" ".join("abcdefghijkl")) == frozenset()
    assert len(grams(" ".join("abcdefghijklmn"))) == 2


def test_a_body_is_cut_between_lines_and_closes_its_fence() -> None:
    text = "### Steps\n```bash\nonce start\nonce stop\nonce restart --all --now\n```\nafter"
    cut = body(text, 45)
    assert cut == "### Steps\n```bash\nonce start\nonce stop\n```"


def test_a_body_holds_no_template_line_no_rule_no_links_and_no_heading_without_text() -> None:
    text = "kept line\n---\nwe always do this\n- **Doc:** [GitHub](https://x.example/aaa) | [§/a](b/c/d)\n### Later\n"
    assert body(text, 500, frozenset({"we always do this"})) == "kept line"
