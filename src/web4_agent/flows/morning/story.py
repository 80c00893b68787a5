"""The morning: yesterday's model and today's, both run now on the same questions, paired and scored.

Challenging queries are answered and scored by rules; the gate's margin items are weighed as the gate weighs them.
Nothing is compared through stored scores: an engine or a question that changed would be taken for learning.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from web4_agent.backends.engines.base import Engine, ScoreRequest
from web4_agent.domain.errors import UsageError
from web4_agent.domain.ids import BASE, AdapterVersion
from web4_agent.domain.speech import TextScore
from web4_agent.flows.morning.pages import as_html, as_markdown
from web4_agent.flows.morning.parts import MorningParts, MorningReport
from web4_agent.records import adapters
from web4_agent.steps.judging.case import SERVED_BYTES, TRAINERS_COPY
from web4_agent.steps.judging.challenges import ChallengeResult, compare, run_challenges
from web4_agent.steps.judging.margin_changes import MarginComparison, compare_margins
from web4_agent.steps.judging.measure import Measurement, Scorer, measure
from web4_agent.steps.promote import served
from web4_agent.steps.proportions import share
from web4_agent.storage.atomic import publish_text

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Side:
    """What one model said; `weighed` is None where margins are left out."""

    answers: tuple[ChallengeResult, ...]
    weighed: Measurement | None


def morning(parts: MorningParts, against: AdapterVersion | None = None, *, quick: bool = False) -> MorningReport:
    """Run both models now and write the report. `against` stands in for yesterday's model; `quick` leaves the margins
    out, and the report says so.

    Raises UsageError when `against` is not known or nothing has served before; EngineError when an engine fails.
    """
    with parts.database.begin() as connection:
        pointer = adapters.read_pointer(connection)
        yesterday = against or pointer.previous
    if yesterday is None:
        raise UsageError("no model has served before this one: there is nothing to compare", "web4-agent evening")
    started = time.monotonic()
    then = _run(parts, yesterday, "yesterday", quick=quick)
    parts.reached("morning.yesterday.done")
    now = _run(parts, pointer.production, "today", quick=quick)
    parts.reached("morning.today.done")
    comparison, margins = compare(then.answers, now.answers), _margins(parts, then, now)
    stem = f"morning-{parts.now():%Y-%m-%d-%H%M%S}"
    report = MorningReport(
        yesterday=yesterday,
        today=pointer.production,
        changed_utc=pointer.changed_utc,
        at_utc=parts.now(),
        engine=parts.launcher.name,
        comparison=comparison,
        held=share(comparison.wins + comparison.ties, len(comparison.pairs)),
        margins=margins,
        scored_on=_scored_on(then, now),
        notes=parts.notes(),
        passed=comparison.passed and (margins is None or margins.passed),
        seconds=time.monotonic() - started,
        markdown=parts.home.reports / f"{stem}.md",
        html=parts.home.reports / f"{stem}.html",
        thumbs=parts.thumbs(yesterday, pointer.production),
    )
    publish_text(as_markdown(report), report.markdown)
    parts.reached("morning.markdown.done")
    publish_text(as_html(report), report.html)
    parts.reached("morning.html.done")
    log.info("morning.compared yesterday=%s today=%s passed=%s", yesterday, pointer.production, report.passed)
    return report


def _run(parts: MorningParts, version: AdapterVersion, step: str, *, quick: bool) -> _Side:
    with parts.database.begin() as connection:
        adapter = adapters.get(connection, version)
    if adapter is None:
        raise UsageError(f"no adapter is called {version}", "web4-agent adapters")
    engine = parts.launcher.start(served(adapter, parts.home, parts.artefact))
    parts.watcher.started(step)
    started = time.monotonic()
    try:
        answers = run_challenges(
            engine, parts.challenges, lambda done: _told(parts, step, started, done, len(parts.challenges))
        )
        weighed = None if quick else _weigh(parts, engine, step)
    finally:
        engine.close()
    parts.watcher.finished(step, time.monotonic() - started)
    return _Side(answers, weighed)


def _weigh(parts: MorningParts, engine: Engine, step: str) -> Measurement:
    """The margins as the gate measures them, some of them twice; nothing else of its items."""
    started = time.monotonic()
    return measure(
        engine,
        replace(parts.items, canaries=(), neutral=(), parity=()),
        (),
        score=_scorer(parts, engine),
        rescore=True,
        done=lambda done, total: _told(parts, step, started, done, total),
    )


def _scorer(parts: MorningParts, engine: Engine) -> Scorer | None:
    """None where the engine scores for itself; else the trainer's copy, and the report says so."""
    copy_scores = parts.copy_scores
    if engine.abilities.can_score or copy_scores is None:
        return None
    version = engine.adapter.version
    folder = None if version == BASE else parts.home.adapter(version)

    def score(requests: Sequence[ScoreRequest], done: Callable[[int], None]) -> list[TextScore]:
        scores = copy_scores(folder, requests)
        done(len(scores))
        return scores

    return score


def _margins(parts: MorningParts, then: _Side, now: _Side) -> MarginComparison | None:
    if then.weighed is None or now.weighed is None:
        return None
    return compare_margins(then.weighed.scores, now.weighed.scores, parts.gate)


def _scored_on(*sides: _Side) -> str:
    return SERVED_BYTES if all(side.weighed is None or side.weighed.on_engine for side in sides) else TRAINERS_COPY


def _told(parts: MorningParts, step: str, started: float, done: int, total: int) -> None:
    left = (time.monotonic() - started) / done * (total - done) if done else None
    parts.watcher.advanced(step, done, total, left)
