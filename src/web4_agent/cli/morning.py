"""`web4-agent morning`: yesterday's model against today's."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from web4_agent.cli.options import HomeOption, JsonOption
from web4_agent.cli.screen import console, row, table, watching
from web4_agent.domain.ids import AdapterVersion

if TYPE_CHECKING:
    from web4_agent.flows.morning import MorningReport


def command(
    home: HomeOption = None,
    against: Annotated[str | None, typer.Option(help="Another version in yesterday's place.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Run yesterday's model and today's on the challenging queries, now. Exit code 1: today's is worse."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.morning import morning
    from web4_agent.storage.payload import to_json

    out = Console(stderr=True) if as_json else console()
    with watching(out) as watcher:
        runtime = open_home(home, watcher)
        try:
            report = morning(runtime.morning_parts(), AdapterVersion(against) if against else None)
        finally:
            runtime.close()
    if as_json:
        typer.echo(to_json(report))
    else:
        show(out, report)
    if not report.passed:
        raise typer.Exit(1)


def show(out: Console, report: "MorningReport") -> None:
    told = report.comparison
    out.print()
    out.print(told.sentence, markup=False, soft_wrap=True)
    pairs = table(f"yesterday {report.yesterday}, today {report.today}", "query", "topic", "yesterday", "today")
    for before, after in told.pairs:
        row(pairs, before.id, before.topic, f"{before.score:.2f}", f"{after.score:.2f}")
    out.print(pairs)
    out.print(f"better {told.wins}, worse {told.losses}, equal {told.ties}; held or improved {told.rate:.0%}")
    if report.thumbs.sentence:
        out.print(report.thumbs.sentence, markup=False, soft_wrap=True)
    out.print(f"answers side by side: {report.html}", markup=False, soft_wrap=True)
