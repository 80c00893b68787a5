"""The full evaluation over fakes: a perfect model, a bad one, reasons, history, and what a crash leaves."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from tests.flows.fakes import ARTEFACT, World
from tests.steps.harnesses.answering import HARNESSES, bad, perfect, right_sources
from web4_agent.backends.engines.base import ServedAdapter
from web4_agent.backends.engines.scripted import Script, ScriptedLauncher
from web4_agent.domain.errors import BusyError, EngineError, UsageError
from web4_agent.domain.ids import BASE, AdapterVersion
from web4_agent.domain.speech import Message
from web4_agent.flows.evaluation import (
    AcceptParts,
    EvaluationParts,
    EvaluationReport,
    EvaluationRequest,
    accept,
    evaluate,
)
from web4_agent.records import evaluations
from web4_agent.steps.harnesses import NAMES, Item, LookUp
from web4_agent.storage.lock import exclusive


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@contextmanager
def sources_are_right(items: Sequence[Item]) -> Iterator[LookUp]:
    assert all(item.document for item in items)
    yield right_sources


def parts(world: World, script: Script) -> EvaluationParts:
    launcher = ScriptedLauncher(script)
    return EvaluationParts(
        world.database, world.home, ARTEFACT, launcher, lambda: HARNESSES, sources_are_right, world.clock
    )


def run(world: World, script: Script, *names: str, limit: int | None = None) -> EvaluationReport:
    return evaluate(parts(world, script), EvaluationRequest(names, limit=limit))


def all_but(harness: str, said: str = "No idea.") -> Script:
    """Perfect, but for every prompt of one harness."""
    right = perfect().answer
    assert right is not None
    prompts = {item.prompt for one in HARNESSES if one.name == harness for item in one.items}

    def answer(adapter: ServedAdapter, messages: Sequence[Message]) -> str:
        asked = messages[-1].content.rsplit("\n\n", 1)[-1]
        return said if asked in prompts else right(adapter, messages)

    return Script(answer=answer)


def outcome(report: EvaluationReport, harness: str) -> tuple[bool, str]:
    found = next(one for one in report.outcomes if one.harness == harness)
    return found.passed, found.sentence


def test_a_perfect_model_passes_all_nine_and_overall(world: World) -> None:
    report = run(world, perfect())
    assert report.passed
    assert [one.harness for one in report.outcomes] == [*NAMES, "overall"]
    assert {score.value for score in report.evaluation.gated} == {1.0}
    assert report.evaluation.complete
    with world.database.read() as connection:
        assert evaluations.recent(connection, 5) == [report.evaluation]


@pytest.mark.parametrize("said", ["", "I am not sure.", "Sure!", "{}", "Plan Do Check Act " * 4])
def test_a_bad_model_passes_none(world: World, said: str) -> None:
    report = run(world, bad(said))
    assert [one.harness for one in report.outcomes if one.passed] == []
    assert not report.passed


def test_a_model_that_refuses_everything_does_not_pass_the_refusals(world: World) -> None:
    report = run(world, bad("I can't help with that."), "refusal")
    score = report.evaluation.scores[0]
    assert not report.passed
    assert score.value == pytest.approx(2 / 3)


def test_a_ship_gate_blocks_and_no_reason_helps(world: World) -> None:
    report = run(world, all_but("constructor"))
    assert outcome(report, "constructor") == (False, "pass rate 0.0% against 95.0%: blocks")
    with pytest.raises(UsageError, match="ship gate"):
        accept(accepting(world), "constructor", "we know")
    with pytest.raises(UsageError, match="ship gate"):
        accept(accepting(world), "overall", "we know")


def accepting(world: World) -> AcceptParts:
    return AcceptParts(world.database, "lena", world.clock)


def test_a_quality_gate_passes_with_a_recorded_reason(world: World) -> None:
    report = run(world, all_but("tron"))
    assert not report.passed
    assert outcome(report, "tron")[1].endswith("needs a reason to pass")
    accepted = accept(accepting(world), "tron", "  blocks are\nnot used this quarter ")
    assert accepted.passed
    with world.database.read() as connection:
        (kept,) = evaluations.accepted(connection, report.evaluation.id)
    assert (kept.harness, kept.who, kept.why) == ("tron", "lena", "blocks are not used this quarter")
    assert kept.at_utc > report.evaluation.at_utc
    again = run(world, all_but("tron"))
    assert not again.passed, "a reason is for the evaluation that it was given for"
    assert again.history[0].passed


@pytest.mark.parametrize("why", ["", "  ", "...", "x" * 2_000])
def test_a_reason_that_is_none_is_refused(world: World, why: str) -> None:
    run(world, all_but("tron"))
    with pytest.raises(UsageError, match="reason"):
        accept(accepting(world), "tron", why)


def test_there_must_be_something_to_accept(world: World) -> None:
    with pytest.raises(UsageError, match="no evaluation of base"):
        accept(accepting(world), "tron", "because")
    run(world, perfect(), "tron")
    with pytest.raises(UsageError, match="is cleared"):
        accept(accepting(world), "tron", "because")
    with pytest.raises(UsageError, match="no evaluation of base"):
        accept(accepting(world), "cmm", "because")


def test_a_quick_look_says_so_and_is_never_recorded(world: World) -> None:
    report = run(world, perfect(), limit=2)
    assert "quick look at 2 items a harness, not an evaluation and not recorded" in report.sentence
    assert {score.asked for score in report.evaluation.scores} == {2}
    assert report.evaluation.overall is None
    assert report.markdown.name.endswith("-quick.md")
    for path in (report.markdown, report.html):
        assert "not recorded" in path.read_text()
    with world.database.read() as connection:
        assert evaluations.recent(connection, 5) == []


def test_some_harnesses_are_recorded_and_are_no_full_evaluation(world: World) -> None:
    report = run(world, perfect(), "cmm", "tron")
    assert [score.harness for score in report.evaluation.scores] == ["tron", "cmm"]
    assert report.sentence.startswith("Some harnesses, not a full evaluation.")
    assert not report.evaluation.complete
    assert run(world, perfect(), "tron").history[0].evaluation == report.evaluation


def test_two_evaluations_within_one_second_are_two_rows(world: World) -> None:
    ticks = count()
    quick = replace(parts(world, perfect()), now=lambda: world.clock.at + timedelta(microseconds=next(ticks)))
    one, other = (evaluate(quick, EvaluationRequest((name,))) for name in ("tron", "cmm"))
    assert one.evaluation.id != other.evaluation.id
    assert other.history[0].evaluation == one.evaluation


def test_history_and_change_are_in_both_reports(world: World) -> None:
    first = run(world, all_but("tron"))
    second = run(world, perfect())
    for path in (second.markdown, second.html):
        text = path.read_text()
        assert "+100.0 points" in text
        assert f"{first.evaluation.at_utc:%Y-%m-%d %H:%M}" in text
    changed = tuple(replace(one, items=one.items[1:]) if one.name == "tron" else one for one in HARNESSES)
    third = evaluate(replace(parts(world, perfect()), load=lambda: changed), EvaluationRequest(("tron",)))
    assert "+0.0 points, other items" in third.markdown.read_text()


def test_what_failed_is_shown_with_question_answer_and_reason(world: World) -> None:
    report = run(world, all_but("cmm", "<script>alert('x')</script> ```` # Plan"))
    page, text = report.html.read_text(), report.markdown.read_text()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "names no level, not CMM2" in page
    assert "`````\n<script>" in text
    assert "24 of 24 items failed" in text


def test_the_interval_and_the_number_behind_a_score_are_told(world: World) -> None:
    report = run(world, perfect(), "tron")
    score = report.evaluation.scores[0]
    assert (score.asked, score.passed) == (20, 20)
    assert 0.83 < score.low < 0.84
    assert "20 items are too few to be sure of it" in report.outcomes[0].sentence


def test_a_killed_evaluation_goes_on_with_the_harness_it_was_in(world: World) -> None:
    asked = sum(len(one.items) for one in HARNESSES[:4])
    with pytest.raises(EngineError):
        evaluate(parts(world, replace(perfect(), dies_at=asked + 3)))
    anew = parts(world, perfect())
    report = evaluate(anew)
    launcher = anew.launcher
    assert isinstance(launcher, ScriptedLauncher)
    assert launcher.started[0].requests == sum(len(one.items) for one in HARNESSES[4:])
    assert report.passed
    assert [path for path in world.home.reports.iterdir() if path.is_dir()] == []


def test_another_version_or_other_items_begin_anew(world: World) -> None:
    with pytest.raises(EngineError):
        evaluate(parts(world, replace(perfect(), dies_at=30)))
    fewer = (replace(HARNESSES[0], items=HARNESSES[0].items[:-1]), *HARNESSES[1:])
    anew = replace(parts(world, perfect()), load=lambda: fewer)
    evaluate(anew)
    launcher = anew.launcher
    assert isinstance(launcher, ScriptedLauncher)
    assert launcher.started[0].requests == sum(len(one.items) for one in fewer)


class Killed(BaseException):
    """As a signal would, it passes every handler."""


@pytest.mark.parametrize("point", ["evaluation.history.done", "evaluation.report.done", "evaluation.committed"])
def test_a_kill_at_any_point_leaves_one_row_and_one_report(world: World, point: str) -> None:
    def kill(reached: str) -> None:
        if reached == point:
            raise Killed

    with pytest.raises(Killed):
        evaluate(replace(parts(world, perfect()), reached=kill))
    report = evaluate(parts(world, perfect()))
    with world.database.read() as connection:
        rows = evaluations.recent(connection, 9)
    first_was_recorded = point == "evaluation.committed"
    assert len(rows) == (2 if first_was_recorded else 1)
    assert len({row.id for row in rows}) == len(rows)
    assert len(list(world.home.reports.glob("*.html"))) == len(rows)
    assert report.passed


def test_the_engine_is_closed_whatever_happens(world: World) -> None:
    made = parts(world, replace(perfect(), dies_at=5))
    with pytest.raises(EngineError):
        evaluate(made)
    launcher = made.launcher
    assert isinstance(launcher, ScriptedLauncher)
    assert launcher.started[0].closed


def test_one_evaluation_at_a_time(world: World) -> None:
    with exclusive(world.home.evaluation_lock, doing="an evaluation"), pytest.raises(BusyError):
        run(world, perfect(), "tron")


def test_unknown_names_and_limits_are_told(world: World) -> None:
    with pytest.raises(UsageError, match="no harness is called tronn"):
        run(world, perfect(), "tronn")
    with pytest.raises(UsageError, match="no adapter is called a-none"):
        evaluate(parts(world, perfect()), EvaluationRequest(version=AdapterVersion("a-none")))
    with pytest.raises(UsageError, match="--limit 0"):
        run(world, perfect(), limit=0)


def test_a_version_of_its_own_is_asked_in_productions_place(world: World) -> None:
    world.write_journal().index()
    world.night()
    report = evaluate(parts(world, perfect()), EvaluationRequest(("tron",), version=BASE))
    assert report.evaluation.version == BASE
    assert run(world, perfect(), "tron").evaluation.version != BASE
    assert accept_fails_for(world, "tron") == "is cleared"


def accept_fails_for(world: World, harness: str) -> str:
    with pytest.raises(UsageError) as caught:
        accept(accepting(world), harness, "because", BASE)
    return "is cleared" if "is cleared" in caught.value.message else caught.value.message


def test_progress_tells_of_every_harness_and_the_time_left(world: World) -> None:
    watcher = _Collecting()
    evaluate(replace(parts(world, perfect()), watcher=watcher), EvaluationRequest(("tron", "cmm")))
    assert watcher.told[0] == ("tron", 1, 20)
    assert watcher.told[-1] == ("cmm", 24, 24)
    assert watcher.left[-1] == 0


class _Collecting:
    def __init__(self) -> None:
        self.told: list[tuple[str, int, int]] = []
        self.left: list[float] = []

    def started(self, step: str) -> None:
        del step

    def advanced(self, step: str, done: int, total: int, left_s: float | None = None, note: str = "") -> None:
        self.told.append((step, done, total))
        self.left.append(-1.0 if left_s is None else left_s)

    def finished(self, step: str, seconds: float) -> None:
        del step, seconds
