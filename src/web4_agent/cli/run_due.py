"""`web4-agent run --due`: what the timetable has due now. Called by timers, cron or a person, as often as they like."""

import signal
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from web4_agent.cli.alerts import LONGEST_TELLING_S
from web4_agent.cli.options import HomeOption, JsonOption
from web4_agent.cli.screen import console
from web4_agent.domain.errors import BusyError, UsageError
from web4_agent.domain.jobs import JobState

if TYPE_CHECKING:
    from web4_agent.flows.timetable import Pass


def command(
    home: HomeOption = None,
    due: Annotated[bool, typer.Option("--due", help="Run the jobs that are due, one after the other.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing when nothing is due.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run what is due: index, evening, morning. What was done already is not done again. Exit code 1: a job failed."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.timetable import run_due
    from web4_agent.storage.payload import to_json

    if not due:
        raise UsageError("say what to run", "web4-agent run --due")
    stop = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stop.set())
    out = console()
    say = (lambda line: None) if as_json else (lambda line: out.print(line, markup=False, soft_wrap=True))
    runtime = open_home(home, follow=False)
    try:
        parts = runtime.timetable_parts(stop, say)
        try:
            done = run_due(parts)
        except BusyError as error:
            if not quiet:
                out.print(f"nothing to do here: {error.message}", markup=False, soft_wrap=True)
            return
        if as_json:
            typer.echo(to_json(done))
        elif not (quiet or done.ran or done.missed or done.given_up):
            upcoming = done.next_utc.astimezone(parts.zone())
            out.print(f"nothing is due; next look at {upcoming:%Y-%m-%d %H:%M %Z}", markup=False, soft_wrap=True)
        runtime.deliver_alerts(LONGEST_TELLING_S)
    finally:
        runtime.close()
    if _failed(done):
        raise typer.Exit(1)


def _failed(done: "Pass") -> bool:
    return any(row.state in {JobState.FAILED, JobState.GIVEN_UP} for row in (*done.ran, *done.given_up))
