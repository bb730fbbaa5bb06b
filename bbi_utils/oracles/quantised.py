"""Weights in few bits: a checkpoint's own quantisation, NF4 where asked for, and how much of it is given."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from safetensors import safe_open

from bbi_utils.errors import BadInput
from bbi_utils.files import json_object
from bbi_utils.oracles import hub

SETTINGS = ("quantization_config", "compression_config")  # where a checkpoint says that it is quantised
UNPACKED = 2e9  # bytes: 4-bit layers that are no larger in float32 are kept so while they are used on a CPU
# Narrower models, the pocket study's among them, keep MKL's products and answer batch by batch: their
# adapters and answers stay what they were.
WIDE = 512
LEAST_SHARE = 0.9  # of a model's numbers in 4 bits, for it to be called its 4-bit form
# The package `kernels` is left out on purpose: with it, bitsandbytes fetches code from a hub at import.
# Without it, bitsandbytes warns on some CPUs.
QUANTISER_LOGGER = "bitsandbytes.backends.cpu.ops"
NO_NEWS = re.compile("Failed to load CPU gemm_4bit_forward.*No module named 'kernels'", re.DOTALL)


def expect_no_kernels() -> None:
    """Keep bitsandbytes from warning that `kernels` is missing; call before that is imported."""
    logging.getLogger(QUANTISER_LOGGER).addFilter(lambda record: not NO_NEWS.match(record.getMessage()))


expect_no_kernels()  # whoever loads a model imports this module first


def own(folder: Path) -> str | None:
    """How the weights in a folder are quantised already, by its configuration; None where they are not."""
    _, settings = settings_of(folder)
    return str(settings.get("quant_method") or "in a way that it does not name") if settings else None


def settings_of(folder: Path) -> tuple[str, dict[str, Any]]:
    """Under which name, also inside a part such as `text_config`, it says how; empty where it does not."""
    config = json_object(folder / "config.json")
    parts = [config, *(part for part in config.values() if isinstance(part, dict))]
    said = ((name, part[name]) for part in parts for name in SETTINGS if isinstance(part.get(name), dict))
    return next(said, ("", {}))


def refuse_unknown(folder: Path, *, name: str) -> None:
    """Raise BadInput for a quantisation that transformers does not know and would overlook."""
    from transformers.quantizers import AutoHfQuantizer

    place, settings = settings_of(folder)
    if place and (place != SETTINGS[0] or not AutoHfQuantizer.supports_quant_method(settings)):
        what = f"is quantised already ({own(folder)}), as transformers does not read it ({place})"
        raise BadInput(f"model {name} {what}; take its unquantised original.")


def refuse_bare_integers(files: Iterable[Path], folder: Path, *, name: str) -> None:
    """Raise BadInput for weights that are integers where the configuration does not say what they stand for.

    Loading would take them for the numbers themselves. Buffers, such as positions, may be integers.
    """
    if own(folder):
        return
    for file in files:
        with safe_open(file, framework="numpy") as tensors:
            for key in tensors.keys():  # noqa: SIM118
                kind = tensors.get_slice(key).get_dtype()
                if key.endswith("weight") and kind[0] in "IU":
                    found = f"{key} holds integers ({kind}) and config.json has no quantization_config"
                    raise BadInput(f"model {name}: {found}; get its files anew, or its unquantised original.")


def check(folder: Path, *, name: str) -> None:
    """Raise BadInput for a model that cannot be put in 4 bits, as far as its configuration tells.

    A layer's experts are one block of numbers, which bitsandbytes leaves as it is: of a mixture of them the
    skeleton is built, and counted.
    """
    if (method := own(folder)) is not None:
        way = "set its quantisation to none (a teacher: TEACHER_4BIT=false), or take its unquantised original"
        raise BadInput(f"model {name} is quantised already ({method}) and has no other 4-bit form; {way}.")
    if "expert" not in (folder / "config.json").read_text(encoding="utf-8"):
        return
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.integrations.bitsandbytes import replace_with_bnb_linear
    from transformers.quantizers.base import get_keys_to_not_convert

    trust = hub.trusts_remote_code()
    with torch.device("meta"):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=trust)
        model: Any = AutoModelForCausalLM.from_config(config, trust_remote_code=trust)
        kept = get_keys_to_not_convert(model)
        replace_with_bnb_linear(model, modules_to_not_convert=kept, quantization_config=four_bit("cpu"))
    refuse_partly(model, name=name)


def refuse_partly(model: Any, *, name: str) -> None:
    """Raise BadInput where too little of a model is in 4 bits for it to be called that."""
    if (share := share_of(model)) < LEAST_SHARE:
        what = f"only {share:.0%} of the weights of {name} outside its embeddings come in 4 bits"
        way = "bitsandbytes leaves experts as they are: set its quantisation to none (TEACHER_4BIT=false)"
        raise BadInput(f"{what}, expected at least {LEAST_SHARE:.0%}; {way}.")


def share_of(model: Any) -> float:
    """Which share of the numbers outside embeddings and output head is in 4-bit layers, from 0 to 1."""
    from bitsandbytes.nn import Linear4bit
    from torch.nn import Embedding

    head = model.get_output_embeddings()
    inside = [one for one in model.modules() if one is not head and not isinstance(one, Embedding)]
    packed = [one for one in inside if isinstance(one, Linear4bit) or hasattr(one, "of_4_bits")]
    four = {one: one.in_features * one.out_features for one in packed}
    rest = sum(p.numel() for one in inside if one not in four for p in one.parameters(recurse=False))
    return sum(four.values()) / (sum(four.values()) + rest)


def four_bit(device: str) -> Any:
    """NF4 with double quantisation (Dettmers et al. 2023); computes in float32 on a CPU, else bfloat16."""
    import torch
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.float32 if device == "cpu" else torch.bfloat16,
    )


def keep_layout(model: Any) -> None:
    """Forbid bitsandbytes to repack 4-bit weights in place.

    On CPUs with AVX512-BF16 a forward in eval mode repacks them for a bfloat16 kernel, after which training
    fails or loses gradients. Without repacking, sampling also computes just as training did, on every CPU.
    """
    from bitsandbytes.nn import Linear4bit

    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False
