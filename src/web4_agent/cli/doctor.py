"""`web4-agent doctor`: what is installed, and projections against the truth."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from web4_agent.cli.options import HomeOption, JsonOption
from web4_agent.cli.screen import console, row, table

if TYPE_CHECKING:
    from web4_agent.flows.doctor import Finding
    from web4_agent.flows.installation import Piece


def command(
    home: HomeOption = None,
    fix: Annotated[bool, typer.Option("--fix", help="Repair what can be made again.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what is installed, and check files, models, adapters and collections against the ledger.

    Without a home it says what is installed. Exit code 1: something is still wrong.
    """
    from web4_agent.bootstrap import installation
    from web4_agent.domain.errors import HomeError
    from web4_agent.storage.payload import to_json

    pieces = installation(home)
    absent = [piece for piece in pieces if piece.needed and not piece.present]
    findings: tuple[Finding, ...] = ()
    no_home: HomeError | None = None
    try:
        findings = _examined(home, fix=fix)
    except HomeError as error:
        no_home = error
    wrong = [finding for finding in findings if not finding.healthy and not finding.fixed]
    if as_json:
        typer.echo(to_json([*(asdict(one) for one in findings), *map(_as_finding, pieces)]))
    else:
        _show(console(), pieces, absent, findings, wrong)
    if no_home is not None:
        raise no_home
    if wrong or absent:
        raise typer.Exit(1)


def _examined(home: HomeOption, *, fix: bool) -> "tuple[Finding, ...]":
    """Raises HomeError when there is no home."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.doctor import examine

    runtime = open_home(home, follow=False)
    try:
        return examine(runtime.doctor_parts(), fix=fix)
    finally:
        runtime.close()


def _show(
    out: Console,
    pieces: "tuple[Piece, ...]",
    absent: "list[Piece]",
    findings: "tuple[Finding, ...]",
    wrong: "list[Finding]",
) -> None:
    if findings:
        listed = table("Doctor", "check", "", "detail")
        for finding in findings:
            state = "well" if finding.healthy else "fixed" if finding.fixed else "WRONG"
            row(listed, finding.check, state, finding.detail)
        out.print(listed)
    installed = table("Installation", "piece", "", "detail")
    for piece in pieces:
        state = "there" if piece.present else "MISSING" if piece.needed else "absent"
        row(installed, piece.name, state, piece.detail)
    out.print(installed)
    for finding in wrong:
        out.print(f"{finding.check}: try {finding.hint or 'web4-agent doctor --fix'}", markup=False, soft_wrap=True)
    for piece in absent:
        out.print(f"{piece.name}: try {piece.get}", markup=False, soft_wrap=True)
    for piece in pieces:
        if not piece.present and not piece.needed:
            out.print(f"{piece.name}, if you want it: {piece.get}", markup=False, soft_wrap=True)


def _as_finding(piece: "Piece") -> dict[str, object]:
    return {
        "check": f"installed {piece.name}",
        "healthy": piece.present or not piece.needed,
        "detail": piece.detail,
        "fixed": None,
        "hint": piece.get,
    }
