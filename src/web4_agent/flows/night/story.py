"""The story of a night, top to bottom: each step publishes, then commits once; a killed night goes on where it was."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from sqlalchemy import Connection

from web4_agent.domain import tidings
from web4_agent.domain.documents import DocumentState
from web4_agent.domain.errors import UsageError, Web4Error
from web4_agent.domain.ids import RunId
from web4_agent.domain.runs import Run, RunState, StepRecord
from web4_agent.domain.training import TrainedAdapter
from web4_agent.domain.verdicts import Decision
from web4_agent.flows.night import ending, judging, learning, shadow
from web4_agent.flows.night.parts import (
    BackedUp,
    Collected,
    Ended,
    Exported,
    Judged,
    Measured,
    NightParts,
    NightReport,
    NightRequest,
    Prepared,
    Settled,
    Shadowed,
    Trial,
)
from web4_agent.flows.night.report import build_report, publish_report
from web4_agent.flows.night.trace import night_span
from web4_agent.pipeline.logbook import run_log
from web4_agent.pipeline.progress_file import ToldProgress
from web4_agent.pipeline.runner import Runner, Step, require_forward_clock, steady
from web4_agent.records import adapters, alerts, documents, feedback_uses, runs, samples, verdicts
from web4_agent.steps.judging.gate import FEWEST_FIGURES
from web4_agent.storage.lock import exclusive
from web4_agent.storage.payload import from_json

FLOW = "night"
T = TypeVar("T")
log = logging.getLogger(__name__)


def evening(parts: NightParts, request: NightRequest) -> NightReport:
    """Run the night of a day, or go on with the night that is open; returns its report.

    Raises BusyError when another night runs, ClockError when the clock was set back, and whatever a step raises: then
    the run stays open, production is untouched, and the same call continues it.
    """
    doing = "the evening loop"
    with exclusive(parts.home.night_lock, doing=doing), parts.database.exclusive(doing=doing):
        if request.trust_clock:
            with parts.database.begin() as connection:
                runs.bring_back(connection, parts.now())
        require_forward_clock(parts.database, parts.now())
        return again(replace(parts, now=steady(parts.now)), request)


def again(parts: NightParts, request: NightRequest) -> NightReport:
    """As `evening`, for a caller that holds the night's locks already: a night that is lived through again."""
    run = _open_run(parts, request)
    parts = replace(parts, watcher=ToldProgress(parts.watcher, parts.home.night_progress, run.id, last="report"))
    with run_log(parts.home.log(run.id)):
        log.info("night.opened run=%s day=%s", run.id, run.day)
        try:
            report = _Night(parts, run, request).go()
        except Exception as error:
            log.exception("night.stopped run=%s", run.id)
            _tell_of(parts, run, error)
            _trace(parts, run, RunState.OPEN, type(error).__name__)
            raise
        log.info("night.ended run=%s state=%s", run.id, report.state)
        _trace(parts, run, report.state)
        return report


def rehearse(parts: NightParts, request: NightRequest) -> Prepared | None:
    """What tonight would train on, without a run, a claim or a file; None when nothing is new."""
    with parts.database.begin() as connection:
        rows = learning.trainable(connection, request.day)
    return learning.rehearse(parts, rows, request.day) if rows else None


def abandon(parts: NightParts) -> RunId:
    """End the open night as failed and give its documents back to the buffer. Raises UsageError when none is open."""
    doing = "abandoning a night"
    with exclusive(parts.home.night_lock, doing=doing), parts.database.exclusive(doing=doing):
        with parts.database.begin() as connection:
            run = runs.open_run(connection, FLOW)
            if run is None:
                raise UsageError("no night is open", "web4-agent status")
            documents.release(connection, run.id, f"the night {run.id} was abandoned")
            runs.end(connection, run.id, RunState.FAILED, parts.now())
            parts.reached("abandon.committing")
        parts.reached("abandon.committed")
        ending.tidy(parts, run)
        return run.id


def _open_run(parts: NightParts, request: NightRequest) -> Run:
    """The night that is open, or a new one.

    One that set out from a model that no longer serves ends unfinished: what it would promote descends from that
    model, and would undo the rollback that was made since.
    """
    with parts.database.begin() as connection:
        run = runs.open_run(connection, FLOW)
        if run is not None and _overtaken(connection, run):
            documents.release(connection, run.id, f"another model serves since {run.id} began")
            runs.end(connection, run.id, RunState.FAILED, parts.now())
            log.warning("night.overtaken run=%s", run.id)
            run = None
        return run or runs.start(connection, FLOW, request.day, parts.now())


def _overtaken(connection: Connection, run: Run) -> bool:
    committed = runs.committed(connection, run.id)
    if "collect" not in committed or {"promote", "reject"} & set(committed):
        return False
    began_with = from_json(Collected, committed["collect"].payload).production
    return adapters.read_pointer(connection).production != began_with


def _tell_of(parts: NightParts, run: Run, error: Exception) -> None:
    """People are told, in a transaction of its own; where not even that can be written, the log must do."""
    try:
        with parts.database.begin() as connection:
            alerts.put(connection, tidings.night_failed(run.id, error, parts.now()))
    except Web4Error as trouble:
        log.warning("night.not_told run=%s reason=%s", run.id, trouble.message)


def _trace(parts: NightParts, run: Run, state: RunState, error: str = "") -> None:
    """Never in the way of the night: without a ledger to read its steps from, there is no trace."""
    try:
        with parts.database.read() as connection:
            records = runs.committed(connection, run.id)
    except Web4Error as trouble:
        log.warning("night.not_traced run=%s reason=%s", run.id, trouble.message)
        return
    parts.traced(night_span(run, list(records.values()), parts.now(), state, error))


@dataclass(slots=True)
class _Night:
    parts: NightParts
    run: Run
    request: NightRequest

    def go(self) -> NightReport:
        runner = Runner(
            self.parts.database, self.run.id, self.parts.now, announce=self._announce, reached=self.parts.reached
        )
        collected = runner.step(self._collect())
        if not collected.documents:
            return self._end(runner, RunState.NOTHING_NEW, "Nothing new: no untrained document is in the buffer.")
        runner.step(self._step("backup", BackedUp, lambda: learning.back_up(self.parts, self.run)))
        prepared = runner.step(self._prepare(collected))
        if not prepared.enough or not self.request.train:
            return self._wait(runner, prepared)
        trained = runner.step(
            self._step("train", TrainedAdapter, lambda: learning.train(self.parts, self.run, collected, prepared))
        )
        if prepared.thumbs.preferred:
            trained = runner.step(self._prefer(prepared, trained))
        measured = runner.step(
            self._step("measure", Measured, lambda: judging.measure_before(self.parts, self.run, collected, prepared))
        )
        trial = Trial(collected, prepared, trained, measured)
        exported, judged = self._candidates(runner, trial)
        if judged.verdict.decision is Decision.PROMOTE:
            judged = runner.step(self._shadow(trial, exported, judged)).judged
        promoted = judged.verdict.decision is Decision.PROMOTE
        if promoted:
            runner.step(self._promote(trial, exported, judged))
        else:
            runner.step(self._reject(trial, exported, judged))
        runner.step(self._step("settle", Settled, lambda: ending.settle(self.parts, self.run)))
        if promoted:
            return self._end(runner, RunState.PROMOTED, f"Promoted: {exported.version} serves from now on.")
        return self._end(runner, RunState.REJECTED, f"Rejected: {collected.production} goes on serving.")

    def _collect(self) -> Step[Collected]:
        """Claim what is in the buffer up to the day. What arrives from now on waits for tomorrow."""

        def do() -> Collected:
            with self.parts.database.begin() as connection:
                rows = learning.trainable(connection, self.run.day)
                pointer = adapters.read_pointer(connection)
            if (only := self.request.only) is not None:
                rows = [row for row in rows if (row.id, row.content_hash) in only]
            return Collected(tuple((row.id, row.content_hash) for row in rows), pointer.production, pointer.golden)

        return Step("collect", Collected, do, lambda connection, it: _claim(connection, self.run, it))

    def _prepare(self, collected: Collected) -> Step[Prepared]:
        def commit(connection: Connection, it: Prepared) -> None:
            chosen = learning.read_samples(it.file)
            samples.put(connection, self.run.id, chosen.train, self.parts.policy.epochs)
            feedback_uses.put(connection, self.run.id, chosen.votes)
            days = {row.id: row.day for row in documents.of_run(connection, self.run.id)}
            tonight = [item for item in chosen.held_out if item.group == "tonight"]
            samples.put_held_out(connection, self.run.id, tonight, days)

        return Step("prepare", Prepared, lambda: learning.prepare(self.parts, self.run, collected), commit)

    def _prefer(self, prepared: Prepared, trained: TrainedAdapter) -> Step[TrainedAdapter]:
        return self._step("prefer", TrainedAdapter, lambda: learning.prefer(self.parts, self.run, prepared, trained))

    def _candidates(self, runner: Runner, trial: Trial) -> tuple[Exported, Judged]:
        """Export and judge the night at full scale, then at smaller ones, until one passes or none is left."""
        for scale in self.parts.gate.scales:
            exported = runner.step(self._export(trial, scale))
            judged = runner.step(self._judge(trial, exported))
            if judged.verdict.decision is not Decision.REJECT or judged.suspects:
                break  # promoted, or what no smaller scale would mend: a measurement, or documents that are suspect
        return exported, judged

    def _export(self, trial: Trial, scale: float) -> Step[Exported]:
        return self._step(
            f"export-{scale:g}", Exported, lambda: judging.export(self.parts, self.run, trial.trained, scale)
        )

    def _judge(self, trial: Trial, exported: Exported) -> Step[Judged]:
        return Step(
            f"judge-{exported.scale:g}",
            Judged,
            lambda: judging.judge_candidate(self.parts, self.run, trial, exported),
            lambda connection, it: verdicts.put(connection, self.run.id, it.verdict, self.parts.now()),
        )

    def _shadow(self, trial: Trial, exported: Exported, judged: Judged) -> Step[Shadowed]:
        return Step(
            shadow.STEP,
            Shadowed,
            lambda: shadow.replay(self.parts, trial, exported, judged),
            lambda connection, it: verdicts.put(connection, self.run.id, it.judged.verdict, self.parts.now()),
        )

    def _promote(self, trial: Trial, exported: Exported, judged: Judged) -> Step[Ended]:
        return Step(
            "promote",
            Ended,
            lambda: ending.publish(self.parts, self.run, trial, exported, judged),
            lambda connection, _: ending.commit_promotion(
                connection, self.run, trial.collected, exported, self.parts.now()
            ),
        )

    def _reject(self, trial: Trial, exported: Exported, judged: Judged) -> Step[Ended]:
        return Step(
            "reject",
            Ended,
            lambda: Ended(trial.collected.production, len(trial.collected.documents)),
            lambda connection, _: ending.commit_rejection(
                connection, self.run, trial.collected, exported, judged.verdict, self.parts.now(), judged.suspects
            ),
        )

    def _wait(self, runner: Runner, prepared: Prepared) -> NightReport:
        """Too little to learn from or to judge by, or no training was asked for: the documents go back to the buffer,
        untrained."""
        return self._end(runner, RunState.DONE, self._why_waiting(prepared))

    def _why_waiting(self, prepared: Prepared) -> str:
        if prepared.enough:
            return "Prepared, not trained, as asked: the documents stay in the buffer."
        count, fewest = prepared.samples.get("new", 0), self.parts.policy.minimum_samples
        lacking = f"{count} new samples are fewer than {fewest}"
        if count >= fewest:
            needed = f"a gain is judged on {FEWEST_FIGURES} held-out texts at least"
            lacking = f"{needed}, and these documents give {prepared.held_out}"
        return f"Waiting: {lacking}; the documents stay in the buffer for the next night."

    def _end(self, runner: Runner, state: RunState, sentence: str) -> NightReport:
        """The report is a step like the others; with it the run ends and whatever it still claims is released."""

        def do() -> NightReport:
            report = build_report(self.parts, self.run, state, sentence, runner.records)
            publish_report(self.parts.home, report)
            self.parts.reached("report.published")
            ending.tidy(self.parts, self.run)
            return report

        def commit(connection: Connection, it: NightReport) -> None:
            documents.release(connection, self.run.id, "")
            runs.end(connection, self.run.id, it.state, self.parts.now())

        return runner.step(Step("report", NightReport, do, commit))

    def _step(self, name: str, outcome: type[T], do: Callable[[], T]) -> Step[T]:
        return Step(name, outcome, do)

    def _announce(self, name: str, record: StepRecord | None) -> None:
        if record is None:
            log.info("night.step_started run=%s step=%s", self.run.id, name)
            self.parts.watcher.started(name)
        else:
            log.info("night.step_committed run=%s step=%s seconds=%.2f", self.run.id, name, record.seconds)
            self.parts.watcher.finished(name, record.seconds)


def _claim(connection: Connection, run: Run, collected: Collected) -> None:
    claimed = documents.claim(connection, run.id, collected.documents)
    if claimed != len(collected.documents):  # an index ran between reading and committing
        states = documents.states(connection).get(DocumentState.CLAIMED, 0)
        log.info(
            "night.claimed run=%s wanted=%d claimed=%d states=%d", run.id, len(collected.documents), claimed, states
        )
