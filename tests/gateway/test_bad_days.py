"""Clients that leave, queues that fill, engines that die, versions that change."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.gateway.running import Running, running
from web4_agent.backends.engines.scripted import Script
from web4_agent.bootstrap import Runtime
from web4_agent.domain.adapters import Adapter, AdapterState
from web4_agent.domain.ids import BASE, AdapterVersion
from web4_agent.domain.queries import Interaction, Status
from web4_agent.gateway.wire.ollama import OllamaWriter
from web4_agent.gateway.wire.stream import OpenAiWriter
from web4_agent.records import adapters, interactions
from web4_agent.steps.promote import converge
from web4_agent.storage.artifacts import hash_file
from web4_agent.storage.atomic import publish_folder

SLOW = "one two three four five six seven eight nine ten " * 4


def wait_until(true: Any, seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.02)


def chat_body(question: str, **more: Any) -> dict[str, Any]:
    return {"model": "web4-agent", "messages": [{"role": "user", "content": question}], **more}


def all_logged(gateway: Running) -> list[Interaction]:
    with gateway.runtime.database.read() as connection:
        return list(
            interactions.between(connection, datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
        )


def test_a_client_that_leaves_a_stream_frees_its_place_and_is_logged_as_cancelled(tmp_path: Path) -> None:
    with running(tmp_path, Script(event_ms=50), gateway__parallel=1) as gateway:
        url = gateway.url + "/v1/chat/completions"
        with httpx.stream("POST", url, json=chat_body(SLOW, stream=True), trust_env=False) as reply:
            response = reply.headers["x-web4-response-id"]
            assert any(b"two" in part for part in reply.iter_bytes())
        row = gateway.logged(response)
        assert row.status is Status.CANCELLED
        assert 0 < len(row.answer) < len(SLOW)
        assert gateway.chat("hello").status_code == 200


def test_a_client_that_leaves_before_an_answer_in_one_piece_is_logged_too(tmp_path: Path) -> None:
    with running(tmp_path, Script(event_ms=50), gateway__parallel=1) as gateway:
        holding = httpx.Client(trust_env=False)
        with holding.stream("POST", gateway.url + "/v1/chat/completions", json=chat_body(SLOW, stream=True)):
            with pytest.raises(httpx.ReadTimeout):
                httpx.post(gateway.url + "/api/chat", json=chat_body("wait"), timeout=0.3, trust_env=False)
            wait_until(lambda: "web4_requests_waiting 0.0" in gateway.get("/metrics").text)
        assert gateway.chat("hello").status_code == 200


def test_a_full_queue_says_when_to_come_again(tmp_path: Path) -> None:
    with running(tmp_path, Script(event_ms=40), gateway__parallel=1, gateway__queue=1) as gateway:
        with ThreadPoolExecutor(6) as pool:
            replies = list(pool.map(lambda _: gateway.chat(SLOW, stream=True), range(6)))
        refused = [reply for reply in replies if reply.status_code == 503]
        assert len([reply for reply in replies if reply.status_code == 200]) == 2
        assert len(refused) == 4
        assert all(int(reply.headers["retry-after"]) >= 1 for reply in refused)
        assert refused[0].json()["error"]["code"] == "overloaded"


def test_one_who_waits_too_long_is_told(tmp_path: Path) -> None:
    slow = Script(event_ms=40)
    with running(tmp_path, slow, gateway__parallel=1, gateway__queue_timeout_s=0.3) as gateway:
        pool = ThreadPoolExecutor(2)
        first, second = pool.map(lambda _: gateway.chat(SLOW, stream=True), range(2))
        assert sorted([first.status_code, second.status_code]) == [200, 503]


def test_too_large_a_body_is_refused_whatever_its_header_says(tmp_path: Path) -> None:
    with running(tmp_path, gateway__max_body_bytes=10_000) as gateway:
        assert gateway.chat("x" * 11_000).status_code == 413

        def endless() -> Any:
            for _ in range(100):
                yield b"x" * 1_000

        reply = httpx.post(gateway.url + "/api/chat", content=endless(), trust_env=False)
        assert reply.status_code == 413
        assert "10,000 bytes" in reply.json()["error"]


def test_an_engine_that_is_killed_comes_back_and_new_requests_wait_for_it(tmp_path: Path) -> None:
    with running(tmp_path, Script(event_ms=30)) as gateway:
        engine = gateway.engine
        with ThreadPoolExecutor(1) as pool:
            cut = pool.submit(gateway.chat, SLOW, stream=True)
            wait_until(lambda: "web4_requests_running 1.0" in gateway.get("/metrics").text)
            time.sleep(0.2)
            assert engine.child is not None
            engine.child.process.kill()
            reply = gateway.chat("are you back?")
            text = cut.result().text
        assert reply.status_code == 200
        assert "stopped while it answered" in text
        assert "[DONE]" not in text
        assert gateway.engine is not engine
        assert gateway.logged(cut.result().headers["x-web4-response-id"]).status is Status.ERROR


def test_an_engine_that_can_t_come_up_makes_the_gateway_not_ready_and_says_why(tmp_path: Path) -> None:
    with running(tmp_path, gateway__queue_timeout_s=1.0) as gateway:
        gateway.launcher.script = Script(fails_to_start=frozenset({AdapterVersion("base")}))
        assert gateway.engine.child is not None
        gateway.engine.child.process.kill()
        reply = gateway.chat("anybody?")
        assert reply.status_code in {502, 503}
        reply = gateway.chat("anybody?")
        assert reply.status_code == 503
        assert "fail to start" in reply.json()["error"]["message"]
        assert gateway.get("/readyz").status_code == 503
        assert gateway.get("/healthz").status_code == 200
        gateway.launcher.script = Script()
        wait_until(lambda: gateway.get("/readyz").status_code == 200)


def serve_version(gateway: Running, version: str) -> None:
    """As a promotion or a rollback does: the ledger's pointer, then what serves."""
    runtime, name = gateway.runtime, AdapterVersion(version)
    with runtime.database.begin() as connection:
        made = adapters.get(connection, name) or _published(runtime, name)
        adapters.add(connection, made)
        adapters.move_pointer(connection, name, "a test", runtime.now())
    converge(made, runtime.home, runtime.exporter.artefact_name)


def _published(runtime: Runtime, name: AdapterVersion) -> Adapter:
    artefact = runtime.home.adapter(name) / runtime.exporter.artefact_name
    publish_folder(lambda folder: (folder / artefact.name).write_text(name), artefact.parent)
    digest = hash_file(artefact)
    return Adapter(name, BASE, AdapterState.PROMOTED, digest, digest, None, 1.0, runtime.now())


def test_another_version_takes_over_between_two_requests_and_cuts_no_stream(tmp_path: Path) -> None:
    said = "[adapter] " * 30
    with running(tmp_path, Script(answers={"who": said}, event_ms=30)) as gateway, ThreadPoolExecutor(1) as pool:
        streaming = pool.submit(gateway.chat, "who", stream=True)
        wait_until(lambda: "web4_requests_running 1.0" in gateway.get("/metrics").text)
        serve_version(gateway, "a-next")
        wait_until(lambda: gateway.get("/readyz").json()["adapter"] == "a-next")
        new = gateway.chat("who", max_tokens=1)
        old = streaming.result()
        assert new.json()["choices"][0]["message"]["content"] == "a-next"
        assert (new.headers["x-web4-adapter"], old.headers["x-web4-adapter"]) == ("a-next", "base")
        assert "a-next" not in old.text.replace(old.headers["x-web4-response-id"], "")
        assert old.text.endswith("data: [DONE]\n\n")
        assert gateway.logged(old.headers["x-web4-response-id"]).adapter == "base"
        assert gateway.get("/readyz").json()["warm"] == ["base"]
        assert 'web4_engine_swap_seconds_count{engine="started"} 1.0' in gateway.get("/metrics").text
    assert all(engine.closed for engine in gateway.launcher.started)


def test_a_version_that_does_not_come_up_leaves_the_old_one_serving(tmp_path: Path) -> None:
    script = Script(fails_to_start=frozenset({AdapterVersion("a-broken")}))
    with running(tmp_path, script) as gateway:
        serve_version(gateway, "a-broken")
        wait_until(lambda: gateway.get("/readyz").json()["trouble"])
        assert gateway.chat("hello").headers["x-web4-adapter"] == "base"
        serve_version(gateway, "base")
        assert gateway.chat("hello").status_code == 200


def test_many_at_once_are_all_answered_and_logged_once(tmp_path: Path) -> None:
    async def ask(url: str) -> list[str]:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            asked = [client.post(url, json=chat_body(f"number {n}", stream=n % 2 == 0)) for n in range(120)]
            replies = await asyncio.gather(*asked)
        assert {reply.status_code for reply in replies} == {200}
        return [reply.headers["x-web4-response-id"] for reply in replies]

    with running(tmp_path, gateway__parallel=8, gateway__queue=200) as gateway:
        ids = asyncio.run(ask(gateway.url + "/v1/chat/completions"))
        assert len(set(ids)) == 120
        asked = {gateway.logged(each).query for each in ids}
    assert asked == {f"number {n}" for n in range(120)}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/chat"])
def test_an_answer_that_can_t_be_written_gives_its_place_back_and_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    def unwritable(*_: object) -> bytes:
        raise KeyError("function")

    with running(tmp_path, gateway__parallel=1, gateway__queue=0) as gateway:
        with monkeypatch.context() as patched:
            patched.setattr(OpenAiWriter, "whole", unwritable)
            patched.setattr(OllamaWriter, "whole", unwritable)
            assert gateway.post(path, chat_body("hello", stream=False)).status_code == 500
        assert gateway.chat("hello again").status_code == 200
        wait_until(lambda: len(all_logged(gateway)) == 2)
        assert [row.status for row in all_logged(gateway)] == [Status.ERROR, Status.OK]
