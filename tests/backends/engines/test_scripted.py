"""The scripted engine keeps the contract, follows its script, and dies when told."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.engines.contract import QUESTION, EngineContract
from web4_agent.backends.engines.base import Engine, EngineLauncher, ScoreRequest, ServedAdapter
from web4_agent.backends.engines.scripted import Script, ScriptedLauncher
from web4_agent.backends.exporters.scripted import ScriptedExporter
from web4_agent.domain.errors import EngineError
from web4_agent.domain.ids import BASE, AdapterVersion, ContentHash
from web4_agent.domain.speech import Message


@pytest.fixture
def adapter(tmp_path: Path) -> ServedAdapter:
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "weights").write_bytes(b"weights")
    artefact = tmp_path / ScriptedExporter().artefact_name
    ScriptedExporter().export(tmp_path, folder, artefact)
    digest = ContentHash(hashlib.sha256(artefact.read_bytes()).hexdigest())
    return ServedAdapter(AdapterVersion("a-scripted"), artefact, digest)


@pytest.fixture
def launcher() -> EngineLauncher:
    return ScriptedLauncher(Script(answers={QUESTION[0].content: "It keeps worse models from people."}))


@pytest.fixture
def engine(launcher: EngineLauncher, adapter: ServedAdapter) -> Iterator[Engine]:
    engine = launcher.start(adapter)
    yield engine
    engine.close()


class TestScriptedEngine(EngineContract):
    pass


def test_it_says_what_the_script_says() -> None:
    engine = ScriptedLauncher(Script(answers={"Hi": "Hello there"})).start(ServedAdapter(BASE))
    assert engine.generate([Message("user", "Hi")], max_tokens=9).text == "Hello there"


def test_a_script_may_answer_by_adapter() -> None:
    launcher = ScriptedLauncher(Script(answer=lambda adapter, messages: f"{adapter.version}: {messages[-1].content}"))
    assert launcher.start(ServedAdapter(BASE)).generate([Message("user", "Hi")], max_tokens=9).text == "base: Hi"


def test_likelihoods_come_from_the_script() -> None:
    engine = ScriptedLauncher(Script(likelihood=lambda adapter, request: -0.5)).start(ServedAdapter(BASE))
    assert engine.score([ScoreRequest((), "two words")])[0].mean == -0.5


def test_another_adapter_has_other_likelihoods(adapter: ServedAdapter) -> None:
    launcher = ScriptedLauncher()
    request = ScoreRequest((), "some words")
    means = {launcher.start(each).score([request])[0].mean for each in (ServedAdapter(BASE), adapter)}
    assert len(means) == 2


def test_it_dies_at_the_request_it_was_told_to_and_stays_dead() -> None:
    engine = ScriptedLauncher(Script(dies_at=2)).start(ServedAdapter(BASE))
    engine.generate(QUESTION, max_tokens=1)
    with pytest.raises(EngineError, match="die at request 2"):
        engine.generate(QUESTION, max_tokens=1)
    with pytest.raises(EngineError):
        engine.generate(QUESTION, max_tokens=1)


def test_an_adapter_may_fail_to_start() -> None:
    with pytest.raises(EngineError, match="fail to start"):
        ScriptedLauncher(Script(fails_to_start=frozenset({BASE}))).start(ServedAdapter(BASE))


class TestScriptedEngineWithoutLikelihoods(EngineContract):
    @pytest.fixture
    def launcher(self) -> EngineLauncher:
        return ScriptedLauncher(Script(can_score=False, answer=lambda adapter, messages: "one two three"))


def test_closing_ends_the_process_that_speaks_http(launcher: EngineLauncher, adapter: ServedAdapter) -> None:
    engine = ScriptedLauncher().start(adapter)
    assert engine.endpoint.url.startswith("http://127.0.0.1:")
    engine.close()
    assert engine.child is not None
    assert not engine.child.alive


def test_it_is_dead_when_its_process_was_killed(adapter: ServedAdapter) -> None:
    engine = ScriptedLauncher().start(adapter)
    assert engine.endpoint.url
    assert engine.child is not None
    engine.child.process.kill()
    engine.child.process.wait()
    assert not engine.alive
    engine.close()
