"""The morning: yesterday's model and today's, both run now on the same challenging queries, paired and scored.

Nothing is compared through stored scores: an engine or a question that changed would be taken for learning.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, select_autoescape

from web4_agent.backends.engines.base import EngineLauncher
from web4_agent.domain.errors import UsageError
from web4_agent.domain.home import Home
from web4_agent.domain.ids import AdapterVersion
from web4_agent.domain.progress import Unwatched, Watcher
from web4_agent.domain.thumbs import ThumbsMorning
from web4_agent.domain.verdicts import Canary
from web4_agent.records import adapters
from web4_agent.steps.judging.challenges import ChallengeResult, MorningComparison, compare, run_challenges
from web4_agent.steps.promote import served
from web4_agent.steps.thumbs_told import thumbs_lines
from web4_agent.storage.atomic import publish_text
from web4_agent.storage.database import Database

log = logging.getLogger(__name__)
TEMPLATE = Path(__file__).parents[1] / "data" / "morning.html.j2"


@dataclass(frozen=True, slots=True)
class MorningParts:
    database: Database
    home: Home
    artefact: str
    launcher: EngineLauncher
    challenges: tuple[Canary, ...]
    now: Callable[[], datetime]
    watcher: Watcher = field(default_factory=Unwatched)
    reached: Callable[[str], None] = lambda point: None
    thumbs: Callable[[AdapterVersion, AdapterVersion], ThumbsMorning] = lambda yesterday, today: ThumbsMorning(0, 0, 0)


@dataclass(frozen=True, slots=True)
class MorningReport:
    """`changed_utc` is when today's model began to serve."""

    yesterday: AdapterVersion
    today: AdapterVersion
    changed_utc: datetime
    at_utc: datetime
    engine: str
    comparison: MorningComparison
    markdown: Path
    html: Path
    thumbs: ThumbsMorning

    @property
    def passed(self) -> bool:
        return self.comparison.passed


def morning(parts: MorningParts, against: AdapterVersion | None = None) -> MorningReport:
    """Run both models now and write the report. `against` stands in for yesterday's model.

    Raises UsageError when `against` is not known or nothing has served before; EngineError when an engine fails.
    """
    with parts.database.begin() as connection:
        pointer = adapters.read_pointer(connection)
        yesterday = against or pointer.previous
    if yesterday is None:
        raise UsageError("no model has served before this one: there is nothing to compare", "web4-agent evening")
    then = _answers(parts, yesterday, "yesterday")
    parts.reached("morning.yesterday.done")
    now = _answers(parts, pointer.production, "today")
    parts.reached("morning.today.done")
    stem = f"morning-{parts.now():%Y-%m-%d-%H%M%S}"
    report = MorningReport(
        yesterday,
        pointer.production,
        pointer.changed_utc,
        parts.now(),
        parts.launcher.name,
        compare(then, now),
        parts.home.reports / f"{stem}.md",
        parts.home.reports / f"{stem}.html",
        parts.thumbs(yesterday, pointer.production),
    )
    publish_text(as_markdown(report), report.markdown)
    parts.reached("morning.markdown.done")
    publish_text(as_html(report), report.html)
    parts.reached("morning.html.done")
    log.info("morning.compared yesterday=%s today=%s passed=%s", yesterday, pointer.production, report.passed)
    return report


def as_markdown(report: MorningReport) -> str:
    told = report.comparison
    lines = [
        f"# Morning validation, {report.at_utc:%Y-%m-%d %H:%M} UTC",
        "",
        told.sentence,
        "",
        f"- Yesterday: `{report.yesterday}`; today: `{report.today}`, since {report.changed_utc:%Y-%m-%d %H:%M}",
        f"- Engine: {report.engine}",
        f"- Better {told.wins}, worse {told.losses}, equal {told.ties}; held or improved {told.rate:.0%}",
        f"- Mean score {told.mean_yesterday:.2f}, now {told.mean_today:.2f}",
        "",
    ]
    for before, after in told.pairs:
        lines += [
            f"## {_sign(before, after)} {before.topic}: {before.id}",
            "",
            f"**Asked:** {before.prompt}",
            "",
            f"**Yesterday ({before.score:.2f}):**",
            "",
            *_quoted(before.answer),
            "",
            f"**Today ({after.score:.2f}):**",
            "",
            *_quoted(after.answer),
            "",
        ]
    return "\n".join([*lines, *thumbs_lines(report.thumbs)])


def as_html(report: MorningReport) -> str:
    """One page without scripts or outside parts; every answer is escaped."""
    environment = Environment(autoescape=select_autoescape(default=True), trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    pairs = [(before, after, _sign(before, after)) for before, after in report.comparison.pairs]
    return template.render(report=report, told=report.comparison, pairs=pairs)


def _answers(parts: MorningParts, version: AdapterVersion, step: str) -> tuple[ChallengeResult, ...]:
    with parts.database.begin() as connection:
        adapter = adapters.get(connection, version)
    if adapter is None:
        raise UsageError(f"no adapter is called {version}", "web4-agent adapters")
    engine = parts.launcher.start(served(adapter, parts.home, parts.artefact))
    parts.watcher.started(step)
    started = time.monotonic()

    def told(done: int) -> None:
        elapsed = time.monotonic() - started
        left = elapsed / done * (len(parts.challenges) - done)
        parts.watcher.advanced(step, done, len(parts.challenges), left, str(version))

    try:
        results = run_challenges(engine, parts.challenges, told)
    finally:
        engine.close()
    parts.watcher.finished(step, time.monotonic() - started)
    return results


def _sign(before: ChallengeResult, after: ChallengeResult) -> str:
    return "+" if after.score > before.score else "−" if after.score < before.score else "="


def _quoted(text: str) -> list[str]:
    return [f"> {line}" for line in (text.strip() or "(nothing)").splitlines()]
