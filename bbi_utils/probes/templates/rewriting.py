"""Rewriting and summarising: one small change to a sentence of the form "who does what where"."""

from __future__ import annotations

import random

from bbi_utils.probes.stream import Template
from bbi_utils.probes.templates.lexicon import (
    ANIMAL_VERBS,
    ANIMALS,
    COLORS,
    DAYS,
    NAMES,
    NUMBER_WORDS,
    OBJECTS,
    PLACES,
    TOPICS,
    VERBS,
    WHERE,
    with_article,
)

CATEGORY = "rewriting"

FILLERS = (
    "As everybody in town already knows,", "To be completely honest with you,",
    "Believe it or not, dear reader,", "After thinking about it for a very long time,",
    "It should also be mentioned at this point that", "If I remember it correctly,",
    "For some strange reason that nobody understands,", "As you may or may not have heard,",
)  # fmt: skip
INFORMAL = {
    "give": "hey {name}, gimme the {object}",
    "meet": "yo {name}, wanna meet {where}?",
    "cancel": "hi {name}, can't come on {day}, sorry!",
    "go": "hey {name}, gotta go to the {place} on {day}",
    "thanks": "{name}, thx a lot for the {object}!",
    "where": "hey {name}, where's my {object}?",
    "bring": "yo {name}, bring the {object} asap",
    "see": "hi {name}, see ya {where} on {day}",
}
MISTAKES = ("agreement", "article", "plural", "tense", "negation")
EVENTS = (
    ("lost", "found"), ("found", "lost"), ("bought", "lost"), ("bought", "dropped"), ("painted", "sold"),
    ("stole", "hid"), ("took", "hid"), ("chose", "forgot"),
)  # fmt: skip


def _scene(rng: random.Random, *, people_only: bool = False) -> dict[str, str]:
    """Slots of one scene; `sentence` is it in the present tense, without the full stop."""
    person = people_only or rng.random() < 0.6
    who = rng.choice(NAMES) if person else "The " + rng.choice(ANIMALS)
    verb = rng.choice(tuple(VERBS) if person else ANIMAL_VERBS)
    thing, place = rng.choice(OBJECTS), rng.choice(PLACES)
    sentence = f"{who} {VERBS[verb][0]} {with_article(thing)} {WHERE[place]}"
    return {"who": who, "verb": verb, "object": thing, "place": place, "sentence": sentence}


def _counted(rng: random.Random) -> dict[str, str]:
    scene = _scene(rng)
    scene["number"] = rng.choice(NUMBER_WORDS[2:11])
    start, where = f"{scene['who']} {VERBS[scene['verb']][0]}", WHERE[scene["place"]]
    scene["sentence"] = f"{start} one {scene['object']} {where}"
    return scene


def _padded(rng: random.Random) -> dict[str, str]:
    scene, filler = _scene(rng), rng.choice(FILLERS)
    inside = scene["sentence"].replace("The ", "the ")
    return {**scene, "filler": filler, "padded": f"{filler} {inside}"}


def _colored(rng: random.Random) -> dict[str, str]:
    return {**_scene(rng), "color": rng.choice(COLORS)}


def _informal(rng: random.Random) -> dict[str, str]:
    kind, place = rng.choice(tuple(INFORMAL)), rng.choice(PLACES)
    slots = {"kind": kind, "name": rng.choice(NAMES), "object": rng.choice(OBJECTS), "day": rng.choice(DAYS)}
    slots |= {"place": place, "where": WHERE[place]}
    # Only what the message says identifies it, so what it does not say is dropped.
    text = INFORMAL[kind]
    used = {key: value for key, value in slots.items() if f"{{{key}}}" in text}
    return {"kind": kind, **used, "message": text.format(**used)}


def _mistaken(rng: random.Random) -> dict[str, str]:
    scene, kind = _scene(rng), rng.choice(MISTAKES)
    who, verb, thing, where = scene["who"], scene["verb"], scene["object"], WHERE[scene["place"]]
    wrong_article = "a " if with_article(thing).startswith("an ") else "an "
    wrong = {
        "agreement": f"{who} {verb} {with_article(thing)} {where}",
        "article": f"{who} {VERBS[verb][0]} {wrong_article}{thing} {where}",
        "plural": f"{who} {VERBS[verb][0]} three {thing} {where}",
        "tense": f"Yesterday {who.replace('The', 'the')} {verb} {with_article(thing)} {where}",
        "negation": f"{who} don't {verb} {with_article(thing)} {where}",
    }[kind]
    return {**scene, "kind": kind, "wrong": wrong}


def _two_events(rng: random.Random) -> dict[str, str]:
    first, second = rng.sample(NAMES, 2)
    thing, (one, two) = rng.choice(OBJECTS), rng.choice(EVENTS)
    here, there = rng.sample(PLACES, 2)
    text = f"{first} {one} {with_article(thing)} {WHERE[here]}. Later, {second} {two} it {WHERE[there]}"
    slots = {"first": first, "second": second, "one": one, "two": two, "here": here}
    return {**slots, "object": thing, "place": there, "text": text}


def _same_taste(rng: random.Random) -> dict[str, str]:
    first, second, third = rng.sample(NAMES, 3)
    liked, disliked = rng.sample(TOPICS, 2)
    text = f"{first} likes {liked}. {second} likes {liked} too. {third} prefers {disliked}"
    return {"first": first, "second": second, "third": third, "liked": liked, "other": disliked, "text": text}


TEMPLATES = (
    Template("rewrite_past_tense", (
        "Put this sentence into the past tense: {sentence}.",
        'Rewrite "{sentence}" in the past tense.',
        "Imagine this happened yesterday and change the verb to fit: {sentence}.",
        "{sentence}. Please write that sentence in the past tense.",
        "What is the past tense form of this sentence? {sentence}.",
    ), _scene),
    Template("rewrite_future_tense", (
        "Put this sentence into the future tense with the word will: {sentence}.",
        'Rewrite "{sentence}" so that it happens in the future.',
        "{sentence}. How would I say that about tomorrow, using will?",
        "Use the future tense in this sentence: {sentence}.",
    ), _scene),
    Template("rewrite_plural_object", (
        "Rewrite this sentence with {number} instead of one: {sentence}.",
        'Change "one" to "{number}" and fix the noun: {sentence}.',
        "{sentence}. Make it {number} and write the whole sentence again.",
        "Replace the number one with {number} in this sentence, using the correct plural: {sentence}.",
    ), _counted),
    Template("rewrite_question_form", (
        "Turn this statement into a question: {sentence}.",
        'Rewrite "{sentence}" as a yes or no question.',
        "{sentence}. How do I ask whether that is true?",
        "Make a question that starts with Does from this sentence: {sentence}.",
    ), _scene),
    Template("rewrite_negation", (
        "Make this sentence negative: {sentence}.",
        'Rewrite "{sentence}" so that it says the opposite, using not.',
        "{sentence}. Please deny that in one full sentence.",
        "Negate the following statement: {sentence}.",
    ), _scene),
    Template("rewrite_passive_voice", (
        "Put this sentence into the passive voice: {sentence}.",
        'Rewrite "{sentence}" in the passive.',
        "{sentence}. What is the passive form of that sentence?",
        "Change this sentence from active to passive voice: {sentence}.",
    ), _scene),
    Template("rewrite_first_person", (
        "Rewrite this sentence in the first person, starting with I: {sentence}.",
        'Change the subject of "{sentence}" to I.',
        "{sentence}. How would I say that about myself?",
        "Tell this in the first person: {sentence}.",
    ), _scene),
    Template("rewrite_place_first", (
        "Move the place to the beginning of this sentence: {sentence}.",
        'Rewrite "{sentence}" so that it begins with where it happens.',
        "{sentence}. Say the same thing, but start with the place.",
        "Reorder this sentence so that the place comes first: {sentence}.",
    ), _scene),
    Template("rewrite_add_color", (
        "Add the word {color} before the object in this sentence: {sentence}.",
        "{sentence}. Rewrite that sentence so that the {object} is {color}.",
        'Say in "{sentence}" that the {object} is {color}.',
        "Make the {object} {color} in this sentence: {sentence}.",
    ), _colored),
    Template("rewrite_shorten", (
        "Make this sentence shorter: {padded}.",
        'Remove the unnecessary words from "{padded}."',
        "{padded}. Please cut that down to the essential part.",
        "Say this in at most eight words: {padded}.",
    ), _padded),
    Template("rewrite_formal_version", (
        'Make this message more formal: "{message}"',
        'Rewrite "{message}" in formal English, starting with Dear.',
        'I want to send "{message}" to my boss. What is a polite version?',
        'How would you write this message formally? "{message}"',
    ), _informal),
    Template("rewrite_fix_grammar", (
        "Correct the grammar mistake in this sentence: {wrong}.",
        'Fix the grammar: "{wrong}."',
        "{wrong}. There is one mistake in that sentence; please correct it.",
        "Proofread this sentence and write it correctly: {wrong}.",
    ), _mistaken),
    Template("summary_events", (
        "Summarize these two sentences in one: {text}.",
        'Shorten this to a single sentence: "{text}."',
        "{text}. What happened, in one short sentence?",
        "Give a one-sentence summary of this story: {text}.",
    ), _two_events),
    Template("summary_taste", (
        "Summarize in one sentence who agrees here: {text}.",
        "{text}. Which two people share a taste? Answer in one sentence.",
        'Read this and sum up what two people have in common: "{text}."',
        "In one short sentence, what do two of these people both like? {text}.",
    ), _same_taste),
)  # fmt: skip
