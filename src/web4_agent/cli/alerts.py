"""`web4-agent alerts`: the outbox and the channels; and what other commands do about alerts when they are done."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from web4_agent.cli.options import HomeOption, JsonOption
from web4_agent.cli.screen import console, row, table

if TYPE_CHECKING:
    from web4_agent.bootstrap import Runtime
    from web4_agent.flows.alerting import AlertLine
    from web4_agent.records.alerts import DeliveryRow

app = typer.Typer(no_args_is_help=True, help="What people are told of, and by which channels.")
LONGEST_TELLING_S = 10.0


def tell_people(runtime: "Runtime") -> None:
    """Send what is due at the end of another command: ten seconds at most, and nothing of it is that command's fault.

    What can't be sent waits in the outbox for the next command, or for what runs all the time.
    """
    done = runtime.deliver_alerts(LONGEST_TELLING_S)
    if done.trouble:
        typer.echo(f"note: alerts could not be sent: {done.trouble}", err=True)
    elif done.failed or done.waiting:
        typer.echo(f"note: alerts that wait: {done.failed + done.waiting}; web4-agent alerts list", err=True)


@app.command("test")
def try_(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Send a test to every channel at once, past rules and quiet hours. Exit code 1: one did not take it."""
    from web4_agent.backends.channels.base import OutcomeState
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.alerting import try_channels
    from web4_agent.storage.payload import to_json

    runtime = open_home(home, follow=False)
    try:
        found = try_channels(runtime.alerting_parts(), runtime.settings.alerts.timeout_s)
    finally:
        runtime.close()
    if as_json:
        typer.echo(to_json([{"channel": name, "state": one.state, "trouble": one.trouble} for name, one in found]))
    else:
        drawn = table("Channels", "channel", "", "trouble")
        for name, one in found:
            row(drawn, name, one.state, one.trouble)
        console().print(drawn)
    if any(one.state is not OutcomeState.SENT for _, one in found):
        raise typer.Exit(1)


@app.command("list")
def list_(
    home: HomeOption = None,
    count: Annotated[int, typer.Option("--count", min=1, max=1000, help="How many, newest first.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """The newest alerts, and what became of each on each channel."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.alerting import overview
    from web4_agent.storage.payload import to_json

    runtime = open_home(home, follow=False)
    try:
        parts = runtime.alerting_parts()
        found = overview(parts, count)
        names = parts.channels.names
    finally:
        runtime.close()
    if as_json:
        typer.echo(to_json([_as_json(line) for line in found]))
        return
    out = console()
    out.print(f"channels: {', '.join(names) or 'none is set, see docs/alerts.md'}", markup=False, soft_wrap=True)
    drawn = table("Alerts", "id", "when, UTC", "event", "rule", "what", "channels")
    for line in found:
        row(drawn, line.row.id, f"{line.row.alert.at_utc:%Y-%m-%d %H:%M}", line.row.alert.event, *_told(line))
    out.print(drawn if found else "no alert was put yet")


@app.command("send")
def send(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Look for drift and a full disk, then send what is due; for a timetable.

    Exit code 1: a channel did not take something.
    """
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.alerting import deliver
    from web4_agent.storage.payload import to_json

    runtime = open_home(home, follow=False)
    try:
        done = deliver(runtime.watchful_alerting_parts(), runtime.settings.alerts.timeout_s)
    finally:
        runtime.close()
    if as_json:
        typer.echo(to_json(asdict(done)))
    else:
        console().print(f"{done.sent} sent, {done.failed} failed, {done.waiting} wait", markup=False, soft_wrap=True)
    if done.failed:
        raise typer.Exit(1)


@app.command("retry")
def retry(
    ids: Annotated[list[int] | None, typer.Argument(help="Alerts, by their ids; without one: all.")] = None,
    home: HomeOption = None,
) -> None:
    """Let what was given up or waits be due at once; `alerts send` sends it."""
    from web4_agent.bootstrap import open_home
    from web4_agent.domain.alerts import AlertId
    from web4_agent.flows.alerting import retry as again

    runtime = open_home(home, follow=False)
    try:
        wanted: list[AlertId] | None = [AlertId(one) for one in ids] if ids else None
        count = again(runtime.alerting_parts(), wanted)
    finally:
        runtime.close()
    console().print(f"{count} deliveries are due now: web4-agent alerts send", markup=False, soft_wrap=True)


def _told(line: "AlertLine") -> tuple[str, str, str]:
    """(rule, subject, what became of it) for the table."""
    from zoneinfo import ZoneInfo

    from web4_agent.steps.alert_texts import render

    subject = render([line.row.alert], [line.row.id], ZoneInfo("UTC")).subject.partition(": ")[2]
    if not line.row.addressed:
        return line.urgency, subject, "not looked at yet"
    return line.urgency, subject, "; ".join(_state(one) for one in line.deliveries) or "sent to nobody"


def _state(one: "DeliveryRow") -> str:
    if one.ended_utc is not None:
        why = f" ({one.trouble})" if one.trouble else ""
        return f"{one.channel}: {one.state} {one.ended_utc:%m-%d %H:%M}{why}"
    if one.attempts:
        again = f"attempt {one.attempts + 1} at {one.due_utc:%m-%d %H:%M}"
        return f"{one.channel}: failed ({one.trouble}), {again}"
    return f"{one.channel}: {one.state}"


def _as_json(line: "AlertLine") -> dict[str, object]:
    alert = line.row.alert
    return {
        "id": line.row.id,
        "event": alert.event,
        "at_utc": alert.at_utc,
        "rule": line.urgency,
        "facts": dict(alert.facts),
        "addressed": line.row.addressed,
        "deliveries": [asdict(one) for one in line.deliveries],
    }
