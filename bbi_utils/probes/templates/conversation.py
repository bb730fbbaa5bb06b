"""Conversation and persona: small talk, advice, feelings, opinions, and playing a part."""

from __future__ import annotations

import random

from bbi_utils.probes.stream import Template
from bbi_utils.probes.templates.draws import Draw, each
from bbi_utils.probes.templates.lexicon import (
    ANIMALS,
    CLASSES,
    COLORS,
    DAYS,
    NAMES,
    OBJECTS,
    PLACES,
    TOPICS,
    WHERE,
    with_article,
)

CATEGORY = "conversation"

# Relations that fit every name, whatever its gender.
RELATIONS = ("neighbor", "boss", "teacher", "cousin", "friend", "landlord", "classmate", "colleague")
PERSONAS = ("pirate", "teacher", "grandparent", "robot", "wizard", "chef", "knight", "cowboy")
TIMES = ("morning", "afternoon", "evening")
COMPLAINTS = ("boring", "useless", "too expensive", "overrated", "a waste of time", "only for old people")
# Feelings and what others did to cause them.
BAD_FEELINGS = ("sad", "angry", "worried", "upset", "disappointed", "nervous")
BAD_DEEDS = ("lost", "dropped", "forgot", "sold", "stole", "threw away")
GOOD_FEELINGS = ("happy", "excited", "proud", "grateful", "lucky", "cheerful")
GOOD_DEEDS = ("found", "painted", "cleaned", "returned", "saved", "kept")
PET_QUESTIONS = {
    "name": "What is my pet called?", "animal": "What kind of animal is my pet?",
    "color": "What is my favorite color?", "day": "On which day do we see the vet?",
}  # fmt: skip
# What the speaker did with somebody else's thing.
MISHAPS = ("lost", "dropped", "forgot", "sold", "hid", "took")


def _where(rng: random.Random) -> dict[str, str]:
    """A place, and the phrase that says where it is."""
    place = rng.choice(PLACES)
    return {"place": place, "where": WHERE[place]}


def _placed(**choices: tuple[str, ...]) -> Draw:
    """A draw of independent slots and a place."""
    draw = each(**choices)
    return lambda rng: draw(rng) | _where(rng)


def _persona(**choices: tuple[str, ...]) -> Draw:
    """A draw of a persona, of independent slots and of a place."""
    draw = _placed(persona=PERSONAS, **choices)

    def with_persona(rng: random.Random) -> dict[str, str]:
        slots = draw(rng)
        return slots | {"a_persona": with_article(slots["persona"])}

    return with_persona


def _feeling(rng: random.Random) -> dict[str, str]:
    feelings, deeds = rng.choice(((BAD_FEELINGS, BAD_DEEDS), (GOOD_FEELINGS, GOOD_DEEDS)))
    slots = {"feeling": rng.choice(feelings), "deed": rng.choice(deeds), "object": rng.choice(OBJECTS)}
    return slots | {"name": rng.choice(NAMES), "person": rng.choice(RELATIONS)}


def _two_topics(rng: random.Random) -> dict[str, str]:
    first, second = rng.sample(TOPICS, 2)
    return {"first": first, "second": second, "name": rng.choice(NAMES)}


def _memory(rng: random.Random) -> dict[str, str]:
    slots = {"name": rng.choice(NAMES), "animal": rng.choice(ANIMALS), "color": rng.choice(COLORS)}
    asked = rng.choice(tuple(PET_QUESTIONS))
    slots |= {"day": rng.choice(DAYS), "asked": asked, "question": PET_QUESTIONS[asked]}
    return slots | {"an_animal": with_article(slots["animal"])}


TEMPLATES = (
    Template("greeting", (
        "Good {time}! My name is {name}, and I live near the {place}. How are you?",
        "Hello there, I am {name}. It is a fine {time} at the {place}. How is it going?",
        "Hi! {name} here, saying good {time} from the {place}. Are you well?",
        "A very good {time} to you! I am {name}, just back from the {place}. How do you do?",
    ), _placed(name=NAMES, time=TIMES)),
    Template("opinion_choice", (
        "Which do you like better, {first} or {second}? {name} and I cannot agree.",
        "If you had to choose between {first} and {second}, what would it be? {name} wants to know.",
        "{name} says nothing beats {first}, but I prefer {second}. What do you say?",
        "Let us talk, you, {name} and I: would you rather have {first} or {second}, and why?",
    ), _two_topics),
    Template("friendly_disagreement", (
        "My {person} {name} thinks {topic} can be {complaint}. What do you think?",
        "{name} told me that {topic} and the like are {complaint}. Do you agree with my {person}?",
        'I heard my {person} {name} say: "Who needs {topic}? All of that is {complaint}." Your opinion?',
        "Would you say, like {name}, my {person}, that {topic} can only be {complaint}?",
    ), each(name=NAMES, topic=TOPICS, complaint=COMPLAINTS, person=RELATIONS)),
    Template("persona_topic", (
        "Pretend you are {a_persona} and tell {name} what you think about {topic}.",
        "Talk like {a_persona}: say something nice about {topic} to my friend {name}.",
        "You are {a_persona} who loves {topic}. Explain that to {name} in a sentence.",
        "Stay in the role of {a_persona}. {name} asks you: what is so good about {topic}?",
    ), _persona(name=NAMES, topic=TOPICS)),
    Template("persona_greeting", (
        "You are {a_persona}. Welcome {name}, who has just come to the {place}.",
        "Play the part of {a_persona} and greet {name} at the {place} this {time}.",
        "How would {a_persona} say hello to {name} at the {place} in the {time}?",
        "Act as {a_persona}: it is {time}, and {name} walks up to you at the {place}.",
    ), _persona(name=NAMES, time=TIMES)),
    Template("persona_request", (
        "Pretend to be {a_persona} who needs the {object} from {name} at the {place}. Ask for it.",
        "As {a_persona}, ask {name} to give you the {object} {where}.",
        "What would {a_persona} say to get the {object} from {name} {where}?",
        "Role play: you are {a_persona}, {name} has your {object}, and you meet {where}. You speak first.",
    ), _persona(name=NAMES, object=OBJECTS)),
    Template("feelings", (
        "I feel {feeling} because my {person} {name} {deed} my {object}.",
        "My {person} {name} {deed} my {object} today, and now I am quite {feeling}.",
        "Can I tell you something? {name}, my {person}, {deed} my {object}. That makes me {feeling}.",
        "Today I am {feeling}. The reason is that my {person} {name} {deed} my {object}.",
    ), _feeling),
    Template("recall_detail", (
        "I have {an_animal} called {name}, I like the color {color}, and we see the vet on {day}. {question}",
        "Remember this: {name} is my {animal}, we see the vet on {day}, and I love {color}. {question}",
        "My pet {name} is {an_animal}. We see the vet on {day}, and I like {color} best. {question}",
        "I told you that I like {color} and see the vet with {name}, my {animal}, on {day}. {question}",
    ), _memory),
    Template("follow_up_question", (
        "My {person} {name} got me interested in {topic}. Ask me one question about it.",
        "I have just discovered {topic}, thanks to {name}, my {person}. What do you want to know?",
        "Let us chat about {topic}. My {person} {name} loves the subject too. You ask first.",
        "{name}, my {person}, talks about {topic} all day. What would you ask us?",
    ), each(name=NAMES, topic=TOPICS, person=RELATIONS)),
    Template("apology", (
        "I {deed} the {object} of my {person} {name}. How can I say sorry?",
        "Help me apologize to {name}, my {person}, because I {deed} that {object}.",
        "What do I say to my {person} {name} after I {deed} the {object}?",
        "My {person} {name} is angry that I {deed} the {object}. Write an apology.",
    ), each(name=NAMES, object=OBJECTS, person=RELATIONS, deed=MISHAPS)),
    Template("invitation", (
        "How do I invite {name} to meet me {where} on {day} {time}?",
        "Write a friendly message: I want to see {name} {where} on {day} {time}.",
        "I would like {name} to join me {where} on {day} in the {time}. What should I write?",
        "Make up a short invitation for {name}. We meet {where}, {day} {time}.",
    ), _placed(name=NAMES, day=DAYS, time=TIMES)),
    Template("polite_refusal", (
        "{name} wants to meet {where} on {day}, but I have no time. How do I say no?",
        "Help me turn down an invitation from {name}: {day}, {where}. I am busy.",
        "I cannot join {name} {where} on {day}. Write a kind reply.",
        "What is a polite way to tell {name} that I cannot be {where} on {day}?",
    ), _placed(name=NAMES, day=DAYS)),
    Template("persona_introduction", (
        "Imagine your name is {name} and you are a {job} {where}. Introduce yourself.",
        "Play a {job} called {name} who works {where}. Who are you?",
        "For this chat you are {name}, a {job} {where}. Tell me about yourself in one sentence.",
        "Pretend to be a {job} with the name {name}. I meet you {where} and ask who you are.",
    ), _placed(name=NAMES, job=CLASSES["job"])),
)  # fmt: skip
