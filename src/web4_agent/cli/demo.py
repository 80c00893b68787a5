"""`web4-agent demo`: two nights and a morning on the journal that ships, in a temporary home."""

import shutil
import sys
import tempfile
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from web4_agent.cli import evening, morning
from web4_agent.cli.screen import console, row, table, watching

if TYPE_CHECKING:
    from web4_agent.bootstrap import Runtime
    from web4_agent.cli.screen import ProgressWatcher
    from web4_agent.domain.ids import AdapterVersion
    from web4_agent.flows.day import Answer
    from web4_agent.flows.night import NightReport

NAME = "web4-agent"
DATA = Path(__file__).parents[1] / "data"
JOURNAL = DATA / "demo_journal"
QUESTIONS = DATA / "demo_questions.toml"
NIGHTS = ((date(2026, 3, 2), date(2026, 3, 3)), (date(2026, 3, 4), date(2026, 3, 5)))
"""Two days of the journal a night: the four days fit the time of a demo."""

SETTINGS: Mapping[str, object] = {
    "training.max_tokens": 8_000,
    "training.learning_rate": 5e-4,
    "training.max_sample_tokens": 256,
    "training.tokens_per_step": 1024,
    "gate.items_per_stratum": 12,
}
"""A short night and a rough gate: a real one spends what its journal needs, and asks 200 margin items, not 60."""


@dataclass(frozen=True, slots=True)
class _Question:
    ask: str
    expect: tuple[str, ...]
    document: str


def command(
    home: Annotated[
        Path | None, typer.Option("--home", help="Where to make the demo's home; else a new folder.")
    ] = None,
) -> None:
    """Two nights and a morning on the journal that ships, in a home of its own."""
    from web4_agent.bootstrap import found_home

    started = time.monotonic()
    out = console()
    folder = home or Path(tempfile.mkdtemp(prefix="web4-demo-"))
    _chapter(out, "A home for the demo", str(folder))
    runtime, _ = found_home(
        folder,
        {"journal.root": str(JOURNAL), **SETTINGS},
        lambda text: out.print(f"  {text} …", markup=False, soft_wrap=True),
    )
    with watching(out) as watcher:
        runtime.watcher = watcher
        try:
            nights = [_night(out, runtime, watcher, *days) for days in NIGHTS]
            _morning(out, runtime)
        finally:
            runtime.close()
    _before_and_after(out, runtime)
    _close(out, runtime, nights, time.monotonic() - started)


def _night(out: Console, runtime: "Runtime", watcher: "ProgressWatcher", first: date, last: date) -> "NightReport":
    from web4_agent.flows.indexing import IndexRequest, index
    from web4_agent.flows.night import NightRequest
    from web4_agent.flows.night import evening as run_evening

    _chapter(out, f"21:00, {last}", f"the journal of {first} and {last} goes into the buffer")
    summary = index(runtime.index_parts(), IndexRequest(first, last))
    out.print(
        f"  {summary.found} documents found, {summary.new} new, {summary.chunks} chunks", markup=False, soft_wrap=True
    )
    for rejection in summary.rejected:
        out.print(
            f"  left out: {Path(rejection.id).name}: {rejection.reason}: {rejection.detail}",
            markup=False,
            soft_wrap=True,
        )
    for note in summary.notes:
        out.print(f"  {note.what}: {Path(note.document).name}: {note.detail}", markup=False, soft_wrap=True)
    _chapter(out, f"22:00, {last}", "the evening loop")
    del watcher  # the runtime's parts speak to it
    report = run_evening(runtime.night_parts(), NightRequest(last))
    evening.show(out, report)
    return report


def _morning(out: Console, runtime: "Runtime") -> None:
    from web4_agent.domain.errors import UsageError
    from web4_agent.flows.morning import morning as validate

    _chapter(out, "09:00, the next morning", "yesterday's model against today's")
    try:
        morning.show(out, validate(runtime.morning_parts()))
    except UsageError as nothing_served_before:
        out.print(f"  {nothing_served_before.message}", markup=False, soft_wrap=True)


def _before_and_after(out: Console, runtime: "Runtime") -> None:
    """The same questions about the journal to the base model, to production, and to production with its sources."""
    from web4_agent.domain.ids import BASE

    _chapter(out, "What the model knows of the journal now", "before, after, and with retrieval")
    questions = _questions()
    asked = questions[0]
    for title, version, retrieve in (
        ("before (base)", BASE, False),
        ("after", None, False),
        ("after, with --retrieve", None, True),
    ):
        answer = _ask(runtime, asked, version, retrieve=retrieve)
        out.print(f"[bold]{title}[/bold]: {asked.ask}")
        out.print(f"  {answer.completion.text.strip()}", markup=False, soft_wrap=True)
        out.print(f"  answered by {answer.adapter}", markup=False, soft_wrap=True)
    sources = table("Sources", "", "document", "likeness", "trained into")
    for one in answer.sources:
        row(sources, one.number, one.document, f"{one.similarity:.2f}", one.trained_into or "not yet")
    out.print(sources)


def _ask(runtime: "Runtime", question: _Question, version: "AdapterVersion | None", *, retrieve: bool) -> "Answer":
    from web4_agent.flows.day import ask
    from web4_agent.steps.route import Wish

    wish = Wish.FORCE if retrieve else Wish.NEVER
    return ask(runtime.day_parts(), question.ask, wish=wish, version=version)


def _questions() -> tuple[_Question, ...]:
    rows = tomllib.loads(QUESTIONS.read_text(encoding="utf-8"))["question"]
    return tuple(_Question(one["ask"], tuple(one["expect"]), one["document"]) for one in rows)


def _close(out: Console, runtime: "Runtime", nights: list["NightReport"], seconds: float) -> None:
    _chapter(out, "The verdicts", f"the whole demo took {seconds / 60:.1f} minutes")
    for report in nights:
        out.print(f"  {report.run}: {report.sentence}", markup=False, soft_wrap=True)
    home = runtime.home.root
    out.print("go on with:", markup=False, soft_wrap=True)
    program = program_as_typed(sys.argv[0])
    for line in ('ask "Which port does berthd listen on?"', "serve", "adapters", "status", "rollback", "doctor"):
        out.print(f"  {program} {line} --home {home}", markup=False, soft_wrap=True)


def program_as_typed(program: str) -> str:
    """How a person calls this very program again: by its name where the shell finds it so, else by the path it was
    called by."""
    path = Path(program)
    if path.name != NAME:  # run in another way: `python -m`, a test
        return NAME
    found = shutil.which(NAME)
    return NAME if found is not None and path.exists() and path.samefile(found) else program


def _chapter(out: Console, title: str, words: str) -> None:
    out.print()
    out.rule(f"[bold]{title}[/bold]", align="left")
    out.print(words, markup=False, soft_wrap=True)
