"""`web4-agent weekly`, `monthly` and `quarterly`: maintenance, and what is left of it for a person."""

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from web4_agent.cli.alerts import tell_people
from web4_agent.cli.forms import ForceOption, FormOption, JsonAlias, OutOption, Wanted, present, wanted
from web4_agent.cli.nights import duration
from web4_agent.cli.options import HomeOption
from web4_agent.cli.screen import console, watching
from web4_agent.domain.errors import UsageError
from web4_agent.domain.maintenance import Rhythm, TaskState, Upkeep
from web4_agent.domain.sheets import Block, Cell, Sheet, Steps, Tone, grid, lines

if TYPE_CHECKING:
    from web4_agent.flows.maintenance import Maintained

_TONES = {
    TaskState.WELL: Tone.GOOD,
    TaskState.ATTENTION: Tone.DOUBTFUL,
    TaskState.FAILED: Tone.BAD,
    TaskState.LEFT_OUT: Tone.PLAIN,
}

LeaveOutOption = Annotated[
    list[str] | None,
    typer.Option("--leave-out", metavar="TASK", help="A task to leave for later; may be repeated.", show_default=False),
]
QuickOption = Annotated[
    bool, typer.Option("--quick", help="Leave out what takes long: gate audit, full evaluation, gate calibration.")
]


def weekly(
    home: HomeOption = None,
    leave_out: LeaveOutOption = None,
    quick: QuickOption = False,
    form: FormOption = None,
    out: OutOption = None,
    force: ForceOption = False,
    as_json: JsonAlias = False,
) -> None:
    """Doctor check, nights, targets, quarantine, backups, disk, alerts, gate audit; then what is left for you. Exit
    code 1: a task could not be done."""
    how = wanted(form, out, force=force, as_json=as_json)
    _maintain(home, _Asked(Rhythm.WEEKLY, tuple(leave_out or ()), quick), how)


def monthly(
    home: HomeOption = None,
    leave_out: LeaveOutOption = None,
    quick: QuickOption = False,
    form: FormOption = None,
    out: OutOption = None,
    force: ForceOption = False,
    as_json: JsonAlias = False,
) -> None:
    """The week's tasks; and a backup with a rehearsed restore, retrieval, satisfaction, texts, tool packs. Exit code 1:
    a task could not be done."""
    how = wanted(form, out, force=force, as_json=as_json)
    _maintain(home, _Asked(Rhythm.MONTHLY, tuple(leave_out or ()), quick), how)


def quarterly(
    home: HomeOption = None,
    leave_out: LeaveOutOption = None,
    quick: QuickOption = False,
    form: FormOption = None,
    out: OutOption = None,
    force: ForceOption = False,
    as_json: JsonAlias = False,
) -> None:
    """The month's tasks; and API keys, rebuild from base, golden, the full evaluation, the gate's calibration: hours on
    a slow machine. Exit code 1: a task could not be done."""
    how = wanted(form, out, force=force, as_json=as_json)
    _maintain(home, _Asked(Rhythm.QUARTERLY, tuple(leave_out or ()), quick), how)


@dataclass(frozen=True, slots=True)
class _Asked:
    rhythm: Rhythm
    leave_out: tuple[str, ...]
    quick: bool

    def left_out(self) -> frozenset[Upkeep]:
        """Raises UsageError for a name that is no task's. A dash may stand for a blank."""
        known = {one.value: one for one in Upkeep} | {one.value.replace(" ", "-"): one for one in Upkeep}
        for name in self.leave_out:
            if name not in known:
                raise UsageError(f"--leave-out {name!r} is no task", f"one of: {', '.join(Upkeep)}")
        long = {one for one in Upkeep if one.heavy} if self.quick else set()
        return frozenset({known[name] for name in self.leave_out} | long)


def _maintain(home: Path | None, asked: _Asked, how: Wanted) -> None:
    from web4_agent.bootstrap import open_home
    from web4_agent.bootstrap.upkeep import maintenance_parts
    from web4_agent.flows.maintenance import maintain

    left_out = asked.left_out()
    with watching(console() if how.on_screen else Console(stderr=True)) as watcher:
        runtime = open_home(home, watcher, follow=False)
        try:
            found, now = maintain(maintenance_parts(runtime), asked.rhythm, left_out), runtime.now()
        finally:
            tell_people(runtime)
            runtime.close()
    present(sheet(found, now), _values(found), how, asked.rhythm)
    if found.failed:
        raise typer.Exit(1)


def sheet(found: "Maintained", now: datetime) -> Sheet:
    title = f"{found.rhythm.capitalize()} maintenance of {found.started_utc:%Y-%m-%d}"
    columns = ("task", "result", "what was found", "took", "last done, UTC")
    rows: list[tuple[object, ...]] = [
        (
            one.task,
            Cell(one.state, _TONES[one.state]),
            one.found,
            duration(one.seconds) if one.state in {TaskState.WELL, TaskState.ATTENTION} else "-",
            f"{one.before_utc:%Y-%m-%d %H:%M}" if one.before_utc else "never",
        )
        for one in found.tasks
    ]
    last = f"{found.before_utc:%Y-%m-%d}" if found.before_utc else "never"
    left = Steps("Left for you", tuple((f"{task}: {todo.what}", todo.command) for task, todo in found.todo))
    end = left if left.steps else lines("nothing is left for you")
    dues = (f"{one.rhythm} is {'overdue' if one.overdue(now) else 'due'} {one.due_utc:%Y-%m-%d}" for one in found.dues)
    blocks: tuple[Block, ...] = (
        grid(f"{found.rhythm.capitalize()} tasks", columns, rows, ("took",)),
        end,
        lines(f"{found.rhythm} was last done before: {last}; {', '.join(dues)}"),
    )
    return Sheet(title, blocks)


def _values(found: "Maintained") -> dict[str, object]:
    todo = [{"task": task, "what": one.what, "command": one.command} for task, one in found.todo]
    return {**asdict(found), "todo": todo, "failed": [one.task for one in found.failed]}
