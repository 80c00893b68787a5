"""`web4-agent schedule`: puts the timetable into the machine's own scheduler, shows how it stands, takes it out."""

import os
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from web4_agent.cli.options import HomeOption, JsonOption
from web4_agent.cli.screen import console, row, table

if TYPE_CHECKING:
    from web4_agent.bootstrap import Runtime
    from web4_agent.flows.timetable import JobStanding, Overview

app = typer.Typer(no_args_is_help=True, help="When index, evening and morning run by themselves.")
_NOT_CARRIED = "WEB4_"
_LATE_S = 15 * 60


@app.command("install")
def install(
    home: HomeOption = None,
    cron: Annotated[bool, typer.Option("--cron", help="A block in the crontab, also where there is systemd.")] = False,
    print_only: Annotated[bool, typer.Option("--print", help="Show what would be written, change nothing.")] = False,
) -> None:
    """Let systemd, or else cron, call `run --due` at the jobs' times and each quarter of an hour. Repeatable."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.timetable import install as put_in
    from web4_agent.flows.timetable.installing import choose

    out = console()
    runtime = open_home(home, follow=False)
    try:
        every = runtime.timers()
        wanted = [one for one in every if one.kind == "cron"] if cron else list(every)
        entry = runtime.timer_entry()
        if print_only:
            typer.echo((wanted[0] if cron else choose(wanted)).preview(entry), nl=False)
            return
        installed = put_in(runtime.timetable_parts(), wanted, entry, every)
        out.print(f"installed with {installed.kind}:", markup=False, soft_wrap=True)
        for place in installed.places:
            out.print(f"  {place}", markup=False, soft_wrap=True)
        for note in (*installed.notes, *_not_carried()):
            out.print(f"note: {note}", markup=False, soft_wrap=True)
        _show(out, runtime)
    finally:
        runtime.close()


@app.command("show")
def show(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Each job: when it is next, how it went last, whether it was late or missed."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.timetable import overview
    from web4_agent.storage.payload import to_json

    runtime = open_home(home, follow=False)
    try:
        if as_json:
            typer.echo(to_json(overview(runtime.timetable_parts())))
        else:
            _show(console(), runtime)
    finally:
        runtime.close()


@app.command("remove")
def remove(home: HomeOption = None) -> None:
    """Take the timetable out of the machine's schedulers. The settings and what ran stay."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.timetable import remove as take_out

    runtime = open_home(home, follow=False)
    try:
        kinds = take_out(runtime.timetable_parts(), runtime.timers(), runtime.timer_entry().name)
    finally:
        runtime.close()
    console().print(
        f"taken out of {' and '.join(kinds)}" if kinds else "it was not installed", markup=False, soft_wrap=True
    )


def _not_carried() -> list[str]:
    """Settings that come from this shell's environment, which no timer has."""
    found = sorted(name for name in os.environ if name.upper().startswith(_NOT_CARRIED) and name != "WEB4_HOME")
    return [f"{name} is set in this shell only; the timetable reads web4.toml" for name in found]


def _show(out: Console, runtime: "Runtime") -> None:
    from web4_agent.flows.timetable import overview

    found = overview(runtime.timetable_parts())
    drawn = table(f"Timetable ({found.zone})", "job", "next", "last", "outcome", "missed in 7 days")
    for one in found.jobs:
        upcoming = "off" if one.next_local is None else f"{one.next_local:%a %Y-%m-%d %H:%M %Z}"
        row(drawn, one.job, upcoming, _began(one), _outcome(one), one.missed or "")
    out.print(drawn)
    out.print(_called_by(runtime, found), markup=False, soft_wrap=True)


def _began(one: "JobStanding") -> str:
    if one.last is None:
        return "never"
    if one.last_local is None:
        return f"(for {one.last.day})"
    late = f", {round(one.late_s / 60)} min late" if one.late_s is not None and one.late_s > _LATE_S else ""
    return f"{one.last_local:%a %Y-%m-%d %H:%M}{late}"


def _outcome(one: "JobStanding") -> str:
    if one.last is None:
        return ""
    tries = f", {one.last.attempts} tries" if one.last.attempts > 1 else ""
    return f"{one.last.state}{tries}{f': {one.last.detail}' if one.last.detail else ''}"


def _called_by(runtime: "Runtime", found: "Overview") -> str:
    name = runtime.timer_entry().name
    kinds = [one.kind for one in runtime.timers() if one.places(name)]
    by = (
        f"called by {' and '.join(kinds)} ({name})" if kinds else "called by no scheduler (web4-agent schedule install)"
    )
    if found.looked_utc is None:
        return f"{by}; nobody has looked at it yet"
    return f"{by}; looked at last {found.looked_utc:%Y-%m-%d %H:%M} UTC"
