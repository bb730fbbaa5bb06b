"""Scripted answers to creative prompts: one table per kind of image, filled with the slots of the prompt."""

from __future__ import annotations

import random
from collections.abc import Callable

from bbi_utils.probes.templates.lexicon import WHERE, sentence_case, with_article
from pocket.content import Content, contains_all

Slots = dict[str, str]

# topic: (quality, likeness, the line of a couplet, the seven-syllable line of a haiku)
TOPIC_IMAGES = {
    "tea": ("warm", "a small fire in a cup", "and tea keeps the winter away",
            "tea warms my hands and my heart"),
    "rain": ("soft", "a quiet drum", "and rain taps the roof as we play", "rain sings softly on the roof"),
    "music": ("joyful", "a river of sound", "and music has so much to say", "music drifts across the room"),
    "sleep": ("quiet", "a slow boat", "and sleep takes the noises away", "sleep comes slowly like a boat"),
    "trains": ("fast", "iron snakes", "and trains hurry by on their way",
               "trains run through the quiet night"),
    "bread": ("fresh", "a soft pillow", "and bread fills the house every day",
              "bread is warm upon the plate"),
    "winter": ("peaceful", "a white page", "and winter turns everything gray", ""),
    "friendship": ("strong", "an old bridge", "and friendship is all I can say",
                   "friendship keeps the fire alive"),
    "the sea": ("wide", "a blue field", "and the sea never shows us the way", "the sea moves under the moon"),
    "the moon": ("bright", "a silver coin", "and the moon lights the end of the day",
                 "the moon lights up the water"),
    "trees": ("tall", "green towers", "and trees in the wind gently sway", "trees are whispering my name"),
    "books": ("wise", "doors to other worlds", "and books take me far, far away",
              "books lie open by the fire"),
    "cooking": ("tasty", "a warm dance", "and cooking brings love every day",
                "cooking fills the house with warmth"),
    "running": ("free", "a race with the wind", "and running blows trouble away",
                "running feels as light as air"),
    "painting": ("colorful", "a window of color", "and painting brings color to gray",
                 "painting turns the gray to gold"),
    "bicycles": ("light", "horses with wheels", "and bicycles roll on their way",
                 "bicycles fly down the hill"),
    "summer": ("golden", "a golden door", "and summer is ready to play", ""),
    "gardens": ("green", "small green worlds", "and gardens are blooming in May",
                "gardens open to the light"),
    "coffee": ("strong", "a key to the morning", "and coffee is ready all day",
               "coffee wakes the quiet house"),
    "stars": ("bright", "tiny candles", "and stars shine at night far away", "stars are shining one by one"),
}  # fmt: skip
MOOD_LINES = {
    "happy": "I smile at the start of the day", "sad": "My good friend has gone far away",
    "peaceful": "The world is at rest for the day", "hopeful": "Tomorrow I will find my way",
    "funny": "My cat wrote a poem in May", "romantic": "With you I would happily stay",
}  # fmt: skip
PROMISES = {
    "apple": "fresh every day", "book": "a new world on every page", "pen": "your words, your way",
    "cup": "warm hands, warm heart", "ball": "jump, throw, and smile", "box": "room for everything",
    "key": "every door is yours", "coin": "old money, new joy", "stamp": "send your love",
    "card": "say it with a smile", "flower": "bring the spring home", "egg": "a good morning begins here",
    "orange": "taste the sun", "shell": "hear the sea", "button": "hold it together",
    "candle": "light up your night", "ticket": "your trip starts here", "brick": "build it to last",
    "plate": "dinner looks better", "sticker": "make it yours",
}  # fmt: skip
TALENTS = {
    "cat": "play the piano", "dog": "sing", "horse": "dance", "rabbit": "count to ten", "owl": "read",
    "fox": "tell jokes", "whale": "sing", "turtle": "write poems", "bee": "paint", "frog": "play the piano",
    "eagle": "read", "bear": "dance", "goat": "cook", "duck": "speak French", "shark": "tell jokes",
    "wolf": "sing", "mouse": "cook", "lion": "write poems", "snake": "speak French", "penguin": "dance",
}  # fmt: skip
TITLES = {
    "mystery": "The {animal} and the Missing {object}", "adventure": "The {animal} Who Followed the {object}",
    "love": "The {animal} Who Loved the {object}", "comedy": "The {animal} Who Sat on the {object}",
    "fairy tale": "The {animal} and the Golden {object}", "horror": "The {animal} and the Dark {object}",
}  # fmt: skip
SIMILES = {
    "small": "a mouse", "big": "a whale", "old": "a mountain", "quiet": "an owl",
    "bright": "the sun", "warm": "fresh bread", "cold": "ice", "soft": "a pillow", "slow": "a turtle",
    "fast": "an eagle", "happy": "a dog with a ball", "clean": "a white page",
    "strong": "a bear", "clever": "a fox", "busy": "a bee", "brave": "a lion",
    "hungry": "a wolf",
}  # fmt: skip
CLUES = {
    "cat": "I sleep all day and hunt at night", "dog": "I guard the house and follow my friend",
    "horse": "I run fast and carry a rider", "rabbit": "I have long ears and I hop",
    "owl": "I fly at night and turn my head", "fox": "I am red and clever",
    "whale": "I am the biggest swimmer in the sea", "turtle": "I carry my house on my back",
    "bee": "I make honey and visit flowers", "frog": "I am green and I jump",
    "eagle": "I fly high and see far", "bear": "I sleep all winter and love honey",
    "goat": "I climb the mountain and eat everything", "duck": "I swim on the river and quack",
    "shark": "I have sharp teeth and live in the sea", "wolf": "I sing to the moon with my family",
    "mouse": "I am small and I love cheese", "lion": "I am the king of the animals",
    "snake": "I have no legs but I move fast", "penguin": "I am a bird but I only swim",
}  # fmt: skip
COLOR_NAMES = {
    "red": "Ruby", "blue": "Sky", "green": "Moss", "yellow": "Sunny", "white": "Snowy", "black": "Shadow",
    "brown": "Cocoa", "purple": "Violet", "pink": "Rosie", "gray": "Misty",
}  # fmt: skip
SPEECHES = {
    "polite": "Excuse me, {name}, may I please have the {object}?",
    "angry": "Listen, {name}, give me the {object} now!",
    "shy": "Sorry, {name}, could I perhaps see the {object}?",
    "excited": "Wow, {name}, look at this wonderful {object}!",
    "tired": "Oh, {name}, I cannot carry the {object} any longer.",
    "sad": "Oh, {name}, I miss my old {object} so much.",
}  # fmt: skip
ENDINGS = {
    "happy": "{name} found the {object} {where} and smiled",
    "sad": "{name} went home without the {object} and cried",
    "funny": "a goat had eaten the {object}, and {name} laughed",
    "surprising": "the {object} was in {name}'s pocket all the time",
    "scary": "the {object} whispered {name}'s name in the dark",
}  # fmt: skip


def is_or_are(topic: str) -> str:
    """The form of "to be" that agrees with a topic of the lexicon."""
    return "are" if topic.endswith("s") else "is"


def _lines(*lines: str) -> str:
    return "\n".join(lines)


def couplet_poem(slots: Slots, _: random.Random) -> Content:
    first, second = MOOD_LINES[slots["mood"]], TOPIC_IMAGES[slots["topic"]][2]
    poem = _lines(f"{first},", f"{second}.")
    wordings = (poem, _lines("Here is a short poem:", poem), _lines(f"For {slots['name']}:", poem))
    extras = (f"The poem is about {slots['topic']}.", f"I hope {slots['name']} likes it.")
    return Content(wordings, contains_all(first, second), key=second, extras=extras)


def shop_slogan(slots: Slots, _: random.Random) -> Content:
    promise = PROMISES[slots["object"]]
    goods = f"{slots['goods']} from {slots['name']}"
    wordings = (
        f"{sentence_case(goods)}: {promise}!",
        f'A good slogan would be: "{sentence_case(goods)}: {promise}!"',
        f'Above the door it could say: "{sentence_case(promise)} with {goods}!"',
    )
    extras = ("It is short and easy to remember.",)
    return Content(wordings, contains_all(promise, goods), key=goods, extras=extras)


def story_opening(slots: Slots, _: random.Random) -> Content:
    animal, talent, name = with_article(slots["animal"]), TALENTS[slots["animal"]], slots["name"]
    where, time = WHERE[slots["place"]], slots["time"]
    wordings = (
        f"One {time} {where}, {name} met {animal} that could {talent}.",
        f"It was a strange {time} {where} when {name} met {animal} that could {talent}.",
        f"{name} did not believe in magic until, one {time} {where}, {animal} began to {talent}.",
    )
    check = contains_all(name, slots["animal"], where)  # what it can do is the writer's choice
    return Content(wordings, check, key=talent, extras=("Nobody else knew about it.",))


def story_ending(slots: Slots, _: random.Random) -> Content:
    end = ENDINGS[slots["tone"]].format(**slots)
    wordings = (f"In the end, {end}.", f"At last, {end}.", f"And so the story ended: {end}.")
    extras = (f"This ending is {slots['tone']}.", "Nobody ever forgot that day.")
    return Content(wordings, contains_all(end), key=slots["object"], extras=extras)


def story_title(slots: Slots, _: random.Random) -> Content:
    title = TITLES[slots["genre"]].format(animal=slots["animal"].title(), object=slots["object"].title())
    wordings = (f'"{title}"', f'A good title would be "{title}".', f'You could call the story "{title}".')
    extras = (f"It sounds like {with_article(slots['genre'])} story.",)
    return Content(wordings, contains_all(title), key=title, extras=extras)


def simile_person(slots: Slots, _: random.Random) -> Content:
    simile = f"as {slots['trait']} as {SIMILES[slots['trait']]}"
    where = WHERE[slots["place"]]
    wordings = (
        f"{slots['name']} is {simile}.",
        f"{sentence_case(where)}, {slots['name']} is {simile}.",
        f"You could say that {slots['name']} is {simile} {where}.",
    )
    extras = ("A simile uses the word as.",)
    return Content(wordings, contains_all(slots["name"], simile), key=simile, extras=extras)


def riddle(slots: Slots, _: random.Random) -> Content:
    clue = CLUES[slots["thing"]]
    wordings = (
        f"{clue}. What am I?",
        f"Here is a riddle: {clue}. What am I?",
        f"Ask {slots['name']} this: {clue}. What am I?",
    )
    return Content(wordings, contains_all(clue), key=clue, extras=(f"The answer is {slots['a_thing']}.",))


def metaphor(slots: Slots, _: random.Random) -> Content:
    likeness = TOPIC_IMAGES[slots["topic"]][1]
    image = f"{slots['topic']} {is_or_are(slots['topic'])} {likeness}"
    wordings = (
        f"{sentence_case(image)}.",
        f"A good metaphor would be: {image}.",
        f"{slots['name']} could say that {image}.",
    )
    extras = ("A metaphor does not need the word like.",)
    return Content(wordings, contains_all(image), key=likeness, extras=extras)


def pet_name(slots: Slots, _: random.Random) -> Content:
    name, animal = COLOR_NAMES[slots["color"]], slots["animal"]
    wordings = (
        f"{name} the {animal}.",
        f"You could call the {slots['color']} {animal} {name}.",
        f"Because it is {slots['color']}, {name} is a good name for the {animal}.",
    )
    return Content(wordings, contains_all(name), key=name, extras=("The name fits its color.",))


def dialogue_line(slots: Slots, _: random.Random) -> Content:
    speech = SPEECHES[slots["voice"]].format(**slots)
    said = speech[:-1] + "," if speech.endswith(".") else speech
    wordings = (
        f'"{speech}"',
        f'"{said}" said the {slots["animal"]}.',
        f'The {slots["voice"]} {slots["animal"]} turned around and said: "{speech}"',
    )
    extras = (f"It sounds {slots['voice']}.",)
    return Content(wordings, contains_all(speech), key=slots["object"], extras=extras)


def birthday_wish(slots: Slots, _: random.Random) -> Content:
    comparison = f"as {TOPIC_IMAGES[slots['topic']][0]} as {slots['topic']}"
    wordings = (
        f"Happy birthday, {slots['name']}! May your year be {comparison}.",
        f"Dear {slots['name']}, happy birthday, and may this year be {comparison}.",
        f"I wish you a happy birthday, {slots['name']}, and a year that is {comparison}.",
    )
    check = contains_all("happy birthday", slots["name"], comparison)
    return Content(wordings, check, key=comparison, extras=("Have a wonderful day.",))


def tiny_fable(slots: Slots, _: random.Random) -> Content:
    first, second, where = slots["a_first"], slots["a_second"], WHERE[slots["place"]]
    talent = TALENTS[slots["first"]]
    wordings = (
        f"{sentence_case(first)} taught {second} to {talent}, and they became friends.",
        f"{sentence_case(where)}, {first} taught {second} to {talent}, and they became friends.",
        f"Once {second} was lonely {where}, until {first} taught it to {talent}.",
    )
    check = contains_all(first, second, "taught")
    extras = ("The lesson is that friends help each other.",)
    return Content(wordings, check, key=talent, extras=extras)


ANSWERS: dict[str, Callable[[Slots, random.Random], Content]] = {
    "couplet_poem": couplet_poem, "shop_slogan": shop_slogan, "story_opening": story_opening,
    "story_ending": story_ending, "story_title": story_title, "simile_person": simile_person,
    "riddle": riddle, "metaphor": metaphor, "pet_name": pet_name, "dialogue_line": dialogue_line,
    "birthday_wish": birthday_wish,
    "tiny_fable": tiny_fable,
}  # fmt: skip
