"""`web4-agent tune`: how well retrieval finds what is known to be there, what would be better, and its versions."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from web4_agent.cli.options import HomeOption, JsonOption
from web4_agent.cli.screen import console, row, table, watching
from web4_agent.domain.errors import UsageError

if TYPE_CHECKING:
    from web4_agent.domain.retrieval import RetrievalPolicy
    from web4_agent.domain.tuning import Comparison, Measured
    from web4_agent.flows.tuning import SectionTrial, TuningReport

app = typer.Typer(
    help="Tune retrieval: try policies on questions with known answers, recommend, apply, list, take back.",
    invoke_without_command=True,
    rich_markup_mode=None,
)


@app.callback()
def tune_(
    context: typer.Context,
    home: HomeOption = None,
    queries: Annotated[
        int, typer.Option("--queries", help="Known items asked at most; rated answers come on top.")
    ] = 1000,
    minutes: Annotated[float, typer.Option("--minutes", help="About how long it may search.")] = 15.0,
    sections: Annotated[
        str, typer.Option("--sections", help="Other lengths of section to try, in tokens: 128,192. Embeds everything.")
    ] = "",
    policy: Annotated[
        Path | None, typer.Option("--policy", help="A TOML file of a policy to check, in place of a search.")
    ] = None,
    price: Annotated[float, typer.Option("--price", help="What 100 tokens of noise cost, in answers.")] = 0.01,
    may_lose: Annotated[float, typer.Option("--may-lose", help="Recall that less noise may cost at worst.")] = 0.02,
    apply: Annotated[bool, typer.Option("--apply", help="Put it in force where it is better beyond noise.")] = False,
    force: Annotated[bool, typer.Option("--force", help="With --apply and --why: also where it is not.")] = False,
    why: Annotated[str, typer.Option("--why", help="A reason to put on record.", show_default=False)] = "",
    as_json: JsonOption = False,
) -> None:
    """Try policies on one half of the documents, check the best on the other. Changes nothing without --apply.

    Exit code 0 also where nothing is better: then nothing is applied.
    """
    if context.invoked_subcommand is not None:
        return
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.tuning import TuningRequest, ready_to_apply, tune
    from web4_agent.flows.tuning import apply as put_in_force
    from web4_agent.storage.payload import to_json

    _refuse(apply=apply, force=force, why=why)
    request = TuningRequest(queries, minutes, _lengths(sections), policy, price, may_lose)
    out = Console(stderr=True) if as_json else console()
    number = 0
    with watching(out) as watcher:
        runtime = open_home(home, watcher, follow=False)
        try:
            if apply:
                ready_to_apply(runtime.policy_parts())
            found = tune(runtime.tuning_parts(), request)
            if apply and found.after != found.before and (found.recommended or force):
                number = put_in_force(runtime.policy_parts(), found, why, force=force)
        finally:
            runtime.close()
    if as_json:
        typer.echo(to_json({"report": asdict(found), "applied": number}))
        return
    show_report(out, found)
    out.print(_ending(found, number, asked=apply), markup=False, soft_wrap=True)


@app.command()
def show(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Which policy is in force, and every version that was: when, why, on which figures, what was taken back."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.tuning import standing
    from web4_agent.storage.payload import to_json

    runtime = open_home(home, follow=False)
    try:
        found = standing(runtime.policy_parts())
    finally:
        runtime.close()
    if as_json:
        typer.echo(to_json(found))
        return
    out = console()
    out.print(f"in force: {_named(found.number)}", markup=False, soft_wrap=True)
    held = table("Policy", "figure", "in force", "settings")
    for name, value in asdict(found.policy).items():
        row(held, name, _plain(value), _plain(asdict(found.settings)[name]))
    out.print(held)
    if not found.versions:
        out.print("no version was applied yet: try web4-agent tune --apply", markup=False, soft_wrap=True)
        return
    drawn = table("Versions", "version", "applied, UTC", "after", "worth", "recall", "tokens", "taken back, UTC", "why")
    for one in found.versions:
        gains = [_gain(one.figures, figure) for figure in ("worth", "recall", "tokens")]
        back = f"{one.reverted_utc:%Y-%m-%d %H:%M}" if one.reverted_utc else "-"
        row(drawn, one.number, f"{one.at_utc:%Y-%m-%d %H:%M}", _named(one.parent), *gains, back, one.why)
    out.print(drawn)


@app.command()
def revert(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Take the version in force back; the one before holds again, or the settings."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.tuning import revert as take_back
    from web4_agent.storage.payload import to_json

    runtime = open_home(home, follow=False)
    try:
        done = take_back(runtime.policy_parts())
    finally:
        runtime.close()
    if as_json:
        typer.echo(to_json(done))
        return
    told = f"version {done.taken_back} is taken back; in force: {_named(done.in_force)}"
    console().print(told, markup=False, soft_wrap=True)


def _refuse(*, apply: bool, force: bool, why: str) -> None:
    if force and not apply:
        raise UsageError("--force says nothing without --apply", "web4-agent tune --apply --force --why REASON")
    if force and not why.strip():
        raise UsageError("what figures do not speak for needs a reason", "web4-agent tune --apply --force --why REASON")


def _lengths(text: str) -> tuple[int, ...]:
    names = [one.strip() for one in text.split(",") if one.strip()]
    if not all(one.isdecimal() for one in names):
        raise UsageError(f"--sections {text!r} is no list of whole numbers", "web4-agent tune --sections 128,192")
    return tuple(dict.fromkeys(int(one) for one in names))


def show_report(out: Console, found: "TuningReport") -> None:
    out.print(
        f"{found.documents} documents in {found.sections} sections: {found.reused} vectors from the store, "
        f"{found.embedded} texts embedded; {found.tried} policies tried"
        f"{'' if found.whole else ', then the minutes were over'}; {found.seconds:.0f} s",
        markup=False, soft_wrap=True,
    )  # fmt: skip
    _show_policies(out, found.before, found.after, found.version)
    half = table("Half to tune on (flatters what was chosen on it)", "", *_HEADS)
    row(half, "in force", *_cells(found.tuned[0]))
    row(half, "chosen", *_cells(found.tuned[1]))
    out.print(half)
    half = table("Half to check on", "", *_HEADS, "ms")
    row(half, "in force", *_cells(found.check.before), f"{found.check.before.ms:.1f}")
    row(half, "chosen", *_cells(found.check.after), f"{found.check.after.ms:.1f}")
    out.print(half)
    _show_changes(out, found.check)
    by_kind = table("By kind of question, half to check on", "kind", "", *_HEADS)
    for one in found.kinds:
        row(by_kind, one.kind, "in force", *_cells(one.before))
        row(by_kind, "", "chosen", *_cells(one.after))
    out.print(by_kind)
    for trial in found.lengths:
        _show_length(out, trial)


def _show_policies(out: Console, before: "RetrievalPolicy", after: "RetrievalPolicy", version: int) -> None:
    from web4_agent.domain.retrieval import changed

    different = changed(before, after)
    drawn = table("Policy", "figure", f"in force ({_named(version)})", "chosen")
    for name, value in asdict(before).items():
        row(drawn, name, _plain(value), _plain(different[name][1]) if name in different else "as it is")
    out.print(drawn)


def _show_changes(out: Console, check: "Comparison") -> None:
    drawn = table(
        f"Chosen minus in force, paired by document, {check.confidence:.1%} intervals", "", "mean", "from", "to"
    )
    for one in check.changes:
        form = "{:+.4f}" if one.figure not in {"tokens", "noise_tokens", "shown"} else "{:+.2f}"
        row(drawn, one.figure.replace("_", " "), *(form.format(value) for value in (one.mean, one.low, one.high)))
    out.print(drawn)


def _show_length(out: Console, trial: "SectionTrial") -> None:
    head = f"sections of {trial.tokens} tokens"
    if trial.skipped:
        told = f"not tried: {trial.skipped}"
    elif trial.check is None:
        told = f"{trial.sections} of them, worth {trial.tuned_worth:.4f} against {trial.present_worth:.4f}: not better"
    else:
        gain = _gain(trial.check, "worth")
        then = f"set retrieval.section_tokens = {trial.tokens}, then web4-agent collections recut"
        told = (
            f"{trial.sections} of them, worth {gain} on the half to check on: {then if trial.wins else 'within noise'}"
        )
    out.print(f"{head}: {told}", markup=False, soft_wrap=True)


def _ending(found: "TuningReport", number: int, *, asked: bool) -> str:
    reasons = "; ".join(found.reasons)
    if number:
        return f"applied as version {number}: {reasons}; gateways follow by themselves; back: web4-agent tune revert"
    if found.recommended:
        return f"recommended: {reasons}; to apply it: web4-agent tune --apply"
    return f"{'nothing applied' if asked else 'no change'}: {reasons}"


_HEADS = ("questions", "documents", "recall", "first", "MRR", "noise", "shown", "tokens", "worth")


def _cells(one: "Measured") -> list[str]:
    shares = [f"{value:.3f}" for value in (one.recall, one.first, one.mrr, one.noise)]
    return [
        f"{one.questions}",
        f"{one.documents}",
        *shares,
        f"{one.shown:.2f}",
        f"{one.tokens:.0f}",
        f"{one.worth:.4f}",
    ]


def _gain(figures: "Comparison | None", figure: str) -> str:
    found = next((one for one in figures.changes if one.figure == figure), None) if figures else None
    form = "{:+.0f} ({:+.0f} to {:+.0f})" if figure == "tokens" else "{:+.3f} ({:+.3f} to {:+.3f})"
    return form.format(found.mean, found.low, found.high) if found else "-"


def _named(number: int) -> str:
    return f"version {number}" if number else "the settings"


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)
