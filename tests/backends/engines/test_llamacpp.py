"""The llama.cpp engine on a tiny random model: the contract, its likelihoods against transformers, and its deaths."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.backends.engines.contract import QUESTION, TEXTS, EngineContract
from tests.backends.exporters.tiny import likelihoods, make_adapter, make_tiny_base
from web4_agent.backends.engines.base import ScoreRequest, ServedAdapter
from web4_agent.backends.engines.forced_decoding import forced_score
from web4_agent.backends.engines.llamacpp import LlamaCppEngine, LlamaCppLauncher
from web4_agent.backends.exporters.base_gguf import write_base_gguf
from web4_agent.backends.exporters.gguf_adapter import GgufExporter
from web4_agent.domain.errors import EngineError, ModelError
from web4_agent.domain.ids import BASE, AdapterVersion, ContentHash
from web4_agent.domain.speech import Message

RENDERED = "<|im_start|>user\nWhat does the gate do?<|im_end|>\n<|im_start|>assistant\n"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_tiny_base(tmp_path_factory.mktemp("engine") / "base", "llama")
    write_base_gguf(folder, folder / "serving.gguf")
    return folder


@pytest.fixture(scope="module")
def adapter(base: Path) -> ServedAdapter:
    artefact = base.parent / "adapter.gguf"
    GgufExporter().export(base, make_adapter(base, base.parent / "adapter"), artefact)
    digest = ContentHash(hashlib.sha256(artefact.read_bytes()).hexdigest())
    return ServedAdapter(AdapterVersion("a-tiny"), artefact, digest)


@pytest.fixture(scope="module")
def launcher(base: Path) -> LlamaCppLauncher:
    return LlamaCppLauncher(base / "serving.gguf", base.parent / "logs", context_tokens=512, threads=1)


@pytest.fixture(scope="module")
def engine(launcher: LlamaCppLauncher, adapter: ServedAdapter) -> Iterator[LlamaCppEngine]:
    engine = launcher.start(adapter)
    yield engine
    engine.close()


class TestLlamaCppEngine(EngineContract):
    pass


def test_likelihoods_after_a_conversation_are_those_of_transformers(engine: LlamaCppEngine, base: Path) -> None:
    for text, score in zip(TEXTS, engine.score([ScoreRequest(QUESTION, text) for text in TEXTS]), strict=True):
        wanted = likelihoods(base, base.parent / "adapter", RENDERED, text)
        assert np.abs(np.subtract([token.logprob for token in score.tokens], wanted)).mean() <= 0.01
    assert engine.scored_by == "batch"


def test_tokens_forced_one_by_one_are_as_likely_as_those_read_at_once(engine: LlamaCppEngine) -> None:
    read = engine.score([ScoreRequest(QUESTION, TEXTS[0], top=3), ScoreRequest((), TEXTS[0], top=3)])
    for prompt, at_once in zip((RENDERED, None), read, strict=True):
        forced = forced_score(engine.http, prompt, TEXTS[0], 3)
        assert [token.token for token in forced.tokens] == [token.token for token in at_once.tokens]
        assert forced.mean == pytest.approx(at_once.mean, abs=0.02)
        assert [[token for token, _ in each.top] for each in forced.tokens] == [
            [token for token, _ in each.top] for each in at_once.tokens
        ]


def test_without_the_batch_scorer_tokens_are_forced(
    launcher: LlamaCppLauncher,
    adapter: ServedAdapter,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("web4_agent.backends.engines.llamacpp._PROBE_LIMIT_NATS", -1.0)
    engine = launcher.start(adapter)
    try:
        assert engine.score([ScoreRequest(QUESTION, TEXTS[0])])[0].tokens
        assert engine.scored_by == "forced"
        assert "engine.batch_scorer_unavailable" in caplog.text
    finally:
        engine.close()


def test_texts_longer_than_one_batch_are_scored_whole(engine: LlamaCppEngine, base: Path) -> None:
    text = "The night is long and full of gates. " * 9
    score = engine.score([ScoreRequest((), text)])[0]
    wanted = likelihoods(base, base.parent / "adapter", "", text)
    assert len(wanted) > 256
    assert np.abs(np.subtract([token.logprob for token in score.tokens], wanted)).mean() <= 0.01


def test_words_that_look_like_control_tokens_stay_words(engine: LlamaCppEngine) -> None:
    score = engine.score([ScoreRequest(QUESTION, "<|im_end|>")])[0]
    assert len(score.tokens) > 1


def test_a_text_that_does_not_fit_is_refused_and_the_engine_goes_on(
    launcher: LlamaCppLauncher, adapter: ServedAdapter
) -> None:
    engine = launcher.start(adapter)
    try:
        with pytest.raises(EngineError, match="don't fit into the context of 512"):
            engine.score([ScoreRequest((), "word " * 600)])
        assert engine.score([ScoreRequest((), "word")])[0].tokens
        with pytest.raises(EngineError, match="context"):
            engine.generate([Message("user", "word " * 600)], max_tokens=1)
        assert engine.generate(QUESTION, max_tokens=1).tokens_out == 1
    finally:
        engine.close()


def test_the_server_wants_its_key_and_the_key_is_in_no_argument_list(engine: LlamaCppEngine) -> None:
    from web4_agent.backends.engines.http_json import JsonHttp

    with pytest.raises(EngineError, match="401"):
        JsonHttp(engine.address, "hint", "wrong key").post("/tokenize", {"content": "a"})
    assert engine.address.startswith("http://127.0.0.1:")
    assert engine.api_key not in " ".join(psutil.Process(engine.child.pid).cmdline())


def test_an_engine_that_was_killed_says_so_and_names_its_log(launcher: LlamaCppLauncher) -> None:
    engine = launcher.start(ServedAdapter(BASE))
    os.kill(engine.child.pid, signal.SIGKILL)
    engine.child.process.wait(5)
    with pytest.raises(EngineError, match="died") as caught:
        engine.generate(QUESTION, max_tokens=1)
    assert "engine-base.log" in caught.value.hint
    engine.close()


def test_an_engine_whose_scorer_was_killed_says_so(launcher: LlamaCppLauncher) -> None:
    engine = launcher.start(ServedAdapter(BASE))
    engine.score([ScoreRequest((), "word")])
    assert engine.scorers
    for scorer in engine.scorers:
        os.kill(scorer.pid, signal.SIGKILL)
        scorer.process.wait(5)
    with pytest.raises(EngineError, match="died"):
        engine.score([ScoreRequest((), "word")])
    engine.close()


def test_a_file_that_is_no_model_fails_with_the_end_of_the_log(tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF but no more")
    with pytest.raises(EngineError, match="log ends") as caught:
        LlamaCppLauncher(tmp_path / "broken.gguf", tmp_path).start(ServedAdapter(BASE))
    assert "engine-base.log" in caught.value.hint


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.gguf"):
        LlamaCppLauncher(tmp_path / "gone.gguf", tmp_path).start(ServedAdapter(BASE))


def test_both_children_end_with_a_parent_that_is_killed(base: Path, tmp_path: Path) -> None:
    program = (
        "import sys, time\nfrom pathlib import Path\n"
        "from web4_agent.backends.engines.base import ScoreRequest, ServedAdapter\n"
        "from web4_agent.backends.engines.llamacpp import LlamaCppLauncher\nfrom web4_agent.domain.ids import BASE\n"
        "engine = LlamaCppLauncher(Path(sys.argv[1]), Path(sys.argv[2]), context_tokens=128, threads=1).start("
        "ServedAdapter(BASE))\nengine.score([ScoreRequest((), 'word')])\n"
        "print(engine.child.pid, engine.scorers[0].pid, flush=True)\ntime.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(base / "serving.gguf"), str(tmp_path)], stdout=subprocess.PIPE
    )
    assert parent.stdout
    children = [int(pid) for pid in parent.stdout.readline().split()]
    parent.kill()
    parent.wait(5)
    parent.stdout.close()
    assert len(children) == 2
    deadline = time.monotonic() + 10
    while any(psutil.pid_exists(pid) and _running(pid) for pid in children):
        assert time.monotonic() < deadline, "a child outlived its parent"
        time.sleep(0.05)


def _running(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
