"""The canaries: must-not-regress tasks, answered greedily by the engine that will serve and scored by rules.

Called by the night, the full evaluation and the calibration of the gate. Knows no verdict: `gate` compares results.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from web4_agent.backends.engines.base import Engine
from web4_agent.domain.speech import Message
from web4_agent.domain.verdicts import Canary, CanaryResult, WordingResult
from web4_agent.steps.judging.scorers import checks_from, failures
from web4_agent.steps.judging.tables import Table, read_tables, refuse_duplicates, shipped

_KEYS = frozenset({"id", "topic", "prompt", "checks", "critical", "max_tokens", "system"})
_CANARY_KEYS = _KEYS | {"wordings"}


def load_canaries(own: Path | None = None) -> tuple[Canary, ...]:
    """The shipped canaries, and behind them those of the team's own file.

    Raises SettingsError naming file and key: an unknown key or scorer, an id used twice.
    """
    canaries = read_tasks(shipped("canaries.toml"), "canary", _CANARY_KEYS)
    if own is not None:
        canaries += read_tasks(own, "canary", _CANARY_KEYS)
    refuse_duplicates(canaries, lambda canary: canary.id, str(own or shipped("canaries.toml")))
    return canaries


def run_canaries(
    engine: Engine, canaries: Sequence[Canary], done: Callable[[int], None] = lambda _count: None
) -> tuple[CanaryResult, ...]:
    """Ask each in all its wordings, greedily, and score the answers; in order. `done` is told how many are finished."""
    results: list[CanaryResult] = []
    for canary in canaries:
        results.append(score_canary(canary, [answer_task(engine, wording) for wording in worded(canary)]))
        done(len(results))
    return tuple(results)


def worded(task: Canary) -> tuple[Canary, ...]:
    """The task once for each of its wordings, as its prompt; its own prompt is the first."""
    return tuple(replace(task, prompt=prompt, wordings=()) for prompt in (task.prompt, *task.wordings))


def score_canary(canary: Canary, answers: Sequence[str]) -> CanaryResult:
    """`answers`: one a wording, in order."""
    results = tuple(_score(canary, answer) for answer in answers)
    return CanaryResult(
        id=canary.id,
        topic=canary.topic,
        passed=2 * sum(result.passed for result in results) >= len(results),
        critical=canary.critical,
        answer=results[0].answer,
        reason=results[0].reason,
        wordings=results if len(results) > 1 else (),
    )


def answer_task(engine: Engine, task: Canary) -> str:
    return engine.generate(task_messages(task), max_tokens=task.max_tokens).text


def task_messages(task: Canary) -> tuple[Message, ...]:
    """The system message, where the task has one, and the user's."""
    system = (Message("system", task.system),) if task.system else ()
    return (*system, Message("user", task.prompt))


def read_tasks(path: Path, kind: str, keys: frozenset[str] = _KEYS) -> tuple[Canary, ...]:
    """The `[[kind]]` tasks of an item file. Raises SettingsError as `load_canaries`."""
    tasks = tuple(_task(table) for table in read_tables(path, kind, keys))
    refuse_duplicates(tasks, lambda task: task.id, str(path))
    return tasks


def _score(canary: Canary, answer: str) -> WordingResult:
    complaints = failures(answer, canary.checks)
    return WordingResult(not complaints, answer, "; ".join(complaints) or "holds every check")


def _task(table: Table) -> Canary:
    return Canary(
        id=table.text("id"),
        topic=table.text("topic"),
        prompt=table.text("prompt"),
        checks=checks_from(table.rows("checks"), f"{table.source}: {table.name}"),
        critical=table.flag("critical"),
        max_tokens=table.number("max_tokens", 48),
        system=table.text("system", ""),
        wordings=table.texts("wordings") if "wordings" in table.values else (),
    )
