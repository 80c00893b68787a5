"""`web4-agent morning`: yesterday's model against today's."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from web4_agent.cli.options import HomeOption, JsonOption
from web4_agent.cli.screen import console, row, table, watching
from web4_agent.domain.ids import AdapterVersion

if TYPE_CHECKING:
    from web4_agent.flows.morning import MorningReport
    from web4_agent.steps.judging.margin_changes import MarginComparison
    from web4_agent.steps.judging.statistics import MeanInterval


def command(
    home: HomeOption = None,
    against: Annotated[str | None, typer.Option(help="Another version in yesterday's place.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Leave the gate's margins out: the answers alone.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run yesterday's model and today's on the same questions, now. Exit code 1: today's is worse."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.morning import morning
    from web4_agent.storage.payload import to_json

    out = Console(stderr=True) if as_json else console()
    with watching(out) as watcher:
        runtime = open_home(home, watcher)
        try:
            report = morning(runtime.morning_parts(), AdapterVersion(against) if against else None, quick=quick)
        finally:
            runtime.close()
    if as_json:
        typer.echo(to_json(report))
    else:
        show(out, report)
    if not report.passed:
        raise typer.Exit(1)


def show(out: Console, report: "MorningReport") -> None:
    from web4_agent.flows.morning.pages import LEFT_OUT, headline, interval
    from web4_agent.steps.judging.challenges import by_change

    told, held = report.comparison, report.held
    out.print()
    for line in (headline(report), told.sentence, *report.notes):
        out.print(line, markup=False, soft_wrap=True)
    pairs = table(f"yesterday {report.yesterday}, today {report.today}", "query", "topic", "yesterday", "today")
    for before, after in by_change(told.pairs):
        row(pairs, before.id, before.topic, f"{before.score:.2f}", f"{after.score:.2f}")
    out.print(pairs)
    out.print(
        f"better {told.wins}, worse {told.losses}, equal {told.ties}; held or improved {held.value:.0%} "
        f"(95% interval {held.low:.0%} to {held.high:.0%})"
    )
    out.print(f"difference of the scores {interval(told.difference)}", markup=False, soft_wrap=True)
    if report.margins is None:
        out.print(LEFT_OUT, markup=False, soft_wrap=True)
    else:
        _show_margins(out, report.margins)
    if report.thumbs.sentence:
        out.print(report.thumbs.sentence, markup=False, soft_wrap=True)
    out.print(f"answers side by side: {report.html}", markup=False, soft_wrap=True)


def _show_margins(out: Console, margins: "MarginComparison") -> None:
    found = table("margins, change in τ", "", "items", "mean", "interval", "limit", "")
    for each in margins.rows:
        change = each.change
        figures = ("0", "none", "none") if change is None else _figures(change)
        row(found, each.name, *figures, f"{each.limit:+.2f}", "holds" if each.passed else "fails")
    out.print(found)
    out.print(margins.sentence, markup=False, soft_wrap=True)


def _figures(change: "MeanInterval") -> tuple[str, str, str]:
    return str(change.count), f"{change.mean:+.3f}", f"{change.low:+.3f} to {change.high:+.3f}"
