"""An engine that dies, hangs or answers garbage: the night stops or rejects, and goes on with a sound engine."""

import math
import time
from pathlib import Path

import pytest

from tests.backends.engines.fake_http import fake_server
from tests.faults.engines import (
    Spoil,
    SpoiltLauncher,
    every,
    first_token_alone,
    neutral_alone,
    no_tokens,
    three_too_few,
)
from tests.faults.table import told, told_in_words
from tests.faults.worlds import check_learned, check_untouched, check_whole, states
from tests.flows.fakes import ARTEFACT, World
from tests.flows.pages import page, write
from web4_agent.backends.engines import llamacpp
from web4_agent.backends.engines.llamacpp import LlamaCppLauncher
from web4_agent.backends.engines.openai_compatible import OpenAiLauncher
from web4_agent.backends.engines.scripted import Script, ScriptedLauncher
from web4_agent.domain.documents import DocumentState
from web4_agent.domain.errors import EngineError, IntegrityError
from web4_agent.domain.ids import BASE
from web4_agent.domain.runs import RunState
from web4_agent.domain.verdicts import Decision
from web4_agent.flows.night import abandon

PATIENCE_S = 0.3


@pytest.mark.parametrize("request_number", [1, 20, 100, 250])
def test_an_engine_that_dies_stops_the_night_and_a_new_one_goes_on(world: World, request_number: int) -> None:
    mortal = Script(likelihood=world.likelihood, dies_at=request_number)
    if request_number > 200:  # no engine of this small night is asked so much
        mortal = Script(likelihood=world.likelihood, fails_to_start=frozenset({BASE}))
    with pytest.raises(EngineError) as caught:
        world.night(launcher=ScriptedLauncher(mortal))
    assert caught.value.hint
    check_untouched(world)
    world.night()
    check_learned(world)


def test_an_engine_over_http_that_never_answers_is_given_up_in_time(world: World) -> None:
    def hang(_: object) -> tuple[int, object]:
        time.sleep(3 * PATIENCE_S)
        return 200, {}

    with fake_server({"POST /v1/": hang, "GET /v1/models": hang}) as server:
        started = time.monotonic()
        with pytest.raises(EngineError) as caught:
            world.night(launcher=OpenAiLauncher(server.url, "base", "", True, PATIENCE_S))
        assert time.monotonic() - started < 20 * PATIENCE_S
    told("engine that never answers, over HTTP", caught.value)
    check_untouched(world)
    world.night()
    check_learned(world)


def test_an_embedded_engine_that_never_comes_up_is_killed_and_named(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llamacpp, "_CHILD", "tests.faults.hanging_child")
    model = tmp_path / "base.gguf"
    model.write_bytes(b"any")
    launcher = LlamaCppLauncher(model, world.home.logs, start_timeout_s=PATIENCE_S)
    with pytest.raises(EngineError) as caught:
        world.night(launcher=launcher)
    told("embedded engine that never answers", caught.value)
    check_untouched(world)
    world.night()
    check_learned(world)


@pytest.mark.parametrize(
    ("row", "spoil"),
    [
        ("engine that gives no numbers", every(math.nan)),
        ("engine that gives no numbers", every(-math.inf)),
        ("engine that gives no numbers", neutral_alone),
        ("engine that scores no token", no_tokens),
        ("engine that scores too few tokens", first_token_alone),
        ("engine that scores too few texts", three_too_few),
        ("engine that gives likelihoods above one", every(1e6)),
    ],
)
def test_garbage_of_production_is_the_engines_fault_and_is_never_kept(world: World, row: str, spoil: Spoil) -> None:
    launcher = world.parts().launcher
    with pytest.raises(EngineError) as caught:
        world.night(launcher=SpoiltLauncher(launcher, candidate=False, spoil=spoil))
    told(row, caught.value)
    check_untouched(world)
    world.night()
    check_learned(world)


def test_garbage_of_golden_is_not_kept_for_the_nights_to_come(world: World) -> None:
    world.night()
    (kept,) = world.home.runs.glob("golden-*.json")  # measured as production, it is not measured again
    kept.unlink()
    later_pages(world)
    launcher = world.parts().launcher
    with pytest.raises(EngineError):
        world.night(launcher=SpoiltLauncher(launcher, candidate=False, spoil=every(math.nan)))
    assert list(world.home.runs.glob("golden-*.json")) == []
    assert world.night().state is RunState.PROMOTED
    check_whole(world)


@pytest.mark.parametrize("spoil", [every(math.nan), neutral_alone])
def test_a_candidate_that_gives_no_numbers_is_void(world: World, spoil: Spoil) -> None:
    launcher = world.parts().launcher
    report = world.night(launcher=SpoiltLauncher(launcher, candidate=True, spoil=spoil))
    assert (report.state, report.verdicts[-1].decision) == (RunState.REJECTED, Decision.VOID)
    told_in_words("candidate that gives no numbers", report.verdicts[-1].reasons[0], 1)
    assert states(world) == {DocumentState.BUFFERED: 6}
    check_untouched(world)
    check_whole(world)


def test_a_production_that_says_nothing_stops_the_night(world: World) -> None:
    launcher = world.parts().launcher
    with pytest.raises(EngineError) as caught:
        world.night(launcher=SpoiltLauncher(launcher, candidate=False, silent=True))
    told("engine that answers nothing", caught.value)
    check_untouched(world)
    world.night()
    check_learned(world)


def test_a_candidate_that_says_nothing_is_rejected(world: World) -> None:
    launcher = world.parts().launcher
    report = world.night(launcher=SpoiltLauncher(launcher, candidate=True, silent=True))
    assert report.state is RunState.REJECTED
    told_in_words("candidate that answers nothing", report.verdicts[-1].reasons[0], 1)
    check_untouched(world)
    check_whole(world)


def test_a_candidate_whose_bytes_change_before_they_are_judged_is_not_judged(world: World) -> None:
    def damage(point: str) -> None:
        if point == "export-1.committed":
            (artefact,) = world.home.runs.glob(f"*/candidates/1/{ARTEFACT}")
            artefact.write_bytes(b"other bytes")

    with pytest.raises(IntegrityError) as caught:
        world.night(reached=damage)
    told("candidate whose file changed", caught.value)
    check_untouched(world)
    abandon(world.parts())
    world.night()
    check_learned(world)


def later_pages(world: World) -> None:
    for at in range(5):
        write(world.journal, f"15{at:02}-later", page(f"later matter {at}", f"Number {at} of that afternoon. " * 3))
    world.index()
