"""Scripted answers to the instruction-following probes."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

from bbi_utils.probes.templates.grammar import sentence_case, with_article
from bbi_utils.probes.templates.sheets import sheet
from pocket.content import Content, Slots, contains_all, normalise

SHEET = sheet("instruction_following")
BY_SIZE, NUMBER_WORDS = SHEET.words["by_size"], SHEET.words["number_words"]
CLASSES = SHEET.members("classes")

ABOUT = (
    "I like {0}.",
    "Many people enjoy {0}.",
    "A good day has some time for {0}.",
)
_WITH_WORD = (
    "I saw {1} and thought of {0}.",
    "My story about {0} begins with {1}.",
    "When I think of {0}, I always see {1} in my mind.",
)
_EXACT: dict[int, tuple[str, str, str]] = {
    2: ("{0}.", "{0}!", "{0}"),
    3: ("{1}.", "One {2}.", "That {2}."),
    4: ("Just {1}.", "The {3} is {4}.", "This {3} is {4}."),
    5: ("I see {1}.", "Here is {1}.", "The {3} here is {4}."),
    6: ("I can see {1}.", "This is really {1}.", "The {3} over there is {4}."),
}


def _is_plain(wanted: str) -> Callable[[str], bool]:
    """A check: the answer is these words and nothing else."""
    return lambda answer: normalise(answer) == normalise(wanted)


def _alone(word: str) -> tuple[str, str, str]:
    return (word, sentence_case(word) + ".", sentence_case(word))


def _joined(words: Sequence[str]) -> tuple[str, str, str]:
    text = ", ".join(words)
    return (text, sentence_case(text) + ".", sentence_case(text))


def exact_words(slots: Slots, rng: random.Random) -> Content:
    described = slots["described"]
    bare = described.split(" ", 1)[1]
    adjective, noun = bare.split()
    count = NUMBER_WORDS.index(slots["number"])
    values = (sentence_case(bare), described, bare, noun, adjective)
    terse, plain, elaborate = (sentence_case(pattern.format(*values)) for pattern in _EXACT[count])
    has = contains_all(noun)
    return Content(
        (terse, plain, elaborate),
        lambda answer: len(normalise(answer).split()) == count and has(answer),
        fixed=True,
    )


def include_word(slots: Slots, rng: random.Random) -> Content:
    topic, word = slots["topic"], slots["word"]
    terse, plain, elaborate = (pattern.format(topic, with_article(word)) for pattern in _WITH_WORD)
    return Content((terse, plain, elaborate), contains_all(topic, word), key=word)


def yes_no(slots: Slots, rng: random.Random) -> Content:
    kind = slots["kind"].split(" ", 1)[1]
    word = "yes" if slots["member"] in CLASSES[kind] else "no"
    return Content((sentence_case(word), sentence_case(word) + ".", word), _is_plain(word), fixed=True)


def uppercase(slots: Slots, rng: random.Random) -> Content:
    text = f"{slots['adjective']} {slots['noun']}".upper()
    return Content((text, text + ".", f'"{text}"'), lambda answer: text in answer, fixed=True)


def repeat_words(slots: Slots, rng: random.Random) -> Content:
    words = [f"{slots['adjective']} {slots['noun']}"] * NUMBER_WORDS.index(slots["number"])
    return Content(_joined(words), _is_plain(" ".join(words)), fixed=True)


def starts_with(slots: Slots, rng: random.Random) -> Content:
    kind, letter = slots["kind"].split(" ", 1)[1], slots["letter"]
    fitting = [member for member in CLASSES[kind] if member[0].upper() == letter]
    word = rng.choice(fitting)

    def check(answer: str) -> bool:
        return bool(set(normalise(answer).split()) & {member.lower() for member in fitting})

    wordings = (
        f"{sentence_case(word)}.",
        f"One {kind} that starts with {letter} is {word}.",
        f"{slots['_name']} could say {word}, since it begins with {letter}.",
    )
    return Content(wordings, check, key=word)


def bigger_animal(slots: Slots, rng: random.Random) -> Content:
    word = max(slots["_first"], slots["_second"], key=BY_SIZE.index)
    return Content(_alone(word), _is_plain(word), fixed=True)


def copy_exactly(slots: Slots, rng: random.Random) -> Content:
    sentence = slots["sentence"]
    return Content((sentence, f'"{sentence}"', sentence), _is_plain(sentence), fixed=True)


def replace_color(slots: Slots, rng: random.Random) -> Content:
    sentence = re.sub(rf"\b{slots['old']}\b", slots["new"], slots["sentence"])
    return Content((sentence, f'"{sentence}"', sentence), _is_plain(sentence), fixed=True)


def avoid_word(slots: Slots, rng: random.Random) -> Content:
    topic, avoided = slots["topic"], slots["avoided"]
    has = contains_all(topic)
    wordings = (
        f"I like {topic}.",
        f"{slots['name']}, many people enjoy {topic}.",
        f"There is so much to enjoy about {topic}, {slots['name']}.",
    )

    def check(answer: str) -> bool:
        return has(answer) and f" {avoided} " not in normalise(answer)

    return Content(wordings, check, key=topic)


def end_with(slots: Slots, rng: random.Random) -> Content:
    topic, ending, name = slots["topic"], slots["ending"], slots["name"]
    has = contains_all(topic)
    terse, plain, elaborate = (pattern.format(topic) for pattern in ABOUT)
    last = sentence_case(ending)
    wordings = (
        f"{terse} {last}.",
        f"{name}, {plain[0].lower()}{plain[1:]} {last}.",
        f"{elaborate} That is my thought for {name}. {last}.",
    )

    def check(answer: str) -> bool:
        return has(answer) and normalise(answer).endswith(normalise(ending))

    return Content(wordings, check, fixed=True)


def alphabet_first(slots: Slots, rng: random.Random) -> Content:
    word = min(slots["_first"], slots["_second"])
    return Content(_alone(word), _is_plain(word), fixed=True)
