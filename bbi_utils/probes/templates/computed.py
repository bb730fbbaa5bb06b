"""Draws that lists alone cannot make: each returns the texts of the slots that a sheet names before it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeAlias, TypeVar

from bbi_utils.probes.templates.grammar import with_article
from bbi_utils.probes.templates.sheets import Sheet

T = TypeVar("T")
Slots: TypeAlias = dict[str, str]
Texts: TypeAlias = Sequence[str]
CLEARLY_BIGGER = 5  # ranks of size between two animals, which leave no doubt
# Pairs of classes that share a word in common speech: gold is a color too, Mercury also a metal.
UNCLEAR = ({"fruit", "color"}, {"metal", "color"}, {"planet", "metal"}, {"fruit", "vegetable"})


def pick(rng: random.Random, entries: Sequence[T]) -> T:
    """One entry; earlier ones are likelier, so that every table has a tail a small model seldom sees."""
    return entries[int(len(entries) * rng.random() ** 1.4)]


def pick_two(rng: random.Random, entries: Sequence[T]) -> tuple[T, T]:
    """Two different entries, each drawn as by `pick`."""
    first = second = pick(rng, entries)
    while second == first:
        second = pick(rng, entries)
    return first, second


def two_countries(rng: random.Random, _: Slots, sheet: Sheet) -> Texts:
    return pick_two(rng, list(sheet.records["countries"]))


def two_animals(rng: random.Random, _: Slots, sheet: Sheet) -> Texts:
    sizes = {name: int(animal["size"]) for name, animal in sheet.records["animal_facts"].items()}
    first, second = pick_two(rng, list(sizes))
    while abs(sizes[first] - sizes[second]) < CLEARLY_BIGGER:
        first, second = pick_two(rng, list(sizes))
    return first, second


def opposite(rng: random.Random, _: Slots, sheet: Sheet) -> Texts:
    return [rng.choice(pick(rng, list(sheet.tables["opposites"].items())))]


def part_and_whole(rng: random.Random, _: Slots, sheet: Sheet) -> Texts:
    return pick(rng, list(sheet.tables["units"])).split(" of ")


def difference(rng: random.Random, _: Slots, sheet: Sheet) -> Texts:
    first = int(pick(rng, sheet.words["digits"])) + 3
    return str(first), str(rng.randint(1, first - 2))


def odd_one_out(rng: random.Random, _: Slots, sheet: Sheet) -> Texts:
    kinds = sheet.members("kinds")
    kind, other = rng.sample(list(kinds), 2)
    words = [*rng.sample(kinds[kind], 3), rng.choice(kinds[other])]
    rng.shuffle(words)
    return [", ".join(words)]


def two_to_five_objects(rng: random.Random, _: Slots, sheet: Sheet) -> Texts:
    return [", ".join(rng.sample(sheet.words["objects"], rng.randint(2, 5)))]


def two_or_three_nouns(rng: random.Random, _: Slots, sheet: Sheet) -> Texts:
    return [", ".join(rng.sample(_nouns(sheet), rng.choice((2, 3))))]


def noun_off_topic(rng: random.Random, slots: Slots, sheet: Sheet) -> Texts:
    return [rng.choice([noun for noun in _nouns(sheet) if noun not in slots["topic"]])]


def member_and_class(rng: random.Random, _: Slots, sheet: Sheet) -> Texts:
    classes = sheet.members("classes")
    kind = asked = rng.choice(list(classes))
    if rng.random() >= 0.5:
        asked = rng.choice([other for other in classes if {other, kind} not in UNCLEAR])
    return rng.choice(classes[kind]), with_article(asked)


def class_and_letter(rng: random.Random, _: Slots, sheet: Sheet) -> Texts:
    classes = sheet.members("classes")
    kind = rng.choice(list(classes))
    return with_article(kind), rng.choice(classes[kind])[0].upper()


def two_json_fields(rng: random.Random, _: Slots, sheet: Sheet) -> Texts:
    fields = sheet.members("json_fields")
    first, second = rng.sample(list(fields), 2)
    return first, second, rng.choice(fields[first]), rng.choice(fields[second])


def formal_line(rng: random.Random, _: Slots, sheet: Sheet) -> Texts:
    return [rng.choice(list(sheet.tables["greetings"].values())).format(rng.choice(sheet.words["names"]))]


def term_and_fields(rng: random.Random, _: Slots, sheet: Sheet) -> Texts:
    terms = sheet.records["terms"]
    term = rng.choice(list(terms))
    field = terms[term]["field"]
    fields = [field, rng.choice([other for other in _fields(sheet) if other != field])]
    rng.shuffle(fields)
    return term, *fields


def definition_and_terms(rng: random.Random, _: Slots, sheet: Sheet) -> Texts:
    field = rng.choice(_fields(sheet))
    terms = {
        name: term["definition"] for name, term in sheet.records["terms"].items() if term["field"] == field
    }
    first, second = rng.sample(list(terms), 2)
    return field, terms[rng.choice((first, second))], first, second


def python_value(rng: random.Random, _: Slots, sheet: Sheet) -> Texts:
    first, second = rng.sample(_nouns(sheet) + sheet.words["colors"], 2)
    number, other = rng.randint(2, 20), rng.randint(2, 20)
    values = (
        f"'{first} {second}'",
        f"['{first}', '{second}']",
        f"('{first}', '{second}')",
        f"{{'{first}': {number}}}",
        f"{{'{first}', '{second}'}}",
        f"{number} > {other}",
        f"{number}",
        f"{number}.5",
    )
    return [rng.choice(values)]


def habit(rng: random.Random, _: Slots, sheet: Sheet) -> Texts:
    return [pick(rng, list(sheet.tables[rng.choice(("safe_habits", "unsafe_habits"))]))]


def feeling_and_deed(rng: random.Random, _: Slots, sheet: Sheet) -> Texts:
    mood = rng.choice(("bad", "good"))
    return rng.choice(sheet.words[f"{mood}_feelings"]), rng.choice(sheet.words[f"{mood}_deeds"])


def scene(rng: random.Random, _: Slots, sheet: Sheet) -> Texts:
    """Who, verb, object, place, and who does what where as a sentence in the present without full stop."""
    person = rng.random() < 0.6
    who = rng.choice(sheet.words["names"]) if person else "The " + rng.choice(sheet.words["animals"])
    verb = rng.choice(list(sheet.records["verbs"]) if person else sheet.words["animal_verbs"])
    thing, place = rng.choice(sheet.words["objects"]), rng.choice(sheet.words["places"])
    third, where = sheet.records["verbs"][verb]["third"], sheet.tables["where"][place]
    return who, verb, thing, place, f"{who} {third} {with_article(thing)} {where}"


def informal_message(rng: random.Random, slots: Slots, sheet: Sheet) -> Texts:
    """The message, and before it what it says; what it does not say stays empty and does not identify it."""
    pattern = sheet.tables["informal"][slots["kind"]]
    said = ("name", "object", "day", "place", "where")
    return *(slots[name] * (f"{{{name}}}" in pattern) for name in said), pattern.format(**slots)


def sentence_of_a_pattern(rng: random.Random, _: Slots, sheet: Sheet) -> Texts:
    pattern = rng.choice(sheet.words["sentences"])
    name, color = rng.choice(sheet.words["names"]), rng.choice(sheet.words["colors"])
    adjective, noun = rng.choice(sheet.words["plain_adjectives"]), rng.choice(_nouns(sheet))
    place = rng.choice(sheet.words["places_in"])
    return [pattern.format(name=name, color=color, adjective=adjective, noun=noun, place=place)]


def _nouns(sheet: Sheet) -> list[str]:
    return sheet.words["objects"] + sheet.words["animals"]


def _fields(sheet: Sheet) -> list[str]:
    return list(dict.fromkeys(term["field"] for term in sheet.records["terms"].values()))
