"""`web4-agent quarantine`: what was set apart, and what a person decides on it."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from web4_agent.cli.options import HomeOption, JsonOption
from web4_agent.cli.screen import console, row, table

if TYPE_CHECKING:
    from web4_agent.flows.quarantine import QuarantineParts, Ruled, Waiting

app = typer.Typer(help="Documents that were set apart: list, show, approve, reject.")
DocumentArgument = Annotated[str, typer.Argument(help="Its path in the journal, or its file name.", show_default=False)]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it is put on record.", show_default=False)]


@app.callback(invoke_without_command=True)
def list_(
    context: typer.Context,
    home: HomeOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Those that were rejected as well.")] = False,
    as_json: JsonOption = False,
) -> None:
    """What waits for a person, why, and in which lines."""
    if context.invoked_subcommand is not None:
        return
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.quarantine import waiting
    from web4_agent.storage.payload import to_json

    runtime = open_home(home, follow=False)
    try:
        found = waiting(runtime.quarantine_parts(), everything=everything)
    finally:
        runtime.close()
    if as_json:
        typer.echo(f"[{', '.join(to_json(one) for one in found)}]")
        return
    out = console()
    if not found:
        out.print("nothing is quarantined")
        return
    drawn = table("Quarantine", "document", "since, UTC", "", "why", "lines")
    for one in found:
        lines = "\n".join(f"{each.line}: {each.text}" for each in one.excerpts)
        row(drawn, one.document, f"{one.since_utc:%Y-%m-%d %H:%M}", one.ruling or "waits", one.why, lines)
    out.print(drawn)


@app.command("show")
def show_(document: DocumentArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """One document: why it is set apart, what was decided, its flagged lines and its text, unseen characters too."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.quarantine import show
    from web4_agent.storage.payload import to_json

    runtime = open_home(home, follow=False)
    try:
        found = show(runtime.quarantine_parts(), document)
    finally:
        runtime.close()
    if as_json:
        typer.echo(to_json(found))
        return
    out = console()
    _head(out.print, found.waiting)
    for ruling in found.rulings:
        said = f"{ruling.ruling} on {ruling.at_utc:%Y-%m-%d %H:%M} UTC: {ruling.reason}"
        out.print(said, markup=False, soft_wrap=True)
    if found.text:
        out.print()
        for number, line in enumerate(found.text.split("\n"), start=1):
            out.print(f"{number:5} {line}", markup=False, soft_wrap=True)


@app.command("approve")
def approve_(
    document: DocumentArgument, reason: ReasonOption = "", home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Let it into the buffer: the next night trains it, and questions find it."""
    from web4_agent.flows.quarantine import approve

    _decide(home, approve, document, reason, as_json=as_json)


@app.command("reject")
def reject_(
    document: DocumentArgument, reason: ReasonOption = "", home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Keep it out for good: this text is neither trained nor shown, under whatever name it comes."""
    from web4_agent.flows.quarantine import reject

    _decide(home, reject, document, reason, as_json=as_json)


def _decide(
    home: Path | None,
    decide: "Callable[[QuarantineParts, str, str], Ruled]",
    document: str,
    reason: str,
    *,
    as_json: bool,
) -> None:
    from web4_agent.bootstrap import open_home
    from web4_agent.storage.payload import to_json

    runtime = open_home(home, follow=False)
    try:
        done = decide(runtime.quarantine_parts(), document, reason)
    finally:
        runtime.close()
    if as_json:
        typer.echo(to_json(done))
        return
    what = f"{done.ruling.document} is {done.ruling.ruling}: {done.ruling.reason}"
    before = "" if done.changed else f" (decided on {done.ruling.at_utc:%Y-%m-%d %H:%M} UTC; nothing was changed)"
    console().print(what + before, markup=False, soft_wrap=True)


def _head(say: Callable[..., None], one: "Waiting") -> None:
    say(f"{one.document}: {one.ruling or 'waits for a person'}", markup=False, soft_wrap=True)
    say(f"why: {one.why}", markup=False, soft_wrap=True)
    for each in one.excerpts:
        say(f"line {each.line}, {each.rule}: {each.text}", markup=False, soft_wrap=True)
