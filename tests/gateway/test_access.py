"""Who may ask: keys beyond loopback, no web page on it, and none of it said too loud."""

from pathlib import Path

import pytest

from tests.gateway.running import Running, running
from web4_agent.domain.errors import SettingsError
from web4_agent.flows.keys import give_key, key_hash, revoke_key
from web4_agent.gateway.access import Access, check_listening, is_loopback
from web4_agent.gateway.wire.errors import Refused
from web4_agent.records import api_keys


def test_listening_wider_without_a_key_is_refused_with_the_command_to_type() -> None:
    with pytest.raises(SettingsError, match="no API key") as caught:
        check_listening("0.0.0.0", {})
    assert caught.value.hint == "web4-agent keys add NAME"
    check_listening("127.0.0.1", {})
    check_listening("0.0.0.0", {"hash": "anna"})


@pytest.mark.parametrize(
    ("host", "local"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("box", False)]
)
def test_loopback_is_told_from_the_world(host: str, *, local: bool) -> None:
    assert is_loopback(host) is local


def test_beyond_loopback_only_a_valid_key_is_answered_and_names_the_client(tmp_path: Path) -> None:
    from tests.gateway.running import make_runtime, started
    from web4_agent.backends.engines.scripted import ScriptedLauncher

    launcher = ScriptedLauncher()
    runtime = make_runtime(tmp_path, {}, launcher)
    key = give_key(runtime.database, "anna", runtime.now())
    with started(runtime, launcher, "0.0.0.0") as gateway:
        port = gateway.url.rsplit(":", 1)[1]
        gateway.url = f"http://127.0.0.1:{port}"
        assert gateway.chat("hello").status_code == 401
        wrong = gateway.post("/api/chat", {}, Authorization="Bearer w4k-wrong")
        assert (wrong.status_code, wrong.headers["www-authenticate"]) == (401, "Bearer")
        assert gateway.get("/metrics").status_code == 401
        assert gateway.get("/healthz").status_code == 200
        body = {"model": "web4-agent", "messages": [{"role": "user", "content": "hello"}]}
        reply = gateway.post("/v1/chat/completions", body, Authorization=f"Bearer {key}")
        assert gateway.logged(reply.headers["x-web4-response-id"]).client == "anna"
        revoke_key(runtime.database, "anna", runtime.now())
        for _ in range(80):
            if gateway.post("/v1/chat/completions", body, Authorization=f"Bearer {key}").status_code == 401:
                break
            __import__("time").sleep(0.05)
        else:
            pytest.fail("the revoked key still opens")
    runtime.close()


def test_a_key_is_kept_as_its_hash_alone(tmp_path: Path) -> None:
    with running(tmp_path) as gateway:
        key = give_key(gateway.runtime.database, "bob", gateway.runtime.now())
        with gateway.runtime.database.read() as connection:
            (row,) = api_keys.listed(connection)
        assert row.key_hash == key_hash(key)
        assert key.encode() not in gateway.runtime.home.ledger.read_bytes()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "https://evil.example"}, 403),
        ({"host": "evil.example"}, 403),
        ({"origin": "http://localhost:3000"}, None),
        ({"origin": "vscode-webview://abc"}, None),
        ({"host": "[::1]:8484"}, None),
        ({"host": "localhost:8484", "authorization": "Bearer ollama"}, None),
        ({"origin": "null"}, 403),
        ({"host": ""}, 403),
    ],
)
def test_a_web_page_can_t_ask_through_its_visitor_s_browser(headers: dict[str, str], status: int | None) -> None:
    access = Access(wide=False)
    asked = {"host": "127.0.0.1:8484", "user-agent": "curl/8", **headers}
    if status is None:
        assert access.client(asked.get) == "curl/8"
    else:
        with pytest.raises(Refused) as caught:
            access.client(asked.get)
        assert caught.value.status == status


def test_an_origin_can_be_let_in_by_setting() -> None:
    access = Access(wide=False, origins=frozenset({"https://chat.example.org"}))
    assert access.client({"host": "localhost", "origin": "https://chat.example.org"}.get) == "unknown"


def test_errors_of_the_guard_have_the_dialect_of_the_path(gateway: Running) -> None:
    assert isinstance(gateway.get("/api/tags", origin="https://evil.example").json()["error"], str)
    assert gateway.get("/v1/models", origin="https://evil.example").json()["error"]["type"] == "permission_error"
