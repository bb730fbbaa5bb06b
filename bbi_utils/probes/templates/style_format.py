"""Probes that ask for a form: JSON, CSV, Markdown, lists, dates, headlines, and a given tone."""

from __future__ import annotations

import random

from bbi_utils.probes.stream import Template
from bbi_utils.probes.templates.draws import each
from bbi_utils.probes.templates.lexicon import (
    ADJECTIVES,
    ANIMALS,
    COLORS,
    DAYS,
    NAMES,
    NUMBER_WORDS,
    OBJECTS,
    PLACES,
    PLACES_AT,
    PLACES_IN,
    PLAIN_ADJECTIVES,
    TOPICS,
)

CATEGORY = "style_format"

JSON_FIELDS = {
    "name": NAMES,
    "age": tuple(str(age) for age in range(2, 21)),
    "item": OBJECTS,
    "color": COLORS,
    "place": PLACES,
    "day": DAYS,
    "pet": ANIMALS,
}
HTML_TAGS = ("b", "i", "p", "h1", "li", "em")
ORDERS = ("Give me", "Bring me", "Show me", "Sell me", "Pass me", "Find me")
# casual -> formal
GREETINGS = {
    "Hey {0}, what's up?": "Dear {0}, how are you today?",
    "Thanks a lot, {0}!": "Thank you very much, {0}.",
    "Sorry, {0}, my bad!": "I apologize for my mistake, {0}.",
    "See you, {0}!": "I look forward to seeing you again, {0}.",
    "No way, {0}!": "I cannot agree to that, {0}.",
    "Sure thing, {0}!": "I will gladly do that, {0}.",
    "Wait a sec, {0}!": "Please wait a moment, {0}.",
    "Got a minute, {0}?": "May I speak with you for a moment, {0}?",
}
_NOUNS = OBJECTS + ANIMALS


def _json(rng: random.Random) -> dict[str, str]:
    first, second = rng.sample(tuple(JSON_FIELDS), 2)
    return {
        "first": first,
        "second": second,
        "one": rng.choice(JSON_FIELDS[first]),
        "two": rng.choice(JSON_FIELDS[second]),
    }


def _words(rng: random.Random) -> dict[str, str]:
    return {"words": ", ".join(rng.sample(_NOUNS, rng.choice((2, 3))))}


def _casual_tone(rng: random.Random) -> dict[str, str]:
    return {
        "text": rng.choice(tuple(GREETINGS.values())).format(rng.choice(NAMES)),
        "_reader": rng.choice(("a friend", "a brother", "a sister", "a classmate", "a neighbor", "a cousin")),
    }


TEMPLATES = (
    Template(
        "json_object",
        (
            "Return a JSON object with the key {first} set to {one} and the key {second} set to {two}.",
            "Write this as JSON and nothing else: {first} is {one}, {second} is {two}.",
            "I need valid JSON with two keys, {first} ({one}) and {second} ({two}).",
            "Put the {first} {one} and the {second} {two} into one JSON object.",
        ),
        _json,
    ),
    Template(
        "bullet_list",
        (
            "Turn these words into a bullet list with dashes: {words}.",
            "Write {words} as a bullet list, one item on each line, and nothing else.",
            "Please format this as a list with a dash before each word: {words}",
            "I would like a dashed list of the following, one word a line: {words}.",
        ),
        _words,
    ),
    Template(
        "numbered_list",
        (
            "Make a numbered list of these words: {words}.",
            "Number the following items, one on each line: {words}",
            "Write {words} as a numbered list and add nothing else.",
            "Please give every word its own numbered line: {words}.",
        ),
        _words,
    ),
    Template(
        "table_row",
        (
            "Write a Markdown table row with the cells {name}, {object} and {day}.",
            "Put {name}, {object} and {day} into one row of a Markdown table.",
            "Give me only one Markdown table row. First cell {name}, second cell {object}, third cell {day}.",
            "As a row of a Markdown table, how do you write {name}, {object}, {day}?",
        ),
        each(name=NAMES, object=_NOUNS, day=DAYS),
    ),
    Template(
        "title_case",
        (
            "Write this book title in title case: the {adjective} {animal} of the {place}",
            "Change \"the {adjective} {animal} of the {place}\" to title case.",
            "How should \"the {adjective} {animal} of the {place}\" look as the title of a film?",
            "Put capital letters where a title needs them: the {adjective} {animal} of the {place}",
        ),
        each(adjective=ADJECTIVES, animal=ANIMALS, place=PLACES),
    ),
    Template(
        "heading",
        (
            "Write a level {level} Markdown heading that says {adjective} {noun}.",
            "Give me \"{adjective} {noun}\" as a Markdown heading of level {level}.",
            "In Markdown, turn the words {adjective} {noun} into a heading of level {level}.",
            "How do you write a level {level} heading with the text \"{adjective} {noun}\" in Markdown?",
        ),
        each(adjective=ADJECTIVES, noun=_NOUNS, level=NUMBER_WORDS[1:4]),
    ),
    Template(
        "bold_word",
        (
            "Make the word {color} bold with Markdown: The {color} {object} is in the {place}.",
            "Use two stars on each side to mark {color} as bold: The {color} {object} is in the {place}.",
            "The {color} {object} is in the {place}. Write it again in Markdown, with {color} in bold.",
            "Copy this in Markdown, but put {color} in bold: The {color} {object} is in the {place}.",
        ),
        each(color=COLORS, object=OBJECTS, place=PLACES_IN),
    ),
    Template(
        "html_tag",
        (
            "Put the words {adjective} {noun} inside an HTML <{tag}> element.",
            "Write the HTML for a <{tag}> element that holds the text \"{adjective} {noun}\".",
            "Wrap \"{adjective} {noun}\" in <{tag}> tags and show only the result.",
            "In HTML, what does \"{adjective} {noun}\" look like with the tag <{tag}> around it?",
        ),
        each(adjective=ADJECTIVES, noun=_NOUNS, tag=HTML_TAGS),
    ),
    Template(
        "polite_request",
        (
            "Make this sound polite: {order} the {color} {object}.",
            "Rewrite \"{order} the {color} {object}.\" as a polite question.",
            "How can I say this in a more polite way? \"{order} the {color} {object}!\"",
            "I was told to be nicer. Please reword this: {order} the {color} {object}!",
        ),
        each(order=ORDERS, color=COLORS, object=OBJECTS),
    ),
    Template(
        "casual_tone",
        (
            "Rewrite this in a casual tone for {_reader}: \"{text}\"",
            "How would you say \"{text}\" in a relaxed way to {_reader}?",
            "Please make the line \"{text}\" sound casual, as it is for {_reader}.",
            "I wrote \"{text}\" to {_reader}, which is too stiff. Give me a casual version.",
        ),
        _casual_tone,
    ),
    Template(
        "short_email",
        (
            "Write an email of two lines to {name} about a meeting on {day} at the {place}.",
            "I need a two line email that asks {name} to meet me at the {place} on {day}.",
            "Draft a very short email, only two lines, inviting {name} to the {place} on {day}.",
            "Could you write two lines of email to {name}? We should meet at the {place} on {day}.",
        ),
        each(name=NAMES, day=DAYS, place=PLACES_AT),
    ),
    Template(
        "direct_speech",
        (
            "Turn this into direct speech with quotes: {name} said that the {object} was {adjective}.",
            "{name} said that the {object} was {adjective}. Write it with quotation "
            "marks around the exact words.",
            "Quote {name} directly. The message is that the {object} is {adjective}.",
            "How do I write it as a direct quote when {name} says the {object} is {adjective}?",
        ),
        each(name=NAMES, object=_NOUNS, adjective=PLAIN_ADJECTIVES),
    ),
    Template(
        "question_form",
        (
            "Turn this statement into a question: {name} has a {color} {object}.",
            "Rewrite \"{name} has a {color} {object}.\" in the form of a question.",
            "{name} has a {color} {object}. Ask this as a question.",
            "What question fits the statement \"{name} has a {color} {object}.\"? Use the same words.",
        ),
        each(name=NAMES, color=COLORS, object=OBJECTS),
    ),
    Template(
        "headline",
        (
            "Write a newspaper headline: {name} found a {color} {object} in the {place}.",
            "Turn this news into a short headline: in the {place}, {name} found a {color} {object}.",
            "What could a headline say when {name} finds a {color} {object} in the {place}?",
            "{name} found a {color} {object} in the {place}. Please give this story a headline.",
        ),
        each(name=NAMES, color=COLORS, object=OBJECTS, place=PLACES_IN),
    ),
    Template(
        "hashtags",
        (
            "Write two hashtags, one for {animal} and one for {topic}.",
            "Turn the words \"{topic}\" and \"{animal}\" into hashtags, the {animal} first.",
            "My post is about a {animal} and {topic}. Give me two hashtags, in this order.",
            "Which two hashtags fit a photo of a {animal} and a text on {topic}? Name the {animal} "
            "one first.",
        ),
        each(animal=ANIMALS, topic=tuple(topic for topic in TOPICS if " " not in topic)),
    ),
)
