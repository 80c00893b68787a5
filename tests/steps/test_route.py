"""The router: which evidence leads where, what is no evidence, and that no text makes it slow."""

import time
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from web4_agent.domain.queries import Route, RouteDecision, Tier
from web4_agent.steps.route import Known, Wish, route

TODAY = date(2025, 10, 22)  # a Wednesday
KNOWN = Known(frozenset({"SaveRestartAgent", "Maren Tolvik", "Bo Lindqvar"}), frozenset({"Sprint 20"}), TODAY)
HOSTILE = (
    "-",
    "15-",
    "1.",
    "@-",
    "a-",
    "`",
    "```\n",
    "<file>",
    "of the ",
    "please ",
    "test ",
    "2025-10-",
    "x/",
    "\n",
    "ü ",
)
SLOWEST_S = 0.05
"""Far above what a decision takes on a busy machine, far below what a square of 200,000 would."""


def asked(text: str, wish: Wish = Wish.AUTO) -> RouteDecision:
    return route(text, KNOWN, wish=wish)


@pytest.mark.parametrize(
    "text",
    [
        "what is the empty constructor pattern",
        "write a PDCA template",
        "write a function that reads a file and deletes the folder",
        "how do I run the tests in pytest?",
        "how do we name our branches?",
        "what happened in the French revolution",
        "when was Python 3 released?",
        "format the date 2025-10-03 in python",
        "does SaveRestartAgent extend BaseAgent?",
        "Warum brauchen wir leere Konstruktoren?",
        "hallo",
        "",
        "?",
        "\n\n\t ",
    ],
)
def test_without_evidence_the_trained_model_answers_alone(text: str) -> None:
    decided = asked(text)
    assert decided.route is Route.TRAINED
    assert decided.tiers == ()
    assert decided.reason == "nothing asks for the journal or for a tool"


@pytest.mark.parametrize(
    "text",
    [
        "read src/main.ts",
        "run the tests",
        "please search the codebase for TODO",
        "kannst du die Datei util.ts lesen?",
        "write a parser and save it to src/parse.ts",
        "use the read_file tool",
        "@codebase where is auth done",
        "open https://example.org and sum it up",
    ],
)
def test_an_order_about_the_workspace_needs_tools(text: str) -> None:
    decided = asked(text)
    assert decided.route is Route.TOOLS
    assert decided.tools
    assert not decided.retrieves


@pytest.mark.parametrize(
    ("text", "tier"),
    [
        ("how did we fix the build?", Tier.SEMANTIC),
        ("show me the PDCA about symlinks", Tier.SEMANTIC),
        ("Wie haben wir die Abhängigkeiten gelöst?", Tier.SEMANTIC),
        ("what did SaveRestartAgent do", Tier.TIMELINE),
        ("work of 15-20 October", Tier.TIMELINE),
        ("what happened in sprint 20?", Tier.TIMELINE),
        ("what came after the router fix?", Tier.GRAPH),
        ("Was war der Nachfolger vom Router-PDCA?", Tier.GRAPH),
    ],
)
def test_a_question_about_the_past_of_the_team_reads_the_journal(text: str, tier: Tier) -> None:
    decided = asked(text)
    assert decided.route is Route.HISTORY
    assert decided.tiers[0] is tier


def test_today_is_read_from_the_buffer_and_yesterday_from_history() -> None:
    assert asked("what did we decide today?").route is Route.BUFFER
    assert asked("Was haben wir heute Vormittag gemacht?").route is Route.BUFFER
    assert asked("what did we decide yesterday?").route is Route.HISTORY


def test_something_to_do_with_what_was_decided_needs_both() -> None:
    decided = asked("find the PDCA on the router fix and apply the same change to src/app.ts")
    assert decided.route is Route.BOTH
    assert decided.tools
    assert decided.retrieves
    assert decided.reason == "asks for journal documents; asks to act in the workspace"


@pytest.mark.parametrize(
    ("said", "start", "end"),
    [
        ("on 2025-10-03", (2025, 10, 3), (2025, 10, 3)),
        ("on 20251003", (2025, 10, 3), (2025, 10, 3)),
        ("on the 3rd of October", (2025, 10, 3), (2025, 10, 3)),
        ("on October 3rd, 2024", (2024, 10, 3), (2024, 10, 3)),
        ("on 10/03/2025", (2025, 10, 3), (2025, 10, 3)),
        ("on 23/10/2024", (2024, 10, 23), (2024, 10, 23)),
        ("on 24 December", (2024, 12, 24), (2024, 12, 24)),
        ("15-20 October", (2025, 10, 15), (2025, 10, 20)),
        ("on October 3-7, 2024", (2024, 10, 3), (2024, 10, 7)),
        ("between the 1st and 5th of September", (2025, 9, 1), (2025, 9, 5)),
        ("from 2025-09-29 to 2025-10-02", (2025, 9, 29), (2025, 10, 2)),
        ("from 30 December to 3 January", (2024, 12, 30), (2025, 1, 3)),
        ("yesterday", (2025, 10, 21), (2025, 10, 21)),
        ("the day before yesterday", (2025, 10, 20), (2025, 10, 20)),
        ("last week", (2025, 10, 13), (2025, 10, 19)),
        ("two weeks ago", (2025, 10, 6), (2025, 10, 12)),
        ("this month", (2025, 10, 1), (2025, 10, 22)),
        ("last month", (2025, 9, 1), (2025, 9, 30)),
        ("last Friday", (2025, 10, 17), (2025, 10, 17)),
        ("last weekend", (2025, 10, 18), (2025, 10, 19)),
        ("since Monday", (2025, 10, 20), (2025, 10, 22)),
        ("in the past couple of days", (2025, 10, 20), (2025, 10, 22)),
        ("in early September", (2025, 9, 1), (2025, 9, 10)),
        ("in November", (2024, 11, 1), (2024, 11, 30)),
        ("in Q3", (2025, 7, 1), (2025, 9, 30)),
        ("in week 41", (2025, 10, 6), (2025, 10, 12)),
        ("in the week of 13 October", (2025, 10, 13), (2025, 10, 19)),
    ],
)
def test_days_are_read_in_the_forms_people_write(said: str, start: tuple[int, ...], end: tuple[int, ...]) -> None:
    decided = asked(f"what did we do {said}?")
    assert (decided.start, decided.end) == (date(*start), date(*end))
    assert decided.tiers[0] is Tier.TIMELINE


@pytest.mark.parametrize(
    ("said", "start", "end"),
    [
        ("am 3. Oktober", (2025, 10, 3), (2025, 10, 3)),
        ("am 3.10.", (2025, 10, 3), (2025, 10, 3)),
        ("am 14.10.2024", (2024, 10, 14), (2024, 10, 14)),
        ("vom 15. bis zum 20. Oktober", (2025, 10, 15), (2025, 10, 20)),
        ("zwischen dem 1. und dem 5. September", (2025, 9, 1), (2025, 9, 5)),
        ("gestern", (2025, 10, 21), (2025, 10, 21)),
        ("vorgestern", (2025, 10, 20), (2025, 10, 20)),
        ("letzte Woche", (2025, 10, 13), (2025, 10, 19)),
        ("vor zwei Wochen", (2025, 10, 6), (2025, 10, 12)),
        ("seit Montag", (2025, 10, 20), (2025, 10, 22)),
        ("Anfang September", (2025, 9, 1), (2025, 9, 10)),
        ("in KW 41", (2025, 10, 6), (2025, 10, 12)),
    ],
)
def test_german_days_are_read_too(said: str, start: tuple[int, ...], end: tuple[int, ...]) -> None:
    decided = asked(f"Was haben wir {said} gemacht?")
    assert (decided.start, decided.end) == (date(*start), date(*end))


def test_open_ranges_leave_an_end_open() -> None:
    before, after = asked("what did we decide before 3 October?"), asked("what did we decide after 3 October?")
    assert (before.start, before.end) == (None, date(2025, 10, 2))
    assert (after.start, after.end) == (date(2025, 10, 4), TODAY)


@pytest.mark.parametrize("said", ["31.2.2025", "99/99/2025", "2025-13-40", "0.0.", "500 years ago"])
def test_a_day_that_does_not_exist_is_no_day(said: str) -> None:
    assert asked(f"what did we do on {said}?").start is None


def test_the_day_of_the_question_counts_not_one_beside_it() -> None:
    decided = asked("I need it by Friday. What did we decide on 3 October?")
    assert decided.start == date(2025, 10, 3)


def test_a_day_before_any_journal_is_a_day_of_the_world() -> None:
    assert asked("what happened on 9 November 1989?").route is Route.TRAINED


@pytest.mark.parametrize(
    "name", ["SaveRestartAgent", "saverestartagent", "the save restart agent", "Save-Restart-Agent"]
)
def test_an_agent_is_found_however_the_name_is_written(name: str) -> None:
    assert asked(f"what did {name} do yesterday?").agent == "SaveRestartAgent"


def test_a_person_is_found_by_the_first_name() -> None:
    assert asked("what did Maren write about retention?").agent == "Maren Tolvik"


def test_the_name_of_an_agent_is_no_evidence_without_a_question_about_doing() -> None:
    assert asked("write a class SaveRestartAgent with a start method").route is Route.TRAINED


def test_the_anchor_is_the_words_that_name_the_document() -> None:
    assert asked("what came after the login-refactor PDCA?").anchor == "login-refactor"
    assert asked("what did the crash analysis lead to?").anchor == "crash analysis"
    assert asked("next PDCA after 2025-09-22-UTC-1910-topic.pdca.md").anchor == "2025-09-22-UTC-1910-topic.pdca.md"


def test_a_sprint_is_the_anchor_of_the_timeline() -> None:
    assert asked("what happened in sprint 20?").anchor == "Sprint 20"


@pytest.mark.parametrize(
    "pasted",
    [
        "```ts\n// how did we fix this yesterday? read src/main.ts\nrunTests();\n```",
        "~~~\nshow me the PDCA of last week\n~~~",
        "> what did we decide yesterday?",
        "    const notes = 'what did we do last week';",
        "2025-10-03T10:00:00 INFO what did we do",
        '<file_content path="a.ts">\nhow did we fix the build?\nrun the tests\n</file_content>',
        "```\nhow did we fix the build? (never closed)",
    ],
)
def test_what_is_pasted_is_no_evidence(pasted: str) -> None:
    assert asked(f"Can you explain this to me?\n\n{pasted}").route is Route.TRAINED
    assert asked(f"How did we fix the build?\n\n{pasted}").route is Route.HISTORY


def test_a_question_after_a_long_paste_is_heard() -> None:
    pasted = "```\n" + "const x = 'src/a.ts';\n" * 20_000 + "```\n"
    assert asked(f"{pasted}How did we fix the build?").route is Route.HISTORY
    assert asked(f"{pasted}What does it do?").route is Route.TRAINED


def test_a_request_can_force_and_forbid_retrieval() -> None:
    assert asked("explain dual links", Wish.FORCE).route is Route.HISTORY
    assert asked("explain dual links", Wish.FORCE).tiers == (Tier.SEMANTIC,)
    assert asked("run the tests", Wish.FORCE).route is Route.BOTH
    assert asked("how did we fix the build?", Wish.NEVER).route is Route.TRAINED
    assert asked("look up how we fixed the build and patch src/a.ts", Wish.NEVER).route is Route.TOOLS
    assert asked("what did we do yesterday?", Wish.FORCE) == asked("what did we do yesterday?")


def test_a_journal_without_names_is_routed_as_well() -> None:
    empty = Known(frozenset(), frozenset(), TODAY)
    assert route("what did the team do yesterday?", empty).route is Route.HISTORY
    assert route("what did ReleaseAgent do?", empty).agent == "ReleaseAgent"


@pytest.mark.parametrize("piece", HOSTILE)
def test_no_text_takes_long_whatever_its_length(piece: str) -> None:
    text = (piece * 200_000)[:200_000]
    began = time.process_time()
    route(text, KNOWN)
    assert time.process_time() - began < SLOWEST_S


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=400))
def test_any_text_gets_a_decision_that_fits_a_header(text: str) -> None:
    decided = asked(text, Wish.FORCE)
    assert decided.reason.isascii()
    assert decided.reason.isprintable()
    assert 0 < len(decided.reason) <= 120


WORDS = [
    "what",
    "did",
    "we",
    "last",
    "3",
    "rd",
    "of",
    "October",
    "bis",
    "und",
    "between",
    "since",
    "before",
    ".",
    ",",
    "?",
    "-",
    "15",
    "20.",
    "week",
    "vor",
    "zwei",
    "Tagen",
    "ago",
    "2025",
    "PDCA",
    "after",
]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=14))
def test_no_row_of_day_words_breaks_the_reader(words: list[str]) -> None:
    decided = asked(" ".join(words), Wish.FORCE)
    assert decided.start is None or decided.end is None or decided.start <= decided.end
