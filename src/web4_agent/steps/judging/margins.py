"""The margins: how much likelier a model finds the right answer of a frozen question than three wrong ones.

Called by the night, the calibration and the backtest. A margin moves a little with every little loss, where a pass or
a fail shows it only when it tips over: hence the gate decides by margins. Knows no verdict.
"""

import math
from collections.abc import Sequence
from pathlib import Path

from web4_agent.backends.engines.base import ScoreRequest
from web4_agent.domain.errors import EngineError, SettingsError
from web4_agent.domain.speech import Message, TextScore
from web4_agent.domain.verdicts import Margin, MarginItem, Stratum
from web4_agent.steps.judging.tables import Table, read_tables, refuse_duplicates, shipped

ANSWERS = 4
"""The right one first, then three wrong ones: the order of `margin_requests`."""

_KEYS = frozenset({"id", "prompts", "answer", "wrong", "critical", "system"})
_TOP = frozenset({"stratum"})


def load_margin_items(own: Path | None = None) -> tuple[MarginItem, ...]:
    """The shipped items, stratum by stratum, and behind them those of the team's own file.

    A question with several wordings makes one item for each: `id/1`, `id/2`, … of the family `id`.
    Raises SettingsError naming file and key: an unknown key or stratum, not three wrong answers, an id used twice.
    """
    paths = [shipped(f"margins/{stratum.value}.toml") for stratum in Stratum]
    items = tuple(item for path in paths + ([own] if own else []) for item in read_margin_items(path))
    refuse_duplicates(items, lambda item: item.id, str(own or shipped("margins")))
    return items


def read_margin_items(path: Path) -> tuple[MarginItem, ...]:
    tables = read_tables(path, "question", _KEYS, top=_TOP)
    items = tuple(item for table in tables for item in _wordings(table))
    refuse_duplicates(items, lambda item: item.id, str(path))
    return items


def margin_requests(items: Sequence[MarginItem]) -> list[ScoreRequest]:
    """Four requests an item: the answer, then its three wrong ones. Equal prompts stand together, for prefix caches."""
    return [ScoreRequest(_messages(item), answer) for item in items for answer in (item.answer, *item.wrong)]


def margins_from_scores(items: Sequence[MarginItem], scores: Sequence[TextScore]) -> tuple[Margin, ...]:
    """The margins, from the scores of `margin_requests(items)` in the same order.

    Raises EngineError when there are not four scores an item: the engine answered something else.
    """
    if len(scores) != ANSWERS * len(items):
        raise EngineError(
            f"{len(scores)} scores for {len(items)} questions of {ANSWERS} answers each", "web4-agent doctor"
        )
    return tuple(
        Margin(item.id, item.family, item.stratum, item.critical, _margin(scores[ANSWERS * at : ANSWERS * (at + 1)]))
        for at, item in enumerate(items)
    )


def _margin(scores: Sequence[TextScore]) -> float:
    """Mean log-likelihood per token of the first, minus log-mean-exp of that of the others; nats per token."""
    right, *wrong = (score.mean for score in scores)
    highest = max(wrong)
    if not math.isfinite(highest):
        return math.nan
    return right - highest - math.log(sum(math.exp(value - highest) for value in wrong) / len(wrong))


def _messages(item: MarginItem) -> tuple[Message, ...]:
    system = (Message("system", item.system),) if item.system else ()
    return (*system, Message("user", item.prompt))


def _wordings(table: Table) -> tuple[MarginItem, ...]:
    wrong = table.texts("wrong")
    if len(wrong) != ANSWERS - 1 or table.text("answer") in wrong or len(set(wrong)) != len(wrong):
        raise table.wrong("wrong", "must be three different wrong answers")
    return tuple(
        MarginItem(
            id=f"{table.text('id')}/{number}",
            family=table.text("id"),
            stratum=_stratum(table),
            prompt=prompt,
            answer=table.text("answer"),
            wrong=(wrong[0], wrong[1], wrong[2]),
            critical=table.flag("critical"),
            system=table.text("system", ""),
        )
        for number, prompt in enumerate(table.texts("prompts"), start=1)
    )


def _stratum(table: Table) -> Stratum:
    name = table.text("stratum")
    try:
        return Stratum(name)
    except ValueError as exc:
        raise SettingsError(
            f"{table.source}: key 'stratum': '{name}' is unknown", f"use one of: {', '.join(Stratum)}"
        ) from exc
