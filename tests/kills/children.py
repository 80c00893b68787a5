"""What a child process does, from the moment it was forked until it ends or is killed. Called by the nursery alone."""

import gc
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import event

from tests.kills import picture
from tests.kills.file_store import FileStore
from tests.kills.invariants import Breach, Kind, after_a_run, at_every_instant
from tests.kills.jobs import Job, Kill, Outcome
from tests.kills.points import points_before
from tests.kills.world import CHANGES, FLOWS, KilledWorld, run_doctor
from web4_agent.backends.vectors.base import VectorStore
from web4_agent.domain.errors import BusyError, Web4Error
from web4_agent.domain.home import Home
from web4_agent.storage.database import Database, sqlite_url

BEFORE = "before-the-commit.txt"
"""The ledger as it was at the point before the one at which a child was killed in the middle of a transaction."""
LOCK_PATIENCE_S = 10.0
"""A server takes a moment to notice that a client was killed; until then it holds the night's lock for it."""


@dataclass
class Remains:
    """A home as it lies after a kill, looked at without opening it: opening it would mend some of it."""

    home: Home
    database: Database
    store: VectorStore


@dataclass
class Doom:
    """Counts points and changes, and kills this very process when its time has come."""

    kill: Kill
    root: Path
    points: list[str] = field(default_factory=list)
    changes: int = 0

    def __post_init__(self) -> None:
        self.last_before = (
            points_before(self.kill.point) if self.kill.point.endswith(("committing", "opening")) else set()
        )

    def reached(self, point: str, picture_of: Callable[[], list[str]]) -> None:
        self.points.append(point)
        if point == self.kill.point and self.points.count(point) == self.kill.nth:
            die()
        if point in self.last_before:
            (self.root / BEFORE).write_text("\n".join(picture_of()))

    def watch(self, database: Database) -> None:
        """Every change of a file below the root counts, and every commit of the ledger, before it is made."""
        event.listen(database.engine, "commit", lambda _: self.change())
        below = str(self.root)

        def hook(name: str, arguments: tuple[object, ...]) -> None:
            if not arguments or not str(arguments[0]).startswith(below):
                return
            writes = name == "open" and isinstance(arguments[1], str) and set("wax+") & set(arguments[1])
            if writes or name in {"os.rename", "os.remove", "os.mkdir", "os.rmdir"}:
                self.change()

        sys.addaudithook(hook)

    def change(self) -> None:
        self.changes += 1
        if self.changes == self.kill.change:
            die()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def run(job: Job) -> Outcome:
    """The flow, until it ends or the child is killed."""
    world = opened(job)
    if _ended(job, world):
        return Outcome(said="had ended")
    doom = Doom(job.kill, world.root)
    doom.watch(world.database)
    started = time.monotonic()
    said = _run(job, world, lambda point: doom.reached(point, lambda: picture.ledger(world.database, times=True)))
    return Outcome(said=said, points=tuple(doom.points), changes=doom.changes, seconds=time.monotonic() - started)


def resume(job: Job) -> Outcome:
    """Look at what a kill left; where that is as it should be, the flow again, until it ends or is killed again."""
    found = _after_the_kill(job)
    return Outcome(breaches=_pairs(found)) if found else run(job)


def recover(job: Job) -> Outcome:
    """Look at what a kill left; run the flow again, then the doctor; look again."""
    found = _after_the_kill(job)
    started = time.monotonic()
    world = opened(job)
    said = "" if _ended(job, world) else _run(job, world, lambda point: None)
    unmended = run_doctor(world, lambda point: None, {})
    found += [Breach(Kind.ORPHAN, f"the doctor could not mend: {unmended}")] if unmended else []
    found += [*at_every_instant(world), *after_a_run(world)]
    recovery_s = time.monotonic() - started
    found += _unlike(world, job)
    return Outcome(said=said, breaches=_pairs(found), recovery_s=recovery_s)


def look(job: Job) -> Outcome:
    """The doctor, then all that must hold after a run; a night that was killed earlier may still be open."""
    world = opened(replace(job, flow="doctor"))
    run_doctor(world, lambda point: None, {})
    return Outcome(breaches=_pairs([*at_every_instant(world), *after_a_run(world, resting=False)]))


def portray(job: Job) -> Outcome:
    """Write down what the home looks like now, for others to be compared with."""
    world = opened(job)
    unmended = run_doctor(world, lambda point: None, {})
    Path(job.like).write_text("\n".join(picture.picture(world)))
    _ledger_of(job).write_text("\n".join(picture.timeless(picture.ledger(world.database))))
    found = [*at_every_instant(world), *after_a_run(world)]
    return Outcome(said=unmended, breaches=_pairs(found))


def change(job: Job) -> Outcome:
    """What people do to a home between runs: `flow` names it."""
    world = opened(job)
    CHANGES[job.flow](world)
    return Outcome()


TASKS: Mapping[str, Callable[[Job], Outcome]] = {
    "run": run,
    "resume": resume,
    "recover": recover,
    "look": look,
    "portray": portray,
    "change": change,
}


def warm_up(url: str = "") -> None:
    """Live a home's whole life once, in the nursery: what is compiled, parsed and cached by it, no child does again."""
    with tempfile.TemporaryDirectory() as folder:
        job = Job("", folder, url)
        world = opened(job)
        for name in ("journal", "handbook"):
            CHANGES[name](world)
        for flow in ("index", "references", "night", "morning", "doctor", "rollback"):
            _run(replace(job, flow=flow), world, lambda point: None)
        picture.picture(world)
        at_every_instant(world)
        after_a_run(world)
        world.database.close()
    gc.collect()
    gc.freeze()  # what is there now is never looked at again, so that children share its pages


def opened(job: Job) -> KilledWorld:
    return KilledWorld(
        Path(job.root),
        url=job.url,
        minutes=job.minutes,
        bad=job.bad,
        minimum_samples=job.minimum_samples,
        mends=job.flow == "doctor",
        chroma=job.chroma,
    )


def _run(job: Job, world: KilledWorld, reached: Callable[[str], None]) -> str:
    until = time.monotonic() + LOCK_PATIENCE_S
    while True:
        try:
            return FLOWS[job.flow](world, reached, job.arguments)
        except BusyError as error:
            if time.monotonic() > until:
                return f"{type(error).__name__}: {error.message}"
            time.sleep(0.02)
        except Web4Error as error:
            return f"{type(error).__name__}: {error.message}"


def _after_the_kill(job: Job) -> list[Breach]:
    root = Path(job.root)
    home = Home(root / "home")
    remains = Remains(home, Database(job.url or sqlite_url(home.ledger)), FileStore(home.vectors / "vectors.sqlite"))
    found = [] if job.flow == "doctor" else at_every_instant(remains)  # it was damaged before
    before = root / BEFORE
    if before.exists():
        if before.read_text() != "\n".join(picture.ledger(remains.database, times=True)):
            found.append(Breach(Kind.LOST, f"killed within {job.kill.point}, part of the transaction is there"))
        before.unlink()
    remains.database.close()
    return found


def _ended(job: Job, world: KilledWorld) -> bool:
    """Nothing was left to commit: to run the flow again would be another run. Some flows commit nothing."""
    if not job.like or job.flow in {"morning", "doctor"}:
        return False
    return _ledger_of(job).read_text() == "\n".join(picture.timeless(picture.ledger(world.database)))


def _ledger_of(job: Job) -> Path:
    return Path(f"{job.like}.ledger")


def _unlike(world: KilledWorld, job: Job) -> list[Breach]:
    """Where the home is not like one in which nothing was killed."""
    if not job.like:
        return []
    expected, found = set(Path(job.like).read_text().split("\n")), set(picture.picture(world))
    wrong = [f"lacks {line[:300]}" for line in sorted(expected - found)]
    wrong += [f"has {line[:300]}" for line in sorted(found - expected)]
    return [Breach(Kind.LOST, f"unlike a home where nothing was killed: it {line}") for line in wrong[:6]]


def _pairs(found: list[Breach]) -> tuple[tuple[str, str], ...]:
    return tuple((one.kind, one.what) for one in found)


def as_child(job: Job) -> Outcome:
    """Any error is told, whatever it is: a child has nobody else to tell."""
    try:
        return TASKS[job.task](job)
    except Exception as error:  # noqa: BLE001 - as the docstring says
        import traceback

        return replace(Outcome(), failure=f"{error}\n{traceback.format_exc()}")
