"""Likelihoods on the trainer's copy are those of transformers."""

from pathlib import Path

import pytest
import torch

from web4_agent.backends.engines.base import ScoreRequest
from web4_agent.backends.trainers.scoring import score
from web4_agent.backends.trainers.worker_protocol import ScoreJob, decode_job, decode_said, encode_job, encode_said
from web4_agent.domain.speech import Message

ASKED = "<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n"
REQUESTS = (
    ScoreRequest((Message("user", "Why?"),), "The cache."),
    ScoreRequest((), "The server was restarted."),
    ScoreRequest((), ""),
    ScoreRequest((Message("user", "Why?"),), "The cache was cold.", top=5),
)


def _expected(base: Path, prompt: str, text: str) -> tuple[list[int], list[float], torch.Tensor]:
    """The text's tokens, their log-probabilities after the prompt, and all log-probabilities at those places."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(base))
    before, tokens = (tokenizer(each, add_special_tokens=False)["input_ids"] for each in (prompt, text))
    model = AutoModelForCausalLM.from_pretrained(str(base), dtype=torch.float32)
    with torch.no_grad():
        logp = torch.log_softmax(model(torch.tensor([before + tokens])).logits[0, len(before) - 1 : -1], -1)
    return tokens, [float(logp[place, token]) for place, token in enumerate(tokens)], logp


def test_each_text_is_scored_after_its_own_prompt(base: Path) -> None:
    scores = score(ScoreJob(base, None, REQUESTS))
    for found, prompt, text in ((scores[0], ASKED, "The cache."), (scores[1], "<|im_start|>", REQUESTS[1].text)):
        tokens, logprobs, _ = _expected(base, prompt, text)
        assert [token.token for token in found.tokens] == tokens
        assert [token.logprob for token in found.tokens] == pytest.approx(logprobs, abs=1e-5)


def test_an_empty_text_has_no_tokens(base: Path) -> None:
    assert score(ScoreJob(base, None, REQUESTS))[2].tokens == ()


def test_the_alternatives_are_the_most_likely_tokens(base: Path) -> None:
    found = score(ScoreJob(base, None, REQUESTS))[3]
    _, _, logp = _expected(base, ASKED, REQUESTS[3].text)
    for place, token in enumerate(found.tokens):
        values, indices = logp[place].topk(5)
        assert [each for each, _ in token.top] == indices.tolist()
        assert [value for _, value in token.top] == pytest.approx(values.tolist(), abs=1e-5)


def test_many_requests_are_spread_over_packs_and_keep_their_order(base: Path) -> None:
    some = tuple(ScoreRequest((), f"Note {number}: the server was restarted.") for number in range(150))
    together = score(ScoreJob(base, None, some))
    (alone,) = score(ScoreJob(base, None, some[120:121]))
    assert len(together) == 150
    assert together[120].mean == pytest.approx(alone.mean, abs=1e-5)


def test_answers_to_one_question_score_together_as_each_does_alone(base: Path) -> None:
    asked = (Message("user", "Why?"),)
    answers = ("The cache.", "", "The cache was cold.", "The server was restarted.", "cold")
    requests = tuple(ScoreRequest(asked, answer, top=2) for answer in answers)
    together = score(ScoreJob(base, None, requests))
    for request, found in zip(requests, together, strict=True):
        (alone,) = score(ScoreJob(base, None, (request,)))
        assert [token.token for token in found.tokens] == [token.token for token in alone.tokens]
        assert [token.logprob for token in found.tokens] == pytest.approx(
            [token.logprob for token in alone.tokens], abs=1e-5
        )
        assert [token.top[0][0] for token in found.tokens] == [token.top[0][0] for token in alone.tokens]


def test_jobs_and_scores_survive_the_way_between_the_processes(base: Path) -> None:
    asked = ScoreJob(base, None, REQUESTS)
    assert decode_job(encode_job(asked)) == asked
    scores = score(asked)
    assert decode_said(encode_said(scores)) == scores
