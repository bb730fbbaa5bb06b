"""Scripted answers to rewriting and summarising: small tables of word forms, and copying."""

from __future__ import annotations

import random
from dataclasses import replace

from bbi_utils.probes.templates.grammar import plural, sentence_case, with_article
from bbi_utils.probes.templates.sheets import shared
from pocket.content import Content, Slots, contains_all, contains_any, normalise, words_of

VERBS, WHERE = shared().records["verbs"], shared().tables["where"]
WORDS = words_of("rewriting")

BARE_VERB = "The verb loses its ending."


def _subject(slots: Slots) -> str:
    """The subject as it stands inside a sentence."""
    return slots["who"].replace("The ", "the ")


def _rest(slots: Slots) -> str:
    return f"{with_article(slots['object'])} {WHERE[slots['place']]}"


def _rewritten(sentence: str, *, lead: str, reason: str, key: str, end: str = ".") -> Content:
    """The sentence bare, after a lead-in, and after the reason for the change."""
    full = sentence + end
    wordings = (full, f"{lead}: {full}", f"{reason}, so the new sentence is: {full}")
    extras = ("Everything else stays the same.", f'The part to notice is "{key}".')
    return Content(wordings, contains_all(sentence), key=key, extras=extras)


def rewrite_past_tense(slots: Slots, _: random.Random) -> Content:
    third, past = VERBS[slots["verb"]]["third"], VERBS[slots["verb"]]["past"]
    sentence = f"{slots['who']} {past} {_rest(slots)}"
    return _rewritten(sentence, lead="In the past tense", reason=f"The past of {third} is {past}", key=past)


def rewrite_future_tense(slots: Slots, _: random.Random) -> Content:
    verb = f"will {slots['verb']}"
    sentence = f"{slots['who']} {verb} {_rest(slots)}"
    reason = f"The future of {VERBS[slots['verb']]['third']} is {verb}"
    return _rewritten(sentence, lead="In the future tense", reason=reason, key=verb)


def rewrite_plural_object(slots: Slots, _: random.Random) -> Content:
    key = f"{slots['number']} {plural(slots['object'])}"
    sentence = f"{slots['who']} {VERBS[slots['verb']]['third']} {key} {WHERE[slots['place']]}"
    reason = f"One {slots['object']} becomes {key}"
    return _rewritten(sentence, lead="With the plural", reason=reason, key=key)


def rewrite_question_form(slots: Slots, _: random.Random) -> Content:
    sentence = f"Does {_subject(slots)} {slots['verb']} {_rest(slots)}"
    reason = "A question like this starts with does"
    made = _rewritten(sentence, lead="As a question", reason=reason, key="Does", end="?")
    return replace(made, extras=(BARE_VERB,))


def rewrite_negation(slots: Slots, _: random.Random) -> Content:
    sentence = f"{slots['who']} does not {slots['verb']} {_rest(slots)}"
    reason = "The negative needs does not"
    made = _rewritten(sentence, lead="In the negative", reason=reason, key="does not")
    accepted = contains_any(sentence, sentence.replace("does not", "doesn't"))
    return replace(made, check=accepted, extras=(BARE_VERB,))


def rewrite_passive_voice(slots: Slots, _: random.Random) -> Content:
    thing, where = sentence_case(with_article(slots["object"])), WHERE[slots["place"]]
    done = f"is {VERBS[slots['verb']]['participle']}"
    sentence = f"{thing} {done} by {_subject(slots)} {where}"
    other = f"{thing} {done} {where} by {_subject(slots)}"
    reason = f"In the passive the {slots['object']} comes first"
    made = _rewritten(sentence, lead="In the passive voice", reason=reason, key=done)
    return replace(made, check=contains_any(sentence, other), extras=made.extras[1:])


def rewrite_first_person(slots: Slots, _: random.Random) -> Content:
    key = f"I {slots['verb']}"
    reason = f"With I the verb is {slots['verb']}"
    return _rewritten(f"{key} {_rest(slots)}", lead="In the first person", reason=reason, key=key)


def rewrite_place_first(slots: Slots, _: random.Random) -> Content:
    where = sentence_case(WHERE[slots["place"]])
    sentence = f"{where}, {_subject(slots)} {VERBS[slots['verb']]['third']} {with_article(slots['object'])}"
    reason = "The place moves to the front"
    made = _rewritten(sentence, lead="With the place first", reason=reason, key=where)
    return replace(made, extras=("The meaning stays the same.",))


def rewrite_add_color(slots: Slots, _: random.Random) -> Content:
    key = f"{slots['color']} {slots['object']}"
    where = WHERE[slots["place"]]
    sentence = f"{slots['who']} {VERBS[slots['verb']]['third']} {with_article(key)} {where}"
    reason = f"The {slots['object']} is now {slots['color']}"
    return _rewritten(sentence, lead="With the color", reason=reason, key=key)


def rewrite_shorten(slots: Slots, _: random.Random) -> Content:
    sentence, filler = slots["sentence"], normalise(slots["filler"])
    reason = "The opening words add nothing"
    made = _rewritten(sentence, lead="The short version", reason=reason, key=sentence)
    extras = ("Only the important part is left.", "The meaning stays the same.")

    def check(answer: str) -> bool:
        return made.check(answer) and filler not in normalise(answer)

    return replace(made, check=check, extras=extras)


def rewrite_formal_version(slots: Slots, _: random.Random) -> Content:
    request = WORDS["formal"][slots["kind"]].format(**slots)
    end = "?" if slots["kind"] in ("meet", "where") else "."
    letter = f"Dear {slots['name']}, {request}{end}"
    wordings = (letter, f"A formal version is: {letter}", f"In a polite letter you could write: {letter}")
    extras = ("This sounds polite and clear.", "It keeps the meaning of the message.")
    return Content(wordings, contains_all(request, slots["name"]), key=request, extras=extras)


def rewrite_fix_grammar(slots: Slots, _: random.Random) -> Content:
    who, verb, where = slots["who"], slots["verb"], WHERE[slots["place"]]
    third, past = VERBS[verb]["third"], VERBS[verb]["past"]
    right = {
        "plural": f"{who} {third} three {plural(slots['object'])} {where}",
        "tense": f"Yesterday {_subject(slots)} {past} {_rest(slots)}",
        "negation": f"{who} does not {verb} {_rest(slots)}",
    }.get(slots["kind"], slots["sentence"])
    reason = sentence_case(WORDS["reasons"][slots["kind"]])
    wordings = (f"{right}.", f"The correct sentence is: {right}.", f"{reason}, so it should be: {right}.")
    check = contains_any(right, right.replace("does not", "doesn't"))
    return Content(wordings, check, key=right, extras=(f"{reason}.", "There was only one mistake."))


def summary_events(slots: Slots, _: random.Random) -> Content:
    thing, where = slots["object"], WHERE[slots["place"]]
    one, two = f"{slots['first']} {slots['one']}", f"{slots['second']} {slots['two']}"
    terse = f"{one} {with_article(thing)}, and {two} it."
    plain = f"{one} {with_article(thing)}, and later {two} it {where}."
    rich = f"In short, {one} {with_article(thing)} before {two} it {where}."
    said, dropped = contains_all(one, f"{two} it", thing), contains_all(WHERE[slots["here"]])

    def check(answer: str) -> bool:
        # A summary that keeps the first place has repeated the story.
        return said(answer) and not dropped(answer)

    extras = (f"The story is about {with_article(thing)}.",)
    return Content((terse, plain, rich), check, key=two, extras=extras)


def summary_taste(slots: Slots, _: random.Random) -> Content:
    pair, liked = f"{slots['first']} and {slots['second']}", slots["liked"]
    wordings = (
        f"{pair} both like {liked}.",
        f"In short, {pair} agree: they both like {liked}.",
        f"What {pair} have in common is that they both like {liked}.",
    )
    check = contains_all(slots["first"], slots["second"], f"like {liked}")
    return Content(wordings, check, key=liked, extras=(f"{slots['third']} prefers {slots['other']}.",))
