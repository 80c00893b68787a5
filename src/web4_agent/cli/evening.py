"""`web4-agent evening`: the night, and its last screen."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from web4_agent.cli.alerts import tell_people
from web4_agent.cli.options import HomeOption, JsonOption, day
from web4_agent.cli.screen import console, row, table, watching
from web4_agent.domain.errors import UsageError

if TYPE_CHECKING:
    from web4_agent.domain.verdicts import Verdict
    from web4_agent.flows.night import NightReport
    from web4_agent.flows.night.parts import Prepared


def command(
    home: HomeOption = None,
    date: Annotated[str | None, typer.Option(help="Train documents up to this day, YYYY-MM-DD; else today.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be trained, change nothing.")] = False,
    no_train: Annotated[bool, typer.Option("--no-train", help="Prepare the samples and stop before training.")] = False,
    abandon: Annotated[bool, typer.Option("--abandon", help="Give up the open night: its documents wait.")] = False,
    trust_clock: Annotated[
        bool, typer.Option("--trust-clock", help="The clock is right now, and ran ahead on an earlier night.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run the evening loop, or go on with the one that was cut off. Exit code 1: the candidate was rejected."""
    from web4_agent.bootstrap import open_home
    from web4_agent.domain.runs import RunState
    from web4_agent.flows.night import NightRequest, evening, rehearse
    from web4_agent.flows.night import abandon as give_up
    from web4_agent.storage.payload import to_json

    if abandon and (dry_run or no_train):
        raise UsageError("--abandon stands alone", "web4-agent evening --abandon")
    out = Console(stderr=True) if as_json else console()
    with watching(out) as watcher:
        runtime = open_home(home, watcher)
        try:
            request = NightRequest(
                day(date, "--date") or datetime.now(UTC).date(), train=not no_train, trust_clock=trust_clock
            )
            parts = runtime.night_parts()
            if abandon:
                out.print(
                    f"gave up {give_up(parts)}: its documents are back in the buffer", markup=False, soft_wrap=True
                )
                return
            if dry_run:
                _rehearsed(out, rehearse(parts, request))
                return
            runtime.finish_forgetting()  # the nights that are to be replayed come before this one
            report = evening(parts, request)
            audited = runtime.audit_when_due()
        finally:
            if not dry_run:
                tell_people(runtime)
            runtime.close()
    if as_json:
        typer.echo(to_json(report))
    else:
        show(out, report)
        if audited:
            out.print(f"audit: {audited}", markup=False, soft_wrap=True)
    if report.state is RunState.REJECTED:
        raise typer.Exit(1)


def show(out: Console, report: "NightReport") -> None:
    """The last screen of a night."""
    out.print()
    out.print(f"[bold]{report.run}[/bold]: {report.sentence}")
    if report.samples:
        counts = ", ".join(f"{count} {origin}" for origin, count in report.samples.items())
        out.print(
            f"documents {report.documents}, samples {sum(report.samples.values())} ({counts})",
            markup=False,
            soft_wrap=True,
        )
    for line in report.thumbs.lines:
        out.print(line, markup=False, soft_wrap=True)
    if report.steps:
        out.print(
            f"tokens {report.tokens:,} in {report.steps} steps ({report.loss_tokens:,} with loss), "
            f"loss {report.first_loss:.3f} → {report.last_loss:.3f}",
            markup=False,
        )
    _show_learned(out, report)
    for verdict in report.verdicts:
        _show_verdict(out, verdict)
    if report.error_rates:
        out.print(report.error_rates, markup=False, soft_wrap=True)
    times = table("Steps", "step", "seconds", "peak memory, MB")
    for step in report.times:
        row(times, step.name, f"{step.seconds:.1f}", f"{step.peak_rss_bytes / 1e6:,.0f}")
    out.print(times)
    for note in report.notes:
        out.print(f"note: {note}", markup=False, soft_wrap=True)
    out.print(f"serving now: {report.serving}", markup=False, soft_wrap=True)
    for name, place in report.places:
        out.print(f"{name}: {place}", markup=False, soft_wrap=True)


def _show_learned(out: Console, report: "NightReport") -> None:
    if report.learned:
        learned = table("What was learned (held-out bits per byte)", "texts", "count", "before", "after", "change")
        for one in report.learned:
            change = f"{one.after - one.before:+.3f}"
            row(learned, one.group, one.items, f"{one.before:.3f}", f"{one.after:.3f}", change)
        out.print(learned)
    if report.canaries:
        canaries = table("Canaries", "canary", "topic", "before", "after")
        for pair in report.canaries:
            before, after = ((pair.before, pair.held_before), (pair.after, pair.held_after))
            row(canaries, pair.id, pair.topic, _held(*before, pair.wordings), _held(*after, pair.wordings))
        out.print(canaries)


def _show_verdict(out: Console, verdict: "Verdict") -> None:
    title = f"Verdict on {verdict.candidate} at scale {verdict.scale:g}: {verdict.decision} ({verdict.scored_on})"
    rules = table(title, "rule", "", "measured", "limit")
    for rule in verdict.rules:
        row(rules, rule.rule, _mark(rule.passed), f"{rule.measured:.4f}", f"{rule.limit:g}")
    out.print(rules)
    failed = [rule.sentence for rule in verdict.rules if not rule.passed]
    for sentence in failed:
        out.print(f"  because: {sentence}", markup=False, soft_wrap=True)


def _rehearsed(out: Console, prepared: "Prepared | None") -> None:
    if prepared is None:
        out.print("Dry run: nothing new is in the buffer.")
        return
    counts = table("Dry run: nothing was changed", "samples", "count", "tokens with loss")
    for origin, count in prepared.samples.items():
        row(counts, origin, count, prepared.loss_tokens.get(origin, 0))
    out.print(counts)
    out.print(
        f"about {prepared.estimated_tokens:,} tokens; {prepared.held_out} texts held out; "
        f"{sum(prepared.dropped.values())} samples left out; enough to train: {'yes' if prepared.enough else 'no'}",
        markup=False,
    )
    for line in prepared.thumbs.lines:
        out.print(line, markup=False, soft_wrap=True)
    for reason, count in sorted(prepared.dropped.items()):
        out.print(f"  {count} left out: {reason}", markup=False, soft_wrap=True)
    for note in prepared.notes:
        out.print(f"note: {note}", markup=False, soft_wrap=True)


def _held(passed: bool, held: int, wordings: int) -> str:
    return f"{_mark(passed)} {held}/{wordings}" if wordings > 1 else _mark(passed)


def _mark(passed: bool) -> str:
    return "pass" if passed else "FAIL"
