"""The list of commands. Called by main; each command's file holds its options and prints its result."""

import typer

from web4_agent.cli import adapters, ask, demo, doctor, evening, index, init, morning, rollback, status


def register(app: typer.Typer) -> None:
    """Add every command, once, in the order of the help page."""
    if app.registered_commands:
        return
    app.command("init")(init.command)
    app.command("index")(index.command)
    app.command("evening")(evening.command)
    app.command("morning")(morning.command)
    app.command("ask")(ask.command)
    app.command("status")(status.command)
    app.command("adapters")(adapters.command)
    app.command("rollback")(rollback.command)
    app.command("doctor")(doctor.command)
    app.command("demo")(demo.command)
