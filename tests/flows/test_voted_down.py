"""The morning's look at thumbs: what the night made of them, and what became of the answers people disliked."""

import html
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from tests.flows.fakes import ARTEFACT, World
from tests.flows.test_forgetting import QuickWorld
from tests.flows.votes import NOON, vote
from web4_agent.backends.engines.base import ServedAdapter
from web4_agent.backends.engines.scripted import Script, ScriptedEngine, ScriptedLauncher
from web4_agent.domain.ids import BASE, AdapterVersion
from web4_agent.domain.queries import Thumb
from web4_agent.domain.runs import RunState
from web4_agent.domain.speech import Message
from web4_agent.domain.thumbs import ThumbsMorning
from web4_agent.flows.morning import MorningParts, MorningReport, morning
from web4_agent.flows.voted_down import VotedDownParts, look
from web4_agent.steps.judging.challenges import load_challenges
from web4_agent.steps.thumbs_told import thumbs_lines


def answers(adapter: ServedAdapter, messages: Sequence[Message]) -> str:
    """Today's model has another answer to whatever is asked of a crane, and the same as yesterday's else."""
    asked = messages[-1].content
    newer = adapter.version != BASE and "crane" in asked
    return f"{'A new' if newer else 'The old'} word on <this>"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A night with two thumbs up and three down behind it."""
    made = QuickWorld(tmp_path).write_journal()
    made.index()
    for number in range(5):
        vote(made, number, Thumb.UP if number > 2 else Thumb.DOWN)
    assert made.night().state is RunState.PROMOTED
    return made


class _Never(ScriptedLauncher):
    def start(self, adapter: ServedAdapter) -> ScriptedEngine:
        raise AssertionError(f"an engine was started with {adapter.version}")


def parts(world: World, launcher: ScriptedLauncher | None = None) -> VotedDownParts:
    return VotedDownParts(world.database, world.home, ARTEFACT, launcher or ScriptedLauncher(Script(answer=answers)))


def today(world: World) -> AdapterVersion:
    return AdapterVersion(next(world.home.adapters.iterdir()).name)


def told(world: World) -> MorningReport:
    launcher = ScriptedLauncher(Script(answer=answers))
    own = parts(world, launcher)
    return morning(
        MorningParts(
            world.database,
            world.home,
            ARTEFACT,
            launcher,
            load_challenges()[:2],
            world.clock,
            world.items,
            world.gate,
            thumbs=lambda yesterday, today: look(own, yesterday, today),
        )
    )


def test_the_morning_says_what_the_thumbs_changed(world: World) -> None:
    report = told(world)
    assert report.thumbs.sentence == (
        "thumbs: 2 up trained, 3 down kept out; on the questions that got a thumb down 1 of 3 answers changed"
    )
    for text in (report.markdown.read_text(), html.unescape(report.html.read_text())):
        assert report.thumbs.sentence in text
        assert "What do we do about the crane 1?" in text
        assert "A new word on <this>" in text
    assert "<this>" not in report.html.read_text(), "an answer is text, not markup"


def test_thumbs_do_not_enter_the_mornings_scores(world: World) -> None:
    with_thumbs = told(world)
    launcher = ScriptedLauncher(Script(answer=answers))
    challenges = load_challenges()[:2]
    plain = morning(
        MorningParts(world.database, world.home, ARTEFACT, launcher, challenges, world.clock, world.items, world.gate)
    )
    assert with_thumbs.comparison == plain.comparison
    assert plain.thumbs.sentence == ""
    assert "Thumbs" not in plain.markdown.read_text()


def test_only_what_yesterdays_model_answered_is_asked_again_the_last_ten_questions_once(world: World) -> None:
    for number in range(20, 32):
        vote(world, number, Thumb.DOWN, at_utc=NOON + timedelta(hours=3, seconds=number))
    vote(world, 40, Thumb.DOWN, client="bob", query="What do we do about the buoy 31?")
    vote(world, 41, Thumb.DOWN, adapter=today(world))
    vote(world, 42, Thumb.DOWN, endpoint="completions")
    asked = [one.question for one in look(parts(world), BASE, today(world)).asked]
    assert asked[0] == "What do we do about the crane 31?"
    assert len(asked) == len(set(asked)) == 10
    assert not any(one.endswith((" 41?", " 42?")) for one in asked)


def test_without_a_thumb_down_no_engine_is_started(tmp_path: Path) -> None:
    world = QuickWorld(tmp_path).write_journal()
    world.index()
    vote(world, 1)
    serving = world.night().serving
    assert look(parts(world, _Never()), BASE, serving) == ThumbsMorning(1, 0, 0)
    assert thumbs_lines(ThumbsMorning(0, 0, 0)) == []
