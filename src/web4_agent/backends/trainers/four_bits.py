"""Frozen weights in four bits, NF4 with double quantisation, through bitsandbytes (the extra `qlora`).

Called by `base_weights`, which loads such a base, and by `fast_stack`, which reads it. The library is imported when a
base in four bits is asked for, and never else.
"""

from typing import Any

import torch
from torch import Tensor


class FourBitMatrix:
    """A `fast_layers.QuantisedMatrix` over a parameter of bitsandbytes: half a byte a value, scales apart."""

    def __init__(self, parameter: Any) -> None:
        self._parameter = parameter

    @property
    def shape(self) -> torch.Size:
        shape: torch.Size = self._parameter.quant_state.shape
        return shape

    def dense(self, dtype: torch.dtype) -> Tensor:
        from bitsandbytes.functional import dequantize_4bit

        written_out: Tensor = dequantize_4bit(self._parameter.data, self._parameter.quant_state)
        return written_out.to(dtype)


def is_four_bit(linear: Any) -> bool:
    """By what the weight carries, so that nothing is imported to find out."""
    return getattr(linear.weight, "quant_state", None) is not None


def quantisation(dtype: torch.dtype) -> Any:
    """For `from_pretrained`: what QLoRA (arXiv 2305.14314) holds its base in; products in `dtype`."""
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )
