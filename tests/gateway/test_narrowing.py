"""A look-up narrowed by the request: by header and by option, and `web4-agent ask` with the same sources."""

import dataclasses
from typing import Any

import pytest
from starlette.requests import Request

from tests.flows.pages import TOPICS
from tests.gateway.running import Running
from web4_agent.flows.day import ask
from web4_agent.gateway.narrowing import filters_of
from web4_agent.gateway.wire.errors import Refused
from web4_agent.gateway.wire.openai import Web4Options
from web4_agent.steps.retrieval.filters import EVERYTHING, Filters
from web4_agent.steps.route import Wish

ABOUT = "How did we settle the queue limit of the pump on pier four?"


def with_headers(**headers: str) -> Request:
    raw = [(f"x-web4-filter-{name}".encode(), value.encode("utf-8")) for name, value in headers.items()]
    return Request({"type": "http", "headers": raw})


def sources(gateway: Running, question: str = ABOUT, **headers: str) -> list[str]:
    body = {"model": "web4-agent", "messages": [{"role": "user", "content": question}]}
    reply = gateway.post("/v1/chat/completions", body, **headers)
    assert reply.status_code == 200
    return [one["document"] for one in reply.json()["web4"]["sources"]]


def test_every_filter_can_be_said_in_a_header_and_in_the_body() -> None:
    said = {"agent": "Jörg", "role": "Tester", "sprint": "Sprint 20", "since": "2026-03-01", "until": "2026-03-31"}
    more = {**said, "ecosystem": "cline"}
    by_header = filters_of(with_headers(**more, collection="daily_buffer, components"), None)
    filters: dict[str, Any] = {**more, "collection": ["daily_buffer", "components"]}
    assert by_header == filters_of(with_headers(), Web4Options.model_validate({"filters": filters}))
    assert (by_header.agent, by_header.collections) == ("Jörg", ("daily_buffer", "components"))
    assert by_header.start is not None
    assert all(getattr(by_header, one.name) for one in dataclasses.fields(Filters) if one.name != "kind")


def test_the_body_s_filters_win_and_without_any_everything_is_meant() -> None:
    options = Web4Options.model_validate({"filters": {"agent": "Ada"}})
    assert filters_of(with_headers(agent="Bo", role="Tester"), options) == Filters(agent="Ada")
    assert filters_of(with_headers(), Web4Options()) == EVERYTHING


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ({"agent": ""}, "agent"),
        ({"agent": "x" * 101}, "agent"),
        ({"since": "yesterday"}, "since"),
        ({"until": "2026-02-30"}, "until"),
        ({"since": "2026-03-02", "until": "2026-03-01"}, "since"),
        ({"collection": "everything"}, "collection"),
        ({"ecosystem": "../x"}, "ecosystem"),
    ],
)
def test_a_filter_that_is_none_is_refused_by_its_name(headers: dict[str, str], named: str) -> None:
    with pytest.raises(Refused, match=f"x-web4-filter-{named}") as caught:
        filters_of(with_headers(**headers), None)
    assert (caught.value.status, caught.value.param) == (400, f"x-web4-filter-{named}")


def test_a_look_up_keeps_to_its_filters(told: Running) -> None:
    assert len(TOPICS) >= 3
    assert sources(told)
    assert sources(told, **{"X-Web4-Filter-Until": "2020-01-01"}) == []
    assert sources(told, **{"X-Web4-Filter-Collection": "process_docs"}) == []
    assert sources(told, **{"X-Web4-Filter-Since": "2026-03-02"}) == sources(told)
    body = {"model": "web4-agent", "messages": [{"role": "user", "content": ABOUT}], "stream": False}
    narrowed = {**body, "web4": {"filters": {"agent": "Nobody Atall"}}}
    assert told.post("/api/chat", narrowed).json()["web4"]["sources"] == []
    assert told.post("/api/chat", {**body, "web4": {"filters": {"agents": "x"}}}).status_code == 400


def test_a_filter_alone_asks_for_no_look_up(told: Running) -> None:
    assert sources(told, "What is a closure?", **{"X-Web4-Filter-Since": "2026-03-02"}) == []


def test_a_follow_up_is_looked_up_in_the_words_of_the_question_before(told: Running) -> None:
    talk = [{"role": "user", "content": ABOUT}, {"role": "assistant", "content": "64."}]
    messages = [*talk, {"role": "user", "content": "and why?"}]
    reply = told.post("/v1/chat/completions", {"model": "web4-agent", "messages": messages})
    assert reply.json()["web4"]["sources"][0]["document"].endswith("queue-limit.pdca.md")
    assert told.logged(reply.headers["x-web4-response-id"]).query == "and why?"


@pytest.mark.parametrize("collections", ["", "process_docs"])
def test_ask_puts_the_same_before_a_question_as_the_gateway(told: Running, collections: str) -> None:
    headers = {"X-Web4-Filter-Collection": collections} if collections else {}
    filters = Filters(collections=tuple(collections.split()))
    answer = ask(told.runtime.day_parts(), ABOUT, filters=filters)
    assert [one.document for one in answer.sources] == sources(told, **headers)
    chat = told.post(
        "/v1/chat/completions", {"model": "web4-agent", "messages": [{"role": "user", "content": ABOUT}]}, **headers
    ).json()
    assert chat["choices"][0]["message"]["content"].startswith(answer.completion.text)  # which is cut at 160 words
    assert ask(told.runtime.day_parts(), ABOUT, wish=Wish.NEVER).sources == ()


def test_ask_offers_the_same_tool_examples(told: Running) -> None:
    wish = "Read the file src/queue.ts and run its tests"
    answer = ask(told.runtime.day_parts(), wish, filters=Filters(ecosystem="cline"))
    assert "that cline understands" in answer.completion.text
    reply = told.post(
        "/v1/chat/completions",
        {"model": "web4-agent", "messages": [{"role": "user", "content": wish}]},
        **{"X-Web4-Filter-Ecosystem": "cline"},
    )
    assert reply.json()["choices"][0]["message"]["content"].startswith(answer.completion.text)
