"""What a loaded model is made of: which layers are in 4 bits, which are whole, which belong to LoRA."""

from __future__ import annotations

from typing import Any

import pandas as pd

PARTS = ("Linear4bit (NF4)", "LoRA", "linear", "embedding", "other")


def anatomy(model: Any) -> pd.DataFrame:
    """One row a kind of layer, by part: layers, parameters, bytes, bits_per_parameter, and an example's name.

    Counted on the modules that are really there, not on what was asked for. The bytes of a 4-bit layer
    include its scales. A weight that two modules share (tied embeddings) counts once, for the first of them.
    """
    rows: list[tuple[str, int, int, int, str]] = []
    seen: set[int] = set()
    for name, module in model.named_modules():
        own = [p for p in module.parameters(recurse=False) if id(p) not in seen]
        seen |= {id(parameter) for parameter in own}
        if own:
            rows.append(
                (part_of(name, module), 1, sum(map(parameters_in, own)), sum(map(bytes_of, own)), name)
            )
    parts = pd.DataFrame(rows, columns=["part", "layers", "parameters", "bytes", "for example"]).groupby(
        "part"
    )
    table = parts.agg("sum", numeric_only=True)
    bits = (8 * table["bytes"] / table["parameters"]).round(2)
    table = table.assign(**{"bits_per_parameter": bits, "for example": parts["for example"].first()})
    return table.loc[[part for part in PARTS if part in table.index]]


def part_of(name: str, module: Any) -> str:
    """Which of PARTS a module belongs to."""
    from torch.nn import Embedding, Linear

    if "lora_" in name:
        return "LoRA"
    state = getattr(getattr(module, "weight", None), "quant_state", None)
    if getattr(state, "quant_type", None) == "nf4":  # what is really stored
        return "Linear4bit (NF4)"
    if isinstance(module, Linear):
        return "linear"
    return "embedding" if isinstance(module, Embedding) else "other"


def parameters_in(parameter: Any) -> int:
    """How many numbers a parameter stands for: a 4-bit one packs two into a byte."""
    state = getattr(parameter, "quant_state", None)
    return int(parameter.numel() if state is None else state.shape.numel())


def bytes_of(parameter: Any) -> int:
    """The bytes that a parameter takes, with the scales and code books of a 4-bit one."""
    state = getattr(parameter, "quant_state", None)
    parts = [] if state is None else [part for part in state.as_dict().values() if hasattr(part, "numel")]
    return sum(part.numel() * part.element_size() for part in (parameter, *parts))
