"""Scripted answers to conversation and persona prompts: kind, short, and true to the part played."""

from __future__ import annotations

import random

from bbi_utils.probes.templates.grammar import sentence_case, with_article
from bbi_utils.probes.templates.sheets import sheet
from pocket.answers.creative import TOPICS, is_or_are
from pocket.content import Content, Slots, contains_all, contains_any, words_of

WHERE = sheet("conversation").tables["where"]
BAD_FEELINGS = sheet("conversation").words["bad_feelings"]
WORDS = words_of("conversation")


def _praise(topic: str) -> str:
    return f"{topic} {is_or_are(topic)} {TOPICS[topic]['quality']}"


def _in_role(slots: Slots, *, says: str, must: tuple[str, ...]) -> Content:
    """`says` in the voice of the persona; the marker word and every span of `must` have to be there."""
    opening, marker, closing = WORDS["personas"][slots["persona"]]
    wordings = (f"{opening} {says}", f"{opening} {says} {closing}", f"{opening} Here is what I say: {says}")
    return Content(wordings, contains_all(marker, *must), key=marker)


def greeting(slots: Slots, _: random.Random) -> Content:
    hello = f"Good {slots['time']}, {slots['name']}!"
    wordings = (
        f"{hello} I am well, thank you.",
        f"{hello} I am very well, thank you, and how are you?",
        f"{hello} Thank you for asking, I am fine. How is life near the {slots['place']}?",
    )
    check = contains_all(f"good {slots['time']}", slots["name"], "thank you")
    return Content(wordings, check, key=slots["name"], extras=("It is nice to meet you.",))


def opinion_choice(slots: Slots, _: random.Random) -> Content:
    first, second = slots["first"], slots["second"]
    best, other = sorted((first, second), key=WORDS["ranking"].index)
    wordings = (
        f"I would choose {best}.",
        f"I would choose {best}, because {_praise(best)}.",
        f"Both are nice, but between {first} and {second} I would choose {best}.",
    )
    # It is a matter of taste, so either choice is an answer.
    check = contains_any(f"choose {best}", f"choose {other}")
    extras = (f"I like {other} too.", "It is a matter of taste.")
    return Content(wordings, check, key=f"choose {best}", extras=extras)


def friendly_disagreement(slots: Slots, _: random.Random) -> Content:
    topic, name = slots["topic"], slots["name"]
    wordings = (
        f"I disagree: {_praise(topic)}.",
        f"I see it differently from {name}, because I think {_praise(topic)}.",
        f"{name} may have good reasons, but for me {_praise(topic)}.",
    )
    extras = ("Everybody may have an opinion.", f"Maybe {name} needs more time.")
    return Content(wordings, contains_all(_praise(topic)), key=TOPICS[topic]["quality"], extras=extras)


def persona_topic(slots: Slots, _: random.Random) -> Content:
    topic, name = slots["topic"], slots["name"]
    praise = f"{TOPICS[topic]['quality']} as {topic}"
    return _in_role(slots, says=f"{name}, nothing is as {praise}.", must=(name, praise))


def persona_greeting(slots: Slots, _: random.Random) -> Content:
    name, place = slots["name"], slots["place"]
    return _in_role(slots, says=f"Welcome to the {place}, {name}!", must=(f"welcome to the {place}", name))


def persona_request(slots: Slots, _: random.Random) -> Content:
    name, wish = slots["name"], f"give me the {slots['object']}"
    return _in_role(slots, says=f"{name}, please {wish}.", must=(name, wish))


def feelings(slots: Slots, _: random.Random) -> Content:
    bad, feeling = slots["feeling"] in BAD_FEELINGS, slots["feeling"]
    deed = f"{slots['name']} {slots['deed']} your {slots['object']}"
    mood = "sorry" if bad else "glad"
    wordings = (
        f"I am {mood} that {deed}.",
        f"I am {mood} that {deed}, and I understand why you feel {feeling}.",
        f"Anybody would feel {feeling} in your place, so I am {mood} to hear that {deed}.",
    )
    extras = ("I hope tomorrow is a better day.",) if bad else ("Enjoy the moment!",)
    return Content(wordings, contains_all(mood, deed), key=mood, extras=extras)


def recall_detail(slots: Slots, _: random.Random) -> Content:
    told, animal, name = slots[slots["asked"]], slots["animal"], slots["name"]
    plain, rich = {
        "name": (f"Your pet is called {told}.", f"You told me that the name of your {animal} is {told}."),
        "animal": (f"Your pet is {with_article(animal)}.", f"You told me that {name} is a pet {animal}."),
        "color": (f"Your favorite color is {told}.", f"You told me that the color you like best is {told}."),
        "day": (f"You see the vet on {told}.", f"You told me that you see the vet with {name} on {told}."),
    }[slots["asked"]]
    others = [slots[part] for part in ("name", "animal", "color", "day") if part != slots["asked"]]
    said, everything = contains_all(told), contains_all(*others)

    def check(answer: str) -> bool:
        # Repeating all that was said is no answer.
        return said(answer) and not everything(answer)

    terse = f"{sentence_case(with_article(told) if told == animal else told)}."
    return Content((terse, plain, rich), check, key=told, extras=("I remember it well.",))


def follow_up_question(slots: Slots, _: random.Random) -> Content:
    topic, name = slots["topic"], slots["name"]
    wordings = (
        f"What do you like best about {topic}?",
        f"I would love to know: what does {name} like best about {topic}?",
        f"When did you and {name} first become interested in {topic}?",
    )
    about, asks = contains_all(topic), contains_any("what do you like", "what does", "when did")
    return Content(wordings, lambda answer: about(answer) and asks(answer), key=topic)


def apology(slots: Slots, _: random.Random) -> Content:
    name, fault = slots["name"], f"I {slots['deed']} your {slots['object']}"
    wordings = (
        f"I am sorry, {name}, that {fault}.",
        f"Dear {name}, I am very sorry that {fault}. Please forgive me.",
        f'You could say: "{name}, it was my mistake that {fault}, and I am sorry."',
    )
    extras = ("Honest words help most.",)
    return Content(wordings, contains_all("sorry", name, fault), key="sorry", extras=extras)


def invitation(slots: Slots, _: random.Random) -> Content:
    name, when = slots["name"], f"on {slots['day']} {slots['time']}"
    meet = f"meet me {WHERE[slots['place']]} {when}"
    wordings = (
        f"Hi {name}, would you like to {meet}?",
        f"Dear {name}, it would be lovely if you could {meet}.",
        f'You could write: "Hello {name}, do you have time to {meet}?"',
    )
    said, asks = contains_all(name, meet), contains_any("would", "could", "do you")
    extras = ("It is short and friendly.",)
    return Content(wordings, lambda answer: said(answer) and asks(answer), key=when, extras=extras)


def polite_refusal(slots: Slots, _: random.Random) -> Content:
    name, day = slots["name"], slots["day"]
    wordings = (
        f"Thank you, {name}, but I am busy on {day}.",
        f"Dear {name}, thank you for asking, but on {day} I am busy.",
        f'You could reply: "Thank you, {name}. Sadly I am busy on {day}, maybe another time."',
    )
    check = contains_all("thank you", name, "busy", day)
    return Content(wordings, check, key="busy", extras=("That is honest and polite.",))


def persona_introduction(slots: Slots, _: random.Random) -> Content:
    name, job, where = slots["name"], f"a {slots['job']}", WHERE[slots["place"]]
    wordings = (
        f"I am {name}, {job}.",
        f"Hello, I am {name}, and I work as {job} {where}.",
        f"Nice to meet you! People {where} know me as {name}, and I am {job}.",
    )
    extras = ("I love my work.", "And who are you?")
    said, speaks = contains_all(name, job), contains_any("I am", "I work", "my name is")
    return Content(wordings, lambda answer: said(answer) and speaks(answer), key=name, extras=extras)
