"""The base model with one LoRA adapter in memory: load, hidden states, parameters, save.

Called by the training loop and the scorer, in the trainer's child process only. `ReferenceStack` computes hidden states
with transformers and PEFT as they come, one sample at a time; `fast_stack.FastStack` computes the same faster for the
architectures it knows, and is tested against it.
"""

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from web4_agent.backends.trainers.base_weights import load_base, output_matrix
from web4_agent.backends.trainers.packed_attention import Row
from web4_agent.backends.trainers.peft_folder import Config, read_config, read_parameters, write_folder
from web4_agent.backends.trainers.placement import ON_CPU, Placement
from web4_agent.domain.errors import ModelError
from web4_agent.domain.training import TrainPolicy

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class Stack(Protocol):
    """From token ids to the hidden states that the output head reads."""

    def hidden(
        self,
        samples: Sequence[Sequence[int]],
        chosen: Tensor,
        *,
        adapted: bool = True,
        dropout_seed: int | None = None,
        rows: Sequence[Row] | None = None,
    ) -> Tensor:
        """Hidden states after the final norm, shape (len(chosen), width), of the positions `chosen` in the concatenated
        samples. Each sample sees itself only. `dropout_seed` None means no dropout; equal seeds give equal masks.
        `rows` says where samples branch; without it none does."""


@dataclass(frozen=True, slots=True)
class LoraModel:
    """`parameters` are the trainable tensors by PEFT's names, sorted; `head_vd` is the frozen output matrix."""

    stack: Stack
    parameters: dict[str, nn.Parameter]
    head_vd: Tensor
    config: Config

    def values(self) -> dict[str, NDArray[np.float32]]:
        return {name: tensor.detach().cpu().numpy().copy() for name, tensor in self.parameters.items()}

    def write(self, folder: Path) -> None:
        write_folder(folder, self.config, self.values())


def load_for_training(
    base: Path, start: Path | None, policy: TrainPolicy, placement: Placement = ON_CPU, *, fast: bool = True
) -> LoraModel:
    """The model with the adapter in `start`, or with a fresh one whose first answer equals the base model's.

    Raises ModelError if base or start can't be loaded, or if start has another rank or alpha than the policy.
    """
    config = _lora_config(policy)
    if start is not None:
        _check_same_shape(start, policy)
    return _assemble(_Asked(base, start, config, placement, policy.seed), fast=fast)


def load_for_scoring(
    base: Path, adapter: Path | None, placement: Placement = ON_CPU, *, fast: bool = True
) -> LoraModel:
    """The model with the adapter, without dropout; with no adapter, a fresh one that changes nothing."""
    policy = TrainPolicy(rank=1, alpha=1, dropout=0.0)
    if adapter is not None:
        said = read_config(adapter)
        policy = TrainPolicy(rank=_whole(said, "r", adapter), alpha=_whole(said, "lora_alpha", adapter), dropout=0.0)
    return _assemble(_Asked(base, adapter, _lora_config(policy), placement, policy.seed), fast=fast)


class ReferenceStack:
    """Transformers and PEFT as they come: one sample a forward, no packing, nothing fused."""

    def __init__(self, peft_model: Any) -> None:
        self._peft_model = peft_model
        self._decoder = peft_model.get_base_model().model
        self._device = self._decoder.embed_tokens.weight.device

    def hidden(
        self,
        samples: Sequence[Sequence[int]],
        chosen: Tensor,
        *,
        adapted: bool = True,
        dropout_seed: int | None = None,
        rows: Sequence[Row] | None = None,
    ) -> Tensor:
        rows = [Row(len(sample)) for sample in samples] if rows is None else rows
        self._peft_model.train(dropout_seed is not None)
        if dropout_seed is not None:
            torch.manual_seed(dropout_seed)
        if not adapted:
            with self._peft_model.disable_adapter():
                return self._run(samples, rows)[chosen.to(self._device)]
        return self._run(samples, rows)[chosen.to(self._device)]

    def _run(self, samples: Sequence[Sequence[int]], rows: Sequence[Row]) -> Tensor:
        """Each branch is run again from the start of its sample, and its own part of that is kept."""
        parts: list[Tensor] = []
        for sample, row in zip(samples, rows, strict=True):
            parts.append(self._states(sample[: row.beginning]))
            start = row.beginning
            for length in row.branches:
                whole = [*sample[: row.beginning], *sample[start : start + length]]
                parts.append(self._states(whole)[row.beginning :])
                start += length
        return torch.cat(parts)

    def _states(self, tokens: Sequence[int]) -> Tensor:
        found: Tensor = self._decoder(torch.tensor([list(tokens)]).to(self._device), use_cache=False).last_hidden_state[
            0
        ]
        return found


@dataclass(frozen=True, slots=True)
class _Asked:
    base: Path
    start: Path | None
    config: Any
    placement: Placement
    seed: int


def _assemble(asked: _Asked, *, fast: bool) -> LoraModel:
    from peft import get_peft_model

    from web4_agent.backends.trainers import fast_stack

    model = load_base(asked.base, asked.placement)
    knows = fast_stack.supports(model.config)
    if not (knows or asked.placement.plain):
        raise _unknown_there(model.config.model_type, asked)
    head = output_matrix(model, asked.base)
    torch.manual_seed(asked.seed)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)
            peft_model = get_peft_model(model, asked.config)  # PEFT still asks by the name that transformers gives up
    except ValueError as error:
        raise ModelError(f"{asked.base}: {error}", "choose a model with llama-like projections") from error
    if asked.start is not None:
        _set_parameters(peft_model, asked.start)
    parameters = _named_parameters(peft_model)
    said = _config_to_save(asked.config, asked.base)
    stack: Stack = fast_stack.FastStack(model) if fast and knows else ReferenceStack(peft_model)
    return LoraModel(stack, parameters, head, said)


def _unknown_there(model_type: str, asked: _Asked) -> ModelError:
    from web4_agent.backends.trainers.fast_stack import MODEL_TYPES

    return ModelError(
        f"{asked.base}: a model of type {model_type} with these positions and activations is not trained on "
        f"{asked.placement}; of types {' and '.join(MODEL_TYPES)} it is",
        'set training.device = "cpu", training.precision = "auto" and training.base_bits = 16, or choose another model',
    )


def _lora_config(policy: TrainPolicy) -> Any:
    from peft import LoraConfig

    return LoraConfig(
        r=policy.rank,
        lora_alpha=policy.alpha,
        lora_dropout=policy.dropout,
        target_modules=list(PROJECTIONS),
        task_type="CAUSAL_LM",
    )


def _config_to_save(config: Any, base: Path) -> Config:
    """The adapter's config without what depends on the machine: sets sorted, the model by name and not by path."""
    said: Config = json.loads(json.dumps(config.to_dict(), default=sorted, sort_keys=True))
    return {**said, "inference_mode": True, "base_model_name_or_path": _model_name(base)}


def _model_name(base: Path) -> str:
    said = json.loads((base / "config.json").read_text(encoding="utf-8"))
    name = str(said.get("_name_or_path") or said.get("_model_name_or_path") or base.name)
    return base.name if Path(name).is_absolute() or Path(name).exists() else name


def _named_parameters(peft_model: Any) -> dict[str, nn.Parameter]:
    named = {
        name.replace(".default.", "."): parameter
        for name, parameter in peft_model.named_parameters()
        if parameter.requires_grad
    }
    return dict(sorted(named.items()))


def _set_parameters(peft_model: Any, start: Path) -> None:
    from peft import set_peft_model_state_dict

    values = {name: torch.from_numpy(array) for name, array in read_parameters(start).items()}
    wanted = {name: tuple(parameter.shape) for name, parameter in _named_parameters(peft_model).items()}
    if wanted != {name: tuple(tensor.shape) for name, tensor in values.items()}:
        raise ModelError(
            f"{start} was trained on another model or other modules", "rebuild the adapter from the base model"
        )
    set_peft_model_state_dict(peft_model, values)


def _check_same_shape(start: Path, policy: TrainPolicy) -> None:
    said = read_config(start)
    found = (_whole(said, "r", start), _whole(said, "lora_alpha", start))
    if found != (policy.rank, policy.alpha):
        raise ModelError(
            f"{start} has rank {found[0]} and alpha {found[1]}, the settings say {policy.rank} and {policy.alpha}",
            "rebuild the adapter from the base model, or set rank and alpha back",
        )


def _whole(config: Config, key: str, folder: Path) -> int:
    value = config.get(key)
    if not isinstance(value, int):
        raise ModelError(
            f"{folder}: {key} in the adapter's config is {value!r}, not a whole number", "web4-agent doctor"
        )
    return value
