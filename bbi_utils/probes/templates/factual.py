"""Probes that ask for a fact: countries, animals, chemistry, words, works, calendars."""

from __future__ import annotations

import random

from bbi_utils.probes.stream import Template
from bbi_utils.probes.templates import facts
from bbi_utils.probes.templates.facts import pick, pick_two

CATEGORY = "factual"


def _country(rng: random.Random) -> dict[str, str]:
    return {"country": pick(rng, facts.COUNTRIES).name}


def _two_countries(rng: random.Random) -> dict[str, str]:
    first, second = pick_two(rng, facts.COUNTRIES)
    return {"first": first.name, "second": second.name}


def _animal(rng: random.Random) -> dict[str, str]:
    return {"animal": pick(rng, facts.ANIMAL_FACTS).name}


def _two_animals(rng: random.Random) -> dict[str, str]:
    first, second = pick_two(rng, facts.ANIMAL_FACTS)
    while abs(first.size - second.size) < 5:  # leave no doubt which is bigger
        first, second = pick_two(rng, facts.ANIMAL_FACTS)
    return {"first": first.name, "second": second.name}


def _element(rng: random.Random) -> dict[str, str]:
    return {"element": pick(rng, tuple(facts.ELEMENTS))}


def _opposite(rng: random.Random) -> dict[str, str]:
    pair = pick(rng, tuple(facts.OPPOSITES.items()))
    return {"word": rng.choice(pair)}


def _unit(rng: random.Random) -> dict[str, str]:
    part, whole = pick(rng, tuple(facts.UNITS))
    return {"part": part, "whole": whole}


def _landmark(rng: random.Random) -> dict[str, str]:
    return {"landmark": pick(rng, tuple(facts.LANDMARKS))}


def _month(rng: random.Random) -> dict[str, str]:
    return {"month": rng.choice(facts.MONTHS), "side": rng.choice(("after", "before"))}


TEMPLATES = (
    Template(
        "capital",
        (
            "What is the capital of {country}?",
            "Which city is the capital of {country}?",
            "Please name the capital city of {country}.",
            "Tell me which city serves as the capital of {country}.",
            "I always forget the capital of {country}. What is it?",
            "Can you tell me what the capital of {country} is called?",
        ),
        _country,
    ),
    Template(
        "continent",
        (
            "On which continent is {country}?",
            "Which continent does {country} belong to?",
            "Please tell me the continent where {country} lies.",
            "I want to find {country} on a globe. Which continent should I look at?",
            "{country} is part of which continent?",
        ),
        _country,
    ),
    Template(
        "language",
        (
            "What is the main language spoken in {country}?",
            "Which language do most people in {country} speak?",
            "I am traveling to {country}. What language will I hear most?",
            "Name the most common language of {country}.",
            "Tell me which language is used most in {country}.",
        ),
        _country,
    ),
    Template(
        "same_continent",
        (
            "Are {first} and {second} on the same continent?",
            "Do {first} and {second} lie on one continent?",
            "Is {first} on the same continent as {second}?",
            "Tell me whether {first} and {second} share a continent.",
            "I am comparing {first} with {second}. Are both on the same continent?",
        ),
        _two_countries,
    ),
    Template(
        "animal_class",
        (
            "What kind of animal is the {animal}: mammal, bird, fish, reptile, amphibian or insect?",
            "Which class of animals does the {animal} belong to?",
            "To which animal group would a biologist assign the {animal}?",
            "Is the {animal} a mammal, a bird, or something else?",
            "Tell me the animal class of the {animal}.",
        ),
        _animal,
    ),
    Template(
        "animal_young",
        (
            "What is a baby {animal} called?",
            "What do you call the young of the {animal}?",
            "Give me the word for a very young {animal}.",
            "A grown {animal} was once a baby. What is that baby called?",
            "My child asks what the name for a baby {animal} is.",
        ),
        _animal,
    ),
    Template(
        "animal_bigger",
        (
            "Which animal is usually bigger, the {first} or the {second}?",
            "Is a grown {first} or a grown {second} the larger animal?",
            "Compare the {first} with the {second}. Which one is bigger?",
            "Between the {first} and the {second}, which animal has the bigger body?",
            "Put a grown {first} next to a grown {second}. Which one is larger?",
        ),
        _two_animals,
    ),
    Template(
        "opposite",
        (
            'What is the opposite of "{word}"?',
            'Give me a word that means the opposite of "{word}".',
            'Which word is the antonym of "{word}"?',
            'I need the reverse of the word "{word}". What is it?',
            'Complete this: the opposite of "{word}" is what?',
        ),
        _opposite,
    ),
    Template(
        "chemical_symbol",
        (
            "What is the chemical symbol for {element}?",
            "Which letters stand for {element} in the periodic table?",
            "How do chemists abbreviate the element {element}?",
            "I am labeling a bottle of {element}. Which chemical symbol do I write?",
            "Give the symbol of the element {element}.",
        ),
        _element,
    ),
    Template(
        "unit_count",
        (
            "How many {part} does {whole} have?",
            "What is the number of {part} in {whole}?",
            "If you count the {part} of {whole}, how many do you get?",
            "Tell me how many {part} there are in {whole}.",
            "Please state how many {part} belong to {whole}.",
        ),
        _unit,
    ),
    Template(
        "landmark",
        (
            "In which country can I visit {landmark}?",
            "Where is {landmark}? Please name the country.",
            "Which country is home to {landmark}?",
            "I want to see {landmark} next year. Which country do I travel to?",
            "Name the country where {landmark} is found.",
        ),
        _landmark,
    ),
    Template(
        "month_neighbor",
        (
            "Which month comes right {side} {month}?",
            "What is the name of the month just {side} {month}?",
            "In the calendar, which month is directly {side} {month}?",
            "Name the month that comes immediately {side} {month}.",
            "I was born in the month right {side} {month}. Which month is that?",
        ),
        _month,
    ),
)
