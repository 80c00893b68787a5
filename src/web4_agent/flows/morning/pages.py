"""The morning's report as Markdown and as one HTML page.

Called by the morning. What models said may hold anything: in Markdown it stands in fences longer than any it has, on
the page every character is escaped.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, select_autoescape

from web4_agent.flows.morning.parts import MorningReport
from web4_agent.steps.judging.challenges import IMPROVEMENT_RATE, ChallengeResult, by_change, same_answer
from web4_agent.steps.judging.margin_changes import MarginChange
from web4_agent.steps.judging.statistics import MeanInterval
from web4_agent.steps.thumbs_told import thumbs_lines

TEMPLATE = Path(__file__).parents[2] / "data" / "morning.html.j2"
NARROWEST_TAU = 0.10
"""The plot's scale goes at least so far to both sides of zero."""
LEFT_OUT = "Margins were left out (`--quick`): this is the answers' verdict alone, rougher than the gate's."

Pair = tuple[ChallengeResult, ChallengeResult]


@dataclass(frozen=True, slots=True)
class PlotRow:
    """A row of the forest plot. Places are per cent of its width; `low`, `mean`, `high` are None without figures."""

    row: MarginChange
    limit: float
    low: float | None
    mean: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Plot:
    """`least` and `most` are the τ at the left and the right edge, `zero` is where no change lies, in per cent."""

    rows: tuple[PlotRow, ...]
    least: float
    most: float
    zero: float


def as_markdown(report: MorningReport) -> str:
    told, held = report.comparison, report.held
    lines = [
        f"# Morning validation, {report.at_utc:%Y-%m-%d %H:%M} UTC",
        "",
        f"**{headline(report)}**",
        "",
        told.sentence,
        "",
        LEFT_OUT if report.margins is None else report.margins.sentence,
        "",
        *(f"- {note}" for note in report.notes),
        f"- Yesterday: `{report.yesterday}`; today: `{report.today}`, since {report.changed_utc:%Y-%m-%d %H:%M}",
        f"- Engine: {report.engine}; margins scored on the {report.scored_on}; {report.seconds:.0f} s in all",
        f"- Better {told.wins}, worse {told.losses}, equal {told.ties}",
        f"- Held or improved {held.value:.0%} (95% interval {held.low:.0%} to {held.high:.0%})",
        f"- Mean score {told.mean_yesterday:.2f}, now {told.mean_today:.2f}; difference {interval(told.difference)}",
        "",
    ]
    if report.margins is not None:
        lines += ["| margins | items | change in τ | limit | |", "|---|---|---|---|---|"]
        lines += [_table_row(row) for row in report.margins.rows]
        lines.append("")
    for pair in by_change(told.pairs):
        lines += _told(pair)
    return "\n".join([*lines, *thumbs_lines(report.thumbs)])


def as_html(report: MorningReport) -> str:
    """One page without scripts or outside parts; every answer is escaped."""
    environment = Environment(autoescape=select_autoescape(default=True), trim_blocks=True, lstrip_blocks=True)
    environment.filters["interval"] = interval
    environment.globals.update(change_of=change_of, least_rate=IMPROVEMENT_RATE)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    pairs = by_change(report.comparison.pairs)
    return template.render(
        report=report,
        told=report.comparison,
        headline=headline(report),
        changed=[pair for pair in pairs if not same_answer(pair)],
        same=[pair for pair in pairs if same_answer(pair)],
        plot=plot(report.margins.rows) if report.margins else None,
        left_out=LEFT_OUT.replace("`", ""),
    )


def headline(report: MorningReport) -> str:
    if not report.passed:
        return "Failed: today's model is worse, or it could not be shown that it is not."
    if report.margins is None:
        return "Passed, on the answers alone: today's model is not shown to be worse."
    return "Passed: today's model is not worse than yesterday's by more than the limits allow."


def change_of(pair: Pair) -> str:
    before, after = pair
    return "better" if after.score > before.score else "worse" if after.score < before.score else "equal"


def interval(found: MeanInterval | None, unit: str = "") -> str:
    if found is None:
        return "not known, fewer than two pairs"
    return f"{found.mean:+.3f}{unit} ({found.confidence:.0%} interval {found.low:+.3f} to {found.high:+.3f})"


def plot(rows: Sequence[MarginChange]) -> Plot:
    found = [row.change for row in rows if row.change is not None]
    least = min([-NARROWEST_TAU, *(row.limit for row in rows), *(change.low for change in found)]) * 1.08
    most = max([NARROWEST_TAU, *(change.high for change in found)]) * 1.08

    def place(value: float) -> float:
        return round(100.0 * (value - least) / (most - least), 2)

    placed = tuple(
        PlotRow(row, place(row.limit), None, None, None)
        if row.change is None
        else PlotRow(row, place(row.limit), place(row.change.low), place(row.change.mean), place(row.change.high))
        for row in rows
    )
    return Plot(placed, least, most, place(0.0))


def _table_row(row: MarginChange) -> str:
    items = row.change.count if row.change else 0
    verdict = "holds" if row.passed else "**fails**"
    change = interval(row.change) if row.change else row.sentence
    return f"| {row.name} | {items} | {change} | {row.limit:+.2f} | {verdict} |"


def _told(pair: Pair) -> list[str]:
    before, after = pair
    lines = [f"## {change_of(pair).capitalize()}: {before.topic}: {before.id}", "", "**Asked:**", ""]
    lines += [*_fenced(before.prompt), ""]
    if same_answer(pair):
        return [*lines, f"**Both, word for word ({after.score:.2f}):**", "", *_fenced(after.answer), ""]
    for name, side in (("Yesterday", before), ("Today", after)):
        lines += [f"**{name} ({side.score:.2f}: {side.reason}):**", "", *_fenced(side.answer), ""]
    return lines


def _fenced(text: str) -> list[str]:
    """A fence is closed by one as long: longer than the longest run of backticks, it can't be."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return [f"{fence}text", *(text.strip() or "(nothing)").splitlines(), fence]
