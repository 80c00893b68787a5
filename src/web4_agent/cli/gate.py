"""`web4-agent gate`: the rules and how often they err, a calibration, and the audit of the deciding items."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from web4_agent.cli.alerts import tell_people
from web4_agent.cli.options import HomeOption, JsonOption
from web4_agent.cli.screen import console, row, table, watching

if TYPE_CHECKING:
    from web4_agent.domain.calibration import Calibration, ErrorRate

app = typer.Typer(
    help="The gate: its rules, how often they err, and whether its items still measure what they should.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ItemsOption = Annotated[
    int | None, typer.Option("--items", min=2, help="Margin items a stratum, in place of gate.items_per_stratum.")
]


@app.command()
def calibrate(
    home: HomeOption = None,
    nights: Annotated[int, typer.Option("--nights", help="A/A nights to train and judge.")] = 4,
    damaged: Annotated[str, typer.Option("--damaged", help="Damages to try as well, with commas between.")] = "",
    trials: Annotated[int, typer.Option("--trials", help="Simulated nights of each kind.")] = 10_000,
    items: ItemsOption = None,
    simulate_only: Annotated[
        bool, typer.Option("--simulate-only", help="Train nothing: draw from the nights measured before.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure how often the gate errs, with this model and these items. Cut off, it goes on where it was."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.calibrating import CalibrationRequest
    from web4_agent.flows.calibrating import calibrate as run
    from web4_agent.storage.payload import to_json

    request = CalibrationRequest(
        nights, tuple(name.strip() for name in damaged.split(",") if name.strip()), trials, simulate_only
    )
    out = Console(stderr=True) if as_json else console()
    with watching(out) as watcher:
        runtime = open_home(home, watcher)
        try:
            found = run(runtime.calibration_parts(items), request)
        finally:
            runtime.close()
    if as_json:
        typer.echo(to_json(found))
    else:
        show_calibration(out, found)


def show_calibration(out: Console, found: "Calibration") -> None:
    noise = table(
        f"Noise of {found.nights} harmless nights (τ = {found.unit_nats:.3f} nat a token)",
        "stratum", "items", "s", "mean", "between seeds", "farthest items",
    )  # fmt: skip
    for one in found.noise:
        jumps = ", ".join(f"{name} {far:.2f}" for name, far in one.jumpy[:3])
        row(noise, one.stratum, one.items, f"{one.s:.3f}", f"{one.mean:+.3f}", f"{one.between_seeds:.3f}", jumps)
    out.print(noise)
    _show_rates(out, "Real adapters, by every rule", found.adapters)
    _show_rates(
        out, "Simulated nights, by the rules on margins; harmless ones by those on canaries too", found.simulated
    )
    for line in found.advice:
        out.print(f"advice: {line}", markup=False, soft_wrap=True)
    out.print(found.sentence, markup=False, soft_wrap=True)


def _show_rates(out: Console, title: str, rates: "tuple[ErrorRate, ...]") -> None:
    listed = table(title, "night", "tried", "wrong", "share", "95 % interval", "rules that rejected")
    for one in rates:
        rules = ", ".join(f"{rule} {count}" for rule, count in one.rules[:3]) or "-"
        wrong = f"{one.wrong} {'rejected' if one.harmless else 'missed'}"
        row(listed, one.name, f"{one.tried:,}", wrong, f"{one.share:.2%}", f"{one.low:.2%} – {one.high:.2%}", rules)
    out.print(listed)


@app.command()
def show(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """The rules' figures, the items, how often the gate errs, and the last audit."""
    from web4_agent.bootstrap import open_home
    from web4_agent.domain.calibration import NOT_CALIBRATED
    from web4_agent.flows.calibrating import standing
    from web4_agent.storage.payload import to_json

    runtime = open_home(home, follow=False)
    try:
        found = standing(runtime.calibration_parts())
    finally:
        runtime.close()
    if as_json:
        typer.echo(to_json(found))
        return
    out = console()
    rules = table("The gate's figures", "figure", "value")
    for name, value in asdict(found.policy).items():
        row(rules, name, value)
    out.print(rules)
    items = ", ".join(f"{count} {stratum}" for stratum, count in found.items.items())
    out.print(
        f"canaries {found.canaries}; margin items {sum(found.items.values())} ({items}); "
        f"critical questions {found.critical}",
        markup=False,
        soft_wrap=True,
    )
    if found.calibration is None:
        out.print(NOT_CALIBRATED, markup=False, soft_wrap=True)
    else:
        show_calibration(out, found.calibration)
    out.print(f"audit: {found.audit.sentence if found.audit else 'none yet'}", markup=False, soft_wrap=True)


@app.command()
def golden(
    version: Annotated[str | None, typer.Argument(help="The version to be golden; else: what is, and was.")] = None,
    home: HomeOption = None,
    why: Annotated[str, typer.Option("--why", help="The reason, which is kept.")] = "",
    as_json: JsonOption = False,
) -> None:
    """The floor that no night may fall below: show it, or move it to a version of the lineage that serves."""
    from web4_agent.bootstrap import open_home
    from web4_agent.domain.ids import AdapterVersion
    from web4_agent.flows.golden import golden_moves, move_golden
    from web4_agent.flows.standing import standing
    from web4_agent.storage.payload import to_json

    runtime = open_home(home, follow=False)
    try:
        if version is not None:
            move_golden(runtime.golden_parts(), AdapterVersion(version), why)
        pointer, moved = standing(runtime.database).pointer, golden_moves(runtime.database)
    finally:
        runtime.close()
    if as_json:
        typer.echo(to_json({"golden": pointer.golden, "moves": moved}))
        return
    typer.echo(f"golden: {pointer.golden}; production: {pointer.production}")
    for one in moved:
        typer.echo(f"{one.at_utc:%Y-%m-%d %H:%M} UTC: {one.source} -> {one.target}: {one.why}")


@app.command()
def audit(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Production and golden on the sealed items, beside the deciding ones. Exit code 1: the two sets are apart."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.auditing import audit as run
    from web4_agent.storage.payload import to_json

    out = Console(stderr=True) if as_json else console()
    with watching(out) as watcher:
        runtime = open_home(home, watcher)
        try:
            found = run(runtime.audit_parts())
        finally:
            tell_people(runtime)
            runtime.close()
    if as_json:
        typer.echo(to_json(found))
    else:
        out.print(found.sentence, markup=False, soft_wrap=True)
    if found.apart:
        raise typer.Exit(1)
