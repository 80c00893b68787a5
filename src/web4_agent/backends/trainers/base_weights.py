"""The base model from its folder to the memory it is computed in. Called by `lora_model`, in the trainer's child."""

import logging
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from web4_agent.backends.trainers.four_bits import quantisation
from web4_agent.backends.trainers.placement import Placement
from web4_agent.domain.errors import ModelError

log = logging.getLogger(__name__)


def load_base(base: Path, placement: Placement) -> Any:
    """A transformers model, its weights where and as `placement` says. Raises ModelError, torch.OutOfMemoryError."""
    from transformers import AutoModelForCausalLM

    if not (base / "config.json").is_file() or not sorted(base.glob("*.safetensors")):
        raise ModelError(f"{base} is no model folder with safetensors", "web4-agent doctor --fix")
    where: dict[str, Any] = {} if placement.on_cpu else {"device_map": {"": placement.device}}
    if placement.base_bits == 4:
        where = {"device_map": {"": placement.device}, "quantization_config": quantisation(placement.dtype)}
    try:
        model = AutoModelForCausalLM.from_pretrained(
            str(base),
            local_files_only=True,
            use_safetensors=True,
            dtype=placement.dtype,
            attn_implementation="sdpa",
            **where,
        )
    except torch.OutOfMemoryError:
        raise
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError) as error:
        if _ran_out_of_memory(error):
            raise torch.OutOfMemoryError(str(error)) from error
        raise ModelError(f"{base} can't be loaded: {error}", _next_command(placement)) from error
    if placement.base_bits == 4:
        model.train()  # else bitsandbytes repacks a layer for the processor at its first use, and it can't be read anew
    return model


def _ran_out_of_memory(error: BaseException) -> bool:
    """Whether that is the cause, however many errors of the libraries lie around it."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, torch.OutOfMemoryError) or "out of memory" in str(inner):
            return True
        inner = inner.__cause__ or inner.__context__
    return False


def _next_command(placement: Placement) -> str:
    """Where weights are quantised while they are loaded, transformers keeps the cause to its report in the log."""
    if placement.base_bits == 4:
        return "read trainer.log: if memory ran out, end what else uses it; else: web4-agent doctor --fix"
    return "web4-agent doctor --fix"


def output_matrix(model: Any, base: Path) -> Tensor:
    """The output matrix, after a proof that logits are hidden · headᵀ: some architectures scale or cap them."""
    head = model.get_output_embeddings()
    probe = torch.arange(4).remainder(model.config.vocab_size)[None].to(head.weight.device)
    with torch.no_grad():
        hidden = model.model(probe, use_cache=False).last_hidden_state
        plain = hidden @ head.weight.T
        slack = 1e-3 if plain.dtype is torch.float32 else 3e-2
        if head.bias is not None or not torch.allclose(
            model(probe, use_cache=False).logits, plain, rtol=slack, atol=slack
        ):
            raise ModelError(
                f"{base}: {model.config.model_type} changes its logits after the head", "choose another model"
            )
    weight: Tensor = head.weight.detach()
    return weight
