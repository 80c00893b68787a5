"""`web4-agent backtest`: a past journal, lived through again with one recipe or several."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from web4_agent.cli.options import HomeOption, JsonOption, day
from web4_agent.cli.screen import console, row, table, watching
from web4_agent.domain.errors import UsageError

if TYPE_CHECKING:
    from web4_agent.bootstrap import Runtime
    from web4_agent.flows.backtest import BacktestReport


def command(
    journal: Annotated[Path, typer.Option("--journal", help="Root of the journal to live through.")],
    recipe: Annotated[
        list[str] | None,
        typer.Option("--recipe", help="A recipe file, or one that ships; repeat it. Else: specification, shipped."),
    ] = None,
    days: Annotated[
        str | None, typer.Option("--days", help="FIRST..LAST, each YYYY-MM-DD and either may be left out.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Where it works; what is done there already is kept.")] = Path(
        "web4-backtest"
    ),
    home: HomeOption = None,
    documents: Annotated[int, typer.Option("--documents", min=1, help="At most so many documents a day.")] = 12,
    tokens: Annotated[int, typer.Option("--tokens", min=64, help="Tokens trained for each document.")] = 512,
    held_out: Annotated[int, typer.Option("--held-out", min=1, help="Held-out texts scored for each day.")] = 6,
    questions: Annotated[int, typer.Option("--questions", min=1, help="Questions scored for each day.")] = 8,
    items: Annotated[int, typer.Option("--items", min=2, max=40, help="The gate's margin items in a stratum.")] = 10,
    joint: Annotated[
        str, typer.Option("--joint", help="The recipe of the yardstick, all days at once; 'none': no yardstick.")
    ] = "shipped",
    as_json: JsonOption = False,
) -> None:
    """Live through a past journal night by night and say what each recipe learned, kept and lost.

    Works in --out alone; without --home it makes a home there with the default model. Type the same command again to go
    on with one that was cut off.
    """
    from web4_agent.flows.backtest import BacktestRequest, Caps, backtest
    from web4_agent.steps.recipe import read_recipe
    from web4_agent.storage.payload import to_json

    first, last = _window(days)
    screen = Console(stderr=True) if as_json else console()
    with watching(screen) as watcher:
        runtime = _runtime(out, home, screen)
        runtime.watcher = watcher
        try:
            policy = runtime.train_policy
            named = tuple(read_recipe(one, policy) for one in recipe or ("specification", "shipped"))
            _refuse_twice([one.name for one in named])
            yardstick = None if joint == "none" else read_recipe(joint, policy)
            request = BacktestRequest(
                journal, named, first, last, Caps(documents, tokens, held_out, questions), yardstick, policy.seed
            )
            report = backtest(runtime.backtest_parts(out, items), request)
        finally:
            runtime.close()
    if as_json:
        typer.echo(to_json(report))
    else:
        show(screen, report)


def show(out: Console, report: "BacktestReport") -> None:
    from web4_agent.flows.backtest.report import HEADS, matrix_rows, strata_rows, summary_rows

    out.print()
    rows = summary_rows(report)
    figures = table(
        f"{len(report.days)} days, {sum(report.documents)} of {sum(report.found)} documents, "
        f"{sum(report.probes)} questions",
        "",
        *(one[0] for one in rows),
    )
    for at, head in enumerate(HEADS[1:], start=1):
        row(figures, head, *(one[at] for one in rows))
    out.print(figures)
    for summary in report.summaries:
        for name, matrix, base in (
            ("bits per byte", summary.bits, report.base.bits),
            ("questions answered rightly", summary.recall, report.base.recall),
        ):
            out.print(f"[bold]{summary.recipe}: {name}[/bold]")
            shown = table("", "after", *(f"{day:%m-%d}" for day in report.days))
            for cells in matrix_rows(report, matrix, base):
                row(shown, cells[0], *(cell.removeprefix("0") or "0" for cell in cells[1:]))
            out.print(shown)
        out.print(f"[bold]{summary.recipe}: the gate's margins against the base, τ[/bold]")
        shown = table("", "after", *(name for name, _ in summary.strata))
        for cells in strata_rows(report, summary):
            row(shown, *cells)
        out.print(shown)
    for reason, count in report.left_out.items():
        out.print(f"left out: {count} {reason}", markup=False, soft_wrap=True)
    for name, place in report.places:
        out.print(f"{name}: {place}", markup=False, soft_wrap=True)


def _runtime(out: Path, home: Path | None, screen: Console) -> "Runtime":
    from web4_agent.bootstrap import found_home, open_home

    if home is not None:
        return open_home(home)
    runtime, _ = found_home(out / "home", {}, lambda text: screen.print(f"  {text} …", markup=False, soft_wrap=True))
    return runtime


def _window(text: str | None) -> tuple[date | None, date | None]:
    if text is None:
        return None, None
    first, dots, last = text.partition("..")
    if not dots:
        raise UsageError(f"--days {text!r} is no window", "write --days 2026-03-02..2026-03-05")
    window = day(first or None, "--days"), day(last or None, "--days")
    if window[0] is not None and window[1] is not None and window[0] > window[1]:
        raise UsageError(f"--days {text} ends before it begins", f"write --days {last}..{first}")
    return window


def _refuse_twice(names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two recipes are called {name}", 'give each a name of its own: name = "…"')
