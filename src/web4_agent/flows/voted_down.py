"""The morning's look at thumbs: what the last night made of them, and questions voted down asked once more.

Called by the morning through bootstrap. The questions are those whose answer by yesterday's model got a thumb down;
yesterday's model and today's answer them now, greedily, and nothing is scored: feedback is in no verdict.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from web4_agent.backends.engines.base import Engine, EngineLauncher
from web4_agent.domain.errors import EngineError, UsageError
from web4_agent.domain.home import Home
from web4_agent.domain.ids import AdapterVersion
from web4_agent.domain.progress import Unwatched, Watcher
from web4_agent.domain.speech import Message
from web4_agent.domain.thumbs import AskedAgain, ThumbsMorning, Use
from web4_agent.records import adapters, feedback, feedback_uses
from web4_agent.steps.promote import served
from web4_agent.storage.database import Database

MOST_QUESTIONS = 10
MOST_CHARS = 4_000
"""A longer question may not fit the context beside an answer."""
ANSWER_TOKENS = 200
STEP = "thumbs"


@dataclass(frozen=True, slots=True)
class VotedDownParts:
    database: Database
    home: Home
    artefact: str
    launcher: EngineLauncher
    watcher: Watcher = field(default_factory=Unwatched)


def look(parts: VotedDownParts, yesterday: AdapterVersion, today: AdapterVersion) -> ThumbsMorning:
    """No engine is started where nobody voted down. Raises UsageError for an unknown version, EngineError."""
    with parts.database.read() as connection:
        made = _made(connection, today)
        questions = feedback.voted_down(connection, yesterday, MOST_QUESTIONS, MOST_CHARS)
    told = ThumbsMorning(made.get(Use.TRAINED, 0), made.get(Use.KEPT_OUT, 0), made.get(Use.PREFERRED, 0))
    if not questions or yesterday == today:
        return told
    before = _answers(parts, yesterday, questions, 0)
    after = _answers(parts, today, questions, len(questions))
    asked = tuple(AskedAgain(*three) for three in zip(questions, before, after, strict=True))
    return ThumbsMorning(told.trained, told.kept_out, told.preferred, asked)


def _made(connection: Connection, version: AdapterVersion) -> dict[Use, int]:
    adapter = adapters.get(connection, version)
    return feedback_uses.counts(connection, adapter.run) if adapter is not None and adapter.run is not None else {}


def _answers(parts: VotedDownParts, version: AdapterVersion, questions: Sequence[str], done: int) -> list[str]:
    with parts.database.read() as connection:
        adapter = adapters.get(connection, version)
    if adapter is None:
        raise UsageError(f"no adapter is called {version}", "web4-agent adapters")
    engine = parts.launcher.start(served(adapter, parts.home, parts.artefact))
    try:
        return _asked(
            engine, questions, lambda at: parts.watcher.advanced(STEP, done + at, 2 * len(questions), None, "")
        )
    finally:
        engine.close()


def _asked(engine: Engine, questions: Sequence[str], advanced: Callable[[int], None]) -> list[str]:
    """A question that the engine refuses, as one that does not fit, has an empty answer."""
    answers = []
    for at, question in enumerate(questions, 1):
        try:
            answers.append(engine.generate((Message("user", question),), max_tokens=ANSWER_TOKENS).text)
        except EngineError:
            if not engine.alive:
                raise
            answers.append("")
        advanced(at)
    return answers
