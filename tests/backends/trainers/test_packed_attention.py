"""Attention over a pack is attention in each sample alone; a kernel for all at once is used if it proves the same."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tests.backends.trainers.sentences import SENTENCES
from web4_agent.backends.trainers import packed_attention
from web4_agent.backends.trainers.lora_model import load_for_training
from web4_agent.backends.trainers.packed_attention import Row, agrees, attend, attend_each
from web4_agent.backends.trainers.packing import Pack, Step, TokenSample
from web4_agent.backends.trainers.training_loop import new_optimizer, train_step
from web4_agent.domain.ids import SampleId
from web4_agent.domain.training import TrainPolicy

POLICY = TrainPolicy(rank=4, alpha=8, dropout=0.0, clip=1e9)
ROWS = [Row(length) for length in (5, 1, 12, 30)]
Kernel = Callable[..., Tensor]


@pytest.fixture(autouse=True)
def _nothing_proved_before() -> Iterator[None]:
    packed_attention._proved_kernel.cache_clear()
    yield
    packed_attention._proved_kernel.cache_clear()


def _qkv(heads: int = 4, groups: int = 2, width: int = 8) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(3)
    tokens = sum(row.length for row in ROWS)
    query, key, value = (torch.randn(tokens, count, width) for count in (heads, groups, groups))
    return query, key, value


def _way(kernel: Kernel, *, grouped: bool = True) -> packed_attention.Varlen:
    return packed_attention.ways(kernel, grouped=grouped)[0]


def _masked_kernel(  # noqa: PLR0917 - the parameters of torch's kernel
    query: Tensor,
    key: Tensor,
    value: Tensor,
    begins: Tensor,
    begins_k: Tensor,
    longest: int,
    longest_k: int,
    *,
    window_size: tuple[int, int],
    enable_gqa: bool = False,
) -> Tensor:
    """What torch's kernel says it computes, with a mask over the whole pack: no loop over samples."""
    assert begins.dtype is torch.int32
    assert torch.equal(begins, begins_k)
    assert longest == longest_k == int(begins.diff().max())
    assert window_size == (-1, 0)
    assert enable_gqa is (query.shape[1] != key.shape[1])
    assert all(each.is_contiguous() for each in (query, key, value))
    of = torch.bucketize(torch.arange(len(query)), begins[1:].long(), right=True)
    seen = (of[:, None] == of[None]).tril()
    q, k, v = (each.transpose(0, 1)[None] for each in (query, key, value))
    out = functional.scaled_dot_product_attention(q, k, v, attn_mask=seen, enable_gqa=True)
    return out[0].transpose(0, 1)


def _of_torch_2_10(  # noqa: PLR0917 - the parameters of torch's kernel
    query: Tensor,
    key: Tensor,
    value: Tensor,
    begins: Tensor,
    begins_k: Tensor,
    longest: int,
    longest_k: int,
    is_causal: bool = False,
) -> Tensor:
    assert is_causal
    grouped = query.shape[1] != key.shape[1]
    return _masked_kernel(
        query, key, value, begins, begins_k, longest, longest_k, window_size=(-1, 0), enable_gqa=grouped
    )


def _of_torch_2_11(query: Tensor, key: Tensor, *rest: Any, window_size: tuple[int, int]) -> Tensor:
    """Without a word for grouped heads, and taking none."""
    if query.shape[1] != key.shape[1]:
        raise RuntimeError("query and key have other numbers of heads")
    return _masked_kernel(query, key, *rest, window_size=window_size)


def _leaking_kernel(query: Tensor, key: Tensor, value: Tensor, *_: object, **__: object) -> Tensor:
    """Causal over the pack: a sample sees those before it."""
    q, k, v = (each.transpose(0, 1)[None] for each in (query, key, value))
    return functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)[0].transpose(0, 1)


def _absent_kernel(*_: object, **__: object) -> Tensor:
    raise RuntimeError("no kernel image is available for execution on the device")


def _detached_kernel(query: Tensor, key: Tensor, value: Tensor, begins: Tensor, *_: object, **__: object) -> Tensor:
    """Right in its values, and its gradients are those of something else."""
    whole = attend_each(query, key, value, [Row(int(length)) for length in begins.diff()])
    return (2.0 * whole - whole.detach()).view_as(query)


@pytest.mark.parametrize(("heads", "groups"), [(4, 2), (4, 4), (6, 1)])
def test_one_kernel_for_all_samples_gives_what_each_sample_gives_alone(heads: int, groups: int) -> None:
    query, key, value = _qkv(heads, groups)
    assert agrees(_way(_masked_kernel, grouped=heads != groups), query, key, value, ROWS)
    alone = attend_each(query[5:6], key[5:6], value[5:6], [Row(1)])
    torch.testing.assert_close(attend_each(query, key, value, ROWS)[5:6], alone, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kernel", [_leaking_kernel, _detached_kernel])
def test_a_kernel_that_mixes_samples_or_has_other_gradients_does_not_agree(kernel: Kernel) -> None:
    query, key, value = _qkv()
    assert not agrees(_way(kernel), query, key, value, ROWS)


@pytest.mark.parametrize(
    ("kernel", "reason"), [(_leaking_kernel, "not those of attention per sample"), (_absent_kernel, "no kernel image")]
)
def test_a_kernel_that_is_wrong_or_not_there_is_left_aside_and_the_log_says_why(
    kernel: Kernel, reason: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", kernel)
    assert packed_attention._proved_kernel(torch.device("cpu"), torch.float32, 4, 2, 8) is None
    assert reason in caplog.text


@pytest.mark.parametrize("kernel", [_masked_kernel, _of_torch_2_10, _of_torch_2_11])
@pytest.mark.parametrize("groups", [2, 4])
def test_a_kernel_that_is_right_is_used_whatever_words_it_is_asked_in(
    kernel: Kernel, groups: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", kernel)
    found = packed_attention._proved_kernel(torch.device("cpu"), torch.float32, 4, groups, 8)
    assert found is not None
    assert agrees(found, *_qkv(4, groups), ROWS)
    assert not caplog.text


def test_a_processor_has_no_kernel_and_branches_take_none(monkeypatch: pytest.MonkeyPatch) -> None:
    query, key, value = _qkv()
    assert packed_attention.varlen_kernel(query, key) is None
    monkeypatch.setattr(packed_attention, "varlen_kernel", lambda *_: _way(_absent_kernel))
    rows = [Row(5, (3, 4)), Row(36)]
    assert torch.equal(attend(query, key, value, rows), attend_each(query, key, value, rows))


@pytest.mark.parametrize("at_once", [False, True])
def test_a_pack_has_the_loss_and_gradients_of_its_samples_one_by_one(
    base: Path, at_once: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against transformers and PEFT, one sample a forward, unpacked and unpadded."""
    samples = tuple(
        TokenSample(SampleId(str(at)), tuple(3 + ord(letter) % 90 for letter in text), 1 + at, general=at > 5)
        for at, text in enumerate(SENTENCES)
    )
    packed = Step((Pack(samples[:6]), Pack(samples[6:])))
    found = _loss_and_gradients(base, packed, fast=False)
    if at_once:
        monkeypatch.setattr(packed_attention, "varlen_kernel", lambda *_: _way(_masked_kernel))
    other = _loss_and_gradients(base, packed, fast=True)
    assert other[0] == pytest.approx(found[0], abs=1e-5)
    for name, gradient in found[1].items():
        torch.testing.assert_close(other[1][name], gradient, rtol=1e-4, atol=1e-5)


def _loss_and_gradients(base: Path, step: Step, *, fast: bool) -> tuple[tuple[float, float], dict[str, Tensor]]:
    model = load_for_training(base, None, POLICY, fast=fast)
    torch.manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters.values():
            parameter.add_(0.1 * torch.randn_like(parameter))
    policy = replace(POLICY, learning_rate=1e-12)
    loss = train_step(model, new_optimizer(model, policy), step, policy, rate=1.0, seed=1)
    return loss, {name: each.grad for name, each in model.parameters.items() if each.grad is not None}
