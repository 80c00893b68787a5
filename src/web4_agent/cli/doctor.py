"""`web4-agent doctor`: projections against the truth."""

from dataclasses import asdict
from typing import Annotated

import typer

from web4_agent.cli.options import HomeOption, JsonOption
from web4_agent.cli.screen import console, row, table


def command(
    home: HomeOption = None,
    fix: Annotated[bool, typer.Option("--fix", help="Repair what can be made again.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check files, models, adapters and collections against the ledger. Exit code 1: something is still wrong."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.doctor import examine
    from web4_agent.storage.payload import to_json

    runtime = open_home(home, follow=False)
    try:
        findings = examine(runtime.doctor_parts(), fix=fix)
    finally:
        runtime.close()
    wrong = [finding for finding in findings if not finding.healthy and not finding.fixed]
    if as_json:
        typer.echo(to_json([asdict(finding) for finding in findings]))
    else:
        listed = table("Doctor", "check", "", "detail")
        for finding in findings:
            state = "well" if finding.healthy else "fixed" if finding.fixed else "WRONG"
            row(listed, finding.check, state, finding.detail)
        out = console()
        out.print(listed)
        for finding in wrong:
            out.print(f"{finding.check}: try {finding.hint or 'web4-agent doctor --fix'}", markup=False, soft_wrap=True)
    if wrong:
        raise typer.Exit(1)
