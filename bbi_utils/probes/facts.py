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
    Country("Argentina", "Buenos Aires", "South America", "Spanish", "peso"),
    Country("Denmark", "Copenhagen", "Europe", "Danish", "krone"),
    Country("Ireland", "Dublin", "Europe", "English", "euro"),
    Country("Vietnam", "Hanoi", "Asia", "Vietnamese", "dong"),
    Country("Chile", "Santiago", "South America", "Spanish", "peso"),
    Country("Hungary", "Budapest", "Europe", "Hungarian", "forint"),
    Country("Iraq", "Baghdad", "Asia", "Arabic", "dinar"),
    Country("Sudan", "Khartoum", "Africa", "Arabic", "pound"),
    Country("Finland", "Helsinki", "Europe", "Finnish", "euro"),
    Country("Jamaica", "Kingston", "North America", "English", "dollar"),
    Country("Romania", "Bucharest", "Europe", "Romanian", "leu"),
    Country("Nepal", "Kathmandu", "Asia", "Nepali", "rupee"),
    Country("Tunisia", "Tunis", "Africa", "Arabic", "dinar"),
    Country("Colombia", "Bogota", "South America", "Spanish", "peso"),
    Country("Iceland", "Reykjavik", "Europe", "Icelandic", "krona"),
    Country("Jordan", "Amman", "Asia", "Arabic", "dinar"),
    Country("Angola", "Luanda", "Africa", "Portuguese", "kwanza"),
    Country("Uruguay", "Montevideo", "South America", "Spanish", "peso"),
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
    Animal("mouse", "mammal", "pup", 4),
    Animal("deer", "mammal", "fawn", 19),
    Animal("butterfly", "insect", "caterpillar", 2),
    Animal("swan", "bird", "cygnet", 13),
    Animal("goose", "bird", "gosling", 12),
    Animal("kangaroo", "mammal", "joey", 17),
)
ANIMAL = {animal.name: animal for animal in ANIMAL_FACTS}

ELEMENTS = {
    "oxygen": "O", "gold": "Au", "iron": "Fe", "hydrogen": "H", "silver": "Ag", "copper": "Cu",
    "carbon": "C", "sodium": "Na", "helium": "He", "lead": "Pb", "calcium": "Ca", "nitrogen": "N",
    "tin": "Sn", "zinc": "Zn", "potassium": "K", "mercury": "Hg", "neon": "Ne", "chlorine": "Cl",
    "sulfur": "S", "nickel": "Ni", "aluminum": "Al", "lithium": "Li", "cobalt": "Co", "tungsten": "W",
}  # fmt: skip

OPPOSITES = {
    "hot": "cold", "big": "small", "old": "young", "fast": "slow", "day": "night", "open": "closed",
    "happy": "sad", "light": "dark", "up": "down", "clean": "dirty", "strong": "weak", "full": "empty",
    "early": "late", "soft": "hard", "wet": "dry", "high": "low", "rich": "poor", "quiet": "loud",
    "long": "short", "left": "right", "win": "lose", "near": "far", "deep": "shallow", "buy": "sell",
    "thick": "thin", "push": "pull", "wide": "narrow", "sharp": "blunt", "arrive": "depart",
    "remember": "forget", "ancient": "modern", "brave": "cowardly", "smooth": "rough", "rise": "fall",
}  # fmt: skip


class Work(NamedTuple):
    """What was made, the verb that says how, and the surname of who made it."""

    name: str
    verb: str
    maker: str


WORKS = (
    Work("Hamlet", "wrote", "Shakespeare"),
    Work("the Mona Lisa", "painted", "Leonardo"),
    Work("the telephone", "invented", "Bell"),
    Work("Romeo and Juliet", "wrote", "Shakespeare"),
    Work("the light bulb", "invented", "Edison"),
    Work("the Fifth Symphony", "composed", "Beethoven"),
    Work("The Starry Night", "painted", "Van Gogh"),
    Work("Oliver Twist", "wrote", "Dickens"),
    Work("The Magic Flute", "composed", "Mozart"),
    Work("the theory of relativity", "developed", "Einstein"),
    Work("Guernica", "painted", "Picasso"),
    Work("The Hobbit", "wrote", "Tolkien"),
    Work("penicillin", "discovered", "Fleming"),
    Work("Pride and Prejudice", "wrote", "Austen"),
    Work("radium", "discovered", "Curie"),
    Work("The Four Seasons", "composed", "Vivaldi"),
    Work("War and Peace", "wrote", "Tolstoy"),
    Work("the law of gravity", "discovered", "Newton"),
    Work("Water Lilies", "painted", "Monet"),
    Work("dynamite", "invented", "Nobel"),
    Work("The Odyssey", "wrote", "Homer"),
    Work("The Scream", "painted", "Munch"),
    Work("Don Quixote", "wrote", "Cervantes"),
    Work("Swan Lake", "composed", "Tchaikovsky"),
)
WORK = {work.name: work for work in WORKS}

UNITS = {
    ("minutes", "an hour"): "60", ("days", "a week"): "7", ("hours", "a day"): "24",
    ("months", "a year"): "12", ("seconds", "a minute"): "60", ("sides", "a triangle"): "3",
    ("legs", "a spider"): "8",
    ("days", "a leap year"): "366", ("sides", "a square"): "4", ("wheels", "a tricycle"): "3",
    ("years", "a century"): "100", ("grams", "a kilogram"): "1000", ("sides", "a hexagon"): "6",
    ("strings", "a violin"): "4", ("years", "a decade"): "10", ("players", "a soccer team"): "11",
    ("keys", "a piano"): "88", ("legs", "an insect"): "6", ("degrees", "a circle"): "360",
    ("squares", "a chess board"): "64", ("sides", "an octagon"): "8", ("cards", "a standard deck"): "52",
}  # fmt: skip

LANDMARKS = {
    "the Eiffel Tower": "France", "the Great Wall": "China", "the Colosseum": "Italy", "Mount Fuji": "Japan",
    "the pyramids of Giza": "Egypt", "the Brandenburg Gate": "Germany", "the Acropolis": "Greece",
    "Machu Picchu": "Peru", "the Louvre": "France", "the Leaning Tower of Pisa": "Italy",
    "the Sagrada Familia": "Spain", "Petra": "Jordan", "the Little Mermaid statue": "Denmark",
    "Easter Island": "Chile", "the Alhambra": "Spain", "the Sphinx": "Egypt",
}  # fmt: skip

PLANETS = ("Mercury", "Venus", "Earth", "Mars", "Jupiter", "Saturn", "Uranus", "Neptune")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
FOODS = {
    "apple": "fruit", "carrot": "vegetable", "banana": "fruit", "potato": "vegetable", "orange": "fruit",
    "onion": "vegetable", "cherry": "fruit", "cabbage": "vegetable", "grape": "fruit", "spinach": "vegetable",
    "peach": "fruit", "leek": "vegetable", "lemon": "fruit", "turnip": "vegetable", "mango": "fruit",
}  # fmt: skip
