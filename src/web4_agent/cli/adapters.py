"""`web4-agent adapters`: versions, lineage, documents, verdicts."""

import typer

from web4_agent.cli.options import HomeOption, JsonOption
from web4_agent.cli.screen import console, row, table


def command(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Every version: its parent, the documents its night added, its verdict, and which one serves."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.standing import moves, versions
    from web4_agent.storage.payload import to_json

    runtime = open_home(home, follow=False)
    try:
        found, moved = versions(runtime.database), moves(runtime.database)
    finally:
        runtime.close()
    if as_json:
        typer.echo(
            to_json(
                [
                    {
                        "version": one.adapter.version,
                        "state": one.adapter.state,
                        "parent": one.adapter.parent,
                        "documents": one.adapter.documents,
                        "serves": one.serves,
                        "golden": one.golden,
                        "verdict": one.verdict.decision if one.verdict else None,
                    }
                    for one in found
                ]
            )
        )
        return
    out = console()
    listed = table("Adapters", "version", "parent", "state", "documents", "scale", "made, UTC", "")
    for one in found:
        marks = [
            word
            for word, holds in (("serves", one.serves), ("golden", one.golden), ("in lineage", one.in_lineage))
            if holds
        ]
        adapter = one.adapter
        made = f"{adapter.created_utc:%Y-%m-%d %H:%M}"
        row(
            listed,
            adapter.version,
            adapter.parent or "-",
            adapter.state,
            len(adapter.documents),
            f"{adapter.scale:g}",
            made,
            ", ".join(marks),
        )
    out.print(listed)
    for one in found:
        if one.verdict is not None:
            out.print(
                f"{one.adapter.version}: {one.verdict.decision}: {one.verdict.reasons[0]}", markup=False, soft_wrap=True
            )
    history = table("Moves of the pointer", "when, UTC", "from", "to", "why")
    for at, source, target, reason in moved:
        row(history, f"{at:%Y-%m-%d %H:%M:%S}", source or "-", target, reason)
    out.print(history)
