"""Draws of the arithmetic probes that compute something."""

from __future__ import annotations

import random

from bbi_utils.probes.templates.draws import Slots, pick
from bbi_utils.probes.templates.sheets import sheet

SHEET = sheet("arithmetic")
WORDS, ORDERS = SHEET.words, SHEET.records["orders"]
KINDS = SHEET.members("kinds")


def subtraction(rng: random.Random) -> Slots:
    first = int(pick(rng, WORDS["digits"])) + 3
    return {"a": str(first), "b": str(rng.randint(1, first - 2))}


def loss(rng: random.Random) -> Slots:
    name, other = rng.sample(WORDS["names"], 2)
    return {"name": name, "other": other, "things": rng.choice(WORDS["things"]), **subtraction(rng)}


def order(rng: random.Random) -> Slots:
    high, middle, low = rng.sample(WORDS["names"], 3)
    end = rng.choice(list(ORDERS))
    word, place = ORDERS[end]["word"], ORDERS[end]["place"]
    return {"first": high, "second": middle, "third": low, "word": word, "end": end, "place": place}


def odd_one_out(rng: random.Random) -> Slots:
    kind, other = rng.sample(list(KINDS), 2)
    words = [*rng.sample(KINDS[kind], 3), rng.choice(KINDS[other])]
    rng.shuffle(words)
    return {"words": ", ".join(words)}


def count_words(rng: random.Random) -> Slots:
    return {"words": ", ".join(rng.sample(WORDS["objects"], rng.randint(2, 5)))}


def trip(rng: random.Random) -> Slots:
    start, hours = str(rng.randint(1, 8)), str(rng.randint(2, 4))
    vehicle = rng.choice(WORDS["vehicles"])
    country = pick(rng, list(SHEET.records["countries"].values()))
    return {"vehicle": vehicle, "start": start, "hours": hours, "city": country["capital"]}


def change(rng: random.Random) -> Slots:
    price, name = str(rng.randint(2, 8)), rng.choice(WORDS["names"])
    thing, paid = rng.choice(WORDS["objects"]), rng.choice(WORDS["banknotes"])
    return {"name": name, "thing": thing, "price": price, "paid": paid}
