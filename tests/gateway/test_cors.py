"""Web pages in a browser: those the settings name can ask and read, and no others."""

from collections.abc import Iterator

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from tests.gateway.running import Running, running
from web4_agent.backends.engines.scripted import Script
from web4_agent.domain.errors import SettingsError
from web4_agent.gateway.cors import EXPOSED, origins_of, readable

PAGE = "https://chat.example.org"
OTHERS = ("https://evil.example", "null", "http://chat.example.org", f"{PAGE}.evil.example", "http://localhost:3000")
CHAT = "/v1/chat/completions"
BODY = {"model": "web4-agent", "messages": [{"role": "user", "content": "one two three"}]}


@pytest.fixture(scope="module")
def open_to_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    script = Script(event_ms=20.0)
    with running(tmp_path_factory.mktemp("cors"), script, gateway__origins=f"{PAGE}/ app://chat") as one:
        yield one


def preflight(gateway: Running, origin: str, path: str = CHAT, **more: str) -> httpx.Response:
    headers = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-stainless-lang,x-web4-retrieval",
        **more,
    }
    return httpx.options(gateway.url + path, headers=headers, timeout=20, trust_env=False)


@pytest.mark.parametrize("path", [CHAT, "/api/chat", "/v1/models", "/v1/feedback"])
def test_a_named_page_s_preflight_is_answered_without_a_key(open_to_page: Running, path: str) -> None:
    told = preflight(open_to_page, PAGE, path, **{"access-control-request-private-network": "true"})
    assert told.status_code == 200
    assert told.headers["access-control-allow-origin"] == PAGE
    assert "POST" in told.headers["access-control-allow-methods"]
    assert "x-stainless-lang" in told.headers["access-control-allow-headers"]
    assert told.headers["access-control-allow-private-network"] == "true"
    assert "Origin" in told.headers["vary"]
    assert "access-control-allow-credentials" not in told.headers


@pytest.mark.parametrize("origin", OTHERS)
def test_no_other_page_s_preflight_is_let_through(open_to_page: Running, origin: str) -> None:
    told = preflight(open_to_page, origin)
    assert told.status_code == 400
    assert "access-control-allow-origin" not in told.headers


def test_a_named_page_can_read_the_answer_and_our_headers(open_to_page: Running) -> None:
    told = open_to_page.post(CHAT, BODY, origin=PAGE)
    assert (told.status_code, told.headers["access-control-allow-origin"]) == (200, PAGE)
    exposed = {name.strip() for name in told.headers["access-control-expose-headers"].split(",")}
    assert exposed == set(EXPOSED)
    assert {name for name in told.headers if name.startswith("x-web4-")} <= exposed


def test_it_can_read_why_it_was_refused_as_well(open_to_page: Running) -> None:
    told = open_to_page.post(CHAT, {**BODY, "model": "none"}, origin=PAGE)
    assert (told.status_code, told.headers["access-control-allow-origin"]) == (404, PAGE)


def test_a_stream_comes_to_it_in_pieces(open_to_page: Running) -> None:
    body, pieces = {**BODY, "stream": True}, []
    with httpx.stream(
        "POST", open_to_page.url + CHAT, json=body, headers={"origin": PAGE}, timeout=20, trust_env=False
    ) as told:
        assert told.headers["access-control-allow-origin"] == PAGE
        pieces = list(told.iter_raw())
    assert len(pieces) > 2
    assert b"".join(pieces).endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_other_pages_are_refused_and_told_nothing(open_to_page: Running, origin: str) -> None:
    told = open_to_page.post(CHAT, BODY, origin=origin)
    assert told.status_code == 403
    assert "access-control-allow-origin" not in told.headers


def test_even_an_error_of_ours_can_be_read_by_it_and_by_no_other() -> None:
    asked = {"type": "http", "headers": [(b"origin", PAGE.encode())]}
    told = readable(Request(asked), Response("a bug", 500), frozenset({PAGE}))
    assert (told.headers["access-control-allow-origin"], told.headers["vary"]) == (PAGE, "Origin")
    assert "vary" not in readable(Request(asked), Response("a bug", 500), frozenset({"https://other.example"})).headers


def test_without_a_setting_no_page_is_told_anything(gateway: Running) -> None:
    assert preflight(gateway, PAGE).status_code in {403, 405}
    assert "access-control-allow-origin" not in gateway.get("/v1/models", origin="http://localhost:3000").headers


@pytest.mark.parametrize(
    "setting", ["*", "null", "https://*.example.org", "chat.example.org", f"{PAGE}/chat", "https://"]
)
def test_a_setting_that_is_no_origin_is_refused_at_the_start(setting: str) -> None:
    with pytest.raises(SettingsError, match=r"gateway\.origins"):
        origins_of(setting)


def test_origins_are_kept_as_browsers_write_them() -> None:
    assert origins_of("https://Chat.Example.org/  http://localhost:3000") == {PAGE, "http://localhost:3000"}
    assert origins_of("") == frozenset()
