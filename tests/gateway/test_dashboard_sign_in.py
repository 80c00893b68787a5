"""Beyond loopback nobody sees the dashboard without a key, and a session ends when it should."""

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.gateway.running import Running, make_runtime, started
from tests.gateway.test_bad_days import wait_until
from tests.gateway.test_dashboard import Visit
from web4_agent.backends.engines.scripted import ScriptedLauncher
from web4_agent.flows.keys import give_key, revoke_key
from web4_agent.gateway.dashboard.door import _same
from web4_agent.gateway.dashboard.sessions import LASTS_S, MOST_SESSIONS, Sessions
from web4_agent.gateway.dashboard.sign_in import _inside


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("web4_agent.gateway.serve._REFRESH_S", 0.05)
        launcher = ScriptedLauncher()
        runtime = make_runtime(tmp_path_factory.mktemp("wide"), {}, launcher)
        give_key(runtime.database, "first", runtime.now())
        with started(runtime, launcher, "0.0.0.0") as one:
            one.url = f"http://127.0.0.1:{one.url.rsplit(':', 1)[1]}"
            yield one
        runtime.close()


@pytest.fixture
def visit(wide: Running) -> Iterator[Visit]:
    with Visit(wide) as one:
        yield one


def sign_in(visit: Visit, key: str, wanted: str = "") -> httpx.Response:
    return visit.submit("/login", f"/login?next={wanted}", key=key, next=wanted)


def new_key(wide: Running, visit: Visit, name: str) -> str:
    key = give_key(wide.runtime.database, name, wide.runtime.now())
    wait_until(lambda: sign_in(visit, key).status_code == 200)  # the gateway follows its keys
    return key


@pytest.mark.parametrize("path", ["/", "/nights", "/adapters", "/documents", "/document?document=x", "/forget"])
def test_a_stranger_is_led_to_sign_in_and_shown_nothing(visit: Visit, path: str) -> None:
    visit.follow_redirects = False
    told = visit.get(path)
    assert told.status_code == 303
    assert told.headers["location"].startswith("/dashboard/login?next=/dashboard/")
    assert not told.content
    polled = visit.get(path, headers={"hx-request": "true"})
    assert (polled.status_code, polled.headers["hx-redirect"].startswith("/dashboard/login")) == (401, True)


def test_a_stranger_s_form_does_nothing(visit: Visit) -> None:
    visit.follow_redirects = False
    token = re.search(r'name="token" value="([^"]+)"', visit.get("/login").text)
    assert token is not None
    told = visit.post("/rollback", data={"token": token[1], "version": "base"}, headers={"origin": visit.origin})
    assert (told.status_code, told.headers["location"]) == (303, "/dashboard/login?next=/dashboard/")


def test_a_browser_without_a_key_is_led_from_the_front_door_and_a_program_is_not(wide: Running) -> None:
    assert wide.get("/", accept="text/html").headers["location"] == "/dashboard/"
    assert wide.get("/").status_code == 401
    assert wide.get("/dashboardx").status_code == 401


def test_a_key_lets_in_until_it_is_revoked(wide: Running, visit: Visit) -> None:
    assert sign_in(visit, "w4k-wrong").status_code == 401
    before = visit.cookies["web4_session"]
    key = new_key(wide, visit, "anna")
    assert visit.cookies["web4_session"] != before, "the cookie of before is worth nothing"
    page = visit.get("/")
    assert "Sign out" in page.text
    assert "anna" in page.text
    assert key not in page.text
    revoke_key(wide.runtime.database, "anna", wide.runtime.now())
    wait_until(lambda: "API key" in visit.get("/").text)


def test_signing_out_ends_the_session_for_whoever_kept_the_cookie(wide: Running, visit: Visit) -> None:
    new_key(wide, visit, "bob")
    kept = visit.cookies["web4_session"]
    assert "API key" in visit.submit("/logout", "/").text
    told = httpx.get(f"{wide.url}/dashboard/", cookies={"web4_session": kept}, trust_env=False)
    assert told.status_code == 303


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(visit: Visit) -> None:
    told = visit.get("/login").headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/dashboard", f"Max-Age={int(LASTS_S)}"} <= set(told.split("; "))


def test_the_api_is_not_opened_by_the_cookie(wide: Running, visit: Visit) -> None:
    new_key(wide, visit, "eve")
    cookie = {"web4_session": visit.cookies["web4_session"]}
    assert httpx.get(f"{wide.url}/v1/models", cookies=cookie, trust_env=False).status_code == 401


@pytest.mark.parametrize(
    ("wanted", "led"),
    [
        ("/dashboard/nights", "/dashboard/nights"),
        ("https://evil.example/dashboard/", "/dashboard/"),
        ("//evil.example/dashboard/", "/dashboard/"),
        ("/dashboard/\\evil", "/dashboard/"),
        ("/v1/models", "/dashboard/"),
        ("", "/dashboard/"),
    ],
)
def test_signing_in_leads_nowhere_else(wanted: str, led: str) -> None:
    assert _inside(wanted) == led


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("http://127.0.0.1:8484", "127.0.0.1:8484", True),
        ("https://agent.example.org", "agent.example.org", True),
        ("https://agent.example.org", "agent.example.org:443", True),
        ("http://[::1]:8484", "[::1]:8484", True),
        ("http://localhost:3000", "localhost:8484", False),
        ("http://localhost", "localhost:8484", False),
        ("https://agent.example.org.evil.example", "agent.example.org", False),
        ("null", "localhost", False),
        ("file://", "localhost", False),
        ("http://localhost:99999", "localhost:99999", False),
    ],
)
def test_an_origin_is_ours_only_as_a_whole(origin: str, host: str, *, same: bool) -> None:
    assert _same(origin, host) is same


def test_a_session_lasts_half_a_day_and_the_oldest_make_way() -> None:
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    cookie = sessions.begin("hash")
    assert sessions.key_of(cookie) == "hash"
    assert sessions.key_of(f"{cookie}x") is None
    now[0] = LASTS_S
    assert sessions.key_of(cookie) is None
    oldest = sessions.begin("oldest")
    for number in range(MOST_SESSIONS):
        sessions.begin(str(number))
    assert sessions.key_of(oldest) is None


def test_a_token_is_new_each_time_and_fits_one_cookie() -> None:
    sessions = Sessions()
    first, second = sessions.token("a"), sessions.token("a")
    assert first != second
    assert sessions.fits("a", first)
    assert sessions.fits("a", second)
    assert not sessions.fits("b", first)
    assert not sessions.fits("", sessions.token(""))
    assert not sessions.fits("a", "")
    assert not sessions.fits("a", "é" * 80)
    assert not Sessions().fits("a", first), "a process that was started anew knows none of them"


def test_sessions_are_kept_as_hashes() -> None:
    sessions = Sessions()
    cookie = sessions.begin("hash")
    assert cookie not in repr(vars(sessions))
