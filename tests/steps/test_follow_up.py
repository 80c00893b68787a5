"""Messages that only follow up: they keep the route and the tier of the question before them."""

from datetime import date

import pytest

from web4_agent.domain.queries import Route, RouteDecision, Tier
from web4_agent.steps.route import Known, Wish, route
from web4_agent.steps.route.follow_up import followed, is_follow_up

KNOWN = Known(frozenset({"SaveRestartAgent"}), frozenset({"Sprint 20"}), date(2025, 10, 22))
ORDER = "what came after the router fix?"
AUTHOR = "what did SaveRestartAgent do"
MATTER = "How did we settle the queue limit?"


def asked(text: str, *before: str, wish: Wish = Wish.AUTO) -> RouteDecision:
    return route(text, KNOWN, wish=wish, before=before)


@pytest.mark.parametrize(
    "text", ["and after that?", "And before that?", "why?", "who did it?", "tell me more", "und danach?"]
)
@pytest.mark.parametrize("before", [ORDER, AUTHOR, MATTER])
def test_a_follow_up_keeps_route_and_tier_of_the_question_before(text: str, before: str) -> None:
    decided, first = asked(text, before), asked(before)
    assert (decided.route, decided.tiers, decided.anchor, decided.agent) == (
        Route.HISTORY,
        first.tiers,
        first.anchor,
        first.agent,
    )
    assert decided.follows == before
    assert decided.reason == f"follows up: {first.reason}"


def test_a_chain_of_follow_ups_leads_back_to_the_question_that_says_something() -> None:
    assert asked("and then?", "why?", "and after that?", ORDER).tiers[0] is Tier.GRAPH
    assert asked("and then?", *["why?"] * 4, ORDER).route is Route.TRAINED


def test_the_words_of_the_message_itself_count_first() -> None:
    decided = asked("and what did we decide about that?", "explain the queue limit")
    assert (decided.route, decided.follows) == (Route.HISTORY, "explain the queue limit")
    assert asked("do it again", "run the tests").route is Route.TOOLS


@pytest.mark.parametrize(
    "text",
    ["thanks", "ok", "hello", "what is a monad?", "explain closures", "and the tide table?", "x" * 500, "", "`that`"],
)
def test_what_says_something_else_stands_alone(text: str) -> None:
    assert not is_follow_up(text)
    assert asked(text, ORDER).route is Route.TRAINED


def test_without_evidence_before_it_a_follow_up_needs_no_journal() -> None:
    assert asked("and after that?").route is Route.TRAINED
    assert asked("and after that?", "what is a monad?").route is Route.TRAINED
    assert followed("why?", ()) == ""


def test_a_follow_up_obeys_the_request() -> None:
    assert asked("and after that?", ORDER, wish=Wish.NEVER).route is Route.TRAINED
    forced = asked("why?", "explain the queue limit", wish=Wish.FORCE)
    assert (forced.route, forced.follows) == (Route.HISTORY, "explain the queue limit")
