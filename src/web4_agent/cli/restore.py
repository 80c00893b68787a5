"""`web4-agent restore`: make the home what it was when a backup was made."""

from typing import TYPE_CHECKING, Annotated

import typer

from web4_agent.cli.options import HomeOption, JsonOption
from web4_agent.cli.screen import console, row, table, watching

if TYPE_CHECKING:
    from web4_agent.flows.backing_up import Restored


def command(
    name: Annotated[str, typer.Argument(help="A backup's name, or its path.")],
    home: HomeOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the backup and say what would change.")] = False,
    keep_log: Annotated[
        bool, typer.Option("--keep-log/--no-keep-log", help="Queries and feedback logged since stay.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Bring back the ledger and the adapters of a backup, while the gateway serves. What they replace is backed up."""
    from web4_agent.bootstrap import open_unchecked
    from web4_agent.domain.progress import Unwatched
    from web4_agent.flows.backing_up import restore
    from web4_agent.storage.payload import to_json

    with watching(console()) as watcher:
        runtime = open_unchecked(home, Unwatched() if as_json else watcher)
        try:
            done = restore(runtime.backup_parts(), name, keep_log=keep_log, dry_run=dry_run)
        finally:
            runtime.close()
    if as_json:
        typer.echo(to_json(done))
    else:
        _tell(done, dry_run=dry_run)


def _tell(done: "Restored", *, dry_run: bool) -> None:
    plan, out = done.plan, console()
    out.print(f"{plan.backup}, made {plan.made_utc:%Y-%m-%d %H:%M:%S} UTC", markup=False, soft_wrap=True)
    listed = table("What would change" if dry_run else "What changed", "", "before", "after")
    row(listed, "serves", plan.production[0] or "-", plan.production[1])
    row(listed, "golden", plan.golden[0] or "-", plan.golden[1])
    before, after = plan.documents
    for state in sorted(before.keys() | after.keys()):
        row(listed, f"documents {state}", before.get(state, 0), after.get(state, 0))
    out.print(listed)
    for what, names in (("put back", plan.comes), ("taken out", plan.goes), ("files are nowhere", plan.removed)):
        if names:
            out.print(f"adapters, {what}: {', '.join(names)}", markup=False, soft_wrap=True)
    kept = "replaced by the backup's" if plan.kept_queries is None else f"stays, {plan.kept_queries} queries newer"
    out.print(f"query log: {kept}", markup=False, soft_wrap=True)
    if plan.settings:
        out.print(
            f"settings that the backup has otherwise, left as they are: {', '.join(plan.settings)}",
            markup=False,
            soft_wrap=True,
        )
    if done.damaged:
        out.print(f"the ledger could not be read and lies in {done.damaged}", markup=False, soft_wrap=True)
    if done.safety:
        out.print(f"undo with: web4-agent restore {done.safety}", markup=False, soft_wrap=True)
