"""Scripted answers to the arithmetic and reasoning probes, worked out from their slots."""

from __future__ import annotations

import random

from bbi_utils.pocket.answers.checks import gives_in_order, gives_number, names_first
from bbi_utils.pocket.content import Content, contains_all
from bbi_utils.probes.arithmetic import KINDS
from bbi_utils.probes.lexicon import DAYS, NUMBER_WORDS

Slots = dict[str, str]


def _number(
    wordings: tuple[str, str, str], result: int, *given: int, extras: tuple[str, ...] = ()
) -> Content:
    return Content(wordings, gives_number(result, *given), key=str(result), extras=extras)


def _sum(slots: Slots, rng: random.Random) -> Content:
    a, b = int(slots["a"]), int(slots["b"])
    total = a + b
    return _number(
        (f"{total}.", f"{a} plus {b} is {total}.", f"If you add {a} and {b}, you get {total}."), total, a, b
    )


def _difference(slots: Slots, rng: random.Random) -> Content:
    a, b = int(slots["a"]), int(slots["b"])
    rest = a - b
    return _number(
        (f"{rest}.", f"{a} minus {b} is {rest}.", f"If you take {b} from {a}, you get {rest}."), rest, a, b
    )


def _product(slots: Slots, rng: random.Random) -> Content:
    a, b = int(slots["a"]), int(slots["b"])
    product = a * b
    wordings = (
        f"{product}.",
        f"{a} times {b} is {product}.",
        f"If you multiply {a} by {b}, you get {product}.",
    )
    return _number(wordings, product, a, b)


def _gain(slots: Slots, rng: random.Random) -> Content:
    a, b, things = int(slots["a"]), int(slots["b"]), slots["things"]
    total = a + b
    wordings = (
        f"{total} {things}.",
        f"{slots['name']} has {total} {things}.",
        f"We add {a} and {b}, so there are {total} {things}.",
    )
    return _number(wordings, total, a, b)


def _loss(slots: Slots, rng: random.Random) -> Content:
    a, b, things = int(slots["a"]), int(slots["b"]), slots["things"]
    rest = a - b
    wordings = (
        f"{rest} {things}.",
        f"{slots['name']} has {rest} {things} left.",
        f"We take {b} from {a}, so {rest} {things} are left.",
    )
    return _number(wordings, rest, a, b, extras=(f"{slots['other']} has the others.",))


def _rows(slots: Slots, rng: random.Random) -> Content:
    a, b, things = int(slots["a"]), int(slots["b"]), slots["things"]
    total = a * b
    wordings = (
        f"{total} {things}.",
        f"That is {total} {things}.",
        f"We multiply {a} by {b}, so there are {total} {things}.",
    )
    return _number(wordings, total, a, b)


def _share(slots: Slots, rng: random.Random) -> Content:
    total, people, things = int(slots["total"]), int(slots["people"]), slots["things"]
    each = total // people
    wordings = (
        f"{each} {things}.",
        f"Each share is {each} {things}.",
        f"We divide {total} by {people}, so each share is {each} {things}.",
    )
    return _number(wordings, each, total, people, extras=("All shares are equal.",))


def _compare(slots: Slots, rng: random.Random) -> Content:
    low, high = sorted((int(slots["a"]), int(slots["b"])))
    side = slots["side"]
    chosen, other = (high, low) if side == "larger" else (low, high)
    wordings = (
        f"{chosen}.",
        f"{chosen} is {side} than {other}.",
        f"The {side} number is {chosen}, not {other}.",
    )
    return Content(wordings, names_first(str(chosen), str(other)), key=str(chosen))


def _sequence(slots: Slots, rng: random.Random) -> Content:
    numbers = [int(number) for number in slots["sequence"].split(", ")]
    step = numbers[1] - numbers[0]
    following = numbers[-1] + step
    wordings = (
        f"{following}.",
        f"The next number is {following}.",
        f"We add {step} each time, so {following} comes next.",
    )
    return _number(wordings, following, step)


def _parity(slots: Slots, rng: random.Random) -> Content:
    number = slots["number"]
    word, other = ("even", "odd") if int(number) % 2 == 0 else ("odd", "even")
    wordings = (
        f"It is {word}.",
        f"{number} is an {word} number.",
        f"The number {number} is {word}, not {other}.",
    )
    extra = "It can be divided by two." if word == "even" else "It cannot be divided by two."
    return Content(wordings, names_first(word, other), key=word, extras=(extra,))


def _half_double(slots: Slots, rng: random.Random) -> Content:
    task, number = slots["task"], int(slots["number"])
    result = number // 2 if task == "half of" else number * 2
    rule = f"We divide {number} by two" if task == "half of" else f"We multiply {number} by two"
    wordings = (f"{result}.", f"{task.capitalize()} {number} is {result}.", f"{rule} and get {result}.")
    return _number(wordings, result, number)


def _days_ahead(slots: Slots, rng: random.Random) -> Content:
    day, count = slots["day"], slots["count"]
    later = DAYS[(DAYS.index(day) + NUMBER_WORDS.index(count)) % 7]
    wordings = (
        f"{later}.",
        f"It will be {later}.",
        f"If you count {count} days from {day}, you reach {later}.",
    )
    return Content(wordings, contains_all(later), key=later, extras=("A week has seven days.",))


def _order(slots: Slots, rng: random.Random) -> Content:
    people = (slots["first"], slots["second"], slots["third"])
    chosen, end = people[int(slots["place"])], slots["end"]
    others = tuple(name for name in people if name != chosen)
    wordings = (f"{chosen}.", f"{chosen} is the {end}.", f"Of the three, the {end} is {chosen}.")
    extra = f"{slots['second']} is in the middle."
    return Content(wordings, names_first(chosen, *others), key=chosen, extras=(extra,))


def _odd_one_out(slots: Slots, rng: random.Random) -> Content:
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


def _count_words(slots: Slots, rng: random.Random) -> Content:
    count = len(slots["words"].split(", "))
    return _number(
        (f"{count}.", f"There are {count} of them.", f"If you count them all, you get {count}."), count
    )


def _sort_numbers(slots: Slots, rng: random.Random) -> Content:
    numbers = sorted(int(number) for number in slots["numbers"].split(", "))
    first, second, third = numbers
    listed = f"{first}, {second}, {third}"
    wordings = (
        f"{listed}.",
        f"The order is {listed}.",
        f"From smallest to largest: {first}, then {second}, then {third}.",
    )
    return Content(wordings, gives_in_order(*numbers), key=str(first))


def _trip(slots: Slots, rng: random.Random) -> Content:
    start, hours = int(slots["start"]), int(slots["hours"])
    end = start + hours
    wordings = (
        f"At {end} o'clock.",
        f"The {slots['vehicle']} arrives at {end} o'clock.",
        f"We add {hours} hours to {start} o'clock and get {end} o'clock.",
    )
    return _number(wordings, end, start, hours, extras=(f"Have a nice time in {slots['city']}.",))


def _change(slots: Slots, rng: random.Random) -> Content:
    price, paid = int(slots["price"]), int(slots["paid"])
    rest = paid - price
    wordings = (
        f"{rest} dollars.",
        f"{slots['name']} has {rest} dollars left.",
        f"We take {price} from {paid}, which leaves {rest} dollars.",
    )
    return _number(wordings, rest, paid, price)


ANSWERS = {
    "addition": _sum,
    "subtraction": _difference,
    "multiplication": _product,
    "gain": _gain,
    "loss": _loss,
    "rows": _rows,
    "share": _share,
    "compare_numbers": _compare,
    "sequence": _sequence,
    "parity": _parity,
    "half_double": _half_double,
    "days_ahead": _days_ahead,
    "order": _order,
    "odd_one_out": _odd_one_out,
    "count_words": _count_words,
    "sort_numbers": _sort_numbers,
    "trip": _trip,
    "change": _change,
}
