"""`web4-agent backup`: make one, list them, read one back, remove what nothing needs."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from web4_agent.cli.options import HomeOption, JsonOption
from web4_agent.cli.screen import console, row, table, watching
from web4_agent.domain.errors import UsageError

if TYPE_CHECKING:
    from web4_agent.flows.backing_up import Listed, Pruned


def command(
    home: HomeOption = None,
    to: Annotated[Path | None, typer.Option("--to", help="A folder, else the home's own.", show_default=False)] = None,
    archive: Annotated[bool, typer.Option("--archive", help="One .tar file in place of a folder.")] = False,
    listing: Annotated[bool, typer.Option("--list", help="Which backups there are.")] = False,
    verify: Annotated[str | None, typer.Option("--verify", help="Read a backup back, by name or path.")] = None,
    prune: Annotated[bool, typer.Option("--prune", help="Remove adapters and backups that nothing needs.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --prune: only say what would go.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Copy the ledger and the adapters it may need, checked; while people ask and a night may run."""
    if sum((listing, verify is not None, prune)) > 1:
        raise UsageError("--list, --verify and --prune exclude each other", "give one of them")
    if (dry_run and not prune) or (archive and (listing or verify is not None or prune)):
        raise UsageError("--dry-run goes with --prune, --archive with none of these", "web4-agent backup --help")
    if listing:
        _list(home, to, as_json=as_json)
    elif verify is not None:
        _verify(home, verify, as_json=as_json)
    elif prune:
        _prune(home, dry_run=dry_run, as_json=as_json)
    else:
        _make(home, to, archive=archive, as_json=as_json)


def _make(home: Path | None, to: Path | None, *, archive: bool, as_json: bool) -> None:
    from web4_agent.bootstrap import open_home
    from web4_agent.domain.progress import Unwatched
    from web4_agent.flows.backing_up import back_up
    from web4_agent.storage.payload import to_json

    out = console()
    with watching(out) as watcher:
        runtime = open_home(home, Unwatched() if as_json else watcher, follow=False)
        try:
            made = back_up(runtime.backup_parts(), to and to.expanduser().absolute(), archive=archive)
        finally:
            runtime.close()
    if as_json:
        typer.echo(to_json({"path": made.path, "seconds": made.seconds, "manifest": asdict(made.manifest)}))
        return
    manifest = made.manifest
    held = f"{sum(manifest.documents.values())} documents, {len(manifest.adapters)} adapters"
    out.print(
        f"{made.path}: {held}, {manifest.size_bytes / 1e6:,.1f} MB, {made.seconds:.1f} s", markup=False, soft_wrap=True
    )
    if manifest.missing:
        out.print(
            f"not in it, because damaged in the home: {', '.join(manifest.missing)}", markup=False, soft_wrap=True
        )
        out.print("  try: web4-agent doctor --fix", markup=False, soft_wrap=True)


def _list(home: Path | None, folder: Path | None, *, as_json: bool) -> None:
    from web4_agent.bootstrap import open_unchecked
    from web4_agent.flows.backing_up import list_backups
    from web4_agent.storage.payload import to_json

    place = folder.expanduser().absolute() if folder else open_unchecked(home).home.backups
    found = list_backups(place)
    if as_json:
        typer.echo(to_json([_plain(one) for one in found]))
        return
    listed = table(f"Backups in {place}", "name", "made, UTC", "for", "serves", "documents", "adapters", "MB", "")
    for one in found:
        manifest, size = one.manifest, f"{one.size_bytes / 1e6:,.1f}"
        if manifest is None:
            row(listed, one.path.name, "", "", "", "", "", size, one.trouble)
            continue
        counts = (sum(manifest.documents.values()), len(manifest.adapters))
        made = f"{manifest.made_utc:%Y-%m-%d %H:%M:%S}"
        row(listed, one.path.name, made, manifest.reason, manifest.production, *counts, size, "")
    console().print(listed)


def _verify(home: Path | None, name: str, *, as_json: bool) -> None:
    from web4_agent.bootstrap import open_unchecked
    from web4_agent.flows.backing_up import check_backup
    from web4_agent.storage.payload import to_json

    runtime = open_unchecked(home)
    try:
        found = check_backup(runtime.backup_parts(), name)
    finally:
        runtime.close()
    assert found.manifest is not None, "check_backup reads it"
    if as_json:
        typer.echo(to_json(_plain(found)))
    else:
        count = len(found.manifest.files)
        console().print(
            f"{found.path} is whole: {count} files, {found.size_bytes / 1e6:,.1f} MB", markup=False, soft_wrap=True
        )


def _prune(home: Path | None, *, dry_run: bool, as_json: bool) -> None:
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.backing_up import prune
    from web4_agent.storage.payload import to_json

    runtime = open_home(home, follow=False)
    try:
        done = prune(runtime.backup_parts(), dry_run=dry_run)
    finally:
        runtime.close()
    if as_json:
        typer.echo(to_json(done))
    else:
        _tell(done, dry_run=dry_run)


def _tell(done: "Pruned", *, dry_run: bool) -> None:
    out = console()
    listed = table("Would go" if dry_run else "Removed", "what", "which")
    for what, names in (("adapter", done.adapters), ("backup", done.backups), ("candidates of", done.candidates)):
        for name in names:
            row(listed, what, name)
    out.print(listed)
    for version, reason in done.kept.items():
        out.print(f"{version} stays: {reason}", markup=False, soft_wrap=True)
    out.print(
        f"{done.freed_bytes / 1e6:,.1f} MB {'would be' if dry_run else 'are'} free again", markup=False, soft_wrap=True
    )


def _plain(one: "Listed") -> dict[str, object]:
    manifest = asdict(one.manifest) if one.manifest else None
    return {"path": one.path, "size_bytes": one.size_bytes, "trouble": one.trouble, "manifest": manifest}
