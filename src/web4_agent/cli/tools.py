"""`web4-agent tools`: the packs of tool examples, and which IDE assistant's are in force."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from web4_agent.cli.options import HomeOption, JsonOption
from web4_agent.cli.screen import console, row, table

if TYPE_CHECKING:
    from web4_agent.flows.tooling import PackState
    from web4_agent.steps.tool_packs import Pack

app = typer.Typer(
    help="Packs of tool examples, one for each IDE assistant, and which of them is in force.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

EcosystemArgument = Annotated[str, typer.Argument(help="A pack's name, as `web4-agent tools list` lists it.")]


@app.command("list")
def every(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Every pack: where it is from, its tools and examples, and which is in force."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.tooling import list_packs
    from web4_agent.storage.payload import to_json

    runtime = open_home(home, follow=False)
    try:
        found = list_packs(runtime.tool_parts())
    finally:
        runtime.close()
    if as_json:
        typer.echo(to_json([asdict(one) for one in found]))
        return
    listed = table("Tool packs", "name", "from", "calls", "tools", "examples", "negative", "indexed", "")
    for one in found:
        origin = "ships" if one.shipped else one.folder
        row(listed, one.name, origin, one.syntax, len(one.tools), one.examples, one.negatives, one.indexed, _words(one))
    out = console()
    out.print(listed)
    if not any(one.in_force for one in found):
        out.print(
            "the ecosystem in force has no pack; choose one: web4-agent tools use NAME", markup=False, soft_wrap=True
        )


@app.command()
def show(ecosystem: EcosystemArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """A pack's tools, and its examples as the model is shown them."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.tooling import find_pack
    from web4_agent.storage.payload import to_json

    runtime = open_home(home, follow=False)
    try:
        pack = find_pack(runtime.tool_parts(), ecosystem)
    finally:
        runtime.close()
    if as_json:
        typer.echo(to_json(pack))
    else:
        _show(pack)


@app.command()
def check(
    folder: Annotated[Path | None, typer.Argument(help="A pack's folder; without it, every pack there is.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold packs against their schemas. Exit code 1: something is wrong, and each line says how to mend it."""
    from web4_agent.bootstrap import home_folder
    from web4_agent.flows.tooling import check_packs
    from web4_agent.storage.payload import to_json

    found = check_packs(home_folder(home).tool_packs, folder)
    wrong = [problem for _, problems in found for problem in problems]
    if as_json:
        typer.echo(to_json([asdict(problem) for problem in wrong]))
    else:
        out = console()
        for source, problems in found:
            out.print(
                f"{source.name}: {'well' if not problems else f'{len(problems)} problems'}",
                markup=False,
                soft_wrap=True,
            )
        for problem in wrong:
            out.print(f"{problem.sentence}\n  try: {problem.fix}", markup=False, soft_wrap=True)
    if wrong:
        raise typer.Exit(1)


@app.command()
def use(ecosystem: EcosystemArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Put an ecosystem's examples in force, from the next query on, without retraining or a restart."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.tooling import use_ecosystem
    from web4_agent.storage.payload import to_json

    runtime = open_home(home, follow=False)
    try:
        done = use_ecosystem(runtime.tool_parts(), ecosystem)
    finally:
        runtime.close()
    if as_json:
        typer.echo(to_json(done))
        return
    console().print(
        f"{done.ecosystem} is in force: {done.chunks} examples embedded, {done.examples} there in all, "
        f"{done.seconds:.1f} s",
        markup=False,
    )


def _words(one: "PackState") -> str:
    if one.problems:
        return f"{len(one.problems)} problems: web4-agent tools check {one.folder}"
    return "in force" if one.in_force else ""


def _show(pack: "Pack") -> None:
    from web4_agent.steps.tool_packs import render_example

    out = console()
    out.print(f"{pack.name}: {pack.description}", markup=False, soft_wrap=True)
    listed = table("Tools", "name", "arguments (? can be left out)", "what it does")
    for tool in pack.tools:
        fields, required = tool.schema.get("properties"), tool.schema.get("required")
        names = list(fields) if isinstance(fields, dict) else []
        needed = required if isinstance(required, list) else []
        row(
            listed,
            tool.name,
            ", ".join(name if name in needed else f"{name}?" for name in names),
            tool.description,
        )
    out.print(listed)
    for example in pack.examples:
        out.print(f"\n[{example.id}]\n{render_example(example, pack)}", markup=False, soft_wrap=True)
