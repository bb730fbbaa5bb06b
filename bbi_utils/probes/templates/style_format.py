"""Draws of the style and format probes that lists alone cannot make."""

from __future__ import annotations

import random

from bbi_utils.probes.templates.draws import Slots
from bbi_utils.probes.templates.sheets import sheet

SHEET = sheet("style_format")
JSON_FIELDS, GREETINGS = SHEET.members("json_fields"), SHEET.tables["greetings"]


def json_object(rng: random.Random) -> Slots:
    first, second = rng.sample(list(JSON_FIELDS), 2)
    one, two = rng.choice(JSON_FIELDS[first]), rng.choice(JSON_FIELDS[second])
    return {"first": first, "second": second, "one": one, "two": two}


def some_words(rng: random.Random) -> Slots:
    return {
        "words": ", ".join(rng.sample([*SHEET.words["objects"], *SHEET.words["animals"]], rng.choice((2, 3))))
    }


def casual_tone(rng: random.Random) -> Slots:
    formal, name = rng.choice(list(GREETINGS.values())), rng.choice(SHEET.words["names"])
    return {"text": formal.format(name), "_reader": rng.choice(SHEET.words["readers"])}
