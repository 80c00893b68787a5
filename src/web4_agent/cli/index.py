"""`web4-agent index`: the day's journal into the buffer."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from web4_agent.cli.options import HomeOption, JsonOption, day
from web4_agent.cli.screen import console, row, table, watching
from web4_agent.domain.errors import UsageError

if TYPE_CHECKING:
    from web4_agent.flows.indexing import IndexRequest, IndexSummary

MOST_LISTED = 20


def command(
    home: HomeOption = None,
    date: Annotated[str | None, typer.Option(help="One day, YYYY-MM-DD. Without an option: today.")] = None,
    since: Annotated[str | None, typer.Option(help="That day and all later ones.")] = None,
    every: Annotated[bool, typer.Option("--all", help="The whole journal.")] = False,
    journal: Annotated[Path | None, typer.Option(help="Another journal root than the settings'.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, change nothing.")] = False,
    accept_gone: Annotated[bool, typer.Option("--accept-gone", help="Most documents are really deleted.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Index the journal: into the ledger, the buffer collection, the link graph and the timeline."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.indexing import IndexRequest, index
    from web4_agent.storage.payload import to_json

    if sum((date is not None, since is not None, every)) > 1:
        raise UsageError("--date, --since and --all exclude each other", "web4-agent index --all")
    only = day(date, "--date") or (None if since or every else datetime.now(UTC).date())
    request = IndexRequest(day(since, "--since") or only, only, dry_run, accept_gone)
    out = Console(stderr=True) if as_json else console()
    with watching(out) as watcher:
        runtime = open_home(home, watcher)
        try:
            summary = index(runtime.index_parts(journal), request)
        finally:
            runtime.close()
    if as_json:
        typer.echo(to_json(summary))
    else:
        _show(out, summary, request)


def _show(out: Console, summary: "IndexSummary", request: "IndexRequest") -> None:
    counts = table("Dry run: nothing was changed" if summary.dry_run else "Indexed", "what", "documents")
    for name, count in (
        ("found", summary.found),
        ("new", summary.new),
        ("edited", summary.edited),
        ("unchanged", summary.unchanged),
        ("gone", summary.gone),
        ("rejected", len(summary.rejected)),
        ("of these duplicates", summary.duplicates),
        ("quarantined", summary.quarantined),
    ):
        row(counts, name, count)
    out.print(counts)
    reasons = Counter(str(rejection.reason) for rejection in summary.rejected)
    if reasons:
        _list(out, summary, reasons)
    if summary.notes:
        notes = table("Admitted with a note", "document", "what", "why")
        for note in summary.notes[:MOST_LISTED]:
            row(notes, note.document, note.what, note.detail)
        out.print(notes)
    out.print(
        f"{summary.chunks} chunks written, {summary.links_resolved} of {summary.links} links resolved, "
        f"{summary.other_markdown} other Markdown files passed over, {summary.seconds:.1f} s",
        markup=False,
    )
    if not summary.found and request.until is not None and request.since == request.until:
        out.print(f"no document of {request.since}; for the whole journal: web4-agent index --all", markup=False)


def _list(out: Console, summary: "IndexSummary", reasons: Counter[str]) -> None:
    listed = table("Rejected", "document", "reason", "detail")
    for rejection in summary.rejected[:MOST_LISTED]:
        row(listed, rejection.id, rejection.reason, rejection.detail)
    out.print(listed)
    if len(summary.rejected) > MOST_LISTED:
        out.print(f"and {len(summary.rejected) - MOST_LISTED} more: {dict(reasons)}", markup=False)
