"""A probe template: ways of asking, and a draw of what is asked about."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Template:
    """name: unique in the suite. phrasings: str.format patterns over the slots. draw: slot values.

    Slots whose names begin with `typed` or `_` change only how a question looks, not what it asks.
    """

    name: str
    phrasings: tuple[str, ...]
    draw: Callable[[random.Random], dict[str, str]]
