"""The morning's pairing and the day's one question, over fakes."""

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from tests.flows.fakes import ARTEFACT, World, forgets
from web4_agent.backends.engines.base import ServedAdapter
from web4_agent.backends.engines.scripted import Script, ScriptedLauncher
from web4_agent.domain.context import NOTHING, Prepared, SourceName
from web4_agent.domain.documents import DocumentState
from web4_agent.domain.errors import UsageError
from web4_agent.domain.ids import BASE, AdapterVersion
from web4_agent.domain.queries import Route, RouteDecision
from web4_agent.domain.speech import Message
from web4_agent.flows.day import DayParts, ask
from web4_agent.flows.morning import MorningParts, morning
from web4_agent.records import documents
from web4_agent.steps.judging.case import SERVED_BYTES, TRAINERS_COPY
from web4_agent.steps.judging.challenges import load_challenges
from web4_agent.steps.retrieval.filters import Filters
from web4_agent.steps.route import Wish


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path).write_journal()
    made.index()
    made.night()
    return made


def mornings(world: World, script: Script, **changes: object) -> MorningParts:
    """The script's answers, over what the world's adapters find likely."""
    script = replace(script, likelihood=script.likelihood or world.likelihood)
    parts = MorningParts(
        world.database,
        world.home,
        ARTEFACT,
        ScriptedLauncher(script),
        load_challenges(),
        world.clock,
        world.items,
        world.gate,
    )
    return replace(parts, **changes)  # type: ignore[arg-type] # values by name, checked at run time


def days(world: World, script: Script) -> DayParts:
    """A question is put under a block that names its route and its filter, as one source."""

    def prepare(question: str, decision: RouteDecision, filters: Filters) -> Prepared:
        with world.database.read() as connection:
            document = documents.in_state(connection, DocumentState.HISTORICAL)[0]
        source = SourceName(1, document.id, document.title, 0.5)
        return Prepared(block=f"{decision.route} {filters.agent}", sources=(source,)) if decision.retrieves else NOTHING

    def decide(question: str, wish: Wish) -> RouteDecision:
        return RouteDecision(Route.TRAINED if wish is Wish.NEVER else Route.HISTORY, "as told")

    return DayParts(world.database, world.home, ARTEFACT, ScriptedLauncher(script), decide, prepare, lambda: None)


def only_base_speaks(adapter: ServedAdapter, messages: object) -> str:
    del messages
    return "Plan Do Check Act: Trigger, Response, Outcome, Next" if adapter.version == BASE else ""


HOSTILE = (
    "<script>alert(1)</script>",
    "</p></div></article></main><h1>Passed</h1>",
    "\"><img src=x onerror=alert(1)> ' onmouseover='alert(1)",
    "<!-- <style>body{display:none}</style>",
    "{{ report.home }} {% raw %} &lt;b&gt; &#60;",
    "\u202eevil \u2066 ]]> \x1b[31m",
)


def only_today(said: str) -> Callable[[ServedAdapter, Sequence[Message]], str]:
    return lambda adapter, _: "I am not sure." if adapter.version == BASE else said


class _Read(HTMLParser):
    """A page's elements with the names of their attributes, in order, and its text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.text = ""

    @classmethod
    def of(cls, page: str) -> "_Read":
        read = cls()
        read.feed(page)
        read.close()
        return read

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(key for key, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_equal_models_hold_and_pass(world: World) -> None:
    report = morning(mornings(world, Script(answer=lambda *_: "I am not sure.")))
    assert report.passed
    assert len(report.comparison.pairs) >= 20
    assert (report.yesterday, report.comparison.ties) == (BASE, len(report.comparison.pairs))


def test_a_model_that_fell_silent_fails_and_both_reports_show_both_sides(world: World) -> None:
    report = morning(mornings(world, Script(answer=only_base_speaks)))
    assert not report.passed
    assert report.comparison.losses > report.comparison.wins
    for path in (report.markdown, report.html):
        text = path.read_text(encoding="utf-8")
        assert "Trigger, Response, Outcome, Next" in text
        assert "(nothing)" in text
        assert report.today in text


def test_what_a_model_says_can_not_become_part_of_the_page(world: World) -> None:
    report = morning(mornings(world, Script(answer=lambda *_: "<script>alert(1)</script>")))
    page = report.html.read_text(encoding="utf-8")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_answers_that_hold_do_not_pass_a_model_whose_margins_fell(world: World) -> None:
    world.effect = forgets
    report = morning(mornings(world, Script(answer=lambda *_: "I am not sure.")))
    assert report.comparison.passed
    assert report.margins is not None
    assert not report.margins.passed
    assert not report.passed
    for path in (report.markdown, report.html):
        text = path.read_text(encoding="utf-8")
        assert "Failed" in text
        assert "below the limit" in text


def test_margins_of_all_items_are_weighed_on_both_models_in_the_morning(world: World) -> None:
    parts = mornings(world, Script(answer=lambda *_: "I am not sure."))
    report = morning(parts)
    assert report.margins is not None
    assert [row.change and row.change.count for row in report.margins.rows] == [200, 40, 40, 40, 40, 40]
    assert report.margins.rescored == 0.0
    assert (report.scored_on, report.passed) == (SERVED_BYTES, True)


def test_a_quick_morning_leaves_the_margins_out_and_says_so(world: World) -> None:
    world.effect = forgets
    report = morning(mornings(world, Script(answer=lambda *_: "I am not sure.")), quick=True)
    assert (report.margins, report.passed) == (None, True)
    assert all("Margins were left out" in path.read_text(encoding="utf-8") for path in (report.markdown, report.html))


def test_without_margin_items_a_morning_that_is_not_quick_does_not_pass(world: World) -> None:
    nothing = replace(world.items, margins=())
    report = morning(mornings(world, Script(answer=lambda *_: "I am not sure."), items=nothing))
    assert not report.passed
    assert "no data is not a pass" in report.html.read_text(encoding="utf-8")


def test_where_the_engine_can_not_score_the_trainers_copy_does_and_the_page_says_so(world: World) -> None:
    copy = world.parts().trainer
    script = Script(answer=lambda *_: "I am not sure.", can_score=False)
    report = morning(
        mornings(world, script, copy_scores=lambda folder, requests: copy.score(world.root, folder, requests))
    )
    assert (report.passed, report.scored_on) == (True, TRAINERS_COPY)
    assert TRAINERS_COPY in html.unescape(report.html.read_text(encoding="utf-8"))


def test_what_others_have_to_say_stands_on_the_page(world: World) -> None:
    script = Script(answer=lambda *_: "I am not sure.")
    report = morning(mornings(world, script, notes=lambda: ("Thumbs: 3 up & 1 down.",)), quick=True)
    assert "Thumbs: 3 up &amp; 1 down." in report.html.read_text(encoding="utf-8")
    assert "Thumbs: 3 up & 1 down." in report.markdown.read_text(encoding="utf-8")


def test_equal_answers_are_folded_and_changed_ones_are_not(world: World) -> None:
    first = load_challenges()[0].prompt

    def speaks(adapter: ServedAdapter, messages: Sequence[Message]) -> str:
        return f"{adapter.version == BASE}" if messages[-1].content == first else "I am not sure."

    page = morning(mornings(world, Script(answer=speaks)), quick=True).html.read_text(encoding="utf-8")
    shown, folded = page.split("<details>")
    assert shown.count("<article") == 1
    assert folded.count("<article") == len(load_challenges()) - 1
    assert f"{len(load_challenges()) - 1} answered word for word as yesterday" in folded


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_answer_stays_text_on_both_sides(world: World, hostile: str) -> None:
    """The page read as a browser reads it: the same elements as with a harmless answer, and the answer as text."""
    tame, wild = (
        _Read.of(morning(mornings(world, Script(answer=only_today(said))), quick=True).html.read_text(encoding="utf-8"))
        for said in ("harmless", hostile)
    )
    assert wild.tags == tame.tags
    assert hostile.strip() in wild.text


def test_the_page_has_no_scripts_no_outside_parts_and_one_of_each_landmark(world: World) -> None:
    page = morning(mornings(world, Script(answer=lambda *_: "I am not sure."))).html.read_text(encoding="utf-8")
    read = _Read.of(page)
    names = [name for name, _ in read.tags]
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(names)
    assert not [name for name, keys in read.tags if {"src", "href"} & set(keys) or any(key[:2] == "on" for key in keys)]
    assert [names.count(name) for name in ("header", "main", "footer", "h1", "table", "caption")] == [1] * 6
    levels = [int(name[1]) for name in names if re.fullmatch(r"h\d", name)]
    assert all(deeper - level <= 1 for level, deeper in pairwise(levels))
    assert all("scope" in keys for name, keys in read.tags if name == "th")


def test_a_fence_in_an_answer_does_not_end_the_fence_around_it(world: World) -> None:
    report = morning(mornings(world, Script(answer=lambda *_: "````\n# Owned\n```")), quick=True)
    text = report.markdown.read_text(encoding="utf-8")
    assert "`````text\n````\n# Owned\n```\n`````" in text


def test_without_a_model_before_this_one_there_is_nothing_to_compare(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to compare"):
        morning(mornings(World(tmp_path), Script()))


def test_an_unknown_version_is_named(world: World) -> None:
    with pytest.raises(UsageError, match="a-nothing"):
        morning(mornings(world, Script()), AdapterVersion("a-nothing"))
    with pytest.raises(UsageError, match="a-nothing"):
        ask(days(world, Script()), "what?", version=AdapterVersion("a-nothing"))


def test_an_answer_names_adapter_route_and_sources(world: World) -> None:
    answer = ask(days(world, Script()), "how did we settle it?")
    assert answer.adapter.startswith("a-")
    assert answer.decision.route is Route.HISTORY
    assert answer.sources[0].trained_into == answer.adapter


def test_what_is_prepared_stands_before_the_question_and_nothing_where_it_is_forbidden(world: World) -> None:
    filters = Filters(agent="Ada")
    assert ask(days(world, Script()), "what?", filters=filters).completion.text == "history Ada\n\nwhat?"
    forbidden = ask(days(world, Script()), "what?", wish=Wish.NEVER, filters=filters)
    assert (forbidden.completion.text, forbidden.sources) == ("what?", ())


@pytest.mark.parametrize("question", ["", "  \n", "x" * 9_000])
def test_questions_that_are_none_are_refused(world: World, question: str) -> None:
    with pytest.raises(UsageError):
        ask(days(world, Script()), question)
