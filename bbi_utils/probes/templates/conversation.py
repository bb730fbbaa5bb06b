"""Draws of the conversation probes that lists alone cannot make."""

from __future__ import annotations

import random

from bbi_utils.probes.templates.draws import Slots
from bbi_utils.probes.templates.grammar import with_article
from bbi_utils.probes.templates.sheets import sheet

SHEET = sheet("conversation")
WORDS, PET_QUESTIONS = SHEET.words, SHEET.tables["pet_questions"]


def feeling(rng: random.Random) -> Slots:
    mood = rng.choice(("bad", "good"))
    lists = {"feeling": f"{mood}_feelings", "deed": f"{mood}_deeds", "object": "objects", "name": "names"}
    return {slot: rng.choice(WORDS[words]) for slot, words in {**lists, "person": "relations"}.items()}


def memory(rng: random.Random) -> Slots:
    name, animal, color = (rng.choice(WORDS[words]) for words in ("names", "animals", "colors"))
    asked, day = rng.choice(list(PET_QUESTIONS)), rng.choice(WORDS["days"])
    slots = {"name": name, "animal": animal, "color": color, "day": day, "asked": asked}
    return {**slots, "question": PET_QUESTIONS[asked], "an_animal": with_article(animal)}
