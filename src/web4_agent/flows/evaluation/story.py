"""The story of an evaluation: ask every harness of one version, score, hold against the gates, report, record.

Called by the command `evaluate`. What a harness gave is published when it is through, so that a killed evaluation goes
on with the next one; the ledger's row is the last thing that happens.
"""

import hashlib
import logging
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from web4_agent.backends.engines.base import Engine
from web4_agent.domain.adapters import Adapter
from web4_agent.domain.errors import IntegrityError, UsageError
from web4_agent.domain.evaluations import Evaluation, HarnessScore, ItemResult
from web4_agent.domain.ids import AdapterVersion
from web4_agent.flows.evaluation.parts import EvaluationParts, EvaluationReport, EvaluationRequest, Past
from web4_agent.flows.evaluation.report import as_html, as_markdown
from web4_agent.records import adapters, evaluations
from web4_agent.steps.harnesses import (
    NAMES,
    Harness,
    Item,
    LookUp,
    chosen,
    digest,
    judge,
    look_nothing_up,
    overall,
    run_items,
    score,
)
from web4_agent.steps.promote import served
from web4_agent.storage.atomic import make_folder, publish_text, remove_folder
from web4_agent.storage.lock import exclusive
from web4_agent.storage.payload import read_json, to_json

log = logging.getLogger(__name__)
HISTORY_SHOWN = 10
Results = tuple[ItemResult, ...]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Begun:
    """`id` and its time; `folder` holds what is through; `started` is the clock of this process alone."""

    id: str
    version: AdapterVersion
    at_utc: datetime
    folder: Path
    started: float


@dataclass(frozen=True, slots=True)
class _Mark:
    id: str
    at_utc: datetime


@dataclass(frozen=True, slots=True)
class _Through:
    """What a harness gave, as it is kept until the evaluation is recorded."""

    results: Results


def evaluate(parts: EvaluationParts, request: EvaluationRequest | None = None) -> EvaluationReport:
    """Raises UsageError for an unknown harness or version, SettingsError for a mistake in an item file, BusyError when
    another evaluation runs, EngineError; typed again, it goes on where it was."""
    wanted = request or EvaluationRequest()
    if wanted.limit is not None and wanted.limit < 1:
        raise UsageError(f"--limit {wanted.limit} asks nothing", "write --limit 3")
    with exclusive(parts.home.evaluation_lock, doing="an evaluation"):
        harnesses = chosen(parts.load(), wanted.harnesses)
        asked = [(one, one.first(wanted.limit) if wanted.limit else one.items) for one in harnesses]
        with parts.database.read() as connection:
            adapter = adapters.asked_for(connection, wanted.version)
        begun = _begin(parts, adapter, asked)
        results = _answers(parts, adapter, asked, begun)
        scores = [score(one, results[one.name], digest(one, items)) for one, items in asked]
        return _conclude(parts, wanted, begun, scores, results)


def _begin(parts: EvaluationParts, adapter: Adapter, asked: Sequence[tuple[Harness, Sequence[Item]]]) -> _Begun:
    """A fresh start, or the one of the same version, engine and items that was cut off before its row was there."""
    same = "\0".join(
        [adapter.version, str(adapter.artefact_hash), parts.launcher.name, *(digest(*one) for one in asked)]
    )
    folder = parts.home.reports / f"evaluating-{hashlib.sha256(same.encode()).hexdigest()[:16]}"
    mark = _kept(_Mark, folder / "begun.json")
    if mark is not None:
        with parts.database.read() as connection:
            if evaluations.get(connection, mark.id) is not None:
                mark = None
    if mark is None:
        remove_folder(folder)
        at = parts.now()
        mark = _Mark(f"evaluation-{at:%Y-%m-%d-%H%M%S-%f}", at)
        make_folder(folder)
        publish_text(to_json(mark), folder / "begun.json")
    return _Begun(mark.id, adapter.version, mark.at_utc, folder, time.monotonic())


def _answers(
    parts: EvaluationParts, adapter: Adapter, asked: Sequence[tuple[Harness, Sequence[Item]]], begun: _Begun
) -> dict[str, Results]:
    """What each harness gave; those that are through already are not asked again."""
    found = {one.name: _kept(_Through, begun.folder / f"{one.name}.json") for one, _ in asked}
    results = {name: kept.results for name, kept in found.items() if kept is not None}
    left = [(one, items) for one, items in asked if one.name not in results]
    if not left:
        return results
    with ExitStack() as open_parts:
        recalled = [item for one, items in left if one.looks_up for item in items]
        look_up = open_parts.enter_context(parts.looking_up(recalled)) if recalled else look_nothing_up
        engine = open_parts.enter_context(closing(parts.launcher.start(served(adapter, parts.home, parts.artefact))))
        before, total, started = 0, sum(len(items) for _, items in left), time.monotonic()
        for one, items in left:
            results[one.name] = _ask(parts, _Model(engine, look_up), one, items, _Pace(before, total, started))
            publish_text(to_json(_Through(results[one.name])), begun.folder / f"{one.name}.json")
            parts.reached(f"evaluation.{one.name}.done")
            before += len(items)
    return results


@dataclass(frozen=True, slots=True)
class _Model:
    """What is asked, and what is put before its questions."""

    engine: Engine
    look_up: LookUp


@dataclass(frozen=True, slots=True)
class _Pace:
    """How many items were asked `before` this harness, of how many in `total`, since `started`."""

    before: int
    total: int
    started: float

    def left_s(self, done: int) -> float:
        answered = self.before + done
        return (time.monotonic() - self.started) / answered * (self.total - answered)


def _ask(parts: EvaluationParts, model: _Model, harness: Harness, items: Sequence[Item], pace: _Pace) -> Results:
    """`left_s` told on the way is that of the whole evaluation."""
    started = time.monotonic()
    parts.watcher.started(harness.name)

    def told(done: int) -> None:
        parts.watcher.advanced(harness.name, done, len(items), pace.left_s(done), "of all")

    results = run_items(model.engine, items, model.look_up if harness.looks_up else look_nothing_up, told)
    parts.watcher.finished(harness.name, time.monotonic() - started)
    return results


def _conclude(
    parts: EvaluationParts,
    request: EvaluationRequest,
    begun: _Begun,
    scores: Sequence[HarnessScore],
    results: dict[str, Results],
) -> EvaluationReport:
    """Publish the report, then record; a quick look is reported and not recorded."""
    complete = request.limit is None and {one.harness for one in scores} == set(NAMES)
    evaluation = Evaluation(
        id=begun.id,
        version=begun.version,
        engine=parts.launcher.name,
        at_utc=begun.at_utc,
        seconds=time.monotonic() - begun.started,
        scores=tuple(scores),
        overall=overall(scores) if complete else None,
        complete=complete,
    )
    with parts.database.read() as connection:
        history = tuple(
            Past(one, evaluations.accepted(connection, one.id)) for one in evaluations.recent(connection, HISTORY_SHOWN)
        )
    stem = f"{begun.id}-quick" if request.limit is not None else begun.id
    report = EvaluationReport(
        evaluation,
        judge(evaluation.gated),
        tuple((one.harness, results[one.harness]) for one in scores),
        history,
        request.limit,
        parts.home.reports / f"{stem}.md",
        parts.home.reports / f"{stem}.html",
    )
    publish_text(as_markdown(report), report.markdown)
    publish_text(as_html(report), report.html)
    parts.reached("evaluation.report.done")
    if request.limit is None:
        with parts.database.begin() as connection:
            evaluations.add(connection, evaluation)
    parts.reached("evaluation.committed")
    remove_folder(begun.folder)
    log.info("evaluation.done id=%s version=%s passed=%s", evaluation.id, begun.version, report.passed)
    return report


def _kept(kind: type[T], file: Path) -> T | None:
    """What was published before; None where there is nothing, or nothing that can be read."""
    if not file.is_file():
        return None
    try:
        return read_json(kind, file, "")
    except IntegrityError:
        return None
