"""The story of a forgetting, top to bottom: mark, wipe, serve, embed, clear, sweep, compact, replay, report.

From the second step's one transaction on, nothing shows the document any more and another adapter serves; what follows
removes what the ledger no longer knows of. A killed forgetting goes on where it was.
"""

import logging
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection

from web4_agent.domain.ids import ContentHash, DocumentId
from web4_agent.domain.queries import ResponseId
from web4_agent.domain.runs import Run, StepRecord
from web4_agent.flows.forgetting import files, marks
from web4_agent.flows.forgetting.erasing import close, scrub, take_over, wipe
from web4_agent.flows.forgetting.marks import Marks
from web4_agent.flows.forgetting.parts import (
    Cleared,
    Compacted,
    Embedded,
    ForgetParts,
    ForgetRequest,
    Forgotten,
    Marked,
    Replay,
    Replayed,
    Served,
    Swept,
    Versions,
    Wiped,
)
from web4_agent.flows.forgetting.plan import Plan, make_plan, queries_of, resolve
from web4_agent.flows.forgetting.rehearsing import marks_of
from web4_agent.flows.forgetting.vectors import purge
from web4_agent.pipeline.logbook import run_log
from web4_agent.pipeline.runner import Runner, Step
from web4_agent.records import adapters, erased_queries, erasures, forgettings, runs
from web4_agent.records.forgettings import Night
from web4_agent.steps.promote import converge
from web4_agent.storage.atomic import publish_text
from web4_agent.storage.lock import exclusive
from web4_agent.storage.payload import from_json, to_json

FLOW = "forget"
DOING = "forgetting a document"
log = logging.getLogger(__name__)


def forget(parts: ForgetParts, request: ForgetRequest) -> Forgotten:
    """Forget documents, and replay the nights that knew them without them.

    One that was cut off is ended first, but its replays wait for these documents: what it had left is replayed with
    this one's. Raises UsageError for a name that means no document or several, BusyError when a night or another
    forgetting runs, and what a step raises: then `resume` goes on.
    """
    with _held(parts):
        with parts.database.read() as connection:
            found = resolve(connection, request.documents)
            open_run = runs.open_run(connection, FLOW)
        if open_run is not None:
            _Forgetting(parts, open_run).erase()
        with parts.database.begin() as connection:
            run = runs.start(connection, FLOW, parts.now().date(), parts.now())
            if open_run is not None:
                take_over(connection, open_run.id, run.id, parts.now())
            wish = forgettings.Wish(request.replay, request.backups)
            forgettings.put(connection, run.id, len(found), wish, parts.now())
            document_marks = marks_of(parts, connection, found)
            marks.keep(document_marks, parts.home.run(run.id))
        return _Forgetting(parts, run).go()


def resume(parts: ForgetParts) -> Forgotten | None:
    """Go on with the forgetting that is open, its replays included, also where they were put off; None if none is."""
    with _held(parts):
        with parts.database.begin() as connection:
            run = runs.open_run(connection, FLOW)
            if run is None:
                return None
            forgettings.replay_now(connection, run.id)
        return _Forgetting(parts, run).go()


def pending(parts: ForgetParts) -> bool:
    """Whether a forgetting is open: cut off, or with nights to replay."""
    with parts.database.read() as connection:
        return runs.open_run(connection, FLOW) is not None


@contextmanager
def _held(parts: ForgetParts) -> Iterator[None]:
    with exclusive(parts.home.night_lock, doing=DOING), parts.database.exclusive(doing=DOING):
        yield


@dataclass(slots=True)
class _Forgetting:
    parts: ForgetParts
    run: Run
    _runner: Runner = field(init=False)

    def __post_init__(self) -> None:
        self._runner = Runner(
            self.parts.database,
            self.run.id,
            self.parts.now,
            announce=self._announce,
            reached=lambda point: self.parts.reached(f"forget.{point}"),
        )

    def go(self) -> Forgotten:
        with run_log(self.parts.home.log(self.run.id)):
            log.info("forget.opened run=%s", self.run.id)
            self.erase()
            with self.parts.database.read() as connection:
                replay = forgettings.wish_of(connection, self.run.id).replay
                nights = forgettings.nights_of(connection, self.run.id)
            if replay == Replay.LATER and nights:
                log.info("forget.put_off run=%s nights=%d", self.run.id, len(nights))
                return self._told((), len(nights))
            return self._end(self._replay(nights))

    def erase(self) -> None:
        """Everything but the replays: after it the document is nowhere in the home."""
        step = self._runner.step
        file = step(Step("mark", Marked, lambda: Marked(self.parts.home.run(self.run.id) / marks.FILE))).file
        wiped = step(self._wipe(file))
        step(Step("serve", Served, self._serve))
        step(Step("embed", Embedded, lambda: Embedded(purge(self.parts, self._progress("embed")))))
        step(Step("clear", Cleared, lambda: self._clear(file, wiped)))
        step(self._sweep(file))
        step(Step("compact", Compacted, lambda: self._compact(file)))

    def _wipe(self, file: Path) -> Step[Wiped]:
        """The one transaction: the ledger knows the document no more, and another adapter is to serve."""
        planned: list[tuple[Plan, Marks]] = []

        def do() -> Wiped:
            known = marks.read(file)
            with self.parts.database.read() as connection:
                plan = make_plan(self.parts, connection, known)
            planned.append((plan, known))
            return Wiped(
                documents=len(known.documents),
                versions=len(plan.rows),
                production=plan.production,
                target=plan.target,
                adapters=plan.removed,
                runs=plan.touched,
                queries=len(plan.responses),
                given_up=plan.open_night,
            )

        return Step("wipe", Wiped, do, lambda connection, _: wipe(connection, *planned[-1], self.run, self.parts.now()))

    def _serve(self) -> Served:
        with self.parts.database.read() as connection:
            production = adapters.get(connection, adapters.read_pointer(connection).production)
        assert production is not None, "the pointer's foreign key"
        return Served(converge(production, self.parts.home, self.parts.artefact).version)

    def _clear(self, file: Path, wiped: Wiped) -> Cleared:
        with self.parts.database.read() as connection:
            backups = forgettings.wish_of(connection, self.run.id).backups
        doomed = files.Doomed(marks.read(file), wiped.adapters, wiped.runs, self.run.id)
        return files.clear(self.parts.home, doomed, backups=backups, reached=self.parts.reached)

    def _sweep(self, file: Path) -> Step[Swept]:
        """Queries that came while the first ones were looked through, answered by the adapter that served then."""
        found: list[tuple[Marks, set[ResponseId]]] = []

        def do() -> Swept:
            known = marks.read(file)
            with self.parts.database.read() as connection:
                found.append((known, queries_of(connection, known, self.run.started_utc)))
            return Swept(len(found[-1][1]))

        def commit(connection: Connection, _: Swept) -> None:
            known, responses = found[-1]
            erased_queries.erase_queries(connection, responses, known.documents)
            scrub(connection, known)

        return Step("sweep", Swept, do, commit)

    def _compact(self, file: Path) -> Compacted:
        """Deleted text lies in a database's free pages until it is written anew. Then the marks go, too."""
        with self.parts.database.begin() as connection:
            erasures.merge_words(connection)
        before = _size(self.parts.home.ledger)
        self.parts.database.compact()
        self.parts.reached("forget.compact.marks")
        file.unlink(missing_ok=True)
        return Compacted(max(0, before - _size(self.parts.home.ledger)))

    def _replay(self, nights: Sequence[Night]) -> tuple[Replayed, ...]:
        """Each night in its order, on what it had then: what an earlier one left in the buffer comes along, as then."""
        told: list[Replayed] = []
        allowed: set[tuple[DocumentId, ContentHash]] = set()
        began = time.monotonic()
        for at, night in enumerate(nights):
            self.parts.watcher.advanced(
                "replay", at, len(nights), _left(nights, at, time.monotonic() - began), night.run
            )
            allowed |= set(night.documents)
            told.append(self._runner.step(self._night(at, night, frozenset(allowed))))
        return tuple(told)

    def _night(self, at: int, night: Night, allowed: Versions) -> Step[Replayed]:
        return Step(f"night-{at}", Replayed, lambda: self.parts.replay(night.day, allowed))

    def _end(self, replayed: tuple[Replayed, ...]) -> Forgotten:
        def do() -> Forgotten:
            told = self._told(replayed, 0)
            publish_text(to_json(told, indent=1), self.parts.home.reports / f"{self.run.id}.json")
            shutil.rmtree(self.parts.home.run(self.run.id), ignore_errors=True)
            return told

        return self._runner.step(
            Step(
                "report",
                Forgotten,
                do,
                lambda connection, _: close(connection, self.run.id, self.parts.now()),
            )
        )

    def _told(self, replayed: tuple[Replayed, ...], waiting: int) -> Forgotten:
        """From what the steps left, so that a forgetting that was cut off tells the same."""
        records = {record.name: record.payload for record in self._runner.records}
        with self.parts.database.read() as connection:
            serving = adapters.read_pointer(connection).production
        return Forgotten(
            run=self.run.id,
            day=self.run.day,
            wiped=from_json(Wiped, records["wipe"]),
            cleared=from_json(Cleared, records["clear"]),
            swept=from_json(Swept, records["sweep"]).queries,
            serving=serving,
            replayed=replayed,
            pending=waiting,
        )

    def _progress(self, step: str) -> Callable[[int, int], None]:
        return lambda done, total: self.parts.watcher.advanced(step, done, total, None, "chunks")

    def _announce(self, name: str, record: StepRecord | None) -> None:
        if record is None:
            log.info("forget.step_started run=%s step=%s", self.run.id, name)
            self.parts.watcher.started(name)
        else:
            log.info("forget.step_committed run=%s step=%s seconds=%.2f", self.run.id, name, record.seconds)
            self.parts.watcher.finished(name, record.seconds)


def _left(nights: Sequence[Night], done: int, elapsed_s: float) -> float:
    """What the nights still to come took then, in the ratio of how long the ones done took then and now."""
    then, rest = sum(night.seconds for night in nights[:done]), sum(night.seconds for night in nights[done:])
    return rest * (elapsed_s / then if then else 1.0)


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0
