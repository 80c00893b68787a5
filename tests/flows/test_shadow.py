"""The night's shadow replay over fakes: real questions, two engines, one more rule in the verdict."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.flows.fakes import World
from tests.flows.interactions import asked
from tests.flows.test_night import states
from tests.flows.test_probation import ITEMS, People
from tests.kills.invariants import check_invariants
from web4_agent.backends.engines.base import ServedAdapter
from web4_agent.backends.engines.scripted import Script, ScriptedLauncher
from web4_agent.domain.documents import DocumentState
from web4_agent.domain.ids import BASE
from web4_agent.domain.probation import ProbationState
from web4_agent.domain.queries import Flaw
from web4_agent.domain.runs import RunState
from web4_agent.domain.speech import Message
from web4_agent.flows.probation import check, history, watch_over
from web4_agent.records import interactions, verdicts
from web4_agent.steps.watch.replay import RULE, ReplayPolicy


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path, items=ITEMS).write_journal()
    made.index()
    return made


def people_asked(world: World, *questions: str, texts: bool = True) -> None:
    rows = [
        asked(number, at_utc=world.clock(), endpoint="chat", query=question, answer="kept nowhere else")
        for number, question in enumerate(questions, 1)
    ]
    with world.database.begin() as connection:
        interactions.add(connection, rows, texts=texts)


def speaking(world: World, said: Callable[[ServedAdapter, str], str]) -> ScriptedLauncher:
    def answer(adapter: ServedAdapter, messages: Sequence[Message]) -> str:
        asked_for = messages[-1].content
        return said(adapter, asked_for) if asked_for.startswith("How did we solve") else asked_for

    return ScriptedLauncher(Script(likelihood=world.likelihood, answer=answer))


def loops(adapter: ServedAdapter, question: str) -> str:
    return question if adapter.version == BASE else "I am sorry. I am very sorry. " * 20


QUESTIONS = tuple(f"How did we solve matter {number}?" for number in range(25))


def test_without_a_kept_question_the_step_says_so_and_passes(world: World) -> None:
    people_asked(world, *QUESTIONS, texts=False)
    report = world.night()
    assert report.state is RunState.PROMOTED
    (rule,) = [rule for rule in report.verdicts[-1].rules if rule.rule == RULE]
    assert rule.passed
    assert "keeps no question" in rule.sentence


def test_a_candidate_that_answers_as_well_is_promoted_with_the_rule_in_its_manifest(world: World) -> None:
    people_asked(world, *QUESTIONS)
    launcher = speaking(world, lambda _, question: question)
    report = world.night(launcher=launcher)
    assert report.state is RunState.PROMOTED
    assert "Shadow replay of 20 real questions" in (world.home.adapter(report.serving) / "MANIFEST.json").read_text()
    assert [engine.adapter.version for engine in launcher.started[-2:]] == [BASE, report.serving]
    assert all(engine.closed for engine in launcher.started)
    check_invariants(world)


def test_a_candidate_that_loops_on_real_questions_is_rejected_with_the_reason(world: World) -> None:
    people_asked(world, *QUESTIONS)
    report = world.night(launcher=speaking(world, loops))
    assert report.state is RunState.REJECTED
    assert "20 of 20 answers are flawed that were not before (20 looping)" in report.verdicts[-1].reasons[0]
    assert states(world) == {DocumentState.BUFFERED: 6}
    with world.database.read() as connection:
        assert verdicts.of_run(connection, report.run)[0].reasons == report.verdicts[-1].reasons
    assert "shadow replay | **fail**" in (world.home.run(report.run) / "report.md").read_text()
    for file in [*world.home.run(report.run).rglob("*"), world.home.log(report.run)]:
        if file.is_file():  # and no word of a question or an answer is put down
            assert "How did we solve" not in file.read_text(errors="replace"), file
            assert "very sorry" not in file.read_text(errors="replace"), file
    check_invariants(world)


@pytest.mark.parametrize(
    ("slow_looks", "state"), [(1, RunState.PROMOTED), (2, RunState.PROMOTED), (3, RunState.REJECTED)]
)
def test_a_candidate_that_is_slow_whenever_it_is_timed_is_rejected_and_one_beside_other_work_is_not(
    world: World, slow_looks: int, state: RunState
) -> None:
    people_asked(world, *QUESTIONS)
    looks: Counter[str] = Counter()

    def said(adapter: ServedAdapter, question: str) -> str:
        if adapter.version != BASE:
            looks[question] += 1
            if looks[question] <= slow_looks:
                time.sleep(0.05)
        return question

    report = world.night(launcher=speaking(world, said), shadow=ReplayPolicy(prompts=5))
    assert report.state is state
    assert set(looks.values()) == {min(slow_looks + 1, 3)}
    if state is RunState.REJECTED:
        assert "times as long, 3 is the limit" in report.verdicts[-1].reasons[0]


def test_each_question_is_asked_once_the_newest_first_and_long_ones_are_left_out(world: World) -> None:
    people_asked(
        world, "How did we solve A?", "How did we solve B?", "How did we solve B?", "How did we solve " + "it " * 3_000
    )
    heard: list[str] = []

    def said(_: ServedAdapter, question: str) -> str:
        heard.append(question)
        return question

    world.night(launcher=speaking(world, said), shadow=ReplayPolicy(prompts=2))
    assert heard == ["How did we solve B?", "How did we solve A?"] * 2


def test_a_version_that_was_trained_on_top_of_one_under_alarm_is_rejected_unasked(world: World) -> None:
    from tests.flows.pages import page, write

    people = People(world)
    world.night()
    bad = people.production
    for at in range(5):
        text = page(f"later matter {at}", f"Number {at} of a new day: " + " ".join(f"w{at}{n}" for n in range(30)))
        write(world.journal, f"09{at:02}-later", text, "2026-03-02")
    world.index()

    def alarm(point: str) -> None:
        if point == "judge-1.committed":  # the night holds the lock: the alarm can be seen, and not be acted on yet
            people.ask(20, flaw=Flaw.LOOPING)
            assert check(people.parts()).alarm is not None

    report = world.night(reached=alarm)
    assert report.state is RunState.REJECTED
    assert "under alarm" in report.verdicts[-1].reasons[0]
    watch_over(people.parts())
    assert people.production == BASE
    (row,) = history(world.database, 5)
    assert (row.adapter, row.state) == (bad, ProbationState.ROLLED_BACK)


def test_the_same_bytes_that_were_driven_out_are_never_promoted_again(world: World) -> None:
    from web4_agent.flows.rollback import roll_back

    people = People(world)
    world.night()
    bad = people.production
    people.ask(20, flaw=Flaw.LOOPING)
    watch_over(people.parts())
    roll_back(world.rollback_parts(), bad)  # a person looks again, and gives the documents free
    roll_back(world.rollback_parts(), BASE, retrain=True)
    report = world.night()
    assert report.state is RunState.REJECTED
    assert f"{bad} served before" in report.verdicts[-1].reasons[0]
