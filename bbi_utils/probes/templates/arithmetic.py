"""Probes that ask for a small calculation or a step of everyday reasoning."""

from __future__ import annotations

import random

from bbi_utils.probes.stream import Template
from bbi_utils.probes.templates import facts
from bbi_utils.probes.templates.lexicon import DAYS, NAMES, OBJECTS, plural

CATEGORY = "arithmetic"
_EARLY, _LATE = OBJECTS[:10], OBJECTS[10:]
SHAPES = ("triangle", "square", "circle", "hexagon", "octagon")
KINDS = {
    "animals": ("cat", "dog", "horse", "cow", "goat", "lion", "bear", "rabbit"),
    "fruits": ("apple", "banana", "cherry", "peach", "lemon", "mango"),
    "colors": ("red", "blue", "green", "yellow", "white", "black"),
    "shapes": SHAPES,
    "days": DAYS,
    "countries": ("France", "Italy", "Japan", "Egypt", "Spain", "Brazil", "Poland"),
}


def _small(rng: random.Random) -> int:
    """From 2 to 9, small numbers likelier."""
    return facts.pick(rng, range(2, 10))


def _addition(rng: random.Random) -> dict[str, str]:
    return {"a": str(_small(rng)), "b": str(_small(rng))}


def _subtraction(rng: random.Random) -> dict[str, str]:
    first = _small(rng) + 3
    return {"a": str(first), "b": str(rng.randint(1, first - 2))}


def _times(rng: random.Random) -> dict[str, str]:
    return {"a": str(_small(rng)), "b": str(rng.randint(2, 5))}


def _gain(rng: random.Random) -> dict[str, str]:
    return {"name": rng.choice(NAMES), "things": plural(rng.choice(OBJECTS)), **_addition(rng)}


def _loss(rng: random.Random) -> dict[str, str]:
    name, other = rng.sample(NAMES, 2)
    return {"name": name, "other": other, "things": plural(rng.choice(OBJECTS)), **_subtraction(rng)}


def _two_numbers(rng: random.Random) -> dict[str, str]:
    first, second = rng.sample(range(2, 21), 2)
    return {"a": str(first), "b": str(second), "side": rng.choice(("larger", "smaller"))}


def _parity(rng: random.Random) -> dict[str, str]:
    return {"number": str(rng.randint(1, 30))}


def _order(rng: random.Random) -> dict[str, str]:
    high, middle, low = rng.sample(NAMES, 3)
    word, end, flip = rng.choice(
        (("taller", "tallest", 0), ("older", "oldest", 0), ("faster", "fastest", 0))
        + (("taller", "shortest", 1), ("older", "youngest", 1), ("faster", "slowest", 1))
    )
    return {"first": high, "second": middle, "third": low, "word": word, "end": end, "place": str(2 * flip)}


def _odd_one_out(rng: random.Random) -> dict[str, str]:
    kind, other = rng.sample(tuple(KINDS), 2)
    words = [*rng.sample(KINDS[kind], 3), rng.choice(KINDS[other])]
    rng.shuffle(words)
    return {"words": ", ".join(words)}


def _list_of_things(rng: random.Random) -> dict[str, str]:
    return {"words": ", ".join(rng.sample(OBJECTS, rng.randint(2, 5)))}


def _trip(rng: random.Random) -> dict[str, str]:
    start, hours = rng.randint(1, 8), rng.randint(2, 4)
    vehicle = rng.choice(("train", "bus", "ship", "plane"))
    return {
        "vehicle": vehicle,
        "start": str(start),
        "hours": str(hours),
        "city": facts.pick(rng, facts.COUNTRIES).capital,
    }


def _money(rng: random.Random) -> dict[str, str]:
    price = rng.randint(2, 8)
    return {
        "name": rng.choice(NAMES),
        "thing": rng.choice(OBJECTS),
        "price": str(price),
        "paid": rng.choice(("10", "20")),
    }


TEMPLATES = (
    Template(
        "addition",
        (
            "What is {a} plus {b}?",
            "Calculate {a} + {b} for me.",
            "Please add {a} and {b}. What do you get?",
            "What is the sum of {a} and {b}?",
            "If I add {b} to {a}, which number do I reach?",
            "How much is {a} and {b} together?",
        ),
        _addition,
    ),
    Template(
        "subtraction",
        (
            "What is {a} minus {b}?",
            "Calculate {a} - {b} for me.",
            "Take {b} away from {a}. What is left?",
            "What is the difference between {a} and {b}?",
            "If I subtract {b} from {a}, which number remains?",
            "How much is {a} less {b}?",
        ),
        _subtraction,
    ),
    Template(
        "multiplication",
        (
            "What is {a} times {b}?",
            "Multiply {a} by {b}, please.",
            "What is the product of {a} and {b}?",
            "Calculate {a} x {b} for me.",
            "How much do you get when you multiply {a} with {b}?",
            "In the times tables, what is {a} times {b}?",
        ),
        _times,
    ),
    Template(
        "gain",
        (
            "{name} has {a} {things} and buys {b} more. How many {things} does {name} have now?",
            "There are {a} {things} on the table. {name} adds {b}. How many are there?",
            "{name} found {a} {things} yesterday and {b} today. How many {things} is that in all?",
            "With {a} {things} in one bag and {b} in another, how many does {name} carry?",
            "How many {things} does {name} own after getting {b} besides the first {a}?",
        ),
        _gain,
    ),
    Template(
        "loss",
        (
            "{name} has {a} {things} and gives {b} to {other}. How many {things} are left for {name}?",
            "Out of {a} {things}, {name} sells {b} to {other}. How many remain?",
            "{name} owned {a} {things} but {other} took {b}. How many does {name} still have?",
            "How many of {a} {things} does {name} keep after handing {b} to {other}?",
            "{other} borrows {b} of the {a} {things} that {name} has. How many stay behind?",
        ),
        _loss,
    ),
    Template(
        "compare_numbers",
        (
            "Which number is {side}, {a} or {b}?",
            "Is {a} or {b} the {side} number?",
            "Look at {a} and {b}. Which of them is {side}?",
            "I have two numbers, {a} and {b}. Tell me the {side} one.",
            "Choose the {side} of these two numbers: {a}, {b}.",
        ),
        _two_numbers,
    ),
    Template(
        "parity",
        (
            "Is {number} an even or an odd number?",
            "Tell me whether {number} is odd or even.",
            "Can {number} be divided by two, or is it odd? Say even or odd.",
            "Odd or even: which one is {number}?",
            "My child asks if {number} is an even number or an odd one.",
        ),
        _parity,
    ),
    Template(
        "order",
        (
            "{first} is {word} than {second}, and {second} is {word} than {third}. Who is the {end}?",
            "{first} is {word} than {second}. {second} is {word} than {third}. Name the {end} person.",
            "{second} is {word} than {third}. {first} is {word} than {second}. Who of them is the {end}?",
            "If {first} is {word} than {second}, who is {word} than {third}, who is the {end}?",
        ),
        _order,
    ),
    Template(
        "odd_one_out",
        (
            "Which word does not belong: {words}?",
            "Find the odd one out in this list: {words}.",
            "One of these words is different from the rest: {words}. Which one?",
            "Look at {words}. Which one does not fit with the others?",
            "Three of these belong together and one does not: {words}. Name the one that does not.",
        ),
        _odd_one_out,
    ),
    Template(
        "count_words",
        (
            "How many words are in this list: {words}?",
            "Count the things I wrote down: {words}.",
            "My shopping list says {words}. How many items is that?",
            "I packed the following: {words}. How many things did I pack?",
            "Here are some words: {words}. How many are there?",
        ),
        _list_of_things,
    ),
    Template(
        "trip",
        (
            "A {vehicle} to {city} leaves at {start} o'clock and takes {hours} hours. When does it arrive?",
            "A {vehicle} trip to {city} takes {hours} hours and starts at {start} o'clock. When does it end?",
            "I board a {vehicle} at {start} o'clock. {city} is {hours} hours away. At what time am I there?",
            "If the {vehicle} starts at {start} o'clock and needs {hours} hours to {city}, when is it there?",
        ),
        _trip,
    ),
    Template(
        "change",
        (
            "{name} buys one {thing} for {price} dollars and pays with {paid} dollars. How much comes back?",
            "One {thing} costs {price} dollars. {name} hands over {paid} dollars. What comes back?",
            "{name} has {paid} dollars and spends {price} of them on one {thing}. How many dollars are left?",
            "After paying {price} of {paid} dollars for one {thing}, how much does {name} still have?",
        ),
        _money,
    ),
)
