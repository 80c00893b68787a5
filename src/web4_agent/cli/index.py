"""`web4-agent index`: the day's journal into the buffer, and folders that are looked up into their collections."""

from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from datetime import date as Day  # noqa: N812 - an option of the command is called date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from web4_agent.cli.alerts import tell_people
from web4_agent.cli.options import HomeOption, JsonOption, day
from web4_agent.cli.screen import console, row, table, watching
from web4_agent.domain.errors import UsageError

if TYPE_CHECKING:
    from web4_agent.bootstrap import Runtime
    from web4_agent.flows.indexing import IndexRequest, IndexSummary
    from web4_agent.flows.referencing import ReferenceSummary

MOST_LISTED = 20


def command(
    home: HomeOption = None,
    date: Annotated[str | None, typer.Option(help="One day, YYYY-MM-DD. Without an option: today.")] = None,
    since: Annotated[str | None, typer.Option(help="That day and all later ones.")] = None,
    every: Annotated[bool, typer.Option("--all", help="The whole journal.")] = False,
    journal: Annotated[Path | None, typer.Option(help="Another journal root than the settings'.")] = None,
    docs: Annotated[
        list[Path] | None, typer.Option(help="A folder of process documents, to look up. Can be repeated.")
    ] = None,
    components: Annotated[
        list[Path] | None, typer.Option(help="A folder of source files, to look up. Can be repeated.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, change nothing.")] = False,
    accept_gone: Annotated[bool, typer.Option("--accept-gone", help="Most documents are really deleted.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Index the journal: into the ledger, the buffer collection, the link graph and the timeline.

    With --docs or --components alone, only these folders are indexed: they are looked up and never trained on.
    """
    from web4_agent.bootstrap import open_home
    from web4_agent.storage.payload import to_json

    if sum((date is not None, since is not None, every)) > 1:
        raise UsageError("--date, --since and --all exclude each other", "web4-agent index --all")
    only = day(date, "--date") or (None if since or every else datetime.now(UTC).date())
    first = day(since, "--since") or only
    folders = [("process_docs", path) for path in docs or ()] + [("components", path) for path in components or ()]
    wants_journal = not folders or bool(date or since or every or journal)
    out = Console(stderr=True) if as_json else console()
    with watching(out) as watcher:
        runtime = open_home(home, watcher)
        try:
            found = _folders(runtime, folders, dry_run=dry_run, accept_gone=accept_gone)
            request, summary = (
                _journal(runtime, journal, (first, only), dry_run=dry_run, accept_gone=accept_gone)
                if wants_journal
                else (None, None)
            )
        finally:
            if not dry_run:
                tell_people(runtime)
            runtime.close()
    if as_json:
        typer.echo(to_json(_as_json(summary, found)))
        return
    if found is not None:
        _show_folders(out, found)
    if request is not None and summary is not None:
        _show(out, summary, request)


def _journal(
    runtime: "Runtime", root: Path | None, window: tuple[Day | None, Day | None], *, dry_run: bool, accept_gone: bool
) -> "tuple[IndexRequest, IndexSummary]":
    from web4_agent.flows.indexing import IndexRequest, index

    request = IndexRequest(*window, dry_run, accept_gone)
    return request, index(runtime.index_parts(root), request)


def _folders(
    runtime: "Runtime", folders: list[tuple[str, Path]], *, dry_run: bool, accept_gone: bool
) -> "ReferenceSummary | None":
    from web4_agent.flows.referencing import ReferenceRequest, index_references

    if not folders:
        return None
    return index_references(runtime.reference_parts(), ReferenceRequest(tuple(folders), dry_run, accept_gone))


def _as_json(journal: "IndexSummary | None", folders: "ReferenceSummary | None") -> object:
    """The journal's summary alone stands at the top, as it does where no folder is named."""
    if folders is None:
        return journal
    told: dict[str, object] = {"references": asdict(folders)}
    return told if journal is None else told | {"journal": asdict(journal)}


def _show_folders(out: Console, found: "ReferenceSummary") -> None:
    title = "Dry run: nothing was changed" if found.dry_run else "Folders to look up"
    listed = table(title, "collection", "folder", "found", "new", "edited", "unchanged", "gone", "rejected")
    for one in found.folders:
        counts = (one.found, one.new, one.edited, one.unchanged, one.gone, len(one.rejected))
        row(listed, one.collection, one.root, *counts)
    out.print(listed)
    refused = [rejection for one in found.folders for rejection in one.rejected]
    if refused:
        reasons = table("Rejected", "file", "reason", "detail")
        for rejection in refused[:MOST_LISTED]:
            row(reasons, rejection.id, rejection.reason, rejection.detail)
        out.print(reasons)
    if len(refused) > MOST_LISTED:
        out.print(f"and {len(refused) - MOST_LISTED} more", markup=False, soft_wrap=True)
    passed = sum(one.passed_over for one in found.folders)
    out.print(
        f"{found.chunks} chunks written, {passed} files of other kinds passed over, {found.seconds:.1f} s",
        markup=False,
    )


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
        out.print(
            f"no document of {request.since}; for the whole journal: web4-agent index --all",
            markup=False,
            soft_wrap=True,
        )


def _list(out: Console, summary: "IndexSummary", reasons: Counter[str]) -> None:
    listed = table("Rejected", "document", "reason", "detail")
    for rejection in summary.rejected[:MOST_LISTED]:
        row(listed, rejection.id, rejection.reason, rejection.detail)
    out.print(listed)
    if len(summary.rejected) > MOST_LISTED:
        out.print(f"and {len(summary.rejected) - MOST_LISTED} more: {dict(reasons)}", markup=False, soft_wrap=True)
