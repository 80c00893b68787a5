"""`web4-agent ask`: one question to production."""

from typing import TYPE_CHECKING, Annotated

import typer

from web4_agent.cli.options import HomeOption, JsonOption, day
from web4_agent.cli.screen import console, row, table
from web4_agent.domain.errors import UsageError
from web4_agent.domain.ids import AdapterVersion

if TYPE_CHECKING:
    from web4_agent.flows.day import Answer
    from web4_agent.steps.retrieval.filters import Filters


def command(
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    home: HomeOption = None,
    force: Annotated[bool, typer.Option("--force", "--retrieve", help="Look into the journal in any case.")] = False,
    forbid: Annotated[bool, typer.Option("--forbid", help="Leave the journal alone: the model's own words.")] = False,
    agent: Annotated[str, typer.Option(help="Only documents whose header names this agent.")] = "",
    role: Annotated[str, typer.Option(help="Only documents of this role.")] = "",
    sprint: Annotated[str, typer.Option(help="Only documents of this sprint.")] = "",
    since: Annotated[str | None, typer.Option(help="First day, YYYY-MM-DD or today.")] = None,
    until: Annotated[str | None, typer.Option(help="Last day, YYYY-MM-DD or today.")] = None,
    collection: Annotated[list[str] | None, typer.Option(help="Only this collection; may be given again.")] = None,
    ecosystem: Annotated[str, typer.Option(help="Tool examples of this one, not of the one in force.")] = "",
    version: Annotated[str | None, typer.Option(help="Another version than production.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Ask production, with what the gateway would put before the question; names the adapter and the sources.

    Filters narrow what is looked up; whether anything is, the question decides, or --force.
    """
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.day import ask
    from web4_agent.steps.route import Wish
    from web4_agent.storage.payload import to_json

    if force and forbid:
        raise UsageError("--force and --forbid exclude each other", "leave one of them out")
    filters = _filters((since, until), tuple(collection or ()), agent, role, sprint, ecosystem)
    runtime = open_home(home)
    try:
        wish = Wish.FORCE if force else Wish.NEVER if forbid else Wish.AUTO
        chosen = AdapterVersion(version) if version else None
        answer = ask(runtime.day_parts(), question, wish=wish, filters=filters, version=chosen)
    finally:
        runtime.close()
    if as_json:
        typer.echo(to_json(answer))
        return
    _show(answer)


def _filters(
    days: tuple[str | None, str | None],
    names: tuple[str, ...],
    agent: str,
    role: str,
    sprint: str,
    ecosystem: str,
) -> "Filters":
    """Raises UsageError for a day that is none, or days and collections that nothing can be in."""
    from web4_agent.steps.retrieval.filters import Filters
    from web4_agent.steps.retrieval.library import ASIDE

    first, last = day(days[0], "--since"), day(days[1], "--until")
    if first and last and first > last:
        raise UsageError(f"--since {first} is after --until {last}", f"--since {last} --until {first}")
    for name in names:
        if name not in ASIDE:
            raise UsageError(f"--collection {name!r} is none of {', '.join(ASIDE)}", "web4-agent collections")
    return Filters(first, last, agent, role, sprint, names, ecosystem)


def _show(answer: "Answer") -> None:
    out = console()
    out.print(answer.completion.text.strip(), markup=False, soft_wrap=True)
    out.print()
    out.print(
        f"answered by {answer.adapter} on {answer.engine}, {answer.completion.seconds:.1f} s",
        markup=False,
        soft_wrap=True,
    )
    out.print(f"route {answer.decision.route}: {answer.decision.reason}", markup=False, soft_wrap=True)
    if answer.missed:
        out.print(f"missed: {answer.missed}", markup=False, soft_wrap=True)
    sources = table("Sources", "", "document", "likeness", "trained into")
    for one in answer.sources:
        row(sources, one.number, one.document, f"{one.similarity:.2f}", one.trained_into or "not yet")
    if answer.sources:
        out.print(sources)
    elif answer.decision.retrieves and not answer.missed:
        out.print("no document in the journal is near this question")
