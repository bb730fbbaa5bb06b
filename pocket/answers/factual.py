"""Scripted answers to the factual probes, looked up in the tables of facts."""

from __future__ import annotations

import random
from types import SimpleNamespace

from bbi_utils.probes.templates.grammar import with_article
from bbi_utils.probes.templates.sheets import shared
from pocket.answers.checks import gives_number, names_first, says_yes_or_no
from pocket.content import Content, Slots, contains_all

TABLES, MONTHS = shared().tables, shared().words["months"]
COUNTRIES, ANIMALS = (
    {name: SimpleNamespace(name=name, **fields) for name, fields in shared().records[table].items()}
    for table in ("countries", "animal_facts")
)
_BOTH_WAYS = TABLES["opposites"] | {second: first for first, second in TABLES["opposites"].items()}
_KINDS = ("mammal", "bird", "fish", "reptile", "amphibian", "insect")
_KIND_NOTES = {
    "mammal": "Mammals feed their young with milk.",
    "bird": "Birds have feathers and lay eggs.",
    "fish": "Fish breathe in water.",
    "reptile": "Reptiles have dry skin with scales.",
    "amphibian": "Amphibians live in water and on land.",
    "insect": "Insects have six legs.",
}


def capital(slots: Slots, rng: random.Random) -> Content:
    country = COUNTRIES[slots["country"]]
    wordings = (
        f"{country.capital}.",
        f"The capital of {country.name} is {country.capital}.",
        f"{country.capital} is the capital city of {country.name}, a country in {country.continent}.",
    )
    extras = (f"{country.name} is in {country.continent}.", f"Most people there speak {country.language}.")
    return Content(wordings, contains_all(country.capital), key=country.capital, extras=extras)


def continent(slots: Slots, rng: random.Random) -> Content:
    country = COUNTRIES[slots["country"]]
    wordings = (
        f"{country.continent}.",
        f"{country.name} is in {country.continent}.",
        f"You will find {country.name} on the continent of {country.continent}.",
    )
    extras = (f"Its capital is {country.capital}.",)
    return Content(wordings, contains_all(country.continent), key=country.continent, extras=extras)


def language(slots: Slots, rng: random.Random) -> Content:
    country = COUNTRIES[slots["country"]]
    wordings = (
        f"{country.language}.",
        f"Most people in {country.name} speak {country.language}.",
        f"The main language of {country.name} is {country.language}.",
    )
    extras = (f"The capital of {country.name} is {country.capital}.",)
    return Content(wordings, contains_all(country.language), key=country.language, extras=extras)


def same_continent(slots: Slots, rng: random.Random) -> Content:
    first, second = COUNTRIES[slots["first"]], COUNTRIES[slots["second"]]
    if first.continent == second.continent:
        wordings = (
            f"Yes, {first.continent}.",
            f"Yes, both are in {first.continent}.",
            f"Yes, {first.name} and {second.name} are both in {first.continent}.",
        )
        return Content(wordings, says_yes_or_no(True, first.continent), key="Yes")
    wordings = (
        f"No, {first.continent} and {second.continent}.",
        f"No, {first.name} is in {first.continent} and {second.name} is in {second.continent}.",
        f"No: {first.name} lies in {first.continent}, but {second.name} lies in {second.continent}.",
    )
    return Content(wordings, says_yes_or_no(False, first.continent, second.continent), key="No")


def animal_class(slots: Slots, rng: random.Random) -> Content:
    animal = ANIMALS[slots["animal"]]
    kind = with_article(animal.kind)
    wordings = (
        f"{kind.capitalize()}.",
        f"The {animal.name} is {kind}.",
        f"Biologists say that the {animal.name} is {kind}.",
    )
    extras = (_KIND_NOTES[animal.kind],)
    check = names_first(animal.kind, *(other for other in _KINDS if other != animal.kind))
    return Content(wordings, check, key=animal.kind, extras=extras)


def animal_young(slots: Slots, rng: random.Random) -> Content:
    animal = ANIMALS[slots["animal"]]
    wordings = (
        f"{with_article(animal.young).capitalize()}.",
        f"A baby {animal.name} is called {with_article(animal.young)}.",
        f"The word for a young {animal.name} is {animal.young}.",
    )
    extras = (f"It grows up to be {with_article(animal.name)}.",)
    return Content(wordings, contains_all(animal.young), key=animal.young, extras=extras)


def animal_bigger(slots: Slots, rng: random.Random) -> Content:
    pair = (ANIMALS[slots["first"]], ANIMALS[slots["second"]])
    bigger, smaller = (animal.name for animal in sorted(pair, key=lambda animal: -int(animal.size)))
    wordings = (
        f"The {bigger}.",
        f"The {bigger} is bigger than the {smaller}.",
        f"Of the two, the {bigger} is the larger animal.",
    )
    return Content(wordings, names_first(bigger, smaller), key=bigger, extras=(f"The {smaller} is smaller.",))


def opposite(slots: Slots, rng: random.Random) -> Content:
    word = slots["word"]
    other = _BOTH_WAYS[word]
    wordings = (
        f"It is {other}.",
        f"The opposite of {word} is {other}.",
        f"A word that means the reverse is {other}.",
    )
    return Content(wordings, contains_all(other), key=other, extras=("Such words are called antonyms.",))


def chemical_symbol(slots: Slots, rng: random.Random) -> Content:
    element = slots["element"]
    symbol = TABLES["chemical_symbols"][element]
    wordings = (
        f"{symbol}.",
        f"The chemical symbol for {element} is {symbol}.",
        f"In the periodic table, {element} is written as {symbol}.",
    )
    extras = ("Every element has its own symbol.",)

    def check(answer: str) -> bool:
        return contains_all(symbol)(answer.replace("'s", ""))  # "it's" is not sulfur

    return Content(wordings, check, key=symbol, extras=extras)


def unit_count(slots: Slots, rng: random.Random) -> Content:
    part, whole = slots["part"], slots["whole"]
    number = TABLES["units"][f"{part} of {whole}"]
    wordings = (
        f"{number}.",
        f"There are {number} {part} in {whole}.",
        f"The number of {part} in {whole} is {number}.",
    )
    return Content(wordings, gives_number(int(number)), key=number)


def landmark(slots: Slots, rng: random.Random) -> Content:
    landmark = slots["landmark"]
    country = COUNTRIES[TABLES["landmarks"][landmark]]
    wordings = (
        f"{country.name}.",
        f"You can visit {landmark} in {country.name}.",
        f"The country that is home to {landmark} is {country.name}.",
    )
    extras = (f"The capital of {country.name} is {country.capital}.",)
    return Content(wordings, contains_all(country.name), key=country.name, extras=extras)


def month_neighbor(slots: Slots, rng: random.Random) -> Content:
    month, side = slots["month"], slots["side"]
    other = MONTHS[(MONTHS.index(month) + (1 if side == "after" else -1)) % 12]
    wordings = (
        f"{other}.",
        f"The month right {side} {month} is {other}.",
        f"In the calendar, {other} comes {side} {month}.",
    )
    return Content(wordings, contains_all(other), key=other, extras=("A year has twelve months.",))
