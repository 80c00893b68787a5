"""A backtest's report as files: everything as JSON, the tables as Markdown, the curves as a picture."""

from collections.abc import Sequence
from dataclasses import replace

from web4_agent.flows.backtest.days import caps_sentence
from web4_agent.flows.backtest.parts import BacktestParts, BacktestReport, Summary
from web4_agent.steps.backtest_picture import Curves, draw_png
from web4_agent.storage.atomic import publish_file, publish_text
from web4_agent.storage.payload import to_json


def publish(parts: BacktestParts, report: BacktestReport) -> BacktestReport:
    """Write all three; returns the report with the places where they lie."""
    places = {
        "picture": parts.folder / "backtest.png",
        "tables": parts.folder / "backtest.md",
        "figures": parts.folder / "backtest.json",
    }
    report = replace(report, places=tuple((name, str(path)) for name, path in places.items()))
    publish_file(lambda out: draw_png(_curves(report), out), places["picture"])
    publish_text(as_markdown(report), places["tables"])
    publish_text(to_json(report, indent=1), places["figures"])
    return report


HEADS = (
    "recipe",
    "bits/byte, base → end",
    "joint ratio",
    "forgetting (worst)",
    "backward",
    "forward",
    "recall, base → end",
    "of joint",
    "general / base",
    "KL to base",
    "lowest skill, τ",
    "promoted",
    "steps",
    "tokens",
    "training s",
)


def summary_rows(report: BacktestReport) -> list[tuple[str, ...]]:
    """One row a recipe under HEADS, then joint training where there was some."""
    rows = [_row(report, summary) for summary in report.summaries]
    if (joint := report.joint) is not None:
        bits = sum(joint.bits) / len(joint.bits)
        base = sum(report.base.bits) / len(report.base.bits)
        general = joint.general / report.base.general
        rows.append(
            (
                f"joint ({joint.name})",
                f"{base:.3f} → {bits:.3f}",
                "1.00",
                "–",
                "–",
                "–",
                f"{report.base.probes_right:.2f} → {joint.probes_right:.2f}",
                "1.00",
                f"{general:.4f}",
                "–",
                "–",
                "–",
                str(joint.steps),
                f"{joint.tokens:,}",
                f"{joint.train_s:.0f}",
            )
        )
    return rows


def matrix_rows(report: BacktestReport, matrix: Sequence[Sequence[float]], base: Sequence[float]) -> list[list[str]]:
    """The base's row, then a row a night: what it was trained on, and the score on each day."""
    rows = [["base", *(f"{value:.3f}" for value in base)]]
    return rows + [
        [f"{day:%m-%d}", *(f"{value:.3f}" for value in row)] for day, row in zip(report.days, matrix, strict=True)
    ]


def strata_rows(report: BacktestReport, summary: Summary) -> list[list[str]]:
    """A row a night: the mean change of each stratum of the gate's margins from the base, in τ."""
    return [
        [f"{day:%m-%d}", *(f"{changes[night]:+.2f}" for _, changes in summary.strata)]
        for night, day in enumerate(report.days)
    ]


def _lowest(summary: Summary) -> str:
    """The stratum that has lost most after the last night."""
    name, changes = min(summary.strata, key=lambda one: one[1][-1])
    return f"{name} {changes[-1]:+.2f}"


def as_markdown(report: BacktestReport) -> str:
    lines = [
        f"# Backtest, {report.days[0]} to {report.days[-1]}",
        "",
        (
            f"{len(report.days)} days, {sum(report.documents)} of {sum(report.found)} documents: "
            f"{caps_sentence(report.caps)}. Model: {report.base_name}. Scored on the trainer's copy."
        ),
        "",
        *_table(HEADS, summary_rows(report)),
        "",
        (
            "Bits per byte of held-out texts: lower is better. Recall: the share of questions, in wordings never "
            f"trained, whose right answer is likelier than each wrong one of like form; {sum(report.probes)} questions."
        ),
        "",
    ]
    heads = ["after", *(f"{day:%m-%d}" for day in report.days)]
    for summary in report.summaries:
        lines += [f"## {summary.recipe}: bits per byte, R[night][day]", ""]
        lines += [*_table(heads, matrix_rows(report, summary.bits, report.base.bits)), ""]
        lines += [f"## {summary.recipe}: recall, R[night][day]", ""]
        lines += [*_table(heads, matrix_rows(report, summary.recall, report.base.recall)), ""]
        lines += [f"## {summary.recipe}: the gate's margins against the base, τ", ""]
        lines += [*_table(["after", *(name for name, _ in summary.strata)], strata_rows(report, summary)), ""]
    return "\n".join(lines)


def _row(report: BacktestReport, summary: Summary) -> tuple[str, ...]:
    bits, joint = summary.bits_transfer, report.joint
    of_joint = summary.probes_right / joint.probes_right if joint and joint.probes_right else None
    return (
        summary.recipe,
        f"{-bits.base:.3f} → {-bits.average:.3f}",
        _figure(bits.joint_ratio, ".2f"),
        f"{_figure(bits.forgetting, '.3f')} ({_figure(bits.worst, '.3f')})",
        _figure(bits.backward, "+.3f"),
        _figure(bits.forward, "+.3f"),
        f"{report.base.probes_right:.2f} → {summary.probes_right:.2f}",
        _figure(of_joint, ".2f"),
        f"{summary.general_ratio:.4f}",
        f"{summary.kl[-1]:.3f}",
        _lowest(summary),
        f"{summary.promoted} of {summary.nights}",
        str(summary.steps),
        f"{summary.tokens:,}",
        f"{summary.train_s:.0f}",
    )


def _figure(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(heads)} |",
        f"|{'---|' * len(heads)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def _curves(report: BacktestReport) -> Curves:
    names = tuple(summary.recipe for summary in report.summaries)
    return Curves(
        days=tuple(f"{day:%m-%d}" for day in report.days),
        names=names,
        gains=tuple(tuple(_gains(report.base.bits, row) for row in one.bits) for one in report.summaries),
        recall=tuple(tuple(_mean(row) for row in one.recall) for one in report.summaries),
        general=tuple(tuple(value / report.base.general for value in one.general) for one in report.summaries),
        lowest=tuple(
            tuple(min(changes[night] for _, changes in one.strata) for night in range(one.nights))
            for one in report.summaries
        ),
        joint_gain=None if report.joint is None else _mean(_gains(report.base.bits, report.joint.bits)),
        joint_recall=None if report.joint is None else _mean(report.joint.recall),
        base_recall=_mean(report.base.recall),
    )


def _gains(base: Sequence[float], after: Sequence[float]) -> tuple[float, ...]:
    return tuple(one - other for one, other in zip(base, after, strict=True))


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if value == value]  # noqa: PLR0124 - days without a question are NaN
    return sum(known) / len(known) if known else 0.0
