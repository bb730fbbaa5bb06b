"""Draws of the instruction-following probes that lists alone cannot make."""

from __future__ import annotations

import random

from bbi_utils.probes.templates.draws import Slots
from bbi_utils.probes.templates.grammar import with_article
from bbi_utils.probes.templates.sheets import sheet

SHEET = sheet("instruction_following")
WORDS, NOUNS, CLASSES = (
    SHEET.words,
    [*SHEET.words["objects"], *SHEET.words["animals"]],
    SHEET.members("classes"),
)
# Pairs of classes that share a word in common speech: gold is a color too, Mercury also a metal.
UNCLEAR = ({"fruit", "color"}, {"metal", "color"}, {"planet", "metal"}, {"fruit", "vegetable"})


def exact_words(rng: random.Random) -> Slots:
    described = with_article(f"{rng.choice(WORDS['plain_adjectives'])} {rng.choice(NOUNS)}")
    return {"described": described, "number": rng.choice(WORDS["word_counts"])}


def include_word(rng: random.Random) -> Slots:
    topic = rng.choice(WORDS["topics"])
    return {"topic": topic, "word": rng.choice([noun for noun in NOUNS if noun not in topic])}


def yes_no(rng: random.Random) -> Slots:
    kind = rng.choice(list(CLASSES))
    other = kind if rng.random() < 0.5 else rng.choice([c for c in CLASSES if {c, kind} not in UNCLEAR])
    member, name = rng.choice(CLASSES[kind]), rng.choice(WORDS["names"])
    return {"member": member, "kind": with_article(other), "_name": name}


def starts_with(rng: random.Random) -> Slots:
    kind = rng.choice(list(CLASSES))
    letter, name = rng.choice(CLASSES[kind])[0].upper(), rng.choice(WORDS["names"])
    return {"kind": with_article(kind), "letter": letter, "_name": name}


def copied_sentence(rng: random.Random) -> Slots:
    pattern = rng.choice(WORDS["sentences"])
    name, color = rng.choice(WORDS["names"]), rng.choice(WORDS["colors"])
    adjective, noun = rng.choice(WORDS["plain_adjectives"]), rng.choice(NOUNS)
    place = rng.choice(WORDS["places_in"])
    filled = pattern.format(name=name, color=color, adjective=adjective, noun=noun, place=place)
    return {"sentence": filled}


def replace_color(rng: random.Random) -> Slots:
    old, new = rng.sample(WORDS["colors"], 2)
    name, thing, place = (rng.choice(WORDS[words]) for words in ("names", "objects", "places_in"))
    return {"old": old, "new": new, "sentence": f"{name} has a {old} {thing} in the {place}."}
