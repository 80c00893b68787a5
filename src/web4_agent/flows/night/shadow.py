"""Shadow replay: the last real questions answered by production and by the candidate, before the candidate serves.

Called by the story when a candidate passed its gate. Words are read from the query log and answers are compared in
memory; what is put down is which answer had which flaw. A version that probation drove out, or one that was trained on
top of a version under alarm, is rejected without being asked.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from web4_agent.backends.engines.base import Engine, ServedAdapter
from web4_agent.domain.errors import EngineError
from web4_agent.domain.ids import AdapterVersion
from web4_agent.domain.probation import ProbationState
from web4_agent.domain.queries import ResponseId
from web4_agent.domain.speech import Message
from web4_agent.domain.verdicts import Decision, RuleOutcome
from web4_agent.flows.night.judging import served_version
from web4_agent.flows.night.parts import Exported, Judged, NightParts, Shadowed, Trial
from web4_agent.records import probations
from web4_agent.steps.watch.replay import RULE, Pair, Said, judge, pair, slowness, timed_at_best

log = logging.getLogger(__name__)
ENDPOINTS = ("chat", "ollama chat")
"""Where a question is a person's or a program's words to an assistant, and no raw text to go on with."""
MOST_CHARS = 4_000
"""A longer question may not fit the context beside an answer."""
STEP = "shadow"


def replay(parts: NightParts, trial: Trial, exported: Exported, judged: Judged) -> Shadowed:
    """Add the replay's rule to the verdict; where it fails, the verdict is a rejection."""
    with parts.database.read() as connection:
        driven_out = _driven_out(connection, exported.version, trial.collected.production)
        asked = probations.recent_questions(connection, parts.shadow.prompts, ENDPOINTS, MOST_CHARS)
    pairs: tuple[Pair, ...] = ()
    if driven_out:
        rule = RuleOutcome(RULE, passed=False, measured=1.0, limit=0.0, sentence=driven_out)
    elif not asked:
        nothing = "Shadow replay: the query log keeps no question to ask again."
        rule = RuleOutcome(RULE, passed=True, measured=0.0, limit=0.0, sentence=nothing)
    else:
        pairs = _pairs(parts, trial, exported, asked)
        rule = judge(pairs, parts.shadow)
    decision = judged.verdict.decision if rule.passed else Decision.REJECT
    verdict = replace(judged.verdict, decision=decision, rules=(*judged.verdict.rules, rule))
    return Shadowed(pairs, replace(judged, verdict=verdict))


def _driven_out(connection: Connection, candidate: AdapterVersion, production: AdapterVersion) -> str:
    """Why this candidate may not serve whatever it answers; empty when it may."""
    before, under = probations.get(connection, candidate), probations.get(connection, production)
    if before is not None and before.state in {ProbationState.ALARMED, ProbationState.ROLLED_BACK}:
        return f"{candidate} served before and was {before.state} on probation: {before.reason}."
    if under is not None and under.state is ProbationState.ALARMED:
        return f"{production}, from which it was trained, is under alarm: {under.reason}."
    return ""


def _pairs(
    parts: NightParts, trial: Trial, exported: Exported, asked: Sequence[tuple[ResponseId, str]]
) -> tuple[Pair, ...]:
    artefact = exported.folder / parts.exporter.artefact_name
    candidate = ServedAdapter(exported.version, artefact, exported.artefact_hash)
    production = served_version(parts, trial.collected.production)
    questions = [question for _, question in asked]
    responses = [response for response, _ in asked]
    before = _answers(parts, production, questions, 0)
    after = _answers(parts, candidate, questions, len(questions))
    pairs = _paired(responses, before, after)
    for _ in range(parts.shadow.timed_again):
        if not slowness(pairs, parts.shadow):
            break
        log.info("shadow.timed_again slower=%.1f", slowness(pairs, parts.shadow))
        before = timed_at_best(before, _answers(parts, production, questions, 0))
        after = timed_at_best(after, _answers(parts, candidate, questions, len(questions)))
        pairs = _paired(responses, before, after)
    return pairs


def _paired(responses: Sequence[ResponseId], before: Sequence[Said], after: Sequence[Said]) -> tuple[Pair, ...]:
    return tuple(pair(*three) for three in zip(responses, before, after, strict=True))


def _answers(parts: NightParts, adapter: ServedAdapter, questions: Sequence[str], done: int) -> list[Said]:
    """Greedily, one after the other. Raises EngineError when the engine dies: the night goes on with this step."""
    engine = parts.launcher.start(adapter)
    answers: list[Said] = []
    try:
        for question in questions:
            answers.append(_said(engine, question, parts.shadow.max_tokens))
            parts.watcher.advanced(STEP, done + len(answers), 2 * len(questions), None, str(adapter.version))
    finally:
        engine.close()
    return answers


def _said(engine: Engine, question: str, max_tokens: int) -> Said:
    started = time.monotonic()
    try:
        found = engine.generate((Message("user", question),), max_tokens=max_tokens)
    except EngineError:
        if not engine.alive:
            raise
        return Said("", "", 0, 0.0, failed=True)
    return Said(found.text, found.finish, found.tokens_out, time.monotonic() - started)
