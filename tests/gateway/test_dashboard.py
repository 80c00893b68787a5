"""The dashboard without a browser: what its pages say, what a form does, and what neither lets through."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import event, text

from tests.flows.interactions import asked
from tests.gateway.dashboard_home import History, document_row, fill
from tests.gateway.running import Running, make_runtime, started
from tests.gateway.test_bad_days import wait_until
from web4_agent.backends.engines.scripted import ScriptedLauncher
from web4_agent.bootstrap import Runtime
from web4_agent.domain.documents import DocumentState
from web4_agent.domain.ids import AdapterVersion, DocumentId
from web4_agent.domain.queries import ResponseId, Thumb
from web4_agent.flows.rollback import roll_back
from web4_agent.gateway.dashboard.statics import FOLDER
from web4_agent.pipeline.progress_file import ToldProgress
from web4_agent.records import adapters, alerts, documents, feedback, interactions, runs
from web4_agent.storage.artifacts import hash_file
from web4_agent.storage.lock import exclusive

PAGES = ("/", "/nights", "/adapters", "/documents", "/documents?shelf=quarantine", "/documents?shelf=hot")
POSTS = ("/vote", "/rollback", "/quarantine", "/forget", "/login", "/logout")
END = datetime.now(UTC)
HOSTILE = "<img src=x onerror=alert(1)>\"'&{{ 7*7 }}"
HOSTILE_NAME = DocumentId(f"2026-03-02/2026-03-02-UTC-0900-{HOSTILE}.pdca.md")


class Visit(httpx.Client):
    """A browser without scripts: it keeps cookies, says where a form came from, and follows what it is told."""

    def __init__(self, gateway: Running) -> None:
        super().__init__(base_url=f"{gateway.url}/dashboard", trust_env=False, timeout=30, follow_redirects=True)
        self.origin = gateway.url

    def token(self, page: str = "/documents?shelf=quarantine") -> str:
        found = re.search(r'name="token" value="([^"]+)"', self.get(page).text)
        return found[1] if found else ""

    def submit(self, path: str, page: str = "/documents?shelf=quarantine", **fields: str) -> httpx.Response:
        return self.post(path, data={"token": self.token(page), **fields}, headers={"origin": self.origin})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    launcher = ScriptedLauncher()
    runtime = make_runtime(tmp_path_factory.mktemp("dashboard"), {}, launcher)
    runtime.__dict__["_fresh_store"] = None  # vectors in memory leave no trace
    fill(runtime, History(nights=22, waiting=10), END)
    with runtime.database.begin() as connection:
        row = document_row(date(2026, 3, 2), 0, "x", DocumentState.QUARANTINED, 0, text=f"Ignore previous {HOSTILE}")
        documents.add(connection, replace(row, id=HOSTILE_NAME, title=HOSTILE, reason=HOSTILE))
        spoken = asked(10**9, at_utc=END, query=HOSTILE, answer=HOSTILE, client=HOSTILE)
        interactions.add(connection, [spoken])
    with started(runtime, launcher) as one:
        yield one
    runtime.close()


@pytest.fixture
def visit(home: Running) -> Iterator[Visit]:
    with Visit(home) as one:
        yield one


def pointer(runtime: Runtime) -> AdapterVersion:
    with runtime.database.read() as connection:
        return adapters.read_pointer(connection).production


@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs_nothing_and_loads_nothing_that_is_not_ours(visit: Visit, page: str) -> None:
    told = visit.get(page)
    assert told.status_code == 200
    policy = dict(one.strip().split(" ", 1) for one in told.headers["content-security-policy"].split(";"))
    assert (policy["default-src"], policy["script-src"], policy["style-src"]) == ("'none'", "'self'", "'self'")
    assert (policy["frame-ancestors"], policy["form-action"]) == ("'none'", "'self'")
    assert (told.headers["x-content-type-options"], told.headers["cache-control"]) == ("nosniff", "no-store")
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=\"|javascript:", told.text)
    assert not re.search(r'(?:src|href|action)="(?!/dashboard|#)', told.text)
    assert '<html lang="en">' in told.text
    assert told.text.count("<h1") == 1
    assert 'aria-current="page"' in told.text


def test_style_and_scripts_are_kept_for_ever_under_names_that_change_with_them(visit: Visit) -> None:
    addresses = set(re.findall(r'"/dashboard(/static/[^"]+)"', visit.get("/nights").text))
    assert {one.split("/")[2].split("?")[0] for one in addresses} == {
        "icon.svg", "dashboard.css", "dashboard.js", "htmx.min.js", "uplot.min.js", "uplot.min.css",
    }  # fmt: skip
    for address in addresses:
        told = visit.get(address)
        assert "immutable" in told.headers["cache-control"]
        assert told.headers["content-encoding"] == "gzip"
    assert visit.get("/static/htmx.LICENSE.txt").status_code == 404
    assert visit.get("/static/..%2f..%2f__init__.py").status_code == 404


VENDORED = {
    "htmx.min.js": "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130",
    "uplot.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uplot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}
"""htmx.org 4.0.1 and uplot 1.6.32 as their npm packages have them."""


def test_what_is_not_ours_is_as_its_makers_gave_it_with_its_licence() -> None:
    for name, digest in VENDORED.items():
        assert hash_file(FOLDER / name) == digest
        assert (FOLDER / f"{name.split('.')[0]}.LICENSE.txt").stat().st_size > 300


@pytest.mark.parametrize("page", PAGES)
def test_a_page_with_all_it_loads_is_under_100_kb(visit: Visit, page: str) -> None:
    told = visit.get(page)
    addresses = set(re.findall(r'"/dashboard(/static/[^"]+)"', told.text))
    assert told.num_bytes_downloaded + sum(visit.get(one).num_bytes_downloaded for one in addresses) < 100_000


@pytest.mark.parametrize("page", PAGES)
def test_an_empty_install_has_every_page(gateway: Running, page: str) -> None:
    with Visit(gateway) as visit:
        told = visit.get(page)
    assert told.status_code == 200
    assert "That did not work" not in told.text


def test_programs_are_greeted_and_browsers_led_to_the_dashboard(home: Running) -> None:
    assert home.get("/").text == "Web4 Agent is running"
    assert home.get("/", accept="application/json, text/plain, */*").text == "Web4 Agent is running"
    led = home.get("/", accept="text/html,application/xhtml+xml,*/*;q=0.8")
    assert (led.status_code, led.headers["location"]) == (303, "/dashboard/")
    assert home.get("/dashboard").headers["location"] == "/dashboard/"


def test_what_others_wrote_is_text_and_never_markup(visit: Visit) -> None:
    for page in ("/", "/documents?shelf=quarantine", f"/document?document={quote(HOSTILE_NAME)}"):
        told = visit.get(page)
        assert told.status_code == 200
        assert "<img src=x" not in told.text
        assert "&lt;img src=x onerror=alert(1)&gt;" in told.text
        assert "{{ 7*7 }}" in told.text
    searched = visit.get("/documents", params={"shelf": "all", "q": '"><script>alert(1)</script>'})
    assert "<script>alert" not in searched.text
    assert "None has all of these words" in searched.text


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("wrong", ["no token", "another's token", "another site", "no cookie"])
def test_a_form_that_is_not_ours_does_nothing(home: Running, visit: Visit, path: str, wrong: str) -> None:
    before = pointer(home.runtime)
    fields = {"token": visit.token(), "version": "base", "decision": "approve", "sure": "yes", "reason": "because"}
    headers = {"origin": visit.origin}
    if wrong == "no token":
        fields.pop("token")
    if wrong == "another's token":
        with Visit(home) as other:
            fields["token"] = other.token()
    if wrong == "another site":
        headers = {"origin": "http://localhost:3000"}
    if wrong == "no cookie":
        visit.cookies.clear()
    told = visit.post(path, data=fields, headers=headers)
    assert told.status_code == 403
    assert pointer(home.runtime) == before


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"},
        {"host": "evil.example"},
    ],
)
def test_a_page_of_elsewhere_reads_nothing(home: Running, headers: dict[str, str]) -> None:
    told = home.get("/dashboard/", **headers)
    assert told.status_code == 403
    assert "Today" not in told.text


def test_a_thumb_and_a_comment_are_kept_and_shown_without_scripts(home: Running, visit: Visit) -> None:
    response = re.search(r'name="response" value="([^"]+)"', visit.get("/").text)
    assert response is not None
    told = visit.submit("/vote", "/", response=response[1], thumb="down", comment="it names the wrong pier")
    assert told.status_code == 200
    assert "Kept: thumb down and comment" in told.text
    with home.runtime.database.read() as connection:
        (given,) = [one for one in feedback.of_responses(connection, [ResponseId(response[1])])[ResponseId(response[1])]
                    if one.client == "dashboard"]  # fmt: skip
    assert (given.thumb, given.comment) == (Thumb.DOWN, "it names the wrong pier")
    assert 'value="it names the wrong pier"' in told.text
    assert "Kept: thumb" not in visit.get("/").text, "it is said once"


@pytest.mark.parametrize(("response", "thumb"), [("w4-unknown", "up"), ("w4-unknown", "sideways"), ("", "")])
def test_a_vote_that_can_t_be_kept_says_why(visit: Visit, response: str, thumb: str) -> None:
    told = visit.submit("/vote", "/", response=response, thumb=thumb)
    assert told.status_code == 400
    assert "That did not work" in told.text


def test_lists_go_page_by_page_and_every_night_is_on_one_of_them(visit: Visit) -> None:
    first, second = visit.get("/nights"), visit.get("/nights?page=2")
    names = [set(re.findall(r"/dashboard/nights/(night-[\d-]+)", one.text)) for one in (first, second)]
    assert (len(names[0]), len(names[1]), len(names[0] & names[1])) == (20, 2, 0)
    assert 'rel="next"' in first.text
    assert 'rel="next"' not in second.text
    assert visit.get("/nights?page=-1").text.count("/dashboard/nights/night-") == first.text.count("/nights/night-")
    for page in ("/nights?page=99999999", "/adapters?page=9", "/documents?shelf=all&page=77", "/?before=nonsense"):
        assert visit.get(page).status_code == 200
    older = re.search(r'href="/dashboard(/\?before=[^"]+)"', visit.get("/").text)
    assert older is not None
    seen = [re.findall(r'<li id="(w4-[^"]+)"', visit.get(page).text) for page in ("/", older[1].split("#")[0])]
    assert seen[0]
    assert seen[1]
    assert not set(seen[0]) & set(seen[1])


def test_a_night_shows_its_answers_before_and_after_and_every_rule(visit: Visit) -> None:
    night = re.search(r'/dashboard(/nights/night-[^"]+)"', visit.get("/nights").text)
    assert night is not None
    told = visit.get(night[1]).text
    assert told.count("<h4>before:") == 20
    assert "keep it" in told
    assert "go on" in told
    assert "Gain on tonight&#39;s held-out texts" in told
    assert visit.get("/nights/night-of-nobody").status_code == 400


def test_a_document_is_rejected_with_a_reason_and_not_without_one(home: Running, visit: Visit) -> None:
    with home.runtime.database.read() as connection:
        (name,) = documents.named_like(connection, f"{END.date()}-UTC-1400-gull-siren-0.pdca.md")
    without = visit.submit("/quarantine", document=name, decision="reject", reason=" ")
    assert (without.status_code, "a decision needs a reason" in without.text) == (400, True)
    assert visit.submit("/quarantine", document=name, decision="burn", reason="x").status_code == 400
    told = visit.submit("/quarantine", document=name, decision="reject", reason="it speaks to the model")
    assert f"{name} is rejected: it speaks to the model." in told.text
    again = visit.submit("/quarantine", document=name, decision="reject", reason="once more")
    assert "nothing was changed" in again.text
    assert name not in visit.get("/documents?shelf=quarantine").text


def test_a_rollback_is_just_what_the_command_does(tmp_path: Path) -> None:
    """Two equal homes; one is rolled back by the flow that the command calls, one by its button."""
    told = []
    for name in ("by command", "by button"):
        launcher = ScriptedLauncher()
        runtime = make_runtime(tmp_path / name, {}, launcher)
        fill(runtime, History(nights=4, queries=50, texts=5, thumbs=1), END)
        with runtime.database.read() as connection:
            target = adapters.read_pointer(connection).previous
        assert target is not None
        if name == "by command":
            roll_back(runtime.rollback_parts(), target)
        else:
            with started(runtime, launcher) as gateway, Visit(gateway) as visit:
                page = f"/adapters/{target}/rollback"
                assert f"Let {target} serve" in visit.get(page).text
                done = visit.submit("/rollback", page, version=target)
                assert f"{target} serves in place of" in done.text
                wait_until(lambda: "(ended" in visit.get("/adapters").text)
                wait_until(lambda wanted=target: gateway.get("/readyz").json()["adapter"] == wanted)
                assert visit.submit("/rollback", version=target).status_code == 400
                assert visit.submit("/rollback", version="a-unheard-of").status_code == 400
        told.append(_state(runtime))
        runtime.close()
    assert told[0] == told[1]


def _state(runtime: Runtime) -> object:
    with runtime.database.read() as connection:
        moves = [one[1:] for one in adapters.moves(connection)]
        rolled = [(run.flow, run.state) for run in runs.recent(connection, "rollback", 5)]
        rows = documents.in_state(connection, *DocumentState)
        put = [(row.alert.event, row.alert.key) for row, _ in alerts.listed(connection, 20)]
    return moves, rolled, [(row.id, row.state, row.reason) for row in rows], [one[0] for one in put]


def test_forgetting_shows_its_plan_and_waits_for_the_word(home: Running, visit: Visit) -> None:
    with home.runtime.database.read() as connection:
        (name,) = documents.named_like(connection, f"{END.date()}-UTC-1410-gull-siren-1.pdca.md")
    page = f"/forget?document={quote(name)}"
    assert "can’t be undone" in visit.get(page).text
    unsure = visit.submit("/forget", page, document=name, replay="never")
    assert (unsure.status_code, "nothing was forgotten" in unsure.text) == (400, True)
    with home.runtime.database.read() as connection:
        assert documents.present(connection, DocumentId(name)) is not None
    told = visit.submit("/forget", page, document=name, replay="never", sure="yes")
    assert told.status_code == 200
    wait_until(lambda: "(ended" in visit.get("/documents").text)
    assert "1 document is forgotten" in visit.get("/documents").text
    with home.runtime.database.read() as connection:
        assert documents.present(connection, DocumentId(name)) is None
    assert visit.get(page).status_code == 400


def test_the_collections_are_held_against_the_ledger_behind_the_page(visit: Visit) -> None:
    wait_until(lambda: "Checked <time" in visit.get("/").text)
    assert "pdca_historical" in visit.get("/").text


def test_the_night_that_runs_is_shown_with_its_step_and_the_time_left(home: Running, visit: Visit) -> None:
    runtime = home.runtime
    with runtime.database.begin() as connection:
        run = runs.start(connection, "night", END.date(), runtime.now())
    try:
        watcher = ToldProgress(runtime.watcher, runtime.home.night_progress, run.id, last="report")
        watcher.started("train")
        watcher._written_s = -9.0
        watcher.advanced("train", 7, 20, 600.0, "loss 2.113")
        assert "no process here is at it" in visit.get("/nights").text
        with exclusive(runtime.home.night_lock, doing="the evening loop"):
            told = visit.get("/nights").text
        assert "Tonight is running" in told
        assert '<progress max="20" value="7"' in told
        assert "loss 2.113" in told
        assert re.search(r"About 1[5-7] min left, going by night-", told), (
            "ten minutes of this step, and those after it"
        )
    finally:
        watcher.started("report")
        with runtime.database.begin() as connection:
            connection.execute(text("DELETE FROM runs WHERE id = :run"), {"run": run.id})
    assert not runtime.home.night_progress.exists()
    assert "Tonight is running" not in visit.get("/nights").text


LARGE = {"interactions", "interaction_texts", "feedback", "samples", "chunks", "steps"}
"""Tables that grow with every query, and those whose rows are long: none may be read from end to end for a page."""


def test_no_page_reads_a_large_table_from_end_to_end(home: Running, visit: Visit) -> None:
    wait_until(lambda: "Checked <time" in visit.get("/").text)  # that check reads all, behind the page
    seen: list[tuple[str, object]] = []
    engine = home.runtime.database.engine
    event.listen(engine, "before_cursor_execute", lambda *given: seen.append((given[2], given[3])))
    for page in (*PAGES, "/documents?shelf=all&q=tide", "/nights?page=2"):
        visit.get(page)
    scanned: dict[str, str] = {}
    looked = 0
    with engine.connect() as connection:
        for statement, values in seen[:]:
            if statement.lstrip().upper().startswith("SELECT"):
                rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()  # type: ignore[arg-type] # as the driver was given them
                looked += len(rows)
                scanned |= {
                    row[3].split()[1]: statement for row in rows if row[3].startswith("SCAN ") and "USING" not in row[3]
                }
    assert looked > 30
    assert not {name: statement for name, statement in scanned.items() if name in LARGE}
