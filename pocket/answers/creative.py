"""Scripted answers to creative prompts: one table per kind of image, filled with the slots of the prompt."""

from __future__ import annotations

import random

from bbi_utils.probes.templates.grammar import sentence_case, with_article
from bbi_utils.probes.templates.sheets import shared
from pocket.content import Content, Slots, contains_all, words_of

WHERE = shared().tables["where"]
WORDS = words_of("creative")
TOPICS = WORDS["topics"]


def is_or_are(topic: str) -> str:
    """The form of "to be" that agrees with a topic of the lexicon."""
    return "are" if topic.endswith("s") else "is"


def _lines(*lines: str) -> str:
    return "\n".join(lines)


def couplet_poem(slots: Slots, _: random.Random) -> Content:
    first, second = WORDS["mood_lines"][slots["mood"]], TOPICS[slots["topic"]]["couplet"]
    poem = _lines(f"{first},", f"{second}.")
    wordings = (poem, _lines("Here is a short poem:", poem), _lines(f"For {slots['name']}:", poem))
    extras = (f"The poem is about {slots['topic']}.", f"I hope {slots['name']} likes it.")
    return Content(wordings, contains_all(first, second), key=second, extras=extras)


def shop_slogan(slots: Slots, _: random.Random) -> Content:
    promise = WORDS["promises"][slots["object"]]
    goods = f"{slots['goods']} from {slots['name']}"
    wordings = (
        f"{sentence_case(goods)}: {promise}!",
        f'A good slogan would be: "{sentence_case(goods)}: {promise}!"',
        f'Above the door it could say: "{sentence_case(promise)} with {goods}!"',
    )
    extras = ("It is short and easy to remember.",)
    return Content(wordings, contains_all(promise, goods), key=goods, extras=extras)


def story_opening(slots: Slots, _: random.Random) -> Content:
    animal, talent, name = with_article(slots["animal"]), WORDS["talents"][slots["animal"]], slots["name"]
    where, time = WHERE[slots["place"]], slots["time"]
    wordings = (
        f"One {time} {where}, {name} met {animal} that could {talent}.",
        f"It was a strange {time} {where} when {name} met {animal} that could {talent}.",
        f"{name} did not believe in magic until, one {time} {where}, {animal} began to {talent}.",
    )
    check = contains_all(name, slots["animal"], where)  # what it can do is the writer's choice
    return Content(wordings, check, key=talent, extras=("Nobody else knew about it.",))


def story_ending(slots: Slots, _: random.Random) -> Content:
    end = WORDS["endings"][slots["tone"]].format(**slots)
    wordings = (f"In the end, {end}.", f"At last, {end}.", f"And so the story ended: {end}.")
    extras = (f"This ending is {slots['tone']}.", "Nobody ever forgot that day.")
    return Content(wordings, contains_all(end), key=slots["object"], extras=extras)


def story_title(slots: Slots, _: random.Random) -> Content:
    animal, thing = slots["animal"].title(), slots["object"].title()
    title = WORDS["titles"][slots["genre"]].format(animal=animal, object=thing)
    wordings = (f'"{title}"', f'A good title would be "{title}".', f'You could call the story "{title}".')
    extras = (f"It sounds like {with_article(slots['genre'])} story.",)
    return Content(wordings, contains_all(title), key=title, extras=extras)


def simile_person(slots: Slots, _: random.Random) -> Content:
    simile = f"as {slots['trait']} as " + WORDS["similes"][slots["trait"]]
    where = WHERE[slots["place"]]
    wordings = (
        f"{slots['name']} is {simile}.",
        f"{sentence_case(where)}, {slots['name']} is {simile}.",
        f"You could say that {slots['name']} is {simile} {where}.",
    )
    extras = ("A simile uses the word as.",)
    return Content(wordings, contains_all(slots["name"], simile), key=simile, extras=extras)


def riddle(slots: Slots, _: random.Random) -> Content:
    clue = WORDS["clues"][slots["thing"]]
    wordings = (
        f"{clue}. What am I?",
        f"Here is a riddle: {clue}. What am I?",
        f"Ask {slots['name']} this: {clue}. What am I?",
    )
    return Content(wordings, contains_all(clue), key=clue, extras=(f"The answer is {slots['a_thing']}.",))


def metaphor(slots: Slots, _: random.Random) -> Content:
    likeness = TOPICS[slots["topic"]]["likeness"]
    image = f"{slots['topic']} {is_or_are(slots['topic'])} {likeness}"
    wordings = (
        f"{sentence_case(image)}.",
        f"A good metaphor would be: {image}.",
        f"{slots['name']} could say that {image}.",
    )
    extras = ("A metaphor does not need the word like.",)
    return Content(wordings, contains_all(image), key=likeness, extras=extras)


def pet_name(slots: Slots, _: random.Random) -> Content:
    name, animal = WORDS["color_names"][slots["color"]], slots["animal"]
    wordings = (
        f"{name} the {animal}.",
        f"You could call the {slots['color']} {animal} {name}.",
        f"Because it is {slots['color']}, {name} is a good name for the {animal}.",
    )
    return Content(wordings, contains_all(name), key=name, extras=("The name fits its color.",))


def dialogue_line(slots: Slots, _: random.Random) -> Content:
    speech = WORDS["speeches"][slots["voice"]].format(**slots)
    said = speech[:-1] + "," if speech.endswith(".") else speech
    wordings = (
        f'"{speech}"',
        f'"{said}" said the {slots["animal"]}.',
        f'The {slots["voice"]} {slots["animal"]} turned around and said: "{speech}"',
    )
    extras = (f"It sounds {slots['voice']}.",)
    return Content(wordings, contains_all(speech), key=slots["object"], extras=extras)


def birthday_wish(slots: Slots, _: random.Random) -> Content:
    comparison = f"as {TOPICS[slots['topic']]['quality']} as {slots['topic']}"
    wordings = (
        f"Happy birthday, {slots['name']}! May your year be {comparison}.",
        f"Dear {slots['name']}, happy birthday, and may this year be {comparison}.",
        f"I wish you a happy birthday, {slots['name']}, and a year that is {comparison}.",
    )
    check = contains_all("happy birthday", slots["name"], comparison)
    return Content(wordings, check, key=comparison, extras=("Have a wonderful day.",))


def tiny_fable(slots: Slots, _: random.Random) -> Content:
    first, second, where = slots["a_first"], slots["a_second"], WHERE[slots["place"]]
    talent = WORDS["talents"][slots["first"]]
    wordings = (
        f"{sentence_case(first)} taught {second} to {talent}, and they became friends.",
        f"{sentence_case(where)}, {first} taught {second} to {talent}, and they became friends.",
        f"Once {second} was lonely {where}, until {first} taught it to {talent}.",
    )
    check = contains_all(first, second, "taught")
    extras = ("The lesson is that friends help each other.",)
    return Content(wordings, check, key=talent, extras=extras)
