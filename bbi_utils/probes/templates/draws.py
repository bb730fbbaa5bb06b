"""How a template's slots are filled: each from its list, as the sheet says, or all by a function."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

from bbi_utils.probes.templates.grammar import plural, with_article
from bbi_utils.probes.templates.sheets import Entry, Sheet, Way, shared

T = TypeVar("T")
Slots: TypeAlias = dict[str, str]
DrawSlots: TypeAlias = Callable[[random.Random], Slots]


def pick(rng: random.Random, entries: Sequence[T]) -> T:
    """One entry; earlier ones are likelier, so that every table has a tail a small model seldom sees."""
    return entries[int(len(entries) * rng.random() ** 1.4)]


def pick_two(rng: random.Random, entries: Sequence[T]) -> tuple[T, T]:
    """Two different entries, each drawn as by `pick`."""
    first = second = pick(rng, entries)
    while second == first:
        second = pick(rng, entries)
    return first, second


DRAWN: dict[Way, Callable[[random.Random, list[str]], list[str]]] = {
    "one_of": lambda rng, words: [rng.choice(words)],
    "likely": lambda rng, words: [pick(rng, words)],
    "two_of": lambda rng, words: rng.sample(words, 2),
}
MADE: dict[Way, Callable[[str], str]] = {
    "article": with_article,
    "plural": plural,
    "where": lambda place: shared().tables["where"][place],
    "sorted": lambda words: ", ".join(sorted(words.split(", "))),
}


def shown_as(options: Sequence[str]) -> Slots:
    """Two options as shown and, so that swapping them asks the same question, in alphabetical order."""
    return {"_first": options[0], "_second": options[1], "options": ", ".join(sorted(options))}


def draw_from_lists(entry: Entry, sheet: Sheet) -> DrawSlots:
    """A draw that fills the slots of a template one after the other. Raises KeyError for an unknown list."""
    fills = {names: _fill(sheet, *way) for names, spec in entry.slots.items() for way in spec.items()}

    def draw(rng: random.Random) -> Slots:
        slots: Slots = {}
        for names, fill in fills.items():
            slots |= zip(names.split(", "), fill(rng, slots), strict=True)
        return slots

    return draw


def _fill(sheet: Sheet, way: Way, text: str) -> Callable[[random.Random, Slots], Sequence[str]]:
    """How one slot (or two) is filled: text names the lists to draw from, or is made of slots before it."""
    if way in DRAWN:
        words = [word for name in text.split(", ") for word in sheet.lists[name]]
        return lambda rng, _: DRAWN[way](rng, words)
    return lambda _, slots: [MADE[way](text.format(**slots))]
