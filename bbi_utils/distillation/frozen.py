"""Frozen 4-bit layers for a training on a CPU: unpacked once, and multiplied by the faster library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch

# Narrower models keep MKL's products: their adapters, the pocket study's among them, stay what they were.
WIDE = 512


def unpack(model: Any, *, most: float) -> None:
    """Put a layer of the same numbers in float32, 4 bytes each, in the place of every 4-bit one.

    On a CPU bitsandbytes unpacks a layer anew for each product. Layers of another dtype, or that would be
    more than `most` bytes together, stay as they are.
    """
    from bitsandbytes.functional import dequantize_4bit
    from bitsandbytes.nn import Linear4bit

    packed: list[tuple[str, Any]]
    packed = [(name, one) for name, one in model.named_modules() if isinstance(one, Linear4bit)]
    of_float32 = all(one.weight.quant_state.dtype == torch.float32 for _, one in packed)
    if not of_float32 or 4 * sum(one.in_features * one.out_features for _, one in packed) > most:
        return
    wide = model.config.get_text_config().hidden_size >= WIDE and is_exact()
    kind = FrozenLinear if wide else torch.nn.Linear
    for name, one in packed:
        plain = kind(one.in_features, one.out_features, bias=False, device="meta")
        numbers = dequantize_4bit(one.weight.data, one.weight.quant_state)
        plain.weight, plain.bias = torch.nn.Parameter(numbers, requires_grad=False), one.bias
        model.set_submodule(name, plain)


class FrozenLinear(torch.nn.Linear):
    """A linear layer that is not trained; its products are oneDNN's."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        product: torch.Tensor = Product.apply(x, self.weight)
        return product if self.bias is None else product + self.bias


class Product(torch.autograd.Function):
    """x W^T, differentiable in x alone."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """The product; the weight is kept for the way back."""
        ctx.save_for_backward(weight)
        with by_onednn():
            return torch.nn.functional.linear(x, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        """The gradient for x, and none for the weight."""
        (weight,) = ctx.saved_tensors
        with by_onednn():
            return gradients[0] @ weight, None


@contextmanager
def by_onednn() -> Iterator[None]:
    """Float32 products by oneDNN; MKL uses half the width of an AMD core's vectors.

    torch hands them over only where they may be rounded to bfloat16, which oneDNN does where there are tiles
    for that (AMX): see `is_exact`.
    """
    onednn: Any = torch.backends.mkldnn
    setting = onednn.matmul
    before, setting.fp32_precision = setting.fp32_precision, "bf16"
    try:
        yield
    finally:
        setting.fp32_precision = before


@cache
def is_exact() -> bool:
    """Whether oneDNN multiplies in float32 on this machine: bfloat16 would round 1 + 2^-12 to 1."""
    ones = torch.full((256, 256), 1 + 2**-12)
    with by_onednn():
        return bool(((ones @ ones) > 256 * (1 + 2**-12)).all())
