"""Probes that prescribe something checkable about the answer: length, words, letters, order, count."""

from __future__ import annotations

import random

from bbi_utils.probes.stream import Template
from bbi_utils.probes.templates.draws import each, pair_of
from bbi_utils.probes.templates.lexicon import (
    ADJECTIVES,
    ANIMALS,
    CLASSES,
    COLORS,
    NAMES,
    NUMBER_WORDS,
    OBJECTS,
    PLACES_IN,
    PLAIN_ADJECTIVES,
    TOPICS,
    with_article,
)

CATEGORY = "instruction_following"

ENDINGS = ("the end", "thank you", "see you soon", "that is all", "good night", "have a nice day")
AVOIDED = ("very", "always", "never", "beautiful", "perfect", "wonderful")
# From the smallest to the largest.
BY_SIZE = (
    "bee", "frog", "mouse", "duck", "rabbit", "cat", "fox", "penguin", "dog", "goat", "wolf", "lion", "horse",
    "whale",
)  # fmt: skip
_NOUNS = OBJECTS + ANIMALS
# Pairs of classes that share a word in common speech: gold is a color too, Mercury also a metal.
_UNCLEAR = ({"fruit", "color"}, {"metal", "color"}, {"planet", "metal"}, {"fruit", "vegetable"})


def _topic_and_word(rng: random.Random) -> dict[str, str]:
    topic = rng.choice(TOPICS)
    return {"topic": topic, "word": rng.choice([noun for noun in _NOUNS if noun not in topic])}


def _yes_no(rng: random.Random) -> dict[str, str]:
    kind = rng.choice(tuple(CLASSES))
    other = kind if rng.random() < 0.5 else rng.choice([c for c in CLASSES if {c, kind} not in _UNCLEAR])
    return {"member": rng.choice(CLASSES[kind]), "kind": with_article(other), "_name": rng.choice(NAMES)}


def _starts_with(rng: random.Random) -> dict[str, str]:
    kind = rng.choice(tuple(CLASSES))
    letter = rng.choice(CLASSES[kind])[0].upper()
    return {"kind": with_article(kind), "letter": letter, "_name": rng.choice(NAMES)}


def _sentence(rng: random.Random) -> dict[str, str]:
    patterns = (
        "{name} put the {color} {noun} in the {place}.",
        "The {adjective} {noun} in the {place} belongs to {name}.",
        "Today {name} saw a {color} {noun} near the {place}.",
        "Please take the {adjective} {noun} to {name} in the {place}.",
    )
    filled = rng.choice(patterns).format(
        name=rng.choice(NAMES),
        color=rng.choice(COLORS),
        adjective=rng.choice(PLAIN_ADJECTIVES),
        noun=rng.choice(_NOUNS),
        place=rng.choice(PLACES_IN),
    )
    return {"sentence": filled}


def _replace(rng: random.Random) -> dict[str, str]:
    old, new = rng.sample(COLORS, 2)
    sentence = f"{rng.choice(NAMES)} has a {old} {rng.choice(OBJECTS)} in the {rng.choice(PLACES_IN)}."
    return {"old": old, "new": new, "sentence": sentence}


TEMPLATES = (
    Template(
        "exact_words",
        (
            "Describe {described} in exactly {number} words.",
            "Write exactly {number} words about {described}, no more and no less.",
            "In {number} words, neither more nor fewer, tell me about {described}.",
            "Your answer must have exactly {number} words. Describe {described}.",
        ),
        lambda rng: {
            "described": with_article(f"{rng.choice(PLAIN_ADJECTIVES)} {rng.choice(_NOUNS)}"),
            "number": rng.choice(NUMBER_WORDS[2:7]),
        },
    ),
    Template(
        "include_word",
        (
            "Write one sentence about {topic} that includes the word \"{word}\".",
            "Use the word \"{word}\" in a sentence about {topic}.",
            "Tell me something about {topic}, but be sure to use the word {word}.",
            "I need a short sentence on {topic}. It must contain the word {word}.",
        ),
        _topic_and_word,
    ),
    Template(
        "yes_no",
        (
            "Answer only yes or no for {_name}: does the word \"{member}\" name {kind}?",
            "{_name} asks whether \"{member}\" is {kind}. Reply with yes or no and nothing else.",
            "Is \"{member}\" the name of {kind}? {_name} wants just one word, yes or no.",
            "Tell {_name} yes or no, without any explanation: is \"{member}\" the name of {kind}?",
        ),
        _yes_no,
    ),
    Template(
        "uppercase",
        (
            "Write the words \"{adjective} {noun}\" in capital letters.",
            "Turn \"{adjective} {noun}\" into all capitals and reply with nothing else.",
            "Please give me \"{adjective} {noun}\" in upper case only.",
            "How does \"{adjective} {noun}\" look in capital letters? Answer with the two words only.",
        ),
        each(adjective=ADJECTIVES, noun=_NOUNS),
    ),
    Template(
        "repeat_words",
        (
            "Repeat the words \"{adjective} {noun}\" {number} times, with commas between them.",
            "Say \"{adjective} {noun}\" {number} times in a row, separated by commas.",
            "Write \"{adjective} {noun}\" exactly {number} times and put commas in between.",
            "I want to read \"{adjective} {noun}\" {number} times, divided by commas, and nothing else.",
        ),
        each(adjective=ADJECTIVES, noun=_NOUNS, number=NUMBER_WORDS[2:5]),
    ),
    Template(
        "starts_with",
        (
            "Name {kind} that starts with the letter {letter}. It is for {_name}.",
            "{_name} needs the name of {kind} beginning with {letter}. Which one fits?",
            "Can you help {_name} think of {kind} with {letter} as its first letter?",
            "For a word game, {_name} has to find {kind} that begins with {letter}.",
        ),
        _starts_with,
    ),
    Template(
        "bigger_animal",
        (
            "Reply with a single word: which animal is usually bigger, a {_first} or a {_second}?",
            "Is a {_first} or a {_second} usually the bigger animal? Use only one word.",
            "In one word, name the larger of these two animals: {_first}, {_second}.",
            "Which is the larger animal, a {_first} or a {_second}? Give just the one word.",
        ),
        pair_of(BY_SIZE),
    ),
    Template(
        "copy_exactly",
        (
            "Copy this sentence exactly: {sentence}",
            "Repeat the following sentence without any change: {sentence}",
            "Please write this sentence again, word for word: {sentence}",
            "Say this back to me exactly as it is: {sentence}",
        ),
        _sentence,
    ),
    Template(
        "replace_color",
        (
            "Replace the word {old} with {new} in this sentence: {sentence}",
            "Rewrite this sentence so that it says {new} instead of {old}: {sentence}",
            "Change {old} to {new} and leave the rest as it is: {sentence}",
            "{sentence} Write this sentence again with {new} in place of {old}.",
        ),
        _replace,
    ),
    Template(
        "avoid_word",
        (
            "Say something kind about {topic} to {name} without using the word \"{avoided}\".",
            "Tell {name} one good thing about {topic}, but do not use the word {avoided}.",
            "{name} likes {topic}. Write a sentence about it that avoids the word {avoided}.",
            "Write one line about {topic} for {name}. The word \"{avoided}\" is not allowed.",
        ),
        each(topic=TOPICS, name=NAMES, avoided=AVOIDED),
    ),
    Template(
        "end_with",
        (
            "Tell {name} one thing about {topic} and end with the words \"{ending}\".",
            "Write a short message to {name} about {topic}. The last words must be \"{ending}\".",
            "Finish your answer with \"{ending}\" after one sentence on {topic} for {name}.",
            "Say something about {topic} to {name}, and let \"{ending}\" be the very last words.",
        ),
        each(topic=TOPICS, name=NAMES, ending=ENDINGS),
    ),
    Template(
        "alphabet_first",
        (
            "Which word comes first in the alphabet, {_first} or {_second}? Answer with that word only.",
            "Reply with one word: is {_first} or {_second} earlier in a dictionary?",
            "Of the words {_first} and {_second}, write only the one that a dictionary lists first.",
            "Sort {_first} and {_second} by the alphabet and give me only the first word.",
        ),
        pair_of(OBJECTS),
    ),
)
