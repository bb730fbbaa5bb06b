"""Bounded behavioral indistinguishability for black-box LLM distillation; importing it is instant.

What a notebook needs most, by name. Each loads when it is first asked for; the rooms (`probes`, `oracles`,
`responses`, `distillation`, `games`, `adversaries`, `report`, `study`) hold the rest.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Name -> where it lives.
PUBLIC = {
    "RunPaths": "bbi_utils.paths",
    "load_study": "bbi_utils.study.params",
    "load_oracle": "bbi_utils.oracles",
    "Sampling": "bbi_utils.oracles",
    "ResponseStore": "bbi_utils.responses.store",
    "sample": "bbi_utils.responses.sampling",
    "contrast_pairs": "bbi_utils.responses.answers",
    "read_answers": "bbi_utils.responses.recorded",
    "LoraSettings": "bbi_utils.distillation.lora",
    "train_adapter": "bbi_utils.distillation.lora",
    "certify": "bbi_utils.games.certificate",
    "audit": "bbi_utils.report.audit",
}
__all__ = sorted([*PUBLIC, "__version__"])


def __getattr__(name: str) -> Any:
    if name not in PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(PUBLIC[name]), name)


def __dir__() -> list[str]:
    return __all__
