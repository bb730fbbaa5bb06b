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
    "begin_study": "bbi_utils.study.settings",
    "open_study": "bbi_utils.study.settings",
    "load_oracle": "bbi_utils.oracles",
    "sample": "bbi_utils.responses",
    "answers_table": "bbi_utils.responses",
    "contrasts_of": "bbi_utils.responses",
    "read_answers": "bbi_utils.responses.recorded",
    "train_adapter": "bbi_utils.distillation",
    "figures": "bbi_utils.report.figures",
    "summaries": "bbi_utils.report.summaries",
    "certify": "bbi_utils.games.certificate",
    "audit": "bbi_utils.report.audit",
}
MODULES = ("figures", "summaries")
__all__ = sorted([*PUBLIC, "__version__"])


def __getattr__(name: str) -> Any:
    if name not in PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(PUBLIC[name])
    return module if name in MODULES else getattr(module, name)


def __dir__() -> list[str]:
    return __all__
