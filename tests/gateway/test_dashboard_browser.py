"""The dashboard in a real Chromium: charts drawn, buttons clicked, nothing asked of elsewhere, and how it looks.

Screenshots go to the folder that WEB4_SCREENSHOTS names, else to a temporary one. Skipped where no Chromium is.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.gateway.dashboard_home import History, fill
from tests.gateway.running import Running, make_runtime, started
from web4_agent.backends.engines.scripted import ScriptedLauncher
from web4_agent.domain.documents import DocumentState
from web4_agent.records import adapters, documents

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
PAGES = {"today": "/", "nights": "/nights", "adapters": "/adapters", "documents": "/documents?shelf=quarantine"}
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
PATIENCE_MS = 60_000
"""The machine may be busy with other things."""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (chromium, google-chrome)")


@dataclass
class Watched:
    """A page and what went wrong on it: console errors, violations of the policy, failed requests, other hosts."""

    page: Page
    home: str
    troubles: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", lambda said: self._note(said.text) if said.type in {"error", "warning"} else None)
        self.page.on("pageerror", lambda error: self._note(f"script: {error}"))
        self.page.on("requestfailed", lambda asked: self._note(f"failed: {asked.url} {asked.failure}"))
        self.page.on("request", lambda asked: self._check_host(asked.url))

    def open(self, path: str) -> None:
        self.page.goto(f"{self.home}/dashboard{path}", wait_until="load")
        self.page.wait_for_function("window.htmx !== undefined")

    def _note(self, text: str) -> None:
        self.troubles.append(text)

    def _check_host(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"data", "blob"} and parts.netloc != urlsplit(self.home).netloc:
            self._note(f"asked elsewhere: {url}")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    launcher = ScriptedLauncher()
    runtime = make_runtime(tmp_path_factory.mktemp("browsed"), {}, launcher)
    fill(runtime, History(nights=22), datetime.now(UTC))
    with started(runtime, launcher) as one:
        yield one
    runtime.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS), timeout=PATIENCE_MS)
        yield opened
        opened.close()


@pytest.fixture
def watched(gateway: Running, browser: Browser) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    one = Watched(context.new_page(), gateway.url)
    yield one
    context.close()
    assert not one.troubles


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    named = os.environ.get("WEB4_SCREENSHOTS")
    made = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    made.mkdir(parents=True, exist_ok=True)
    return made


def test_the_four_pages_fit_and_are_pictured(gateway: Running, browser: Browser, folder: Path) -> None:
    context = browser.new_context()
    one = Watched(context.new_page(), gateway.url)
    for name, path in PAGES.items():
        one.open(path)
        if name == "nights":
            one.page.wait_for_selector(".chart canvas")
        for size, (width, height) in SIZES.items():
            one.page.set_viewport_size({"width": width, "height": height})
            one.page.wait_for_timeout(150)  # the charts follow the window with a short pause
            assert one.page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} scrolls sideways"
            for shade in ("light", "dark"):
                one.page.emulate_media(color_scheme=shade)
                one.page.screenshot(path=folder / f"{name}-{size}-{shade}.png", full_page=True)
    context.close()
    assert not one.troubles
    assert len(list(folder.glob("*-*-*.png"))) >= 16


def test_the_chart_is_drawn_from_the_table_beside_it(watched: Watched) -> None:
    watched.open("/nights")
    watched.page.wait_for_selector(".chart[data-drawn='22'][data-lines=general] canvas")
    assert watched.page.locator("#curve tbody tr").count() == 22
    coloured = watched.page.evaluate(
        """() => { const seen = new Set();
           for (const c of document.querySelectorAll('.chart canvas')) {
             const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
             for (let i = 0; i < d.length; i += 4) if (d[i + 3] > 200) seen.add(`${d[i]},${d[i + 1]},${d[i + 2]}`); }
           return ['34,87,122', '179,84,30', '93,125,31'].map((one) => seen.has(one)); }"""
    )
    assert coloured == [True, True, True], "each line has its colour on the canvas"


def test_a_rollback_is_clicked_and_done(watched: Watched, gateway: Running) -> None:
    with gateway.runtime.database.read() as connection:
        before = adapters.read_pointer(connection)
    watched.open("/adapters")
    watched.page.locator(f"a[href$='/{before.previous}/rollback']").first.click()
    watched.page.get_by_role("button", name=f"Let {before.previous} serve").click()
    watched.page.get_by_text(f"{before.previous} serves in place of {before.production}").first.wait_for()
    with gateway.runtime.database.read() as connection:
        assert adapters.read_pointer(connection).production == before.previous
    watched.page.wait_for_selector("#work .told:has-text('ended')")


def test_a_document_is_approved_without_leaving_the_page(watched: Watched, gateway: Running) -> None:
    watched.open("/documents?shelf=quarantine")
    waiting = watched.page.locator(".waiting > li")
    before = waiting.count()
    name = waiting.first.locator("h3").inner_text()
    waiting.first.get_by_label("Reason").fill("it shows what such a text looks like")
    waiting.first.get_by_role("button", name="Approve").click()
    watched.page.wait_for_selector("#notice .told:has-text('is approved')")
    watched.page.wait_for_function(f"document.querySelectorAll('.waiting > li').length === {before - 1}")
    with gateway.runtime.database.read() as connection:
        (found,) = documents.named_like(connection, name)
        row = documents.present(connection, found)
    assert row is not None
    assert row.state is DocumentState.BUFFERED


def test_a_thumb_is_given_in_place_and_shows_as_pressed(watched: Watched) -> None:
    watched.open("/")
    first = watched.page.locator(".answers > li").first
    first.get_by_label("Comment").fill("right, and with its source")
    first.get_by_role("button", name="Good").click()
    watched.page.wait_for_selector(".answers > li:first-child button[aria-pressed=true]:has-text('Good')")
    assert watched.page.url.endswith("/dashboard/"), "the page was not left"


def test_all_is_reached_by_keyboard_and_named(watched: Watched) -> None:
    watched.open("/documents?shelf=quarantine")
    watched.page.keyboard.press("Tab")
    assert watched.page.evaluate("document.activeElement.textContent") == "Skip to the page"
    unnamed = watched.page.evaluate(
        """() => [...document.querySelectorAll('input:not([type=hidden]), button, a')].filter((one) =>
             !(one.textContent.trim() || one.labels?.length || one.getAttribute('aria-label'))).length"""
    )
    assert unnamed == 0
    assert watched.page.locator("main h1").count() == 1


def test_reading_needs_no_script(browser: Browser, gateway: Running) -> None:
    context: BrowserContext = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    for path in PAGES.values():
        page.goto(f"{gateway.url}/dashboard{path}", timeout=PATIENCE_MS)
        assert page.locator("main h1").inner_text()
    page.goto(f"{gateway.url}/dashboard/nights", timeout=PATIENCE_MS)
    page.locator("#curve-figures summary").click()
    assert page.locator("#curve tbody tr").first.is_visible()
    context.close()


def test_a_link_of_elsewhere_leads_in_and_keeps_the_cookie(browser: Browser, gateway: Running) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{gateway.url}/dashboard/", timeout=PATIENCE_MS)
    (before,) = context.cookies()
    page.goto("data:text/html,<a href='" + gateway.url + "/dashboard/nights'>go</a>", timeout=PATIENCE_MS)
    page.get_by_text("go").click()
    page.wait_for_selector("main h1:has-text('Nights')", timeout=PATIENCE_MS)
    (after,) = context.cookies()
    assert (before["value"], before["httpOnly"], before["sameSite"]) == (after["value"], True, "Strict")
    context.close()
