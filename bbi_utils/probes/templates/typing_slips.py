"""Ways in which typing a question goes wrong. Each returns it as typed; digits always survive."""

from __future__ import annotations

import random
from collections.abc import Callable

from bbi_utils.probes.templates.computed import Slots, Texts
from bbi_utils.probes.templates.sheets import Sheet

LOOKS_LIKE = str.maketrans("oeias", "03145")


def _garbled(rng: random.Random, slots: Slots, garble: Callable[[str], str]) -> Texts:
    """The question with one to three of its words garbled, always at least one that changes."""
    words = slots["question"].split(" ")
    changing = [i for i, word in enumerate(words) if garble(word) != word]
    for i in rng.sample(changing, min(len(changing), rng.randint(1, 3))):
        words[i] = garble(words[i])
    return [" ".join(words)]


def swap_letters(rng: random.Random, slots: Slots, _: Sheet) -> Texts:
    """Exchange two neighboring inner letters of some words."""
    spot = rng.random()

    def garble(word: str) -> str:
        spots = [i for i in range(1, len(word) - 1) if word[i : i + 2].isalpha() and word[i] != word[i + 1]]
        if not spots:
            return word
        i = spots[int(spot * len(spots))]
        return word[:i] + word[i + 1] + word[i] + word[i + 2 :]

    return _garbled(rng, slots, garble)


def lookalike_digits(rng: random.Random, slots: Slots, _: Sheet) -> Texts:
    """Write some letters as the digits they look like, in words without digits of their own."""
    return _garbled(rng, slots, lambda word: word if len(word) < 4 else word.translate(LOOKS_LIKE))


def odd_spaces(rng: random.Random, slots: Slots, _: Sheet) -> Texts:
    """Too many spaces in some places, one word spelled apart, or two words run together."""
    words = slots["question"].split(" ")
    spot = rng.randrange(len(words))
    words[spot] = rng.choice((words[spot], " ".join(words[spot])))
    gaps = [rng.choice((" ", " ", "  ", "    ", "")) for _ in words[:-2]] + ["  "]
    return ["".join(word + gap for word, gap in zip(words, gaps, strict=False)) + words[-1]]


def shout(rng: random.Random, slots: Slots, _: Sheet) -> Texts:
    """Upper case, or case at random, and too many marks at the end."""
    text = slots["question"]
    mixed = "".join(rng.choice((letter.upper(), letter)) for letter in text)
    return [rng.choice((text.upper(), text.upper(), mixed)) + "!" * rng.randint(0, 4)]
