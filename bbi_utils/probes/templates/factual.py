"""Draws of the factual probes that lists alone cannot make."""

from __future__ import annotations

import random

from bbi_utils.probes.templates.draws import Slots, pick, pick_two
from bbi_utils.probes.templates.sheets import sheet

SHEET = sheet("factual")
CLEARLY = 5  # ranks of size between two animals, which leave no doubt which is bigger


def two_countries(rng: random.Random) -> Slots:
    first, second = pick_two(rng, list(SHEET.records["countries"]))
    return {"first": first, "second": second}


def two_animals(rng: random.Random) -> Slots:
    sizes = {name: int(animal["size"]) for name, animal in SHEET.records["animal_facts"].items()}
    first, second = pick_two(rng, list(sizes))
    while abs(sizes[first] - sizes[second]) < CLEARLY:
        first, second = pick_two(rng, list(sizes))
    return {"first": first, "second": second}


def opposite(rng: random.Random) -> Slots:
    return {"word": rng.choice(pick(rng, list(SHEET.tables["opposites"].items())))}


def unit(rng: random.Random) -> Slots:
    part, whole = pick(rng, list(SHEET.tables["units"])).split(" of ")
    return {"part": part, "whole": whole}
