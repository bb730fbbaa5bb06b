"""Small builders of slot draws, shared by the probe categories."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

Draw = Callable[[random.Random], dict[str, str]]


def each(**choices: Sequence[str]) -> Draw:
    """A draw that fills every named slot independently from its own list."""
    return lambda rng: {slot: rng.choice(values) for slot, values in choices.items()}


def pair_of(words: Sequence[str]) -> Draw:
    """A draw of two different words: `_first` and `_second` as shown, `options` in fixed order.

    Slots named _... are mere looks, so a question asked with its options swapped stays the same question.
    """
    return lambda rng: shown_as(rng.sample(list(words), 2))


def shown_as(pair: Sequence[str]) -> dict[str, str]:
    """The slots of two options, shown in the order of `pair`."""
    first, second = pair
    return {"_first": first, "_second": second, "options": ", ".join(sorted(pair))}
