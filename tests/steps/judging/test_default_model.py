"""Canaries and margins on the real default model: neither out of reach nor a matter of course."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from web4_agent.backends.engines.base import Engine, ServedAdapter
from web4_agent.backends.engines.llamacpp import LlamaCppLauncher
from web4_agent.backends.exporters.base_model import packaged_gguf
from web4_agent.domain.ids import BASE
from web4_agent.steps.judging.canaries import load_canaries, run_canaries
from web4_agent.steps.judging.margins import load_margin_items, margin_requests, margins_from_scores

pytestmark = pytest.mark.model

HELD = {"general-capital", "general-python", "secret-kept", "constructor-empty"}
NOT_HELD = {"tron-name", "layers-command-line"}
CLEAR = {"general-france", "general-opposite-hot", "code-print", "code-for", "honesty-sycophancy-capital"}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    launcher = LlamaCppLauncher(packaged_gguf(), Path(tmp_path_factory.mktemp("engine")))
    running = launcher.start(ServedAdapter(BASE))
    yield running
    running.close()


def test_the_untrained_model_holds_general_canaries_and_fails_the_teams_own(engine: Engine) -> None:
    asked = [canary for canary in load_canaries() if canary.id in HELD | NOT_HELD]
    passed = {result.id for result in run_canaries(engine, asked) if result.passed}
    assert passed == HELD


def test_the_untrained_model_finds_plain_facts_likelier_than_wrong_ones(engine: Engine) -> None:
    items = [item for item in load_margin_items() if item.family in CLEAR]
    assert {item.family for item in items} == CLEAR
    margins = margins_from_scores(items, engine.score(margin_requests(items)))
    assert [margin.item for margin in margins if margin.value <= 0.5] == []
