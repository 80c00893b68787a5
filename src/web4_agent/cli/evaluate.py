"""`web4-agent evaluate`: the full evaluation of a version, by nine harnesses and their gates."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from web4_agent.cli.options import HomeOption, JsonOption
from web4_agent.cli.screen import console, row, table, watching
from web4_agent.domain.errors import UsageError
from web4_agent.domain.ids import AdapterVersion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from web4_agent.bootstrap import Runtime
    from web4_agent.domain.evaluations import Evaluation, GateOutcome
    from web4_agent.flows.evaluation import EvaluationReport


def command(
    home: HomeOption = None,
    harness: Annotated[list[str] | None, typer.Option("--harness", help="This one only; may be repeated.")] = None,
    version: Annotated[str | None, typer.Option("--version", help="Another version in production's place.")] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="So many items a harness, for a quick look; not recorded.")
    ] = None,
    accept: Annotated[
        tuple[str, str] | None,
        typer.Option("--accept", metavar="HARNESS REASON", help="Let a quality gate of the last evaluation pass."),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="Show the harnesses and their gates; ask nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Ask a version all harnesses, and hold it against their gates. Exit code 1: a gate failed."""
    from web4_agent.bootstrap import open_home

    if accept is not None and (harness or limit is not None or listed):
        raise UsageError("--accept stands with --version and --home alone", 'web4-agent evaluate --accept tron "why"')
    out = Console(stderr=True) if as_json else console()
    with watching(out) as watcher:
        runtime = open_home(home, watcher)
        try:
            wanted = AdapterVersion(version) if version else None
            if listed:
                _list(runtime, as_json=as_json)
                passed = True
            elif accept is not None:
                passed = _accept(runtime, accept, wanted, as_json=as_json)
            else:
                passed = _evaluate(runtime, out, tuple(harness or ()), wanted, limit, as_json=as_json)
        finally:
            runtime.close()
    if not passed:
        raise typer.Exit(1)


def _evaluate(
    runtime: "Runtime",
    out: Console,
    harnesses: tuple[str, ...],
    version: AdapterVersion | None,
    limit: int | None,
    *,
    as_json: bool,
) -> bool:
    from web4_agent.flows.evaluation import EvaluationRequest, evaluate
    from web4_agent.storage.payload import to_json

    report = evaluate(runtime.evaluation_parts(), EvaluationRequest(harnesses, version, limit))
    if as_json:
        typer.echo(to_json({**asdict(report), "passed": report.passed, "sentence": report.sentence}))
    else:
        _show(out, report)
    return report.passed


def _show(out: Console, report: "EvaluationReport") -> None:
    out.print()
    out.print(report.sentence, markup=False, soft_wrap=True)
    _show_gates(out, report.evaluation, report.outcomes)
    if any(outcome.sentence.endswith("needs a reason to pass") for outcome in report.outcomes) and report.limit is None:
        out.print('let a quality gate pass: web4-agent evaluate --accept HARNESS "why"', markup=False, soft_wrap=True)
    out.print(f"answers and history: {report.html}", markup=False, soft_wrap=True)


def _show_gates(out: Console, evaluation: "Evaluation", outcomes: "Sequence[GateOutcome]") -> None:
    """A row a gate; below, a line for each that failed or was let pass."""
    title = f"{evaluation.version} on {evaluation.engine}"
    shown = table(title, "harness", "gate", "items", "score", "95 % interval", "limit", "result")
    for score, outcome in zip(evaluation.gated, outcomes, strict=True):
        row(
            shown,
            score.harness,
            score.gate,
            f"{score.passed} of {score.asked}",
            score.told(score.value),
            f"{score.told(score.low)} to {score.told(score.high)}",
            score.told(score.limit),
            "passed" if outcome.passed else "failed",
        )
    out.print(shown)
    for score, outcome in zip(evaluation.gated, outcomes, strict=True):
        if not score.cleared:
            out.print(f"{outcome.harness}: {outcome.sentence}", markup=False, soft_wrap=True)


def _accept(runtime: "Runtime", accept: tuple[str, str], version: AdapterVersion | None, *, as_json: bool) -> bool:
    from web4_agent.flows.evaluation import accept as record
    from web4_agent.storage.payload import to_json

    accepted = record(runtime.accept_parts(), *accept, version)
    if as_json:
        typer.echo(to_json({**asdict(accepted), "passed": accepted.passed}))
        return accepted.passed
    out = console()
    out.print(f"recorded for {accepted.evaluation.id}", markup=False, soft_wrap=True)
    _show_gates(out, accepted.evaluation, accepted.outcomes)
    return accepted.passed


def _list(runtime: "Runtime", *, as_json: bool) -> None:
    from web4_agent.storage.payload import to_json

    found = [
        {
            "harness": one.name,
            "title": one.title,
            "gate": one.gate,
            "measure": one.measure,
            "limit": one.limit,
            "weight": one.weight,
            "items": len(one.items),
            "own_items": sum(item.own for item in one.items),
        }
        for one in runtime.harnesses()
    ]
    if as_json:
        typer.echo(to_json(found))
        return
    shown = table("Harnesses", "harness", "what it asks", "gate", "items", "your own", "weight")
    for one in found:
        gate = f"{one['gate']}, {one['measure']} {one['limit']}"
        row(shown, one["harness"], one["title"], gate, one["items"], one["own_items"], one["weight"])
    console().print(shown)
