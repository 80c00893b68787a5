"""The evaluation as Markdown and as one HTML page without scripts: gates with their figures, history, and what failed.

Called by the story. Pure text.
"""

from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, select_autoescape

from web4_agent.domain.evaluations import OVERALL, HarnessScore, ItemResult
from web4_agent.flows.evaluation.parts import EvaluationReport
from web4_agent.steps.harnesses import NAMES

TEMPLATE = Path(__file__).parents[2] / "data" / "evaluation.html.j2"
INTERVALS = (
    "Gates compare the score itself. The interval behind it is Wilson's (of F1: carried over from the share that it is "
    "made of; overall: combined from its parts)."
)
_ANSWER_CHARS = 2_000


@dataclass(frozen=True, slots=True)
class GateRow:
    """One gate as a reader sees it; `change` against the evaluation before, empty where there is none."""

    title: str
    kind: str
    score: str
    interval: str
    limit: str
    asked: str
    change: str
    passed: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """`cells` hold a score for each harness and the overall one, in the order of the harnesses."""

    when: str
    version: str
    verdict: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Failures:
    """What a harness's items failed at; `answer` is cut, and says so."""

    title: str
    asked: int
    items: tuple[ItemResult, ...]


def as_markdown(report: EvaluationReport) -> str:
    evaluation = report.evaluation
    lines = [
        f"# Evaluation, {evaluation.at_utc:%Y-%m-%d %H:%M} UTC",
        "",
        report.sentence,
        "",
        f"- Version: `{evaluation.version}`; engine: {evaluation.engine}; {evaluation.seconds:.0f} s",
        f"- {INTERVALS}",
        "",
        "| harness | gate | score | 95 % interval | limit | items | change | result |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.title} | {row.kind} | {row.score} | {row.interval} | {row.limit} | {row.asked} | {row.change or '-'} "
        f"| {'passed' if row.passed else '**failed**'}: {row.sentence} |"
        for row in gate_rows(report)
    ]
    lines += ["", "## Evaluations before this one", ""]
    lines += _history_lines(report)
    for failed in failures(report):
        lines += ["", f"## {failed.title}: {len(failed.items)} of {failed.asked} items failed"]
        for item in failed.items:
            lines += ["", f"### {item.id}: {item.reason}", "", *_quoted(item.prompt), "", *_fenced(item.answer)]
    return "\n".join([*lines, ""])


def as_html(report: EvaluationReport) -> str:
    """Every answer is escaped."""
    environment = Environment(autoescape=select_autoescape(default=True), trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        report=report,
        evaluation=report.evaluation,
        rows=gate_rows(report),
        names=(*NAMES, OVERALL),
        history=history_rows(report),
        failures=failures(report),
        intervals=INTERVALS,
    )


def gate_rows(report: EvaluationReport) -> list[GateRow]:
    return [
        GateRow(
            score.title,
            score.gate,
            _figure(score),
            f"{score.told(score.low)} to {score.told(score.high)}",
            score.told(score.limit),
            f"{score.passed} of {score.asked}",
            _change(score, report.before(score.harness)),
            outcome.passed,
            outcome.sentence,
        )
        for score, outcome in zip(report.evaluation.gated, report.outcomes, strict=True)
    ]


def history_rows(report: EvaluationReport) -> list[HistoryRow]:
    return [
        HistoryRow(
            f"{past.evaluation.at_utc:%Y-%m-%d %H:%M}",
            past.evaluation.version,
            ("passed" if past.passed else "failed") + ("" if past.evaluation.complete else ", in part"),
            tuple(_figure(found) if (found := past.score_of(name)) else "-" for name in (*NAMES, OVERALL)),
        )
        for past in report.history
    ]


def failures(report: EvaluationReport) -> list[Failures]:
    titles = {score.harness: score.title for score in report.evaluation.scores}
    found = [
        Failures(titles[name], len(results), tuple(_cut(one) for one in results if not one.passed))
        for name, results in report.results
    ]
    return [one for one in found if one.items]


def _history_lines(report: EvaluationReport) -> list[str]:
    rows = history_rows(report)
    if not rows:
        return ["This is the first."]
    heads = ["when, UTC", "version", "gates", *NAMES, OVERALL]
    table = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    return table + [f"| {' | '.join([row.when, row.version, row.verdict, *row.cells])} |" for row in rows]


def _figure(score: HarnessScore) -> str:
    return score.told(score.value)


def _change(score: HarnessScore, before: HarnessScore | None) -> str:
    if before is None:
        return ""
    points = f"{100 * (score.value - before.value):+.1f} points"
    return points if score.items == before.items else f"{points}, other items"


def _cut(result: ItemResult) -> ItemResult:
    if len(result.answer) <= _ANSWER_CHARS:
        return result
    cut = f"{result.answer[:_ANSWER_CHARS]}\n… ({len(result.answer):,} characters)"
    return ItemResult(result.id, result.passed, result.prompt, cut, result.reason, result.positive)


def _quoted(text: str) -> list[str]:
    return [f"> {line}" for line in (text.strip() or "(nothing)").splitlines()]


def _fenced(text: str) -> list[str]:
    """As code, in a fence that nothing in the text can close."""
    mark = "```"
    while mark in text:
        mark += "`"
    return [mark, text.strip() or "(nothing)", mark]
