"""Flaws of answers in the log, and a gateway that lets the version before serve by itself."""

import threading
from pathlib import Path

import httpx
import pytest

from tests.gateway.running import Running, make_runtime, started
from web4_agent.backends.engines.scripted import Script, ScriptedLauncher
from web4_agent.backends.exporters.scripted import ScriptedExporter
from web4_agent.domain.adapters import Adapter, AdapterState
from web4_agent.domain.ids import BASE, AdapterVersion, ContentHash
from web4_agent.domain.probation import ProbationState
from web4_agent.domain.queries import Flaw, Route, RouteDecision, Status
from web4_agent.flows.probation import history
from web4_agent.gateway import serve
from web4_agent.gateway.exchange import Exchange
from web4_agent.gateway.wire.errors import Refused
from web4_agent.records import adapters
from web4_agent.storage.artifacts import hash_file

BAD = AdapterVersion("a-loops")
LOOP = "I am sorry. I am very sorry. " * 20


def flaw_in_log(gateway: Running, answer: httpx.Response) -> Flaw:
    return gateway.logged(answer.headers["x-web4-response-id"]).flaw


@pytest.mark.parametrize("stream", [True, False])
def test_the_log_says_what_is_wrong_with_an_answer(gateway: Running, stream: bool) -> None:
    assert flaw_in_log(gateway, gateway.chat("well said", stream=stream)) is Flaw.NONE
    assert flaw_in_log(gateway, gateway.chat(LOOP, stream=stream)) is Flaw.LOOPING
    assert flaw_in_log(gateway, gateway.chat("so: ```python x = 1", stream=stream)) is Flaw.FORMAT
    assert flaw_in_log(gateway, gateway.chat(" ", stream=stream)) is Flaw.EMPTY


def test_json_that_was_asked_for_is_read_in_both_dialects(gateway: Running) -> None:
    wanted = {"response_format": {"type": "json_object"}}
    assert flaw_in_log(gateway, gateway.chat("no json", **wanted)) is Flaw.FORMAT
    assert flaw_in_log(gateway, gateway.chat('{"a": 1}', **wanted)) is Flaw.NONE
    body = {"model": "web4-agent", "messages": [{"role": "user", "content": "no json"}], "stream": False}
    assert flaw_in_log(gateway, gateway.post("/api/chat", {**body, "format": "json"})) is Flaw.FORMAT
    assert flaw_in_log(gateway, gateway.post("/api/chat", body)) is Flaw.NONE


def test_a_call_of_a_tool_is_not_empty(gateway: Running) -> None:
    tools = [{"type": "function", "function": {"name": "read", "parameters": {"type": "object"}}}]
    assert flaw_in_log(gateway, gateway.chat('call read {"path": "a"}', tools=tools)) is Flaw.NONE


def test_an_answer_that_was_cut_at_once_or_passed_on_unread_is_not_judged() -> None:
    exchange = Exchange("chat", "ide", "question", RouteDecision(Route.TRAINED, ""))
    assert exchange.interaction().flaw is Flaw.UNKNOWN
    exchange.note({"choices": [{"message": {"content": " "}, "finish_reason": "length"}]})
    assert exchange.interaction().flaw is Flaw.UNKNOWN
    exchange.tally.tokens_out = 50
    assert exchange.interaction().flaw is Flaw.EMPTY


def test_only_what_the_model_may_have_caused_is_blamed_on_it(gateway: Running) -> None:
    for code, flaw in (
        ("engine_error", Flaw.ERROR),
        ("engine_timeout", Flaw.ERROR),
        ("engine_stopped", Flaw.NONE),
        ("overloaded", Flaw.NONE),
        ("engine_refused", Flaw.NONE),
    ):
        exchange = Exchange("chat", "ide", "question", RouteDecision(Route.TRAINED, ""))
        exchange.fail(Refused(502, "as it may be", code))
        row = exchange.interaction()
        assert (row.status, row.flaw) == (Status.ERROR, flaw), code


def test_a_bad_version_goes_while_people_ask_and_nobody_is_turned_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "_PROBATION_S", 0.1)
    launcher = ScriptedLauncher(Script())
    runtime = make_runtime(tmp_path, {}, launcher)
    folder = runtime.home.adapter(BAD)
    folder.mkdir(parents=True)
    artefact = folder / ScriptedExporter().artefact_name
    artefact.write_text("bytes")
    digest: ContentHash = hash_file(artefact)
    with runtime.database.begin() as connection:
        made = Adapter(BAD, BASE, AdapterState.PROMOTED, digest, digest, None, 1.0, runtime.now())
        adapters.add(connection, made)
        adapters.move_pointer(connection, BAD, "promoted by night-2026-03-02-1", runtime.now())
    runtime.check()
    with started(runtime, launcher) as gateway:
        served = []
        for _ in range(300):
            answer = gateway.chat(LOOP)
            assert answer.status_code == 200
            served.append(answer.headers["x-web4-adapter"])
            if served[-1] == BASE:
                break
            threading.Event().wait(0.02)
        assert (served[0], served[-1]) == (BAD, BASE)
        assert len(served) < 100
        for _ in range(100):
            (row,) = history(runtime.database, 5)
            if row.state is ProbationState.ROLLED_BACK:
                break
            threading.Event().wait(0.05)
        assert (row.adapter, row.state) == (BAD, ProbationState.ROLLED_BACK)
        with runtime.database.read() as connection:
            assert len(adapters.moves(connection)) == 3
    runtime.close()
