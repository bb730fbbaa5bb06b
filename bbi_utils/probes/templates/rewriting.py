"""Scenes to rewrite and to summarise: who does what to which object, and where."""

from __future__ import annotations

import random

from bbi_utils.probes.templates.draws import Slots
from bbi_utils.probes.templates.grammar import with_article
from bbi_utils.probes.templates.sheets import sheet

SHEET = sheet("rewriting")
WORDS, INFORMAL, MISTAKES = SHEET.words, SHEET.tables["informal"], SHEET.tables["mistakes"]
VERBS, WHERE = SHEET.records["verbs"], SHEET.tables["where"]


def scene(rng: random.Random) -> Slots:
    """Slots of one scene; `sentence` is it in the present tense, without the full stop."""
    person = rng.random() < 0.6
    who = rng.choice(WORDS["names"]) if person else "The " + rng.choice(WORDS["animals"])
    verb = rng.choice(list(VERBS) if person else WORDS["animal_verbs"])
    thing, place = rng.choice(WORDS["objects"]), rng.choice(WORDS["places"])
    sentence = f"{who} {VERBS[verb]['third']} {with_article(thing)} {WHERE[place]}"
    return {"who": who, "verb": verb, "object": thing, "place": place, "sentence": sentence}


def counted(rng: random.Random) -> Slots:
    slots = scene(rng)
    number, third = rng.choice(WORDS["plural_counts"]), VERBS[slots["verb"]]["third"]
    sentence = f"{slots['who']} {third} one {slots['object']} {WHERE[slots['place']]}"
    return {**slots, "number": number, "sentence": sentence}


def padded(rng: random.Random) -> Slots:
    slots, filler = scene(rng), rng.choice(WORDS["fillers"])
    inside = slots["sentence"].replace("The ", "the ")
    return {**slots, "filler": filler, "padded": f"{filler} {inside}"}


def colored(rng: random.Random) -> Slots:
    return {**scene(rng), "color": rng.choice(WORDS["colors"])}


def informal(rng: random.Random) -> Slots:
    kind, place = rng.choice(list(INFORMAL)), rng.choice(WORDS["places"])
    name, thing, day = (rng.choice(WORDS[words]) for words in ("names", "objects", "days"))
    slots = {"name": name, "object": thing, "day": day, "place": place, "where": WHERE[place]}
    # Only what the message says identifies it, so what it does not say is dropped.
    used = {slot: value for slot, value in slots.items() if f"{{{slot}}}" in INFORMAL[kind]}
    return {"kind": kind, **used, "message": INFORMAL[kind].format(**used)}


def mistaken(rng: random.Random) -> Slots:
    slots, kind = scene(rng), rng.choice(list(MISTAKES))
    a_thing = with_article(slots["object"])
    wrong = MISTAKES[kind].format(
        who=slots["who"],
        inside=slots["who"].replace("The", "the"),
        verb=slots["verb"],
        third=VERBS[slots["verb"]]["third"],
        thing=slots["object"],
        a_thing=a_thing,
        wrong_article="a" if a_thing.startswith("an ") else "an",
        where=WHERE[slots["place"]],
    )
    return {**slots, "kind": kind, "wrong": wrong}


def two_events(rng: random.Random) -> Slots:
    first, second = rng.sample(WORDS["names"], 2)
    thing, (one, two) = rng.choice(WORDS["objects"]), rng.choice(WORDS["events"]).split(" and ")
    here, there = rng.sample(WORDS["places"], 2)
    text = f"{first} {one} {with_article(thing)} {WHERE[here]}. Later, {second} {two} it {WHERE[there]}"
    slots = {"first": first, "second": second, "one": one, "two": two, "here": here}
    return {**slots, "object": thing, "place": there, "text": text}


def same_taste(rng: random.Random) -> Slots:
    first, second, third = rng.sample(WORDS["names"], 3)
    liked, other = rng.sample(WORDS["topics"], 2)
    text = f"{first} likes {liked}. {second} likes {liked} too. {third} prefers {other}"
    return {"first": first, "second": second, "third": third, "liked": liked, "other": other, "text": text}
