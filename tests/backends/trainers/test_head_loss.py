"""The fused loss equals what autograd gives for the same formula."""

import math

import pytest
import torch
from torch.nn import functional

from web4_agent.backends.trainers import head_loss as module
from web4_agent.backends.trainers.head_loss import head_loss, log_probabilities


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK_TOKENS", 3)


def _case() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(3)
    hidden, head = torch.randn(8, 5, dtype=torch.float64), torch.randn(11, 5, dtype=torch.float64)
    return hidden, head, torch.randint(0, 11, (8,)), torch.rand(8, dtype=torch.float64)


def test_weighted_likelihood_and_its_gradient() -> None:
    hidden, head, targets, scale = _case()
    hidden.requires_grad_()
    expected = (scale * functional.cross_entropy(hidden @ head.T, targets, reduction="none")).sum()
    torch.autograd.backward(expected)
    found = head_loss(hidden.detach(), head, targets, scale)
    assert found.nll == pytest.approx(float(expected.detach()), rel=1e-12)
    assert hidden.grad is not None
    torch.testing.assert_close(found.gradient_nd, hidden.grad)


def test_kl_to_base_and_its_gradient() -> None:
    hidden, head, targets, scale = _case()
    base_hidden = hidden + 0.3
    hidden.requires_grad_()
    logp, base_logp = torch.log_softmax(hidden @ head.T, -1), torch.log_softmax(base_hidden @ head.T, -1)
    kl = functional.kl_div(logp, base_logp, reduction="sum", log_target=True)
    nll = -(scale * logp.gather(1, targets[:, None])[:, 0]).sum()
    torch.autograd.backward(nll + 0.7 * kl)
    found = head_loss(hidden.detach(), head, targets, scale, base_hidden_nd=base_hidden, kl_scale=0.7)
    assert found.kl == pytest.approx(float(kl.detach()), rel=1e-9)
    assert found.nll == pytest.approx(float(nll.detach()), rel=1e-12)
    assert hidden.grad is not None
    torch.testing.assert_close(found.gradient_nd, hidden.grad)


def test_an_impossible_target_counts_as_the_smallest_probability_and_not_as_infinity() -> None:
    found = head_loss(torch.tensor([[1_000.0]]), torch.tensor([[1.0], [-1.0]]), torch.tensor([1]), torch.ones(1))
    assert found.nll == pytest.approx(87.3, abs=0.1)


def test_a_broken_hidden_state_is_seen_in_the_loss() -> None:
    found = head_loss(torch.full((1, 1), math.nan), torch.ones(2, 1), torch.tensor([1]), torch.ones(1))
    assert math.isnan(found.nll)


def test_log_probabilities_name_the_most_likely_tokens_best_first() -> None:
    hidden, head, targets, _ = _case()
    found, best = log_probabilities(hidden, head, targets, 4)
    logp = torch.log_softmax(hidden @ head.T, -1)
    assert found == pytest.approx(logp[torch.arange(8), targets].tolist())
    assert [token for token, _ in best[5]] == logp[5].argsort(descending=True)[:4].tolist()
    assert [value for _, value in best[5]] == sorted((value for _, value in best[5]), reverse=True)
