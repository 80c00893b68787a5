"""`web4-agent probation`: how the version that serves does among people."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from web4_agent.cli.options import HomeOption, JsonOption
from web4_agent.cli.screen import console, row, table

if TYPE_CHECKING:
    from web4_agent.domain.probation import Probation
    from web4_agent.flows.probation import Standing

_SHOWN = 5


def command(
    home: HomeOption = None,
    act: Annotated[
        bool, typer.Option("--act", help="Put down what is found, and roll back on an alarm, as the gateway does.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """The signs that are watched after a promotion, their rates and the evidence. Exit code 1: a sign has alarmed."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.probation import history, look, watch_over
    from web4_agent.storage.payload import to_json

    runtime = open_home(home, follow=False)
    try:
        parts = runtime.probation_parts()
        standing = watch_over(parts) if act else look(parts)
        past = history(runtime.database, _SHOWN)
    finally:
        runtime.close()
    if as_json:
        found = {**asdict(standing), "findings": [asdict(one) for one in standing.findings]}
        typer.echo(to_json({**found, "past": [asdict(one) for one in past]}))
    else:
        _show(standing, past, rolls_back=act and parts.policy.rolls_back)
    if standing.alarm is not None:
        raise typer.Exit(1)


def _show(standing: "Standing", past: "list[Probation]", *, rolls_back: bool) -> None:
    out = console()
    probation = standing.probation
    if probation is None:
        out.print(f"{standing.production} is not on probation", markup=False, soft_wrap=True)
    else:
        since = f"{probation.started_utc:%Y-%m-%d %H:%M} UTC"
        out.print(
            f"{standing.production}: {probation.state}, promoted {since} over {probation.previous}",
            markup=False,
            soft_wrap=True,
        )
        for told in (probation.reason, probation.warning):
            if told:
                out.print(told, markup=False, soft_wrap=True)
        signs = table(f"Signs in {standing.requests} answers", "sign", "seen", "rate", "usual", "tolerated", "evidence")
        for one in standing.findings:
            assumed = " (assumed)" if one.sign in probation.baseline.assumed else ""
            tolerated = f"{one.expected:.1%}{assumed}"
            evidence = f"{one.evidence:.3g} of {one.limit:.0f}"
            row(
                signs,
                one.sign,
                f"{one.events} of {one.trials}",
                f"{one.rate:.1%}",
                f"{one.usual:.1%}",
                tolerated,
                evidence,
            )
        out.print(signs)
        _show_unjudged(standing)
    if standing.alarm is not None and not rolls_back:
        out.print("let the version before serve: web4-agent rollback", markup=False, soft_wrap=True)
    if past:
        listed = table("Last probations", "version", "state", "promoted, UTC", "why")
        for each in past:
            row(listed, each.adapter, each.state, f"{each.started_utc:%Y-%m-%d %H:%M}", each.reason or "-")
        out.print(listed)


def _show_unjudged(standing: "Standing") -> None:
    found = standing.unjudged
    if found is None:
        return
    title = (
        f"{found.versions} versions since {found.since_utc:%Y-%m-%d}, none judged by itself: {found.requests} answers"
    )
    signs = table(title, "sign", "seen", "rate", "tolerated", "evidence")
    for one in found.findings:
        evidence = f"{one.evidence:.3g} of {one.limit:.0f}"
        row(signs, one.sign, f"{one.events} of {one.trials}", f"{one.rate:.1%}", f"{one.expected:.1%}", evidence)
    console().print(signs)
    if any(one.alarm for one in found.findings):
        console().print(
            f"worse than {found.previous} was: look at the answers, then perhaps: web4-agent rollback {found.previous}",
            markup=False,
            soft_wrap=True,
        )
