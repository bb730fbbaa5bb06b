"""Scripted answers to the style and format probes."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable

from bbi_utils.probes.templates.sheets import sheet
from pocket.content import Content, Slots, contains_all, normalise, words_of

NUMBER_WORDS = sheet("style_format").words["number_words"]
GREETINGS = sheet("style_format").tables["greetings"]
CASUAL = words_of("style_format")["casual"]

_CONTRACTIONS = (
    ("'m ", " am "), ("'ll ", " will "), ("'d ", " would "), ("can't", "cannot"), ("isn't", "is not"),
)  # fmt: skip
_SMALL_WORDS = frozenset({"the", "of", "a", "in", "by"})


def _says(text: str) -> Callable[[str], bool]:
    """A check: the text occurs in the answer exactly, in this case and with these marks."""
    return lambda answer: text in answer


def _lines(lines: list[str]) -> Callable[[str], bool]:
    """A check: the answer has these lines, apart from case and the final mark."""

    def plain(text: str) -> str:
        return text.strip().rstrip(".").lower()

    wanted = [plain(line) for line in lines]
    return lambda answer: [plain(line) for line in answer.splitlines() if plain(line)] == wanted


def json_object(slots: Slots, rng: random.Random) -> Content:
    pairs = ((slots["first"], slots["one"]), (slots["second"], slots["two"]))
    record = {key: int(value) if value.isdigit() else value for key, value in pairs}

    def check(answer: str) -> bool:
        try:
            found = json.loads(re.sub(r"^```(json)?|```$", "", answer.strip()).strip())
        except ValueError:
            return False
        same = isinstance(found, dict) and found.keys() == record.keys()
        return same and all(str(found[key]) == str(value) for key, value in record.items())

    compact = json.dumps(record, separators=(",", ":"))
    return Content((compact, json.dumps(record), json.dumps(record, indent=2)), check, fixed=True)


def bullet_list(slots: Slots, rng: random.Random) -> Content:
    words = slots["words"].split(", ")
    plain = "\n".join(f"- {word}" for word in words)
    upper = "\n".join(f"- {word.capitalize()}" for word in words)
    wanted = _lines(plain.splitlines())
    return Content((plain, upper, plain.replace("\n", "\n\n")), wanted, fixed=True)


def numbered_list(slots: Slots, rng: random.Random) -> Content:
    lines = [f"{number}. {word}" for number, word in enumerate(slots["words"].split(", "), start=1)]
    plain = "\n".join(lines)
    return Content((plain, plain.title(), plain.replace("\n", "\n\n")), _lines(lines), fixed=True)


def table_row(slots: Slots, rng: random.Random) -> Content:
    cells = [slots["name"], slots["object"], slots["day"]]
    row = "| " + " | ".join(cells) + " |"

    def check(answer: str) -> bool:
        found = [cell.strip(" *").lower() for cell in answer.strip().strip("|").split("|")]
        return "|" in answer and found == [cell.lower() for cell in cells]

    upper = row.replace(f" {cells[1]} ", f" {cells[1].capitalize()} ")
    return Content((row.replace(" ", ""), row, upper), check, fixed=True)


def _title(text: str) -> str:
    """Title case, with small words small except at the start."""
    words = [word if word in _SMALL_WORDS else word[:1].upper() + word[1:] for word in text.split()]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])


def title_case(slots: Slots, rng: random.Random) -> Content:
    text = f"the {slots['adjective']} {slots['animal']} of the {slots['place']}"
    title = _title(text)

    def check(answer: str) -> bool:
        return title in answer or text.title() in answer

    return Content((title, f'"{title}"', text.title()), check, fixed=True)


def heading(slots: Slots, rng: random.Random) -> Content:
    marks = "#" * NUMBER_WORDS.index(slots["level"])
    text = f"{slots['adjective']} {slots['noun']}"
    wanted = f"{marks} {text}"
    return Content(
        (wanted, f"{marks} {text.capitalize()}", f"{marks} {text.title()}"),
        lambda answer: answer.strip().lower() == wanted,
        fixed=True,
    )


def bold_word(slots: Slots, rng: random.Random) -> Content:
    sentence = f"The **{slots['color']}** {slots['object']} is in the {slots['place']}."
    return Content((sentence[:-1], sentence, f"Here it is:\n{sentence}"), _says(sentence[:-1]), fixed=True)


def html_tag(slots: Slots, rng: random.Random) -> Content:
    text, tag = f"{slots['adjective']} {slots['noun']}", slots["tag"]
    wanted = f"<{tag}>{text}</{tag}>"
    return Content(
        (wanted, wanted.replace(text, text.capitalize()), f"`{wanted}`"),
        lambda answer: wanted in answer.lower(),
        fixed=True,
    )


def polite_request(slots: Slots, rng: random.Random) -> Content:
    verb = slots["order"].lower()
    thing = f"the {slots['color']} {slots['object']}"
    polite = re.compile(r" (please|could you|would you|kindly|grateful) ")
    asked = contains_all(verb, thing)
    wordings = (
        f"Please {verb} {thing}.",
        f"Could you please {verb} {thing}?",
        f"Would you be so kind as to {verb} {thing}?",
    )
    extras = ("Thank you very much.",)

    def check(answer: str) -> bool:
        return asked(answer) and bool(polite.search(normalise(answer)))

    return Content(wordings, check, key=thing, extras=extras)


def _parse(text: str, patterns: list[str]) -> tuple[int, str]:
    """Which pattern the text was made from, and the name in it."""
    for index, pattern in enumerate(patterns):
        found = re.fullmatch(re.escape(pattern).replace(r"\{0\}", r"(\w+)"), text)
        if found:
            return index, found[1]
    raise AssertionError(f"no pattern for {text!r}")


def _expanded(text: str) -> str:
    """The text with the contractions undone that a voice may have made of a formal line."""
    for short, long in _CONTRACTIONS:
        text = text.replace(short, long)
    return text


def _retoned(patterns: tuple[str, ...], name: str) -> Content:
    terse, plain, elaborate = (pattern.format(name) for pattern in patterns)
    spans = [normalise(text) for text in (terse, plain, elaborate)]

    def check(answer: str) -> bool:
        said = normalise(_expanded(answer))
        return any(span in said for span in spans)

    return Content((terse, plain, elaborate), check, key=name)


def casual_tone(slots: Slots, rng: random.Random) -> Content:
    index, name = _parse(slots["text"], list(GREETINGS.values()))
    casual = list(GREETINGS)[index]
    return _retoned((casual, *CASUAL[casual]), name)


def short_email(slots: Slots, rng: random.Random) -> Content:
    name, day, place = slots["name"], slots["day"], slots["place"]
    has = contains_all(name, day, place)
    wordings = (
        f"Hi {name},\nlet us meet at the {place} on {day}.",
        f"Dear {name},\nI would like to meet you on {day} at the {place}.",
        f"Hello {name},\ndo you have time to meet me at the {place} on {day}?",
    )
    return Content(wordings, lambda answer: has(answer) and len(answer.strip().splitlines()) == 2, fixed=True)


def direct_speech(slots: Slots, rng: random.Random) -> Content:
    name, said = slots["name"], f"The {slots['object']} is {slots['adjective']}"
    has = contains_all(name, said)
    return Content(
        (f'{name}: "{said}."', f'{name} said, "{said}."', f'"{said}," said {name}.'),
        lambda answer: has(answer) and answer.count('"') == 2,
        fixed=True,
    )


def question_form(slots: Slots, rng: random.Random) -> Content:
    name, thing = slots["name"], f"a {slots['color']} {slots['object']}"
    has = contains_all(name, thing)
    wordings = (
        f"Does {name} have {thing}?",
        f"Has {name} got {thing}?",
        f"Is it true that {name} has {thing}?",
    )
    return Content(wordings, lambda answer: has(answer) and "?" in answer, key=thing)


def headline(slots: Slots, rng: random.Random) -> Content:
    name, thing, place = slots["name"], f"{slots['color']} {slots['object']}", slots["place"]
    terse = _title(f"{name} finds {thing} in {place}")
    plain = _title(f"{name} finds a {thing} in the {place}")
    elaborate = _title(f"{thing} in {place} found by {name}")
    return Content((terse, plain, elaborate), contains_all(name, thing, place), fixed=True)


def hashtags(slots: Slots, rng: random.Random) -> Content:
    first, second = f"#{slots['animal']}", f"#{slots['topic']}"

    def check(answer: str) -> bool:
        return re.findall(r"#\w+", answer.lower()) == [first, second]

    tags = f"{first} {second}"
    return Content((tags, f"{first.title()} {second.title()}", f"{first}, {second}"), check, fixed=True)
