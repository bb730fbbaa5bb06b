"""How the slots of a template are filled: one after the other, each in the way that the sheet says."""

from __future__ import annotations

import random
from collections.abc import Callable

from bbi_utils.probes.templates import computed, grammar, questions, typing_slips
from bbi_utils.probes.templates.computed import Slots, Texts
from bbi_utils.probes.templates.sheets import Entry, Sheet

FUNCTIONS = {
    name: function
    for module in (computed, questions, typing_slips)
    for name, function in vars(module).items()
    if getattr(function, "__module__", "") == module.__name__
}
CHOSEN: dict[str, Callable[[random.Random, list[str], int], Texts]] = {  # from the lists that the text names
    "one_of": lambda rng, words, _: [rng.choice(words)],
    "likely": lambda rng, words, _: [computed.pick(rng, words)],
    "different": lambda rng, words, count: rng.sample(words, count),
}
MADE: dict[str, Callable[[str], str]] = {  # of the text, with the slots before it filled in
    "text": str,
    "article": grammar.with_article,
    "wrong_article": grammar.wrong_article,
    "plural": grammar.plural,
    "inside": grammar.inside,
    "sorted": lambda words: ", ".join(sorted(words.split(", "))),
}


def draw_of(entry: Entry, sheet: Sheet) -> Callable[[random.Random], Slots]:
    """A template's draw: fills the slots in their order, then drops the empty and those it does not keep.

    Raises KeyError for a list, table or function that does not exist.
    """
    fills, kept = [], entry.keep.split(", ") if entry.keep else []
    for key, spec in entry.slots.items():
        names, [(way, text)] = key.split(", "), spec.items()
        fills.append((names, _fill(sheet, way, text, len(names))))

    def draw(rng: random.Random) -> Slots:
        slots: Slots = {}
        for names, fill in fills:
            slots |= zip(names, fill(rng, slots), strict=True)
        return {name: slots[name] for name in kept or slots if slots[name]}

    return draw


def _fill(sheet: Sheet, way: str, text: str, count: int) -> Callable[[random.Random, Slots], Texts]:
    """How one slot, or several at once, get their texts; what has braces itself is filled in turn."""
    if way == "draw":
        function = FUNCTIONS[text]
        return lambda rng, slots: function(rng, slots, sheet)
    if way in CHOSEN:
        words = [word for name in text.split(", ") for word in sheet.lists[name]]
        choose = CHOSEN[way]
        if not any("{" in word for word in words):  # the common case, and the fast one
            return lambda rng, _: choose(rng, words, count)
        return lambda rng, slots: [word.format(**slots) for word in choose(rng, words, count)]
    make = MADE.get(way) or sheet.column(way).__getitem__
    return lambda _, slots: [make(text.format(**slots)).format(**slots)]
