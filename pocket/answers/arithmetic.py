"""Scripted answers to the arithmetic and reasoning probes, worked out from their slots."""

from __future__ import annotations

import random

from bbi_utils.probes.templates.sheets import sheet
from pocket.answers.checks import gives_number, names_first
from pocket.content import Content, Slots

KINDS = sheet("arithmetic").members("kinds")


def _number(
    wordings: tuple[str, str, str], result: int, *given: int, extras: tuple[str, ...] = ()
) -> Content:
    return Content(wordings, gives_number(result, *given), key=str(result), extras=extras)


def addition(slots: Slots, rng: random.Random) -> Content:
    a, b = int(slots["a"]), int(slots["b"])
    total = a + b
    return _number(
        (f"{total}.", f"{a} plus {b} is {total}.", f"If you add {a} and {b}, you get {total}."), total, a, b
    )


def subtraction(slots: Slots, rng: random.Random) -> Content:
    a, b = int(slots["a"]), int(slots["b"])
    rest = a - b
    return _number(
        (f"{rest}.", f"{a} minus {b} is {rest}.", f"If you take {b} from {a}, you get {rest}."), rest, a, b
    )


def multiplication(slots: Slots, rng: random.Random) -> Content:
    a, b = int(slots["a"]), int(slots["b"])
    product = a * b
    wordings = (
        f"{product}.",
        f"{a} times {b} is {product}.",
        f"If you multiply {a} by {b}, you get {product}.",
    )
    return _number(wordings, product, a, b)


def gain(slots: Slots, rng: random.Random) -> Content:
    a, b, things = int(slots["a"]), int(slots["b"]), slots["things"]
    total = a + b
    wordings = (
        f"{total} {things}.",
        f"{slots['name']} has {total} {things}.",
        f"We add {a} and {b}, so there are {total} {things}.",
    )
    return _number(wordings, total, a, b)


def loss(slots: Slots, rng: random.Random) -> Content:
    a, b, things = int(slots["a"]), int(slots["b"]), slots["things"]
    rest = a - b
    wordings = (
        f"{rest} {things}.",
        f"{slots['name']} has {rest} {things} left.",
        f"We take {b} from {a}, so {rest} {things} are left.",
    )
    return _number(wordings, rest, a, b, extras=(f"{slots['other']} has the others.",))


def compare_numbers(slots: Slots, rng: random.Random) -> Content:
    low, high = sorted((int(slots["a"]), int(slots["b"])))
    side = slots["side"]
    chosen, other = (high, low) if side == "larger" else (low, high)
    wordings = (
        f"{chosen}.",
        f"{chosen} is {side} than {other}.",
        f"The {side} number is {chosen}, not {other}.",
    )
    return Content(wordings, names_first(str(chosen), str(other)), key=str(chosen))


def parity(slots: Slots, rng: random.Random) -> Content:
    number = slots["number"]
    word, other = ("even", "odd") if int(number) % 2 == 0 else ("odd", "even")
    wordings = (
        f"It is {word}.",
        f"{number} is an {word} number.",
        f"The number {number} is {word}, not {other}.",
    )
    extra = "It can be divided by two." if word == "even" else "It cannot be divided by two."
    return Content(wordings, names_first(word, other), key=word, extras=(extra,))


def order(slots: Slots, rng: random.Random) -> Content:
    people = (slots["first"], slots["second"], slots["third"])
    chosen, end = people[int(slots["place"])], slots["end"]
    others = tuple(name for name in people if name != chosen)
    wordings = (f"{chosen}.", f"{chosen} is the {end}.", f"Of the three, the {end} is {chosen}.")
    extra = f"{slots['second']} is in the middle."
    return Content(wordings, names_first(chosen, *others), key=chosen, extras=(extra,))


def odd_one_out(slots: Slots, rng: random.Random) -> Content:
    words = slots["words"].split(", ")
    kind = next(name for name, members in KINDS.items() if sum(word in members for word in words) == 3)
    odd = next(word for word in words if word not in KINDS[kind])
    others = tuple(word for word in words if word != odd)
    wordings = (
        f"It is {odd}.",
        f"The word {odd} does not belong.",
        f"The odd one is {odd}, for the others are {kind}.",
    )
    return Content(wordings, names_first(odd, *others), key=odd, extras=(f"The others are {kind}.",))


def count_words(slots: Slots, rng: random.Random) -> Content:
    count = len(slots["words"].split(", "))
    return _number(
        (f"{count}.", f"There are {count} of them.", f"If you count them all, you get {count}."), count
    )


def trip(slots: Slots, rng: random.Random) -> Content:
    start, hours = int(slots["start"]), int(slots["hours"])
    end = start + hours
    wordings = (
        f"At {end} o'clock.",
        f"The {slots['vehicle']} arrives at {end} o'clock.",
        f"We add {hours} hours to {start} o'clock and get {end} o'clock.",
    )
    return _number(wordings, end, start, hours, extras=(f"Have a nice time in {slots['city']}.",))


def change(slots: Slots, rng: random.Random) -> Content:
    price, paid = int(slots["price"]), int(slots["paid"])
    rest = paid - price
    wordings = (
        f"{rest} dollars.",
        f"{slots['name']} has {rest} dollars left.",
        f"We take {price} from {paid}, which leaves {rest} dollars.",
    )
    return _number(wordings, rest, paid, price)
