"""`web4-agent ask`: one question to production."""

from typing import Annotated

import typer

from web4_agent.cli.options import HomeOption, JsonOption
from web4_agent.cli.screen import console, row, table
from web4_agent.domain.ids import AdapterVersion


def command(
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    home: HomeOption = None,
    retrieve: Annotated[bool, typer.Option("--retrieve", help="Put what is found in the journal before it.")] = False,
    version: Annotated[str | None, typer.Option(help="Another version than production.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Ask production; names the adapter that answered and the documents nearest to the question."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.day import ask
    from web4_agent.storage.payload import to_json

    runtime = open_home(home)
    try:
        answer = ask(
            runtime.day_parts(),
            question,
            retrieve=retrieve,
            version=AdapterVersion(version) if version else None,
        )
    finally:
        runtime.close()
    if as_json:
        typer.echo(to_json(answer))
        return
    out = console()
    out.print(answer.completion.text.strip(), markup=False, soft_wrap=True)
    out.print()
    out.print(f"answered by {answer.adapter} on {answer.engine}, {answer.completion.seconds:.1f} s", markup=False)
    sources = table("Sources", "", "document", "likeness", "trained into", "in the prompt")
    for one in answer.sources:
        used = "yes" if one.in_prompt else "no"
        row(sources, one.number, one.document, f"{one.similarity:.2f}", one.trained_into or "not yet", used)
    if answer.sources:
        out.print(sources)
    else:
        out.print("no document in the journal is near this question")
