"""The morning's pairing and the day's one question, over fakes."""

from pathlib import Path

import pytest

from tests.flows.fakes import ARTEFACT, World
from web4_agent.backends.engines.base import ServedAdapter
from web4_agent.backends.engines.scripted import Script, ScriptedLauncher
from web4_agent.domain.context import NOTHING, Prepared, SourceName
from web4_agent.domain.documents import DocumentState
from web4_agent.domain.errors import UsageError
from web4_agent.domain.ids import BASE, AdapterVersion
from web4_agent.domain.queries import Route, RouteDecision
from web4_agent.flows.day import DayParts, ask
from web4_agent.flows.morning import MorningParts, morning
from web4_agent.records import documents
from web4_agent.steps.judging.challenges import load_challenges
from web4_agent.steps.retrieval.filters import Filters
from web4_agent.steps.route import Wish


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path).write_journal()
    made.index()
    made.night()
    return made


def mornings(world: World, script: Script) -> MorningParts:
    return MorningParts(world.database, world.home, ARTEFACT, ScriptedLauncher(script), load_challenges(), world.clock)


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
