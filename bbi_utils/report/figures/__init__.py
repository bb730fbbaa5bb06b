"""Figures from saved results: `NAME_figure` is drawn by the module NAME, found when it is first asked for."""

from __future__ import annotations

import importlib.util
from typing import Any

from bbi_utils.report.figures.save import save_figure, save_table, show
from bbi_utils.report.figures.style import ARMS, STRATEGIES

__all__ = ["ARMS", "STRATEGIES", "save_figure", "save_table", "show"]


def __getattr__(name: str) -> Any:
    module = f"{__name__}.{name.removesuffix('_figure')}"
    if not name.endswith("_figure") or importlib.util.find_spec(module) is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(module), name)
