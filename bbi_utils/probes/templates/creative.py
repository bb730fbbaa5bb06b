"""Creative writing in one to three lines: poems, slogans, openings, titles, riddles, names."""

from __future__ import annotations

import random

from bbi_utils.probes.stream import Template
from bbi_utils.probes.templates.draws import each
from bbi_utils.probes.templates.lexicon import (
    ANIMALS,
    COLORS,
    DAYS,
    NAMES,
    OBJECTS,
    PLACES,
    TOPICS,
    WHERE,
    plural,
    with_article,
)

CATEGORY = "creative"

MOODS = ("happy", "sad", "peaceful", "hopeful", "funny", "romantic")
TIMES = ("morning", "afternoon", "evening", "night")
GENRES = ("mystery", "adventure", "love", "comedy", "fairy tale", "horror")
TONES = ("happy", "sad", "funny", "surprising", "scary")
VOICES = ("polite", "angry", "shy", "excited", "tired", "sad")
TRAITS = (
    "small", "big", "old", "quiet", "bright", "warm", "cold", "soft", "slow", "fast", "happy", "clean",
    "strong", "clever", "busy", "brave", "hungry",
)  # fmt: skip


def _where(rng: random.Random) -> dict[str, str]:
    """A place, and the phrase that says where it is."""
    place = rng.choice(PLACES)
    return {"place": place, "where": WHERE[place]}


def _slogan(rng: random.Random) -> dict[str, str]:
    thing = rng.choice(OBJECTS)
    return {"object": thing, "goods": plural(thing), "name": rng.choice(NAMES), **_where(rng)}


def _meeting(rng: random.Random) -> dict[str, str]:
    animal = rng.choice(ANIMALS)
    who = {"animal": animal, "an_animal": with_article(animal), "name": rng.choice(NAMES)}
    return {**who, "time": rng.choice(TIMES), **_where(rng)}


def _lost_object(rng: random.Random) -> dict[str, str]:
    slots = {"name": rng.choice(NAMES), "object": rng.choice(OBJECTS), "tone": rng.choice(TONES)}
    return {**slots, "a_tone": with_article(slots["tone"]), **_where(rng)}


def _title(rng: random.Random) -> dict[str, str]:
    animal, thing, genre = rng.choice(ANIMALS), rng.choice(OBJECTS), rng.choice(GENRES)
    articles = {"an_animal": with_article(animal), "an_object": with_article(thing)}
    return {"animal": animal, "object": thing, "genre": genre, "a_genre": with_article(genre), **articles}


def _thing(rng: random.Random) -> dict[str, str]:
    thing = rng.choice(ANIMALS)
    slots = {"thing": thing, "a_thing": with_article(thing)}
    return slots | {"name": rng.choice(NAMES), "day": rng.choice(DAYS)}


def _pet(rng: random.Random) -> dict[str, str]:
    animal, color = rng.choice(ANIMALS), rng.choice(COLORS)
    return {"animal": animal, "color": color, "pet": with_article(f"{color} {animal}"), **_where(rng)}


def _dialogue(rng: random.Random) -> dict[str, str]:
    animal, voice = rng.choice(ANIMALS), rng.choice(VOICES)
    slots = {"animal": animal, "voice": voice, "speaker": with_article(f"{voice} {animal}")}
    return {**slots, "name": rng.choice(NAMES), "object": rng.choice(OBJECTS)}


def _fable(rng: random.Random) -> dict[str, str]:
    first, second = rng.sample(ANIMALS, 2)
    articles = {"a_first": with_article(first), "a_second": with_article(second)}
    return {"first": first, "second": second, **articles, **_where(rng)}


TEMPLATES = (
    Template("couplet_poem", (
        "Write a {mood} two-line poem about {topic} for {name}.",
        "{name} would like a short {mood} rhyme about {topic}. Two lines are enough.",
        "Please compose a {mood} couplet on the subject of {topic} that {name} can read aloud.",
        "Make up two rhyming lines about {topic}. The mood is {mood}, and the reader is {name}.",
    ), each(topic=TOPICS, mood=MOODS, name=NAMES)),
    Template("shop_slogan", (
        "Write a slogan for {name}'s shop, which sells {goods} {where}.",
        "{name} sells {goods} {where}. Invent a catchy slogan.",
        "Suggest an advertising line for the {goods} that {name} sells {where}.",
        "What could the sign say above a shop {where} where {name} offers {goods}?",
    ), _slogan),
    Template("story_opening", (
        "Write the first sentence of a story in which {name} meets {an_animal} {where} one {time}.",
        "Begin a children's story: it is {time}, and {name} sees {an_animal} {where}.",
        "How could a tale about {name} and {an_animal} begin? It starts {where} in the {time}.",
        "Give me an opening line with {name}, {an_animal}, and a strange {time} {where}.",
    ), _meeting),
    Template("story_ending", (
        "Write {a_tone} last sentence for a story in which {name} loses the {object} {where}.",
        "{name} has lost the {object} {where}. End this story in {a_tone} way.",
        "Invent {a_tone} ending: {name} is looking for the {object} {where}.",
        "How does the story of {name} and the missing {object} {where} end? Make it {tone}.",
    ), _lost_object),
    Template("story_title", (
        "Suggest a title for {a_genre} story about {an_animal} and {an_object}.",
        "What would you call {a_genre} book in which {an_animal} finds {an_object}?",
        "I wrote {a_genre} story with {an_animal} and {an_object} in it. It needs a title.",
        "Give me one good title. Genre: {genre}. Hero: {an_animal}. Important thing: {an_object}.",
    ), _title),
    Template("simile_person", (
        "I find {name} very {trait} at the {place}. Say that with a simile.",
        "Describe {name} {where} with a simile for the word {trait}.",
        "Write a comparison that shows how {trait} {name} is at the {place}.",
        'Complete the simile "{name} is as {trait} as" for my story at the {place}.',
    ), lambda rng: {"name": rng.choice(NAMES), "trait": rng.choice(TRAITS), **_where(rng)}),
    Template("riddle", (
        "Write a riddle for {name} whose answer is {a_thing}.",
        "Invent a short riddle about {a_thing}. {name} will have to solve it on {day}.",
        "I need a riddle for {day}. {name} should guess: {a_thing}.",
        "Describe {a_thing} as a riddle that ends with What am I? It is for {name}'s party on {day}.",
    ), _thing),
    Template("metaphor", (
        "Write a metaphor about {topic} that {name} can use in a speech at the {place}.",
        "{name} wants a metaphor for {topic}. What do you suggest for a poster at the {place}?",
        "Say with a metaphor what {topic} can be, for {name}'s talk at the {place}.",
        "Compare {topic} to something else in one line, without like or as, for {name} at the {place}.",
    ), lambda rng: {"topic": rng.choice(TOPICS), "name": rng.choice(NAMES), **_where(rng)}),
    Template("pet_name", (
        "Invent a name for {pet} that lives {where}.",
        "We found {pet} {where}. What should we call it?",
        "In my story {pet} lives {where}. Suggest a name that fits its color.",
        "What is a cute name for {pet}? We met it {where}.",
    ), _pet),
    Template("dialogue_line", (
        "Write one line of dialogue in which {speaker} talks to {name} about the {object}.",
        "What would {speaker} say to {name} about the {object}? One line is enough.",
        "In my story {speaker} wants to talk to {name} about the {object}. Write what it says.",
        "Give {speaker} one sentence to say to {name}. It should mention the {object}.",
    ), _dialogue),
    Template("birthday_wish", (
        "Write a birthday wish for {name}, who was born on a {day} and loves {topic}.",
        "{name} has a birthday on {day} and likes {topic}. What can I write in the card?",
        "Make up a one-line birthday greeting for {name} that mentions {topic}. The party is on {day}.",
        "On {day} we celebrate {name}'s birthday. Write a wish with a comparison to {topic}.",
    ), each(name=NAMES, topic=TOPICS, day=DAYS)),
    Template("tiny_fable", (
        "Tell a fable in one sentence about {a_first} and {a_second} {where}.",
        "I want a very short fable: {a_first} and {a_second} help each other {where}.",
        "Write a one-sentence fable in which {a_first} and {a_second} become friends {where}.",
        "Invent a tiny fable {where} with {a_first} and {a_second}. It should have a lesson.",
    ), _fable),
)  # fmt: skip
