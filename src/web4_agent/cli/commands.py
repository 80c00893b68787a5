"""The list of commands. Called by main; each command's file holds its options and prints its result."""

import typer

from web4_agent.cli import (
    adapters,
    alerts,
    ask,
    backtest,
    backup,
    clients,
    collections,
    demo,
    distribution,
    doctor,
    evaluate,
    evening,
    export,
    feedback,
    forget,
    gate,
    hot,
    index,
    init,
    keys,
    metrics,
    morning,
    nights,
    probation,
    quarantine,
    report,
    restore,
    rollback,
    route,
    run_due,
    satisfaction,
    schedule,
    serve,
    status,
    tools,
    tune,
    up,
    upkeep,
    why,
)
from web4_agent.cli.examples import add_examples


def register(app: typer.Typer) -> None:
    """Add every command, once, in the order of the help page."""
    if app.registered_commands:
        return
    app.command("init")(init.command)
    app.command("index")(index.command)
    app.command("evening")(evening.command)
    app.command("morning")(morning.command)
    app.command("backtest")(backtest.command)
    app.command("evaluate")(evaluate.command)
    app.command("ask")(ask.command)
    app.command("route")(route.command)
    app.command("status")(status.command)
    app.command("adapters")(adapters.command)
    app.command("rollback")(rollback.command)
    app.command("probation")(probation.command)
    app.command("forget")(forget.command)
    app.command("doctor")(doctor.command)
    app.command("backup")(backup.command)
    app.command("restore")(restore.command)
    app.command("report")(report.command)
    app.command("distribution")(distribution.command)
    app.command("satisfaction")(satisfaction.command)
    app.command("hot")(hot.command)
    app.command("nights")(nights.command)
    app.command("weekly")(upkeep.weekly)
    app.command("monthly")(upkeep.monthly)
    app.command("quarterly")(upkeep.quarterly)
    app.command("feedback")(feedback.command)
    app.command("why")(why.command)
    app.command("export")(export.command)
    app.command("serve")(serve.command)
    app.command("up")(up.command)
    app.command("run")(run_due.command)
    app.command("clients")(clients.command)
    app.command("demo")(demo.command)
    app.add_typer(collections.app, name="collections")
    app.add_typer(tools.app, name="tools")
    app.add_typer(tune.app, name="tune")
    app.add_typer(keys.app, name="keys")
    app.add_typer(metrics.app, name="metrics")
    app.add_typer(schedule.app, name="schedule")
    app.add_typer(alerts.app, name="alerts")
    app.add_typer(gate.app, name="gate")
    app.add_typer(quarantine.app, name="quarantine")
    add_examples(app)
