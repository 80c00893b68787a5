"""`web4-agent forget`: documents leave everything, the weights included."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from web4_agent.cli.options import HomeOption, JsonOption
from web4_agent.cli.screen import console, row, table, watching
from web4_agent.domain.errors import UsageError

if TYPE_CHECKING:
    from web4_agent.flows.forgetting import ForgetRequest, Forgotten, Rehearsal

MOST_LISTED = 20


def command(
    documents: Annotated[
        list[str] | None, typer.Argument(help="Paths in the journal, or file names. No patterns.", show_default=False)
    ] = None,
    home: HomeOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say all that would go, change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    later: Annotated[bool, typer.Option("--later", help="Replay the nights before the next evening.")] = False,
    replay: Annotated[
        bool, typer.Option("--replay/--no-replay", help="Or let the next evening train all of it as one night.")
    ] = True,
    backups: Annotated[
        bool, typer.Option("--backups/--keep-backups", help="Remove the home's backups that hold it, too.")
    ] = True,
    go_on: Annotated[bool, typer.Option("--continue", help="Go on with the forgetting that is open.")] = False,
    allow_again: Annotated[bool, typer.Option("--allow-again", help="Let these be indexed again.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Forget documents: out of index, graph, archive, query log, adapters and backups. It can't be undone.

    The last adapter that never saw them serves at once; the nights after it are replayed without them.
    """
    from web4_agent.flows.forgetting import ForgetRequest, Replay

    chosen = tuple(documents or ())
    if bool(chosen) == go_on:
        raise UsageError("name the documents to forget, or --continue", "web4-agent forget --dry-run DOCUMENT")
    out = Console(stderr=True) if as_json else console()
    if allow_again:
        _allow(home, chosen, out)
        return
    request = ForgetRequest(chosen, Replay.NEVER if not replay else Replay.LATER if later else Replay.NOW, backups)
    if dry_run or not (yes or go_on):
        found = _rehearse(home, request)
        if dry_run:
            _print(out, found, as_json=as_json)
            return
        if as_json:
            raise UsageError("--json asks no question", "add --yes, or --dry-run to look first")
        _show_rehearsal(out, found)
        typer.confirm("Forget all of this? It can't be undone", abort=True)
    _print(out, _forget(home, request, out, go_on=go_on), as_json=as_json)


def _allow(home: Path | None, chosen: tuple[str, ...], out: Console) -> None:
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.forgetting import allow_again

    runtime = open_home(home, follow=False)
    try:
        count = allow_again(runtime.forget_parts(), chosen)
    finally:
        runtime.close()
    out.print(f"{count} forgotten versions may be indexed again", markup=False, soft_wrap=True)


def _rehearse(home: Path | None, request: "ForgetRequest") -> "Rehearsal":
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.forgetting import rehearse

    runtime = open_home(home, follow=False)
    try:
        return rehearse(runtime.forget_parts(), request)
    finally:
        runtime.close()


def _forget(home: Path | None, request: "ForgetRequest", out: Console, *, go_on: bool) -> "Forgotten | None":
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.forgetting import forget, resume

    with watching(out) as watcher:
        runtime = open_home(home, watcher, follow=False)
        try:
            return resume(runtime.forget_parts()) if go_on else forget(runtime.forget_parts(), request)
        finally:
            runtime.close()


def _print(out: Console, told: "Rehearsal | Forgotten | None", *, as_json: bool) -> None:
    from web4_agent.flows.forgetting import Rehearsal
    from web4_agent.storage.payload import to_json

    if as_json:
        typer.echo(to_json(told))
    elif told is None:
        out.print("no forgetting is open")
    elif isinstance(told, Rehearsal):
        _show_rehearsal(out, told)
    else:
        _show(out, told)


def _show_rehearsal(out: Console, found: "Rehearsal") -> None:
    what = table("What would go", "what", "count", "which")
    for name, which in (
        ("documents", found.documents),
        ("adapters", found.adapters),
        ("runs' folders, samples, reports", found.runs),
        ("backups", found.backups),
    ):
        row(what, name, len(which), _some(which))
    row(what, "texts of queries", found.queries, "")
    out.print(what)
    if found.target != found.production:
        out.print(f"{found.target} would serve at once, in place of {found.production}", markup=False, soft_wrap=True)
    if found.nights:
        nights = table("What would be replayed", "night", "day", "documents")
        for run, day, count in found.nights:
            row(nights, run, day, count)
        out.print(nights)
        out.print(f"they took {_duration(found.seconds)} then", markup=False, soft_wrap=True)
    if found.near_copies:
        out.print(
            f"near copies that were left out so far would be indexed: {_some(found.near_copies)}",
            markup=False,
            soft_wrap=True,
        )
        out.print("name them too, to forget them", markup=False, soft_wrap=True)


def _show(out: Console, told: "Forgotten") -> None:
    cleared, wiped = told.cleared, told.wiped
    out.print(
        f"{wiped.documents} documents are forgotten in {wiped.versions} versions ({told.run})",
        markup=False,
        soft_wrap=True,
    )
    gone = table("What went", "what", "count")
    for name, count in (
        ("adapters", cleared.adapters),
        ("run folders", cleared.runs),
        ("archives rewritten", cleared.archives),
        ("reports", cleared.reports),
        ("lines of logs", cleared.log_lines),
        ("texts of queries", wiped.queries + told.swept),
        ("backups", len(cleared.backups)),
    ):
        row(gone, name, count)
    out.print(gone)
    if told.replayed:
        nights = table("Replayed", "night", "", "serving after it")
        for night in told.replayed:
            row(nights, night.run, night.state, night.serving)
        out.print(nights)
    if wiped.given_up:
        out.print(
            f"{wiped.given_up} was open and is given up; its documents are in the buffer", markup=False, soft_wrap=True
        )
    if told.pending:
        out.print(
            f"{told.pending} nights are to be replayed: web4-agent forget --continue", markup=False, soft_wrap=True
        )
    for name in cleared.backups_kept:
        out.print(f"still holds it: backup {name}", markup=False, soft_wrap=True)
    out.print(f"serving now: {told.serving}", markup=False, soft_wrap=True)
    out.print(
        "the files in the journal, and copies outside this home, are yours to delete", markup=False, soft_wrap=True
    )


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return ", ".join(names[:MOST_LISTED]) + more


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
