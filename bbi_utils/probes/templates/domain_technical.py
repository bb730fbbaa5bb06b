"""Draws of the technical probes that lists alone cannot make."""

from __future__ import annotations

import random

from bbi_utils.probes.templates.draws import Slots, shown_as
from bbi_utils.probes.templates.sheets import sheet

SHEET = sheet("domain_technical")
WORDS, TERMS, ACRONYMS = SHEET.words, SHEET.records["terms"], SHEET.records["acronyms"]
FIELDS = list(dict.fromkeys(term["field"] for term in TERMS.values()))


def term_between_fields(rng: random.Random) -> Slots:
    term = rng.choice(list(TERMS))
    field = TERMS[term]["field"]
    options = [field, rng.choice([other for other in FIELDS if other != field])]
    rng.shuffle(options)
    return {"term": term, **shown_as(options)}


def definition_between_terms(rng: random.Random) -> Slots:
    field = rng.choice(FIELDS)
    options = rng.sample([name for name, term in TERMS.items() if term["field"] == field], 2)
    definition = TERMS[rng.choice(options)]["definition"]
    return {"field": field, "definition": definition, **shown_as(options)}


def purpose(rng: random.Random) -> Slots:
    return {
        "purpose": rng.choice(list(SHEET.tables["commands"].values())),
        "_name": rng.choice(WORDS["names"]),
    }


def python_type(rng: random.Random) -> Slots:
    first, second = rng.sample([*WORDS["objects"], *WORDS["animals"], *WORDS["colors"]], 2)
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
    return {"value": rng.choice(values), "_name": rng.choice(WORDS["names"])}


def acronym(rng: random.Random) -> Slots:
    letters, audience = rng.choice(list(ACRONYMS)), rng.choice(WORDS["audiences"])
    return {"acronym": letters, "field": ACRONYMS[letters]["field"], "_audience": audience}
