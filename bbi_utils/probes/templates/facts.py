"""Small tables of facts that probes ask about and scripted answers look up, commonest entries first."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

T = TypeVar("T")


def pick(rng: random.Random, table: Sequence[T]) -> T:
    """One entry; earlier ones are likelier, so that every table has a tail a small model seldom sees."""
    return table[int(len(table) * rng.random() ** 1.4)]


def pick_two(rng: random.Random, table: Sequence[T]) -> tuple[T, T]:
    """Two different entries, each drawn as by `pick`."""
    first = second = pick(rng, table)
    while second == first:
        second = pick(rng, table)
    return first, second


class Country(NamedTuple):
    """name, capital, continent, main language, currency."""

    name: str
    capital: str
    continent: str
    language: str
    currency: str


COUNTRIES = (
    Country("France", "Paris", "Europe", "French", "euro"),
    Country("Italy", "Rome", "Europe", "Italian", "euro"),
    Country("Japan", "Tokyo", "Asia", "Japanese", "yen"),
    Country("Germany", "Berlin", "Europe", "German", "euro"),
    Country("Egypt", "Cairo", "Africa", "Arabic", "pound"),
    Country("Spain", "Madrid", "Europe", "Spanish", "euro"),
    Country("China", "Beijing", "Asia", "Chinese", "yuan"),
    Country("Brazil", "Brasilia", "South America", "Portuguese", "real"),
    Country("Mexico", "Mexico City", "North America", "Spanish", "peso"),
    Country("Greece", "Athens", "Europe", "Greek", "euro"),
    Country("Portugal", "Lisbon", "Europe", "Portuguese", "euro"),
    Country("Poland", "Warsaw", "Europe", "Polish", "zloty"),
    Country("Sweden", "Stockholm", "Europe", "Swedish", "krona"),
    Country("Kenya", "Nairobi", "Africa", "Swahili", "shilling"),
    Country("Peru", "Lima", "South America", "Spanish", "sol"),
    Country("Norway", "Oslo", "Europe", "Norwegian", "krone"),
    Country("Cuba", "Havana", "North America", "Spanish", "peso"),
    Country("Thailand", "Bangkok", "Asia", "Thai", "baht"),
    Country("Austria", "Vienna", "Europe", "German", "euro"),
    Country("Morocco", "Rabat", "Africa", "Arabic", "dirham"),
)
COUNTRY = {country.name: country for country in COUNTRIES}


class Animal(NamedTuple):
    """name, class, the name of its young, size rank (1 = smallest; no two alike)."""

    name: str
    kind: str
    young: str
    size: int


ANIMAL_FACTS = (
    Animal("cat", "mammal", "kitten", 9),
    Animal("dog", "mammal", "puppy", 14),
    Animal("horse", "mammal", "foal", 22),
    Animal("cow", "mammal", "calf", 23),
    Animal("duck", "bird", "duckling", 6),
    Animal("sheep", "mammal", "lamb", 16),
    Animal("bee", "insect", "larva", 1),
    Animal("pig", "mammal", "piglet", 18),
    Animal("frog", "amphibian", "tadpole", 3),
    Animal("lion", "mammal", "cub", 20),
    Animal("goat", "mammal", "kid", 15),
    Animal("bear", "mammal", "cub", 21),
    Animal("owl", "bird", "owlet", 5),
    Animal("whale", "mammal", "calf", 26),
    Animal("penguin", "bird", "chick", 11),
    Animal("elephant", "mammal", "calf", 25),
    Animal("shark", "fish", "pup", 24),
    Animal("snake", "reptile", "hatchling", 7),
    Animal("eagle", "bird", "eaglet", 10),
    Animal("turtle", "reptile", "hatchling", 8),
)
ANIMAL = {animal.name: animal for animal in ANIMAL_FACTS}

ELEMENTS = {
    "oxygen": "O", "gold": "Au", "iron": "Fe", "hydrogen": "H", "silver": "Ag", "copper": "Cu",
    "carbon": "C", "sodium": "Na", "helium": "He", "lead": "Pb", "calcium": "Ca", "nitrogen": "N",
    "tin": "Sn", "zinc": "Zn",
}  # fmt: skip

OPPOSITES = {
    "hot": "cold", "big": "small", "old": "young", "fast": "slow", "day": "night", "open": "closed",
    "happy": "sad", "light": "dark", "up": "down", "clean": "dirty", "strong": "weak",
    "full": "empty", "early": "late", "soft": "hard", "wet": "dry", "high": "low", "rich": "poor",
    "quiet": "loud",
}  # fmt: skip


UNITS = {
    ("minutes", "an hour"): "60", ("days", "a week"): "7", ("hours", "a day"): "24",
    ("months", "a year"): "12", ("seconds", "a minute"): "60", ("sides", "a triangle"): "3",
    ("legs", "a spider"): "8", ("days", "a leap year"): "366", ("sides", "a square"): "4",
    ("wheels", "a tricycle"): "3", ("years", "a century"): "100", ("grams", "a kilogram"): "1000",
    ("sides", "a hexagon"): "6", ("strings", "a violin"): "4",
}  # fmt: skip

LANDMARKS = {
    "the Eiffel Tower": "France", "the Great Wall": "China", "the Colosseum": "Italy",
    "Mount Fuji": "Japan", "the pyramids of Giza": "Egypt", "the Brandenburg Gate": "Germany",
    "the Acropolis": "Greece", "Machu Picchu": "Peru", "the Louvre": "France",
    "the Leaning Tower of Pisa": "Italy", "the Sagrada Familia": "Spain",
}  # fmt: skip

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
FOODS = {
    "apple": "fruit", "carrot": "vegetable", "banana": "fruit", "potato": "vegetable",
    "orange": "fruit", "onion": "vegetable", "cherry": "fruit", "cabbage": "vegetable",
    "grape": "fruit", "spinach": "vegetable", "peach": "fruit", "leek": "vegetable",
}  # fmt: skip
