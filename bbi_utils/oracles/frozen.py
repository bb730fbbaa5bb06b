"""Layers that are not trained, on a CPU: 4-bit ones unpacked once, and products by the faster library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch

from bbi_utils.oracles import quantised


def unpack(model: Any, *, most: float, plain: bool = False) -> None:
    """Put a layer of the same numbers in float32, 4 bytes each, in the place of every 4-bit one.

    On a CPU bitsandbytes unpacks a layer anew for each product. Layers of another dtype, or that would be
    more than `most` bytes together, stay as they are. Those of wide models multiply by oneDNN unless `plain`.
    """
    from bitsandbytes.functional import dequantize_4bit
    from bitsandbytes.nn import Linear4bit

    packed: list[tuple[str, Any]]
    packed = [(name, one) for name, one in model.named_modules() if isinstance(one, Linear4bit)]
    of_float32 = all(one.weight.quant_state.dtype == torch.float32 for _, one in packed)
    if not of_float32 or 4 * sum(one.in_features * one.out_features for _, one in packed) > most:
        return
    wide = model.config.get_text_config().hidden_size >= quantised.WIDE and is_exact()
    kind = FrozenLinear if wide and not plain else torch.nn.Linear
    for name, one in packed:
        layer: Any = kind(one.in_features, one.out_features, bias=False, device="meta")
        numbers = dequantize_4bit(one.weight.data, one.weight.quant_state)
        layer.weight, layer.bias = torch.nn.Parameter(numbers, requires_grad=False), one.bias
        layer.of_4_bits = True  # see `quantised.share_of`
        model.set_submodule(name, layer)


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
        with by_onednn():  # of a part of a tensor it would copy the weight, once a row
            return torch.nn.functional.linear(x.contiguous(), weight)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        """The gradient for x, and none for the weight."""
        (weight,) = ctx.saved_tensors
        with by_onednn():
            return gradients[0] @ weight, None


@contextmanager
def fast(model: Any) -> Iterator[None]:
    """Meanwhile oneDNN multiplies in the float32 linear layers of a model on a CPU, where that is exact.

    Only in these: its small products of queries and keys take five times as long as MKL's.
    """
    helped = (model.device.type, model.dtype) == ("cpu", torch.float32) and is_exact()
    layers = [one for one in model.modules() if helped and type(one) is torch.nn.Linear]
    for one in layers:
        one.__class__ = FrozenLinear
    try:
        yield
    finally:
        for one in layers:
            one.__class__ = torch.nn.Linear


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
