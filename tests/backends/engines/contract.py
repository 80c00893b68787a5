"""What every engine must do. An engine's tests inherit this and provide `launcher`, `adapter` and `engine`."""

from dataclasses import replace

import pytest

from web4_agent.backends.engines.base import Engine, EngineLauncher, ScoreRequest, ServedAdapter
from web4_agent.backends.engines.http_json import JsonHttp
from web4_agent.domain.errors import EngineError, IntegrityError, ModelError
from web4_agent.domain.ids import BASE, ContentHash
from web4_agent.domain.speech import Message

QUESTION = (Message("user", "What does the gate do?"),)
TEXTS = ("It rejects a worse model.", "It sleeps all night long.", "Ünï 20 çödé\n\tand tabs")


class EngineContract:
    def test_it_says_what_it_is(self, launcher: EngineLauncher) -> None:
        assert launcher.name

    def test_it_serves_the_adapter_it_was_started_with(self, engine: Engine, adapter: ServedAdapter) -> None:
        assert engine.adapter == adapter

    def test_it_says_that_it_lives(self, engine: Engine) -> None:
        assert engine.alive

    def test_it_speaks_openai_s_protocol_to_those_who_stream(self, engine: Engine) -> None:
        at = engine.endpoint
        body = {"model": at.model, "messages": [{"role": "user", "content": QUESTION[0].content}], "max_tokens": 4}
        reply = JsonHttp(at.url, "hint", at.api_key, 30.0).post("/v1/chat/completions", body)
        assert reply.text("choices", 0, "message", "content")

    def test_greedy_answers_are_the_same_twice(self, engine: Engine) -> None:
        first = engine.generate(QUESTION, max_tokens=8)
        assert engine.generate(QUESTION, max_tokens=8).text == first.text
        assert first.tokens_in > 0
        assert first.finish in {"stop", "length"}

    def test_answers_stop_at_the_limit_and_say_so(self, engine: Engine) -> None:
        completion = engine.generate(QUESTION, max_tokens=2)
        assert completion.tokens_out == 2
        assert completion.finish == "length"

    def test_every_text_gets_a_score_in_order(self, engine: Engine) -> None:
        if not engine.abilities.can_score:
            pytest.skip("this engine declares that it can't score")
        finished: list[int] = []
        scores = engine.score([ScoreRequest(QUESTION, text) for text in TEXTS], finished.append)
        assert [score.text_bytes for score in scores] == [len(text.encode()) for text in TEXTS]
        assert all(token.logprob <= 0 for score in scores for token in score.tokens)
        assert finished[-1] == len(TEXTS)
        assert finished == sorted(finished)

    def test_a_score_does_not_depend_on_its_neighbours(self, engine: Engine) -> None:
        if not engine.abilities.can_score:
            pytest.skip("this engine declares that it can't score")
        requests = [ScoreRequest(QUESTION, text) for text in TEXTS]
        together = [score.mean for score in engine.score(requests)]
        alone = [engine.score([request])[0].mean for request in reversed(requests)][::-1]
        assert alone == pytest.approx(together, abs=1e-3)

    def test_alternatives_come_best_first_and_as_many_as_asked(self, engine: Engine) -> None:
        if not engine.abilities.can_score:
            pytest.skip("this engine declares that it can't score")
        score = engine.score([ScoreRequest(QUESTION, TEXTS[0], top=3)])[0]
        for token in score.tokens:
            assert len(token.top) == min(3, engine.abilities.top_logprobs)
            assert list(token.top) == sorted(token.top, key=lambda pair: -pair[1])
            assert token.logprob <= token.top[0][1] + 1e-6

    def test_a_text_without_a_conversation_is_scored(self, engine: Engine) -> None:
        if not engine.abilities.can_score:
            pytest.skip("this engine declares that it can't score")
        assert engine.score([ScoreRequest((), TEXTS[0])])[0].tokens

    def test_an_engine_that_cannot_score_says_so(self, engine: Engine) -> None:
        if engine.abilities.can_score:
            pytest.skip("this engine can score")
        with pytest.raises(EngineError, match="likelihood"):
            engine.score([ScoreRequest(QUESTION, TEXTS[0])])

    def test_closing_twice_is_no_error_and_a_closed_engine_is_an_error(self, launcher: EngineLauncher) -> None:
        engine = launcher.start(ServedAdapter(BASE))
        engine.close()
        engine.close()
        with pytest.raises(EngineError) as caught:
            engine.generate(QUESTION, max_tokens=1)
        assert caught.value.hint

    def test_an_artefact_with_other_bytes_is_refused_with_both_hashes(
        self, launcher: EngineLauncher, adapter: ServedAdapter
    ) -> None:
        if adapter.artefact is None:
            pytest.skip("this engine takes no adapter files")
        with pytest.raises(IntegrityError, match="recorded 000000000000") as caught:
            launcher.start(replace(adapter, artefact_hash=ContentHash("0" * 64)))
        assert adapter.artefact_hash
        assert adapter.artefact_hash[:12] in caught.value.message

    def test_a_missing_artefact_is_named(self, launcher: EngineLauncher, adapter: ServedAdapter) -> None:
        if adapter.artefact is None:
            pytest.skip("this engine takes no adapter files")
        with pytest.raises(ModelError, match=r"gone\.gguf"):
            launcher.start(replace(adapter, artefact=adapter.artefact.with_name("gone.gguf")))
