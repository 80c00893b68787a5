"""`web4-agent why`: where an answer came from."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from web4_agent.cli.options import HomeOption, JsonOption
from web4_agent.cli.screen import console, row, table

if TYPE_CHECKING:
    from web4_agent.flows.provenance import Provenance

SHOWN_CHARS = 600


def command(
    response: Annotated[str, typer.Argument(metavar="RESPONSE_ID", help="The id that came with the answer.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The route and why, the adapter and its nights, the sources shown, and the trained documents nearest to it."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.provenance import why
    from web4_agent.storage.payload import to_json

    runtime = open_home(home, follow=False)
    try:
        found = why(runtime.provenance_parts(), response)
    finally:
        runtime.close()
    if as_json:
        typer.echo(to_json(found))
        return
    out = console()
    _exchange(out, found)
    _lineage(out, found)
    _documents(out, found)
    for note in found.notes:
        out.print(f"note: {note}", markup=False, soft_wrap=True)


def _exchange(out: Console, found: "Provenance") -> None:
    asked = found.interaction
    out.print(
        f"{asked.response}, {asked.at_utc:%Y-%m-%d %H:%M:%S} UTC, for {asked.client or '-'}",
        markup=False,
        soft_wrap=True,
    )
    out.print(f"query:  {_short(asked.query) or '(text not kept)'}", markup=False, soft_wrap=True)
    out.print(f"answer: {_short(asked.answer) or '(text not kept)'}", markup=False, soft_wrap=True)
    out.print(
        f"route: {asked.route}: {asked.reason}; {asked.status} in {asked.latency_ms:,.0f} ms "
        f"(retrieval {asked.retrieval_ms:,.0f}, first token {asked.first_token_ms:,.0f})",
        markup=False,
    )
    if asked.error:
        out.print(f"error: {asked.error}", markup=False, soft_wrap=True)
    for one in found.feedback:
        out.print(
            f"thumb {one.thumb} by {one.client or '-'}: {one.comment or '(no comment)'}", markup=False, soft_wrap=True
        )


def _lineage(out: Console, found: "Provenance") -> None:
    out.print(f"adapter: {found.interaction.adapter}", markup=False, soft_wrap=True)
    shown = table("Lineage, newest first", "adapter", "night", "day", "documents", "scale", "verdict")
    for one in found.lineage:
        verdict = f"{one.decision}: {one.reasons[0]}" if one.reasons else one.decision or "-"
        row(shown, one.adapter, one.run or "-", one.day or "-", one.documents, f"{one.scale:g}", verdict)
    if found.lineage:
        out.print(shown)


def _documents(out: Console, found: "Provenance") -> None:
    if found.sources:
        shown = table("Shown to the model", "", "document", "likeness", "score", "trained into")
        for one in found.sources:
            name = f"{one.document} ({one.collection})"
            row(shown, one.number, name, f"{one.similarity:.2f}", f"{one.score:.3f}", one.trained_into or "-")
        out.print(shown)
    else:
        out.print("no document was shown to the model", markup=False, soft_wrap=True)
    if found.nearest:
        shown = table("Trained documents nearest to the answer", "document", "likeness", "taught in", "samples")
        for near in found.nearest:
            taught = f"{near.night or '-'} ({near.adapter})"
            row(shown, near.document, f"{near.similarity:.2f}", taught, sum(near.samples.values()))
        out.print(shown)
        out.print(
            "near is not proof: the weights do not say which document a word came from", markup=False, soft_wrap=True
        )
    if found.gone:
        out.print(
            f"{found.gone} of {found.trained} trained documents are no longer in history", markup=False, soft_wrap=True
        )


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= SHOWN_CHARS else f"{flat[:SHOWN_CHARS]} …"
